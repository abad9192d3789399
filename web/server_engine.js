// SPDX-License-Identifier: Apache-2.0
import { failure, lines, request } from './api.js';
import { Newest } from './newest.js';
import { area, decode, fromString } from './rle.js';

/** The engine for browsers without the decoder: every prompt goes to the server. */
export class ServerEngine {
    constructor() {
        this.kind = 'server';
        this.photo = null;
        this.queue = Promise.resolve();
        this.hovers = new Newest((prompt) => this.#ask(this.photo, prompt));
    }

    /** Of the photo that the server has encoded. @param {{id: string, width: number, height: number}} photo */
    usePhoto(photo) {
        this.photo = photo;
    }

    /** Answered always, and in order. */
    predict(prompt) {
        const photo = this.photo;
        const answer = this.queue.then(() => this.#ask(photo, prompt));
        this.queue = answer.catch(() => {});
        return answer;
    }

    /** One at a time; of those that wait meanwhile, the newest. */
    hover(prompt) {
        return this.hovers.put(prompt);
    }

    async #ask(photo, prompt) {
        if (!photo) {
            throw failure('There is no photo yet.', 'not_encoded');
        }
        const begin = performance.now();
        const json = { points: prompt.points, multimask: prompt.multimask, wantLowRes: Boolean(prompt.wantLowRes) };
        if (prompt.box) {
            json.boxes = [prompt.box];
        }
        if (prompt.lowRes) {
            json.lowRes = toBase64(prompt.lowRes);
        }
        const said = await (await request(`api/photos/${photo.id}/predict`, { method: 'POST', json })).json();
        return {
            masks: said.masks.map((mask) => drawn(mask, photo, prompt.raster)),
            milliseconds: performance.now() - begin,
        };
    }

    /**
     * @param {{raster?: {width: number, height: number}}} options and those of the route, as they are
     * @param {{onMask: (mask: any) => void, signal?: AbortSignal}} how
     * @returns {Promise<number>}
     */
    async everything({ raster, ...json }, { onMask, signal }) {
        const photo = this.photo;
        let count = 0;
        const response = await request(`api/photos/${photo.id}/everything`, { method: 'POST', json, signal });
        for await (const line of lines(response)) {
            if (!line) {
                continue;
            }
            const mask = JSON.parse(line);
            if (mask.error) {
                throw failure(mask.error, mask.code);
            }
            onMask({ ...drawn(mask, photo, raster), score: mask.predictedIou, point: mask.point });
            count++;
        }
        return count;
    }

    close() {
        this.hovers.drop();
        this.photo = null;
    }
}

/** A mask of the server at the size that was asked for. */
function drawn(mask, photo, raster) {
    const { width, height } = raster ?? photo;
    const rle = fromString(mask.rle.counts, mask.rle.size[1], mask.rle.size[0]);
    const [sx, sy] = [width / rle.width, height / rle.height];
    return {
        score: mask.score,
        stability: mask.stability,
        area: area(rle) * sx * sy,
        bbox: [mask.bbox[0] * sx, mask.bbox[1] * sy, mask.bbox[2] * sx, mask.bbox[3] * sy],
        width,
        height,
        bits: decode(rle, width, height),
        lowRes: null,
    };
}

/** Little-endian f32, as every browser's machine has them. */
function toBase64(floats) {
    const bytes = new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength);
    let text = '';
    for (let at = 0; at < bytes.length; at += 8192) {
        text += String.fromCharCode(...bytes.subarray(at, at + 8192));
    }
    return btoa(text);
}
