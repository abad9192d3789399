// SPDX-License-Identifier: Apache-2.0
import { byId, svgPath } from './dom.js';
import { coco, fileName, outline, svg } from './files.js';
import { css } from './palette.js';
import { copy, cutoutPng, maskPng, save } from './pictures.js';
import { toPath } from './polygon.js';
import { announce, toast } from './toasts.js';

const KINDS = {
    cutout: { extension: 'png', type: 'image/png', each: true },
    mask: { extension: 'png', type: 'image/png', each: true },
    coco: { extension: 'json', type: 'text/plain', each: false },
    svg: { extension: 'svg', type: 'text/plain', each: false },
};

/** Masks leave at the photo's full size, as files or through the clipboard. */
export class ExportDialog {
    /** @param {import('./editor.js').Editor} editor */
    constructor(editor) {
        this.editor = editor;
        this.dialog = byId('export');
        this.form = byId('export-form');
        /** @type {WeakMap<object, Promise<import('./files.js').Full>>} */
        this.full = new WeakMap();
        this.form.addEventListener('input', () => this.#refresh());
        byId('export-save').addEventListener('click', () => this.#run(() => this.#save()));
        byId('export-copy').addEventListener('click', () => this.#run(() => this.#copy()));
    }

    get kind() {
        return this.form.elements.kind.value;
    }

    get tolerance() {
        return Number(this.form.elements.fineness.value);
    }

    open() {
        const { items } = this.editor.state;
        if (!items.length || this.dialog.open) {
            if (!items.length) {
                toast('There is no object yet: click on something first.');
            }
            return;
        }
        this.form.elements.scope.value = this.editor.active ? 'one' : 'all';
        this.form.elements.scope[0].disabled = !this.editor.active;
        byId('export-one').textContent = this.editor.active?.name ?? 'Chosen object';
        byId('export-all').textContent = items.length === 1 ? 'All (1 object)' : `All (${items.length} objects)`;
        this.dialog.showModal();
        this.#refresh();
    }

    /** @returns {Promise<import('./files.js').Full>} the mask at the photo's size, computed once */
    fullOf(item) {
        if (!this.full.has(item)) {
            const made = this.editor.masks.full(item, this.editor.photo);
            made.catch(() => this.full.delete(item));
            this.full.set(item, made);
        }
        return this.full.get(item);
    }

    #items() {
        const { items } = this.editor.state;
        return this.form.elements.scope.value === 'one' && this.editor.active ? [this.editor.active] : items;
    }

    async #masks() {
        const masks = [];
        for (const item of this.#items()) {
            masks.push(await this.fullOf(item));
        }
        return masks;
    }

    async #refresh() {
        const { kind } = this;
        byId('fineness-row').hidden = kind !== 'svg';
        byId('crop-row').hidden = kind !== 'cutout';
        byId('export-preview').toggleAttribute('hidden', kind !== 'svg');
        byId('export-copy').disabled = KINDS[kind].each && this.#items().length > 1;
        byId('fineness-value').textContent = `${this.tolerance} px`;
        if (kind === 'svg') {
            const turn = (this.turn = (this.turn ?? 0) + 1);
            const masks = await this.#masks().catch((error) => toast(error.message, 'error'));
            if (masks && turn === this.turn) {
                this.#preview(masks);
            }
        }
    }

    #preview(masks) {
        const { width, height } = this.editor.photo;
        const preview = byId('export-preview');
        preview.setAttribute('viewBox', `0 0 ${width} ${height}`);
        let corners = 0;
        preview.replaceChildren(...masks.map((mask) => {
            const rings = outline(mask, this.tolerance);
            corners += rings.reduce((sum, ring) => sum + ring.length, 0);
            const path = svgPath(toPath(rings));
            path.setAttribute('fill', css(mask.item.color, 0.45));
            path.setAttribute('stroke', css(mask.item.color));
            return path;
        }));
        byId('fineness-value').textContent = `${this.tolerance} px, ${corners} corners`;
    }

    /** @returns {Promise<Blob>} of a kind that is one file */
    async #together(kind) {
        const masks = await this.#masks();
        const { photo } = this.editor;
        return new Blob([kind === 'coco' ? coco(masks, photo)
            : svg(masks, photo, this.tolerance, (item) => css(item.color).replace(' / 1', ''))],
        { type: KINDS[kind].type });
    }

    async #each(kind, item) {
        const full = await this.fullOf(item);
        return kind === 'mask' ? maskPng(full) : cutoutPng(full, this.editor.photo.bitmap, this.form.elements.crop.checked);
    }

    async #save() {
        const { kind } = this;
        const { extension, each } = KINDS[kind];
        const stem = this.editor.photo.name.replace(/\.[a-z0-9]{2,5}$/i, '');
        if (!each) {
            save(await this.#together(kind), fileName(extension, stem, kind === 'coco' ? 'coco' : 'outline'));
            return 'Saved';
        }
        const items = this.#items();
        for (const item of items) {
            save(await this.#each(kind, item), fileName(extension, stem, item.name, kind));
        }
        return items.length === 1 ? 'Saved' : `${items.length} files saved`;
    }

    async #copy() {
        const { kind } = this;
        await copy(KINDS[kind].type, KINDS[kind].each ? this.#each(kind, this.#items()[0]) : this.#together(kind));
        return 'Copied';
    }

    /** The active object's cut-out, without the dialog. */
    quickCopy() {
        const item = this.editor.active ?? this.editor.state.items.at(-1);
        if (!item) {
            return false;
        }
        this.#run(async () => {
            await copy('image/png', this.#each('cutout', item));
            return `Cut-out of ${item.name} copied`;
        });
        return true;
    }

    async #run(work) {
        this.dialog.setAttribute('aria-busy', 'true');
        try {
            const said = await work();
            toast(said);
            announce(said);
            this.dialog.close();
        } catch (error) {
            this.dialog.close(); // a toast lies below a modal dialog
            toast(error.message, 'error');
        } finally {
            this.dialog.removeAttribute('aria-busy');
        }
    }
}
