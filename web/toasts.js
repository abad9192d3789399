// SPDX-License-Identifier: Apache-2.0
import { byId, icon, make } from './dom.js';

const STAY = { info: 4000, error: 9000 };

/**
 * @param {string} text
 * @param {'info' | 'error'} [kind]
 */
export function toast(text, kind = 'info') {
    const box = byId('toasts');
    const close = make('button', { type: 'button', class: 'quiet', 'aria-label': 'Dismiss' }, icon('close'));
    const item = make('div', { class: `toast ${kind}` }, make('span', {}, text), close);
    const leave = () => item.remove();
    close.addEventListener('click', leave);
    setTimeout(leave, STAY[kind]);
    box.append(item);
    while (box.children.length > 3) {
        box.firstElementChild.remove();
    }
}

let announcing = 0;

/** Says it to screen readers, the last of several that come at once. @param {string} text */
export function announce(text) {
    clearTimeout(announcing);
    announcing = setTimeout(() => {
        byId('status').textContent = text;
    }, 120);
}
