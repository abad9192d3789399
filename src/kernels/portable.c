/* SPDX-License-Identifier: Apache-2.0
 *
 * The portable path: plain C, the spec of every entry of the table.
 */
#include "kernels/paths.h"

#include <math.h>

enum { MR = 4, NR = 8 };

static void pack_a(const float *a, int64_t lda, int64_t m, int64_t k, float *panels)
{
    for (int64_t i0 = 0; i0 < m; i0 += MR, panels += MR * k)
        for (int64_t j = 0; j < k; j++)
            for (int64_t i = 0; i < MR; i++)
                panels[j * MR + i] = i0 + i < m ? a[(i0 + i) * lda + j] : 0.0f;
}

/* One tile of at most MR x NR. Element (i, j) of A is a[i * row + j * column]. */
static void tile(int64_t m, int64_t n, int64_t k, const float *a, int64_t row, int64_t column,
                 const float *b, int64_t b_stride, float *c, int64_t ldc, int accumulate)
{
    float sum[MR][NR] = {{0.0f}};

    for (int64_t l = 0; l < k; l++)
        for (int64_t i = 0; i < m; i++)
            for (int64_t j = 0; j < NR; j++)
                sum[i][j] += a[i * row + l * column] * b[l * b_stride + j];
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++)
            c[i * ldc + j] = (accumulate ? c[i * ldc + j] : 0.0f) + sum[i][j];
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void gemm(int64_t m, int64_t n, int64_t k, const float *a, const samc_panels *b, float *c,
                 int64_t ldc, int accumulate)
{
    for (int64_t j = 0; j < n; j += NR)
        for (int64_t i = 0; i < m; i += MR)
            tile(smaller(MR, m - i), smaller(NR, n - j), k, a + i * k, 1, MR,
                 b->data + j / NR * b->panel_stride, b->row_stride, c + i * ldc + j, ldc,
                 accumulate);
}

static void gemm_rows(int64_t m, int64_t n, int64_t k, const float *a, int64_t lda,
                      const samc_panels *b, float *c, int64_t ldc, int accumulate)
{
    for (int64_t j = 0; j < n; j += NR)
        for (int64_t i = 0; i < m; i += MR)
            tile(smaller(MR, m - i), smaller(NR, n - j), k, a + i * lda, lda, 1,
                 b->data + j / NR * b->panel_stride, b->row_stride, c + i * ldc + j, ldc,
                 accumulate);
}

static float activate(float x, samc_activation act)
{
    switch (act) {
    case SAMC_ACT_GELU: return 0.5f * x * (1.0f + erff(x * 0.70710678f));
    case SAMC_ACT_RELU: return x > 0.0f ? x : 0.0f;
    case SAMC_ACT_NONE: break;
    }
    return x;
}

static void epilogue(float *c, int64_t n, const float *bias, samc_activation act,
                     const float *residual)
{
    for (int64_t i = 0; i < n; i++)
        c[i] = activate(c[i] + (bias ? bias[i] : 0.0f), act) + (residual ? residual[i] : 0.0f);
}

static void layer_norm(const float *x, int64_t n, const float *weight, const float *bias, float eps,
                       float *out)
{
    float mean = 0.0f, variance = 0.0f, rstd;

    for (int64_t i = 0; i < n; i++)
        mean += x[i];
    mean /= (float)n;
    for (int64_t i = 0; i < n; i++)
        variance += (x[i] - mean) * (x[i] - mean);
    rstd = 1.0f / sqrtf(variance / (float)n + eps);
    for (int64_t i = 0; i < n; i++)
        out[i] = (x[i] - mean) * rstd * weight[i] + bias[i];
}

static float softmax_step(float *s, int64_t n, float scale, const float *bias, float *max,
                          float *sum)
{
    float highest = *max, correction, total = 0.0f;

    for (int64_t i = 0; i < n; i++) {
        s[i] = scale * s[i] + (bias ? bias[i] : 0.0f);
        highest = s[i] > highest ? s[i] : highest;
    }
    for (int64_t i = 0; i < n; i++) {
        s[i] = expf(s[i] - highest);
        total += s[i];
    }
    correction = expf(*max - highest);
    *sum = *sum * correction + total;
    *max = highest;
    return correction;
}

