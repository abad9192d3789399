/* SPDX-License-Identifier: Apache-2.0
 *
 * softmax_step: rows that come in one block or in several; softmax_grid: several rows with a bias
 * that is a sum.
 */
#include "check.h"

#include "kernels/paths.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What kernels.h grants exp(d): the relative error EXP_ERROR + EXP_SLOPE |d| above -87, any answer
 * up to about 1e-38 below. */
#define EXP_ERROR 4e-7
#define EXP_SLOPE 8e-8
#define EXP_LEAST 2e-38
#define MOST_BLOCKS 4

typedef struct block {
    int64_t n;
    float *s;          /* [n] */
    const float *bias; /* [n] or NULL */
    float *portable;   /* [n], begins as s */
    double *t;         /* [n] scale * s + bias */
    double *blur;      /* [n] how far f32 may be from t */
    double correction; /* what the kernel returned */
} block;

typedef struct row {
    int n_blocks;
    float scale;
    block blocks[MOST_BLOCKS];
    float *max, *sum;
    float portable_max, portable_sum;
    double reference_max, max_blur, reference_sum, sum_tolerance;
} row;

/* `spread` around `centre`; no bias and a scale of 1 make t exact, however large. */
static void set_up_block(samc_check *check, const row *r, block *b, int has_bias, double centre,
                         double spread)
{
    b->n = samc_check_size(check, 400);
    b->n += b->n == 0;
    b->s = samc_check_inout(check, 1, b->n, b->n);
    b->bias = has_bias ? samc_check_input(check, 1, b->n, b->n) : NULL;
    b->portable = samc_check_scratch(b->n, sizeof *b->portable);
    b->t = samc_check_scratch(b->n, sizeof *b->t);
    b->blur = samc_check_scratch(b->n, sizeof *b->blur);
    for (int64_t i = 0; i < b->n; i++) {
        const double bias = has_bias ? (double)b->bias[i] : 0.0;

        b->s[i] = (float)(centre + spread * (double)b->s[i]);
        b->portable[i] = b->s[i];
        b->t[i] = (double)r->scale * (double)b->s[i] + bias;
        b->blur[i] = has_bias || r->scale != 1.0f
                         ? 2.0 * SAMC_CHECK_HALF_ULP * (fabs(b->t[i] - bias) + fabs(bias))
                         : 0.0;
    }
}

static void free_row(row *r)
{
    for (int i = 0; i < r->n_blocks; i++) {
        free(r->blocks[i].portable);
        free(r->blocks[i].t);
        free(r->blocks[i].blur);
    }
}

/* exp(x) where x may be off by `blur` and is itself the rounded difference of two floats. */
static double exp_tolerance(double x, double blur)
{
    return exp(x) * (EXP_ERROR + 1.01 * blur + (EXP_SLOPE + SAMC_CHECK_HALF_ULP) * fabs(x)) +
           EXP_LEAST;
}

/* Runs block `index` and compares all that the step leaves. */
static void step(samc_check *check, row *r, int index)
{
    block *b = &r->blocks[index];
    double *reference = samc_check_scratch(b->n, sizeof *reference);
    double *tolerance = samc_check_scratch(b->n, sizeof *tolerance);
    const double old = r->reference_max, old_blur = r->max_blur;
    double total = 0.0, slack = 0.0, correction, correction_tolerance;
    float one = 0.0f;

    for (int64_t i = 0; i < b->n; i++) {
        r->reference_max = fmax(r->reference_max, b->t[i]);
        r->max_blur = fmax(r->max_blur, b->blur[i]);
    }
    for (int64_t i = 0; i < b->n; i++) {
        reference[i] = exp(b->t[i] - r->reference_max);
        tolerance[i] = exp_tolerance(b->t[i] - r->reference_max, b->blur[i] + r->max_blur);
        total += reference[i];
        slack += tolerance[i];
    }
    correction = exp(old - r->reference_max);
    correction_tolerance = old == -INFINITY
                               ? 0.0
                               : exp_tolerance(old - r->reference_max, old_blur + r->max_blur);
    r->sum_tolerance = r->sum_tolerance * correction + r->reference_sum * correction_tolerance +
                       slack +
                       (double)(b->n + 3) * SAMC_CHECK_HALF_ULP *
                           (r->reference_sum * correction + total);
    r->reference_sum = r->reference_sum * correction + total;

    one = check->kernels->softmax_step(b->s, b->n, r->scale, b->bias, r->max, r->sum);
    b->correction = (double)one;
    (void)samc_kernels_portable.softmax_step(b->portable, b->n, r->scale, b->bias, &r->portable_max,
                                             &r->portable_sum);
    samc_check_near(
        check, &(samc_check_values){"s", b->s, reference, b->portable, tolerance, 1, b->n, b->n});
    samc_check_near(check, &(samc_check_values){"max", r->max, &r->reference_max, &r->portable_max,
                                                &r->max_blur, 1, 1, 1});
    samc_check_near(check, &(samc_check_values){"sum", r->sum, &r->reference_sum, &r->portable_sum,
                                                &r->sum_tolerance, 1, 1, 1});
    samc_check_near(check, &(samc_check_values){"correction", &one, &correction, NULL,
                                                &correction_tolerance, 1, 1, 1});
    samc_check_result(check, b->s, 1, b->n, b->n);
    samc_check_result(check, r->max, 1, 1, 1);
    samc_check_result(check, r->sum, 1, 1, 1);
    samc_check_result(check, &one, 1, 1, 1);
    free(reference);
    free(tolerance);
}

