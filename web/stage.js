// SPDX-License-Identifier: Apache-2.0
import { css } from './palette.js';
import { View } from './view.js';

/** The canvas with the photo and all that lies on it. It draws; it decides nothing. */
export class Stage {
    /** @param {HTMLCanvasElement} canvas */
    constructor(canvas) {
        this.canvas = canvas;
        this.view = new View();
        this.bitmap = null;
        /** What to draw on the next frame; see main.js. */
        this.scene = { items: [], hover: null, box: null, brush: null, cross: null, everything: null, dim: false };
        this.frame = 0;
        new ResizeObserver(() => this.measure()).observe(canvas);
        matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.draw());
    }

    measure() {
        const { width, height } = this.canvas.getBoundingClientRect();
        this.ratio = devicePixelRatio;
        this.canvas.width = Math.max(1, Math.round(width * this.ratio));
        this.canvas.height = Math.max(1, Math.round(height * this.ratio));
        // room for the tools and the hint, which lie on the stage
        this.view.margins = matchMedia('(max-width: 760px)').matches ? { top: 8, right: 8, bottom: 112, left: 8 }
            : { top: 20, right: 20, bottom: 64, left: 72 };
        this.view.resize(width, height);
        this.paint();
        this.onView?.();
    }

    show(photo) {
        this.bitmap = photo?.bitmap ?? null;
        if (photo) {
            this.view.photo = { width: photo.width, height: photo.height };
            this.view.fit();
        }
        this.draw();
    }

    /** On the next frame. */
    draw() {
        this.frame ||= requestAnimationFrame(() => {
            this.frame = 0;
            this.paint();
        });
    }

    paint() {
        const c = this.canvas.getContext('2d');
        c.setTransform(1, 0, 0, 1, 0, 0);
        c.clearRect(0, 0, this.canvas.width, this.canvas.height);
        if (!this.bitmap) {
            return;
        }
        const { scale, x, y, photo } = this.view;
        const k = this.ratio;
        c.setTransform(scale * k, 0, 0, scale * k, x * k, y * k);
        c.imageSmoothingEnabled = scale < 4;
        c.imageSmoothingQuality = 'high';
        c.drawImage(this.bitmap, 0, 0, photo.width, photo.height);
        this.#everything(c);
        for (const { item, mask, active } of this.scene.items) {
            if (mask) {
                this.#mask(c, mask, css(item.color), active ? 0.5 : 0.38, active ? 2 : 1.25);
            }
        }
        if (this.scene.hover) {
            this.#mask(c, this.scene.hover, 'rgb(255 255 255)', 0.3, 1.75);
        }
        c.setTransform(k, 0, 0, k, 0, 0);
        this.#prompts(c);
        this.#cursor(c);
    }

    /** One mask: its colour, and an outline with a dark one around it that shows on any photo. */
    #mask(c, mask, color, alpha, line) {
        const { scale, photo } = this.view;
        c.save();
        c.globalAlpha = alpha;
        c.drawImage(mask.canvas, 0, 0, photo.width, photo.height);
        c.globalAlpha = 1;
        c.scale(photo.width / mask.width, photo.height / mask.height);
        const px = mask.width / photo.width / scale;
        c.lineJoin = 'round';
        c.strokeStyle = 'rgb(0 0 0 / 0.55)';
        c.lineWidth = (line + 1.5) * px;
        c.stroke(mask.path);
        c.strokeStyle = color;
        c.lineWidth = line * px;
        c.stroke(mask.path);
        c.restore();
    }

    #everything(c) {
        const { everything } = this.scene;
        const { photo } = this.view;
        if (everything) {
            c.fillStyle = 'rgb(0 0 0 / 0.35)';
            c.fillRect(0, 0, photo.width, photo.height);
            c.globalAlpha = 0.62;
            c.drawImage(everything, 0, 0, photo.width, photo.height);
            c.globalAlpha = 1;
        }
    }

    #prompts(c) {
        for (const { item, active } of this.scene.items) {
            if (active) {
                if (item.prompt.box) {
                    this.#box(c, item.prompt.box, css(item.color));
                }
                item.prompt.points.forEach(([x, y, label]) => this.#point(c, x, y, label, item.color));
            }
        }
        if (this.scene.box) {
            this.#box(c, this.scene.box, '#fff');
        }
    }

    #box(c, [x0, y0, x1, y1], color) {
        const [left, top] = this.view.toStage(x0, y0);
        const [right, bottom] = this.view.toStage(x1, y1);
        for (const [style, width] of [['rgb(0 0 0 / 0.6)', 3.5], [color, 1.5]]) {
            c.strokeStyle = style;
            c.lineWidth = width;
            c.strokeRect(left, top, right - left, bottom - top);
        }
    }

    /** Told apart by their sign and not by their colour alone. */
    #point(c, px, py, label, color) {
        const [x, y] = this.view.toStage(px, py);
        c.beginPath();
        c.arc(x, y, 8, 0, 2 * Math.PI);
        c.fillStyle = label ? css(color) : '#191919';
        c.fill();
        c.lineWidth = 2;
        c.strokeStyle = '#fff';
        c.stroke();
        c.lineWidth = 1;
        c.strokeStyle = 'rgb(0 0 0 / 0.5)';
        c.beginPath();
        c.arc(x, y, 9.5, 0, 2 * Math.PI);
        c.stroke();
        c.beginPath();
        c.lineWidth = 2;
        c.strokeStyle = label ? '#111' : '#fff';
        c.moveTo(x - 3.5, y);
        c.lineTo(x + 3.5, y);
        if (label) {
            c.moveTo(x, y - 3.5);
            c.lineTo(x, y + 3.5);
        }
        c.stroke();
    }

    #cursor(c) {
        const { brush, cross } = this.scene;
        const twice = (path) => {
            for (const [style, width] of [['rgb(0 0 0 / 0.6)', 3], ['#fff', 1.25]]) {
                c.strokeStyle = style;
                c.lineWidth = width;
                c.beginPath();
                path();
                c.stroke();
            }
        };
        if (brush) {
            const [x, y] = this.view.toStage(brush.x, brush.y);
            twice(() => c.arc(x, y, Math.max(2, brush.radius * this.view.scale), 0, 2 * Math.PI));
        }
        if (cross) {
            const [x, y] = this.view.toStage(cross.x, cross.y);
            twice(() => {
                for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
                    c.moveTo(x + 4 * dx, y + 4 * dy);
                    c.lineTo(x + 16 * dx, y + 16 * dy);
                }
            });
        }
    }
}
