/* SPDX-License-Identifier: Apache-2.0
 *
 * What works on single rows (activation, norm, softmax), once for every instruction set: included
 * by a file that has defined the vector type. The coefficients come from tools/approx/fit.py.
 */
#ifndef SAMC_KERNELS_SIMD_ROWS_H
#define SAMC_KERNELS_SIMD_ROWS_H

#include "kernels/kernels.h"

#include <math.h>

/* exp(x) for x <= 0, relative error <= 2e-7: x = n ln 2 + r with ln 2 in two parts, so that n ln 2
 * is exact; then 1 + r + r^2 E(r). Below -87 the answer stays at exp(-87) ~ 1.6e-38, which keeps
 * 2^n a normal number. */
static inline vf rows_exp(vf x)
{
    const vf low = vf_max(x, vf_set1(-87.0f));
    const vf n = vf_round(vf_mul(low, vf_set1(1.44269504f)));
    vf r = vf_fma(n, vf_set1(-0.693359375f), low); /* ln 2 in its first 9 bits … */
    vf e;

    r = vf_fma(n, vf_set1(2.12194440e-4f), r); /* … and the rest */
    e = vf_fma(vf_set1(0.00139262504f), r, vf_set1(0.00836323295f));
    e = vf_fma(e, r, vf_set1(0.0416665524f));
    e = vf_fma(e, r, vf_set1(0.166665763f));
    e = vf_fma(e, r, vf_set1(0.5f));
    e = vf_add(vf_fma(vf_mul(e, r), r, r), vf_set1(1.0f));
    return vf_scale2(e, n);
}

/* Phi(x), the normal distribution. With a = |x| (at most 6: Phi(-6) = 1e-9), Phi(-a) = 2^(G(a) -
 * 1), and Phi(a) is one minus that: no cancellation on either side. */
static inline vf rows_phi(vf x)
{
    const vf a = vf_min(vf_abs(x), vf_set1(6.0f));
    vf g, n, f, e, tail;

    g = vf_fma(vf_set1(-1.12357252e-08f), a, vf_set1(3.82261135e-07f));
    g = vf_fma(g, a, vf_set1(-5.52579831e-06f));
    g = vf_fma(g, a, vf_set1(4.23656275e-05f));
    g = vf_fma(g, a, vf_set1(-0.000151872766f));
    g = vf_fma(g, a, vf_set1(-0.000293278717f));
    g = vf_fma(g, a, vf_set1(0.00735208998f));
    g = vf_fma(g, a, vf_set1(-0.0527594723f));
    g = vf_fma(g, a, vf_set1(-0.459095031f));
    g = vf_fma(g, a, vf_set1(-1.1511234f));
    g = vf_fma(g, a, vf_set1(4.76722448e-07f));
    n = vf_round(g);
    f = vf_mul(vf_sub(g, n), vf_set1(0.693147181f)); /* 2^f = exp(f ln 2) */
    e = vf_fma(vf_set1(0.00139262504f), f, vf_set1(0.00836323295f));
    e = vf_fma(e, f, vf_set1(0.0416665524f));
    e = vf_fma(e, f, vf_set1(0.166665763f));
    e = vf_fma(e, f, vf_set1(0.5f));
    e = vf_add(vf_fma(vf_mul(e, f), f, f), vf_set1(1.0f));
    tail = vf_scale2(vf_mul(e, vf_set1(0.5f)), n);
    return vf_select_negative(x, tail, vf_sub(vf_set1(1.0f), tail));
}

static inline vf rows_gelu(vf x)
{
    return vf_mul(x, rows_phi(x));
}

static inline vf rows_activate(vf x, samc_activation act)
{
    if (act == SAMC_ACT_GELU)
        return rows_gelu(x);
    return act == SAMC_ACT_RELU ? vf_max(x, vf_zero()) : x;
}

static void rows_epilogue(float *c, int64_t n, const float *bias, samc_activation act,
                          const float *residual)
{
    int64_t i = 0;

    for (; i + VL <= n; i += VL) {
        vf x = vf_load(c + i);

        x = rows_activate(bias ? vf_add(x, vf_load(bias + i)) : x, act);
        vf_store(c + i, residual ? vf_add(x, vf_load(residual + i)) : x);
    }
    if (i < n) {
        vf x = vf_load_part(c + i, n - i);

        x = rows_activate(bias ? vf_add(x, vf_load_part(bias + i, n - i)) : x, act);
        vf_store_part(c + i, n - i, residual ? vf_add(x, vf_load_part(residual + i, n - i)) : x);
    }
}

