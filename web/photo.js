// SPDX-License-Identifier: Apache-2.0
const RASTER = 1024;

/** @param {Blob} blob @returns {Promise<ImageBitmap>} upright */
export function readPhoto(blob) {
    return createImageBitmap(blob, { imageOrientation: 'from-image', colorSpaceConversion: 'none' });
}

/**
 * The size in which masks are shown and worked on: the photo's shape, at most 1024 pixels a side. Only
 * exports are as large as the photo.
 */
export function rasterOf({ width, height }) {
    const scale = Math.min(1, RASTER / Math.max(width, height));
    return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}

/** @param {ImageBitmap} bitmap @returns {HTMLCanvasElement} at most 256 pixels a side */
export function thumbnail(bitmap) {
    const scale = Math.min(1, 256 / Math.max(bitmap.width, bitmap.height));
    const canvas = document.createElement('canvas');
    canvas.width = Math.max(1, Math.round(bitmap.width * scale));
    canvas.height = Math.max(1, Math.round(bitmap.height * scale));
    canvas.getContext('2d').drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    return canvas;
}
