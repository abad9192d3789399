/* SPDX-License-Identifier: Apache-2.0
 *
 * The way back through activations and norms, once for every instruction set: included by a file
 * that has included rows.h.
 */
#ifndef SAMC_KERNELS_SIMD_GRADS_H
#define SAMC_KERNELS_SIMD_GRADS_H

#include "kernels/simd/rows.h"

/* d/dx of x Phi(x) = Phi(x) + x phi(x). */
static inline vf grads_gelu_slope(vf x)
{
    const vf density = rows_exp(vf_mul(vf_mul(x, x), vf_set1(-0.5f)));

    return vf_fma(vf_mul(x, vf_set1(0.39894228f)), density, rows_phi(x));
}

static inline vf grads_one(samc_activation act, vf x, vf dy)
{
    if (act == SAMC_ACT_GELU)
        return vf_mul(dy, grads_gelu_slope(x));
    /* 0 - x is negative exactly where x is positive */
    return act == SAMC_ACT_RELU ? vf_select_negative(vf_sub(vf_zero(), x), dy, vf_zero()) : dy;
}

static void grads_slope(samc_activation act, const float *x, const float *dy, int64_t n, float *dx)
{
    int64_t i = 0;

    for (; i + VL <= n; i += VL)
        vf_store(dx + i, grads_one(act, vf_load(x + i), vf_load(dy + i)));
    if (i < n)
        vf_store_part(dx + i, n - i,
                      grads_one(act, vf_load_part(x + i, n - i), vf_load_part(dy + i, n - i)));
}

static inline vf grads_load(const float *x, int64_t left)
{
    return left >= VL ? vf_load(x) : vf_load_part(x, left);
}

static inline void grads_store(float *x, int64_t left, vf value)
{
    if (left >= VL)
        vf_store(x, value);
    else
        vf_store_part(x, left, value);
}

/* With xhat = (x - mean) rstd and g = dy weight: dx = rstd (g - mean(g) - xhat mean(g xhat)). */
static void grads_layer_norm(const float *x, const float *dy, int64_t n, const float *weight,
                             float eps, float *dx, int accumulate, float *dweight, float *dbias)
{
    vf sum = vf_zero(), square = vf_zero(), sum_g = vf_zero(), sum_gx = vf_zero(), mean, rstd;

    for (int64_t i = 0; i < n; i += VL)
        sum = vf_add(sum, grads_load(x + i, n - i));
    mean = vf_set1(vf_sum(sum) / (float)n);
    for (int64_t i = 0; i < n; i += VL) {
        vf d = vf_sub(grads_load(x + i, n - i), mean);

        if (n - i < VL)
            d = vf_clear_from(d, n - i);
        square = vf_fma(d, d, square);
    }
    rstd = vf_set1(1.0f / sqrtf(vf_sum(square) / (float)n + eps));
    for (int64_t i = 0; i < n; i += VL) {
        const int64_t left = n - i;
        const vf xhat = vf_mul(vf_sub(grads_load(x + i, left), mean), rstd);
        const vf d = grads_load(dy + i, left), g = vf_mul(d, grads_load(weight + i, left));

        sum_g = vf_add(sum_g, g); /* zero beyond n, as dy is */
        sum_gx = vf_fma(g, xhat, sum_gx);
        grads_store(dweight + i, left, vf_fma(d, xhat, grads_load(dweight + i, left)));
        grads_store(dbias + i, left, vf_add(d, grads_load(dbias + i, left)));
    }
    sum_g = vf_set1(vf_sum(sum_g) / (float)n);
    sum_gx = vf_set1(vf_sum(sum_gx) / (float)n);
    for (int64_t i = 0; i < n; i += VL) {
        const int64_t left = n - i;
        const vf xhat = vf_mul(vf_sub(grads_load(x + i, left), mean), rstd);
        const vf g = vf_mul(grads_load(dy + i, left), grads_load(weight + i, left));
        vf d = vf_mul(rstd, vf_sub(vf_sub(g, sum_g), vf_mul(xhat, sum_gx)));

        if (accumulate)
            d = vf_add(d, grads_load(dx + i, left));
        grads_store(dx + i, left, d);
    }
}

#endif
