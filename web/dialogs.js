// SPDX-License-Identifier: Apache-2.0
import * as api from './api.js';
import { byId, make } from './dom.js';
import { BINDINGS, keyNames } from './keyboard.js';

/** Fills and opens the list of keys. */
export function openHelp() {
    const dialog = byId('help');
    if (dialog.open) {
        return;
    }
    const groups = [...new Set(BINDINGS.map(({ group }) => group))];
    byId('help-keys').replaceChildren(...groups.map((group) => make('section', {}, make('h3', {}, group),
        make('dl', {}, ...BINDINGS.filter((binding) => binding.group === group).map(({ keys, help }) => make('div', {},
            make('dt', {}, ...keys.flatMap((key, i) => [
                ...(i && !key.startsWith('Arrow') ? [' or '] : []), ...keyNames(key).map((name) => make('kbd', {}, name)),
            ])),
            make('dd', {}, help)))))));
    dialog.showModal();
}

let asking = null;

/** @returns {Promise<boolean>} whether the server knows us now; asked once, however many requests wait */
export function askToken() {
    asking ??= new Promise((resolve) => {
        const dialog = byId('login');
        const form = byId('login-form');
        const field = byId('token');
        let known = false;
        const submit = async (event) => {
            event.preventDefault();
            known = await api.login(field.value).catch(() => false);
            byId('login-wrong').hidden = known;
            if (known) {
                dialog.close();
            } else {
                field.select();
            }
        };
        form.addEventListener('submit', submit);
        dialog.addEventListener('close', () => {
            form.removeEventListener('submit', submit);
            field.value = '';
            asking = null;
            resolve(known);
        }, { once: true });
        dialog.showModal();
        field.focus();
    });
    return asking;
}

/** Every dialog closes by its button and by a click beside it. */
export function setUpDialogs() {
    for (const dialog of document.querySelectorAll('dialog')) {
        dialog.addEventListener('click', (event) => {
            const at = /** @type {HTMLElement} */ (event.target);
            if (at.closest('[data-close]') || (at === dialog && dialog.id !== 'login')) {
                dialog.close();
            }
        });
    }
}
