/* SPDX-License-Identifier: Apache-2.0
 *
 * Threads where there are none (WebAssembly): every tile on the caller's. In place of threads.c.
 */
#include "base/threads.h"

#include "base/memory.h"

#include <stdlib.h>

struct samc_threads {
    int32_t count;
};

samc_status samc_threads_create(int32_t count, samc_threads **threads, samc_error *error)
{
    if (count < 0 || count > 1024)
        return SAMC_FAIL(error, ARGUMENT, "threads: %d; give 0 to 1024", (int)count);
    SAMC_TRY(samc_alloc_zero(1, sizeof **threads, threads, error));
    (*threads)->count = 1;
    return SAMC_OK;
}

void samc_threads_free(samc_threads *threads)
{
    free(threads);
}

int32_t samc_threads_count(const samc_threads *threads)
{
    return threads ? threads->count : 1;
}

void samc_threads_run(samc_threads *threads, int64_t tiles, samc_tile_fn fn, void *arg)
{
    (void)threads;
    for (int64_t i = 0; i < tiles; i++)
        fn(arg, i, 0);
}
