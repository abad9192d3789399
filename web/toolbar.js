// SPDX-License-Identifier: Apache-2.0
import { actsOf } from './acts.js';
import { byId } from './dom.js';

const HINTS = {
    select: 'Click what you mean, or drag a box around it.',
    more: 'Click to add, right-click to remove, Tab for another mask, Enter when done.',
    brush: 'Paint what belongs to it.',
    eraser: 'Wipe away what does not belong to it.',
    everything: 'Click a mask to keep it. Esc leaves.',
};

/** On a touch screen there is no right button and no Tab, and less room. */
const TOUCH_HINTS = {
    ...HINTS,
    select: 'Tap what you mean, or draw a box.',
    more: 'Tap to add, press long to remove.',
    everything: 'Tap a mask to keep it.',
};

/** Buttons, the progress of encoding, and the hint below the photo. */
export class Toolbar {
    /** @param {any} app */
    constructor(app) {
        this.app = app;
        this.touch = matchMedia('(hover: none), (max-width: 760px)');
        const acts = actsOf(app);
        for (const button of document.querySelectorAll('[data-act]')) {
            button.addEventListener('click', () => acts[/** @type {HTMLElement} */ (button).dataset.act]());
        }
        for (const button of document.querySelectorAll('[data-label]')) {
            button.addEventListener('click', () => {
                app.editor.label = Number(/** @type {HTMLElement} */ (button).dataset.label);
                app.editor.clearHover();
                app.refresh();
            });
        }
        byId('brush-size').addEventListener('input', (event) => {
            app.editor.brush.radius = Number(event.target.value);
            app.refresh();
        });
    }

    update() {
        const { editor } = this.app;
        const pressed = (selector, on) => document.querySelectorAll(selector).forEach((button) =>
            button.setAttribute('aria-pressed', String(on)));
        const disabled = (act, off) => document.querySelectorAll(`[data-act="${act}"]`).forEach((button) => {
            /** @type {HTMLButtonElement} */ (button).disabled = off;
        });
        const everything = Boolean(editor.everything);
        pressed('[data-act="toolSelect"]', editor.tool === 'select' && !everything);
        pressed('[data-act="toolBrush"]', editor.tool === 'brush' && !everything);
        pressed('[data-act="toolEraser"]', editor.tool === 'eraser' && !everything);
        pressed('[data-act="everything"]', everything);
        pressed('[data-label="1"]', editor.label === 1);
        pressed('[data-label="0"]', editor.label === 0);
        disabled('undo', !editor.history.canUndo);
        disabled('redo', !editor.history.canRedo);
        disabled('everything', !editor.ready);
        disabled('export', !editor.state.items.length);
        byId('brush-row').hidden = editor.tool === 'select' || everything;
        byId('brush-size').value = editor.brush.radius;
        byId('stage').dataset.tool = everything ? 'everything' : editor.tool;
        byId('working').hidden = !(editor.everything && !editor.everything.done);
        byId('working-text').textContent = `${editor.everything?.masks.length ?? 0} masks`;
        const hints = this.touch.matches ? TOUCH_HINTS : HINTS;
        byId('hint').textContent = everything ? hints.everything
            : editor.tool !== 'select' ? hints[editor.tool] : editor.active ? hints.more : hints.select;
        byId('hint').hidden = !editor.ready;
    }

    showZoom() {
        const { scale, x, y } = this.app.stage.view;
        byId('zoom').textContent = `${Math.round(100 * scale)}%`;
        byId('stage').dataset.view = `${scale} ${x} ${y}`; // where the photo lies, for tests
    }

    /** @param {string} text @param {number | null} done null: nobody knows */
    busy(text, done) {
        byId('progress').hidden = false;
        byId('progress-text').textContent = text;
        byId('app').classList.add('encoding');
        byId('again').hidden = true;
        const bar = byId('progress-bar');
        if (done === null) {
            bar.removeAttribute('value');
        } else {
            bar.value = done;
        }
    }

    idle() {
        byId('progress').hidden = true;
        byId('again').hidden = true;
        byId('app').classList.remove('encoding');
    }

    /** Encoding was cancelled or failed: it can be tried again. */
    stopped() {
        this.idle();
        byId('again').hidden = false;
    }
}
