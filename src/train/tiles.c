/* SPDX-License-Identifier: Apache-2.0 */
#include "train/tiles.h"

typedef struct tiles_job {
    const samc_train_call *t;
    samc_train_tile_fn fn;
    void *job;
    samc_status *status; /* [tiles] */
} tiles_job;

static void run_tile(void *arg, int64_t tile, int32_t lane)
{
    const tiles_job *job = arg;
    samc_arena *arena = &job->t->lanes[lane];
    const samc_call call = {.kernels = job->t->call->kernels, .arena = arena};
    const samc_train_call own = {&call, job->t->params, NULL, job->t->bf16, NULL};
    const samc_arena_mark mark = samc_arena_here(arena);

    job->status[tile] = job->fn(job->job, &own, tile);
    samc_arena_give_back(arena, mark);
}

samc_status samc_train_tiles(const samc_train_call *t, int64_t tiles, samc_train_tile_fn fn,
                             void *job)
{
    const samc_arena_mark mark = samc_arena_here(t->call->arena);
    tiles_job all = {t, fn, job, NULL};
    samc_status status = SAMC_OK;

    SAMC_CHECK(
        samc_arena_take(t->call->arena, (size_t)tiles, sizeof *all.status, &all.status, t->error));
    samc_threads_run(t->call->threads, tiles, run_tile, &all);
    for (int64_t i = 0; i < tiles && status == SAMC_OK; i++)
        if (all.status[i] != SAMC_OK)
            status = samc_error_set(t->error, all.status[i], "not enough memory for training");

cleanup:
    samc_arena_give_back(t->call->arena, mark);
    return status;
}
