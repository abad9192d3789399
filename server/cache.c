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

samc_status samc_cache_reserve(samc_cache *cache, size_t bytes, samc_error *error)
{
    samc_item *item = cache->oldest;

    while (bytes > cache->budget - cache->used && item) {
        samc_item *next = item->newer;

        if (item->holders == 1) { /* the cache's own */
            samc_cache_drop(cache, item->slot);
            cache->drops++;
        }
        item = next;
    }
    if (bytes > cache->budget - cache->used)
        return SAMC_FAIL(error, LIMIT,
                         "the server's memory is full: %zu bytes are wanted, %zu of %zu are in use",
                         bytes, cache->used, cache->budget);
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
    unlink_item(cache, item);
    link_newest(cache, item);
    return samc_item_hold(item);
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
