// SPDX-License-Identifier: Apache-2.0
// samc.wasm against the command: the same model, photo and prompts. SAMC_WASM, SAMC_COMMAND and
// SAMC_MODEL name the files; without them there is nothing to compare.
import assert from 'node:assert';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { deflateSync } from 'node:zlib';

import { decode, fromString } from '../../web/rle.js';
import { SamcWasm } from '../../web/samc_wasm.js';

const { SAMC_WASM, SAMC_COMMAND, SAMC_MODEL } = process.env;
if (!SAMC_WASM) {
    console.log('samc.wasm is not built: skipped');
    process.exit(0);
}
const folder = mkdtempSync(join(tmpdir(), 'samc-wasm-'));
const wasm = new WebAssembly.Module(readFileSync(SAMC_WASM));
const open = () => new SamcWasm(wasm);
const samc = (...words) => execFileSync(SAMC_COMMAND, words, { maxBuffer: 1 << 28 });
after(() => rmSync(folder, { recursive: true }));

/** A disc and a square on a ground that brightens to the right. */
function picture(width, height) {
    const rgba = new Uint8Array(4 * width * height);
    for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
            const disc = Math.hypot(x - width * 0.45, y - height * 0.4) < height / 4;
            const square = Math.abs(x - width * 0.8) < 30 && Math.abs(y - height * 0.7) < 30;
            const ground = [60 + (80 * x) / width, 110, 70 + (60 * y) / height];
            rgba.set([...(disc ? [220, 60 + (x % 16), 40] : square ? [30, 40, 200] : ground), 255], 4 * (y * width + x));
        }
    }
    return rgba;
}

/** As PNG has it; node:zlib's own is too new for Debian 12's node. */
function crc32(bytes) {
    let crc = ~0;
    for (const byte of bytes) {
        crc ^= byte;
        for (let k = 0; k < 8; k++) {
            crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
        }
    }
    return ~crc >>> 0;
}

/** A PNG of it. */
function png(rgba, width, height) {
    const chunk = (kind, data) => {
        const all = Buffer.alloc(12 + data.length);
        all.writeUInt32BE(data.length);
        all.write(kind, 4, 'latin1');
        data.copy(all, 8);
        all.writeUInt32BE(crc32(all.subarray(4, 8 + data.length)), 8 + data.length);
        return all;
    };
    const head = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 8, 6, 0, 0, 0]);
    head.writeUInt32BE(width);
    head.writeUInt32BE(height, 4);
    const rows = Buffer.alloc((4 * width + 1) * height);
    for (let y = 0; y < height; y++) {
        rows.set(rgba.subarray(4 * width * y, 4 * width * (y + 1)), (4 * width + 1) * y + 1);
    }
    return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), chunk('IHDR', head),
        chunk('IDAT', deflateSync(rows)), chunk('IEND', Buffer.alloc(0))]);
}

const WIDTH = 480, HEIGHT = 320, rgba = picture(WIDTH, HEIGHT);
const photo = join(folder, 'photo.png'), decoder = join(folder, 'decoder.safetensors');
writeFileSync(photo, png(rgba, WIDTH, HEIGHT));
samc('convert', '--part', 'decoder', SAMC_MODEL, decoder);
samc('embed', '-m', SAMC_MODEL, photo, '-o', join(folder, 'embedded'));
const embedding = join(folder, 'embedded', 'photo.safetensors');

const intersection = (a, b) => a.reduce((sum, bit, k) => sum + (bit & b[k]), 0);

/** Lines of `samc segment --json` against our masks: the same within an IoU of 0.999 and 0.001 of score. */
function compare(lines, ours, what) {
    assert.equal(lines.length, ours.length, what);
    lines.forEach((line, i) => {
        const [height, width] = line.segmentation.size;
        assert.deepEqual([ours[i].width, ours[i].height], [width, height], what);
        const bits = decode(fromString(line.segmentation.counts, width, height));
        const both = intersection(bits, ours[i].bits);
        const iou = both / (line.area + ours[i].area - both);
        assert.equal(ours[i].area, intersection(ours[i].bits, ours[i].bits), what);
        assert.ok(iou >= 0.999, `${what}: IoU ${iou}`);
        assert.ok(Math.abs(line.predicted_iou - ours[i].score) < 1e-3, `${what}: score`);
        assert.ok(Math.abs(line.stability_score - ours[i].stability) < 1e-3, `${what}: stability`);
    });
}

