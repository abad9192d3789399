// SPDX-License-Identifier: Apache-2.0
import { failure } from './api.js';
import { Newest } from './newest.js';

/**
 * The engine that computes here, in a worker round samc.wasm: the decoder of a server's embeddings,
 * or a whole model (a static site). Coordinates are pixels of the upright photo.
 *
 * @typedef {{points: [number, number, number][], box: [number, number, number, number] | null,
 *            lowRes: Float32Array | null, multimask: boolean,
 *            raster: {width: number, height: number} | null}} Prompt  raster: the masks' size, null the photo's
 * @typedef {{score: number, stability: number, area: number, bbox: number[], width: number, height: number,
 *            bits: Uint8Array, lowRes?: Float32Array, point?: number[]}} Mask
 */
export class WorkerEngine {
    /** @param {{wasm?: string, makeWorker?: () => Worker}} [how] */
    constructor({ wasm = 'samc.wasm', makeWorker } = {}) {
        this.kind = 'worker';
        this.wasm = new URL(wasm, globalThis.document?.baseURI ?? 'http://localhost/').href;
        this.makeWorker = makeWorker ??
            (() => new Worker(new URL('./worker.js', import.meta.url), { type: 'module' }));
        this.calls = new Map(); // id → {op, message, resolve, reject, onProgress, onMask}
        this.count = 0;
        this.hovers = new Newest((prompt) => this.predict(prompt));
        this.model = null; // what a new worker is given again: {op, message}
        this.embedding = null;
        this.#start();
    }

    #start() {
        const worker = this.makeWorker();
        this.worker = worker;
        worker.onmessage = ({ data }) => worker === this.worker && this.#answer(data);
        worker.onerror = (event) => worker === this.worker && this.#failAll(
            failure(event.message || 'The worker could not be started.', 'failed'));
        this.started = this.#call('start', { url: this.wasm });
        this.started.catch(() => {}); // whoever calls next hears of it
    }

    #answer({ id, result, error, progress, mask }) {
        const call = this.calls.get(id);
        if (!call) {
            return;
        }
        if (progress !== undefined) {
            call.onProgress?.(progress, 0);
        } else if (mask) {
            call.onMask?.(mask);
        } else {
            this.calls.delete(id);
            error ? call.reject(failure(error.message, error.code)) : call.resolve(result);
        }
    }

    #failAll(error) {
        const calls = [...this.calls.values()];
        this.calls.clear();
        calls.forEach((call) => call.reject(error));
    }

    #call(op, message, how = {}) {
        const id = ++this.count;
        const answer = new Promise((resolve, reject) => {
            const { onProgress, onMask } = how;
            this.calls.set(id, { resolve, reject, onProgress, onMask, op, message });
            this.worker.postMessage({ id, op, ...message });
        });
        how.onPosted?.(id);
        return answer;
    }

    /** A call that may be cancelled: the worker is ended and a new one gets the model and the photo again. */
    async #cancellable(op, message, { signal, ...how }) {
        await this.started;
        signal?.throwIfAborted();
        let id = 0;
        const cancel = () => this.#restart(id, signal.reason);
        signal?.addEventListener('abort', cancel, { once: true });
        try {
            return await this.#call(op, message, { ...how, onPosted: (posted) => { id = posted; } });
        } finally {
            signal?.removeEventListener('abort', cancel);
        }
    }

    /** Ends the call `id`; the new worker is asked again what the old one has not answered, in its order. */
    #restart(id, reason) {
        const cancelled = this.calls.get(id);
        const open = [...this.calls].filter(([other, { op, again }]) => other !== id && op !== 'start' && !again);
        const starting = [...this.calls.values()].find(({ op }) => op === 'start');
        this.calls.clear();
        this.worker.terminate();
        this.#start();
        this.started.then(starting?.resolve, starting?.reject); // for those that wait until it runs
        for (const kept of [this.model, this.embedding]) {
            if (kept) {
                this.#call(kept.op, kept.message).catch(() => {}); // it was taken before
                this.calls.get(this.count).again = true;
            }
        }
        for (const [other, call] of open) {
            this.calls.set(other, call);
            this.worker.postMessage({ id: other, op: call.op, ...call.message });
        }
        cancelled?.reject(reason ?? failure('Cancelled.', 'cancelled'));
    }

    /** @param {ArrayBuffer} bytes safetensors: a whole model or a decoder alone */
    async loadModel(bytes) {
        await this.started;
        const info = await this.#call('model', { bytes });
        this.model = { op: 'model', message: { bytes } };
        this.embedding = null;
        return info;
    }

    /**
     * @param {{data: Uint8ClampedArray, width: number, height: number}} image RGBA, upright
     * @param {{onProgress?: (done: number) => void, signal?: AbortSignal}} [how]
     */
    async encode({ data, width, height }, how = {}) {
        const message = { data: data.buffer, width, height };
        await this.#cancellable('encode', message, how);
        this.embedding = { op: 'encode', message };
    }

    /** @param {ArrayBuffer} bytes what `samc embed` writes */
    async setEmbedding(bytes) {
        await this.started;
        const size = await this.#call('embedding', { bytes });
        this.embedding = { op: 'embedding', message: { bytes } };
        return size;
    }

    /** Answered always, and in order. @param {Prompt} prompt @returns {Promise<{masks: Mask[], milliseconds: number}>} */
    async predict(prompt) {
        await this.started;
        return this.#call('predict', { prompt: bare(prompt) });
    }

    /** One at a time; of those that wait meanwhile the newest, the others get null. @param {Prompt} prompt */
    hover(prompt) {
        return this.hovers.put(prompt);
    }

    /**
     * @param {{pointsPerSide?: number, predIouThresh?: number, stabilityScoreThresh?: number,
     *          raster?: {width: number, height: number}}} options
     * @param {{onMask: (mask: Mask) => void, onProgress?: (done: number) => void, signal?: AbortSignal}} how
     * @returns {Promise<number>} how many
     */
    everything(options, how) {
        return this.#cancellable('everything', { options }, how);
    }

    close() {
        this.worker.terminate();
        this.hovers.drop();
        this.#failAll(failure('The engine was closed.', 'closed'));
    }
}

/** What the worker needs of a prompt, and may be sent. */
function bare({ points, box, lowRes, multimask, raster }) {
    return { points, box, lowRes, multimask, raster };
}
