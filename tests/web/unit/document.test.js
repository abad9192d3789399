// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as doc from '../../../web/document.js';
import { History } from '../../../web/history.js';
import { drawStrokes } from '../../../web/strokes.js';
import { toLogits } from '../../../web/low_res.js';

test('undo and redo give the very states back', () => {
    const states = [doc.empty()];
    states.push(doc.withPoint(states[0], 5, 6, 1));
    states.push(doc.withPoint(states[1], 7, 8, 0));
    states.push(doc.withBox(states[2], [0, 0, 9, 9]));
    states.push(doc.removed(states[3], 1));
    const history = new History(states[0]);
    states.slice(1).forEach((state) => history.commit(state));
    for (let i = states.length - 2; i >= 0; i--) {
        assert.ok(history.undo());
        assert.equal(history.present, states[i]);
    }
    assert.ok(!history.undo());
    states.slice(1).forEach((state) => {
        assert.ok(history.redo());
        assert.equal(history.present, state);
    });
    assert.ok(!history.redo());
});

test('typing is one step, and a new step forgets what was undone', () => {
    const history = new History('a');
    history.commit('b', 'name');
    history.commit('c', 'name');
    history.undo();
    assert.equal(history.present, 'a');
    history.commit('d');
    assert.ok(!history.canRedo);
});

test('history is bounded', () => {
    const history = new History(0, 10);
    for (let i = 1; i <= 50; i++) {
        history.commit(i);
    }
    while (history.undo());
    assert.equal(history.present, 40);
});

test('states that were given are not changed', () => {
    const first = doc.withPoint(doc.empty(), 1, 2, 1);
    const before = JSON.stringify(first);
    doc.withPoint(first, 3, 4, 0);
    doc.withStroke(first, { erase: false, radius: 3, points: [[1, 1]] });
    doc.changed(first, 1, { name: 'x' });
    doc.removed(first, 1);
    assert.equal(JSON.stringify(first), before);
});

test('three masks for one point, one mask where more is known', () => {
    const one = doc.withPoint(doc.empty(), 1, 2, 1);
    assert.ok(doc.activeOf(one).prompt.multimask);
    const two = doc.withPoint(one, 3, 4, 0);
    assert.ok(!doc.activeOf(two).prompt.multimask);
    assert.ok(doc.activeOf(doc.withAlternatives(two)).prompt.multimask);
    assert.equal(doc.withoutPoint(one, 0).items.length, 0, 'an object without anything goes');
});

test('strokes are discs along the way, at any scale', () => {
    for (const scale of [1, 2]) {
        const bits = new Uint8Array(400 * scale * scale);
        drawStrokes(bits, 20 * scale, 20 * scale, [
            { erase: false, radius: 3, points: [[5, 10], [15, 10]] },
            { erase: true, radius: 1, points: [[10, 10]] },
        ], scale);
        const at = (x, y) => bits[Math.floor(y * scale) * 20 * scale + Math.floor(x * scale)];
        assert.deepEqual([at(5.5, 9.5), at(14.5, 12), at(10, 10), at(10, 14), at(1, 10)], [1, 1, 0, 0, 0]);
    }
});

test('logits cover the photo and leave the rest of the square outside', () => {
    const bits = new Uint8Array(100 * 50).fill(1);
    const logits = toLogits(bits, 100, 50, 64, 16);
    assert.equal(logits[0], 8);
    assert.equal(logits[7 * 16 + 15], 8);
    assert.equal(logits[8 * 16], -8);
});
