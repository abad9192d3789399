/* SPDX-License-Identifier: Apache-2.0
 *
 * What works down columns (a column is a token, a row one of its numbers), once for every
 * instruction set: included by a file that has defined the vector type and vf_gelu. Nothing crosses
 * lanes, so a vector is VL tokens.
 *
 * Columns are taken in strips of STRIP vectors: each row of a strip gives STRIP independent
 * additions, which hides their latency (4 cycles, two a cycle), and its running values stay in
 * registers.
 */
#ifndef SAMC_KERNELS_SIMD_COLUMNS_H
#define SAMC_KERNELS_SIMD_COLUMNS_H

#include "kernels/simd/rows.h"
#include "kernels/simd/unroll.h"

#define STRIP 4

/* A vector of the strip; `left` columns are there, the others load as zero and are not stored. */
static inline vf columns_load(const float *p, int64_t left)
{
    return left >= VL ? vf_load(p) : left > 0 ? vf_load_part(p, left) : vf_zero();
}

static inline void columns_store(float *p, int64_t left, vf x)
{
    if (left >= VL)
        vf_store(p, x);
    else if (left > 0)
        vf_store_part(p, left, x);
}

/* Each body below is written for `vectors` vectors of which all but the last are whole; after
 * inlining with a constant it is free of tests but for a strip that is not whole. */
#define COLUMNS_EACH SIMD_UNROLL_4 for (int v = 0; v < vectors; v++)

static inline __attribute__((always_inline)) void
columns_softmax_strip(const int vectors, int64_t left, float *x, int64_t stride, int64_t n,
                      float scale, const float *bias)
{
    const vf factor = vf_set1(scale);
    vf highest[STRIP], sum[STRIP];

    COLUMNS_EACH
    {
        highest[v] = vf_set1(-INFINITY);
        sum[v] = vf_zero();
    }
    for (int64_t i = 0; i < n; i++)
        COLUMNS_EACH
        {
            float *at = x + i * stride + v * VL;
            const vf t = vf_fma(columns_load(at, left - v * VL), factor,
                                bias ? vf_set1(bias[i]) : vf_zero());

            highest[v] = vf_max(highest[v], t);
            columns_store(at, left - v * VL, t);
        }
    for (int64_t i = 0; i < n; i++)
        COLUMNS_EACH
        {
            float *at = x + i * stride + v * VL;
            const vf e = rows_exp(vf_sub(columns_load(at, left - v * VL), highest[v]));

            sum[v] = vf_add(sum[v], e);
            columns_store(at, left - v * VL, e);
        }
    COLUMNS_EACH
    sum[v] = vf_div(vf_set1(1.0f), sum[v]);
    for (int64_t i = 0; i < n; i++)
        COLUMNS_EACH
        {
            float *at = x + i * stride + v * VL;

            columns_store(at, left - v * VL, vf_mul(columns_load(at, left - v * VL), sum[v]));
        }
}

static void columns_softmax(float *x, int64_t stride, int64_t n, int64_t width, float scale,
                            const float *bias)
{
    int64_t j = 0;

    for (; j + STRIP * VL <= width; j += STRIP * VL)
        columns_softmax_strip(STRIP, STRIP * VL, x + j, stride, n, scale, bias);
    for (; j < width; j += VL)
        columns_softmax_strip(1, width - j, x + j, stride, n, scale, bias);
}

static inline __attribute__((always_inline)) void
columns_norm_strip(const int vectors, int64_t left, float *x, int64_t stride, int64_t n,
                   const float *shift, const float *weight, const float *bias, float eps,
                   const samc_activation act)
{
    const vf count = vf_set1((float)n);
    vf mean[STRIP], square[STRIP];

    COLUMNS_EACH
    mean[v] = square[v] = vf_zero();
    for (int64_t i = 0; i < n; i++)
        COLUMNS_EACH
        {
            float *at = x + i * stride + v * VL;
            vf t = columns_load(at, left - v * VL);

            if (shift) {
                t = vf_add(t, vf_set1(shift[i]));
                columns_store(at, left - v * VL, t);
            }
            mean[v] = vf_add(mean[v], t);
        }
    COLUMNS_EACH
    mean[v] = vf_div(mean[v], count);
    for (int64_t i = 0; i < n; i++)
        COLUMNS_EACH
        {
            const vf d = vf_sub(columns_load(x + i * stride + v * VL, left - v * VL), mean[v]);

            square[v] = vf_fma(d, d, square[v]);
        }
    COLUMNS_EACH
    square[v] = vf_div(vf_set1(1.0f), vf_sqrt(vf_add(vf_div(square[v], count), vf_set1(eps))));
    for (int64_t i = 0; i < n; i++)
        COLUMNS_EACH
        {
            float *at = x + i * stride + v * VL;
            const vf d = vf_mul(vf_sub(columns_load(at, left - v * VL), mean[v]), square[v]);

            columns_store(at, left - v * VL,
                          rows_activate(vf_fma(d, vf_set1(weight[i]), vf_set1(bias[i])), act));
        }
}

static inline __attribute__((always_inline)) void
columns_norm_act(float *x, int64_t stride, int64_t n, int64_t width, const float *shift,
                 const float *weight, const float *bias, float eps, const samc_activation act)
{
    int64_t j = 0;

    for (; j + STRIP * VL <= width; j += STRIP * VL)
        columns_norm_strip(STRIP, STRIP * VL, x + j, stride, n, shift, weight, bias, eps, act);
    for (; j < width; j += VL)
        columns_norm_strip(1, width - j, x + j, stride, n, shift, weight, bias, eps, act);
}