/* What the blocks leave together, rescaled by the corrections after each, is one softmax. */
static void compare_with_one_softmax(samc_check *check, const row *r)
{
    double later = 1.0;

    for (int b = r->n_blocks - 1; b >= 0; b--) {
        const block *at = &r->blocks[b];

        for (int64_t i = 0; i < at->n; i++) {
            const double weight = (double)at->s[i] * later / (double)*r->sum;
            const double right = exp(at->t[i] - r->reference_max) / r->reference_sum;
            const double blur = at->blur[i] + r->max_blur +
                                (EXP_SLOPE + SAMC_CHECK_HALF_ULP) *
                                    fabs(at->t[i] - r->reference_max);
            const double tolerance = right * (MOST_BLOCKS * EXP_ERROR + 2.0 * blur +
                                              r->sum_tolerance / r->reference_sum) +
                                     EXP_LEAST;

            if (!(fabs(weight - right) <= tolerance)) {
                samc_check_fail(check, "key %lld of block %d has the weight %.9g instead of %.9g",
                                (long long)i, b, weight, right);
                return;
            }
        }
        later *= at->correction;
    }
}

void samc_check_softmax_step(samc_check *check)
{
    static const double spreads[] = {0.0, 1.0, 5.0, 40.0, 300.0};
    static const double centres[] = {0.0, 3.0, -1000.0, -1e30, -3e38};
    const int has_bias = (int)samc_check_whole(check, 0, 1);
    const int wild = (int)samc_check_whole(check, 0, 3) == 0;
    row r = {.n_blocks = (int)samc_check_whole(check, 1, MOST_BLOCKS),
             .scale = wild ? 1.0f : samc_check_real(check, 0.05, 1.2),
             .portable_max = -INFINITY,
             .reference_max = -INFINITY};

    for (int i = 0; i < r.n_blocks; i++) {
        const double spread = spreads[samc_check_whole(check, 0, 4)];

        set_up_block(check, &r, &r.blocks[i], has_bias && !wild,
                     wild ? centres[samc_check_whole(check, 0, 4)] : 0.0, spread);
    }
    r.max = samc_check_inout(check, 1, 1, 1);
    r.sum = samc_check_inout(check, 1, 1, 1);
    *r.max = -INFINITY;
    *r.sum = 0.0f;
    samc_check_shape(check, "%d blocks, the first of %lld, scale %g, bias %d", r.n_blocks,
                     (long long)r.blocks[0].n, (double)r.scale, has_bias && !wild);
    samc_check_seal(check);
    for (int i = 0; i < r.n_blocks; i++)
        step(check, &r, i);
    compare_with_one_softmax(check, &r);
    free_row(&r);
}

/* ------------------------------------------------------------------------- limits */

/* exp(x[i]) for x <= 0, x[0] = 0: a step of scale 1 whose largest is 0. */
static void scan_exp(samc_check *check, float *x, int64_t n, double *worst, double *where)
{
    float *s = samc_check_scratch(n, sizeof *s);
    float max = -INFINITY, sum = 0.0f;

    memcpy(s, x, (size_t)n * sizeof *s);
    (void)check->kernels->softmax_step(s, n, 1.0f, NULL, &max, &sum);
    for (int64_t i = 0; i < n; i++) {
        const double right = exp((double)x[i]), got = (double)s[i];
        const double allowed = EXP_ERROR + EXP_SLOPE * fabs((double)x[i]);
        const double error = fabs(got - right) / right / allowed;

        if (x[i] >= -87.0f && !(error <= *worst)) {
            *worst = error;
            *where = (double)x[i];
        }
        if (x[i] < -87.0f && !(got >= 0.0 && got <= EXP_LEAST))
            samc_check_fail(check, "exp(%.9g) is %.9g; at most %g is allowed", (double)x[i], got,
                            EXP_LEAST);
    }
    free(s);
}

