/* SPDX-License-Identifier: Apache-2.0
 *
 * Times of the entries at the shapes that the model gives them, on one thread.
 */
#define _POSIX_C_SOURCE 200809L
#include "check.h"

#include "kernels/attention.h"
#include "kernels/bf16.h"
#include "kernels/left.h"
#include "kernels/product.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TIMES = 15 };

/* What is timed works on these, all filled with numbers between -1 and 1. */
typedef struct desk {
    samc_call call;
    samc_linear linear, rel_h, rel_w;
    samc_left left;       /* 56 x 256 */
    float *a, *b, *c, *d; /* each of DESK floats */
    double amount;        /* of the item that was run, where the path decides on it */
} desk;
#define DESK ((int64_t)1 << 21)

typedef struct bench_item {
    const char *entry, *shape;
    void (*run)(desk *d);
    int repeat;    /* runs a time, so that the clock is fine enough */
    double amount; /* of one run, in `unit`; 0: the desk's */
    const char *unit;
} bench_item;

static samc_panels panels_of(const desk *d, int64_t k)
{
    const int64_t nr = d->call.kernels->gemm_nr;

    return (samc_panels){d->b, nr, k * nr};
}

static void bench_pack_a(desk *d)
{
    d->call.kernels->pack_a(d->a, 768, 84, 256, d->c);
}

static void bench_gemm(desk *d)
{
    const samc_panels b = panels_of(d, 256);

    d->call.kernels->gemm(84, 512, 256, d->a, &b, d->c, 512, 1);
}

static void bench_gemm_rows(desk *d)
{
    const samc_panels b = panels_of(d, 256);

    d->call.kernels->gemm_rows(48, 64, 256, d->a, 256, &b, d->c, 64, 1);
}

static void bench_epilogue(desk *d)
{
    d->call.kernels->epilogue(d->c, 512, d->a, SAMC_ACT_GELU, NULL);
}

static void bench_layer_norm(desk *d)
{
    d->call.kernels->layer_norm(d->a, 768, d->b, d->d, 1e-6f, d->c);
}

static void bench_softmax_step(desk *d)
{
    float max = -INFINITY, sum = 0.0f;

    (void)d->call.kernels->softmax_step(d->c, 256, 0.125f, d->a, &max, &sum);
}

static void bench_softmax_grid(desk *d)
{
    const float *down[14], *along[14];
    float max[14], sum[14], correction[14];

    for (int i = 0; i < 14; i++) {
        down[i] = d->a;
        along[i] = d->b;
        max[i] = -INFINITY;
        sum[i] = 0.0f;
    }
    d->call.kernels->softmax_grid(d->c, 256, 14, 4, 64, 0.125f, down, along, max, sum, correction);
}

static void bench_scale(desk *d)
{
    d->call.kernels->scale(d->c, 64, 1.0f);
}

static void bench_slope(desk *d)
{
    d->call.kernels->slope(SAMC_ACT_GELU, d->a, d->b, 512, d->c);
}

static void bench_layer_norm_grad(desk *d)
{
    d->call.kernels->layer_norm_grad(d->a, d->b, 768, d->d, 1e-6f, d->c, 0, d->c + 768,
                                     d->c + 2 * 768);
}

static void bench_bf16(desk *d)
{
    const samc_product p = {.m = 512,
                            .n = 768,
                            .k = 768,
                            .a = d->a,
                            .a_row = 768,
                            .a_column = 1,
                            .c = d->c,
                            .c_stride = 768};
    samc_error error;

    samc_check_need(samc_bf16_product_of(&d->call, &p, d->b, 1, 768, &error), &error);
}

static void bench_fma_loop(desk *d)
{
    d->amount = (double)d->call.kernels->fma_loop(10000);
}

static void bench_softmax_columns(desk *d)
{
    d->call.kernels->softmax_columns(d->c, 272, 7, 256, 0.25f, d->a);
}

static void bench_norm_columns(desk *d)
{
    d->call.kernels->norm_columns(d->c, 272, 256, 256, d->a, d->b, d->d, 1e-5f, SAMC_ACT_NONE);
}

static void bench_norm_gelu_columns(desk *d)
{
    d->call.kernels->norm_columns(d->c, 64, 64, 64, d->a, d->b, d->d, 1e-6f, SAMC_ACT_GELU);
}

static void bench_gelu_product(desk *d)
{
    d->call.kernels->gelu_product(d->a, 64, 32, 64, d->b, d->d, 3, d->c, 1024);
}

static void bench_dot_columns(desk *d)
{
    d->call.kernels->dot_columns(d->a, d->b, 272, 112, 256, d->d, d->c, d->c);
}

