/* SPDX-License-Identifier: Apache-2.0
 *
 * epilogue, layer_norm, scale and fma_loop.
 */
#include "check.h"

#include "kernels/paths.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------------- epilogue */

double samc_check_activated(double x, samc_activation act)
{
    switch (act) {
    case SAMC_ACT_GELU: return 0.5 * x * erfc(-x * sqrt(0.5));
    case SAMC_ACT_RELU: return x > 0.0 ? x : 0.0;
    case SAMC_ACT_NONE: break;
    }
    return x;
}

double samc_check_activation_error(double x, samc_activation act)
{
    return act == SAMC_ACT_GELU ? 1e-6 * fmax(1.0, fabs(x)) : 0.0;
}

void samc_check_epilogue(samc_check *check)
{
    const int64_t n = samc_check_size(check, 600);
    const samc_activation act = (samc_activation)samc_check_whole(check, 0, 2);
    const int has_bias = (int)samc_check_whole(check, 0, 1);
    const int has_residual = (int)samc_check_whole(check, 0, 1);
    const float spread = (float)samc_check_whole(check, 1, 12);
    float *c = samc_check_inout(check, 1, n, n);
    const float *bias = has_bias ? samc_check_input(check, 1, n, n) : NULL;
    const float *residual = has_residual ? samc_check_input(check, 1, n, n) : NULL;
    float *portable = samc_check_scratch(n, sizeof *portable);
    double *reference = samc_check_scratch(n, sizeof *reference);
    double *tolerance = samc_check_scratch(n, sizeof *tolerance);

    samc_check_shape(check, "n %lld, activation %d, bias %d, residual %d", (long long)n, (int)act,
                     has_bias, has_residual);
    for (int64_t i = 0; i < n; i++) {
        const double r = residual ? (double)residual[i] : 0.0;
        double x;

        c[i] *= spread;
        portable[i] = c[i];
        x = (double)c[i] + (bias ? (double)bias[i] : 0.0);
        reference[i] = samc_check_activated(x, act) + r;
        /* c + bias and + residual round once each; GELU's slope is at most 1.13 */
        tolerance[i] = samc_check_activation_error(x, act) +
                       SAMC_CHECK_HALF_ULP *
                           ((bias ? 1.2 * fabs(x) : 0.0) + (residual ? fabs(x) + fabs(r) : 0.0));
    }
    samc_check_seal(check);
    check->kernels->epilogue(c, n, bias, act, residual);
    samc_kernels_portable.epilogue(portable, n, bias, act, residual);
    samc_check_near(check, &(samc_check_values){"c", c, reference, portable, tolerance, 1, n, n});
    samc_check_result(check, c, 1, n, n);
    free(portable);
    free(reference);
    free(tolerance);
}

/* GELU of x[0..n) against erf in double; leaves the largest error over max(1, |x|), its place. */
static void scan_gelu(samc_check *check, const float *x, int64_t n, double *worst, float *where)
{
    float *c = samc_check_scratch(n, sizeof *c);

    memcpy(c, x, (size_t)n * sizeof *c);
    check->kernels->epilogue(c, n, NULL, SAMC_ACT_GELU, NULL);
    for (int64_t i = 0; i < n; i++) {
        const double right = samc_check_activated((double)x[i], SAMC_ACT_GELU);
        const double error = fabs((double)c[i] - right) / fmax(1.0, fabs((double)x[i]));

        if (!(error <= *worst)) {
            *worst = error;
            *where = x[i];
        }
    }
    free(c);
}

/* Evenly over [-10, 10], then evenly over the bit patterns, which visits small numbers, and some
 * that networks should not but do give. */
void samc_check_gelu_scan(samc_check *check)
{
    enum { STEPS = 1 << 20 };
    static const float odd[] = {0.0f,  -0.0f, 1e-45f, -1e-45f, 1e-38f,   -1e-38f, 6.0f,
                                -6.0f, 87.0f, -87.0f, 1000.0f, -1000.0f, 3.0e38f, -3.0e38f,
                                0.5f,  -0.5f, 5.999f, -5.999f, 6.001f,   -6.001f, -13.0f};
    float *x = samc_check_scratch(STEPS, sizeof *x);
    double worst = 0.0;
    float where = 0.0f;

    samc_check_shape(check, "GELU over [-10, 10]");
    for (int i = 0; i < STEPS; i++)
        x[i] = (float)(-10.0 + 20.0 * i / (STEPS - 1));
    scan_gelu(check, x, STEPS, &worst, &where);
    for (int i = 0; i < STEPS; i++) {
        const uint32_t bits = (uint32_t)(i / 2) * (0x41200000u / (STEPS / 2)) | (uint32_t)i << 31;

        memcpy(&x[i], &bits, sizeof bits); /* 0x41200000 is 10 */
    }
    scan_gelu(check, x, STEPS, &worst, &where);
    scan_gelu(check, odd, sizeof odd / sizeof odd[0], &worst, &where);
    (void)printf("     gelu of %s: largest error %.3g of max(1, |x|), at %.9g\n", check->path,
                 worst, (double)where);
    if (!(worst <= 1e-6))
        samc_check_fail(check, "the error at %.9g is %.3g; 1e-6 is allowed", (double)where, worst);
    free(x);
}

/* ------------------------------------------------------------------------- layer_norm */

