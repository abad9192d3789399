/* SPDX-License-Identifier: Apache-2.0
 *
 * Kernels: the table of inner loops that one call uses, and what each must do.
 *
 * Portable C (portable.c) fills the table and is the spec of every entry; a file of an instruction
 * set overrides entries. A kernel knows rows, columns and strides, never the model. All numbers are
 * f32; a pointer may have any alignment unless said. Every entry computes a value in an order that
 * depends on its arguments' sizes alone, so that the answers of one path are the same bits at every
 * run and thread count.
 */
#ifndef SAMC_KERNELS_KERNELS_H
#define SAMC_KERNELS_KERNELS_H

#include "base/arena.h"
#include "base/stopwatch.h"
#include "base/threads.h"

typedef enum samc_activation { SAMC_ACT_NONE, SAMC_ACT_GELU, SAMC_ACT_RELU } samc_activation;

/* Longest inner dimension of one gemm call: the driver cuts longer ones. A panel of 32 columns is
 * 128 KiB then and streams from L2 beside a packed block of A; up to here a longer dimension pays,
 * since C is read and written once a cut. */
#define SAMC_GEMM_MAX_K 1024

/* The second factor of a product. Column j of the matrix is column j % nr of panel j / nr; row i of
 * panel p starts at data + p * panel_stride + i * row_stride, and nr floats are readable there even
 * where the matrix has fewer columns. */
typedef struct samc_panels {
    const float *data;
    int64_t row_stride;
    int64_t panel_stride;
} samc_panels;

/* Two vectors of the widest path. */
#define SAMC_INTERPOLATE_SLACK 32

