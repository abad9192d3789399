/* SPDX-License-Identifier: Apache-2.0
 *
 * Supply: gets a file of a source, and another one where that file cannot be used; keeps decoded
 * backgrounds and cut-outs.
 */
#ifndef SAMC_TRAIN_SUPPLY_H
#define SAMC_TRAIN_SUPPLY_H

#include "base/random.h"
#include "dataset/cutout.h"
#include "train/cache.h"
#include "train/recipe.h"

#include <pthread.h>

/* What all makers of samples share. Begin with samc_supply_begin. */
typedef struct samc_supply {
    samc_cache *cache;    /* of samc_stock */
    pthread_mutex_t lock; /* for `note` and the sources' `bad` */
    samc_samples_note_fn note;
    void *user;
    double min_area;
} samc_supply;

/* A decoded file: a background or a cut-out. */
typedef struct samc_stock {
    samc_photo photo;
    samc_cutout cutout;
} samc_stock;

/* Errors: MEMORY. */
samc_status samc_supply_begin(samc_supply *supply, size_t cache_bytes, double min_area,
                              samc_samples_note_fn note, void *user, samc_error *error);
void samc_supply_end(samc_supply *supply);

/* Makes something of file `index` of a source. `random` differs from try to try. */
typedef samc_status (*samc_supply_make_fn)(void *user, samc_source *source, size_t index,
                                           samc_random *random, samc_error *error);

/* Draws files until `make` succeeds with one. A file that fails is named once and another one is
 * drawn; which one does not depend on what is known of files already. Errors: FORMAT (none of the
 * source's files can be used), MEMORY (make's). */
samc_status samc_supply_draw(samc_supply *supply, samc_source *source, samc_random *random,
                             samc_supply_make_fn make, void *user, samc_error *error);

/* The photo of a file, its longer side at most 2 * size; or the cut-out, at most `size`. Let it go
 * with samc_cache_release. Errors: those of the readers. */
samc_status samc_supply_photo(samc_supply *supply, const samc_source *source, size_t index,
                              int32_t size, samc_cache_entry **entry, samc_error *error);
samc_status samc_supply_cutout(samc_supply *supply, const samc_source *source, size_t index,
                               int32_t size, samc_cache_entry **entry, samc_error *error);

#endif
