// SPDX-License-Identifier: Apache-2.0
import { asks } from './document.js';
import { byId, icon, make } from './dom.js';
import { COLORS, css } from './palette.js';

/** The list of objects. It is made anew where objects come and go, else changed in place: inputs keep the focus. */
export class Panel {
    /** @param {import('./editor.js').Editor} editor */
    constructor(editor) {
        this.editor = editor;
        this.list = byId('objects');
        /** @type {Map<number, any>} */
        this.rows = new Map();
        this.key = '';
    }

    update() {
        const { items, active } = this.editor.state;
        const key = `${this.editor.photo?.key} ${items.map(({ id }) => id).join()}`;
        if (key !== this.key) {
            this.key = key;
            this.rows = new Map(items.map((item) => [item.id, this.#row(item.id)]));
            this.list.replaceChildren(...[...this.rows.values()].map(({ row }) => row));
        }
        byId('objects-empty').hidden = items.length > 0;
        byId('objects-count').textContent = items.length ? String(items.length) : '';
        items.forEach((item) => this.#refresh(this.rows.get(item.id), item, item.id === active));
        this.#alternatives();
    }

    #row(id) {
        const { editor } = this;
        const find = () => editor.state.items.find((item) => item.id === id);
        const color = make('button', {
            type: 'button', class: 'swatch', title: 'Next colour',
            onclick: () => editor.change(id, { color: (find().color + 1) % COLORS.length }, `color ${id}`),
        });
        const name = make('input', {
            type: 'text', class: 'name', maxLength: 200, spellcheck: false, autocomplete: 'off', 'aria-label': 'Name',
            oninput: () => editor.change(id, { name: name.value }, `name ${id}`),
            onfocus: () => editor.state.active !== id && editor.activate(id),
            onkeydown: (event) => ['Enter', 'Escape'].includes(event.key) && byId('stage').focus(),
        });
        const score = make('span', { class: 'score' });
        const eye = make('button', {
            type: 'button', class: 'quiet', onclick: () => editor.change(id, { visible: !find().visible }),
        });
        const bin = make('button', { type: 'button', class: 'quiet', onclick: () => editor.remove(id) }, icon('bin'));
        const row = make('li', {
            onclick: (event) => {
                if (event.target === row || event.target === score) {
                    editor.activate(id);
                }
            },
        }, color, name, score, eye, bin);
        return { row, color, name, score, eye, bin };
    }

    #refresh({ row, color, name, score, eye, bin }, item, active) {
        const mask = this.editor.masks.draw(item);
        row.classList.toggle('active', active);
        row.setAttribute('aria-current', String(active));
        color.style.setProperty('--swatch', css(item.color));
        color.setAttribute('aria-label', `Colour of ${item.name}: ${COLORS[item.color].name}`);
        if (name.value !== item.name) {
            name.value = item.name;
        }
        score.textContent = typeof mask?.score === 'number' ? mask.score.toFixed(2) : '';
        score.title = 'How sure the model is of this mask (0 to 1)';
        if (eye.dataset.visible !== String(item.visible)) {
            eye.dataset.visible = String(item.visible);
            eye.replaceChildren(icon(item.visible ? 'eye' : 'eye-off'));
        }
        eye.setAttribute('aria-label', `${item.visible ? 'Hide' : 'Show'} ${item.name}`);
        bin.setAttribute('aria-label', `Delete ${item.name}`);
    }

    /** The masks to choose from, and what else can be done with the active object. */
    #alternatives() {
        const { editor } = this;
        const item = editor.active;
        const box = byId('alternatives');
        const masks = item ? editor.masks.answerOf(item) : [];
        const choice = item ? editor.masks.choiceOf(item) : -1;
        byId('details').hidden = !item;
        byId('refine').hidden = !item?.strokes.length;
        byId('more-masks').hidden = !(item && masks.length === 1 && asks(item.prompt));
        box.hidden = masks.length < 2;
        const key = `${item?.id} ${masks.map(({ score }) => score).join()}`;
        if (box.dataset.key !== key) {
            box.dataset.key = key;
            box.replaceChildren(...masks.map((mask, i) => make('button', {
                type: 'button', onclick: () => editor.choose(i),
            }, make('span', { class: 'which' }, `Mask ${i + 1}`), make('span', { class: 'score' }, mask.score.toFixed(2)))));
        }
        [...box.children].forEach((button, i) => button.setAttribute('aria-pressed', String(i === choice)));
    }
}
