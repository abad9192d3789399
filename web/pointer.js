// SPDX-License-Identifier: Apache-2.0
const NEAR = { mouse: 5, pen: 8, touch: 12 };
const LONG = 500; // milliseconds until a still finger means the other sign

/**
 * Pointers on the stage become what the user means: a click, a box, a stroke, a move of the photo. One
 * finger or button works, two fingers move and zoom.
 *
 * @typedef {{x: number, y: number, other: boolean, touch: boolean}} Spot in CSS pixels of the stage;
 *     other: right button, Shift or a long press
 * @typedef {{hover(spot: Spot | null): void, click(spot: Spot): void, drags(): boolean,
 *            dragStart(from: Spot): void, drag(from: Spot, to: Spot): void, dragEnd(from: Spot, to: Spot): void,
 *            dragCancel(): void, pan(dx: number, dy: number): void,
 *            zoom(factor: number, x: number, y: number): void}} Gestures
 */
export class Pointer {
    /** @param {HTMLCanvasElement} canvas @param {Gestures} to */
    constructor(canvas, to) {
        this.canvas = canvas;
        this.to = to;
        /** @type {Map<number, Spot>} */
        this.down = new Map();
        this.work = null; // {kind: 'press' | 'drag' | 'pan' | 'pinch' | 'spent', from}
        this.space = false;
        const on = (name, handle) => canvas.addEventListener(name, (event) => handle.call(this, event));
        on('pointerdown', this.#press);
        on('pointermove', this.#move);
        on('pointerup', this.#release);
        on('pointercancel', this.#cancel);
        on('pointerleave', (event) => event.pointerType !== 'touch' && !this.down.size && this.to.hover(null));
        canvas.addEventListener('contextmenu', (event) => event.preventDefault());
        canvas.addEventListener('wheel', (event) => this.#wheel(event), { passive: false });
    }

    #spot(event) {
        const { left, top } = this.canvas.getBoundingClientRect();
        return {
            x: event.clientX - left,
            y: event.clientY - top,
            other: event.button === 2 || event.shiftKey,
            touch: event.pointerType === 'touch',
        };
    }

    #press(event) {
        const spot = this.#spot(event);
        this.canvas.focus({ preventScroll: true });
        this.canvas.setPointerCapture(event.pointerId);
        this.down.set(event.pointerId, spot);
        if (this.down.size === 2) {
            this.#drop();
            this.work = { kind: 'pinch', from: spot };
        } else if (this.down.size > 2) {
            this.work = { kind: 'spent', from: spot };
        } else if (event.button === 1 || (this.space && event.button === 0)) {
            event.preventDefault();
            this.work = { kind: 'pan', from: spot };
        } else {
            this.work = { kind: 'press', from: spot };
            if (this.to.drags() && event.button === 0) {
                this.work.kind = 'drag'; // a brush draws from the first touch on
                this.to.dragStart(spot);
            } else if (spot.touch) {
                this.#waitLong(spot);
            }
        }
    }

    #waitLong(spot) {
        clearTimeout(this.timer);
        this.timer = setTimeout(() => {
            if (this.work?.kind === 'press') {
                this.work.kind = 'spent';
                this.to.click({ ...spot, other: true });
            }
        }, LONG);
    }

    /** What had begun with one finger ends when a second comes. */
    #drop() {
        clearTimeout(this.timer);
        if (this.work?.kind === 'drag') {
            this.to.dragCancel();
        }
        this.to.hover(null);
    }

    #move(event) {
        const spot = this.#spot(event);
        const before = this.down.get(event.pointerId);
        if (!before) {
            if (!spot.touch) {
                this.to.hover(spot);
            }
            return;
        }
        const { work } = this;
        const gone = Math.hypot(spot.x - work.from.x, spot.y - work.from.y);
        if (work.kind === 'press' && gone > NEAR[event.pointerType] && !work.from.other) {
            clearTimeout(this.timer);
            work.kind = 'drag';
            this.to.dragStart(work.from);
        }
        if (work.kind === 'drag') {
            for (const part of event.getCoalescedEvents?.() ?? [event]) {
                this.to.drag(work.from, this.#spot(part));
            }
        } else if (work.kind === 'pan') {
            this.to.pan(spot.x - before.x, spot.y - before.y);
        } else if (work.kind === 'pinch') {
            this.#pinch(event.pointerId, before, spot);
        }
        this.down.set(event.pointerId, spot);
    }

    #pinch(id, before, spot) {
        const [other] = [...this.down].filter(([key]) => key !== id).map(([, value]) => value);
        const far = (a) => Math.max(1, Math.hypot(a.x - other.x, a.y - other.y));
        this.to.pan((spot.x - before.x) / 2, (spot.y - before.y) / 2);
        this.to.zoom(far(spot) / far(before), (spot.x + other.x) / 2, (spot.y + other.y) / 2);
    }

    #release(event) {
        const spot = this.#spot(event);
        const { work } = this;
        clearTimeout(this.timer);
        this.down.delete(event.pointerId);
        if (work?.kind === 'press') {
            this.to.click({ ...work.from, other: work.from.other || spot.other });
        } else if (work?.kind === 'drag') {
            this.to.dragEnd(work.from, spot);
        }
        this.work = this.down.size ? { kind: 'spent', from: spot } : null;
    }

    #cancel(event) {
        this.#drop();
        this.down.delete(event.pointerId);
        this.work = null;
    }

    /** A wheel zooms; of a touch pad two fingers move and pinching (which browsers tell by ctrlKey) zooms. */
    #wheel(event) {
        event.preventDefault();
        const { x, y } = this.#spot(event);
        const lines = event.deltaMode === 1 ? 20 : 1;
        if (!event.ctrlKey && event.deltaMode === 0 && (event.deltaX || Math.abs(event.deltaY) < 40)) {
            this.to.pan(-event.deltaX, -event.deltaY);
        } else {
            const speed = event.ctrlKey && Math.abs(event.deltaY) < 40 ? 0.01 : 0.002;
            this.to.zoom(Math.exp(-event.deltaY * lines * speed), x, y);
        }
    }
}
