/* SPDX-License-Identifier: Apache-2.0
 *
 * The drivers of kernels/attention.h, against attention written out in double: every logit, every
 * padding key and every distance by itself.
 */
#include "check.h"

#include "kernels/attention.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------------- one query in double */

/* A query and what it attends to. */
typedef struct scene {
    int64_t head_dim, n_keys;
    const float *q;
    const float **keys, **values; /* [n_keys] */
    /* Rows of the tables for the distances to each key, [n_keys]; NULL: no bias. */
    const float **rel_h, **rel_w;
    double *weights; /* [n_keys], scratch */
} scene;

static double dot(const float *a, const float *b, int64_t n, double factor, double *size)
{
    double sum = 0.0;

    for (int64_t i = 0; i < n; i++) {
        const double term = factor * (double)a[i] * (double)b[i];

        sum += term;
        *size += fabs(term);
    }
    return sum;
}

/* A logit is a sum of d products, and its f32 is off by some sqrt(d) roundings of the sum of their
 * absolute values (a rounding is off by 0.6 of half an ulp on average; the strict bound, d, would
 * let more errors pass), plus a few for scale, bias and the subtraction of the largest logit. A
 * weight is then off by that and by exp's 1e-6, in numerator and denominator; sums over n keys add
 * sqrt(n) more. */
static void attend(const scene *s, double *out, double *tolerance)
{
    const double scale = 1.0 / sqrt((double)s->head_dim), u = SAMC_CHECK_HALF_ULP;
    double highest = -INFINITY, total = 0.0, size = 0.0, value = 0.0, off;

    for (int64_t i = 0; i < s->n_keys; i++) {
        double of_key = 0.0, logit = dot(s->q, s->keys[i], s->head_dim, scale, &of_key);

        if (s->rel_h) {
            logit += dot(s->q, s->rel_h[i], s->head_dim, 1.0, &of_key);
            logit += dot(s->q, s->rel_w[i], s->head_dim, 1.0, &of_key);
        }
        s->weights[i] = logit;
        highest = fmax(highest, logit);
        size = fmax(size, of_key);
    }
    for (int64_t i = 0; i < s->n_keys; i++) {
        s->weights[i] = exp(s->weights[i] - highest);
        total += s->weights[i];
    }
    for (int64_t d = 0; d < s->head_dim; d++) {
        out[d] = 0.0;
        for (int64_t i = 0; i < s->n_keys; i++) {
            out[d] += s->weights[i] / total * (double)s->values[i][d];
            value = fmax(value, fabs((double)s->values[i][d]));
        }
    }
    off = 1e-6 + (sqrt((double)s->head_dim) + 4.0) * u * size;
    for (int64_t d = 0; d < s->head_dim; d++)
        tolerance[d] = value * (2.0 * off + (sqrt((double)s->n_keys) + 4.0) * u);
}

static void take_scene(scene *s, int64_t head_dim, int64_t n_keys)
{
    *s = (scene){.head_dim = head_dim, .n_keys = n_keys};
    s->keys = samc_check_scratch(n_keys, sizeof *s->keys);
    s->values = samc_check_scratch(n_keys, sizeof *s->values);
    s->weights = samc_check_scratch(n_keys, sizeof *s->weights);
}

static void free_scene(scene *s)
{
    free(s->keys);
    free(s->values);
    free(s->weights);
}

static int64_t some_head_dim(samc_check *check)
{
    static const int64_t sizes[] = {16, 20, 48, 64, 80};

    return samc_check_whole(check, 0, 3) ? sizes[samc_check_whole(check, 0, 4)]
                                         : 1 + samc_check_size(check, 90);
}

/* Compares the answers of all thread counts: the first with the reference, the others with it. */
static void compare(samc_check *check, float *const *out, const double *reference,
                    const double *tolerance, int64_t rows, int64_t width, int64_t stride)
{
    for (int t = 1; t < SAMC_CHECK_THREADS; t++)
        for (int64_t i = 0; i < rows; i++)
            samc_check_same(check, "out by more threads", out[t] + i * stride, out[0] + i * stride,
                            width);
    samc_check_near(check, &(samc_check_values){"out", out[0], reference, NULL, tolerance, rows,
                                                width, stride});
    samc_check_result(check, out[0], rows, width, stride);
}

/* ------------------------------------------------------------------------- plain attention */

