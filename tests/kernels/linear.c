/* SPDX-License-Identifier: Apache-2.0
 *
 * The drivers of kernels/linear.h: linear layers and LayerNorm over threads.
 */
#include "check.h"

#include "kernels/linear.h"
#include "kernels/paths.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

samc_call samc_check_call(samc_check *check, int which)
{
    return (samc_call){check->kernels, check->threads[which], &check->arena, NULL};
}

/* A layer with what it is given, and its answers. */
typedef struct layer {
    int64_t m, n, k, x_stride, residual_stride, y_stride;
    samc_activation act;
    int in_place;
    float *x, *weight, *bias, *residual;
    float *y[SAMC_CHECK_THREADS]; /* by number of threads */
    float *portable;
    double *reference, *tolerance;
} layer;

static void set_up(samc_check *check, layer *l)
{
    enum { MOST = 6000000 }; /* multiplications: three times what makes the driver use threads */

    l->n = 1 + samc_check_size(check, 600);
    l->k = 1 + samc_check_size(check, 2300);
    l->m = 1 + samc_check_size(check, 250);
    if (l->m * l->n * l->k > MOST)
        l->m = 1 + MOST / (l->n * l->k);
    l->x_stride = samc_check_stride(check, l->k);
    l->y_stride = samc_check_stride(check, l->n);
    l->act = (samc_activation)samc_check_whole(check, 0, 2);
    l->in_place = samc_check_whole(check, 0, 2) == 0;
    if (l->in_place)
        l->act = SAMC_ACT_NONE;
    l->residual_stride = l->in_place ? l->y_stride : samc_check_stride(check, l->n);
    l->x = samc_check_input(check, l->m, l->k, l->x_stride);
    l->weight = samc_check_input(check, l->n, l->k, l->k);
    l->bias = samc_check_whole(check, 0, 3) ? samc_check_input(check, 1, l->n, l->n) : NULL;
    l->residual = samc_check_whole(check, 0, 1) || l->in_place
                      ? samc_check_input(check, l->m, l->n, l->residual_stride)
                      : NULL;
    samc_check_shape(check,
                     "m %lld, n %lld, k %lld, strides %lld %lld %lld, activation %d, bias %d, "
                     "residual %d, in place %d",
                     (long long)l->m, (long long)l->n, (long long)l->k, (long long)l->x_stride,
                     (long long)l->residual_stride, (long long)l->y_stride, (int)l->act,
                     l->bias != NULL, l->residual != NULL, l->in_place);
    for (int t = 0; t < SAMC_CHECK_THREADS; t++)
        l->y[t] = samc_check_output(check, l->m, l->n, l->y_stride);
    l->portable = samc_check_scratch(l->m * l->y_stride, sizeof(float));
    l->reference = samc_check_scratch(l->m * l->n, sizeof *l->reference);
    l->tolerance = samc_check_scratch(l->m * l->n, sizeof *l->tolerance);
}

/* The bound of a sum of k products (see products.c), with a rounding more for every cut of k; then
 * bias, activation (slope <= 1.13) and residual as in rows.c; a residual in place is there from the
 * first cut on. */
static void solve(const layer *l)
{
    for (int64_t i = 0; i < l->m * l->n; i++) {
        const int64_t row = i / l->n, column = i % l->n;
        const double r = l->residual ? (double)l->residual[row * l->residual_stride + column] : 0.0;
        double sum = l->bias ? (double)l->bias[column] : 0.0, size = fabs(sum);

        for (int64_t j = 0; j < l->k; j++) {
            const double term = (double)l->x[row * l->x_stride + j] *
                                (double)l->weight[column * l->k + j];

            sum += term;
            size += fabs(term);
        }
        l->reference[i] = samc_check_activated(sum, l->act) + r;
        l->tolerance[i] = samc_check_activation_error(sum, l->act) +
                          SAMC_CHECK_HALF_ULP *
                              (1.2 * (double)(l->k + l->k / SAMC_GEMM_MAX_K + 4) * size +
                               fabs(sum) + (1.0 + (double)(l->k / SAMC_GEMM_MAX_K)) * fabs(r));
    }
}

