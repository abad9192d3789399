// SPDX-License-Identifier: Apache-2.0
/**
 * Run lengths as COCO has them: column by column, the first run is outside.
 *
 * @typedef {{width: number, height: number, counts: number[]}} Rle
 */

/**
 * @param {Uint8Array} bits row major, 0 or 1
 * @param {number} width
 * @param {number} height
 * @returns {Rle}
 */
export function encode(bits, width, height) {
    const counts = [];
    let value = 0;
    let run = 0;
    for (let x = 0; x < width; x++) {
        for (let i = x; i < width * height; i += width) {
            if (bits[i] !== value) {
                counts.push(run);
                run = 0;
                value = bits[i];
            }
            run++;
        }
    }
    counts.push(run);
    return { width, height, counts };
}

/**
 * Drawn at another size, each pixel takes the one that lies under its centre.
 *
 * @param {Rle} rle
 * @param {number} [width]
 * @param {number} [height]
 * @returns {Uint8Array} row major
 */
export function decode(rle, width = rle.width, height = rle.height) {
    const columns = new Uint8Array(rle.width * rle.height);
    let at = 0;
    rle.counts.forEach((count, i) => {
        if (i % 2) {
            columns.fill(1, at, at + count);
        }
        at += count;
    });
    const bits = new Uint8Array(width * height);
    for (let x = 0; x < width; x++) {
        const column = Math.floor(((x + 0.5) * rle.width) / width) * rle.height;
        for (let y = 0; y < height; y++) {
            bits[y * width + x] = columns[column + Math.floor(((y + 0.5) * rle.height) / height)];
        }
    }
    return bits;
}

/**
 * COCO's string: five bits a character; from the fourth run on, the difference to the one two before.
 *
 * @param {number[]} counts
 * @returns {string}
 */
export function toString(counts) {
    let text = '';
    counts.forEach((count, i) => {
        let rest = i > 2 ? count - counts[i - 2] : count;
        let more = true;
        while (more) {
            let five = rest & 31;
            rest >>= 5;
            more = five & 16 ? rest !== -1 : rest !== 0;
            five |= more ? 32 : 0;
            text += String.fromCharCode(five + 48);
        }
    });
    return text;
}

/**
 * @param {string} text
 * @param {number} width
 * @param {number} height
 * @returns {Rle}
 * @throws where the runs do not fill the mask
 */
export function fromString(text, width, height) {
    const counts = [];
    let total = 0;
    for (let at = 0; at < text.length;) {
        let value = 0;
        let shift = 0;
        let five;
        do {
            five = text.charCodeAt(at++) - 48;
            if (!(five >= 0 && five < 64) || shift > 30) {
                throw new Error('these are no run lengths');
            }
            value |= (five & 31) << shift;
            shift += 5;
        } while (five & 32);
        if (five & 16 && shift < 32) {
            value |= -1 << shift;
        }
        if (counts.length > 2) {
            value += counts[counts.length - 2];
        }
        if (value < 0) {
            throw new Error('a run length is negative');
        }
        counts.push(value);
        total += value;
    }
    if (total !== width * height) {
        throw new Error(`run lengths of ${total} pixels for a mask of ${width} x ${height}`);
    }
    return { width, height, counts };
}

/**
 * @param {Rle} rle
 * @returns {number} pixels inside
 */
export function area(rle) {
    return rle.counts.reduce((sum, count, i) => sum + (i % 2 ? count : 0), 0);
}

/**
 * @param {Uint8Array} bits row major
 * @param {number} width
 * @param {number} height
 * @returns {[number, number, number, number]} x, y, width, height; of an empty mask all 0
 */
export function boundingBox(bits, width, height) {
    let [left, top, right, bottom] = [width, height, -1, -1];
    for (let y = 0, i = 0; y < height; y++) {
        for (let x = 0; x < width; x++, i++) {
            if (bits[i]) {
                left = Math.min(left, x);
                right = Math.max(right, x);
                top = Math.min(top, y);
                bottom = y;
            }
        }
    }
    return right < 0 ? [0, 0, 0, 0] : [left, top, right - left + 1, bottom - top + 1];
}

/**
 * @param {Uint8Array} a
 * @param {Uint8Array} b of the same size
 * @returns {number} pixels in both over pixels in one of them; of two empty masks 1
 */
export function iou(a, b) {
    let both = 0;
    let either = 0;
    for (let i = 0; i < a.length; i++) {
        both += a[i] & b[i];
        either += a[i] | b[i];
    }
    return either ? both / either : 1;
}
