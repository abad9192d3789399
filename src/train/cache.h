/* SPDX-License-Identifier: Apache-2.0
 *
 * Cache: decoded files and the like, up to so many bytes; those that were not used for longest go
 * first. What is cached must be a function of its key alone: then a cache changes times and nothing
 * else.
 */
#ifndef SAMC_TRAIN_CACHE_H
#define SAMC_TRAIN_CACHE_H

#include "base/status.h"

typedef struct samc_cache samc_cache;

/* What an item is of: two numbers, such as the address of a file's path and the size that it is
 * decoded for, or a hash of contents. */
typedef struct samc_cache_key {
    uint64_t id[2];
} samc_cache_key;

/* Makes the item that `user` describes: *item, to be freed by the cache's free function, and its
 * size. */
typedef samc_status (*samc_cache_load_fn)(void *user, void **item, size_t *bytes,
                                          samc_error *error);
typedef void (*samc_cache_free_fn)(void *item);

/* Errors: MEMORY. */
samc_status samc_cache_create(size_t max_bytes, samc_cache_free_fn free_item, samc_cache **cache,
                              samc_error *error);
/* No item may be held. */
void samc_cache_free(samc_cache *cache);

/* A hold on an item, which keeps it alive. */
typedef struct samc_cache_entry samc_cache_entry;

/* Finds the item of `key`, or loads it (with no lock held: two threads that need it at the same
 * time both do). Let it go with samc_cache_release. From any thread. Errors: load's, MEMORY. */
samc_status samc_cache_hold(samc_cache *cache, const samc_cache_key *key, samc_cache_load_fn load,
                            void *user, samc_cache_entry **entry, samc_error *error);
const void *samc_cache_item(const samc_cache_entry *entry);
/* NULL is fine. */
void samc_cache_release(samc_cache *cache, samc_cache_entry *entry);

#endif
