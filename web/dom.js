// SPDX-License-Identifier: Apache-2.0
/**
 * Elements. Names and labels of users become text and values here, never markup.
 */
const SVG = 'http://www.w3.org/2000/svg';

/** @param {string} id @returns {any} the element; it must be there */
export function byId(id) {
    const found = document.getElementById(id);
    if (!found) {
        throw new Error(`the page lacks #${id}`);
    }
    return found;
}

/**
 * @param {string} tag
 * @param {Record<string, any>} [properties] `on…` listens, `class` and what has a dash are attributes
 * @param {...(Node | string)} children strings become text
 * @returns {any}
 */
export function make(tag, properties = {}, ...children) {
    const element = document.createElement(tag);
    for (const [key, value] of Object.entries(properties)) {
        if (key.startsWith('on')) {
            element.addEventListener(key.slice(2), value);
        } else if (key === 'class' || key === 'role' || key.includes('-')) {
            element.setAttribute(key, value);
        } else {
            element[key] = value;
        }
    }
    element.append(...children);
    return element;
}

/** @param {string} name of icons.svg @returns {SVGSVGElement} */
export function icon(name) {
    const svg = document.createElementNS(SVG, 'svg');
    const use = document.createElementNS(SVG, 'use');
    svg.setAttribute('class', 'icon');
    svg.setAttribute('aria-hidden', 'true');
    use.setAttribute('href', `icons.svg#${name}`);
    svg.append(use);
    return svg;
}

/** @returns {SVGPathElement} */
export function svgPath(data) {
    const path = document.createElementNS(SVG, 'path');
    path.setAttribute('d', data);
    path.setAttribute('fill-rule', 'evenodd');
    return path;
}
