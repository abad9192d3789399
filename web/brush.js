// SPDX-License-Identifier: Apache-2.0
import { activeOf, withStroke } from './document.js';
import { tint } from './masks.js';
import { drawSegment } from './strokes.js';

/** Painting: while the button is down on a copy of the mask, then as a stroke of the object. */
export class Brush {
    constructor() {
        this.radius = 24; // CSS pixels on the stage, so that zooming in paints finer
        this.erase = false;
        this.stroke = null;
        this.live = null;
    }

    /** @param {import('./editor.js').Editor} editor @param {[number, number]} at in pixels of the photo */
    begin(editor, at, scale) {
        const item = activeOf(editor.state);
        const mask = item && editor.masks.draw(item);
        const { width, height } = editor.masks.raster;
        const canvas = document.createElement('canvas');
        canvas.width = width;
        canvas.height = height;
        this.item = item;
        this.color = item?.color ?? (editor.state.next - 1);
        this.stroke = { erase: this.erase, radius: this.radius / scale, points: [] };
        this.live = {
            bits: mask ? mask.bits.slice() : new Uint8Array(width * height),
            width, height, canvas, area: 0, score: null, path: mask?.path ?? new Path2D(),
        };
        this.move(editor, at);
    }

    move(editor, at) {
        if (!this.stroke) {
            return;
        }
        const { points, radius, erase } = this.stroke;
        const last = points.at(-1) ?? at;
        if (points.length && Math.hypot(at[0] - last[0], at[1] - last[1]) < radius / 8) {
            return;
        }
        points.push(at);
        const { scale } = editor.masks;
        const { bits, width, height } = this.live;
        drawSegment(bits, width, height, [last[0] * scale, last[1] * scale], [at[0] * scale, at[1] * scale],
            radius * scale, erase ? 0 : 1);
        tint(this.live.canvas, bits, this.color);
    }

    /** @returns {import('./document.js').State | null} with the stroke */
    end(editor) {
        const { stroke, item } = this;
        this.cancel();
        return stroke && (item || !stroke.erase) ? withStroke(editor.state, stroke) : null;
    }

    cancel() {
        this.stroke = null;
        this.live = null;
        this.item = null;
    }
}