static void check_exp(samc_check *check)
{
    enum { STEPS = 1 << 20 };
    float *x = samc_check_scratch(STEPS, sizeof *x);
    double worst = 0.0, where = 0.0;

    samc_check_shape(check, "exp over [-100, 0] and far below");
    for (int i = 0; i < STEPS; i++)
        x[i] = (float)(-100.0 * i / (STEPS - 1));
    scan_exp(check, x, STEPS, &worst, &where);
    for (int i = 1; i < STEPS; i++) {
        const uint32_t bits = 0x80000000u | (uint32_t)i * (0x7f800000u / STEPS);

        memcpy(&x[i], &bits, sizeof bits); /* every exponent, down to the least float */
    }
    x[STEPS - 1] = -FLT_MAX;
    scan_exp(check, x, STEPS, &worst, &where);
    (void)printf("     exp of %s: largest relative error %.3g of what is allowed, at %.9g\n",
                 check->path, worst, where);
    if (!(worst <= 1.0))
        samc_check_fail(check, "the relative error of exp(%.9g) is %.3g of what is allowed", where,
                        worst);
    free(x);
}

/* n equal numbers: weights of exactly one, whatever the number. */
static void check_equal(samc_check *check, int64_t n, float number)
{
    float s[300], ones[300], max = -INFINITY, sum = 0.0f, correction;
    const float count = (float)n, zero = 0.0f, one = 1.0f;

    samc_check_shape(check, "%lld keys of %g", (long long)n, (double)number);
    for (int64_t i = 0; i < n; i++) {
        s[i] = number;
        ones[i] = 1.0f;
    }
    correction = check->kernels->softmax_step(s, n, 1.0f, NULL, &max, &sum);
    samc_check_same(check, "s", s, ones, n);
    samc_check_same(check, "max", &max, &number, 1);
    samc_check_same(check, "sum", &sum, &count, 1);
    samc_check_same(check, "first correction", &correction, &zero, 1);
    /* a later block that is no higher moves nothing */
    s[0] = number;
    correction = check->kernels->softmax_step(s, 1, 1.0f, NULL, &max, &sum);
    samc_check_same(check, "second correction", &correction, &one, 1);
    samc_check_same(check, "second max", &max, &number, 1);
    if ((double)sum != (double)n + 1.0)
        samc_check_fail(check, "the sum is %.9g after one more equal key", (double)sum);
}

void samc_check_softmax_limits(samc_check *check)
{
    static const int64_t counts[] = {1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 300};
    static const float numbers[] = {0.0f, 1.5f, -80.0f, -1e30f, 1e30f, -FLT_MAX, FLT_MAX};

    check_exp(check);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        for (size_t j = 0; j < sizeof numbers / sizeof numbers[0]; j++)
            check_equal(check, counts[i], numbers[j]);
}

/* ------------------------------------------------------------------------- softmax_grid */

/* Rows of scores with their biases. */
typedef struct grid {
    int64_t m, height, width, n, lds;
    float scale;
    float *s, *portable;           /* [m][n], stride lds: scores, and what they were */
    const float **down, **along;   /* [m] */
    float *max, *sum, *correction; /* [m] */
} grid;

