/* SPDX-License-Identifier: Apache-2.0
 *
 * What training adds to the kernels: slope, layer_norm_grad, and products in bf16.
 */
#include "check.h"

#include "kernels/bf16.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------------- slope */

static double slope_of(double x, samc_activation act)
{
    if (act == SAMC_ACT_GELU)
        return 0.5 * erfc(-x * 0.70710678118654752) + x * 0.39894228040143268 * exp(-0.5 * x * x);
    return act == SAMC_ACT_RELU ? x > 0.0 : 1.0;
}

void samc_check_slope(samc_check *check)
{
    const int64_t n = samc_check_size(check, 300);
    const samc_activation act = (samc_activation)samc_check_whole(check, 0, 2);
    const float spread = samc_check_whole(check, 0, 1) ? 8.0f : 1.0f;
    const int in_place = (int)samc_check_whole(check, 0, 1);
    float *x = samc_check_inout(check, 1, n, n);
    float *dy = samc_check_inout(check, 1, n, n);
    float *dx = in_place ? dy : samc_check_output(check, 1, n, n);
    double *reference = samc_check_scratch(n, sizeof *reference);
    double *tolerance = samc_check_scratch(n, sizeof *tolerance);

    samc_check_shape(check, "n %lld, activation %d, in place %d", (long long)n, (int)act, in_place);
    for (int64_t i = 0; i < n; i++) {
        x[i] *= spread;
        reference[i] = (double)dy[i] * slope_of((double)x[i], act);
        tolerance[i] = act == SAMC_ACT_GELU ? 1e-6 * fabs((double)dy[i]) : 0.0;
    }
    check->kernels->slope(act, x, dy, n, dx);
    samc_check_near(check, &(samc_check_values){.what = "dx",
                                                .got = dx,
                                                .reference = reference,
                                                .tolerance = tolerance,
                                                .rows = 1,
                                                .width = n,
                                                .stride = n});
    samc_check_result(check, dx, 1, n, n);
    free(reference);
    free(tolerance);
}

/* ------------------------------------------------------------------------- layer_norm_grad */

/* dx, dweight, dbias [3][n] in double. */
static void norm_grad(int64_t n, const float *x, const float *dy, const float *weight, float eps,
                      double *out)
{
    double mean = 0.0, variance = 0.0, mean_g = 0.0, mean_gx = 0.0, rstd;

    for (int64_t i = 0; i < n; i++)
        mean += (double)x[i] / (double)n;
    for (int64_t i = 0; i < n; i++)
        variance += ((double)x[i] - mean) * ((double)x[i] - mean) / (double)n;
    rstd = 1.0 / sqrt(variance + (double)eps);
    for (int64_t i = 0; i < n; i++) {
        const double xhat = ((double)x[i] - mean) * rstd, g = (double)dy[i] * (double)weight[i];

        mean_g += g / (double)n;
        mean_gx += g * xhat / (double)n;
        out[n + i] = (double)dy[i] * xhat;
        out[2 * n + i] = (double)dy[i];
    }
    for (int64_t i = 0; i < n; i++) {
        const double xhat = ((double)x[i] - mean) * rstd;

        out[i] = rstd * ((double)dy[i] * (double)weight[i] - mean_g - xhat * mean_gx);
    }
}

void samc_check_layer_norm_grad(samc_check *check)
{
    /* one or two numbers have next to no variance: all is rounding there */
    const int64_t n = 3 + samc_check_size(check, 600);
    const int accumulate = (int)samc_check_whole(check, 0, 1);
    const int in_place = !accumulate && samc_check_whole(check, 0, 1);
    const float *x = samc_check_input(check, 1, n, n), *weight = samc_check_input(check, 1, n, n);
    float *dy = samc_check_inout(check, 1, n, n);
    float *dx = in_place ? dy : samc_check_inout(check, 1, n, n);
    float *sums = samc_check_inout(check, 2, n, n);
    double *reference = samc_check_scratch(3 * n, sizeof *reference);
    double *tolerance = samc_check_scratch(3 * n, sizeof *tolerance);

    samc_check_shape(check, "n %lld, accumulate %d, in place %d", (long long)n, accumulate,
                     in_place);
    norm_grad(n, x, dy, weight, 1e-6f, reference);
    for (int64_t i = 0; i < 3 * n; i++) {
        if (i >= n)
            reference[i] += (double)sums[i - n];
        else if (accumulate)
            reference[i] += (double)dx[i];
        tolerance[i] = 1e-5 * fmax(1.0, fabs(reference[i]));
    }
    samc_check_seal(check);
    check->kernels->layer_norm_grad(x, dy, n, weight, 1e-6f, dx, accumulate, sums, sums + n);
    samc_check_near(check, &(samc_check_values){"dx", dx, reference, NULL, tolerance, 1, n, n});
    samc_check_near(check, &(samc_check_values){"dweight and dbias", sums, reference + n, NULL,
                                                tolerance + n, 2, n, n});
    samc_check_result(check, dx, 1, n, n);
    samc_check_result(check, sums, 2, n, n);
    free(reference);
    free(tolerance);
}