/* Runs the layer into `y` by `call`'s kernels, which the weights are packed for. */
static void run(const layer *l, const samc_call *call, float *y)
{
    const float *residual = l->in_place ? y : l->residual;
    samc_linear linear = {0, 0, NULL, NULL};
    samc_error error;

    if (l->in_place)
        for (int64_t i = 0; i < l->m; i++)
            memcpy(y + i * l->y_stride, l->residual + i * l->residual_stride,
                   (size_t)l->n * sizeof *y);
    samc_check_need(
        samc_linear_pack(call->kernels, l->weight, l->n, l->k, l->k, 1, l->bias, &linear, &error),
        &error);
    samc_check_need(samc_linear_run(call, &linear, l->m, l->x, l->x_stride, l->act, residual,
                                    l->residual_stride, y, l->y_stride, &error),
                    &error);
    samc_linear_free(&linear);
}

void samc_check_linear(samc_check *check)
{
    const samc_call portable = {&samc_kernels_portable, NULL, &check->arena, NULL};
    layer l = {0};

    set_up(check, &l);
    solve(&l);
    samc_check_seal(check);
    run(&l, &portable, l.portable);
    for (int t = 0; t < SAMC_CHECK_THREADS; t++) {
        const samc_call call = samc_check_call(check, t);

        run(&l, &call, l.y[t]);
        for (int64_t i = 0; i < l.m; i++)
            samc_check_same(check, "y by more threads", l.y[t] + i * l.y_stride,
                            l.y[0] + i * l.y_stride, l.n);
    }
    samc_check_near(check, &(samc_check_values){"y", l.y[0], l.reference, l.portable, l.tolerance,
                                                l.m, l.n, l.y_stride});
    samc_check_result(check, l.y[0], l.m, l.n, l.y_stride);
    free(l.portable);
    free(l.reference);
    free(l.tolerance);
}

/* A matrix given by rows or by columns: every element in its panel, zeros beyond the last. */
void samc_check_linear_pack(samc_check *check)
{
    const int64_t nr = check->kernels->gemm_nr;
    const int64_t n = 1 + samc_check_size(check, 150), k = 1 + samc_check_size(check, 300);
    const int by_columns = (int)samc_check_whole(check, 0, 1);
    const int64_t row = by_columns ? 1 : k, column = by_columns ? n : 1;
    const int64_t first_k = samc_check_whole(check, 0, k - 1), count = (n + nr - 1) / nr;
    const float *weight = samc_check_input(check, 1, n * k, n * k);
    const float *bias = samc_check_whole(check, 0, 1) ? samc_check_input(check, 1, n, n) : NULL;
    float *expected = samc_check_scratch(count * k * nr, sizeof *expected);
    samc_linear linear = {0, 0, NULL, NULL};
    samc_panels panels;
    samc_error error;

    samc_check_shape(check, "n %lld, k %lld, by columns %d, bias %d", (long long)n, (long long)k,
                     by_columns, bias != NULL);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < k; j++)
            expected[(i / nr * k + j) * nr + i % nr] = weight[i * row + j * column];
    samc_check_seal(check);
    samc_check_need(
        samc_linear_pack(check->kernels, weight, n, k, row, column, bias, &linear, &error), &error);
    if (linear.n != n || linear.k != k || (linear.bias == NULL) != (bias == NULL))
        samc_check_fail(check, "the packed layer has %lld outputs and %lld inputs",
                        (long long)linear.n, (long long)linear.k);
    samc_check_same(check, "panels", linear.panels, expected, count * k * nr);
    if (bias && linear.bias)
        samc_check_same(check, "bias", linear.bias, bias, n);
    panels = samc_linear_panels(check->kernels, &linear, first_k);
    for (int64_t i = 0; i < n; i += nr)
        samc_check_same(check, "row first_k of the panels",
                        panels.data + i / nr * panels.panel_stride,
                        expected + (i / nr * k + first_k) * nr, nr);
    samc_linear_free(&linear);
    free(expected);
}