static void solve_plain(const samc_attention *a, double *reference, double *tolerance)
{
    const int64_t width = a->heads * a->head_dim;
    scene s;

    take_scene(&s, a->head_dim, a->n_keys);
    for (int64_t h = 0; h < a->heads; h++) {
        for (int64_t i = 0; i < a->n_keys; i++) {
            s.keys[i] = a->k + i * a->k_stride + h * a->head_dim;
            s.values[i] = a->v + i * a->v_stride + h * a->head_dim;
        }
        for (int64_t i = 0; i < a->n_queries; i++) {
            s.q = a->q + i * a->q_stride + h * a->head_dim;
            attend(&s, reference + i * width + h * a->head_dim,
                   tolerance + i * width + h * a->head_dim);
        }
    }
    free_scene(&s);
}

void samc_check_attention(samc_check *check)
{
    const int64_t heads = samc_check_whole(check, 1, 3), head_dim = some_head_dim(check);
    const int64_t width = heads * head_dim;
    const double sharpness = samc_check_whole(check, 0, 2) ? 3.0 : 40.0;
    samc_attention a = {.heads = heads,
                        .head_dim = head_dim,
                        .n_queries = 1 + samc_check_size(check, 110),
                        .n_keys = 1 + samc_check_size(check, 600),
                        .q_stride = samc_check_stride(check, width),
                        .k_stride = samc_check_stride(check, width),
                        .v_stride = samc_check_stride(check, width),
                        .out_stride = samc_check_stride(check, width)};
    float *out[SAMC_CHECK_THREADS], *q;
    double *reference = samc_check_scratch(a.n_queries * width, sizeof *reference);
    double *tolerance = samc_check_scratch(a.n_queries * width, sizeof *tolerance);
    samc_error error;

    samc_check_shape(check, "%lld heads of %lld, %lld queries, %lld keys, sharpness %g",
                     (long long)heads, (long long)head_dim, (long long)a.n_queries,
                     (long long)a.n_keys, sharpness);
    a.q = q = samc_check_input(check, a.n_queries, width, a.q_stride);
    a.k = samc_check_input(check, a.n_keys, width, a.k_stride);
    a.v = samc_check_input(check, a.n_keys, width, a.v_stride);
    for (int64_t i = 0; i < a.n_queries * width; i++)
        q[i / width * a.q_stride + i % width] *= (float)sharpness;
    for (int t = 0; t < SAMC_CHECK_THREADS; t++)
        out[t] = samc_check_output(check, a.n_queries, width, a.out_stride);
    solve_plain(&a, reference, tolerance);
    samc_check_seal(check);
    for (int t = 0; t < SAMC_CHECK_THREADS; t++) {
        const samc_call call = samc_check_call(check, t);

        a.out = out[t];
        samc_check_need(samc_attention_run(&call, &a, &error), &error);
    }
    compare(check, out, reference, tolerance, a.n_queries, width, a.out_stride);
    free(reference);
    free(tolerance);
}

/* ------------------------------------------------------------------------- window attention */

/* The attention of the query at (y, x), head h. The tables are [2 * window - 1][head_dim]. */
static void solve_query(const samc_window_attention *w, const float *table_h, const float *table_w,
                        scene *s, int64_t y, int64_t x, int64_t h, double *out, double *tolerance)
{
    const int64_t dim = w->heads * w->head_dim, window = w->window;
    const int64_t top = y / window * window, left = x / window * window;

    s->q = w->qkv + (y * w->grid + x) * 3 * dim + h * w->head_dim;
    for (int64_t i = 0; i < window * window; i++) {
        const int64_t ky = top + i / window, kx = left + i % window;
        const float *token = ky < w->grid && kx < w->grid ? w->qkv + (ky * w->grid + kx) * 3 * dim
                                                          : w->padding;

        s->keys[i] = token + dim + h * w->head_dim;
        s->values[i] = token + 2 * dim + h * w->head_dim;
        s->rel_h[i] = table_h + (y - ky + window - 1) * w->head_dim;
        s->rel_w[i] = table_w + (x - kx + window - 1) * w->head_dim;
    }
    attend(s, out, tolerance);
}

static void solve_windows(const samc_window_attention *w, const float *table_h,
                          const float *table_w, double *reference, double *tolerance)
{
    const int64_t keys = w->window * w->window;
    scene s;

    take_scene(&s, w->head_dim, keys);
    s.rel_h = samc_check_scratch(keys, sizeof *s.rel_h);
    s.rel_w = samc_check_scratch(keys, sizeof *s.rel_w);
    for (int64_t i = 0; i < w->grid * w->grid; i++)
        for (int64_t h = 0; h < w->heads; h++) {
            const int64_t at = (i * w->heads + h) * w->head_dim;

            solve_query(w, table_h, table_w, &s, i / w->grid, i % w->grid, h, reference + at,
                        tolerance + at);
        }
    free(s.rel_h);
    free(s.rel_w);
    free_scene(&s);
}

