// SPDX-License-Identifier: Apache-2.0
import * as api from './api.js';
import { readPhoto } from './photo.js';
import { ServerEngine } from './server_engine.js';

/**
 * Where photos are encoded and prompts answered: by `samc serve`, by it with the decoder here, or all of
 * it here (a static site).
 *
 * @typedef {{key: string, name: string, width: number, height: number, blob: Blob | null,
 *            bitmap: ImageBitmap | null, id: string | null}} Photo
 */
export class Session {
    /** @returns {Promise<Session>} */
    static async start() {
        const session = new Session();
        const site = await fetch('site.json').catch(() => null);
        if (site?.ok) {
            await session.#startAlone(await site.json());
        } else {
            await session.#startWithServer(await (await api.request('api/config')).json());
        }
        return session;
    }

    async #startAlone(site) {
        const { WorkerEngine } = await import('./engine.js');
        const model = await fetch(site.model);
        if (!model.ok) {
            throw api.failure(`The model ${site.model} is not there.`, 'not_found');
        }
        this.server = false;
        this.folder = false;
        this.samples = site.samples ?? [];
        this.limits = null;
        this.engine = new WorkerEngine({ wasm: site.wasm });
        const info = await this.engine.loadModel(await model.arrayBuffer());
        this.model = { name: site.model.replace(/.*\//, ''), imageSize: info.imageSize, lowResSize: info.lowResSize };
    }

    async #startWithServer(config) {
        this.server = true;
        this.folder = config.folder;
        this.samples = config.samples ?? [];
        this.limits = config.limits;
        this.model = config.model;
        this.answers = new ServerEngine();
        this.engine = config.wasm ? await decoderHere() : null;
        this.engine ??= this.answers;
    }

    /**
     * @param {Blob} blob
     * @param {string} name
     * @returns {Promise<Photo>}
     */
    async fromFile(blob, name) {
        if (this.limits && blob.size > this.limits.bytes) {
            throw api.failure(`“${name}” has ${(blob.size / 2 ** 20).toFixed(0)} MiB; the server takes at most ` +
                `${(this.limits.bytes / 2 ** 20).toFixed(0)}.`, 'limit');
        }
        const photo = { key: `file-${++this.count}`, name, blob, id: null, width: 0, height: 0, bitmap: null };
        photo.bitmap = await readPhoto(blob).catch(() => null);
        if (photo.bitmap) {
            photo.width = photo.bitmap.width;
            photo.height = photo.bitmap.height;
        } else if (!this.server) {
            throw api.failure(`“${name}” is no photo that this browser reads.`, 'unsupported');
        } else {
            await this.#upload(photo); // what the browser cannot read (TIFF) the server can
            await this.#fetchBitmap(photo);
        }
        return photo;
    }

    count = 0;

    /** @param {{id: string, name: string, width: number, height: number}} listed @returns {Promise<Photo>} */
    async fromFolder(listed) {
        const photo = { ...listed, key: listed.id, blob: null, bitmap: null };
        await this.#fetchBitmap(photo);
        return photo;
    }

    async #fetchBitmap(photo) {
        photo.bitmap = await readPhoto(await (await api.request(`api/photos/${photo.id}/image`)).blob());
    }

    /**
     * Masks of everything: by the server where there is one, whose threads are several times as fast.
     *
     * @param {{raster: {width: number, height: number}}} options
     * @param {{onMask: (mask: any) => void, onProgress: (done: number) => void, signal: AbortSignal}} how
     * @returns {Promise<number>}
     */
    everything(options, how) {
        return this.server
            ? this.answers.everything(options, how)
            : this.engine.everything({ pointsPerSide: POINTS_HERE, ...options }, how);
    }

    async #upload(photo, signal) {
        const { id, width, height } = await api.upload(photo.blob, photo.name, signal);
        photo.id = id;
        if (photo.width && (photo.width !== width || photo.height !== height)) {
            await this.#fetchBitmap(photo); // another idea of what is upright: the model's holds
        }
        photo.width = width;
        photo.height = height;
    }

    /**
     * Makes it the engine's current photo.
     *
     * @param {Photo} photo
     * @param {{onProgress: (done: number, queue: number) => void, signal: AbortSignal}} how
     */
    async encode(photo, how) {
        if (!this.server) {
            await this.engine.encode(pixels(photo.bitmap), how);
            return;
        }
        if (!photo.id) {
            await this.#upload(photo, how.signal);
        }
        try {
            await api.encode(photo.id, how);
        } catch (error) {
            if (error.code !== 'not_found' || !photo.blob) {
                throw error;
            }
            await this.#upload(photo, how.signal); // it had to make room
            await api.encode(photo.id, how);
        }
        this.answers.usePhoto(photo);
        if (this.engine === this.answers) {
            return;
        }
        const path = `api/photos/${photo.id}/embedding?dtype=f16`;
        await this.engine.setEmbedding(await (await api.request(path, { signal: how.signal })).arrayBuffer());
    }
}

/** Points a side in everything mode where all of it is computed here: a quarter of the reference's prompts. */
const POINTS_HERE = 16;

/** The decoder in this browser, or null: then the server answers prompts. */
async function decoderHere() {
    if (typeof WebAssembly !== 'object') {
        return null;
    }
    let engine = null;
    try {
        const { WorkerEngine } = await import('./engine.js');
        engine = new WorkerEngine();
        await engine.loadModel(await (await api.request('api/model/decoder')).arrayBuffer());
        return engine;
    } catch (error) {
        engine?.close();
        console.warn('the decoder does not run here, the server answers:', error);
        return null;
    }
}

/** @param {ImageBitmap} bitmap @returns {ImageData} */
function pixels(bitmap) {
    const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d', { willReadFrequently: true });
    context.drawImage(bitmap, 0, 0);
    return context.getImageData(0, 0, bitmap.width, bitmap.height);
}
