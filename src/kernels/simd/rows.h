/* SPDX-License-Identifier: Apache-2.0
 *
 * What works on single rows (activation, norm, softmax), once for every instruction set: included
 * by a file that has defined the vector type.
 */
#ifndef SAMC_KERNELS_SIMD_ROWS_H
#define SAMC_KERNELS_SIMD_ROWS_H

#include "kernels/simd/exp.h"

#include <math.h>

static inline vf rows_activate(vf x, samc_activation act)
{
    if (act == SAMC_ACT_GELU)
        return vf_gelu(x);
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

/* s[i] = exp(s[i] - top), i < n; the sum is returned. */
static inline float rows_exp_sum(float *s, int64_t n, float top)
{
    const int64_t whole = n / VL * VL;
    const vf highest = vf_set1(top);
    vf total = vf_zero();

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
    return vf_sum(total);
}

static float rows_softmax_step(float *s, int64_t n, float scale, const float *bias, float *max,
                               float *sum)
{
    const vf factor = vf_set1(scale);
    const int64_t whole = n / VL * VL;
    vf highest = vf_set1(*max);
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
    correction = expf(*max - top);
    *sum = *sum * correction + rows_exp_sum(s, n, top);
    *max = top;
    return correction;
}

/* scale * s + (down + along) for the vector at s. */
static inline vf rows_grid_score(const float *s, vf scale, vf down, const float *along)
{
    return vf_fma(vf_load(s), scale, vf_add(down, vf_load(along)));
}

/* Rows of whole pairs of vectors, at most so wide, as in global attention, are computed twice: that
 * costs less than writing t and reading it again. */
#define GRID_WIDTH 256

/* The largest t of such a row, at least `max`. */
static inline float rows_grid_highest(const float *s, int64_t height, int64_t width, vf scale,
                                      const float *down, const float *along, float max)
{
    vf highest = vf_set1(max);

    for (int64_t r = 0; r < height; r++, s += width) {
        vf high0 = vf_fma(vf_load(s), scale, vf_load(along));
        vf high1 = vf_fma(vf_load(s + VL), scale, vf_load(along + VL));

        for (int64_t j = 2 * VL; j < width; j += 2 * VL) {
            high0 = vf_max(high0, vf_fma(vf_load(s + j), scale, vf_load(along + j)));
            high1 = vf_max(high1, vf_fma(vf_load(s + j + VL), scale, vf_load(along + j + VL)));
        }
        highest = vf_max(highest, vf_add(vf_max(high0, high1), vf_set1(down[r])));
    }
    return vf_highest(highest);
}

/* Its second pass: s becomes exp(t - top), with log2(e) multiplied into scale and biases; the sum
 * is returned. */
static inline float rows_grid_exp(float *s, int64_t height, int64_t width, float scale,
                                  const float *down, const float *along, float top)
{
    const float log2e = 1.44269504f;
    const vf factor = vf_set1(scale * log2e), least = vf_set1(-126.0f);
    vf sum0 = vf_zero(), sum1 = vf_zero();
    float scaled[GRID_WIDTH];

    for (int64_t j = 0; j < width; j += VL)
        vf_store(scaled + j, vf_mul(vf_load(along + j), vf_set1(log2e)));
    for (int64_t r = 0; r < height; r++, s += width) {
        const vf d = vf_set1((down[r] - top) * log2e);

        for (int64_t j = 0; j < width; j += 2 * VL) {
            const vf y0 = vf_add(vf_fma(vf_load(s + j), factor, vf_load(scaled + j)), d);
            const vf y1 = vf_add(vf_fma(vf_load(s + j + VL), factor, vf_load(scaled + j + VL)), d);
            const vf e0 = rows_exp2(vf_max(y0, least)), e1 = rows_exp2(vf_max(y1, least));

            sum0 = vf_add(sum0, e0);
            sum1 = vf_add(sum1, e1);
            vf_store(s + j, e0);
            vf_store(s + j + VL, e1);
        }
    }
    return vf_sum(vf_add(sum0, sum1));
}

/* Rows of any width: t replaces s; the largest is returned. */
static inline float rows_grid_scores(float *s, int64_t height, int64_t width, vf scale,
                                     const float *down, const float *along, float max)
{
    const int64_t whole = width / VL * VL, left = width - whole;
    vf highest = vf_set1(max);

    for (int64_t r = 0; r < height; r++, s += width) {
        const vf d = vf_set1(down[r]);

        for (int64_t j = 0; j < whole; j += VL) {
            const vf t = rows_grid_score(s + j, scale, d, along + j);
            highest = vf_max(highest, t);
            vf_store(s + j, t);
        }
        if (left) {
            const vf bias = vf_add(d, vf_load_part(along + whole, left));
            const vf t = vf_fma(vf_load_part(s + whole, left), scale, bias);
            highest = vf_max_part(highest, t, left);
            vf_store_part(s + whole, left, t);
        }
    }
    return vf_highest(highest);
}

/* The rows take each pass together, so that the end of one (a sum across lanes) overlaps the
 * beginning of the next. */
static void rows_softmax_grid(float *s, int64_t lds, int64_t m, int64_t height, int64_t width,
                              float scale, const float *const *down, const float *const *along,
                              float *max, float *sum, float *correction)
{
    const int aligned = width % (2 * VL) == 0 && width <= GRID_WIDTH;
    const vf factor = vf_set1(scale);

    for (int64_t i = 0; i < m; i++) {
        float *row = s + i * lds;
        const float top =
            aligned ? rows_grid_highest(row, height, width, factor, down[i], along[i], max[i])
                    : rows_grid_scores(row, height, width, factor, down[i], along[i], max[i]);

        correction[i] = expf(max[i] - top);
        max[i] = top;
    }
    for (int64_t i = 0; i < m; i++) {
        float *row = s + i * lds;
        const float total = aligned ? rows_grid_exp(row, height, width, scale, down[i], along[i],
                                                    max[i])
                                    : rows_exp_sum(row, height * width, max[i]);

        sum[i] = sum[i] * correction[i] + total;
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
