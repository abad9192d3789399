/* SPDX-License-Identifier: Apache-2.0
 *
 * Product: C = act(A B + bias) + residual over all threads, where B lies in panels already. Linear
 * layers (weights packed once) and the products of training (packed for one use) both end here.
 */
#ifndef SAMC_KERNELS_PRODUCT_H
#define SAMC_KERNELS_PRODUCT_H

#include "kernels/kernels.h"

typedef struct samc_product {
    int64_t m, n, k;
    /* A [m][k]: element (i, l) at a[i * a_row + l * a_column]; one of the two strides is 1 */
    const float *a;
    int64_t a_row, a_column;
    /* LayerNorm of A's rows on their way into the product; weight NULL: none. With it a_column is
     * 1. Weight and bias are [k]. */
    const float *norm_weight, *norm_bias;
    float norm_eps;
    samc_panels b;     /* [k][n] */
    const float *bias; /* [n], or NULL */
    samc_activation act;
    const float *residual; /* [m][n] by rows of residual_stride, or NULL; c itself if act is NONE */
    int64_t residual_stride;
    float *c; /* [m][n] by rows of c_stride; overlaps neither A nor B */
    int64_t c_stride;
    int accumulate; /* add the product to what c holds; then act is NONE, bias and residual NULL */
} samc_product;

/* Errors: MEMORY. */
samc_status samc_product_run(const samc_call *call, const samc_product *product, samc_error *error);

/* C = A B with neither packed: B [k][n] has element (l, j) at b[l * b_row + j * b_column], one of
 * the strides is 1. `product->b` is ignored. Errors: MEMORY. */
samc_status samc_product_of(const samc_call *call, const samc_product *product, const float *b,
                            int64_t b_row, int64_t b_column, samc_error *error);

/* Packs up to nr columns of B, which are the rows of bt [n][k] (row stride ldb), into one panel
 * [k][nr], zero where n <= column < nr. */
void samc_panel_of_rows(const samc_kernels *kernels, const float *bt, int64_t ldb, int64_t n,
                        int64_t k, float *panel);

#endif
