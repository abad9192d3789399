// SPDX-License-Identifier: Apache-2.0
/**
 * Colours of objects: those of Okabe and Ito, which people with any colour vision tell apart, in an
 * order in which neighbours differ in lightness too.
 */
export const COLORS = [
    { name: 'sky blue', rgb: [86, 180, 233] },
    { name: 'orange', rgb: [230, 159, 0] },
    { name: 'green', rgb: [0, 158, 115] },
    { name: 'yellow', rgb: [240, 228, 66] },
    { name: 'blue', rgb: [0, 114, 178] },
    { name: 'pink', rgb: [204, 121, 167] },
    { name: 'vermilion', rgb: [213, 94, 0] },
];

/** @param {number} index @param {number} [alpha] @returns {string} */
export function css(index, alpha = 1) {
    return `rgb(${COLORS[index % COLORS.length].rgb.join(' ')} / ${alpha})`;
}
