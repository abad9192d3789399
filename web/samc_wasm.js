// SPDX-License-Identifier: Apache-2.0
// samc.wasm as JavaScript: one model, one photo, calls that throw. Used by worker.js and, under
// node, by the tests. The exports are described in wasm_api.c.

/** An error of the library; `code` is a samc_status's name. */
export class SamcError extends Error {
    constructor(status, message) {
        super(message);
        this.code = ['ok', 'argument', 'prompt', 'memory', 'io', 'format', 'unsupported', 'limit',
            'cancelled', 'model'][status] ?? 'failed';
    }
}

export class SamcWasm {
    /** @param {WebAssembly.Module} module */
    constructor(module) {
        this.onProgress = null;
        this.onMask = null;
        this.info = null; // of the model
        const own = {
            progress: (done) => { this.onProgress?.(done); return 0; },
            mask: () => { this.onMask?.(this.#mask(0)); return 0; },
        };
        // What the C library would print goes nowhere: 8 is WASI's "no such descriptor".
        const wasi = new Proxy({}, { get: () => () => 8 });
        this.instance = new WebAssembly.Instance(module, { samc: own, wasi_snapshot_preview1: wasi });
        this.c = this.instance.exports;
        this.c._initialize?.();
    }

    #check(status) {
        if (status !== 0) throw new SamcError(status, this.#text(this.c.samc_web_error()));
    }

    #text(at) {
        const bytes = new Uint8Array(this.c.memory.buffer, at);
        return new TextDecoder().decode(bytes.slice(0, bytes.indexOf(0)));
    }

    /** Calls fn with the address of a copy of each array; null gives 0. */
    #with(arrays, fn) {
        const places = [];
        try {
            for (const array of arrays) {
                const at = array ? this.c.samc_web_alloc(array.byteLength) : 0;
                if (array && at === 0) {
                    throw new SamcError(3, `no memory for ${array.byteLength} bytes in the page`);
                }
                places.push(at);
            }
            arrays.forEach((array, i) => {
                if (!array) return;
                new Uint8Array(this.c.memory.buffer, places[i], array.byteLength)
                    .set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
            });
            return fn(...places);
        } finally {
            places.forEach((at) => at && this.c.samc_web_free(at));
        }
    }

    /** @param {Uint8Array} bytes safetensors, a whole model or a decoder alone */
    loadModel(bytes) {
        this.#with([bytes], (at) => this.#check(this.c.samc_web_model(at, bytes.byteLength)));
        this.info = JSON.parse(this.#text(this.c.samc_web_info()));
        return this.info;
    }

    /** @param {Uint8Array} rgba */
    encode(rgba, width, height) {
        this.#with([rgba], (at) => this.#check(this.c.samc_web_encode(at, width, height)));
    }

    /** @param {Uint8Array} bytes what `samc embed` writes */
    setEmbedding(bytes) {
        this.#with([bytes], (at) => this.#check(this.c.samc_web_embedding(at, bytes.byteLength)));
        return { width: this.c.samc_web_photo_width(), height: this.c.samc_web_photo_height() };
    }

    #mask(i) {
        const c = this.c, buffer = c.memory.buffer;
        const width = c.samc_web_mask_width(), height = c.samc_web_mask_height();
        const box = new Int32Array(buffer, c.samc_web_box(i), 5);
        const mask = { width, height, score: c.samc_web_score(i), stability: c.samc_web_stability(i),
            bbox: [...box.slice(0, 4)], area: box[4],
            bits: new Uint8Array(buffer, c.samc_web_bits(i), width * height).slice() };
        const lowRes = c.samc_web_low_res(i);
        if (lowRes) {
            mask.lowRes = new Float32Array(buffer, lowRes, this.info.lowResSize ** 2).slice();
        } else {
            mask.point = [...new Float64Array(buffer, c.samc_web_point(), 2)];
        }
        return mask;
    }

    /** @param {object} prompt see engine.js */
    predict({ points = [], box = null, lowRes = null, multimask = false, raster = null }) {
        const xy = new Float32Array(points.flatMap(([x, y]) => [x, y]));
        const labels = new Int32Array(points.map((point) => point[2]));
        this.#with([xy, labels, box && new Float32Array(box), lowRes], (p, l, b, m) =>
            this.#check(this.c.samc_web_predict(p, l, points.length, b, m, multimask ? 1 : 0,
                raster?.width ?? 0, raster?.height ?? 0)));
        return Array.from({ length: this.c.samc_web_count() }, (_, i) => this.#mask(i));
    }

    /** Calls onMask for each mask, best first; returns how many came. */
    everything({ pointsPerSide = 32, predIouThresh = NaN, stabilityScoreThresh = NaN,
        raster = null } = {}, onMask, onProgress) {
        let count = 0;
        this.onMask = (mask) => { count++; onMask(mask); };
        this.onProgress = onProgress ?? null;
        try {
            this.#check(this.c.samc_web_everything(pointsPerSide, predIouThresh, stabilityScoreThresh,
                raster?.width ?? 0, raster?.height ?? 0));
        } finally {
            this.onMask = this.onProgress = null;
        }
        return count;
    }
}
