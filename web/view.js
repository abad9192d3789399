// SPDX-License-Identifier: Apache-2.0
const MOST = 32; // screen pixels a photo pixel

/** Where the photo lies on the stage: screen = photo * scale + (x, y), in CSS pixels. */
export class View {
    constructor() {
        this.scale = 1;
        this.x = 0;
        this.y = 0;
        this.fitted = true;
        this.stage = { width: 1, height: 1 };
        this.photo = { width: 1, height: 1 };
        this.margins = { top: 0, right: 0, bottom: 0, left: 0 };
    }

    /** The scale at which the whole photo shows; small photos grow to at most 4 times. */
    get fitScale() {
        const { top, right, bottom, left } = this.margins;
        return Math.min(4, Math.max(1, this.stage.width - left - right) / this.photo.width,
            Math.max(1, this.stage.height - top - bottom) / this.photo.height);
    }

    fit() {
        const { top, right, bottom, left } = this.margins;
        this.scale = this.fitScale;
        this.x = left + (this.stage.width - left - right - this.photo.width * this.scale) / 2;
        this.y = top + (this.stage.height - top - bottom - this.photo.height * this.scale) / 2;
        this.fitted = true;
    }

    /** The stage has another size: a photo that was fitted stays so. */
    resize(width, height) {
        this.stage = { width, height };
        if (this.fitted) {
            this.fit();
        } else {
            this.#hold();
        }
    }

    /** @returns {[number, number]} pixels of the photo */
    toPhoto(x, y) {
        return [(x - this.x) / this.scale, (y - this.y) / this.scale];
    }

    /** @returns {[number, number]} pixels of the stage */
    toStage(x, y) {
        return [x * this.scale + this.x, y * this.scale + this.y];
    }

    /** By a factor, with the point (x, y) of the stage staying where it is. */
    zoom(factor, x = this.stage.width / 2, y = this.stage.height / 2) {
        const scale = Math.max(this.fitScale / 2, Math.min(MOST, this.scale * factor));
        const by = scale / this.scale;
        this.x = x - (x - this.x) * by;
        this.y = y - (y - this.y) * by;
        this.scale = scale;
        this.fitted = false;
        this.#hold();
    }

    pan(dx, dy) {
        this.x += dx;
        this.y += dy;
        this.fitted = false;
        this.#hold();
    }

    /** Moves so that a point of the photo is on the stage. */
    reveal(px, py) {
        const [x, y] = this.toStage(px, py);
        const { width, height } = this.stage;
        const edge = 24;
        const dx = x < edge ? edge - x : x > width - edge ? width - edge - x : 0;
        const dy = y < edge ? edge - y : y > height - edge ? height - edge - y : 0;
        if (dx || dy) {
            this.pan(dx, dy);
        }
    }

    /** Some of the photo always stays in sight. */
    #hold() {
        const rest = 64;
        const { width, height } = this.stage;
        this.x = Math.min(width - rest, Math.max(rest - this.photo.width * this.scale, this.x));
        this.y = Math.min(height - rest, Math.max(rest - this.photo.height * this.scale, this.y));
    }
}
