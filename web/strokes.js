// SPDX-License-Identifier: Apache-2.0
/**
 * Strokes of brush and eraser, kept as what the hand did, so that they can be drawn at any size.
 *
 * @typedef {{erase: boolean, radius: number, points: [number, number][]}} Stroke in pixels of the photo
 */

/**
 * Draws the discs from a to b.
 *
 * @param {Uint8Array} bits row major
 * @param {number} width
 * @param {number} height
 * @param {[number, number]} a in pixels of `bits`
 * @param {[number, number]} b
 * @param {number} radius
 * @param {0 | 1} value
 */
export function drawSegment(bits, width, height, a, b, radius, value) {
    const r = Math.max(radius, 0.5);
    const top = Math.max(0, Math.floor(Math.min(a[1], b[1]) - r));
    const bottom = Math.min(height - 1, Math.ceil(Math.max(a[1], b[1]) + r));
    const left = Math.max(0, Math.floor(Math.min(a[0], b[0]) - r));
    const right = Math.min(width - 1, Math.ceil(Math.max(a[0], b[0]) + r));
    const [dx, dy] = [b[0] - a[0], b[1] - a[1]];
    const length = dx * dx + dy * dy;
    for (let y = top; y <= bottom; y++) {
        for (let x = left; x <= right; x++) {
            const [px, py] = [x + 0.5 - a[0], y + 0.5 - a[1]];
            const t = length ? Math.max(0, Math.min(1, (px * dx + py * dy) / length)) : 0;
            if ((px - t * dx) ** 2 + (py - t * dy) ** 2 <= r * r) {
                bits[y * width + x] = value;
            }
        }
    }
}

/**
 * @param {Uint8Array} bits changed in place
 * @param {number} width
 * @param {number} height
 * @param {Stroke[]} strokes
 * @param {number} scale pixels of `bits` a pixel of the photo
 */
export function drawStrokes(bits, width, height, strokes, scale) {
    for (const stroke of strokes) {
        stroke.points.forEach((point, i) => {
            const before = stroke.points[Math.max(0, i - 1)];
            drawSegment(bits, width, height, [before[0] * scale, before[1] * scale],
                [point[0] * scale, point[1] * scale], stroke.radius * scale, stroke.erase ? 0 : 1);
        });
    }
}
