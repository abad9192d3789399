// SPDX-License-Identifier: Apache-2.0
import * as doc from './document.js';
import { Brush } from './brush.js';
import { Everything } from './everything.js';
import { History } from './history.js';
import { toLogits } from './low_res.js';
import { Masks } from './masks.js';
import { rasterOf } from './photo.js';
import { announce, toast } from './toasts.js';

/**
 * One photo under work: what the user has made of it, what is under the pointer, the tool in hand. It
 * tells `changed` when anything is to be drawn anew.
 */
export class Editor {
    /**
     * @param {import('./session.js').Session} session
     * @param {{changed: () => void, lost: (retry: () => void) => void}} listener
     */
    constructor(session, listener) {
        this.session = session;
        this.listener = listener;
        this.masks = new Masks(session.engine, {
            onChange: () => this.#answered(),
            onError: (error, retry) => this.#failed(error, retry),
        });
        this.brush = new Brush();
        this.photo = null;
        this.ready = false; // encoded
        this.histories = new Map();
        this.history = new History(doc.empty());
        /** @type {'select' | 'brush' | 'eraser'} */
        this.tool = 'select';
        this.label = 1; // what a plain click means: 1 adds, 0 removes
        this.hover = null;
        this.hoverAt = null;
        this.draft = null; // a box that is being drawn
        this.everything = null;
        this.hidden = false;
    }

    get state() {
        return this.history.present;
    }

    get active() {
        return doc.activeOf(this.state);
    }

    /** @param {import('./session.js').Photo} photo */
    usePhoto(photo) {
        this.leaveEverything();
        this.photo = photo;
        this.ready = false;
        this.clearHover();
        this.draft = null;
        this.brush.cancel();
        if (!this.histories.has(photo.key)) {
            this.histories.set(photo.key, new History(doc.empty()));
        }
        this.history = this.histories.get(photo.key);
        const raster = rasterOf(photo);
        this.masks.usePhoto(raster, raster.width / photo.width);
        this.listener.changed();
    }

    /** The photo is encoded: prompts that were given meanwhile are asked now. */
    encoded() {
        this.ready = true;
        this.masks.usePhoto(this.masks.raster, this.masks.scale);
        this.#update();
    }

    commit(state, group = null) {
        if (state !== this.state) {
            this.history.commit(state, group);
            this.#update();
        }
    }

