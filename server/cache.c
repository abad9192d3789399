/* SPDX-License-Identifier: Apache-2.0 */
#include "server/cache.h"

#include "base/memory.h"

#include <stdlib.h>

static void unlink_item(samc_cache *cache, samc_item *item)
{
    *(item->newer ? &item->newer->older : &cache->newest) = item->older;
    *(item->older ? &item->older->newer : &cache->oldest) = item->newer;
    item->newer = item->older = NULL;
}

static void link_newest(samc_cache *cache, samc_item *item)
{
    item->older = cache->newest;
    *(cache->newest ? &cache->newest->newer : &cache->oldest) = item;
    cache->newest = item;
}

/* Whether nobody but the cache holds it. */
static bool may_go(const samc_item *item)
{
    return item->holders == 1;
}

static bool has_room(const samc_cache *cache, size_t bytes)
{
    size_t room = cache->budget - cache->used;

    for (const samc_item *item = cache->oldest; item && room < bytes; item = item->newer)
        room += may_go(item) ? item->bytes : 0;
    return room >= bytes;
}

bool samc_cache_spares(const samc_cache *cache, size_t bytes)
{
    const size_t left = cache->budget / 4;

    return bytes <= cache->budget - left && has_room(cache, bytes + left);
}

samc_status samc_cache_reserve(samc_cache *cache, size_t bytes, samc_error *error)
{
    if (!has_room(cache, bytes))
        return SAMC_FAIL(error, LIMIT,
                         "the server's memory is full: %zu bytes are wanted, %zu of %zu are in use",
                         bytes, cache->used, cache->budget);
    for (samc_item *item = cache->oldest, *next; bytes > cache->budget - cache->used; item = next) {
        next = item->newer;
        if (may_go(item)) {
            samc_cache_drop(cache, item->slot);
            cache->drops++;
        }
    }
    cache->used += bytes;
    if (cache->used > cache->peak)
        cache->peak = cache->used;
    return SAMC_OK;
}

void samc_cache_unreserve(samc_cache *cache, size_t bytes)
{
    cache->used -= bytes;
}

samc_status samc_item_create(size_t bytes, samc_item **item, samc_error *error)
{
    SAMC_TRY(samc_alloc_zero(1, sizeof **item, item, error));
    (*item)->bytes = bytes;
    (*item)->holders = 1;
    return SAMC_OK;
}

samc_item *samc_item_hold(samc_item *item)
{
    item->holders++;
    return item;
}

void samc_item_release(samc_cache *cache, samc_item *item)
{
    if (!item || --item->holders > 0)
        return;
    samc_embedding_free(item->embedding);
    free(item->data);
    samc_cache_unreserve(cache, item->bytes);
    free(item);
}

void samc_cache_put(samc_cache *cache, samc_item *item, samc_item **slot)
{
    if (*slot)
        samc_cache_drop(cache, slot);
    item->slot = slot;
    *slot = samc_item_hold(item);
    link_newest(cache, item);
    cache->items++;
}

samc_item *samc_cache_take(samc_cache *cache, samc_item **slot)
{
    samc_item *item = *slot;

    if (!item) {
        cache->misses++;
        return NULL;
    }
    cache->hits++;
    samc_cache_touch(cache, slot);
    return samc_item_hold(item);
}

void samc_cache_touch(samc_cache *cache, samc_item **slot)
{
    if (!*slot)
        return;
    unlink_item(cache, *slot);
    link_newest(cache, *slot);
}

void samc_cache_drop(samc_cache *cache, samc_item **slot)
{
    samc_item *item = *slot;

    if (!item)
        return;
    unlink_item(cache, item);
    item->slot = NULL;
    *slot = NULL;
    cache->items--;
    samc_item_release(cache, item);
}
