/* SPDX-License-Identifier: Apache-2.0
 *
 * Tiles of training that may fail: each computes on its own thread, with products and memory of its
 * own.
 */
#ifndef SAMC_TRAIN_TILES_H
#define SAMC_TRAIN_TILES_H

#include "train/layers.h"

/* Computes one tile. `own` has no threads and no message; what is taken from its arena is given
 * back behind the tile. */
typedef samc_status (*samc_train_tile_fn)(void *job, const samc_train_call *own, int64_t tile);

/* Runs fn for tiles 0 … tiles - 1 over t's threads. Errors: that of the first tile that failed;
 * MEMORY. */
samc_status samc_train_tiles(const samc_train_call *t, int64_t tiles, samc_train_tile_fn fn,
                             void *job);

#endif
