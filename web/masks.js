// SPDX-License-Identifier: Apache-2.0
import { asks } from './document.js';
import { COLORS } from './palette.js';
import { toPath, trace } from './polygon.js';
import { decode, encode } from './rle.js';
import { drawStrokes } from './strokes.js';

/**
 * Masks of objects, asked for when they are needed. A prompt never changes, so its answer is kept as long
 * as the prompt itself: undo and redo ask nothing anew.
 *
 * @typedef {{rle: import('./rle.js').Rle, score: number, stability: number}} Kept
 * @typedef {{bits: Uint8Array, width: number, height: number, area: number, canvas: HTMLCanvasElement,
 *            path: Path2D, score: number | null}} Drawn in the raster's size
 */
export class Masks {
    /**
     * @param {any} engine
     * @param {{onChange: () => void, onError: (error: any, retry: () => void) => void}} listener
     */
    constructor(engine, listener) {
        this.engine = engine;
        this.listener = listener;
        this.raster = { width: 1, height: 1 };
        this.scale = 1; // raster pixels a photo pixel
        /** @type {WeakMap<object, Kept[]>} */
        this.answers = new WeakMap();
        this.asked = new WeakSet();
        /** @type {WeakMap<object, Drawn>} */
        this.drawn = new WeakMap();
        /** @type {Map<number, Drawn>} the last mask of an object, shown until the next one is there */
        this.last = new Map();
        this.pending = 0;
    }

    /** @param {{width: number, height: number}} raster @param {number} scale */
    usePhoto(raster, scale) {
        this.raster = raster;
        this.scale = scale;
        this.asked = new WeakSet();
        this.last.clear();
    }

    /** @param {import('./document.js').Item} item @returns {Kept[]} */
    answerOf(item) {
        return this.answers.get(item.prompt) ?? [];
    }

    /** @returns {number} which of the masks shows; -1 where there is none yet */
    choiceOf(item) {
        const masks = this.answerOf(item);
        return item.choice ?? masks.reduce((best, mask, i) => (mask.score > masks[best]?.score || best < 0 ? i : best), -1);
    }

    /** Asks for what is missing. @param {import('./document.js').Item[]} items */
    want(items) {
        for (const { prompt } of items) {
            if (asks(prompt) && !this.answers.has(prompt) && !this.asked.has(prompt)) {
                this.#ask(prompt);
            }
        }
    }

    async #ask(prompt) {
        const raster = this.raster;
        this.asked.add(prompt);
        this.pending++;
        try {
            const { masks } = await this.engine.predict({ ...prompt, raster });
            if (raster === this.raster) {
                this.answers.set(prompt, masks.map(keep));
            }
        } catch (error) {
            this.listener.onError(error, () => this.asked.delete(prompt));
        } finally {
            this.pending--;
            this.listener.onChange();
        }
    }

    /** An answer that came otherwise (a hover that was clicked). */
    learn(prompt, masks) {
        this.answers.set(prompt, masks.map(keep));
    }

    /** A mask of an answer in white. */
    preview({ bits, score }) {
        return render(bits, this.raster, -1, score);
    }

    /** @param {import('./document.js').Item} item @returns {Drawn | null} */
    draw(item) {
        const known = this.drawn.get(item);
        if (known) {
            this.last.set(item.id, known);
            return known;
        }
        const mask = this.answerOf(item)[this.choiceOf(item)];
        if (!mask && asks(item.prompt)) {
            return this.last.get(item.id) ?? null;
        }
        const { width, height } = this.raster;
        const bits = mask ? decode(mask.rle, width, height) : new Uint8Array(width * height);
        drawStrokes(bits, width, height, item.strokes, this.scale);
        const made = render(bits, this.raster, item.color, mask?.score ?? null);
        this.drawn.set(item, made);
        this.last.set(item.id, made);
        return made;
    }

    /** The object's mask at the photo's own size. */
    async full(item, photo) {
        const { width, height } = photo;
        let bits = new Uint8Array(width * height);
        let score = null;
        if (asks(item.prompt)) {
            const { masks } = await this.engine.predict({ ...item.prompt, raster: null });
            const mask = masks[this.choiceOf(item)] ?? masks[0];
            bits = mask.bits;
            score = mask.score;
        }
        drawStrokes(bits, width, height, item.strokes, 1);
        return { item, bits, width, height, score };
    }
}

const keep = ({ bits, width, height, score, stability }) => ({ rle: encode(bits, width, height), score, stability });

/** @param {Uint8Array} bits @param {number} color of the palette; -1: white @returns {Drawn} */
export function render(bits, { width, height }, color, score = null) {
    const canvas = document.createElement('canvas');
    canvas.width = width;
    canvas.height = height;
    return {
        bits, width, height, canvas, score,
        area: tint(canvas, bits, color),
        path: new Path2D(toPath(trace(bits, width, height))),
    };
}

/** Draws the mask in its colour. @returns {number} pixels inside */
export function tint(canvas, bits, color) {
    const [r, g, b] = color < 0 ? [255, 255, 255] : COLORS[color % COLORS.length].rgb;
    const word = new Uint32Array(new Uint8Array([r, g, b, 255]).buffer)[0];
    const image = new ImageData(canvas.width, canvas.height);
    const words = new Uint32Array(image.data.buffer);
    let area = 0;
    for (let i = 0; i < bits.length; i++) {
        if (bits[i]) {
            words[i] = word;
            area++;
        }
    }
    canvas.getContext('2d').putImageData(image, 0, 0);
    return area;
}
