// SPDX-License-Identifier: Apache-2.0
/** The server's HTTP interface (docs/HTTP.md). Addresses are relative: any sub-path will do. */

/** @type {() => Promise<boolean>} asks for the token; false where the user gave up */
let askToken = async () => false;

/** @param {() => Promise<boolean>} ask */
export function onToken(ask) {
    askToken = ask;
}

/** An error with a code, as the engines reject with. */
export function failure(message, code) {
    return Object.assign(new Error(message), { code });
}

/**
 * @param {string} path
 * @param {RequestInit & {json?: any}} [options]
 * @returns {Promise<Response>} one that is ok
 * @throws Error with the server's sentence and code
 */
export async function request(path, options = {}) {
    const { json, ...init } = options;
    if (json !== undefined) {
        init.body = JSON.stringify(json);
        init.headers = { 'Content-Type': 'application/json' };
    }
    for (;;) {
        let response;
        try {
            response = await fetch(path, init);
        } catch (error) {
            if (error.name === 'AbortError') {
                throw error;
            }
            throw failure('The server does not answer. Is samc serve still running?', 'network');
        }
        if (response.ok) {
            return response;
        }
        if (response.status === 401 && (await askToken())) {
            continue;
        }
        const said = await response.json().catch(() => ({}));
        throw failure(said.error ? sentence(said.error) : `The server says ${response.status}.`, said.code ?? 'http');
    }
}

/** The server's messages begin small, as commands print them. */
function sentence(text) {
    const end = /[.!?]$/.test(text) ? '' : '.';
    return text[0].toUpperCase() + text.slice(1) + end;
}

/**
 * Whether the token is right, without asking for it.
 *
 * @param {string} token
 * @returns {Promise<boolean>}
 */
export async function login(token) {
    const response = await fetch('api/login', {
        method: 'POST',
        body: JSON.stringify({ token }),
        headers: { 'Content-Type': 'application/json' },
    });
    return response.ok;
}

/**
 * Lines of a body as they come.
 *
 * @param {Response} response
 * @returns {AsyncGenerator<string>}
 */
export async function* lines(response) {
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = '';
    try {
        for (;;) {
            const { done, value } = await reader.read();
            const parts = (rest + (value ?? '')).split('\n');
            rest = parts.pop();
            yield* parts;
            if (done) {
                break;
            }
        }
        if (rest) {
            yield rest;
        }
    } finally {
        reader.cancel().catch(() => {});
    }
}

/**
 * Server-sent events, up to the last.
 *
 * @param {string} path
 * @param {AbortSignal} [signal]
 * @returns {AsyncGenerator<{name: string, data: any}>}
 */
export async function* events(path, signal) {
    let name = '';
    for await (const line of lines(await request(path, { signal }))) {
        if (line.startsWith('event: ')) {
            name = line.slice(7);
        } else if (line.startsWith('data: ')) {
            yield { name, data: JSON.parse(line.slice(6)) };
        }
    }
}

/**
 * @param {Blob} blob
 * @param {string} name
 * @param {AbortSignal} [signal]
 * @returns {Promise<{id: string, name: string, width: number, height: number}>}
 */
export async function upload(blob, name, signal) {
    const headers = { 'X-Samc-Name': encodeURIComponent(shorten(name)) };
    return (await request('api/photos', { method: 'POST', body: blob, headers, signal })).json();
}

/** A name that the server takes: at most 200 bytes of UTF-8, no half characters. */
function shorten(name) {
    let text = name.toWellFormed ? name.toWellFormed() : name.replace(/[\ud800-\udfff]/g, '_');
    while (new TextEncoder().encode(text).length > 200) {
        text = [...text].slice(0, -1).join('');
    }
    return text;
}

/**
 * Encodes a photo on the server and waits until it is there.
 *
 * @param {string} id
 * @param {{onProgress?: (done: number, queue: number) => void, signal?: AbortSignal}} options
 */
export async function encode(id, { onProgress, signal }) {
    await request(`api/photos/${id}/encode`, { method: 'POST', signal });
    const cancel = () => {
        fetch(`api/photos/${id}/encode`, { method: 'DELETE' }).catch(() => {});
    };
    signal?.addEventListener('abort', cancel);
    try {
        for await (const { name, data } of events(`api/photos/${id}/events`, signal)) {
            if (name === 'progress') {
                onProgress?.(data.done, data.queue);
            } else if (name === 'ready') {
                return;
            } else if (name === 'error') {
                throw failure(sentence(data.error), data.code);
            }
        }
    } finally {
        signal?.removeEventListener('abort', cancel);
    }
    throw failure('The connection broke while the photo was encoded.', 'network');
}