static void rows_layer_norm(const float *x, int64_t n, const float *weight, const float *bias,
                            float eps, float *out)
{
    const int64_t whole = n / VL * VL;
    vf sum = vf_zero(), square = vf_zero(), mean, rstd;

    for (int64_t i = 0; i < whole; i += VL)
        sum = vf_add(sum, vf_load(x + i));
    if (whole < n)
        sum = vf_add(sum, vf_load_part(x + whole, n - whole));
    mean = vf_set1(vf_sum(sum) / (float)n);
    for (int64_t i = 0; i < whole; i += VL) {
        const vf d = vf_sub(vf_load(x + i), mean);
        square = vf_fma(d, d, square);
    }
    if (whole < n) {
        const vf d = vf_clear_from(vf_sub(vf_load_part(x + whole, n - whole), mean), n - whole);
        square = vf_fma(d, d, square);
    }
    rstd = vf_set1(1.0f / sqrtf(vf_sum(square) / (float)n + eps));
    for (int64_t i = 0; i < whole; i += VL)
        vf_store(out + i, vf_fma(vf_mul(vf_sub(vf_load(x + i), mean), rstd), vf_load(weight + i),
                                 vf_load(bias + i)));
    if (whole < n) {
        const int64_t left = n - whole;
        const vf d = vf_mul(vf_sub(vf_load_part(x + whole, left), mean), rstd);

        vf_store_part(
            out + whole, left,
            vf_fma(d, vf_load_part(weight + whole, left), vf_load_part(bias + whole, left)));
    }
}

static float rows_softmax_step(float *s, int64_t n, float scale, const float *bias, float *max,
                               float *sum)
{
    const vf factor = vf_set1(scale);
    const int64_t whole = n / VL * VL;
    vf highest = vf_set1(*max), total = vf_zero();
    float top, correction;

    for (int64_t i = 0; i < whole; i += VL) {
        const vf t = vf_fma(vf_load(s + i), factor, bias ? vf_load(bias + i) : vf_zero());
        highest = vf_max(highest, t);
        vf_store(s + i, t);
    }
    top = vf_highest(highest);
    for (int64_t i = whole; i < n; i++) {
        s[i] = fmaf(s[i], scale, bias ? bias[i] : 0.0f);
        top = s[i] > top ? s[i] : top;
    }
    highest = vf_set1(top);
    for (int64_t i = 0; i < whole; i += VL) {
        const vf e = rows_exp(vf_sub(vf_load(s + i), highest));
        total = vf_add(total, e);
        vf_store(s + i, e);
    }
    if (whole < n) {
        const vf e = rows_exp(vf_sub(vf_load_part(s + whole, n - whole), highest));
        total = vf_add(total, vf_clear_from(e, n - whole));
        vf_store_part(s + whole, n - whole, e);
    }
    correction = expf(*max - top);
    *sum = *sum * correction + vf_sum(total);
    *max = top;
    return correction;
}

/* Every row is written as whole vectors; what spills over its end is written again by the next row,
 * or falls into the room behind the last. */
static void rows_outer_sum(const float *row, int64_t rows, const float *column, int64_t width,
                           float *out)
{
    for (int64_t r = 0; r < rows; r++, out += width) {
        const vf first = vf_set1(row[r]);

        for (int64_t i = 0; i < width; i += VL)
            vf_store(out + i, vf_add(first, width - i >= VL ? vf_load(column + i)
                                                            : vf_load_part(column + i, width - i)));
    }
}

static void rows_scale(float *x, int64_t n, float factor)
{
    const vf f = vf_set1(factor);
    int64_t i = 0;

    for (; i + VL <= n; i += VL)
        vf_store(x + i, vf_mul(vf_load(x + i), f));
    if (i < n)
        vf_store_part(x + i, n - i, vf_mul(vf_load_part(x + i, n - i), f));
}

#endif
