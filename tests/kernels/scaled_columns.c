/* SPDX-License-Identifier: Apache-2.0
 *
 * Columns with a factor each: their products with others', scaling, blending.
 */
#include "check.h"

#include "kernels/paths.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void samc_check_dot_columns(samc_check *check)
{
    const int64_t n = samc_check_size(check, 130), width = samc_check_size(check, 150);
    const int64_t stride = samc_check_stride(check, width);
    const int in_place = (int)samc_check_whole(check, 0, 1);
    const float *x = samc_check_input(check, n, width, stride);
    const float *y = samc_check_input(check, n, width, stride);
    const float *bias = samc_check_whole(check, 0, 1) ? samc_check_input(check, 1, n, n) : NULL;
    float *add = samc_check_inout(check, 1, width, width);
    float *out = in_place ? add : samc_check_output(check, 1, width, width);
    float *portable = samc_check_scratch(width, sizeof *portable);
    double *reference = samc_check_scratch(width, sizeof *reference);
    double *tolerance = samc_check_scratch(width, sizeof *tolerance);

    samc_check_shape(check, "%lld rows, %lld columns, bias %d, in place %d", (long long)n,
                     (long long)width, bias != NULL, in_place);
    for (int64_t j = 0; j < width; j++) {
        double sum = (double)add[j], size = fabs(sum);

        for (int64_t i = 0; i < n; i++) {
            const double more = bias ? (double)bias[i] : 0.0;
            const double a = (double)x[i * stride + j], b = (double)y[i * stride + j];

            sum += a * (b + more);
            size += fabs(a) * (fabs(b) + fabs(more));
        }
        reference[j] = sum;
        tolerance[j] = (double)(n + 3) * SAMC_CHECK_HALF_ULP * size;
    }
    samc_kernels_portable.dot_columns(x, y, stride, n, width, bias, add, portable);
    samc_check_seal(check);
    check->kernels->dot_columns(x, y, stride, n, width, bias, add, out);
    samc_check_near(
        check, &(samc_check_values){"out", out, reference, portable, tolerance, 1, width, width});
    samc_check_result(check, out, 1, width, width);
    free(portable);
    free(reference);
    free(tolerance);
}

void samc_check_scale_columns(samc_check *check)
{
    const int64_t n = samc_check_size(check, 40), width = samc_check_size(check, 150);
    const int64_t stride = samc_check_stride(check, width);
    float *x = samc_check_inout(check, n, width, stride);
    const float *factor = samc_check_input(check, 1, width, width);
    float *expected = samc_check_scratch(n * width, sizeof *expected);

    samc_check_shape(check, "%lld rows, %lld columns", (long long)n, (long long)width);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < width; j++)
            expected[i * width + j] = x[i * stride + j] * factor[j];
    samc_check_seal(check);
    check->kernels->scale_columns(x, stride, n, width, factor);
    for (int64_t i = 0; i < n; i++)
        samc_check_same(check, "x", x + i * stride, expected + i * width, width);
    samc_check_result(check, x, n, width, stride);
    free(expected);
}

void samc_check_blend_columns(samc_check *check)
{
    const int64_t n = samc_check_size(check, 40), width = samc_check_size(check, 150);
    const int64_t stride = samc_check_stride(check, width);
    const int64_t out_stride = samc_check_stride(check, width);
    const float *x = samc_check_input(check, n, width, stride);
    const float *y = samc_check_whole(check, 0, 1) ? samc_check_input(check, n, width, stride)
                                                   : NULL;
    const float *factor = samc_check_input(check, 1, width, width);
    float *out = samc_check_output(check, n, width, out_stride);
    float *portable = samc_check_scratch(n * out_stride, sizeof *portable);
    double *reference = samc_check_scratch(n * width, sizeof *reference);
    double *tolerance = samc_check_scratch(n * width, sizeof *tolerance);

    samc_check_shape(check, "%lld rows, %lld columns, y %d", (long long)n, (long long)width,
                     y != NULL);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < width; j++) {
            const double a = (double)factor[j] * (double)x[i * stride + j];
            const double b = y ? (double)y[i * stride + j] : 0.0;

            reference[i * width + j] = a + b;
            tolerance[i * width + j] = 2.0 * SAMC_CHECK_HALF_ULP * (fabs(a) + fabs(b));
        }
    samc_check_seal(check);
    check->kernels->blend_columns(x, y, stride, n, width, factor, out, out_stride);
    samc_kernels_portable.blend_columns(x, y, stride, n, width, factor, portable, out_stride);
    samc_check_near(check, &(samc_check_values){"out", out, reference, portable, tolerance, n,
                                                width, out_stride});
    samc_check_result(check, out, n, width, out_stride);
    free(portable);
    free(reference);
    free(tolerance);
}
