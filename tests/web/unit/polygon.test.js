// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { simplify, toPath, trace } from '../../../web/polygon.js';
import { random } from './random.js';

/** Whether a point is inside by the rule evenodd. */
function inside(rings, x, y) {
    let odd = false;
    for (const ring of rings) {
        ring.forEach(([ax, ay], i) => {
            const [bx, by] = ring[(i + 1) % ring.length];
            if (ay > y !== by > y && x < ax + ((y - ay) / (by - ay)) * (bx - ax)) {
                odd = !odd;
            }
        });
    }
    return odd;
}

test('the rings of any mask hold exactly its pixels', () => {
    const next = random(11);
    for (let round = 0; round < 400; round++) {
        const [width, height] = [1 + next(14), 1 + next(14)];
        const share = 20 + next(70);
        const bits = Uint8Array.from({ length: width * height }, () => Number(next(100) < share));
        const rings = trace(bits, width, height);
        for (let y = 0; y < height; y++) {
            for (let x = 0; x < width; x++) {
                assert.equal(inside(rings, x + 0.5, y + 0.5), Boolean(bits[y * width + x]), `${x} ${y}`);
            }
        }
        for (const ring of rings) {
            ring.forEach(([x, y], i) => {
                const [nx, ny] = ring[(i + 1) % ring.length];
                assert.ok((x === nx) !== (y === ny), 'corners only, no point twice');
            });
        }
    }
});

test('a ring with a hole is two rings', () => {
    const bits = Uint8Array.from([1, 1, 1, 1, 0, 1, 1, 1, 1]);
    const rings = trace(bits, 3, 3);
    assert.equal(rings.length, 2);
    assert.equal(toPath([[[0, 0], [3, 0], [3, 3]]], 2), 'M0 0L6 0L6 6Z');
});

test('no corner that is dropped was farther away than allowed', () => {
    const next = random(3);
    for (let round = 0; round < 100; round++) {
        const ring = Array.from({ length: 40 }, (_, i) => {
            const angle = (2 * Math.PI * i) / 40;
            return [30 + (20 + next(8)) * Math.cos(angle), 30 + (20 + next(8)) * Math.sin(angle)];
        });
        const tolerance = 1 + next(4);
        const simple = simplify(ring, tolerance);
        assert.ok(simple.length < ring.length);
        for (const p of ring) {
            const d = Math.min(...simple.map((a, i) => distance(p, a, simple[(i + 1) % simple.length])));
            assert.ok(d <= tolerance + 1e-9, `${d}`);
        }
    }
    assert.deepEqual(simplify([[0, 0], [1, 0], [1, 1], [0, 1]], 5), []);
});

function distance(p, a, b) {
    const [dx, dy] = [b[0] - a[0], b[1] - a[1]];
    const t = Math.max(0, Math.min(1, ((p[0] - a[0]) * dx + (p[1] - a[1]) * dy) / (dx * dx + dy * dy)));
    return Math.hypot(p[0] - a[0] - t * dx, p[1] - a[1] - t * dy);
}
