/* SPDX-License-Identifier: Apache-2.0 */
#include "train/layers.h"

#include "kernels/bf16.h"

#include <stdio.h>
#include <string.h>

/* Rows and numbers that one tile of a row-wise pass takes: enough to be worth taking, few enough to
 * share among threads. Sums over tiles are added in the tiles' order. */
#define TILE_ROWS 128
#define TILE_NUMBERS 16384
/* Numbers that are copied and then worked on while they are in the L1 cache. */
#define COPIED 2048
/* Partial sums of a dot product and of a sum: what the compiler keeps in vectors. */
#define DOT_PARTS 16
#define SUM_PARTS 8

static const samc_param *find(const samc_params *params, const char *prefix, const char *part,
                              samc_error *error)
{
    char name[192];
    const samc_param *p;

    (void)snprintf(name, sizeof name, "%s.%s", prefix, part);
    p = samc_params_find(params, name);
    if (!p)
        (void)SAMC_FAIL(error, MODEL, "training: the model has no tensor %s", name);
    return p;
}

samc_status samc_dense_find(const samc_params *params, const char *prefix, samc_dense *dense,
                            samc_error *error)
{
    char name[192];
    const samc_param *w = find(params, prefix, "weight", error), *b;

    if (!w)
        return SAMC_ERROR_MODEL;
    (void)snprintf(name, sizeof name, "%s.bias", prefix);
    b = samc_params_find(params, name);
    *dense = (samc_dense){w->shape[0], w->count / w->shape[0], w->offset, b ? b->offset : -1};
    return SAMC_OK;
}

samc_status samc_train_product(const samc_train_call *t, const samc_product *product,
                               const float *b, int64_t b_row, int64_t b_column)
{
    return t->bf16 ? samc_bf16_product_of(t->call, product, b, b_row, b_column, t->error)
                   : samc_product_of(t->call, product, b, b_row, b_column, t->error);
}

samc_status samc_dense_forward(const samc_train_call *t, const samc_dense *dense, int64_t m,
                               const float *x, float *y)
{
    const float *values = t->params->values;
    const samc_product p = {.m = m,
                            .n = dense->n,
                            .k = dense->k,
                            .a = x,
                            .a_row = dense->k,
                            .a_column = 1,
                            .bias = dense->bias >= 0 ? values + dense->bias : NULL,
                            .c = y,
                            .c_stride = dense->n};

    return samc_train_product(t, &p, values + dense->weight, 1, dense->k);
}

samc_status samc_dense_backward(const samc_train_call *t, const samc_dense *dense, int64_t m,
                                const float *x, const float *dy, float *dx, int accumulate)
{
    const int64_t n = dense->n, k = dense->k;
    /* dW [n][k] += dy^T [n][m] x [m][k] */
    const samc_product dw = {.m = n,
                             .n = k,
                             .k = m,
                             .a = dy,
                             .a_row = 1,
                             .a_column = n,
                             .c = t->params->gradients + dense->weight,
                             .c_stride = k,
                             .accumulate = 1};
    /* dx [m][k] = dy [m][n] W [n][k] */
    const samc_product back = {.m = m,
                               .n = k,
                               .k = n,
                               .a = dy,
                               .a_row = n,
                               .a_column = 1,
                               .c = dx,
                               .c_stride = k,
                               .accumulate = accumulate};

    SAMC_TRY(samc_train_product(t, &dw, x, k, 1));
    if (dense->bias >= 0)
        SAMC_TRY(samc_column_sums(t, m, n, dy, n, t->params->gradients + dense->bias));
    if (dx)
        SAMC_TRY(samc_train_product(t, &back, t->params->values + dense->weight, k, 1));
    return SAMC_OK;
}

