/* SPDX-License-Identifier: Apache-2.0
 *
 * Packing and transposing, once for every instruction set: included by a file that has defined the
 * vector type with vf_transpose, and the sizes of the register tile.
 */
#ifndef SAMC_KERNELS_SIMD_PACK_H
#define SAMC_KERNELS_SIMD_PACK_H

#include "kernels/kernels.h"

/* The square of VL rows and `columns` <= VL columns at a, of which the first `rows` exist and the
 * others count as zero, turned: its columns become rows of `width` <= VL floats, `stride` apart. */
static inline void pack_square(const float *a, int64_t lda, int64_t rows, int64_t columns,
                               int64_t width, float *out, int64_t stride)
{
    vf r[VL];

    for (int64_t i = 0; i < VL; i++)
        r[i] = i >= rows       ? vf_zero()
               : columns == VL ? vf_load(a + i * lda)
                               : vf_load_part(a + i * lda, columns);
    vf_transpose(r);
    for (int64_t l = 0; l < columns; l++) {
        if (width == VL)
            vf_store(out + l * stride, r[l]);
        else
            vf_store_part(out + l * stride, width, r[l]);
    }
}

static inline int64_t pack_least(int64_t n)
{
    return n < VL ? n : VL;
}

static void pack_a(const float *a, int64_t lda, int64_t m, int64_t k, float *panels)
{
    for (int64_t i = 0; i < m; i += GEMM_MR)
        for (int64_t l = 0; l < k; l += VL)
            pack_square(a + i * lda + l, lda, m - i < GEMM_MR ? m - i : GEMM_MR, pack_least(k - l),
                        GEMM_MR, panels + i * k + l * GEMM_MR, GEMM_MR);
}

static void pack_transpose(const float *x, int64_t stride, int64_t n, int64_t width, float *out,
                           int64_t out_stride)
{
    for (int64_t i = 0; i < n; i += VL)
        for (int64_t j = 0; j < width; j += VL)
            pack_square(x + i * stride + j, stride, pack_least(n - i), pack_least(width - j),
                        pack_least(n - i), out + j * out_stride + i, out_stride);
}

#endif
