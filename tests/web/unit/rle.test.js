// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as rle from '../../../web/rle.js';
import { random } from './random.js';

/** Every way to hold a mask agrees with every other, on masks of any shape. */
test('masks survive run lengths and their string', () => {
    const next = random(7);
    for (let round = 0; round < 300; round++) {
        const [width, height] = [1 + next(40), 1 + next(40)];
        const share = next(100);
        const bits = Uint8Array.from({ length: width * height }, () => Number(next(100) < share));
        const runs = rle.encode(bits, width, height);
        const again = rle.fromString(rle.toString(runs.counts), width, height);
        assert.deepEqual(again.counts, runs.counts);
        assert.deepEqual(rle.decode(again), bits);
        assert.equal(rle.area(runs), bits.reduce((a, b) => a + b, 0));
    }
});

test('the string of COCO, worked out by hand', () => {
    // columns 000 110 110 000: from the fourth run on the difference, so 2 - 2 and 4 - 1
    assert.equal(rle.toString([3, 2, 1, 2, 4]), '32103');
    // 10000 is 9, 24, 16 in fives; 32 more where others follow, 48 more for a letter
    assert.equal(rle.toString([0, 10000]), '0`h9');
    assert.deepEqual(rle.fromString('0`h9', 100, 100).counts, [0, 10000]);
});

test('what is no mask is refused', () => {
    for (const text of ['', '~', '0', 'P', 'PPPPPPPPPPPP', '32104', '3210\u00ff']) {
        assert.throws(() => rle.fromString(text, 4, 3), Error, text);
    }
});

test('drawn smaller, a pixel takes what lies under its centre', () => {
    const bits = new Uint8Array(64).fill(0);
    for (let y = 0; y < 8; y++) {
        bits.fill(1, 8 * y + 4, 8 * y + 8);
    }
    assert.deepEqual([...rle.decode(rle.encode(bits, 8, 8), 4, 2)], [0, 0, 1, 1, 0, 0, 1, 1]);
});

test('boxes and overlaps', () => {
    const bits = Uint8Array.from([0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 1, 0]);
    assert.deepEqual(rle.boundingBox(bits, 4, 3), [1, 1, 2, 2]);
    assert.deepEqual(rle.boundingBox(new Uint8Array(12), 4, 3), [0, 0, 0, 0]);
    assert.equal(rle.iou(bits, Uint8Array.from([0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1])), 0.25);
});
