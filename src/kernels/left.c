/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/left.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t padded_rows(const samc_kernels *kernels, int64_t m)
{
    return (m + kernels->gemm_mr - 1) / kernels->gemm_mr * kernels->gemm_mr;
}

int64_t samc_left_floats(const samc_kernels *kernels, int64_t m, int64_t k)
{
    return padded_rows(kernels, m) * k;
}

/* Rows of A are columns in memory: each step of k gives a panel mr neighbours. */
static void pack_columns(int64_t mr, int64_t m, int64_t depth, const float *a, int64_t column,
                         float *panels)
{
    for (int64_t i = 0; i < m; i += mr)
        for (int64_t l = 0; l < depth; l++, panels += mr) {
            const int64_t rows = smaller(mr, m - i);

            memcpy(panels, a + i + l * column, (size_t)rows * sizeof *a);
            memset(panels + rows, 0, (size_t)(mr - rows) * sizeof *a);
        }
}

void samc_left_pack(const samc_kernels *kernels, const samc_left *left, const float *a, int64_t row,
                    int64_t column)
{
    float *panels = left->panels;

    for (int64_t l = 0; l < left->k; l += SAMC_GEMM_MAX_K) {
        const int64_t depth = smaller(SAMC_GEMM_MAX_K, left->k - l);

        if (column == 1)
            kernels->pack_a(a + l, row, left->m, depth, panels);
        else
            pack_columns(kernels->gemm_mr, left->m, depth, a + l * column, column, panels);
        panels += samc_left_floats(kernels, left->m, depth);
    }
}

samc_status samc_left_new(const samc_kernels *kernels, int64_t m, int64_t k, const float *a,
                          int64_t row, int64_t column, samc_left *left, samc_error *error)
{
    *left = (samc_left){m, k, NULL};
    SAMC_TRY(samc_alloc((size_t)samc_left_floats(kernels, m, k), sizeof *left->panels,
                        &left->panels, error));
    samc_left_pack(kernels, left, a, row, column);
    return SAMC_OK;
}

void samc_left_free(samc_left *left)
{
    free(left->panels);
    *left = (samc_left){0, 0, NULL};
}

void samc_left_times(const samc_kernels *kernels, const samc_left *left, int64_t n, const float *b,
                     int64_t b_stride, float *c, int64_t ldc, int accumulate)
{
    const float *panels = left->panels;

    for (int64_t l = 0; l < left->k; l += SAMC_GEMM_MAX_K) {
        const int64_t depth = smaller(SAMC_GEMM_MAX_K, left->k - l);
        const samc_panels second = {b + l * b_stride, b_stride, kernels->gemm_nr};

        kernels->gemm(left->m, n, depth, panels, &second, c, ldc, accumulate || l > 0);
        panels += samc_left_floats(kernels, left->m, depth);
    }
}
