// SPDX-License-Identifier: Apache-2.0
/** The engine of the page on workers that answer when they are told to. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WorkerEngine } from '../../../web/engine.js';

/** Keeps what it is sent; answers the oldest message when told. */
class FakeWorker {
    constructor() {
        this.inbox = [];
        this.ended = false;
    }

    postMessage(message) {
        assert.equal(this.ended, false, 'a worker that was ended gets nothing');
        this.inbox.push(message);
    }

    terminate() {
        this.ended = true;
    }

    /** @param {any} result of the oldest message; a function of it for {error} or {progress} */
    answer(result, op) {
        const message = this.inbox.shift();
        assert.equal(message?.op, op);
        this.onmessage({ data: { id: message.id, result } });
    }

    refuse(error) {
        this.onmessage({ data: { id: this.inbox.shift().id, error } });
    }

    get ops() {
        return this.inbox.map(({ op }) => op);
    }
}

const settle = () => new Promise((done) => setImmediate(done));
const at = (x) => ({ points: [[x, 0, 1]], box: null, lowRes: null, multimask: false, raster: null });
const xs = ({ inbox }) => inbox.map(({ prompt }) => prompt.points[0][0]);

/** An engine with a model and a photo, and the workers it has made. */
async function ready() {
    const workers = [];
    const engine = new WorkerEngine({ makeWorker: () => (workers.push(new FakeWorker()), workers.at(-1)) });
    workers[0].answer(undefined, 'start');
    const loaded = engine.loadModel(new ArrayBuffer(8));
    await settle();
    workers[0].answer({ imageSize: 1024 }, 'model');
    assert.deepEqual(await loaded, { imageSize: 1024 });
    const set = engine.setEmbedding(new ArrayBuffer(16));
    await settle();
    workers[0].answer({ width: 30, height: 20 }, 'embedding');
    assert.deepEqual(await set, { width: 30, height: 20 });
    return { engine, workers };
}

test('prompts are sent and answered in their order', async () => {
    const { engine, workers: [worker] } = await ready();
    const done = [];
    for (const x of [1, 2, 3]) {
        engine.predict(at(x)).then(({ masks }) => done.push(masks));
    }
    await settle();
    assert.deepEqual(xs(worker), [1, 2, 3]);
    [10, 20, 30].forEach((masks) => worker.answer({ masks }, 'predict'));
    await settle();
    assert.deepEqual(done, [10, 20, 30]);
});

test('of the hovers that wait the newest is asked, the others are null', async () => {
    const { engine, workers: [worker] } = await ready();
    const hovers = [1, 2, 3, 4].map((x) => engine.hover(at(x)));
    await settle();
    assert.deepEqual(xs(worker), [1]);
    worker.answer('first', 'predict');
    await settle();
    assert.deepEqual(xs(worker), [4]);
    worker.answer('newest', 'predict');
    assert.deepEqual(await Promise.all(hovers), ['first', null, null, 'newest']);
});

test('a hover that fails does not stop those after it', async () => {
    const { engine, workers: [worker] } = await ready();
    const bad = engine.hover(at(-1));
    const good = engine.hover(at(1));
    await settle();
    worker.refuse({ message: 'outside', code: 'prompt' });
    await assert.rejects(bad, { message: 'outside', code: 'prompt' });
    await settle();
    worker.answer('mask', 'predict');
    assert.equal(await good, 'mask');
});

test('a cancel ends the worker; the next has the model, the photo and the open prompts', async () => {
    const { engine, workers } = await ready();
    const abort = new AbortController();
    const masks = [];
    const run = engine.everything({}, { onMask: (mask) => masks.push(mask), signal: abort.signal });
    await settle();
    const open = [engine.predict(at(1)), engine.predict(at(2))];
    await settle();
    assert.deepEqual(workers[0].ops, ['everything', 'predict', 'predict']);
    workers[0].onmessage({ data: { id: workers[0].inbox[0].id, mask: 'one' } });
    abort.abort();
    await assert.rejects(run, { name: 'AbortError' });
    assert.equal(workers[0].ended, true);
    const [, next] = workers;
    assert.deepEqual(next.ops, ['start', 'model', 'embedding', 'predict', 'predict']);
    assert.equal(next.inbox[1].bytes.byteLength, 8);
    assert.equal(next.inbox[2].bytes.byteLength, 16);
    workers[0].onmessage({ data: { id: 4, mask: 'too late' } });
    [['start'], ['model'], ['embedding'], ['predict', 'a'], ['predict', 'b']].forEach(([op, result]) => next.answer(result, op));
    assert.deepEqual(await Promise.all(open), ['a', 'b']);
    assert.deepEqual(masks, ['one']);
});

