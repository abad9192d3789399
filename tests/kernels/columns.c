/* SPDX-License-Identifier: Apache-2.0
 *
 * What works down columns: softmax, LayerNorm, GELU with a product, transpose; the interpolation
 * along a row; and the products whose first factor is packed (kernels/left.h).
 */
#include "check.h"

#include "kernels/left.h"
#include "kernels/paths.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* An array of columns and what is known of it; scratch is freed by close_columns. */
typedef struct columns {
    int64_t n, width, stride;
    float *x, *portable;
    double *reference, *tolerance;
} columns;

static columns open_columns(samc_check *check, int64_t most)
{
    columns c = {.n = samc_check_size(check, most), .width = samc_check_size(check, 150)};

    c.n += c.n == 0;
    c.stride = samc_check_stride(check, c.width);
    c.x = samc_check_inout(check, c.n, c.width, c.stride);
    c.portable = samc_check_scratch(c.n * c.stride, sizeof *c.portable);
    c.reference = samc_check_scratch(c.n * c.width, sizeof *c.reference);
    c.tolerance = samc_check_scratch(c.n * c.width, sizeof *c.tolerance);
    return c;
}

static void copy_columns(const columns *c)
{
    for (int64_t i = 0; i < c->n; i++)
        memcpy(c->portable + i * c->stride, c->x + i * c->stride, (size_t)c->width * sizeof *c->x);
}

static void compare_columns(samc_check *check, const columns *c)
{
    samc_check_near(check, &(samc_check_values){"x", c->x, c->reference, c->portable, c->tolerance,
                                                c->n, c->width, c->stride});
    samc_check_result(check, c->x, c->n, c->width, c->stride);
    free(c->portable);
    free(c->reference);
    free(c->tolerance);
}

/* ------------------------------------------------------------------------- softmax */

void samc_check_softmax_columns(samc_check *check)
{
    static const double spreads[] = {0.0, 1.0, 5.0, 40.0, 300.0};
    const double spread = spreads[samc_check_whole(check, 0, 4)];
    const float scale = samc_check_real(check, 0.05, 1.2);
    const int has_bias = (int)samc_check_whole(check, 0, 1);
    const columns c = open_columns(check, 40);
    const float *bias = has_bias ? samc_check_input(check, 1, c.n, c.n) : NULL;

    samc_check_shape(check, "%lld rows, %lld columns, spread %g, bias %d", (long long)c.n,
                     (long long)c.width, spread, has_bias);
    for (int64_t j = 0; j < c.width; j++) {
        double highest = -INFINITY, sum = 0.0, blur = 0.0;

        for (int64_t i = 0; i < c.n; i++) {
            float *x = &c.x[i * c.stride + j];
            const double b = has_bias ? (double)bias[i] : 0.0;
            double *t = &c.reference[i * c.width + j];

            *x = (float)(spread * (double)*x);
            *t = (double)scale * (double)*x + b;
            highest = fmax(highest, *t);
            blur = fmax(blur, 4.0 * SAMC_CHECK_HALF_ULP * (fabs(*t - b) + fabs(b)));
        }
        for (int64_t i = 0; i < c.n; i++)
            sum += exp(c.reference[i * c.width + j] - highest);
        for (int64_t i = 0; i < c.n; i++) {
            const double t = c.reference[i * c.width + j] - highest, right = exp(t) / sum;

            /* exp (1e-6) above and below the line, t's own error in both, n additions */
            c.reference[i * c.width + j] = right;
            c.tolerance[i * c.width + j] =
                right * (2e-6 + 2.1 * blur + SAMC_CHECK_HALF_ULP * (fabs(t) + (double)c.n + 3.0)) +
                2e-38;
        }
    }
    copy_columns(&c);
    samc_check_seal(check);
    check->kernels->softmax_columns(c.x, c.stride, c.n, c.width, scale, bias);
    samc_kernels_portable.softmax_columns(c.portable, c.stride, c.n, c.width, scale, bias);
    compare_columns(check, &c);
}

/* ------------------------------------------------------------------------- LayerNorm */

