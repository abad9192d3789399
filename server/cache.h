/* SPDX-License-Identifier: Apache-2.0
 *
 * Cache: every large block that the server keeps, counted in bytes against one budget.
 *
 * An item is an embedding or a run of bytes (an uploaded file, a thumbnail, a saved embedding on
 * its way to a client). It is counted from before its memory is taken until after it is freed,
 * whoever holds it; so what a slow client has not taken yet counts too. Items in a slot that nobody
 * else holds are the cache's to drop, the least recently used first, when room is needed. Where
 * dropping cannot make enough room the wish is refused (LIMIT), and nothing is dropped for it.
 *
 * Nothing here locks: the server's lock is held around every call.
 */
#ifndef SAMC_SERVER_CACHE_H
#define SAMC_SERVER_CACHE_H

#include "base/status.h"

#include <stdbool.h>

/* One block, counted by its holders. */
typedef struct samc_item {
    size_t bytes;              /* that it counts for */
    samc_embedding *embedding; /* or */
    uint8_t *data;             /* [size] */
    size_t size;
    /* the cache's own */
    int64_t holders;
    struct samc_item **slot; /* what shall become NULL when it is dropped; NULL: not in the cache */
    struct samc_item *newer, *older;
} samc_item;

/* Begin with {.budget = bytes}. */
typedef struct samc_cache {
    size_t budget;
    size_t used; /* never above budget */
    size_t peak;
    samc_item *newest, *oldest;
    uint64_t items, hits, misses, drops; /* items: now in slots */
} samc_cache;

/* Makes room for `bytes` and counts them. Errors: LIMIT (there would be no room even with all
 * dropped that can be; nothing is). */
samc_status samc_cache_reserve(samc_cache *cache, size_t bytes, samc_error *error);
/* Whether `bytes` can be had and a quarter of the budget is left: what large answers and bodies ask
 * before they reserve, so that clients who do not take them do not stop the others. */
bool samc_cache_spares(const samc_cache *cache, size_t bytes);
/* Counts `bytes` of those reserved no more. */
void samc_cache_unreserve(samc_cache *cache, size_t bytes);

/* An item for `bytes` that were reserved, held once by the caller. Errors: MEMORY (the bytes stay
 * reserved). */
samc_status samc_item_create(size_t bytes, samc_item **item, samc_error *error);
/* Holds it once more; returns it. */
samc_item *samc_item_hold(samc_item *item);
/* Lets go; the last one frees it. NULL is fine. */
void samc_item_release(samc_cache *cache, samc_item *item);

/* Puts an item into *slot as the newest; the cache holds it too. What was there is dropped. */
void samc_cache_put(samc_cache *cache, samc_item *item, samc_item **slot);
/* What is in *slot, held once more and the newest now; NULL where nothing is. */
samc_item *samc_cache_take(samc_cache *cache, samc_item **slot);
/* What is in *slot, if anything is, is the newest now. */
void samc_cache_touch(samc_cache *cache, samc_item **slot);
/* Forgets what is in *slot; one that somebody holds goes when it is let go. */
void samc_cache_drop(samc_cache *cache, samc_item **slot);

#endif
