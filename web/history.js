// SPDX-License-Identifier: Apache-2.0
/**
 * What can be undone: states that nobody changes once they are in here.
 *
 * @template T
 */
export class History {
    /**
     * @param {T} first
     * @param {number} [limit] how many steps back are kept
     */
    constructor(first, limit = 200) {
        /** @type {T[]} */
        this.past = [];
        this.present = first;
        /** @type {T[]} */
        this.future = [];
        this.limit = limit;
        this.group = null;
    }

    /**
     * @param {T} state
     * @param {string | null} [group] one step with the last one, where that had the same name (typing)
     */
    commit(state, group = null) {
        if (group === null || group !== this.group) {
            this.past.push(this.present);
            if (this.past.length > this.limit) {
                this.past.shift();
            }
        }
        this.group = group;
        this.present = state;
        this.future = [];
    }

    get canUndo() {
        return this.past.length > 0;
    }

    get canRedo() {
        return this.future.length > 0;
    }

    /** @returns {boolean} whether there was something */
    undo() {
        return this.#move(this.past, this.future);
    }

    /** @returns {boolean} */
    redo() {
        return this.#move(this.future, this.past);
    }

    #move(from, to) {
        if (!from.length) {
            return false;
        }
        to.push(this.present);
        this.present = from.pop();
        this.group = null;
        return true;
    }
}