void samc_check_norm_columns(samc_check *check)
{
    static const float offsets[] = {0.0f, 0.0f, 1.0f, -30.0f};
    const float offset = offsets[samc_check_whole(check, 0, 3)];
    const float eps = samc_check_whole(check, 0, 1) ? 1e-6f : 1e-5f;
    const samc_activation act = (samc_activation)samc_check_whole(check, 0, 2);
    const columns c = open_columns(check, 300);
    const float *shift = samc_check_whole(check, 0, 1) ? samc_check_input(check, 1, c.n, c.n)
                                                       : NULL;
    const float *weight = samc_check_input(check, 1, c.n, c.n);
    const float *bias = samc_check_input(check, 1, c.n, c.n);
    float *column = samc_check_scratch(c.n, sizeof *column);
    double *reference = samc_check_scratch(c.n, sizeof *reference);
    double *tolerance = samc_check_scratch(c.n, sizeof *tolerance);

    samc_check_shape(check, "%lld rows, %lld columns, offset %g, eps %g, shift %d, act %d",
                     (long long)c.n, (long long)c.width, (double)offset, (double)eps, shift != NULL,
                     (int)act);
    for (int64_t j = 0; j < c.width; j++) {
        for (int64_t i = 0; i < c.n; i++) {
            c.x[i * c.stride + j] += offset;
            /* one addition of floats: every path has the same */
            column[i] = c.x[i * c.stride + j] + (shift ? shift[i] : 0.0f);
        }
        samc_check_norm(c.n, column, weight, bias, eps, reference, tolerance);
        for (int64_t i = 0; i < c.n; i++) {
            c.reference[i * c.width + j] = samc_check_activated(reference[i], act);
            /* no activation is steeper than 1.13 */
            c.tolerance[i * c.width + j] = 1.13 * tolerance[i] +
                                           samc_check_activation_error(reference[i], act);
        }
    }
    copy_columns(&c);
    samc_check_seal(check);
    check->kernels->norm_columns(c.x, c.stride, c.n, c.width, shift, weight, bias, eps, act);
    samc_kernels_portable.norm_columns(c.portable, c.stride, c.n, c.width, shift, weight, bias, eps,
                                       act);
    compare_columns(check, &c);
    free(column);
    free(reference);
    free(tolerance);
}

/* ------------------------------------------------------------------------- GELU and a product */

void samc_check_gelu_product(samc_check *check)
{
    const int64_t n = 1 + samc_check_size(check, 70), width = samc_check_size(check, 150);
    const int64_t count = samc_check_whole(check, 1, 9);
    const int64_t stride = samc_check_stride(check, width);
    const int64_t out_stride = samc_check_stride(check, width);
    float *x = samc_check_input(check, n, width, stride);
    const float *bias = samc_check_input(check, 1, n, n);
    const float *weight = samc_check_input(check, 1, count * n, count * n);
    float *out = samc_check_output(check, count, width, out_stride);
    float *portable = samc_check_scratch(count * out_stride, sizeof *portable);
    double *reference = samc_check_scratch(count * width, sizeof *reference);
    double *tolerance = samc_check_scratch(count * width, sizeof *tolerance);

    samc_check_shape(check, "%lld rows, %lld columns, %lld products", (long long)n,
                     (long long)width, (long long)count);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < width; j++)
            x[i * stride + j] *= 4.0f;
    for (int64_t c = 0; c < count; c++)
        for (int64_t j = 0; j < width; j++) {
            double sum = 0.0, size = 0.0, slack = 0.0;

            for (int64_t i = 0; i < n; i++) {
                const float v = x[i * stride + j] + bias[i];
                const double w = (double)weight[c * n + i];
                const double y = samc_check_activated((double)v, SAMC_ACT_GELU);

                sum += w * y;
                size += fabs(w * y);
                slack += fabs(w) * samc_check_activation_error((double)v, SAMC_ACT_GELU);
            }
            reference[c * width + j] = sum;
            tolerance[c * width + j] = slack + (double)(n + 1) * SAMC_CHECK_HALF_ULP * size;
        }
    samc_check_seal(check);
    check->kernels->gelu_product(x, stride, n, width, bias, weight, count, out, out_stride);
    samc_kernels_portable.gelu_product(x, stride, n, width, bias, weight, count, portable,
                                       out_stride);
    samc_check_near(check, &(samc_check_values){"out", out, reference, portable, tolerance, count,
                                                width, out_stride});
    samc_check_result(check, out, count, width, out_stride);
    free(portable);
    free(reference);
    free(tolerance);
}

/* ------------------------------------------------------------------------- transpose */