float samc_dot(const float *a, const float *b, int64_t n)
{
    float part[DOT_PARTS] = {0}, sum = 0.0f;
    int64_t i = 0;

    for (; i + DOT_PARTS <= n; i += DOT_PARTS)
        for (int64_t j = 0; j < DOT_PARTS; j++)
            part[j] += a[i + j] * b[i + j];
    for (int64_t j = 0; j < DOT_PARTS; j++)
        sum += part[j];
    for (; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

float samc_sum(const float *x, int64_t n)
{
    float part[SUM_PARTS] = {0}, sum = 0.0f;
    int64_t i = 0;

    for (; i + SUM_PARTS <= n; i += SUM_PARTS)
        for (int64_t j = 0; j < SUM_PARTS; j++)
            part[j] += x[i + j];
    for (int64_t j = 0; j < SUM_PARTS; j++)
        sum += part[j];
    for (; i < n; i++)
        sum += x[i];
    return sum;
}

/* ---------------------------------------------------------------------------------- column sums */

typedef struct sums_job {
    const samc_kernels *kernels;
    int64_t m, n;
    const float *x;
    int64_t stride;
    float *partial; /* [tiles][n] */
} sums_job;

static void sums_tile(void *arg, int64_t tile, int32_t lane)
{
    const sums_job *job = arg;
    const int64_t end = (tile + 1) * TILE_ROWS < job->m ? (tile + 1) * TILE_ROWS : job->m;
    float *sum = job->partial + tile * job->n;

    (void)lane;
    memset(sum, 0, (size_t)job->n * sizeof *sum);
    for (int64_t i = tile * TILE_ROWS; i < end; i++)
        job->kernels->epilogue(sum, job->n, job->x + i * job->stride, SAMC_ACT_NONE, NULL);
}

samc_status samc_column_sums(const samc_train_call *t, int64_t m, int64_t n, const float *x,
                             int64_t stride, float *sums)
{
    const int64_t tiles = (m + TILE_ROWS - 1) / TILE_ROWS;
    const samc_arena_mark mark = samc_arena_here(t->call->arena);
    sums_job job = {t->call->kernels, m, n, x, stride, NULL};

    SAMC_TRY(samc_arena_take(t->call->arena, (size_t)(tiles * n), sizeof(float), &job.partial,
                             t->error));
    samc_threads_run(t->call->threads, tiles, sums_tile, &job);
    for (int64_t i = 0; i < tiles; i++)
        for (int64_t j = 0; j < n; j++)
            sums[j] += job.partial[i * n + j];
    samc_arena_give_back(t->call->arena, mark);
    return SAMC_OK;
}

/* ---------------------------------------------------------------------------------- LayerNorm */

samc_status samc_row_norm_find(const samc_params *params, const char *prefix, float eps,
                               samc_row_norm *norm, samc_error *error)
{
    const samc_param *w = find(params, prefix, "weight", error);
    const samc_param *b = w ? find(params, prefix, "bias", error) : NULL;

    if (!b)
        return SAMC_ERROR_MODEL;
    *norm = (samc_row_norm){w->count, w->offset, b->offset, eps};
    return SAMC_OK;
}

void samc_row_norm_forward(const samc_train_call *t, const samc_row_norm *norm, int64_t m,
                           const float *x, float *y)
{
    const float *values = t->params->values;

    samc_layer_norm_run(t->call, m, norm->n, x, values + norm->weight, values + norm->bias,
                        norm->eps, y);
}

typedef struct norm_job {
    const samc_kernels *kernels;
    int64_t m, n;
    const float *x, *dy, *gamma;
    float eps;
    float *dx;
    int accumulate;
    float *partial; /* [tiles][2][n]: of gamma, of beta */
} norm_job;

static void norm_tile(void *arg, int64_t tile, int32_t lane)
{
    const norm_job *job = arg;
    const int64_t end = (tile + 1) * TILE_ROWS < job->m ? (tile + 1) * TILE_ROWS : job->m;
    float *dgamma = job->partial + tile * 2 * job->n, *dbeta = dgamma + job->n;

    (void)lane;
    memset(dgamma, 0, (size_t)(2 * job->n) * sizeof *dgamma);
    for (int64_t i = tile * TILE_ROWS; i < end; i++)
        job->kernels->layer_norm_grad(job->x + i * job->n, job->dy + i * job->n, job->n, job->gamma,
                                      job->eps, job->dx + i * job->n, job->accumulate, dgamma,
                                      dbeta);
}

samc_status samc_row_norm_backward(const samc_train_call *t, const samc_row_norm *norm, int64_t m,
                                   const float *x, const float *dy, float *dx, int accumulate)
{
    const int64_t tiles = (m + TILE_ROWS - 1) / TILE_ROWS, n = norm->n;
    const samc_arena_mark mark = samc_arena_here(t->call->arena);
    norm_job job = {t->call->kernels, m,  n,          x,   dy, t->params->values + norm->weight,
                    norm->eps,        dx, accumulate, NULL};
    float *dgamma = t->params->gradients + norm->weight;
    float *dbeta = t->params->gradients + norm->bias;

    SAMC_TRY(samc_arena_take(t->call->arena, (size_t)(tiles * n), 2 * sizeof(float), &job.partial,
                             t->error));
    samc_threads_run(t->call->threads, tiles, norm_tile, &job);
    for (int64_t i = 0; i < tiles; i++)
        for (int64_t j = 0; j < n; j++) {
            dgamma[j] += job.partial[2 * i * n + j];
            dbeta[j] += job.partial[(2 * i + 1) * n + j];
        }
    samc_arena_give_back(t->call->arena, mark);
    return SAMC_OK;
}

/* ---------------------------------------------------------------------------------- activations */

typedef struct number_job {
    const samc_kernels *kernels;
    samc_activation act;
    int64_t n;
    const float *x, *dy;
    float *out;
} number_job;

static void activate_tile(void *arg, int64_t tile, int32_t lane)
{
    const number_job *job = arg;
    const int64_t first = tile * TILE_NUMBERS;
    const int64_t n = job->n - first < TILE_NUMBERS ? job->n - first : TILE_NUMBERS;

    (void)lane;
    for (int64_t at = first; at < first + n; at += COPIED) {
        const int64_t count = first + n - at < COPIED ? first + n - at : COPIED;

        if (job->out != job->x)
            memcpy(job->out + at, job->x + at, (size_t)count * sizeof *job->out);
        job->kernels->epilogue(job->out + at, count, NULL, job->act, NULL);
    }
}

void samc_activation_forward(const samc_train_call *t, samc_activation act, int64_t n,
                             const float *x, float *y)
{
    number_job job = {t->call->kernels, act, n, x, NULL, y};

    samc_threads_run(t->call->threads, (n + TILE_NUMBERS - 1) / TILE_NUMBERS, activate_tile, &job);
}

static void slope_tile(void *arg, int64_t tile, int32_t lane)
{
    const number_job *job = arg;
    const int64_t first = tile * TILE_NUMBERS;
    const int64_t n = job->n - first < TILE_NUMBERS ? job->n - first : TILE_NUMBERS;

    (void)lane;
    job->kernels->slope(job->act, job->x + first, job->dy + first, n, job->out + first);
}

void samc_activation_backward(const samc_train_call *t, samc_activation act, int64_t n,
                              const float *x, const float *dy, float *dx)
{
    number_job job = {t->call->kernels, act, n, x, dy, dx};

    samc_threads_run(t->call->threads, (n + TILE_NUMBERS - 1) / TILE_NUMBERS, slope_tile, &job);
}

static void add_tile(void *arg, int64_t tile, int32_t lane)
{
    const number_job *job = arg;
    const int64_t first = tile * TILE_NUMBERS;
    const int64_t n = job->n - first < TILE_NUMBERS ? job->n - first : TILE_NUMBERS;

    (void)lane;
    job->kernels->epilogue(job->out + first, n, NULL, SAMC_ACT_NONE, job->x + first);
}

void samc_rows_add(const samc_train_call *t, int64_t n, const float *x, float *y)
{
    number_job job = {t->call->kernels, SAMC_ACT_NONE, n, x, NULL, y};

    samc_threads_run(t->call->threads, (n + TILE_NUMBERS - 1) / TILE_NUMBERS, add_tile, &job);
}
