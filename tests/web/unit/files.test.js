// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { coco, fileName, svg } from '../../../web/files.js';
import { decode, fromString } from '../../../web/rle.js';
import { hostileNames } from '../hostile_names.js';

const bits = Uint8Array.from([0, 1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0]);
const full = (name) => ({ item: { id: 1, name }, bits, width: 4, height: 3, score: 0.5 });
const photo = { name: 'a.jpg', width: 4, height: 3 };

test('COCO holds the mask, its box and area', () => {
    const said = JSON.parse(coco([full('cat'), full('dog'), full('cat')], photo));
    const [first] = said.annotations;
    assert.deepEqual(first.bbox, [1, 0, 2, 2]);
    assert.equal(first.area, 4);
    assert.deepEqual(first.segmentation.size, [3, 4]);
    assert.deepEqual(decode(fromString(first.segmentation.counts, 4, 3)), bits);
    assert.deepEqual(said.categories.map(({ name }) => name), ['cat', 'dog']);
    assert.deepEqual(said.annotations.map((a) => a.category_id), [1, 2, 1]);
});

test('names are text in SVG and no path in a file name', () => {
    for (const name of hostileNames()) {
        const text = svg([full(name)], photo, 0, () => 'rgb(1 2 3)');
        assert.equal((text.match(/</g) ?? []).length, 6, JSON.stringify(name));
        assert.ok(!/[\u0000-\u0008\ud800-\udfff]/.test(text.replace(/[\ud800-\udbff][\udc00-\udfff]/g, '')));
        const file = fileName('png', name, 'mask');
        assert.match(file, /^[\p{L}\p{N}][\p{L}\p{N}._-]*\.png$/u);
        assert.ok(file.length < 170);
    }
});