typedef struct samc_kernels {
    const char *name; /* "portable", "avx2", "avx512": what the context option takes */
    int32_t gemm_mr;  /* rows of a packed panel of A */
    int32_t gemm_nr;  /* columns of a panel of B */

    /* Packs A [m][k] (row stride lda) into ceil(m / mr) panels [k][mr]; missing rows become zero.
     * `panels` has room for ceil(m / mr) * mr * k floats. */
    void (*pack_a)(const float *a, int64_t lda, int64_t m, int64_t k, float *panels);

    /* C [m][n] (row stride ldc) = A B, or += A B where `accumulate`. A is [m][k] in panels by
     * pack_a, B is [k][n] in panels; k <= SAMC_GEMM_MAX_K. C does not overlap A or B. An element of
     * C depends on its row of A, its column of B and k alone, bit by bit: prompts that are computed
     * together give what each gives by itself. */
    void (*gemm)(int64_t m, int64_t n, int64_t k, const float *a, const samc_panels *b, float *c,
                 int64_t ldc, int accumulate);

    /* The same with A in rows: A[i][j] at a[i * lda + j], for small or once-used A; any k. */
    void (*gemm_rows)(int64_t m, int64_t n, int64_t k, const float *a, int64_t lda,
                      const samc_panels *b, float *c, int64_t ldc, int accumulate);

    /* c[i] = act(c[i] + bias[i]) + residual[i], i < n; bias and residual may be NULL. GELU is the
     * exact one, x Phi(x): error <= 1e-6 of max(1, |x|) (measured 2e-7). residual may be c's own
     * old values only if it is another buffer. */
    void (*epilogue)(float *c, int64_t n, const float *bias, samc_activation act,
                     const float *residual);

    /* out[i] = (x[i] - mean) / sqrt(variance + eps) * weight[i] + bias[i], i < n, biased variance,
     * two passes. out may be x. */
    void (*layer_norm)(const float *x, int64_t n, const float *weight, const float *bias, float eps,
                       float *out);

    /* One step of a softmax over a row that comes in blocks (flash attention). With
     * t[i] = scale * s[i] + bias[i] (bias may be NULL): *max becomes max(old, t), s[i] becomes
     * exp(t[i] - *max), *sum becomes *sum * c + the sum of s, and c = exp(old max - *max) is
     * returned for the caller to rescale what it has accumulated. Begin with *max = -INFINITY and
     * *sum = 0 (c is then 0). n >= 1, every t finite. exp(d) has a relative error <=
     * 4e-7 + 8e-8 |d| down to d = -87 (an absolute one <= 4e-7) and is ~1e-38 below. */
    float (*softmax_step)(float *s, int64_t n, float scale, const float *bias, float *max,
                          float *sum);

    /* softmax_step for m rows of n = height * width scores (row i at s + i * lds) whose bias is the
     * sum of decomposed relative positions: t[j] = scale * s[j] + (down[i][j / width] +
     * along[i][j % width]). max, sum and correction (which is set) are [m]. */
    void (*softmax_grid)(float *s, int64_t lds, int64_t m, int64_t height, int64_t width,
                         float scale, const float *const *down, const float *const *along,
                         float *max, float *sum, float *correction);

    /* x[i] *= factor, i < n. */
    void (*scale)(float *x, int64_t n, float factor);

    /* The yardstick of the others: multiplies and adds in registers alone, with the widest
     * instructions of the path, in as many chains as keep its units busy. Returns how many
     * floating-point operations it did, about 100 a round on a path with vectors; rounds >= 0. */
    int64_t (*fma_loop)(int64_t rounds);

    /* The next seven work on arrays whose columns are tokens: row i begins at x + i * stride, and
     * column j < width of it is token j's number i. Columns know nothing of each other. */

    /* Softmax down each column: with t[i] = scale * x[i] + bias[i] (bias may be NULL), i < n, x[i]
     * becomes exp(t[i] - max t) / (the sum of those). n >= 1, every t finite; exp as in
     * softmax_step. */
    void (*softmax_columns)(float *x, int64_t stride, int64_t n, int64_t width, float scale,
                            const float *bias);

    /* LayerNorm down each column: with v[i] = x[i] + shift[i] (shift may be NULL), x[i] becomes
     * act((v[i] - mean) / sqrt(variance + eps) * weight[i] + bias[i]), i < n, biased variance, two
     * passes. */
    void (*norm_columns)(float *x, int64_t stride, int64_t n, int64_t width, const float *shift,
                         const float *weight, const float *bias, float eps, samc_activation act);

    /* The end of the up-scaling: out[c * out_stride + j] = sum over i < n of weight[c * n + i] *
     * GELU(x[i] + bias[i]), c < count, j < width. GELU as in epilogue. */
    void (*gelu_product)(const float *x, int64_t stride, int64_t n, int64_t width,
                         const float *bias, const float *weight, int64_t count, float *out,
                         int64_t out_stride);

    /* out[j] = add[j] + sum over i < n of x[i * stride + j] * (y[i * stride + j] + bias[i]), j <
     * width; out may be add; bias may be NULL. */
    void (*dot_columns)(const float *x, const float *y, int64_t stride, int64_t n, int64_t width,
                        const float *bias, const float *add, float *out);

    /* x[i * stride + j] *= factor[j], i < n, j < width. */
    void (*scale_columns)(float *x, int64_t stride, int64_t n, int64_t width, const float *factor);

    /* out[i * out_stride + j] = factor[j] * x[i * stride + j] + y[i * stride + j], i < n,
     * j < width; y may be NULL (nothing is added). */
    void (*blend_columns)(const float *x, const float *y, int64_t stride, int64_t n, int64_t width,
                          const float *factor, float *out, int64_t out_stride);

    /* out[j * out_stride + i] = x[i * stride + j], i < n, j < width. */
    void (*transpose)(const float *x, int64_t stride, int64_t n, int64_t width, float *out,
                      int64_t out_stride);

    /* out[i] = (1 - weight[i]) * x[low[i]] + weight[i] * x[low[i] + 1], i < n, each operation
     * rounded by itself: the same bits on every path. low is ascending; SAMC_INTERPOLATE_SLACK
     * floats behind the last x that is used are readable. */
    void (*interpolate)(const float *x, const int32_t *low, const float *weight, int64_t n,
                        float *out);

    /* dx[i] = dy[i] * act'(x[i]), i < n; x is the activation's input; dx may be dy. GELU's slope
     * has an error <= 1e-6 of |dy|. */
    void (*slope)(samc_activation act, const float *x, const float *dy, int64_t n, float *dx);

    /* The way back of layer_norm over one row: dx is set, or added to where `accumulate`; dx may be
     * dy. dweight [n] and dbias [n] are added to. */
    void (*layer_norm_grad)(const float *x, const float *dy, int64_t n, const float *weight,
                            float eps, float *dx, int accumulate, float *dweight, float *dbias);
} samc_kernels;

/* The path of that name, or the best of this CPU for NULL. Immutable, lives for ever. Errors:
 * UNSUPPORTED (the message lists the paths that this CPU and build have). */
samc_status samc_kernels_select(const char *name, const samc_kernels **kernels, samc_error *error);
/* The i-th path that this CPU and build have, best last; NULL beyond the end. */
const samc_kernels *samc_kernels_at(size_t index);
/* The name of the index-th function of the table, in the order above; NULL beyond the last. `path`
 * (may be NULL) becomes the name of the simplest path of this build that has the very same
 * function: "portable" for one that `kernels` left as it was. */
const char *samc_kernels_entry(const samc_kernels *kernels, size_t index, const char **path);

/* What every computation needs to know of its call: passed down, owned by none of them. */
typedef struct samc_call {
    const samc_kernels *kernels;
    samc_threads *threads;
    samc_arena *arena;               /* scratch; a function gives back what it took */
    const samc_stopwatch *stopwatch; /* who wants to know when a stage ends, or NULL */
} samc_call;

#endif
