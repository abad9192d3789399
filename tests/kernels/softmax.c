/* SPDX-License-Identifier: Apache-2.0
 *
 * softmax_step: rows that come in one block or in several.
 */
#include "check.h"

#include "kernels/paths.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What kernels.h grants exp: this relative error above -87, any answer up to about 1e-38 below. */
#define EXP_ERROR 1e-6
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
    return exp(x) * (EXP_ERROR + 1.01 * blur + SAMC_CHECK_HALF_ULP * fabs(x)) + EXP_LEAST;
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
                                SAMC_CHECK_HALF_ULP * fabs(at->t[i] - r->reference_max);
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
        const double error = fabs(got - right) / right;

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
    (void)printf("     exp of %s: largest relative error %.3g, at %.9g\n", check->path, worst,
                 where);
    if (!(worst <= EXP_ERROR))
        samc_check_fail(check, "the relative error of exp(%.9g) is %.3g; %g is allowed", where,
                        worst, EXP_ERROR);
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
