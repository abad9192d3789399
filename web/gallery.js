// SPDX-License-Identifier: Apache-2.0
import * as api from './api.js';
import { byId, make } from './dom.js';
import { thumbnail } from './photo.js';

/**
 * The strip of photos: the server's folder, and those that were opened here.
 *
 * @typedef {{key: string, name: string, open: () => void, row: HTMLElement}} Entry
 */
export class Gallery {
    /** @param {import('./session.js').Session} session @param {(load: () => Promise<any>, key: string | null) => void} open */
    constructor(session, open) {
        this.session = session;
        this.open = open;
        this.strip = byId('strip');
        /** @type {Map<string, Entry>} */
        this.entries = new Map();
        this.next = null;
        byId('strip-more').addEventListener('click', () => this.more());
        this.#samples();
    }

    #samples() {
        const tiles = this.session.samples.map((path) => {
            const name = decodeURIComponent(path.replace(/.*\//, ''));
            return make('button', { type: 'button', class: 'tile', onclick: () => this.open(() => this.#sample(path, name), null) },
                make('img', { src: path, alt: '', loading: 'lazy' }),
                make('span', {}, name.replace(/\.[a-z]+$/i, '').replace(/[_-]/g, ' ')));
        });
        byId('samples').replaceChildren(...tiles);
        byId('samples-block').hidden = !tiles.length;
    }

    async #sample(path, name) {
        return this.session.fromFile(await (await api.request(path)).blob(), name);
    }

    /** The next hundred photos of the folder. */
    async more() {
        const path = this.next ? `api/photos?after=${this.next}` : 'api/photos';
        const { photos, next, count } = await (await api.request(path)).json();
        this.next = next;
        for (const photo of photos.filter(({ width }) => width > 0)) {
            const image = make('img', { src: `api/photos/${photo.id}/thumbnail`, alt: '', loading: 'lazy', draggable: false });
            this.#add(photo.id, photo.name, image, () => this.session.fromFolder(photo));
        }
        byId('strip-more').hidden = next === null;
        byId('strip-more').textContent = `More of ${count}`;
    }

    /** @param {import('./session.js').Photo} photo that was opened here */
    opened(photo) {
        if (!this.entries.has(photo.key)) {
            this.#add(photo.key, photo.name, thumbnail(photo.bitmap), async () => photo, true);
        }
        for (const [key, { row }] of this.entries) {
            row.setAttribute('aria-current', String(key === photo.key));
        }
        this.entries.get(photo.key).row.scrollIntoView({ block: 'nearest', inline: 'nearest' });
    }

    #add(key, name, picture, load, first = false) {
        const open = () => this.open(load, key);
        const row = make('button', { type: 'button', title: name, 'aria-label': name, onclick: open }, picture);
        if (first) {
            this.strip.prepend(row);
        } else {
            byId('strip-more').before(row);
        }
        this.entries.set(key, { key, name, open, row });
        byId('app').classList.toggle('with-strip', this.entries.size > 1 || this.session.folder);
    }

    /** The photo before or after; in the order of the strip. @param {string} key @param {1 | -1} step */
    step(key, step) {
        const rows = [...this.strip.children].filter((row) => row.id !== 'strip-more');
        const at = rows.indexOf(this.entries.get(key)?.row);
        /** @type {any} */ (rows[at + step])?.click();
    }
}
