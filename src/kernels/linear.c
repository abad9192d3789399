/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/linear.h"

#include "base/memory.h"
#include "kernels/product.h"

#include <stdlib.h>
#include <string.h>

samc_status samc_linear_pack(const samc_kernels *kernels, const float *weight, int64_t n, int64_t k,
                             int64_t row, int64_t column, const float *bias, samc_linear *linear,
                             samc_error *error)
{
    const int64_t nr = kernels->gemm_nr, count = (n + nr - 1) / nr;
    samc_linear l = {n, k, NULL, NULL};
    samc_status status = SAMC_OK;

    SAMC_CHECK(samc_alloc((size_t)(count * k * nr), sizeof *l.panels, &l.panels, error));
    if (bias) {
        SAMC_CHECK(samc_alloc((size_t)n, sizeof *l.bias, &l.bias, error));
        memcpy(l.bias, bias, (size_t)n * sizeof *bias);
    }
    for (int64_t p = 0; p < count; p++) {
        float *panel = l.panels + p * k * nr;

        if (column == 1) {
            samc_panel_of_rows(kernels, weight + p * nr * row, row,
                               n - p * nr < nr ? n - p * nr : nr, k, panel);
            continue;
        }
        for (int64_t c = 0; c < nr; c++) {
            const int64_t i = p * nr + c;

            for (int64_t j = 0; j < k; j++)
                panel[j * nr + c] = i < n ? weight[i * row + j * column] : 0.0f;
        }
    }
    *linear = l;

cleanup:
    if (status != SAMC_OK)
        samc_linear_free(&l);
    return status;
}

void samc_linear_free(samc_linear *linear)
{
    free(linear->panels);
    free(linear->bias);
    *linear = (samc_linear){0, 0, NULL, NULL};
}

samc_panels samc_linear_panels(const samc_kernels *kernels, const samc_linear *linear,
                               int64_t first_k)
{
    const int64_t nr = kernels->gemm_nr;

    return (samc_panels){linear->panels + first_k * nr, nr, linear->k * nr};
}

samc_status samc_linear_run(const samc_call *call, const samc_linear *linear, int64_t m,
                            const float *x, int64_t x_stride, samc_activation act,
                            const float *residual, int64_t residual_stride, float *y,
                            int64_t y_stride, samc_error *error)
{
    const samc_product product = {.m = m,
                                  .n = linear->n,
                                  .k = linear->k,
                                  .a = x,
                                  .a_row = x_stride,
                                  .a_column = 1,
                                  .b = samc_linear_panels(call->kernels, linear, 0),
                                  .bias = linear->bias,
                                  .act = act,
                                  .residual = residual,
                                  .residual_stride = residual_stride,
                                  .c = y,
                                  .c_stride = y_stride};

    return samc_product_run(call, &product, error);
}

samc_status samc_linear_normed(const samc_call *call, const samc_linear *linear,
                               const float *norm_weight, const float *norm_bias, float norm_eps,
                               int64_t m, const float *x, int64_t x_stride, samc_activation act,
                               float *y, int64_t y_stride, samc_error *error)
{
    const samc_product product = {.m = m,
                                  .n = linear->n,
                                  .k = linear->k,
                                  .a = x,
                                  .a_row = x_stride,
                                  .a_column = 1,
                                  .norm_weight = norm_weight,
                                  .norm_bias = norm_bias,
                                  .norm_eps = norm_eps,
                                  .b = samc_linear_panels(call->kernels, linear, 0),
                                  .bias = linear->bias,
                                  .act = act,
                                  .c = y,
                                  .c_stride = y_stride};

    return samc_product_run(call, &product, error);
}

/* Rows a tile of the LayerNorm: enough to make taking a tile cheap. */
#define NORM_ROWS 32

typedef struct norm_job {
    const samc_kernels *kernels;
    int64_t m, n;
    const float *x, *weight, *bias;
    float eps;
    float *y;
} norm_job;

static void norm_tile(void *arg, int64_t tile, int32_t lane)
{
    const norm_job *job = arg;
    const int64_t end = (tile + 1) * NORM_ROWS < job->m ? (tile + 1) * NORM_ROWS : job->m;

    (void)lane;
    for (int64_t i = tile * NORM_ROWS; i < end; i++)
        job->kernels->layer_norm(job->x + i * job->n, job->n, job->weight, job->bias, job->eps,
                                 job->y + i * job->n);
}

void samc_layer_norm_run(const samc_call *call, int64_t m, int64_t n, const float *x,
                         const float *weight, const float *bias, float eps, float *y)
{
    norm_job job = {call->kernels, m, n, x, weight, bias, eps, y};

    samc_threads_run(call->threads, (m + NORM_ROWS - 1) / NORM_ROWS, norm_tile, &job);
}
