/* SPDX-License-Identifier: Apache-2.0
 *
 * Linear layers: y = act(x W^T + b) + residual over all threads, W packed once.
 */
#ifndef SAMC_KERNELS_LINEAR_H
#define SAMC_KERNELS_LINEAR_H

#include "kernels/kernels.h"

/* A weight matrix in panels for one path's kernels: n outputs, k inputs. */
typedef struct samc_linear {
    int64_t n;
    int64_t k;
    float *panels; /* [ceil(n / nr)][k][nr], columns beyond n are zero */
    float *bias;   /* [n], or NULL */
} samc_linear;

/* Packs W: element (row i of n, column j of k) at weight[i * row + j * column]. `bias` ([n],
 * copied) may be NULL. Free with samc_linear_free. Errors: MEMORY. */
samc_status samc_linear_pack(const samc_kernels *kernels, const float *weight, int64_t n, int64_t k,
                             int64_t row, int64_t column, const float *bias, samc_linear *linear,
                             samc_error *error);
void samc_linear_free(samc_linear *linear);

/* The panels as the second factor of a product, from input `first_k` on. */
samc_panels samc_linear_panels(const samc_kernels *kernels, const samc_linear *linear,
                               int64_t first_k);

/* y [m][n] = act(x [m][k] W^T + b) + residual [m][n]; strides in floats from row to row. `residual`
 * may be NULL; y must not overlap x; where `act` is NONE, y may be the residual itself (then rows
 * are added to in place, with the same stride). Errors: MEMORY. */
samc_status samc_linear_run(const samc_call *call, const samc_linear *linear, int64_t m,
                            const float *x, int64_t x_stride, samc_activation act,
                            const float *residual, int64_t residual_stride, float *y,
                            int64_t y_stride, samc_error *error);

/* y [m][n] = act(LayerNorm(x [m][k]) W^T + b), the norm's weight and bias [k]: the normalised rows
 * exist a block at a time only. y must not overlap x. Errors: MEMORY. */
samc_status samc_linear_normed(const samc_call *call, const samc_linear *linear,
                               const float *norm_weight, const float *norm_bias, float norm_eps,
                               int64_t m, const float *x, int64_t x_stride, samc_activation act,
                               float *y, int64_t y_stride, samc_error *error);

/* LayerNorm of every row of x [m][n] into y [m][n] (which may be x), over all threads. */
void samc_layer_norm_run(const samc_call *call, int64_t m, int64_t n, const float *x,
                         const float *weight, const float *bias, float eps, float *y);

#endif