static void bench_scale_columns(desk *d)
{
    d->call.kernels->scale_columns(d->c, 272, 112, 256, d->a);
}

static void bench_blend_columns(desk *d)
{
    d->call.kernels->blend_columns(d->a, d->b, 272, 128, 256, d->d, d->c, 272);
}

static void bench_transpose(desk *d)
{
    d->call.kernels->transpose(d->a, 272, 56, 256, d->c, 80);
}

static void bench_interpolate(desk *d)
{
    static int32_t low[1500];

    for (int32_t i = low[1499] ? 1500 : 0; i < 1500; i++)
        low[i] = i * 1023 / 1500;
    d->call.kernels->interpolate(d->a, low, d->b, 1500, d->c);
}

static void bench_linear(desk *d)
{
    samc_error error;

    samc_check_need(samc_linear_run(&d->call, &d->linear, 512, d->a, 768, SAMC_ACT_NONE, NULL, 0,
                                    d->c, 768, &error),
                    &error);
}

static void bench_linear_normed(desk *d)
{
    samc_error error;

    samc_check_need(samc_linear_normed(&d->call, &d->linear, d->b, d->d, 1e-6f, 512, d->a, 768,
                                       SAMC_ACT_GELU, d->c, 768, &error),
                    &error);
}

static void bench_linear_pack(desk *d)
{
    samc_linear linear;
    samc_error error;

    samc_check_need(
        samc_linear_pack(d->call.kernels, d->b, 768, 768, 768, 1, d->a, &linear, &error), &error);
    samc_linear_free(&linear);
}

static void bench_left(desk *d)
{
    samc_left_times(d->call.kernels, &d->left, 256, d->b, 256, d->c, 256, 0);
}

/* As the gradient of a weight: both factors are columns in memory. */
static void bench_product_of(desk *d)
{
    const samc_product p = {.m = 256,
                            .n = 256,
                            .k = 512,
                            .a = d->a,
                            .a_row = 1,
                            .a_column = 256,
                            .c = d->c,
                            .c_stride = 256};
    samc_error error;

    samc_check_need(samc_product_of(&d->call, &p, d->b, 256, 1, &error), &error);
}

static void bench_layer_norm_run(desk *d)
{
    samc_layer_norm_run(&d->call, 512, 768, d->a, d->b, d->d, 1e-6f, d->c);
}

static void bench_attention(desk *d)
{
    const samc_attention a = {2, 16, 64, 4096, d->a, d->b, d->d, 32, 32, 32, d->c, 32};
    samc_error error;

    samc_check_need(samc_attention_run(&d->call, &a, &error), &error);
}

static void bench_windows(desk *d)
{
    const samc_window_attention w = {4, 64, 28, 14, d->a, d->b, &d->rel_h, &d->rel_w, d->c};
    samc_error error;

    samc_check_need(samc_window_attention_run(&d->call, &w, &error), &error);
}

/* Operations as written: two a product, keys of a window times tokens times 2 x 2 x size. */
static const bench_item items[] = {
    {"pack_a", "84 x 256", bench_pack_a, 100, 2.0 * 4 * 84 * 256, "GB/s"},
    {"gemm", "84 x 512 x 256", bench_gemm, 4, 2.0 * 84 * 512 * 256, "GFLOP/s"},
    {"gemm_rows", "48 x 64 x 256", bench_gemm_rows, 40, 2.0 * 48 * 64 * 256, "GFLOP/s"},
    {"epilogue", "512, bias and GELU", bench_epilogue, 200, 512, "G values/s"},
    {"layer_norm", "768", bench_layer_norm, 400, 768, "G values/s"},
    {"softmax_step", "256 with bias", bench_softmax_step, 400, 256, "G values/s"},
    {"softmax_grid", "14 x 4 x 64", bench_softmax_grid, 40, 14 * 256, "G values/s"},
    {"scale", "64", bench_scale, 4000, 64, "G values/s"},
    {"slope", "512, GELU", bench_slope, 200, 512, "G values/s"},
    {"layer_norm_grad", "768", bench_layer_norm_grad, 400, 768, "G values/s"},
    {"bf16_product_of", "512 x 768 x 768", bench_bf16, 1, 2.0 * 512 * 768 * 768, "GFLOP/s"},
    {"fma_loop", "10000 rounds", bench_fma_loop, 10, 0, "GFLOP/s"},
    {"softmax_columns", "7 x 256", bench_softmax_columns, 100, 7 * 256, "G values/s"},
    {"norm_columns", "256 x 256", bench_norm_columns, 4, 256 * 256, "G values/s"},
    {"norm_columns", "64 x 64, GELU", bench_norm_gelu_columns, 40, 64 * 64, "G values/s"},
    {"gelu_product", "32 x 64, 3 products", bench_gelu_product, 100, 32 * 64, "G values/s"},
    {"dot_columns", "112 x 256", bench_dot_columns, 10, 112 * 256, "G values/s"},
    {"scale_columns", "112 x 256", bench_scale_columns, 10, 112 * 256, "G values/s"},
    {"blend_columns", "128 x 256", bench_blend_columns, 10, 128 * 256, "G values/s"},
    {"interpolate", "1500 from 1024", bench_interpolate, 40, 1500, "G values/s"},
    {"transpose", "56 x 256", bench_transpose, 40, 56 * 256, "G values/s"},
    {"left_times", "56 x 256 x 256", bench_left, 10, 2.0 * 56 * 256 * 256, "GFLOP/s"},
    {"product_of", "256 x 256 x 512", bench_product_of, 1, 2.0 * 256 * 256 * 512, "GFLOP/s"},
    {"linear_pack", "768 x 768", bench_linear_pack, 1, 2.0 * 4 * 768 * 768, "GB/s"},
    {"linear_run", "512 x 768 x 768", bench_linear, 1, 2.0 * 512 * 768 * 768, "GFLOP/s"},
    {"linear_normed", "512 x 768 x 768, GELU", bench_linear_normed, 1, 2.0 * 512 * 768 * 768,
     "GFLOP/s"},
    {"layer_norm_run", "512 x 768", bench_layer_norm_run, 2, 2.0 * 4 * 512 * 768, "GB/s"},
    {"attention_run", "64 x 4096, 2 heads of 16", bench_attention, 1, 4.0 * 64 * 4096 * 32,
     "GFLOP/s"},
    {"window_attention_run", "28 x 28 in 14s, 4 heads of 64", bench_windows, 1,
     4.0 * 28 * 28 * 196 * 256, "GFLOP/s"},
};

