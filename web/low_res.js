// SPDX-License-Identifier: Apache-2.0
// Logits of a pixel wholly inside and outside: what `samc segment --mask` gives a drawn mask.
const INSIDE = 8;
const OUTSIDE = -8;

/**
 * A mask as the model takes it for a prompt: the share of each low-res pixel that it covers.
 *
 * @param {Uint8Array} bits row major
 * @param {number} width
 * @param {number} height
 * @param {number} imageSize the side of the model's square, whose longer side the photo fills
 * @param {number} lowResSize
 * @returns {Float32Array} lowResSize x lowResSize
 */
export function toLogits(bits, width, height, imageSize, lowResSize) {
    const scale = imageSize / Math.max(width, height);
    const stepX = ((imageSize / lowResSize) * width) / Math.floor(width * scale + 0.5);
    const stepY = ((imageSize / lowResSize) * height) / Math.floor(height * scale + 0.5);
    const logits = new Float32Array(lowResSize * lowResSize).fill(OUTSIDE);
    for (let y = 0; y < lowResSize && y * stepY < height; y++) {
        for (let x = 0; x < lowResSize && x * stepX < width; x++) {
            const share = coverage(bits, width, height, x * stepX, y * stepY, (x + 1) * stepX, (y + 1) * stepY);
            logits[y * lowResSize + x] = OUTSIDE + share * (INSIDE - OUTSIDE);
        }
    }
    return logits;
}

function coverage(bits, width, height, x0, y0, x1, y1) {
    let inside = 0;
    let all = 0;
    for (let y = Math.floor(y0); y < height && y < y1; y++) {
        const dy = Math.min(y + 1, y1) - Math.max(y, y0);
        for (let x = Math.floor(x0); x < width && x < x1; x++) {
            const share = dy * (Math.min(x + 1, x1) - Math.max(x, x0));
            all += share;
            inside += bits[y * width + x] ? share : 0;
        }
    }
    return all > 0 ? inside / all : 0;
}
