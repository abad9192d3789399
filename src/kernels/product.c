/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/product.h"

#include <string.h>

/* A tile of C is computed by one thread. Its packed block of A (about 96 x 256 floats, 96 KiB) and
 * its own TILE_N columns (192 KiB) stay in an L2 of 512 KiB; a panel of B stays in L1 while the
 * block's rows pass. 96 is cut to whole register tiles of the path. */
#define TILE_M 96
#define TILE_N 512

/* Multiplications from which on waking the other threads (about 10 us) costs less than it saves: at
 * 20 a nanosecond these take 100 us on one thread. */
#define THREADS_PAY ((int64_t)2 << 20)

typedef struct product_job {
    const samc_kernels *kernels;
    const samc_product *p;
    int64_t tile_m, tiles_n;
    float *packed; /* [lanes][tile_m * SAMC_GEMM_MAX_K] */
    float *sums;   /* [lanes][tile_m * TILE_N] where c is the residual too, else NULL */
} product_job;

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* A's block of m rows and `depth` columns into panels. */
static void pack_block(const product_job *job, int64_t i0, int64_t l0, int64_t m, int64_t depth,
                       float *packed)
{
    const samc_product *p = job->p;
    const int64_t mr = job->kernels->gemm_mr;
    const float *a = p->a + i0 * p->a_row + l0 * p->a_column;

    if (p->a_column == 1) {
        job->kernels->pack_a(a, p->a_row, m, depth, packed);
        return;
    }
    for (int64_t i = 0; i < m; i += mr, packed += mr * depth) {
        const int64_t rows = smaller(mr, m - i);

        for (int64_t l = 0; l < depth; l++) {
            memcpy(packed + l * mr, a + i + l * p->a_column, (size_t)rows * sizeof *a);
            memset(packed + l * mr + rows, 0, (size_t)(mr - rows) * sizeof *a);
        }
    }
}

static void product_tile(void *arg, int64_t tile, int32_t lane)
{
    const product_job *job = arg;
    const samc_product *p = job->p;
    const samc_kernels *k = job->kernels;
    const int64_t i0 = tile / job->tiles_n * job->tile_m, j0 = tile % job->tiles_n * TILE_N;
    const int64_t m = smaller(job->tile_m, p->m - i0), n = smaller(TILE_N, p->n - j0);
    float *packed = job->packed + lane * job->tile_m * SAMC_GEMM_MAX_K;
    float *y = p->c + i0 * p->c_stride + j0;
    float *c = job->sums ? job->sums + lane * job->tile_m * TILE_N : y;
    const int64_t ldc = job->sums ? TILE_N : p->c_stride;

    for (int64_t l0 = 0; l0 < p->k; l0 += SAMC_GEMM_MAX_K) {
        const int64_t depth = smaller(SAMC_GEMM_MAX_K, p->k - l0);
        samc_panels b = p->b;

        b.data += l0 * b.row_stride + j0 / k->gemm_nr * b.panel_stride;
        pack_block(job, i0, l0, m, depth, packed);
        k->gemm(m, n, depth, packed, &b, c, ldc, l0 > 0 || p->accumulate);
    }
    if (!p->bias && p->act == SAMC_ACT_NONE && !p->residual)
        return;
    for (int64_t i = 0; i < m; i++) {
        k->epilogue(c + i * ldc, n, p->bias ? p->bias + j0 : NULL, p->act,
                    p->residual ? p->residual + (i0 + i) * p->residual_stride + j0 : NULL);
        if (job->sums)
            memcpy(y + i * p->c_stride, c + i * ldc, (size_t)n * sizeof *c);
    }
}

samc_status samc_product_run(const samc_call *call, const samc_product *p, samc_error *error)
{
    const samc_arena_mark mark = samc_arena_here(call->arena);
    const int32_t lanes = samc_threads_count(call->threads);
    product_job job = {.kernels = call->kernels, .p = p};
    samc_status status = SAMC_OK;

    job.tile_m = TILE_M / call->kernels->gemm_mr * call->kernels->gemm_mr;
    job.tiles_n = (p->n + TILE_N - 1) / TILE_N;
    SAMC_CHECK(samc_arena_take(call->arena, (size_t)(lanes * job.tile_m),
                               SAMC_GEMM_MAX_K * sizeof(float), &job.packed, error));
    if (p->residual == p->c)
        SAMC_CHECK(samc_arena_take(call->arena, (size_t)(lanes * job.tile_m),
                                   TILE_N * sizeof(float), &job.sums, error));
    samc_threads_run(p->m * p->n * p->k < THREADS_PAY ? NULL : call->threads,
                     (p->m + job.tile_m - 1) / job.tile_m * job.tiles_n, product_tile, &job);

cleanup:
    samc_arena_give_back(call->arena, mark);
    return status;
}

/* ------------------------------------------------------------------------- B packed for one use */

typedef struct pack_job {
    int64_t n, k, nr;
    const float *b;
    int64_t b_row, b_column;
    float *panels;
} pack_job;

/* One panel [k][nr]. */
static void pack_tile(void *arg, int64_t tile, int32_t lane)
{
    const pack_job *job = arg;
    const int64_t nr = job->nr, columns = smaller(nr, job->n - tile * nr);
    const float *b = job->b + tile * nr * job->b_column;
    float *panel = job->panels + tile * job->k * nr;

    (void)lane;
    if (columns < nr)
        memset(panel, 0, (size_t)(job->k * nr) * sizeof *panel);
    if (job->b_column == 1) {
        for (int64_t l = 0; l < job->k; l++)
            memcpy(panel + l * nr, b + l * job->b_row, (size_t)columns * sizeof *b);
        return;
    }
    /* columns of B are rows in memory: eight of them at a time, so that each cache line that is
     * read serves several writes to one line of the panel */
    for (int64_t j0 = 0; j0 < columns; j0 += 8)
        for (int64_t l = 0; l < job->k; l++)
            for (int64_t j = j0; j < smaller(j0 + 8, columns); j++)
                panel[l * nr + j] = b[j * job->b_column + l * job->b_row];
}

samc_status samc_product_of(const samc_call *call, const samc_product *product, const float *b,
                            int64_t b_row, int64_t b_column, samc_error *error)
{
    const samc_arena_mark mark = samc_arena_here(call->arena);
    const int64_t nr = call->kernels->gemm_nr, count = (product->n + nr - 1) / nr;
    pack_job job = {product->n, product->k, nr, b, b_row, b_column, NULL};
    samc_product p = *product;
    samc_status status = SAMC_OK;

    SAMC_CHECK(samc_arena_take(call->arena, (size_t)(count * product->k),
                               (size_t)nr * sizeof(float), &job.panels, error));
    samc_threads_run(p.m * p.n * p.k < THREADS_PAY ? NULL : call->threads, count, pack_tile, &job);
    p.b = (samc_panels){job.panels, nr, product->k * nr};
    status = samc_product_run(call, &p, error);

cleanup:
    samc_arena_give_back(call->arena, mark);
    return status;
}