void samc_check_transpose(samc_check *check)
{
    const int64_t n = samc_check_size(check, 70), width = samc_check_size(check, 70);
    const int64_t stride = samc_check_stride(check, width);
    const int64_t out_stride = samc_check_stride(check, n);
    const float *x = samc_check_input(check, n, width, stride);
    float *out = samc_check_output(check, width, n, out_stride);
    float *expected = samc_check_scratch(n, sizeof *expected);

    samc_check_shape(check, "%lld x %lld", (long long)n, (long long)width);
    samc_check_seal(check);
    check->kernels->transpose(x, stride, n, width, out, out_stride);
    for (int64_t j = 0; j < width; j++) {
        for (int64_t i = 0; i < n; i++)
            expected[i] = x[i * stride + j];
        samc_check_same(check, "out", out + j * out_stride, expected, n);
    }
    samc_check_result(check, out, width, n, out_stride);
    free(expected);
}

/* ------------------------------------------------------------------------- interpolate */

/* Steps from 0 (larger) to 5 (smaller); the row ends where memory ends but for the slack. */
void samc_check_interpolate(samc_check *check)
{
    const int64_t n = samc_check_size(check, 300), most = samc_check_whole(check, 0, 5);
    int32_t *low = samc_check_scratch(n + 1, sizeof *low);
    float *weight = samc_check_input(check, 1, n, n), *x, *out;
    float *expected = samc_check_scratch(n, sizeof *expected);

    samc_check_shape(check, "%lld of steps up to %lld", (long long)n, (long long)most);
    low[0] = 0;
    for (int64_t i = 1; i <= n; i++)
        low[i] = low[i - 1] + (int32_t)samc_check_whole(check, 0, most);
    x = samc_check_input(check, 1, (n ? low[n - 1] : 0) + 2 + SAMC_INTERPOLATE_SLACK,
                         (n ? low[n - 1] : 0) + 2 + SAMC_INTERPOLATE_SLACK);
    out = samc_check_output(check, 1, n, n);
    for (int64_t i = 0; i < n; i++) {
        const float w = weight[i], a = x[low[i]], b = x[low[i] + 1];

        expected[i] = (1.0f - w) * a + w * b;
    }
    samc_check_seal(check);
    check->kernels->interpolate(x, low, weight, n, out);
    samc_check_same(check, "out", out, expected, n);
    samc_check_result(check, out, 1, n, n);
    free(low);
    free(expected);
}

/* ------------------------------------------------------------------------- left */

/* Both ways of packing; k beyond what one gemm takes; rows of B that end where memory ends but for
 * the slack. */
void samc_check_left(samc_check *check)
{
    const int64_t m = 1 + samc_check_size(check, 70), n = 1 + samc_check_size(check, 70);
    const int64_t k = samc_check_whole(check, 0, 3) ? 1 + samc_check_size(check, 90)
                                                    : samc_check_whole(check, 250, 600);
    const int by_rows = (int)samc_check_whole(check, 0, 1);
    const int accumulate = (int)samc_check_whole(check, 0, 1);
    const int64_t lda = samc_check_stride(check, by_rows ? k : m);
    const int64_t ldb = samc_check_stride(check, n), ldc = samc_check_stride(check, n);
    const float *a = samc_check_input(check, by_rows ? m : k, by_rows ? k : m, lda);
    const float *b = samc_check_input(check, 1, (k - 1) * ldb + n + SAMC_LEFT_SLACK,
                                      (k - 1) * ldb + n + SAMC_LEFT_SLACK);
    float *c = samc_check_inout(check, m, n, ldc);
    double *reference = samc_check_scratch(m * n, sizeof *reference);
    double *tolerance = samc_check_scratch(m * n, sizeof *tolerance);
    const int64_t row = by_rows ? lda : 1, column = by_rows ? 1 : lda;
    samc_left left;
    samc_error error;

    samc_check_shape(check, "%lld x %lld x %lld, by rows %d, accumulate %d", (long long)m,
                     (long long)n, (long long)k, by_rows, accumulate);
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            double sum = accumulate ? (double)c[i * ldc + j] : 0.0, size = fabs(sum);

            for (int64_t l = 0; l < k; l++) {
                const double product = (double)a[i * row + l * column] * (double)b[l * ldb + j];

                sum += product;
                size += fabs(product);
            }
            reference[i * n + j] = sum;
            tolerance[i * n + j] = (double)(k + 2) * SAMC_CHECK_HALF_ULP * size;
        }
    samc_check_seal(check);
    samc_check_need(samc_left_new(check->kernels, m, k, a, row, column, &left, &error), &error);
    samc_left_times(check->kernels, &left, n, b, ldb, c, ldc, accumulate);
    samc_left_free(&left);
    samc_check_near(check, &(samc_check_values){"c", c, reference, NULL, tolerance, m, n, ldc});
    samc_check_result(check, c, m, n, ldc);
    free(reference);
    free(tolerance);
}
