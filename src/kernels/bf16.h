/* SPDX-License-Identifier: Apache-2.0
 *
 * bf16 products: C = A B of f32 matrices whose elements are rounded to bf16 (8 bits of mantissa, to
 * nearest even) on the way in, while all sums are f32. For training, where it does no harm: weights
 * and gradients stay f32.
 *
 * A pair is a uint32_t: the bf16 of element 2 l in its low half, of element 2 l + 1 in its high
 * one; l counts along the inner dimension. Where that is odd the last high half is zero.
 */
#ifndef SAMC_KERNELS_BF16_H
#define SAMC_KERNELS_BF16_H

#include "kernels/product.h"

/* The inner loops; portable C is the spec, an instruction set may do it faster. */
typedef struct samc_bf16_kernels {
    const char *name;
    int32_t mr; /* rows that one pass of gemm keeps in registers: a hint for the driver's tiles */
    int32_t nr; /* columns of a panel of B */

    /* out[i * ldo + l] = pair(a[i * lda + 2 l], a[i * lda + 2 l + 1]), i < m, l < ceil(k / 2). */
    void (*pack_rows)(const float *a, int64_t lda, int64_t m, int64_t k, uint32_t *out,
                      int64_t ldo);
    /* out[l * ldo + j] = pair(b[2 l * ldb + j], b[(2 l + 1) * ldb + j]), j < n, l < ceil(k / 2). */
    void (*pack_columns)(const float *b, int64_t ldb, int64_t k, int64_t n, uint32_t *out,
                         int64_t ldo);
    /* out[l * ldo + i] = in[i * ldi + l], i < m, l < n: 32-bit elements change places. */
    void (*transpose)(const uint32_t *in, int64_t ldi, int64_t m, int64_t n, uint32_t *out,
                      int64_t ldo);
    /* C [m][n] (row stride ldc) = A B, or += A B. Pair l of A's row i is a[i * row + l * column];
     * B is one panel [pairs][nr] of which n <= nr columns are used. Denormals may count as zero;
     * a sum's order depends on its place in the tile's inner loop alone. */
    void (*gemm)(int64_t m, int64_t n, int64_t pairs, const uint32_t *a, int64_t row,
                 int64_t column, const uint32_t *b, float *c, int64_t ldc, int accumulate);
} samc_bf16_kernels;

/* What goes with a path of kernels.h: the CPU's own bf16 instructions where that path and the CPU
 * have them, else the portable one (far slower than f32). */
const samc_bf16_kernels *samc_bf16_select(const samc_kernels *kernels);
/* 1: the CPU's own. */
int samc_bf16_is_native(const samc_kernels *kernels);

/* samc_product_of with the factors rounded to bf16; the same bits for any number of threads.
 * Errors: MEMORY. */
samc_status samc_bf16_product_of(const samc_call *call, const samc_product *product, const float *b,
                                 int64_t b_row, int64_t b_column, samc_error *error);

#endif
