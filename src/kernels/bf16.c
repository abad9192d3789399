/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/bf16.h"

#include "kernels/paths.h"

#include <string.h>

/* Inner elements of one pass over a block of A: its 128 rows of 256 pairs and padding take 136 KiB,
 * B's panel of 256 pairs and 32 columns 32 KiB. A sum over more is cut here, for any tile alike. */
#define MAX_K ((int64_t)512)
/* Rows of a tile at most, before rounding up to the path's. */
#define TILE_M 128
/* A row of packed A is longer than its pairs by a cache line, so that rows do not all fall into the
 * same sets of the cache. */
#define ROW_PAD 16
/* As in product.c: what is smaller is not worth waking the other threads. */
#define THREADS_PAY ((int64_t)2 << 20)

typedef struct bf16_job {
    const samc_bf16_kernels *kernels;
    const samc_product *p;
    const samc_kernels *f32;
    const float *b;
    int64_t b_row, b_column;
    int64_t pairs, tile_m;
    uint32_t *panels;  /* [ceil(n / nr)][pairs][nr] */
    uint32_t *packed;  /* [lanes][tile_m * (MAX_K / 2 + ROW_PAD)]: A's block */
    uint32_t *scratch; /* [lanes][nr * pairs]: where B is packed by way of rows */
} bf16_job;

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t round_up(int64_t n, int64_t unit)
{
    return (n + unit - 1) / unit * unit;
}

/* One panel of B. */
static void pack_panel(void *arg, int64_t tile, int32_t lane)
{
    const bf16_job *job = arg;
    const samc_product *p = job->p;
    const int64_t nr = job->kernels->nr, n = smaller(nr, p->n - tile * nr);
    uint32_t *panel = job->panels + tile * job->pairs * nr;
    const float *b = job->b + tile * nr * job->b_column;

    if (n < nr)
        memset(panel, 0, (size_t)(job->pairs * nr) * sizeof *panel);
    if (job->b_column == 1) {
        job->kernels->pack_columns(b, job->b_row, p->k, n, panel, nr);
    } else {
        uint32_t *rows = job->scratch + lane * nr * job->pairs;

        job->kernels->pack_rows(b, job->b_column, n, p->k, rows, job->pairs);
        job->kernels->transpose(rows, job->pairs, n, job->pairs, panel, nr);
    }
}

static void finish_rows(const bf16_job *job, int64_t i0, int64_t m)
{
    const samc_product *p = job->p;

    if (!p->bias && p->act == SAMC_ACT_NONE && !p->residual)
        return;
    for (int64_t i = i0; i < i0 + m; i++)
        job->f32->epilogue(p->c + i * p->c_stride, p->n, p->bias, p->act,
                           p->residual ? p->residual + i * p->residual_stride : NULL);
}

/* tile_m rows of C, all columns. */
static void product_tile(void *arg, int64_t tile, int32_t lane)
{
    const bf16_job *job = arg;
    const samc_product *p = job->p;
    const samc_bf16_kernels *k = job->kernels;
    const int64_t i0 = tile * job->tile_m, m = smaller(job->tile_m, p->m - i0);
    uint32_t *packed = job->packed + lane * job->tile_m * (MAX_K / 2 + ROW_PAD);

    for (int64_t l0 = 0; l0 < p->k; l0 += MAX_K) {
        const int64_t depth = smaller(MAX_K, p->k - l0), pairs = (depth + 1) / 2;
        const float *a = p->a + i0 * p->a_row + l0 * p->a_column;
        const int by_rows = p->a_column == 1;
        const int64_t row = by_rows ? MAX_K / 2 + ROW_PAD : 1, column = by_rows ? 1 : job->tile_m;

        if (by_rows)
            k->pack_rows(a, p->a_row, m, depth, packed, row);
        else
            k->pack_columns(a, p->a_column, depth, m, packed, column);
        for (int64_t j = 0; j < p->n; j += k->nr)
            k->gemm(m, smaller(k->nr, p->n - j), pairs, packed, row, column,
                    job->panels + (j / k->nr * job->pairs + l0 / 2) * k->nr,
                    p->c + i0 * p->c_stride + j, p->c_stride, l0 > 0 || p->accumulate);
    }
    finish_rows(job, i0, m);
}

/* Rows a tile: all threads get as many tiles, of nearly the same size. */
static int64_t tile_rows(const bf16_job *job, int64_t lanes)
{
    const int64_t rounds = (job->p->m + lanes * TILE_M - 1) / (lanes * TILE_M);

    return round_up((job->p->m + rounds * lanes - 1) / (rounds * lanes), job->kernels->mr);
}