/* Packs a table with its rows in reverse, as attention.h wants it. */
static void pack_table(const samc_check *check, const float *table, int64_t size, int64_t head_dim,
                       samc_linear *linear)
{
    float *reverse = samc_check_scratch(size * head_dim, sizeof *reverse);
    samc_error error;

    for (int64_t i = 0; i < size; i++)
        memcpy(reverse + i * head_dim, table + (size - 1 - i) * head_dim,
               (size_t)head_dim * sizeof *reverse);
    samc_check_need(samc_linear_pack(check->kernels, reverse, size, head_dim, head_dim, 1, NULL,
                                     linear, &error),
                    &error);
    free(reverse);
}

static void check_windows(samc_check *check, int64_t grid, int64_t window, int64_t heads,
                          int64_t head_dim)
{
    const int64_t dim = heads * head_dim, size = 2 * window - 1, tokens = grid * grid;
    samc_window_attention w = {
        .heads = heads, .head_dim = head_dim, .grid = grid, .window = window};
    samc_linear rel_h = {0, 0, NULL, NULL}, rel_w = {0, 0, NULL, NULL};
    double *reference = samc_check_scratch(tokens * dim, sizeof *reference);
    double *tolerance = samc_check_scratch(tokens * dim, sizeof *tolerance);
    const float *table_h = samc_check_input(check, size, head_dim, head_dim);
    const float *table_w = samc_check_input(check, size, head_dim, head_dim);
    float *out[SAMC_CHECK_THREADS];
    samc_error error;

    samc_check_shape(check, "grid %lld, window %lld, %lld heads of %lld", (long long)grid,
                     (long long)window, (long long)heads, (long long)head_dim);
    w.qkv = samc_check_input(check, tokens, 3 * dim, 3 * dim);
    w.padding = samc_check_input(check, 1, 3 * dim, 3 * dim);
    for (int t = 0; t < SAMC_CHECK_THREADS; t++)
        out[t] = samc_check_output(check, tokens, dim, dim);
    pack_table(check, table_h, size, head_dim, &rel_h);
    pack_table(check, table_w, size, head_dim, &rel_w);
    w.rel_h = &rel_h;
    w.rel_w = &rel_w;
    solve_windows(&w, table_h, table_w, reference, tolerance);
    samc_check_seal(check);
    for (int t = 0; t < SAMC_CHECK_THREADS; t++) {
        const samc_call call = samc_check_call(check, t);

        w.out = out[t];
        samc_check_need(samc_window_attention_run(&call, &w, &error), &error);
    }
    compare(check, out, reference, tolerance, tokens, dim, dim);
    samc_linear_free(&rel_h);
    samc_linear_free(&rel_w);
    free(reference);
    free(tolerance);
}

void samc_check_window_attention(samc_check *check)
{
    const int64_t grid = samc_check_whole(check, 1, 13);
    const int64_t window = samc_check_whole(check, 0, 2) ? samc_check_whole(check, 1, 9) : grid;

    check_windows(check, grid, window, samc_check_whole(check, 1, 3), some_head_dim(check));
}

/* The shapes of the model's sizes, global blocks that come in several blocks of keys (20, 32), one
 * that cannot be cut (17 x 17, odd), and windows larger than the grid. */
void samc_check_window_shapes(samc_check *check)
{
    static const struct {
        int64_t grid, window, heads, head_dim;
    } shapes[] = {{1, 1, 2, 16},   {1, 4, 1, 20},   {3, 5, 2, 48},   {10, 4, 2, 20},
                  {16, 8, 2, 48},  {14, 14, 2, 64}, {15, 14, 1, 80}, {14, 7, 1, 64},
                  {10, 10, 3, 20}, {16, 16, 1, 48}, {17, 17, 1, 16}, {20, 20, 1, 80},
                  {32, 32, 1, 16}, {29, 14, 1, 64}};
    const uint64_t seed = check->seed;

    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        samc_check_begin(check, seed + i, SAMC_AT_END);
        check_windows(check, shapes[i].grid, shapes[i].window, shapes[i].heads, shapes[i].head_dim);
        samc_check_end(check);
    }
}
