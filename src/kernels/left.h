/* SPDX-License-Identifier: Apache-2.0
 *
 * Left: the first factor of products whose second lies in rows as it is, [k][columns]. Where
 * linear.h packs weights as the second factor (a row is a token), here weights are the first and a
 * column is a token, so that nothing of the image needs to be packed.
 */
#ifndef SAMC_KERNELS_LEFT_H
#define SAMC_KERNELS_LEFT_H

#include "kernels/kernels.h"

/* Floats that must be readable behind the last row of a second factor: one panel of the widest
 * path. */
#define SAMC_LEFT_SLACK 64

/* A [m][k] in panels of at most SAMC_GEMM_MAX_K of k. */
typedef struct samc_left {
    int64_t m, k;
    float *panels; /* [samc_left_floats] */
} samc_left;

int64_t samc_left_floats(const samc_kernels *kernels, int64_t m, int64_t k);

/* Packs A, whose element (i, l) is a[i * row + l * column] with one of the two 1, into
 * left->panels; left->m and ->k say how large it is. */
void samc_left_pack(const samc_kernels *kernels, const samc_left *left, const float *a, int64_t row,
                    int64_t column);

/* Allocates the panels and packs; free with samc_left_free. Errors: MEMORY. */
samc_status samc_left_new(const samc_kernels *kernels, int64_t m, int64_t k, const float *a,
                          int64_t row, int64_t column, samc_left *left, samc_error *error);
void samc_left_free(samc_left *left);

/* C [m][n] = A B, or += where `accumulate`; B [k][n] in rows b_stride apart, with SAMC_LEFT_SLACK
 * floats readable behind the last. On the caller's thread. */
void samc_left_times(const samc_kernels *kernels, const samc_left *left, int64_t n, const float *b,
                     int64_t b_stride, float *c, int64_t ldc, int accumulate);

#endif