static void softmax_grid(float *s, int64_t lds, int64_t m, int64_t height, int64_t width,
                         float scale, const float *const *down, const float *const *along,
                         float *max, float *sum, float *correction)
{
    for (int64_t i = 0; i < m; i++, s += lds) {
        for (int64_t r = 0; r < height; r++)
            for (int64_t j = 0; j < width; j++)
                s[r * width + j] = scale * s[r * width + j] + (down[i][r] + along[i][j]);
        correction[i] = softmax_step(s, height * width, 1.0f, NULL, &max[i], &sum[i]);
    }
}

static void scale_by(float *x, int64_t n, float factor)
{
    for (int64_t i = 0; i < n; i++)
        x[i] *= factor;
}

/* Twelve chains of four numbers, the width that plain C gets on most CPUs: a product and a sum of 3
 * or 4 cycles each, of which two may begin in every one. */
static int64_t fma_loop(int64_t rounds)
{
    enum { N = 48 };
    float x[N], sum = 0.0f;
    volatile float used;

    for (int i = 0; i < N; i++)
        x[i] = (float)i;
    for (int64_t r = 0; r < rounds; r++)
        for (int i = 0; i < N; i++)
            x[i] = x[i] * 0.5f + 1.0f;
    for (int i = 0; i < N; i++)
        sum += x[i];
    used = sum;
    (void)used;
    return rounds * N * 2;
}

static void softmax_columns(float *x, int64_t stride, int64_t n, int64_t width, float scale,
                            const float *bias)
{
    for (int64_t j = 0; j < width; j++) {
        float highest = -INFINITY, sum = 0.0f;

        for (int64_t i = 0; i < n; i++) {
            float *t = &x[i * stride + j];

            *t = scale * *t + (bias ? bias[i] : 0.0f);
            highest = *t > highest ? *t : highest;
        }
        for (int64_t i = 0; i < n; i++) {
            x[i * stride + j] = expf(x[i * stride + j] - highest);
            sum += x[i * stride + j];
        }
        for (int64_t i = 0; i < n; i++)
            x[i * stride + j] /= sum;
    }
}

static void norm_columns(float *x, int64_t stride, int64_t n, int64_t width, const float *shift,
                         const float *weight, const float *bias, float eps, samc_activation act)
{
    for (int64_t j = 0; j < width; j++) {
        float mean = 0.0f, variance = 0.0f, rstd;

        for (int64_t i = 0; i < n; i++) {
            x[i * stride + j] += shift ? shift[i] : 0.0f;
            mean += x[i * stride + j];
        }
        mean /= (float)n;
        for (int64_t i = 0; i < n; i++)
            variance += (x[i * stride + j] - mean) * (x[i * stride + j] - mean);
        rstd = 1.0f / sqrtf(variance / (float)n + eps);
        for (int64_t i = 0; i < n; i++)
            x[i * stride + j] = activate((x[i * stride + j] - mean) * rstd * weight[i] + bias[i],
                                         act);
    }
}

static void gelu_product(const float *x, int64_t stride, int64_t n, int64_t width,
                         const float *bias, const float *weight, int64_t count, float *out,
                         int64_t out_stride)
{
    for (int64_t j = 0; j < width; j++) {
        for (int64_t c = 0; c < count; c++)
            out[c * out_stride + j] = 0.0f;
        for (int64_t i = 0; i < n; i++) {
            const float y = activate(x[i * stride + j] + bias[i], SAMC_ACT_GELU);

            for (int64_t c = 0; c < count; c++)
                out[c * out_stride + j] += weight[c * n + i] * y;
        }
    }
}

