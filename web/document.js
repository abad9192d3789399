// SPDX-License-Identifier: Apache-2.0
import { COLORS } from './palette.js';

/**
 * What the user has made of a photo. States are never changed: every function here returns a new one,
 * which shares with the old what is the same. Undo is going back to an old one.
 *
 * @typedef {[number, number, 0 | 1]} Point x, y in pixels of the photo; 1: on the object
 * @typedef {{points: Point[], box: number[] | null, lowRes: Float32Array | null, multimask: boolean}} Prompt
 * @typedef {{id: number, name: string, color: number, visible: boolean, prompt: Prompt,
 *            choice: number | null, strokes: import('./strokes.js').Stroke[]}} Item
 *     choice: which of the masks; null: that with the best score
 * @typedef {{items: Item[], active: number | null, next: number}} State
 */

/** @type {Prompt} */
const NOTHING = { points: [], box: null, lowRes: null, multimask: true };

/** @returns {State} */
export const empty = () => ({ items: [], active: null, next: 1 });

/** @param {State} state @returns {Item | null} */
export const activeOf = (state) => state.items.find((item) => item.id === state.active) ?? null;

/** @param {Prompt} prompt */
export const asks = (prompt) => prompt.points.length > 0 || Boolean(prompt.box) || Boolean(prompt.lowRes);

/** @param {State} state @param {Partial<Item>} [given] @returns {State} with a new object, which is active */
export function added(state, given = {}) {
    const id = state.next;
    const item = {
        id, name: `Object ${id}`, color: (id - 1) % COLORS.length, visible: true, prompt: NOTHING, choice: null,
        strokes: [], ...given,
    };
    return { items: [...state.items, item], active: id, next: id + 1 };
}

/** @param {State} state @param {number} id @param {Partial<Item>} change @returns {State} */
export function changed(state, id, change) {
    return { ...state, items: state.items.map((item) => (item.id === id ? { ...item, ...change } : item)) };
}

/** @param {State} state @param {number} id @returns {State} */
export function removed(state, id) {
    return {
        ...state,
        items: state.items.filter((item) => item.id !== id),
        active: state.active === id ? null : state.active,
    };
}

/** The active object with another prompt, or a new object with it. An object that asks nothing goes. */
function prompted(state, change) {
    const base = activeOf(state) ? state : added(state);
    const item = activeOf(base);
    const { box, points, lowRes } = { ...item.prompt, ...change };
    // Three masks where one point leaves open what is meant; one where more is known.
    const prompt = { points, box, lowRes, multimask: points.length === 1 && !box && !lowRes };
    if (!asks(prompt) && !item.strokes.length) {
        return removed(base, item.id);
    }
    return changed(base, item.id, { prompt, choice: null });
}

/** @param {State} state @param {number} x @param {number} y @param {0 | 1} label @returns {State} */
export function withPoint(state, x, y, label) {
    const points = activeOf(state)?.prompt.points ?? [];
    return prompted(state, { points: [...points, [x, y, label]] });
}

/** @param {State} state @param {number} index of a point of the active object @returns {State} */
export function withoutPoint(state, index) {
    return prompted(state, { points: activeOf(state).prompt.points.filter((_, i) => i !== index) });
}

/** @param {State} state @param {number[]} box x0, y0, x1, y1 @returns {State} */
export function withBox(state, box) {
    return prompted(state, { box });
}

/** The mask itself becomes the prompt; strokes are in it. */
export function withMask(state, lowRes) {
    const item = activeOf(state);
    return changed(state, item.id, {
        prompt: { ...item.prompt, lowRes, multimask: false }, choice: null, strokes: [],
    });
}

/** The active object asks for three masks, whatever it has. */
export function withAlternatives(state) {
    const item = activeOf(state);
    return changed(state, item.id, { prompt: { ...item.prompt, multimask: true }, choice: null });
}

/** @param {State} state @param {import('./strokes.js').Stroke} stroke @returns {State} */
export function withStroke(state, stroke) {
    const base = activeOf(state) ? state : added(state);
    const item = activeOf(base);
    return changed(base, item.id, { strokes: [...item.strokes, stroke] });
}
