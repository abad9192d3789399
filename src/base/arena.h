/* SPDX-License-Identifier: Apache-2.0
 *
 * Arena: the scratch memory of one call. Blocks are handed out in order and given back in one go,
 * or back to a mark; nothing is freed on its own. Not thread-safe: one arena a call.
 */
#ifndef SAMC_BASE_ARENA_H
#define SAMC_BASE_ARENA_H

#include "base/status.h"

typedef struct samc_arena_chunk samc_arena_chunk;

/* Begin with {0}. */
typedef struct samc_arena {
    samc_arena_chunk *chunks; /* in use, newest first */
    samc_arena_chunk *spare;  /* given back, to be taken again */
} samc_arena;

typedef struct samc_arena_mark {
    samc_arena_chunk *chunk;
    size_t used;
} samc_arena_mark;

/* Takes count * size bytes, aligned to SAMC_ALIGNMENT, undefined, into *memory (the address of a
 * pointer of any type). Errors: MEMORY. */
samc_status samc_arena_take(samc_arena *arena, size_t count, size_t size, void *memory,
                            samc_error *error);
/* Where the arena stands; giving back to a mark ends the life of what was taken since, and keeps
 * its memory for the next takers of this arena. */
samc_arena_mark samc_arena_here(const samc_arena *arena);
void samc_arena_give_back(samc_arena *arena, samc_arena_mark mark);
/* Bytes that were given back and wait for the next takers. */
size_t samc_arena_spare(const samc_arena *arena);
/* Frees everything. */
void samc_arena_free(samc_arena *arena);

#endif
