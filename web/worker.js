// SPDX-License-Identifier: Apache-2.0
// The worker that computes: one SamcWasm, one message at a time. A message is {id, op, …}; answers
// are {id, result}, {id, error: {message, code}}, and on the way {id, progress} and {id, mask}.
import { SamcWasm } from './samc_wasm.js';

let samc = null;

const operations = {
    async start({ url }) {
        const response = await fetch(url);
        if (!response.ok) {
            throw Object.assign(new Error(`${url} is not there (${response.status})`), { code: 'not_found' });
        }
        let module;
        try {
            module = await WebAssembly.compile(await response.arrayBuffer());
        } catch (error) {
            throw Object.assign(new Error(`This browser does not run samc.wasm, which needs WebAssembly with SIMD (${error.message}).`),
                { code: 'unsupported' });
        }
        samc = new SamcWasm(module);
    },
    model: ({ bytes }) => samc.loadModel(new Uint8Array(bytes)),
    embedding: ({ bytes }) => samc.setEmbedding(new Uint8Array(bytes)),
    encode({ id, data, width, height }) {
        samc.onProgress = (progress) => postMessage({ id, progress });
        try {
            samc.encode(new Uint8Array(data), width, height);
        } finally {
            samc.onProgress = null;
        }
        return { width, height };
    },
    predict({ prompt }) {
        const begin = performance.now();
        const masks = samc.predict(prompt);
        return { masks, milliseconds: performance.now() - begin };
    },
    everything: ({ id, options }) => samc.everything(options,
        (mask) => postMessage({ id, mask }, [mask.bits.buffer]),
        (progress) => postMessage({ id, progress })),
};

// Messages are taken in their order: the next one waits for what the last one awaits.
let last = Promise.resolve();

onmessage = ({ data }) => {
    last = last.then(async () => {
        try {
            const result = await operations[data.op](data);
            const buffers = (result?.masks ?? []).flatMap((mask) => [mask.bits.buffer, mask.lowRes.buffer]);
            postMessage({ id: data.id, result }, buffers);
        } catch (error) {
            postMessage({ id: data.id, error: { message: error.message, code: error.code ?? 'failed' } });
        }
    });
};
