// SPDX-License-Identifier: Apache-2.0
import * as rle from './rle.js';
import { simplify, toPath, trace } from './polygon.js';

/**
 * What exports write. Masks come at the photo's size.
 *
 * @typedef {{item: {id: number, name: string, prompt?: import('./document.js').Prompt}, bits: Uint8Array, width: number, height: number,
 *            score: number | null}} Full
 */

/** @param {Full[]} masks @param {{name: string, width: number, height: number}} photo @returns {string} JSON */
export function coco(masks, photo) {
    const names = [...new Set(masks.map(({ item }) => item.name))];
    const annotations = masks.map(({ item, bits, width, height, score }, i) => {
        const runs = rle.encode(bits, width, height);
        return {
            id: i + 1,
            image_id: 1,
            category_id: names.indexOf(item.name) + 1,
            segmentation: { size: [height, width], counts: rle.toString(runs.counts) },
            area: rle.area(runs),
            bbox: rle.boundingBox(bits, width, height),
            iscrowd: 0,
            ...(score === null ? {} : { score }),
            ...promptOf(item),
        };
    });
    return JSON.stringify({
        info: { description: 'masks made with samc' },
        images: [{ id: 1, file_name: photo.name, width: photo.width, height: photo.height }],
        categories: names.map((name, i) => ({ id: i + 1, name })),
        annotations,
    }, null, 1);
}

/** What was asked, by SA-1B's names where it has one: the mask can be made again. */
function promptOf({ prompt }) {
    return {
        ...(prompt?.points.length ? {
            point_coords: prompt.points.map(([x, y]) => [x, y]),
            point_labels: prompt.points.map(([, , label]) => label),
        } : {}),
        ...(prompt?.box ? { input_box: prompt.box } : {}),
    };
}

/** @param {Full} mask @param {number} tolerance pixels @returns {import('./polygon.js').Ring[]} */
export function outline({ bits, width, height }, tolerance) {
    return trace(bits, width, height).map((ring) => simplify(ring, tolerance)).filter((ring) => ring.length);
}

const ESCAPES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** What XML 1.0 cannot hold at all goes. */
function escape(text) {
    return text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, '')
        .replace(/[&<>"']/g, (c) => ESCAPES[c]);
}

/**
 * @param {Full[]} masks
 * @param {{width: number, height: number}} photo
 * @param {number} tolerance
 * @param {(item: any) => string} colorOf
 */
export function svg(masks, { width, height }, tolerance, colorOf) {
    const paths = masks.map((mask) =>
        `  <path d="${toPath(outline(mask, tolerance))}" fill="${colorOf(mask.item)}" fill-opacity="0.5" ` +
        `fill-rule="evenodd"><title>${escape(mask.item.name)}</title></path>\n`);
    return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" ` +
        `viewBox="0 0 ${width} ${height}">\n${paths.join('')}</svg>\n`;
}

/** A name for a file: letters, digits, dots; never a path, never hidden. @param {...string} parts */
export function fileName(extension, ...parts) {
    const clean = parts.map((part) => part.normalize('NFC').replace(/[^\p{L}\p{N}._-]+/gu, '_').replace(/^[._-]+|[._-]+$/g, ''))
        .filter(Boolean).join('_');
    return `${[...clean].slice(0, 80).join('') || 'samc'}.${extension}`;
}
