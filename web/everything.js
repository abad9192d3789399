// SPDX-License-Identifier: Apache-2.0
import { render } from './masks.js';
import { COLORS } from './palette.js';
import { decode, encode, iou } from './rle.js';

/**
 * Everything in the photo: masks that light up under the pointer until one is picked. The smallest mask
 * lies on top, so that parts of things can be reached.
 */
export class Everything {
    /** @param {{width: number, height: number}} raster */
    constructor(raster) {
        this.raster = raster;
        this.masks = [];
        this.canvas = document.createElement('canvas');
        this.canvas.width = raster.width;
        this.canvas.height = raster.height;
        this.top = new Int32Array(raster.width * raster.height).fill(-1);
        this.at = -1;
        this.lit = null;
        this.abort = new AbortController();
    }

    get signal() {
        return this.abort.signal;
    }

    add({ bits, width, height, area, score, stability, point }) {
        this.masks.push({ rle: encode(bits, width, height), area, score, stability, point });
        const n = this.masks.length - 1;
        for (let i = 0; i < bits.length; i++) {
            if (bits[i] && (this.top[i] < 0 || this.masks[this.top[i]].area > area)) {
                this.top[i] = n;
            }
        }
    }

    /** Draws what has come so far. */
    paint() {
        const image = new ImageData(this.raster.width, this.raster.height);
        const words = new Uint32Array(image.data.buffer);
        const color = COLORS.map(({ rgb }) => new Uint32Array(new Uint8Array([...rgb, 255]).buffer)[0]);
        this.top.forEach((n, i) => {
            words[i] = n < 0 ? 0 : color[n % color.length];
        });
        this.canvas.getContext('2d').putImageData(image, 0, 0);
    }

    /** @param {number} x pixel of the raster @param {number} y @returns {boolean} whether another mask is lit */
    point(x, y) {
        const { width, height } = this.raster;
        const inside = x >= 0 && y >= 0 && x < width && y < height;
        const at = inside ? this.top[Math.floor(y) * width + Math.floor(x)] : -1;
        if (at === this.at) {
            return false;
        }
        this.at = at;
        const mask = this.masks[at];
        this.lit = mask ? render(decode(mask.rle, width, height), this.raster, -1, mask.score) : null;
        return true;
    }

    /**
     * The prompt that gives the mask again, so that it can be refined and exported at full size: its
     * point, and which of the three masks there is most like it.
     *
     * @param {any} engine
     * @returns {Promise<{prompt: import('./document.js').Prompt, choice: number, masks: any[]} | null>}
     */
    async pick(engine) {
        const mask = this.masks[this.at];
        if (!mask) {
            return null;
        }
        const bits = decode(mask.rle, this.raster.width, this.raster.height);
        const prompt = { points: [[mask.point[0], mask.point[1], 1]], box: null, lowRes: null, multimask: true };
        const { masks } = await engine.predict({ ...prompt, raster: this.raster });
        const alike = masks.map((other) => iou(bits, other.bits));
        return { prompt, choice: alike.indexOf(Math.max(...alike)), masks };
    }
}