const lines = (text) => text.toString().trim().split('\n').map((line) => JSON.parse(line));

test('answers are those of the command', () => {
    const page = open();
    const info = page.loadModel(readFileSync(decoder));
    assert.equal(info.encodes, false);
    assert.equal(info.kernels, 'simd128');
    const { width, height } = page.setEmbedding(readFileSync(embedding));
    const x = Math.round(width * 0.45), y = Math.round(height * 0.4);
    const box = [width * 0.2, height * 0.1, width * 0.8, height * 0.9].map(Math.round);
    const cases = [
        [['--point', `${x},${y}`, '--multimask'], { points: [[x, y, 1]], multimask: true }],
        [['--box', box.join(',')], { box }],
        [['--box', box.join(','), '--point', `${x},${y}`, '--point', '3,4,-'],
            { box, points: [[x, y, 1], [3, 4, 0]] }],
        // more points than mixed images are for
        [[...Array(20).keys()].flatMap((i) => ['--point', `${x + i},${y}`]),
            { points: [...Array(20).keys()].map((i) => [x + i, y, 1]) }],
    ];
    for (const [words, prompt] of cases) {
        const answer = lines(samc('segment', '-m', SAMC_MODEL, photo, '--embedding', embedding, '--json', ...words));
        compare(answer, page.predict(prompt), words.join(' '));
    }
    const [first] = page.predict({ points: [[x, y, 1]] });
    const [again] = page.predict({ points: [[x, y, 1]], lowRes: first.lowRes });
    assert.equal(again.bits.length, width * height);
    assert.notDeepEqual(again.lowRes, first.lowRes);
});

test('a raster has the photo\'s shape', () => {
    const page = open();
    page.loadModel(readFileSync(decoder));
    const { width, height } = page.setEmbedding(readFileSync(embedding));
    const raster = { width: Math.round(width / 2), height: Math.round(height / 2) };
    const prompt = { points: [[width * 0.45, height * 0.4, 1]] };
    const [whole] = page.predict(prompt), [half] = page.predict({ ...prompt, raster });
    assert.deepEqual([half.width, half.height], [raster.width, raster.height]);
    assert.ok(Math.abs(4 * half.area - whole.area) < 0.02 * whole.area + 50);
});

test('a whole model encodes, and finds everything', () => {
    const page = open();
    const info = page.loadModel(readFileSync(SAMC_MODEL));
    assert.equal(info.encodes, true);
    const told = [];
    page.onProgress = (done) => told.push(done);
    const begin = performance.now();
    page.encode(rgba, WIDTH, HEIGHT);
    const encoded = performance.now();
    assert.equal(told.at(-1), 1);
    const x = Math.round(WIDTH * 0.45), y = Math.round(HEIGHT * 0.4);
    const found = page.predict({ points: [[x, y, 1]], multimask: true });
    console.log(`encode ${(encoded - begin).toFixed(0)} ms, first masks ${(performance.now() - encoded).toFixed(0)} ms`);
    compare(lines(samc('segment', '-m', SAMC_MODEL, photo, '--json', '--multimask', '--point', `${x},${y}`)), found, 'encoded here');
    const masks = [];
    assert.equal(page.everything({ pointsPerSide: 6, predIouThresh: 0.2, stabilityScoreThresh: 0.2 }, (mask) => masks.push(mask)), masks.length);
    assert.ok(masks.length > 0);
    masks.forEach((mask) => assert.equal(mask.area, intersection(mask.bits, mask.bits)));
});

test('errors say what is wrong', () => {
    const page = open();
    assert.throws(() => page.loadModel(new Uint8Array(100)), { code: /format|unsupported/ });
    assert.throws(() => page.predict({ points: [[1, 1, 1]] }), /encode a photo first/);
    page.loadModel(readFileSync(decoder));
    assert.throws(() => page.encode(new Uint8Array(4), 1, 1), { code: 'model' });
    assert.throws(() => page.setEmbedding(new Uint8Array(1000)), { code: /format|unsupported/ });
    page.setEmbedding(readFileSync(embedding));
    assert.throws(() => page.predict({ points: [[-5, 1, 1]] }), { code: 'prompt' });
    assert.throws(() => page.predict({}), { code: 'prompt' });
    assert.throws(() => page.predict({ points: [[1, 1, 1]], raster: { width: 5, height: 0 } }), /raster/);
    assert.equal(page.predict({ points: [[1, 1, 1]] }).length, 1);
});
