// SPDX-License-Identifier: Apache-2.0
/**
 * Outlines of masks: rings along the edges of pixels, inside on the right of the way; holes are rings
 * of their own, the other way round.
 *
 * @typedef {[number, number][]} Ring corners, without the first again at the end
 */

// right, down, left, up; and of a corner, where the pixels ahead on the right and left of the way lie
const STEP = [[1, 0], [0, 1], [-1, 0], [0, -1]];
const RIGHT = [[0, 0], [-1, 0], [-1, -1], [0, -1]];
const LEFT = [[0, -1], [0, 0], [-1, 0], [-1, -1]];

/**
 * Pixels that touch at a corner only belong to different rings.
 *
 * @param {Uint8Array} bits row major, 0 or 1
 * @param {number} width
 * @param {number} height
 * @returns {Ring[]}
 */
export function trace(bits, width, height) {
    const seen = new Uint8Array(width * height); // the upper edges of pixels that a ring has passed
    const inside = (x, y) => x >= 0 && y >= 0 && x < width && y < height && bits[y * width + x];
    const follow = (startX, startY) => {
        const ring = [];
        let [x, y, way] = [startX, startY, 0];
        do {
            const right = inside(x + RIGHT[way][0], y + RIGHT[way][1]);
            const left = inside(x + LEFT[way][0], y + LEFT[way][1]);
            const next = !right ? (way + 1) % 4 : left ? (way + 3) % 4 : way;
            if (next !== way || ring.length === 0) {
                ring.push([x, y]);
            }
            way = next;
            if (way === 0) {
                seen[y * width + x] = 1;
            }
            x += STEP[way][0];
            y += STEP[way][1];
        } while (x !== startX || y !== startY || !closes(x, y, way));
        return ring;
    };
    // Back at the start the ring is closed only if the way goes on along the edge where it began: two
    // parts of one ring may meet in a corner.
    const closes = (x, y, way) => {
        const right = inside(x + RIGHT[way][0], y + RIGHT[way][1]);
        const left = inside(x + LEFT[way][0], y + LEFT[way][1]);
        return (!right ? (way + 1) % 4 : left ? (way + 3) % 4 : way) === 0;
    };
    const rings = [];
    for (let y = 0, i = 0; y < height; y++) {
        for (let x = 0; x < width; x++, i++) {
            // a corner: the pixel to the left does not continue the same edge
            if (bits[i] && !seen[i] && !inside(x, y - 1) && !(inside(x - 1, y) && !inside(x - 1, y - 1))) {
                rings.push(follow(x, y));
            }
        }
    }
    return rings;
}

/** @returns {number} the square of the distance of p from the line through a and b, or from a */
function away(p, a, b) {
    const [dx, dy] = [b[0] - a[0], b[1] - a[1]];
    const length = dx * dx + dy * dy;
    const t = length ? Math.max(0, Math.min(1, ((p[0] - a[0]) * dx + (p[1] - a[1]) * dy) / length)) : 0;
    return (p[0] - a[0] - t * dx) ** 2 + (p[1] - a[1] - t * dy) ** 2;
}

/** Marks which corners from `first` to `last` stay (Douglas and Peucker). */
function mark(ring, keep, first, last, limit) {
    const stack = [[first, last]];
    while (stack.length) {
        const [from, to] = stack.pop();
        let worst = limit;
        let at = -1;
        for (let i = from + 1; i < to; i++) {
            const d = away(ring[i], ring[from], ring[to % ring.length]);
            if (d > worst) {
                [worst, at] = [d, i];
            }
        }
        if (at >= 0) {
            keep[at] = 1;
            stack.push([from, at], [at, to]);
        }
    }
}

/**
 * @param {Ring} ring
 * @param {number} tolerance how far the exact outline may be from the simpler one, in pixels
 * @returns {Ring} empty where fewer than three corners would be left
 */
export function simplify(ring, tolerance) {
    if (tolerance <= 0) {
        return ring;
    }
    let far = 0;
    ring.forEach((p, i) => {
        const d = (q) => (q[0] - ring[0][0]) ** 2 + (q[1] - ring[0][1]) ** 2;
        far = d(p) > d(ring[far]) ? i : far;
    });
    const keep = new Uint8Array(ring.length);
    keep[0] = keep[far] = 1;
    mark(ring, keep, 0, far, tolerance ** 2);
    mark(ring, keep, far, ring.length, tolerance ** 2);
    const left = ring.filter((_, i) => keep[i]);
    return left.length < 3 ? [] : left;
}

/**
 * @param {Ring[]} rings
 * @param {number} [scale]
 * @returns {string} data of an SVG path; fill it by the rule evenodd
 */
export function toPath(rings, scale = 1) {
    const round = (v) => +(v * scale).toFixed(2);
    return rings.filter((ring) => ring.length > 2).map((ring) =>
        `M${ring.map(([x, y]) => `${round(x)} ${round(y)}`).join('L')}Z`).join('');
}
