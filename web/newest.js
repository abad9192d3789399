// SPDX-License-Identifier: Apache-2.0
/** Questions of which one is asked at a time; of those that wait meanwhile only the newest is, the others get null. */
export class Newest {
    /** @param {(prompt: any) => Promise<any>} ask */
    constructor(ask) {
        this.ask = ask;
        this.waiting = null; // the one that comes next: {prompt, resolve, reject}
        this.asking = false;
    }

    /** @returns {Promise<any>} the answer, or null where a newer question came before its turn */
    put(prompt) {
        this.drop();
        return new Promise((resolve, reject) => {
            this.waiting = { prompt, resolve, reject };
            this.#next();
        });
    }

    /** The one that waits gets null. */
    drop() {
        this.waiting?.resolve(null);
        this.waiting = null;
    }

    async #next() {
        if (this.asking || !this.waiting) {
            return;
        }
        const { prompt, resolve, reject } = this.waiting;
        this.waiting = null;
        this.asking = true;
        try {
            resolve(await this.ask(prompt));
        } catch (error) {
            reject(error);
        } finally {
            this.asking = false;
            this.#next();
        }
    }
}