static void columns_norm(float *x, int64_t stride, int64_t n, int64_t width, const float *shift,
                         const float *weight, const float *bias, float eps, samc_activation act)
{
    if (act == SAMC_ACT_GELU)
        columns_norm_act(x, stride, n, width, shift, weight, bias, eps, SAMC_ACT_GELU);
    else if (act == SAMC_ACT_RELU)
        columns_norm_act(x, stride, n, width, shift, weight, bias, eps, SAMC_ACT_RELU);
    else
        columns_norm_act(x, stride, n, width, shift, weight, bias, eps, SAMC_ACT_NONE);
}

/* Products that a strip of gelu_product keeps in registers; more of them take the GELU again. */
#define GELU_COUNT 4

static inline __attribute__((always_inline)) void
columns_gelu_strip(const int vectors, const int count, int64_t left, const float *x, int64_t stride,
                   int64_t n, const float *bias, const float *weight, float *out,
                   int64_t out_stride)
{
    vf sum[GELU_COUNT][STRIP];

    SIMD_UNROLL_4
    for (int c = 0; c < count; c++)
        COLUMNS_EACH
    sum[c][v] = vf_zero();
    for (int64_t i = 0; i < n; i++) {
        const vf b = vf_set1(bias[i]);

        COLUMNS_EACH
        {
            const vf y = vf_gelu(vf_add(columns_load(x + i * stride + v * VL, left - v * VL), b));

            SIMD_UNROLL_4
            for (int c = 0; c < count; c++)
                sum[c][v] = vf_fma(vf_set1(weight[c * n + i]), y, sum[c][v]);
        }
    }
    SIMD_UNROLL_4
    for (int c = 0; c < count; c++)
        COLUMNS_EACH
    columns_store(out + c * out_stride + v * VL, left - v * VL, sum[c][v]);
}

static inline __attribute__((always_inline)) void
columns_gelu_count(const int count, const float *x, int64_t stride, int64_t n, int64_t width,
                   const float *bias, const float *weight, float *out, int64_t out_stride)
{
    int64_t j = 0;

    for (; j + 2 * VL <= width; j += 2 * VL)
        columns_gelu_strip(2, count, 2 * VL, x + j, stride, n, bias, weight, out + j, out_stride);
    for (; j < width; j += VL)
        columns_gelu_strip(1, count, width - j, x + j, stride, n, bias, weight, out + j,
                           out_stride);
}

static void columns_gelu_product(const float *x, int64_t stride, int64_t n, int64_t width,
                                 const float *bias, const float *weight, int64_t count, float *out,
                                 int64_t out_stride)
{
    for (; count > 0; count -= GELU_COUNT, weight += GELU_COUNT * n, out += GELU_COUNT * out_stride)
        switch (count) {
        case 1: columns_gelu_count(1, x, stride, n, width, bias, weight, out, out_stride); break;
        case 2: columns_gelu_count(2, x, stride, n, width, bias, weight, out, out_stride); break;
        case 3: columns_gelu_count(3, x, stride, n, width, bias, weight, out, out_stride); break;
        default: columns_gelu_count(4, x, stride, n, width, bias, weight, out, out_stride); break;
        }
}

static inline __attribute__((always_inline)) void
columns_dot_strip(const int vectors, int64_t left, const float *x, const float *y, int64_t stride,
                  int64_t n, const float *bias, const float *add, float *out)
{
    vf sum[STRIP];

    COLUMNS_EACH
    sum[v] = vf_zero();
    for (int64_t i = 0; i < n; i++) {
        const vf b = bias ? vf_set1(bias[i]) : vf_zero();

        COLUMNS_EACH
        {
            const int64_t at = i * stride + v * VL, there = left - v * VL;

            sum[v] = vf_fma(columns_load(x + at, there), vf_add(columns_load(y + at, there), b),
                            sum[v]);
        }
    }
    COLUMNS_EACH
    columns_store(out + v * VL, left - v * VL,
                  vf_add(columns_load(add + v * VL, left - v * VL), sum[v]));
}

static void columns_dot(const float *x, const float *y, int64_t stride, int64_t n, int64_t width,
                        const float *bias, const float *add, float *out)
{
    int64_t j = 0;

    for (; j + STRIP * VL <= width; j += STRIP * VL)
        columns_dot_strip(STRIP, STRIP * VL, x + j, y + j, stride, n, bias, add + j, out + j);
    for (; j < width; j += VL)
        columns_dot_strip(1, width - j, x + j, y + j, stride, n, bias, add + j, out + j);
}

static void columns_scale(float *x, int64_t stride, int64_t n, int64_t width, const float *factor)
{
    for (int64_t i = 0; i < n; i++, x += stride)
        for (int64_t j = 0; j < width; j += VL)
            columns_store(
                x + j, width - j,
                vf_mul(columns_load(x + j, width - j), columns_load(factor + j, width - j)));
}

static inline __attribute__((always_inline)) void
columns_blend_rows(const int more, const float *x, const float *y, int64_t stride, int64_t n,
                   int64_t width, const float *factor, float *out, int64_t out_stride)
{
    for (int64_t i = 0; i < n; i++, x += stride, out += out_stride)
        for (int64_t j = 0; j < width; j += VL) {
            const int64_t left = width - j;

            columns_store(out + j, left,
                          vf_fma(columns_load(factor + j, left), columns_load(x + j, left),
                                 more ? columns_load(y + i * stride + j, left) : vf_zero()));
        }
}

static void columns_blend(const float *x, const float *y, int64_t stride, int64_t n, int64_t width,
                          const float *factor, float *out, int64_t out_stride)
{
    if (y)
        columns_blend_rows(1, x, y, stride, n, width, factor, out, out_stride);
    else
        columns_blend_rows(0, x, x, stride, n, width, factor, out, out_stride);
}

#endif
