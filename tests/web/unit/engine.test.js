// SPDX-License-Identifier: Apache-2.0
// WorkerEngine over a worker of known answers.
import assert from 'node:assert';
import { test } from 'node:test';

import { WorkerEngine } from '../../../web/engine.js';

/** Answers when told to; `seen` are the messages that it got. */
class FakeWorker {
    constructor(all, held) {
        this.seen = [];
        this.held = held;
        all.push(this);
    }

    postMessage(message) {
        this.seen.push(message);
        if (!this.held.has(message.op)) {
            queueMicrotask(() => this.answer(message));
        }
    }

    answer({ id, op, prompt }, more = {}) {
        const result = { start: undefined, model: { imageSize: 512 }, embedding: { width: 4, height: 3 },
            predict: { masks: [], milliseconds: 1, asked: prompt }, everything: 2 }[op];
        this.onmessage?.({ data: { id, result, ...more } });
    }

    terminate() {
        this.ended = true;
    }
}

function start(...held) {
    const all = [];
    return { all, engine: new WorkerEngine({ makeWorker: () => new FakeWorker(all, new Set(held)) }) };
}

const prompt = (x) => ({ points: [[x, 0, 1]], box: null, lowRes: null, multimask: false, raster: null });
const settle = () => new Promise((resolve) => setTimeout(resolve, 0));

test('of hovers that wait the newest is asked', async () => {
    const { all, engine } = start('predict');
    const answers = [1, 2, 3].map((x) => engine.hover(prompt(x)));
    assert.equal(await answers[1], null);
    await settle();
    const asked = () => all[0].seen.filter(({ op }) => op === 'predict');
    assert.deepEqual(asked().map((m) => m.prompt.points[0][0]), [1]);
    all[0].answer(asked()[0]);
    assert.equal((await answers[0]).asked.points[0][0], 1);
    await settle();
    assert.deepEqual(asked().map((m) => m.prompt.points[0][0]), [1, 3]);
    all[0].answer(asked()[1]);
    assert.equal((await answers[2]).asked.points[0][0], 3);
});

test('a cancelled encoding ends the worker; the next has model and photo again', async () => {
    const { all, engine } = start('encode');
    await engine.loadModel(new ArrayBuffer(8));
    await engine.setEmbedding(new ArrayBuffer(16));
    const abort = new AbortController();
    const image = { data: new Uint8ClampedArray(16), width: 2, height: 2 };
    const encoding = engine.encode(image, { signal: abort.signal });
    await settle();
    abort.abort();
    await assert.rejects(encoding, { name: 'AbortError' });
    assert.equal(all.length, 2);
    assert.ok(all[0].ended);
    await engine.predict(prompt(5));
    assert.deepEqual(all[1].seen.map(({ op }) => op), ['start', 'model', 'embedding', 'predict']);
    assert.equal(all[1].seen[2].bytes.byteLength, 16);
});

test('progress and masks come before the answer', async () => {
    const { all, engine } = start('everything');
    const told = [], masks = [];
    const all2 = engine.everything({}, { onMask: (mask) => masks.push(mask), onProgress: (done) => told.push(done) });
    await settle();
    const message = all[0].seen.at(-1);
    all[0].onmessage({ data: { id: message.id, progress: 0.5 } });
    all[0].onmessage({ data: { id: message.id, mask: { area: 7 } } });
    all[0].answer(message);
    assert.equal(await all2, 2);
    assert.deepEqual(told, [0.5]);
    assert.deepEqual(masks, [{ area: 7 }]);
});

test('errors have message and code', async () => {
    const { all, engine } = start('predict');
    const asked = engine.predict(prompt(1));
    await settle();
    all[0].answer(all[0].seen.at(-1), { result: undefined, error: { message: 'no photo', code: 'argument' } });
    await assert.rejects(asked, { message: 'no photo', code: 'argument' });
    const lost = engine.predict(prompt(2));
    await settle();
    engine.close();
    await assert.rejects(lost, { code: 'closed' });
});
