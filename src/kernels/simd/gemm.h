/* SPDX-License-Identifier: Apache-2.0
 *
 * Matrix product, once for every instruction set: included by a file that has defined the vector
 * type and GEMM_MR x GEMM_NV (rows by vectors of the register tile).
 *
 * The accumulators of a tile, GEMM_MR * GEMM_NV, and GEMM_NV vectors of B and one broadcast of A
 * must fit the register file: 6 x 2 + 3 of 16 for AVX2, 14 x 2 + 3 of 32 for AVX-512.
 */
#ifndef SAMC_KERNELS_SIMD_GEMM_H
#define SAMC_KERNELS_SIMD_GEMM_H

#include "kernels/kernels.h"
#include "kernels/simd/unroll.h"

#define GEMM_NR (GEMM_NV * VL)

/* C tile of `rows` (a constant after inlining) by n <= GEMM_NR columns. Element (r, l) of A is
 * a[r * row + l * column]. */
static inline __attribute__((always_inline)) void
gemm_tile(const int rows, int64_t n, int64_t k, const float *a, int64_t row, int64_t column,
          const float *b, int64_t b_stride, float *c, int64_t ldc, int accumulate)
{
    vf sum[GEMM_MR][GEMM_NV];

    SIMD_UNROLL_16
    for (int r = 0; r < rows; r++) {
        SIMD_UNROLL_4
        for (int v = 0; v < GEMM_NV; v++) {
            __builtin_prefetch(c + r * ldc + v * VL, 1); /* arrives while the sums are made */
            sum[r][v] = vf_zero();
        }
    }
    for (int64_t l = 0; l < k; l++) {
        vf bv[GEMM_NV];

        SIMD_UNROLL_4
        for (int v = 0; v < GEMM_NV; v++)
            bv[v] = vf_load(b + v * VL);
        SIMD_UNROLL_16
        for (int r = 0; r < rows; r++) {
            const vf av = vf_set1(a[r * row]);
            SIMD_UNROLL_4
            for (int v = 0; v < GEMM_NV; v++)
                sum[r][v] = vf_fma(av, bv[v], sum[r][v]);
        }
        a += column;
        b += b_stride;
    }
    SIMD_UNROLL_16
    for (int r = 0; r < rows; r++) {
        SIMD_UNROLL_4
        for (int v = 0; v < GEMM_NV; v++) {
            float *out = c + r * ldc + v * VL;
            const int64_t left = n - v * VL;

            if (left >= VL)
                vf_store(out, accumulate ? vf_add(vf_load(out), sum[r][v]) : sum[r][v]);
            else if (left > 0)
                vf_store_part(out, left,
                              accumulate ? vf_add(vf_load_part(out, left), sum[r][v]) : sum[r][v]);
        }
    }
}

/* A switch on the number of rows gives each its own unrolled tile. */
#define GEMM_CASE(rows)                                                                            \
    case rows: gemm_tile(rows, n, k, a, row, column, b, b_stride, c, ldc, accumulate); break;

static inline __attribute__((always_inline)) void
gemm_any(int64_t m, int64_t n, int64_t k, const float *a, int64_t row, int64_t column,
         const float *b, int64_t b_stride, float *c, int64_t ldc, int accumulate)
{
    switch (m) {
        GEMM_CASES
    default: gemm_tile(GEMM_MR, n, k, a, row, column, b, b_stride, c, ldc, accumulate); break;
    }
}

static void gemm_packed(int64_t m, int64_t n, int64_t k, const float *a, const samc_panels *b,
                        float *c, int64_t ldc, int accumulate)
{
    for (int64_t j = 0; j < n; j += GEMM_NR) {
        const float *panel = b->data + j / GEMM_NR * b->panel_stride;

        for (int64_t i = 0; i < m; i += GEMM_MR)
            gemm_any(m - i, n - j, k, a + i * k, 1, GEMM_MR, panel, b->row_stride, c + i * ldc + j,
                     ldc, accumulate);
    }
}

static void gemm_rows(int64_t m, int64_t n, int64_t k, const float *a, int64_t lda,
                      const samc_panels *b, float *c, int64_t ldc, int accumulate)
{
    for (int64_t j = 0; j < n; j += GEMM_NR) {
        const float *panel = b->data + j / GEMM_NR * b->panel_stride;

        for (int64_t i = 0; i < m; i += GEMM_MR)
            gemm_any(m - i, n - j, k, a + i * lda, lda, 1, panel, b->row_stride, c + i * ldc + j,
                     ldc, accumulate);
    }
}

#endif
