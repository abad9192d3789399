// SPDX-License-Identifier: Apache-2.0
/**
 * Keys. `help` is what the `?` dialog lists, so that the two cannot differ.
 *
 * @typedef {{keys: string[], help: string, group: string, act: string, stage?: boolean}} Binding
 *     stage: only while the photo has the focus
 * @type {Binding[]}
 */
export const BINDINGS = [
    { group: 'Photo', keys: ['o'], act: 'open', help: 'Open a photo' },
    { group: 'Photo', keys: ['PageDown'], act: 'nextPhoto', help: 'Next photo' },
    { group: 'Photo', keys: ['PageUp'], act: 'previousPhoto', help: 'Previous photo' },
    { group: 'Crosshair', keys: ['ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown'], act: 'arrow', stage: true,
        help: 'Move it; with Shift by one pixel' },
    { group: 'Crosshair', keys: ['q'], act: 'addHere', help: 'Add what is under it or the pointer' },
    { group: 'Crosshair', keys: ['e'], act: 'removeHere', help: 'Remove what is under it or the pointer' },
    { group: 'Crosshair', keys: ['r'], act: 'boxHere', help: 'First, then second corner of a box' },
    { group: 'Object', keys: ['Tab'], act: 'cycle', stage: true, help: 'Next of three masks (Shift+Tab leaves the photo)' },
    { group: 'Object', keys: ['m'], act: 'cycle', help: 'Next of three masks' },
    { group: 'Object', keys: ['Enter'], act: 'finish', stage: true, help: 'Done; the next click begins a new object' },
    { group: 'Object', keys: ['n'], act: 'finish', help: 'New object' },
    { group: 'Object', keys: ['f'], act: 'refine', help: 'Let the model fit what was painted' },
    { group: 'Object', keys: ['Delete', 'Backspace'], act: 'remove', help: 'Delete the object' },
    { group: 'Object', keys: ['Escape'], act: 'escape', help: 'Cancel; let go of the object' },
    { group: 'Tools', keys: ['v'], act: 'toolSelect', help: 'Click and box' },
    { group: 'Tools', keys: ['b'], act: 'toolBrush', help: 'Brush' },
    { group: 'Tools', keys: ['x'], act: 'toolEraser', help: 'Eraser' },
    { group: 'Tools', keys: ['['], act: 'thinner', help: 'Smaller brush' },
    { group: 'Tools', keys: [']'], act: 'thicker', help: 'Larger brush' },
    { group: 'Tools', keys: ['a'], act: 'everything', help: 'Everything in the photo' },
    { group: 'Tools', keys: ['Ctrl+z'], act: 'undo', help: 'Undo' },
    { group: 'Tools', keys: ['Ctrl+Shift+z', 'Ctrl+y'], act: 'redo', help: 'Redo' },
    { group: 'View', keys: ['+', '='], act: 'zoomIn', help: 'Larger' },
    { group: 'View', keys: ['-'], act: 'zoomOut', help: 'Smaller' },
    { group: 'View', keys: ['0'], act: 'fit', help: 'The whole photo' },
    { group: 'View', keys: ['1'], act: 'actual', help: 'Pixel by pixel' },
    { group: 'View', keys: ['h'], act: 'hide', help: 'Hide or show masks' },
    { group: 'Export', keys: ['s', 'Ctrl+s'], act: 'export', help: 'Export' },
    { group: 'Export', keys: ['Ctrl+c'], act: 'copy', help: 'Copy the cut-out' },
    { group: 'Export', keys: ['?'], act: 'help', help: 'This list' },
];

const NAMES = {
    ArrowLeft: '←', ArrowRight: '→', ArrowUp: '↑', ArrowDown: '↓', Escape: 'Esc', PageDown: 'Page ↓', PageUp: 'Page ↑',
};

/** @param {string} key of a binding @returns {string[]} what is printed on keyboards */
export function keyNames(key) {
    const parts = key === '+' ? ['+'] : key.split('+');
    return parts.map((part) => NAMES[part] ?? (part.length === 1 ? part.toUpperCase() : part));
}

/** @param {KeyboardEvent} event @returns {string} as in BINDINGS */
function pressed(event) {
    const { key } = event;
    if (event.ctrlKey || event.metaKey) {
        return `Ctrl+${event.shiftKey ? 'Shift+' : ''}${key.toLowerCase()}`;
    }
    return key.length === 1 ? key.toLowerCase() : key;
}

/**
 * @param {HTMLElement} stage
 * @param {Record<string, (event: KeyboardEvent) => boolean | void>} acts false: the key keeps its usual meaning
 * @param {{space: boolean}} pointer
 */
export function listen(stage, acts, pointer) {
    addEventListener('keydown', (event) => {
        const at = /** @type {HTMLElement} */ (event.target);
        if (event.defaultPrevented || event.altKey || event.isComposing || document.querySelector('dialog[open]')) {
            return;
        }
        const typing = at.matches('input:not([type=range], [type=checkbox], [type=radio]), textarea, select');
        const onStage = at === stage;
        const free = onStage || at === document.body;
        if (event.key === ' ' && free) {
            pointer.space = true;
            event.preventDefault();
            return;
        }
        if (typing || (event.key === 'Tab' && event.shiftKey)) {
            return;
        }
        const name = pressed(event);
        const found = BINDINGS.find((binding) => binding.keys.includes(name) && (!binding.stage || onStage));
        // What has the focus answers to its own keys: ranges and radios to arrows, buttons to Enter.
        if (!found || (name === 'Ctrl+c' && String(getSelection()))) {
            return;
        }
        if (acts[found.act](event) !== false) {
            event.preventDefault();
        }
    });
    addEventListener('keyup', (event) => {
        pointer.space = pointer.space && event.key !== ' ';
    });
    addEventListener('blur', () => {
        pointer.space = false;
    });
}