static double seconds(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void fill(samc_check *check, float *data)
{
    for (int64_t i = 0; i < DESK; i++)
        data[i] = samc_check_real(check, -1.0, 1.0);
}

static void time_item(desk *d, const bench_item *item, const char *path)
{
    double best = INFINITY;

    for (int i = 0; i < TIMES; i++) {
        const double begin = seconds();

        for (int j = 0; j < item->repeat; j++)
            item->run(d);
        best = fmin(best, (seconds() - begin) / item->repeat);
    }
    (void)printf("%-16s %-21s %-30s %9.2f us %8.2f %s\n", path, item->entry, item->shape,
                 1e6 * best, 1e-9 * (item->amount > 0 ? item->amount : d->amount) / best,
                 item->unit);
    (void)fflush(stdout);
}

int samc_check_bench_has(const char *entry)
{
    size_t i = 0;

    while (i < sizeof items / sizeof items[0] && strcmp(items[i].entry, entry) != 0)
        i++;
    return i < sizeof items / sizeof items[0];
}

void samc_check_bench(const char *entry, const char *path, const samc_kernels *kernels)
{
    samc_check numbers = {.state = 1};
    samc_arena arena = {NULL, NULL};
    desk d = {.call = {kernels, NULL, &arena, NULL}};
    samc_error error;

    d.a = samc_check_scratch(DESK, sizeof(float));
    d.b = samc_check_scratch(DESK, sizeof(float));
    d.c = samc_check_scratch(DESK, sizeof(float));
    d.d = samc_check_scratch(DESK, sizeof(float));
    samc_check_need(samc_threads_create(1, &d.call.threads, &error), &error);
    fill(&numbers, d.a);
    fill(&numbers, d.b);
    fill(&numbers, d.d);
    samc_check_need(samc_linear_pack(kernels, d.b, 768, 768, 768, 1, d.a, &d.linear, &error),
                    &error);
    samc_check_need(samc_left_new(kernels, 56, 256, d.a, 256, 1, &d.left, &error), &error);
    samc_check_need(samc_linear_pack(kernels, d.a, 27, 64, 64, 1, NULL, &d.rel_h, &error), &error);
    samc_check_need(samc_linear_pack(kernels, d.b, 27, 64, 64, 1, NULL, &d.rel_w, &error), &error);
    for (size_t i = 0; i < sizeof items / sizeof items[0]; i++)
        if (!entry || strcmp(entry, items[i].entry) == 0) {
            memcpy(d.c, d.a, (size_t)DESK * sizeof(float));
            time_item(&d, &items[i], path);
        }
    samc_left_free(&d.left);
    samc_linear_free(&d.linear);
    samc_linear_free(&d.rel_h);
    samc_linear_free(&d.rel_w);
    samc_threads_free(d.call.threads);
    samc_arena_free(&arena);
    free(d.a);
    free(d.b);
    free(d.c);
    free(d.d);
}
