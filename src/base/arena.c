/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

/* Small requests share a chunk of this size; larger ones get a chunk of their own. */
#define CHUNK_SIZE ((size_t)1 << 20)

struct samc_arena_chunk {
    samc_arena_chunk *older;
    uint8_t *data;
    size_t size;
    size_t used;
};

static samc_status new_chunk(size_t bytes, samc_arena_chunk **chunk, samc_error *error)
{
    samc_status status;
    samc_arena_chunk *c = malloc(sizeof *c);

    if (!c)
        return samc_error_memory(error, sizeof *c);
    c->size = bytes > CHUNK_SIZE ? bytes : CHUNK_SIZE;
    status = samc_alloc(c->size, 1, &c->data, error);
    if (status != SAMC_OK) {
        free(c);
        return status;
    }
    *chunk = c;
    return SAMC_OK;
}

/* The smallest chunk given back that is large enough, but at most twice as large as asked: the
 * layers of a model ask for the same sizes again and again, and fresh pages cost more than the
 * work on them. NULL: there is none. */
static samc_arena_chunk *take_spare(samc_arena *arena, size_t bytes)
{
    samc_arena_chunk **best = NULL, *chunk;

    if (bytes < CHUNK_SIZE)
        bytes = CHUNK_SIZE;
    for (samc_arena_chunk **at = &arena->spare; *at; at = &(*at)->older)
        if ((*at)->size >= bytes && (*at)->size / 2 <= bytes &&
            (!best || (*at)->size < (*best)->size))
            best = at;
    if (!best)
        return NULL;
    chunk = *best;
    *best = chunk->older;
    return chunk;
}

static void free_chunks(samc_arena_chunk *chunk)
{
    while (chunk) {
        samc_arena_chunk *older = chunk->older;

        free(chunk->data);
        free(chunk);
        chunk = older;
    }
}

samc_status samc_arena_take(samc_arena *arena, size_t count, size_t size, void *memory,
                            samc_error *error)
{
    samc_arena_chunk *chunk = arena->chunks;
    size_t bytes;
    uint8_t *p;

    if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX - 2 * SAMC_ALIGNMENT)
        return SAMC_FAIL(error, MEMORY,
                         "out of memory: %zu x %zu bytes do not fit an address space", count, size);
    bytes = (bytes + SAMC_ALIGNMENT - 1) / SAMC_ALIGNMENT * SAMC_ALIGNMENT;
    if (!chunk || chunk->size - chunk->used < bytes) {
        chunk = take_spare(arena, bytes);
        if (!chunk)
            SAMC_TRY(new_chunk(bytes, &chunk, error));
        chunk->used = 0;
        chunk->older = arena->chunks;
        arena->chunks = chunk;
    }
    p = chunk->data + chunk->used;
    chunk->used += bytes;
    memcpy(memory, &p, sizeof p);
    return SAMC_OK;
}

samc_arena_mark samc_arena_here(const samc_arena *arena)
{
    return (samc_arena_mark){arena->chunks, arena->chunks ? arena->chunks->used : 0};
}

void samc_arena_give_back(samc_arena *arena, samc_arena_mark mark)
{
    while (arena->chunks != mark.chunk) {
        samc_arena_chunk *chunk = arena->chunks;

        arena->chunks = chunk->older;
        chunk->older = arena->spare;
        arena->spare = chunk;
    }
    if (mark.chunk)
        mark.chunk->used = mark.used;
}

size_t samc_arena_spare(const samc_arena *arena)
{
    size_t bytes = 0;

    for (const samc_arena_chunk *chunk = arena->spare; chunk; chunk = chunk->older)
        bytes += chunk->size;
    return bytes;
}

void samc_arena_free(samc_arena *arena)
{
    free_chunks(arena->chunks);
    free_chunks(arena->spare);
    *arena = (samc_arena){NULL, NULL};
}