static void set_up_grid(samc_check *check, grid *g)
{
    const float *down, *along;

    g->m = samc_check_whole(check, 1, 16);
    g->height = samc_check_whole(check, 1, 14);
    g->width = samc_check_whole(check, 0, 1) ? samc_check_whole(check, 1, 40)
                                             : 32 * samc_check_whole(check, 1, 2);
    g->n = g->height * g->width;
    g->lds = samc_check_stride(check, g->n);
    g->scale = samc_check_real(check, 0.05, 1.0);
    g->s = samc_check_inout(check, g->m, g->n, g->lds);
    g->down = samc_check_scratch(g->m, sizeof *g->down);
    g->along = samc_check_scratch(g->m, sizeof *g->along);
    down = samc_check_input(check, g->m, g->height, g->height);
    along = samc_check_input(check, g->m, g->width, g->width);
    for (int64_t i = 0; i < g->m; i++) {
        g->down[i] = down + i * g->height;
        g->along[i] = along + i * g->width;
        for (int64_t j = 0; j < g->n; j++)
            g->s[i * g->lds + j] *= 20.0f;
    }
    g->max = samc_check_inout(check, 1, g->m, g->m);
    g->sum = samc_check_inout(check, 1, g->m, g->m);
    g->correction = samc_check_output(check, 1, g->m, g->m);
    for (int64_t i = 0; i < g->m; i++) {
        const int first = samc_check_whole(check, 0, 1) == 0;

        g->max[i] = first ? -INFINITY : 10.0f * g->max[i];
        g->sum[i] = first ? 0.0f : 1.0f + fabsf(g->sum[i]);
    }
}

/* One row: what the step says in doubles, and how far f32 may be. */
static void check_grid_row(samc_check *check, const grid *g, int64_t i, double old, double old_sum)
{
    double *reference = samc_check_scratch(g->n, sizeof *reference);
    double *tolerance = samc_check_scratch(g->n, sizeof *tolerance);
    double top = old, blur = 0.0, sum = 0.0, slack = 0.0, correction, correction_tolerance;

    for (int64_t j = 0; j < g->n; j++) {
        const double product = (double)g->scale * (double)g->portable[i * g->lds + j];
        const double bias = (double)g->down[i][j / g->width] + (double)g->along[i][j % g->width];

        reference[j] = product + bias;
        blur = fmax(blur, 3.0 * SAMC_CHECK_HALF_ULP * (fabs(product) + fabs(bias)));
        top = fmax(top, reference[j]);
    }
    for (int64_t j = 0; j < g->n; j++) {
        const double d = reference[j] - top;

        reference[j] = exp(d);
        tolerance[j] = exp_tolerance(d, 2.0 * blur);
        sum += reference[j];
        slack += tolerance[j];
    }
    correction = exp(old - top);
    correction_tolerance = old == -INFINITY ? 0.0 : exp_tolerance(old - top, 2.0 * blur);
    slack += old_sum * correction_tolerance +
             (double)(g->n + 3) * SAMC_CHECK_HALF_ULP * (sum + old_sum * correction);
    sum += old_sum * correction;
    samc_check_near(check, &(samc_check_values){"s", g->s + i * g->lds, reference, NULL, tolerance,
                                                1, g->n, g->n});
    samc_check_near(check, &(samc_check_values){"max", &g->max[i], &top, NULL, &blur, 1, 1, 1});
    samc_check_near(check, &(samc_check_values){"sum", &g->sum[i], &sum, NULL, &slack, 1, 1, 1});
    samc_check_near(check, &(samc_check_values){"correction", &g->correction[i], &correction, NULL,
                                                &correction_tolerance, 1, 1, 1});
    free(reference);
    free(tolerance);
}

void samc_check_softmax_grid(samc_check *check)
{
    grid g = {0};
    float *old_max, *old_sum;

    set_up_grid(check, &g);
    samc_check_shape(check, "m %lld, height %lld, width %lld, lds %lld, scale %g", (long long)g.m,
                     (long long)g.height, (long long)g.width, (long long)g.lds, (double)g.scale);
    g.portable = samc_check_scratch(g.m * g.lds, sizeof *g.portable);
    old_max = samc_check_scratch(g.m, sizeof *old_max);
    old_sum = samc_check_scratch(g.m, sizeof *old_sum);
    for (int64_t i = 0; i < g.m; i++) {
        memcpy(g.portable + i * g.lds, g.s + i * g.lds, (size_t)g.n * sizeof *g.s);
        old_max[i] = g.max[i];
        old_sum[i] = g.sum[i];
    }
    check->kernels->softmax_grid(g.s, g.lds, g.m, g.height, g.width, g.scale, g.down, g.along,
                                 g.max, g.sum, g.correction);
    for (int64_t i = 0; i < g.m; i++)
        check_grid_row(check, &g, i, (double)old_max[i], (double)old_sum[i]);
    samc_check_result(check, g.s, g.m, g.n, g.lds);
    samc_check_result(check, g.max, 1, g.m, g.m);
    samc_check_result(check, g.sum, 1, g.m, g.m);
    samc_check_result(check, g.correction, 1, g.m, g.m);
    free(g.portable);
    free(old_max);
    free(old_sum);
    free(g.down);
    free(g.along);
}