    #update() {
        this.clearHover();
        if (this.ready) {
            this.masks.want(this.state.items);
        }
        this.listener.changed();
    }

    undo() {
        announce(this.history.undo() ? 'Undone' : 'Nothing to undo');
        this.#update();
    }

    redo() {
        announce(this.history.redo() ? 'Redone' : 'Nothing to redo');
        this.#update();
    }

    inside([x, y]) {
        return x >= 0 && y >= 0 && x < this.photo.width && y < this.photo.height;
    }

    /** @param {[number, number]} at in pixels of the photo @param {number} reach how near a point is hit */
    async click(at, other, reach) {
        if (this.everything) {
            await this.pick();
            return;
        }
        const points = this.active?.prompt.points ?? [];
        const hit = points.findLastIndex(([x, y]) => Math.hypot(x - at[0], y - at[1]) <= reach);
        if (hit >= 0) {
            this.commit(doc.withoutPoint(this.state, hit));
        } else if (this.inside(at)) {
            const label = other ? 1 - this.label : this.label;
            if (!label && !this.active) {
                toast('First click on an object; then take away what does not belong to it.');
                return;
            }
            this.commit(doc.withPoint(this.state, at[0], at[1], label));
        }
    }

    /** @param {number[]} box two corners, in any order and anywhere */
    box([ax, ay, bx, by]) {
        const { width, height } = this.photo;
        const clip = (v, most) => Math.max(0, Math.min(most, v));
        const box = [clip(Math.min(ax, bx), width), clip(Math.min(ay, by), height),
            clip(Math.max(ax, bx), width), clip(Math.max(ay, by), height)];
        this.draft = null;
        if (box[2] - box[0] >= 1 && box[3] - box[1] >= 1) {
            // a box around something new while an object has one already: that object is done
            const base = this.active?.prompt.box ? { ...this.state, active: null } : this.state;
            this.commit(doc.withBox(base, box));
        } else {
            this.listener.changed();
        }
    }

    /** Shows what a click would give. @param {[number, number] | null} at */
    async hoverOver(at) {
        this.hoverAt = at;
        if (this.everything) {
            const { scale } = this.masks;
            if (this.everything.point(...(at ? [at[0] * scale, at[1] * scale] : [-1, -1]))) {
                this.listener.changed();
            }
            return;
        }
        const idle = this.ready && this.tool === 'select' && !this.active && this.label === 1 && !this.draft;
        if (!at || !idle || !this.inside(at)) {
            this.clearHover();
            return;
        }
        const { raster } = this.masks;
        const prompt = { points: [[at[0], at[1], 1]], box: null, lowRes: null, multimask: true, raster };
        const answer = await this.session.engine.hover(prompt).catch(() => null);
        if (answer && this.hoverAt && !this.active && !this.everything && raster === this.masks.raster) {
            const best = answer.masks.reduce((a, b) => (b.score > a.score ? b : a));
            this.hover = this.masks.preview(best);
            this.listener.changed();
        }
    }

    clearHover() {
        this.hoverAt = null;
        if (this.hover) {
            this.hover = null;
            this.listener.changed();
        }
    }

    /** The next of the three masks; where the prompt gave one, it asks for three. */
    cycle() {
        const item = this.active;
        if (!item || !doc.asks(item.prompt)) {
            return false;
        }
        const count = this.masks.answerOf(item).length;
        if (count === 1) {
            this.commit(doc.withAlternatives(this.state));
        } else if (count > 1) {
            this.choose((this.masks.choiceOf(item) + 1) % count);
        }
        return true;
    }

    choose(choice) {
        this.commit(doc.changed(this.state, this.active.id, { choice }), `choice ${this.active.id}`);
        this.say();
    }

    activate(id) {
        this.leaveEverything();
        this.commit({ ...this.state, active: id }, 'activate');
        this.say();
    }

    finish() {
        if (this.active) {
            this.commit({ ...this.state, active: null }, 'activate');
            announce('Done. The next click begins a new object.');
        }
    }

    remove(id = this.state.active) {
        if (id !== null && this.state.items.some((item) => item.id === id)) {
            this.commit(doc.removed(this.state, id));
            announce('Object deleted');
        }
    }

    change(id, change, group) {
        this.commit(doc.changed(this.state, id, change), group ?? null);
    }

    /** What was painted (or any mask) goes to the model as a prompt. */
    refine() {
        const item = this.active;
        const mask = item && this.masks.draw(item);
        if (!mask || !mask.area) {
            toast('Paint something with the brush first (B); the model then fits it to the photo.');
            return;
        }
        const { imageSize, lowResSize } = this.session.model;
        this.commit(doc.withMask(this.state, toLogits(mask.bits, mask.width, mask.height, imageSize, lowResSize)));
        this.setTool('select');
    }

    setTool(tool) {
        this.leaveEverything();
        this.tool = tool;
        this.brush.cancel();
        this.brush.erase = tool === 'eraser';
        this.clearHover();
        this.listener.changed();
    }

    async toggleEverything() {
        if (this.everything) {
            this.leaveEverything();
            return;
        }
        if (!this.ready) {
            return;
        }
        this.clearHover();
        this.finish();
        const run = new Everything(this.masks.raster);
        this.everything = run;
        this.listener.changed();
        let painted = 0;
        try {
            const count = await this.session.everything({ raster: this.masks.raster }, {
                onMask: (mask) => {
                    run.add(mask);
                    if (performance.now() - painted > 150) {
                        run.paint();
                        painted = performance.now();
                        this.listener.changed();
                    }
                },
                onProgress: (share) => {
                    run.progress = share;
                    this.listener.changed();
                },
                signal: run.signal,
            });
            run.done = true;
            run.paint();
            announce(`${count} masks. Click on one to keep it, Escape to leave.`);
            if (!count) {
                toast('The model is sure of nothing in this photo. Click on what you mean instead.');
                this.leaveEverything();
            }
        } catch (error) {
            if (this.everything === run) {
                this.leaveEverything();
            }
            if (error.name !== 'AbortError' && error.code !== 'cancelled') {
                this.#failed(error, () => {});
            }
        }
        this.listener.changed();
    }

    leaveEverything() {
        if (this.everything) {
            this.everything.abort.abort();
            this.everything = null;
            this.listener.changed();
        }
    }

    async pick() {
        const found = await this.everything?.pick(this.session.engine).catch((error) => this.#failed(error, () => {}));
        if (found) {
            this.masks.learn(found.prompt, found.masks);
            this.commit({ ...doc.added(this.state, { prompt: found.prompt, choice: found.choice }), active: null });
            announce(`${this.state.items.at(-1).name} added`);
        }
    }

    #answered() {
        this.listener.changed();
        if (this.active && !this.masks.pending) {
            this.say();
        }
    }

    /** The active mask in words, for those who do not see it. */
    say() {
        const item = this.active;
        const mask = item && this.masks.draw(item);
        if (mask) {
            const masks = this.masks.answerOf(item);
            const which = masks.length > 1 ? `, mask ${this.masks.choiceOf(item) + 1} of ${masks.length}` : '';
            const score = mask.score === null ? '' : `, score ${mask.score.toFixed(2)}`;
            const share = ((100 * mask.area) / (mask.width * mask.height)).toFixed(1);
            announce(`${item.name}${which}${score}, ${share} percent of the photo`);
        }
    }

    #failed(error, retry) {
        if (['not_encoded', 'not_found', 'gone'].includes(error.code) && this.ready) {
            this.ready = false;
            this.listener.lost(retry);
        } else {
            toast(error.message, 'error');
        }
    }
}