static void dot_columns(const float *x, const float *y, int64_t stride, int64_t n, int64_t width,
                        const float *bias, const float *add, float *out)
{
    for (int64_t j = 0; j < width; j++) {
        float sum = 0.0f;

        for (int64_t i = 0; i < n; i++)
            sum += x[i * stride + j] * (y[i * stride + j] + (bias ? bias[i] : 0.0f));
        out[j] = add[j] + sum;
    }
}

static void scale_columns(float *x, int64_t stride, int64_t n, int64_t width, const float *factor)
{
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < width; j++)
            x[i * stride + j] *= factor[j];
}

static void blend_columns(const float *x, const float *y, int64_t stride, int64_t n, int64_t width,
                          const float *factor, float *out, int64_t out_stride)
{
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < width; j++)
            out[i * out_stride + j] = factor[j] * x[i * stride + j] +
                                      (y ? y[i * stride + j] : 0.0f);
}

static void transpose(const float *x, int64_t stride, int64_t n, int64_t width, float *out,
                      int64_t out_stride)
{
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < width; j++)
            out[j * out_stride + i] = x[i * stride + j];
}

static float slope_of(samc_activation act, float x)
{
    switch (act) {
    case SAMC_ACT_GELU:
        return 0.5f * (1.0f + erff(x * 0.70710678f)) + x * 0.39894228f * expf(-0.5f * x * x);
    case SAMC_ACT_RELU: return x > 0.0f ? 1.0f : 0.0f;
    case SAMC_ACT_NONE: break;
    }
    return 1.0f;
}

static void slope(samc_activation act, const float *x, const float *dy, int64_t n, float *dx)
{
    for (int64_t i = 0; i < n; i++)
        dx[i] = dy[i] * slope_of(act, x[i]);
}

/* With xhat = (x - mean) rstd and g = dy weight: dx = rstd (g - mean(g) - xhat mean(g xhat)). */
static void layer_norm_grad(const float *x, const float *dy, int64_t n, const float *weight,
                            float eps, float *dx, int accumulate, float *dweight, float *dbias)
{
    float mean = 0.0f, variance = 0.0f, mean_g = 0.0f, mean_gx = 0.0f, rstd;

    for (int64_t i = 0; i < n; i++)
        mean += x[i];
    mean /= (float)n;
    for (int64_t i = 0; i < n; i++)
        variance += (x[i] - mean) * (x[i] - mean);
    rstd = 1.0f / sqrtf(variance / (float)n + eps);
    for (int64_t i = 0; i < n; i++) {
        const float xhat = (x[i] - mean) * rstd;

        mean_g += dy[i] * weight[i];
        mean_gx += dy[i] * weight[i] * xhat;
        dweight[i] += dy[i] * xhat;
        dbias[i] += dy[i];
    }
    mean_g /= (float)n;
    mean_gx /= (float)n;
    for (int64_t i = 0; i < n; i++) {
        const float xhat = (x[i] - mean) * rstd;
        const float d = rstd * (dy[i] * weight[i] - mean_g - xhat * mean_gx);

        dx[i] = accumulate ? dx[i] + d : d;
    }
}

static void interpolate(const float *x, const int32_t *low, const float *weight, int64_t n,
                        float *out)
{
    for (int64_t i = 0; i < n; i++)
        out[i] = (1.0f - weight[i]) * x[low[i]] + weight[i] * x[low[i] + 1];
}

const samc_kernels samc_kernels_portable = {
    .name = "portable",
    .gemm_mr = MR,
    .gemm_nr = NR,
    .pack_a = pack_a,
    .gemm = gemm,
    .gemm_rows = gemm_rows,
    .epilogue = epilogue,
    .layer_norm = layer_norm,
    .softmax_step = softmax_step,
    .softmax_grid = softmax_grid,
    .scale = scale_by,
    .fma_loop = fma_loop,
    .softmax_columns = softmax_columns,
    .norm_columns = norm_columns,
    .gelu_product = gelu_product,
    .dot_columns = dot_columns,
    .scale_columns = scale_columns,
    .blend_columns = blend_columns,
    .transpose = transpose,
    .interpolate = interpolate,
    .slope = slope,
    .layer_norm_grad = layer_norm_grad,
};