samc_status samc_bf16_product_of(const samc_call *call, const samc_product *p, const float *b,
                                 int64_t b_row, int64_t b_column, samc_error *error)
{
    const samc_arena_mark mark = samc_arena_here(call->arena);
    const int64_t lanes = samc_threads_count(call->threads);
    samc_threads *threads = p->m * p->n * p->k < THREADS_PAY ? NULL : call->threads;
    bf16_job job = {.kernels = samc_bf16_select(call->kernels),
                    .p = p,
                    .f32 = call->kernels,
                    .b = b,
                    .b_row = b_row,
                    .b_column = b_column,
                    .pairs = (p->k + 1) / 2};
    const int64_t nr = job.kernels->nr, count = (p->n + nr - 1) / nr;
    samc_status status = SAMC_OK;

    job.tile_m = tile_rows(&job, threads ? lanes : 1);
    SAMC_CHECK(samc_arena_take(call->arena, (size_t)(count * job.pairs),
                               (size_t)nr * sizeof(uint32_t), &job.panels, error));
    SAMC_CHECK(samc_arena_take(call->arena, (size_t)(lanes * job.tile_m),
                               (MAX_K / 2 + ROW_PAD) * sizeof(uint32_t), &job.packed, error));
    if (b_column != 1)
        SAMC_CHECK(samc_arena_take(call->arena, (size_t)(lanes * nr),
                                   (size_t)job.pairs * sizeof(uint32_t), &job.scratch, error));
    samc_threads_run(threads, count, pack_panel, &job);
    samc_threads_run(threads, (p->m + job.tile_m - 1) / job.tile_m, product_tile, &job);

cleanup:
    samc_arena_give_back(call->arena, mark);
    return status;
}

/* ------------------------------------------------------------------------------------- portable */

enum { NR = 8 };

static uint32_t bf16_of(float x)
{
    uint32_t bits;

    memcpy(&bits, &x, sizeof bits);
    if ((bits & 0x7FFFFFFFu) > 0x7F800000u)
        return bits >> 16 | 0x40u; /* NaN stays one */
    return (bits + 0x7FFFu + (bits >> 16 & 1u)) >> 16;
}

static uint32_t pair_of(float low, float high)
{
    return bf16_of(low) | bf16_of(high) << 16;
}

static void pack_rows(const float *a, int64_t lda, int64_t m, int64_t k, uint32_t *out, int64_t ldo)
{
    for (int64_t i = 0; i < m; i++)
        for (int64_t l = 0; l < (k + 1) / 2; l++)
            out[i * ldo + l] = pair_of(a[i * lda + 2 * l],
                                       2 * l + 1 < k ? a[i * lda + 2 * l + 1] : 0.0f);
}

static void pack_columns(const float *b, int64_t ldb, int64_t k, int64_t n, uint32_t *out,
                         int64_t ldo)
{
    for (int64_t l = 0; l < (k + 1) / 2; l++)
        for (int64_t j = 0; j < n; j++)
            out[l * ldo + j] = pair_of(b[2 * l * ldb + j],
                                       2 * l + 1 < k ? b[(2 * l + 1) * ldb + j] : 0.0f);
}

static void transpose(const uint32_t *in, int64_t ldi, int64_t m, int64_t n, uint32_t *out,
                      int64_t ldo)
{
    for (int64_t i = 0; i < m; i++)
        for (int64_t l = 0; l < n; l++)
            out[l * ldo + i] = in[i * ldi + l];
}

static float half_of(uint32_t pair, int high)
{
    const uint32_t bits = high ? pair & 0xFFFF0000u : pair << 16;
    float x;

    memcpy(&x, &bits, sizeof x);
    return x;
}

static void gemm(int64_t m, int64_t n, int64_t pairs, const uint32_t *a, int64_t row,
                 int64_t column, const uint32_t *b, float *c, int64_t ldc, int accumulate)
{
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            float sum = 0.0f;

            for (int64_t l = 0; l < pairs; l++) {
                const uint32_t x = a[i * row + l * column], y = b[l * NR + j];

                sum += half_of(x, 1) * half_of(y, 1);
                sum += half_of(x, 0) * half_of(y, 0);
            }
            c[i * ldc + j] = accumulate ? c[i * ldc + j] + sum : sum;
        }
}

const samc_bf16_kernels samc_bf16_portable = {
    .name = "portable",
    .mr = 4,
    .nr = NR,
    .pack_rows = pack_rows,
    .pack_columns = pack_columns,
    .transpose = transpose,
    .gemm = gemm,
};
