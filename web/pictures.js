// SPDX-License-Identifier: Apache-2.0
import { boundingBox } from './rle.js';

/**
 * Pictures of masks at the photo's size, as PNG.
 *
 * @typedef {import('./files.js').Full} Full
 */

function blank(width, height) {
    const canvas = document.createElement('canvas');
    canvas.width = width;
    canvas.height = height;
    return canvas;
}

/** @param {HTMLCanvasElement} canvas @returns {Promise<Blob>} */
function png(canvas) {
    return new Promise((resolve, reject) => {
        canvas.toBlob((blob) => (blob ? resolve(blob)
            : reject(new Error('The browser has no memory for a picture of this size.'))), 'image/png');
    });
}

/** White inside, black outside. @param {Full} mask */
export function maskPng({ bits, width, height }) {
    const canvas = blank(width, height);
    const image = new ImageData(width, height);
    new Uint32Array(image.data.buffer).forEach((_, i, words) => {
        words[i] = bits[i] ? 0xffffffff : 0xff000000;
    });
    canvas.getContext('2d').putImageData(image, 0, 0);
    return png(canvas);
}

/** The photo where the mask is, else transparent. @param {Full} mask @param {boolean} crop */
export function cutoutPng({ bits, width, height }, bitmap, crop) {
    const [x, y, w, h] = crop ? boundingBox(bits, width, height) : [0, 0, width, height];
    if (!w) {
        return Promise.reject(new Error('The mask is empty: there is nothing to cut out.'));
    }
    const canvas = blank(w, h);
    const context = canvas.getContext('2d', { willReadFrequently: true });
    context.drawImage(bitmap, x, y, w, h, 0, 0, w, h);
    const image = context.getImageData(0, 0, w, h);
    for (let row = 0; row < h; row++) {
        for (let column = 0; column < w; column++) {
            if (!bits[(row + y) * width + column + x]) {
                image.data.fill(0, 4 * (row * w + column), 4 * (row * w + column) + 4);
            }
        }
    }
    context.putImageData(image, 0, 0);
    return png(canvas);
}

/** @param {Blob} blob @param {string} name */
export function save(blob, name) {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

/**
 * Into the clipboard; the promise goes in at once, as browsers allow it only directly after a click.
 *
 * @param {string} type
 * @param {Promise<Blob>} blob
 */
export async function copy(type, blob) {
    if (!navigator.clipboard?.write) {
        throw new Error('This browser gives no access to the clipboard here; save to a file instead.');
    }
    await navigator.clipboard.write([new ClipboardItem({ [type]: blob })]);
}
