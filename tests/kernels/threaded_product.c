/* SPDX-License-Identifier: Apache-2.0
 *
 * The driver of kernels/product.h with factors that lie by rows or by columns; what it shares with
 * linear layers (bias, activation, residual) is tested in linear.c.
 */
#include "check.h"

#include "kernels/product.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A random [rows][columns] matrix: element (i, j) at the return + i * *row + j * *column, where the
 * longer of the strides may have a gap. */
static const float *some_matrix(samc_check *check, int64_t rows, int64_t columns, int64_t *row,
                                int64_t *column)
{
    const int by_columns = (int)samc_check_whole(check, 0, 1);
    const int64_t stride = samc_check_stride(check, by_columns ? rows : columns);

    *row = by_columns ? 1 : stride;
    *column = by_columns ? stride : 1;
    return by_columns ? samc_check_input(check, columns, rows, stride)
                      : samc_check_input(check, rows, columns, stride);
}

/* The bound is that of products.c, with a rounding more for every cut of k. */
static void solve(const samc_product *p, const float *b, int64_t b_row, int64_t b_column,
                  const float *before, double *reference, double *tolerance)
{
    for (int64_t i = 0; i < p->m * p->n; i++) {
        double sum = before ? (double)before[i / p->n * p->c_stride + i % p->n] : 0.0;
        double size = fabs(sum);

        for (int64_t l = 0; l < p->k; l++) {
            const double term = (double)p->a[i / p->n * p->a_row + l * p->a_column] *
                                (double)b[l * b_row + i % p->n * b_column];

            sum += term;
            size += fabs(term);
        }
        reference[i] = sum;
        tolerance[i] = (double)(p->k + p->k / SAMC_GEMM_MAX_K + 3) * SAMC_CHECK_HALF_ULP * size;
    }
}

void samc_check_product(samc_check *check)
{
    enum { MOST = 6000000 };
    samc_product p = {.n = 1 + samc_check_size(check, 600), .k = 1 + samc_check_size(check, 540)};
    const float *b;
    float *c[SAMC_CHECK_THREADS], *before;
    double *reference, *tolerance;
    int64_t b_row, b_column;
    samc_error error;

    p.m = 1 + samc_check_size(check, 250);
    if (p.m * p.n * p.k > MOST)
        p.m = 1 + MOST / (p.n * p.k);
    p.accumulate = (int)samc_check_whole(check, 0, 1);
    p.c_stride = samc_check_stride(check, p.n);
    p.a = some_matrix(check, p.m, p.k, &p.a_row, &p.a_column);
    b = some_matrix(check, p.k, p.n, &b_row, &b_column);
    before = samc_check_input(check, p.m, p.n, p.c_stride);
    samc_check_shape(check, "m %lld, n %lld, k %lld, a by %lld %lld, b by %lld %lld, accumulate %d",
                     (long long)p.m, (long long)p.n, (long long)p.k, (long long)p.a_row,
                     (long long)p.a_column, (long long)b_row, (long long)b_column, p.accumulate);
    reference = samc_check_scratch(p.m * p.n, sizeof *reference);
    tolerance = samc_check_scratch(p.m * p.n, sizeof *tolerance);
    for (int t = 0; t < SAMC_CHECK_THREADS; t++) {
        c[t] = samc_check_output(check, p.m, p.n, p.c_stride);
        for (int64_t i = 0; i < p.m && p.accumulate; i++)
            memcpy(c[t] + i * p.c_stride, before + i * p.c_stride, (size_t)p.n * sizeof *before);
    }
    solve(&p, b, b_row, b_column, p.accumulate ? before : NULL, reference, tolerance);
    samc_check_seal(check);
    for (int t = 0; t < SAMC_CHECK_THREADS; t++) {
        const samc_call call = samc_check_call(check, t);

        p.c = c[t];
        samc_check_need(samc_product_of(&call, &p, b, b_row, b_column, &error), &error);
        for (int64_t i = 0; i < p.m; i++)
            samc_check_same(check, "c by more threads", c[t] + i * p.c_stride,
                            c[0] + i * p.c_stride, p.n);
    }
    samc_check_near(
        check, &(samc_check_values){"c", c[0], reference, NULL, tolerance, p.m, p.n, p.c_stride});
    samc_check_result(check, c[0], p.m, p.n, p.c_stride);
    free(reference);
    free(tolerance);
}