test('a cancelled encoding leaves the photo before it; a second cancel asks nothing twice', async () => {
    const { engine, workers } = await ready();
    for (const turn of [1, 2]) {
        const abort = new AbortController();
        const told = [];
        const encoding = engine.encode({ data: new Uint8ClampedArray(4), width: 1, height: 1 },
            { onProgress: (done) => told.push(done), signal: abort.signal });
        const worker = workers.at(-1);
        if (turn === 2) {
            worker.answer(undefined, 'start'); // the model and the photo are still on their way in
        }
        await settle();
        const { id } = worker.inbox.find(({ op }) => op === 'encode');
        worker.onmessage({ data: { id, progress: 0.5 } });
        abort.abort();
        await assert.rejects(encoding, { name: 'AbortError' });
        assert.deepEqual(told, [0.5]);
        assert.deepEqual(workers.at(-1).ops, ['start', 'model', 'embedding']);
    }
    assert.deepEqual(workers.map(({ ended }) => ended), [true, true, false]);
});

test('a worker that is ended while it starts leaves nobody waiting', async () => {
    const { engine, workers } = await ready();
    const [first, second] = [new AbortController(), new AbortController()];
    const runs = [first, second].map(({ signal }) => engine.everything({}, { onMask: () => {}, signal }));
    await settle();
    first.abort();
    const prompt = engine.predict(at(1)); // waits for the second worker, which never starts
    second.abort();
    await Promise.all(runs.map((run) => assert.rejects(run, { name: 'AbortError' })));
    ['start', 'model', 'embedding'].forEach((op) => workers[2].answer(undefined, op));
    await settle();
    workers[2].answer('mask', 'predict');
    assert.equal(await prompt, 'mask');
});

test('what was aborted before it began is not sent', async () => {
    const { engine, workers } = await ready();
    const run = engine.everything({}, { onMask: () => {}, signal: AbortSignal.abort() });
    await assert.rejects(run, { name: 'AbortError' });
    assert.deepEqual([workers.length, workers[0].ops], [1, []]);
});

test('an encoded photo is the one that a new worker gets', async () => {
    const { engine, workers } = await ready();
    const encoding = engine.encode({ data: new Uint8ClampedArray(24), width: 3, height: 2 });
    await settle();
    workers[0].answer({ width: 3, height: 2 }, 'encode');
    await encoding;
    const abort = new AbortController();
    const run = engine.everything({}, { onMask: () => {}, signal: abort.signal });
    await settle();
    abort.abort();
    await assert.rejects(run);
    assert.deepEqual(workers[1].ops, ['start', 'model', 'encode']);
    assert.deepEqual([workers[1].inbox[2].width, workers[1].inbox[2].data.byteLength], [3, 24]);
});

test('progress and masks come before the answer', async () => {
    const { engine, workers: [worker] } = await ready();
    const told = [];
    const masks = [];
    const run = engine.everything({}, { onMask: (mask) => masks.push(mask), onProgress: (done) => told.push(done) });
    await settle();
    const [{ id }] = worker.inbox;
    worker.onmessage({ data: { id, progress: 0.5 } });
    worker.onmessage({ data: { id, mask: { area: 7 } } });
    worker.answer(1, 'everything');
    assert.equal(await run, 1);
    assert.deepEqual([told, masks], [[0.5], [{ area: 7 }]]);
});

test('errors carry message and code; a worker that breaks fails what waits', async () => {
    const { engine, workers: [worker] } = await ready();
    const refused = engine.predict(at(-5));
    await settle();
    worker.refuse({ message: 'the point lies outside', code: 'prompt' });
    await assert.rejects(refused, { message: 'the point lies outside', code: 'prompt' });
    const broken = engine.predict(at(1));
    await settle();
    worker.onerror({ message: 'out of memory' });
    await assert.rejects(broken, { message: 'out of memory', code: 'failed' });
});

test('closing ends the worker and answers what waits', async () => {
    const { engine, workers: [worker] } = await ready();
    const running = engine.hover(at(1));
    const waiting = engine.hover(at(2));
    await settle();
    engine.close();
    assert.equal(worker.ended, true);
    await assert.rejects(running, { code: 'closed' });
    assert.equal(await waiting, null);
});