/* ------------------------------------------------------------------------- bf16 products */

/* The nearest bf16, ties to even. */
static double rounded(float x)
{
    uint32_t bits;

    memcpy(&bits, &x, sizeof bits);
    bits = (bits + 0x7FFFu + (bits >> 16 & 1u)) & 0xFFFF0000u;
    memcpy(&x, &bits, sizeof x);
    return (double)x;
}

typedef struct product_trial {
    int64_t m, n, k, a_row, a_column, b_row, b_column, stride;
    int accumulate;
    const float *a, *b, *bias;
    float *c;
} product_trial;

static void draw_product(samc_check *check, product_trial *p)
{
    const int a_rows = (int)samc_check_whole(check, 0, 1);
    const int b_rows = (int)samc_check_whole(check, 0, 1);

    p->m = 1 + samc_check_size(check, 300);
    p->n = 1 + samc_check_size(check, 100);
    p->k = 1 + samc_check_size(check, samc_check_whole(check, 0, 3) ? 70 : 1200);
    p->accumulate = (int)samc_check_whole(check, 0, 1);
    p->a_row = a_rows ? samc_check_stride(check, p->k) : 1;
    p->a_column = a_rows ? 1 : samc_check_stride(check, p->m);
    p->b_row = b_rows ? samc_check_stride(check, p->n) : 1;
    p->b_column = b_rows ? 1 : samc_check_stride(check, p->k);
    p->stride = samc_check_stride(check, p->n);
    p->a = a_rows ? samc_check_input(check, p->m, p->k, p->a_row)
                  : samc_check_input(check, p->k, p->m, p->a_column);
    p->b = b_rows ? samc_check_input(check, p->k, p->n, p->b_row)
                  : samc_check_input(check, p->n, p->k, p->b_column);
    p->bias = p->accumulate ? NULL : samc_check_input(check, 1, p->n, p->n);
    p->c = samc_check_inout(check, p->m, p->n, p->stride);
    samc_check_shape(check, "m %lld, n %lld, k %lld, A by %s, B by %s, accumulate %d",
                     (long long)p->m, (long long)p->n, (long long)p->k, a_rows ? "rows" : "columns",
                     b_rows ? "rows" : "columns", p->accumulate);
}

/* Against the product of the rounded factors in double, with every pool of threads. */
void samc_check_bf16_product(samc_check *check)
{
    product_trial p;
    double *reference, *tolerance;
    float *first;

    draw_product(check, &p);
    reference = samc_check_scratch(p.m * p.n, sizeof *reference);
    tolerance = samc_check_scratch(p.m * p.n, sizeof *tolerance);
    first = samc_check_scratch(p.m * p.n, sizeof *first);
    for (int64_t i = 0; i < p.m * p.n; i++) {
        const float *a = p.a + i / p.n * p.a_row, *b = p.b + i % p.n * p.b_column;
        double sum = 0.0, size = 1.0;

        first[i] = p.c[i / p.n * p.stride + i % p.n];
        for (int64_t l = 0; l < p.k; l++) {
            const double term = rounded(a[l * p.a_column]) * rounded(b[l * p.b_row]);

            sum += term;
            size += fabs(term);
        }
        reference[i] = sum + (double)(p.accumulate ? first[i] : p.bias[i % p.n]);
        tolerance[i] = 2e-6 * size;
    }
    samc_check_seal(check);
    for (int which = 0; which < SAMC_CHECK_THREADS; which++) {
        const samc_call call = samc_check_call(check, which);
        const samc_product product = {.m = p.m,
                                      .n = p.n,
                                      .k = p.k,
                                      .a = p.a,
                                      .a_row = p.a_row,
                                      .a_column = p.a_column,
                                      .bias = p.bias,
                                      .c = p.c,
                                      .c_stride = p.stride,
                                      .accumulate = p.accumulate};
        samc_error error;

        for (int64_t i = 0; i < p.m * p.n; i++)
            p.c[i / p.n * p.stride + i % p.n] = first[i];
        samc_check_need(samc_bf16_product_of(&call, &product, p.b, p.b_row, p.b_column, &error),
                        &error);
        samc_check_near(
            check, &(samc_check_values){"C", p.c, reference, NULL, tolerance, p.m, p.n, p.stride});
        samc_check_result(check, p.c, p.m, p.n, p.stride);
    }
    free(reference);
    free(tolerance);
    free(first);
}