void samc_check_layer_norm(samc_check *check)
{
    static const float offsets[] = {0.0f, 0.0f, 1.0f, -30.0f, 1000.0f};
    static const float scales[] = {1.0f, 1.0f, 1e-3f, 100.0f};
    const int64_t n = samc_check_size(check, 1300);
    const float offset = offsets[samc_check_whole(check, 0, 4)];
    const float factor = scales[samc_check_whole(check, 0, 3)];
    const float eps = samc_check_whole(check, 0, 1) ? 1e-6f : 1e-5f;
    const int in_place = (int)samc_check_whole(check, 0, 1);
    float *x = in_place ? samc_check_inout(check, 1, n, n) : samc_check_input(check, 1, n, n);
    const float *weight = samc_check_input(check, 1, n, n),
                *bias = samc_check_input(check, 1, n, n);
    float *out = in_place ? x : samc_check_output(check, 1, n, n);
    float *portable = samc_check_scratch(n, sizeof *portable);
    double *reference = samc_check_scratch(n, sizeof *reference);
    double *tolerance = samc_check_scratch(n, sizeof *tolerance);

    samc_check_shape(check, "n %lld, offset %g, spread %g, eps %g, in place %d", (long long)n,
                     (double)offset, (double)factor, (double)eps, in_place);
    for (int64_t i = 0; i < n; i++)
        x[i] = x[i] * factor + offset;
    samc_check_norm(n, x, weight, bias, eps, reference, tolerance);
    samc_check_seal(check);
    samc_kernels_portable.layer_norm(x, n, weight, bias, eps, portable);
    check->kernels->layer_norm(x, n, weight, bias, eps, out);
    samc_check_near(check,
                    &(samc_check_values){"out", out, reference, portable, tolerance, 1, n, n});
    samc_check_result(check, out, 1, n, n);
    free(portable);
    free(reference);
    free(tolerance);
}

/* The errors of the mean (a sum of n, so n half ulps of the mean of |x|), of x - mean, of the
 * variance (n again, and the mean's error squared: shifts of the centre only add their square),
 * and a few roundings to the end. */
void samc_check_norm(int64_t n, const float *x, const float *weight, const float *bias, float eps,
                     double *reference, double *tolerance)
{
    double mean = 0.0, size = 0.0, variance = 0.0, rstd, centre, spread;

    for (int64_t i = 0; i < n; i++) {
        mean += (double)x[i] / (double)n;
        size += fabs((double)x[i]) / (double)n;
    }
    for (int64_t i = 0; i < n; i++)
        variance += ((double)x[i] - mean) * ((double)x[i] - mean) / (double)n;
    rstd = 1.0 / sqrt(variance + (double)eps);
    centre = (double)(n + 1) * SAMC_CHECK_HALF_ULP * size;
    spread = 0.5 * (centre * centre * rstd * rstd + (double)(n + 4) * SAMC_CHECK_HALF_ULP);
    for (int64_t i = 0; i < n; i++) {
        const double d = (double)x[i] - mean, y = d * rstd;
        const double w = fabs((double)weight[i]);

        reference[i] = y * (double)weight[i] + (double)bias[i];
        tolerance[i] = w * rstd * (centre + SAMC_CHECK_HALF_ULP * fabs((double)x[i])) +
                       w * fabs(y) * (spread + 5.0 * SAMC_CHECK_HALF_ULP) +
                       2.0 * SAMC_CHECK_HALF_ULP * (fabs(reference[i]) + fabs((double)bias[i]));
    }
}

/* Rows of one whole number: their sums are exact, so the answer is exactly the bias. */
void samc_check_layer_norm_constant(samc_check *check)
{
    static const float numbers[] = {0.0f, 1.0f, -3.0f, 1024.0f, -12000.0f};
    static const int64_t sizes[] = {1, 2, 7, 15, 16, 17, 255, 256, 768, 1280};

    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
        for (size_t c = 0; c < sizeof numbers / sizeof numbers[0]; c++) {
            const int64_t n = sizes[s];
            float *x = samc_check_scratch(n, sizeof *x), *ones = samc_check_scratch(n, sizeof *x);
            float *bias = samc_check_scratch(n, sizeof *x), *out = samc_check_scratch(n, sizeof *x);

            samc_check_shape(check, "%lld times %g", (long long)n, (double)numbers[c]);
            for (int64_t i = 0; i < n; i++) {
                x[i] = numbers[c];
                ones[i] = 1.0f;
                bias[i] = samc_check_real(check, -1.0, 1.0);
            }
            check->kernels->layer_norm(x, n, ones, bias, 1e-6f, out);
            samc_check_same(check, "out", out, bias, n);
            free(x);
            free(ones);
            free(bias);
            free(out);
        }
}

/* ------------------------------------------------------------------------- scale */

/* A product of two floats has one right answer. */
void samc_check_scale(samc_check *check)
{
    const int64_t n = samc_check_size(check, 300);
    const float factor = samc_check_real(check, -2.0, 2.0);
    float *x = samc_check_inout(check, 1, n, n);
    float *expected = samc_check_scratch(n, sizeof *expected);

    samc_check_shape(check, "n %lld, factor %.9g", (long long)n, (double)factor);
    for (int64_t i = 0; i < n; i++)
        expected[i] = x[i] * factor;
    check->kernels->scale(x, n, factor);
    samc_check_same(check, "x", x, expected, n);
    samc_check_result(check, x, 1, n, n);
    free(expected);
}

/* ------------------------------------------------------------------------- fma_loop */

/* It computes nothing for anybody; what counts is that it says what it did. */
void samc_check_fma_loop(samc_check *check)
{
    const int64_t rounds = samc_check_whole(check, 0, 1000);
    const int64_t one = check->kernels->fma_loop(1), all = check->kernels->fma_loop(rounds);

    samc_check_shape(check, "rounds %lld", (long long)rounds);
    if (one <= 0 || one % 2 != 0 || all != rounds * one)
        samc_check_fail(check, "%lld operations in one round, %lld in all", (long long)one,
                        (long long)all);
}
