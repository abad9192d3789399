/* SPDX-License-Identifier: Apache-2.0
 *
 * Layers of the network over rows, forward and backward side by side. Weights and their gradients
 * lie in samc_params' flat arrays; a layer holds offsets into them. "Add" in a comment means that a
 * gradient is added to what its array holds. All sums run in a fixed order: the answers do not
 * depend on the number of threads.
 */
#ifndef SAMC_TRAIN_LAYERS_H
#define SAMC_TRAIN_LAYERS_H

#include "kernels/linear.h"
#include "kernels/product.h"
#include "train/params.h"

/* What every function here needs: the call, the parameters, the error. */
typedef struct samc_train_call {
    const samc_call *call;
    samc_params *params;
    samc_error *error;
    int bf16;          /* 1: products round their factors to bf16 (kernels/bf16.h) */
    samc_arena *lanes; /* an arena a thread, for what tiles take; NULL within a tile */
} samc_train_call;

/* samc_product_of, in the precision that the call asks for. Errors: MEMORY. */
samc_status samc_train_product(const samc_train_call *t, const samc_product *product,
                               const float *b, int64_t b_row, int64_t b_column);

/* y = x W^T + b; W [n][k] at `weight`, b [n] at `bias` of the flat arrays (bias -1: there is
 * none). */
typedef struct samc_dense {
    int64_t n, k;
    int64_t weight, bias;
} samc_dense;

/* Finds "<prefix>.weight" [n][k…] and "<prefix>.bias". Errors: MODEL. */
samc_status samc_dense_find(const samc_params *params, const char *prefix, samc_dense *dense,
                            samc_error *error);
/* x [m][k] -> y [m][n]. Errors: MEMORY. */
samc_status samc_dense_forward(const samc_train_call *t, const samc_dense *dense, int64_t m,
                               const float *x, float *y);
/* From dy [m][n]: adds to the gradients of W and b; dx [m][k] (may be NULL) is set, or added to
 * where `accumulate`. Errors: MEMORY. */
samc_status samc_dense_backward(const samc_train_call *t, const samc_dense *dense, int64_t m,
                                const float *x, const float *dy, float *dx, int accumulate);

/* LayerNorm over rows of n; gamma and beta at offsets. */
typedef struct samc_row_norm {
    int64_t n;
    int64_t weight, bias;
    float eps;
} samc_row_norm;

samc_status samc_row_norm_find(const samc_params *params, const char *prefix, float eps,
                               samc_row_norm *norm, samc_error *error);
void samc_row_norm_forward(const samc_train_call *t, const samc_row_norm *norm, int64_t m,
                           const float *x, float *y);
/* From dy and the layer's input x, both [m][n]: adds to the gradients of gamma and beta; dx is set,
 * or added to where `accumulate`. dx may be dy. Errors: MEMORY. */
samc_status samc_row_norm_backward(const samc_train_call *t, const samc_row_norm *norm, int64_t m,
                                   const float *x, const float *dy, float *dx, int accumulate);

/* y = act(x) over n numbers. */
void samc_activation_forward(const samc_train_call *t, samc_activation act, int64_t n,
                             const float *x, float *y);
/* dx = dy * act'(x); x is the activation's input; dx may be dy. */
void samc_activation_backward(const samc_train_call *t, samc_activation act, int64_t n,
                              const float *x, const float *dy, float *dx);

/* y += x over n numbers. */
void samc_rows_add(const samc_train_call *t, int64_t n, const float *x, float *y);

/* The sum of a[i] * b[i], and that of x[i], i < n, in a fixed order. */
float samc_dot(const float *a, const float *b, int64_t n);
float samc_sum(const float *x, int64_t n);

/* sums [n] += the sum over the m rows of x [m][n], row stride `stride`. Errors: MEMORY. */
samc_status samc_column_sums(const samc_train_call *t, int64_t m, int64_t n, const float *x,
                             int64_t stride, float *sums);

#endif