/* A norm within a layer gives the bits of a norm before it. */
void samc_check_linear_normed(samc_check *check)
{
    const int64_t m = 1 + samc_check_size(check, 200), n = 1 + samc_check_size(check, 200);
    const int64_t k = 1 + samc_check_size(check, 1500), x_stride = samc_check_stride(check, k);
    const int64_t y_stride = samc_check_stride(check, n);
    const samc_activation act = (samc_activation)samc_check_whole(check, 0, 2);
    const float *x = samc_check_input(check, m, k, x_stride);
    const float *weight = samc_check_input(check, 1, k, k),
                *bias = samc_check_input(check, 1, k, k);
    const float *w = samc_check_input(check, n, k, k), *b = samc_check_input(check, 1, n, n);
    float *y = samc_check_output(check, m, n, y_stride);
    float *normed = samc_check_scratch(m * k, sizeof *normed);
    float *expected = samc_check_scratch(m * n, sizeof *expected);
    samc_linear linear = {0, 0, NULL, NULL};
    samc_error error;

    samc_check_shape(check, "m %lld, n %lld, k %lld", (long long)m, (long long)n, (long long)k);
    samc_check_need(samc_linear_pack(check->kernels, w, n, k, k, 1, b, &linear, &error), &error);
    samc_check_seal(check);
    for (int t = 0; t < SAMC_CHECK_THREADS; t++) {
        const samc_call call = samc_check_call(check, t);

        for (int64_t i = 0; i < m; i++)
            check->kernels->layer_norm(x + i * x_stride, k, weight, bias, 1e-6f, normed + i * k);
        samc_check_need(
            samc_linear_run(&call, &linear, m, normed, k, act, NULL, 0, expected, n, &error),
            &error);
        samc_check_need(samc_linear_normed(&call, &linear, weight, bias, 1e-6f, m, x, x_stride, act,
                                           y, y_stride, &error),
                        &error);
        for (int64_t i = 0; i < m; i++)
            samc_check_same(check, "y", y + i * y_stride, expected + i * n, n);
    }
    samc_check_result(check, y, m, n, y_stride);
    samc_linear_free(&linear);
    free(normed);
    free(expected);
}

void samc_check_layer_norm_run(samc_check *check)
{
    const int64_t m = samc_check_size(check, 150), n = 1 + samc_check_size(check, 200);
    const float *x = samc_check_input(check, m, n, n);
    const float *weight = samc_check_input(check, 1, n, n),
                *bias = samc_check_input(check, 1, n, n);
    float *y[SAMC_CHECK_THREADS];
    double *reference = samc_check_scratch(m * n, sizeof *reference);
    double *tolerance = samc_check_scratch(m * n, sizeof *tolerance);

    samc_check_shape(check, "m %lld, n %lld", (long long)m, (long long)n);
    for (int t = 0; t < SAMC_CHECK_THREADS; t++)
        y[t] = samc_check_output(check, m, n, n);
    for (int64_t i = 0; i < m; i++)
        samc_check_norm(n, x + i * n, weight, bias, 1e-6f, reference + i * n, tolerance + i * n);
    samc_check_seal(check);
    for (int t = 0; t < SAMC_CHECK_THREADS; t++) {
        const samc_call call = samc_check_call(check, t);

        if (t == SAMC_CHECK_THREADS - 1) { /* in place */
            memcpy(y[t], x, (size_t)(m * n) * sizeof *x);
            samc_layer_norm_run(&call, m, n, y[t], weight, bias, 1e-6f, y[t]);
        } else {
            samc_layer_norm_run(&call, m, n, x, weight, bias, 1e-6f, y[t]);
        }
        samc_check_same(check, "y by more threads", y[t], y[0], m * n);
    }
    samc_check_near(check, &(samc_check_values){"y", y[0], reference, NULL, tolerance, m, n, n});
    samc_check_result(check, y[0], m, n, n);
    free(reference);
    free(tolerance);
}
