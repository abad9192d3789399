/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/product.h"

#include <string.h>

/* Rows of A that one thread packs at a time: with SAMC_GEMM_MAX_K columns at most 336 KiB, which
 * leaves two thirds of an L2 of 1 MiB to a panel of B (128 KiB) and the columns of C in work. It is
 * a multiple of the register tiles' heights (4, 6, 14). */
#define BLOCK_ROWS 84
/* Columns after which a block is finished (bias, activation, residual) while it is in L2: 84 x 128
 * floats are 42 KiB. A multiple of every path's panel. */
#define GROUP_COLUMNS 128
/* What is left when this many blocks a thread remain is cut finer, by columns, so that the threads
 * end together: the last ones wait for an eighth of a block, not for a whole one. */
#define LAST_BLOCKS 2
#define LAST_PARTS 8

/* Multiplications from which on waking the other threads (about 10 us) costs less than it saves: at
 * 20 a nanosecond these take 100 us on one thread. */
#define THREADS_PAY ((int64_t)2 << 20)

/* A cache line of numbers: what one lane writes is apart from what another one reads. */
#define LINE 8

typedef struct product_job {
    const samc_kernels *kernels;
    const samc_product *p;
    int64_t depth;  /* columns of A that are packed at a time */
    int64_t groups; /* of columns of C */
    int64_t whole;  /* blocks of rows that are one tile each; the others come in parts */
    int64_t parts;
    float *packed;  /* [lanes][BLOCK_ROWS][depth] */
    float *normed;  /* [lanes][BLOCK_ROWS][k] where there is a norm */
    int64_t *block; /* [lanes][LINE] first: whose rows are packed; -1: none */
} product_job;

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* A's block of m rows and `depth` columns into panels. */
static void pack_block(const product_job *job, int64_t i0, int64_t l0, int64_t m, int64_t depth,
                       int32_t lane)
{
    const samc_product *p = job->p;
    const int64_t mr = job->kernels->gemm_mr;
    const float *a = p->a + i0 * p->a_row + l0 * p->a_column;
    float *packed = job->packed + lane * BLOCK_ROWS * job->depth;

    if (p->norm_weight) {
        float *normed = job->normed + lane * BLOCK_ROWS * p->k;

        for (int64_t i = 0; i < m && l0 == 0; i++)
            job->kernels->layer_norm(a + i * p->a_row, p->k, p->norm_weight, p->norm_bias,
                                     p->norm_eps, normed + i * p->k);
        job->kernels->pack_a(normed + l0, p->k, m, depth, packed);
        return;
    }
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

/* Bias, activation and residual of m rows and n columns, from row i0 and column j0 on. */
static void finish(const product_job *job, int64_t i0, int64_t j0, int64_t m, int64_t n)
{
    const samc_product *p = job->p;
    const float *residual = p->residual == p->c ? NULL : p->residual; /* c began as it */

    if (!p->bias && p->act == SAMC_ACT_NONE && !residual)
        return;
    for (int64_t i = i0; i < i0 + m; i++)
        job->kernels->epilogue(p->c + i * p->c_stride + j0, n, p->bias ? p->bias + j0 : NULL,
                               p->act, residual ? residual + i * p->residual_stride + j0 : NULL);
}

/* Groups of columns [first, end) of one block of rows. */
static void product_block(const product_job *job, int64_t block, int64_t first, int64_t end,
                          int32_t lane)
{
    const samc_product *p = job->p;
    const samc_kernels *k = job->kernels;
    const int64_t i0 = block * BLOCK_ROWS, m = smaller(BLOCK_ROWS, p->m - i0);
    const int adds = p->accumulate || p->residual == p->c;
    const float *packed = job->packed + lane * BLOCK_ROWS * job->depth;

    for (int64_t l0 = 0; l0 < p->k; l0 += job->depth) {
        const int64_t depth = smaller(job->depth, p->k - l0);

        if (depth < p->k || job->block[lane * LINE] != block)
            pack_block(job, i0, l0, m, depth, lane);
        for (int64_t g = first; g < end; g++) {
            const int64_t j0 = g * GROUP_COLUMNS, n = smaller(GROUP_COLUMNS, p->n - j0);
            samc_panels b = p->b;

            b.data += l0 * b.row_stride + j0 / k->gemm_nr * b.panel_stride;
            k->gemm(m, n, depth, packed, &b, p->c + i0 * p->c_stride + j0, p->c_stride,
                    l0 > 0 || adds);
            if (l0 + depth == p->k)
                finish(job, i0, j0, m, n);
        }
    }
    job->block[lane * LINE] = block;
}

static void product_tile(void *arg, int64_t tile, int32_t lane)
{
    const product_job *job = arg;
    const int64_t part = tile - job->whole;

    if (part < 0)
        product_block(job, tile, 0, job->groups, lane);
    else
        product_block(job, job->whole + part / job->parts,
                      part % job->parts * job->groups / job->parts,
                      (part % job->parts + 1) * job->groups / job->parts, lane);
}

samc_status samc_product_run(const samc_call *call, const samc_product *p, samc_error *error)
{
    const samc_arena_mark mark = samc_arena_here(call->arena);
    samc_threads *threads = p->m * p->n * p->k < THREADS_PAY ? NULL : call->threads;
    const int32_t lanes = samc_threads_count(threads);
    const int64_t blocks = (p->m + BLOCK_ROWS - 1) / BLOCK_ROWS;
    const int64_t cuts = (p->k + SAMC_GEMM_MAX_K - 1) / SAMC_GEMM_MAX_K;
    product_job job = {.kernels = call->kernels, .p = p, .parts = 1};
    samc_status status = SAMC_OK;

    job.depth = cuts ? (p->k + cuts - 1) / cuts : 0;
    job.groups = (p->n + GROUP_COLUMNS - 1) / GROUP_COLUMNS;
    job.whole = blocks;
    if (lanes > 1) {
        job.whole = blocks > LAST_BLOCKS * lanes ? blocks - LAST_BLOCKS * lanes : 0;
        job.parts = smaller(job.groups, LAST_PARTS);
    }
    SAMC_CHECK(samc_arena_take(call->arena, (size_t)(lanes * BLOCK_ROWS),
                               (size_t)job.depth * sizeof(float), &job.packed, error));
    if (p->norm_weight)
        SAMC_CHECK(samc_arena_take(call->arena, (size_t)(lanes * BLOCK_ROWS),
                                   (size_t)p->k * sizeof(float), &job.normed, error));
    SAMC_CHECK(
        samc_arena_take(call->arena, (size_t)(lanes * LINE), sizeof *job.block, &job.block, error));
    for (int32_t i = 0; i < lanes; i++)
        job.block[i * LINE] = -1;
    samc_threads_run(threads, job.whole + (blocks - job.whole) * job.parts, product_tile, &job);

cleanup:
    samc_arena_give_back(call->arena, mark);
    return status;
}

/* ------------------------------------------------------------------------- B packed for one use */

void samc_panel_of_rows(const samc_kernels *kernels, const float *bt, int64_t ldb, int64_t n,
                        int64_t k, float *panel)
{
    const int64_t nr = kernels->gemm_nr;

    if (n < nr)
        memset(panel, 0, (size_t)(k * nr) * sizeof *panel);
    kernels->transpose(bt, ldb, n, k, panel, nr);
}

typedef struct pack_job {
    const samc_kernels *kernels;
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
    if (job->b_column != 1) {
        samc_panel_of_rows(job->kernels, b, job->b_column, columns, job->k, panel);
        return;
    }
    if (columns < nr)
        memset(panel, 0, (size_t)(job->k * nr) * sizeof *panel);
    for (int64_t l = 0; l < job->k; l++)
        memcpy(panel + l * nr, b + l * job->b_row, (size_t)columns * sizeof *b);
}

samc_status samc_product_of(const samc_call *call, const samc_product *product, const float *b,
                            int64_t b_row, int64_t b_column, samc_error *error)
{
    const samc_arena_mark mark = samc_arena_here(call->arena);
    const int64_t nr = call->kernels->gemm_nr, count = (product->n + nr - 1) / nr;
    pack_job job = {call->kernels, product->n, product->k, nr, b, b_row, b_column, NULL};
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
