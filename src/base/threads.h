/* SPDX-License-Identifier: Apache-2.0
 *
 * Threads: a pool that a context owns. Work comes as numbered tiles; which thread computes a tile
 * is left to chance, what a tile computes is not, so results never depend on the thread count.
 */
#ifndef SAMC_BASE_THREADS_H
#define SAMC_BASE_THREADS_H

#include "base/status.h"

typedef struct samc_threads samc_threads;

/* Computes tile `tile`. `lane` (0 <= lane < samc_threads_count) is distinct among the tiles that
 * run at the same time in one samc_threads_run: use it to pick per-thread scratch. */
typedef void (*samc_tile_fn)(void *arg, int64_t tile, int32_t lane);

/* `count` threads, the caller's included; 0: one a core this process may run on. Workers start with
 * the first run. Errors: ARGUMENT (not in 0..1024), MEMORY. */
samc_status samc_threads_create(int32_t count, samc_threads **threads, samc_error *error);
void samc_threads_free(samc_threads *threads);
int32_t samc_threads_count(const samc_threads *threads);

/* Runs fn(arg, 0..tiles-1, lane) and returns when all are done. Callable from several threads at
 * once: one of them gets the workers, the others compute their tiles themselves, on lane 0. Cannot
 * fail: where workers cannot be started the caller computes everything. After fork() the child
 * starts workers of its own. `threads` may be NULL: everything on the caller's thread. Must not be
 * called from within a tile. */
void samc_threads_run(samc_threads *threads, int64_t tiles, samc_tile_fn fn, void *arg);

#endif
