/* SPDX-License-Identifier: Apache-2.0 */
#include "train/cache.h"

#include "base/memory.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS ((size_t)1 << 14)

struct samc_cache_entry {
    samc_cache_key key;
    void *item;
    size_t bytes;
    size_t holds;
    samc_cache_entry *next;          /* of its bucket */
    samc_cache_entry *newer, *older; /* by last use */
};

struct samc_cache {
    pthread_mutex_t lock;
    samc_cache_free_fn free_item;
    size_t bytes, max_bytes;
    samc_cache_entry *newest, *oldest;
    samc_cache_entry *buckets[BUCKETS];
};

samc_status samc_cache_create(size_t max_bytes, samc_cache_free_fn free_item, samc_cache **cache,
                              samc_error *error)
{
    samc_cache *made = NULL;

    SAMC_TRY(samc_alloc_zero(1, sizeof *made, &made, error));
    if (pthread_mutex_init(&made->lock, NULL) != 0) {
        free(made);
        return SAMC_FAIL(error, MEMORY, "the system has no more locks");
    }
    made->free_item = free_item;
    made->max_bytes = max_bytes;
    *cache = made;
    return SAMC_OK;
}

static size_t bucket_of(const samc_cache_key *key)
{
    uint64_t bits = key->id[0] * UINT64_C(0x9e3779b97f4a7c15);

    bits ^= key->id[1] * UINT64_C(0xbf58476d1ce4e5b9);
    return (size_t)(bits >> 40) % BUCKETS;
}

static void unlink_use(samc_cache *cache, samc_cache_entry *e)
{
    *(e->newer ? &e->newer->older : &cache->newest) = e->older;
    *(e->older ? &e->older->newer : &cache->oldest) = e->newer;
    e->newer = e->older = NULL;
}

static void link_newest(samc_cache *cache, samc_cache_entry *e)
{
    e->older = cache->newest;
    e->newer = NULL;
    *(cache->newest ? &cache->newest->newer : &cache->oldest) = e;
    cache->newest = e;
}

static void drop(samc_cache *cache, samc_cache_entry *e)
{
    samc_cache_entry **link = &cache->buckets[bucket_of(&e->key)];

    while (*link != e)
        link = &(*link)->next;
    *link = e->next;
    unlink_use(cache, e);
    cache->bytes -= e->bytes;
    cache->free_item(e->item);
    free(e);
}

/* Makes room; what is held stays, even above the bound. */
static void shrink(samc_cache *cache)
{
    samc_cache_entry *newer;

    for (samc_cache_entry *e = cache->oldest; e && cache->bytes > cache->max_bytes; e = newer) {
        newer = e->newer;
        if (e->holds == 0)
            drop(cache, e);
    }
}

/* The entry of a key, held and made the newest; NULL: there is none. */
static samc_cache_entry *find(samc_cache *cache, const samc_cache_key *key)
{
    samc_cache_entry *e = cache->buckets[bucket_of(key)];

    while (e && memcmp(e->key.id, key->id, sizeof key->id) != 0)
        e = e->next;
    if (e) {
        e->holds++;
        unlink_use(cache, e);
        link_newest(cache, e);
    }
    return e;
}

samc_status samc_cache_hold(samc_cache *cache, const samc_cache_key *key, samc_cache_load_fn load,
                            void *user, samc_cache_entry **entry, samc_error *error)
{
    samc_cache_entry *made = NULL, *other;
    samc_status status;

    (void)pthread_mutex_lock(&cache->lock);
    *entry = find(cache, key);
    (void)pthread_mutex_unlock(&cache->lock);
    if (*entry)
        return SAMC_OK;
    SAMC_TRY(samc_alloc_zero(1, sizeof *made, &made, error));
    made->key = *key;
    status = load(user, &made->item, &made->bytes, error);
    if (status != SAMC_OK) {
        free(made);
        return status;
    }
    (void)pthread_mutex_lock(&cache->lock);
    other = find(cache, key);
    if (other) { /* another thread was faster */
        cache->free_item(made->item);
        free(made);
        made = other;
    } else {
        samc_cache_entry **bucket = &cache->buckets[bucket_of(key)];

        made->holds = 1;
        made->next = *bucket;
        *bucket = made;
        link_newest(cache, made);
        cache->bytes += made->bytes;
        shrink(cache);
    }
    (void)pthread_mutex_unlock(&cache->lock);
    *entry = made;
    return SAMC_OK;
}

const void *samc_cache_item(const samc_cache_entry *entry)
{
    return entry->item;
}

void samc_cache_release(samc_cache *cache, samc_cache_entry *entry)
{
    if (!entry)
        return;
    (void)pthread_mutex_lock(&cache->lock);
    entry->holds--;
    shrink(cache);
    (void)pthread_mutex_unlock(&cache->lock);
}

void samc_cache_free(samc_cache *cache)
{
    if (!cache)
        return;
    while (cache->oldest)
        drop(cache, cache->oldest);
    (void)pthread_mutex_destroy(&cache->lock);
    free(cache);
}
