// SPDX-License-Identifier: Apache-2.0
import { byId } from './dom.js';

/**
 * Photos that are chosen, dropped or pasted.
 *
 * @param {(blob: Blob, name: string) => void} take
 */
export function takeFiles(take) {
    const input = byId('file');
    for (const button of document.querySelectorAll('[data-open]')) {
        button.addEventListener('click', () => input.click());
    }
    input.addEventListener('change', () => {
        const [file] = input.files;
        input.value = '';
        if (file) {
            take(file, file.name);
        }
    });
    const target = byId('app');
    const carries = (event) => event.dataTransfer?.types.includes('Files');
    addEventListener('dragover', (event) => {
        if (carries(event)) {
            event.preventDefault();
            target.classList.add('dropping');
        }
    });
    addEventListener('dragleave', (event) => {
        if (!event.relatedTarget) {
            target.classList.remove('dropping');
        }
    });
    addEventListener('drop', (event) => {
        if (carries(event)) {
            event.preventDefault(); // or the browser would leave the page for the file
            target.classList.remove('dropping');
            const [file] = event.dataTransfer.files;
            if (file) {
                take(file, file.name);
            }
        }
    });
    addEventListener('paste', (event) => {
        const file = [...(event.clipboardData?.files ?? [])].find(({ type }) => type.startsWith('image/'));
        if (file) {
            event.preventDefault();
            take(file, file.name || 'pasted.png');
        }
    });
}
