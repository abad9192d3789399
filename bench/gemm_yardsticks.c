/* SPDX-License-Identifier: Apache-2.0
 *
 * gemm_yardsticks: linear layers of the model by samc's kernels, and by libraries that are there to
 * be measured against.
 *
 *   gemm_yardsticks [--json]
 *
 * The engines take turns, on all cores that this process may use; the fastest of several times
 * counts. Weights are packed beforehand where a library can. OpenBLAS chooses its kernels by the
 * CPU unless OPENBLAS_CORETYPE is set: do not set it.
 */
#define _POSIX_C_SOURCE 200809L
#include "yardstick.h"

#include "kernels/context.h"
#include "kernels/linear.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ------------------------------------------------------------------------------------- our own */

typedef struct product {
    samc_context *context;
    samc_arena arena;
    samc_linear linear;
    yardstick_shape shape;
    const float *x;
    float *y;
} product;

static void finish_ours(void *state)
{
    product *p = state;

    samc_linear_free(&p->linear);
    samc_arena_free(&p->arena);
    samc_context_free(p->context);
    free(p);
}

static void *prepare_ours(const yardstick_shape *s, const float *x, const float *w,
                          const float *bias, float *y)
{
    product *p = calloc(1, sizeof *p);

    if (!p)
        return NULL;
    p->shape = *s;
    p->x = x;
    p->y = y;
    if (samc_context_create(NULL, &p->context, NULL) == SAMC_OK &&
        samc_linear_pack(p->context->kernels, w, s->n, s->k, s->k, 1, bias, &p->linear, NULL) ==
            SAMC_OK)
        return p;
    finish_ours(p);
    return NULL;
}

static int run_ours(void *state)
{
    product *p = state;
    const samc_call call = {p->context->kernels, p->context->threads, &p->arena, NULL};

    return samc_linear_run(&call, &p->linear, p->shape.m, p->x, p->shape.k, SAMC_ACT_NONE, NULL, 0,
                           p->y, p->shape.n, NULL) == SAMC_OK;
}

const yardstick yardstick_samc = {"samc", prepare_ours, run_ours, finish_ours};

/* --------------------------------------------------------------------------------------- times */

static const yardstick *const engines[] = {
    &yardstick_samc,
#ifdef SAMC_HAVE_ONEDNN
    &yardstick_onednn,
#endif
#ifdef SAMC_HAVE_OPENBLAS
    &yardstick_openblas,
#endif
};
#define N_ENGINES (sizeof engines / sizeof engines[0])

/* One photo of 1024 x 1024 in vit_b and vit_h, and a projection of the mask decoder. */
static const yardstick_shape shapes[] = {
    {"vit_b qkv", 4096, 2304, 768},    {"vit_b proj, patches", 4096, 768, 768},
    {"vit_b mlp 1", 4096, 3072, 768},  {"vit_b mlp 2", 4096, 768, 3072},
    {"vit_h mlp 1", 4096, 5120, 1280}, {"vit_h mlp 2", 4096, 1280, 5120},
    {"neck 1 x 1", 4096, 256, 768},    {"neck 3 x 3", 4096, 256, 2304},
    {"decoder k, v", 4096, 128, 256},
};
#define N_SHAPES (sizeof shapes / sizeof shapes[0])

static double seconds(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Threads of another library that still spin for work would disturb the next one. */
static void let_threads_sleep(void)
{
    const struct timespec pause = {0, 50 * 1000 * 1000};

    (void)nanosleep(&pause, NULL);
}

static float *numbers(int64_t count, uint32_t state)
{
    float *values = malloc((size_t)count * sizeof *values);

    for (int64_t i = 0; values && i < count; i++) {
        state = state * 1664525u + 1013904223u;
        values[i] = (float)(state >> 8) * 0x1p-23f - 1.0f;
    }
    return values;
}

/* The largest difference of two answers; sums of k products of numbers below 1. */
static double difference(const float *a, const float *b, int64_t count)
{
    double most = 0.0;

    for (int64_t i = 0; i < count; i++)
        most = fmax(most, fabs((double)a[i] - (double)b[i]));
    return most;
}

/* At least 0.1 s and three runs; the fastest one. 0: it failed. */
static double fastest(const yardstick *engine, void *state)
{
    const double begin = seconds();
    double best = 0.0;

    if (!engine->run(state))
        return 0.0;
    for (int i = 0; i < 3 || seconds() - begin < 0.1; i++) {
        const double start = seconds();
        double taken;

        if (!engine->run(state))
            return 0.0;
        taken = seconds() - start;
        best = best == 0.0 || taken < best ? taken : best;
    }
    return best;
}

/* Times one layer; best[engine] stays 0 where an engine cannot. Returns 0 where answers differ. */
static int time_shape(const yardstick_shape *s, double best[N_ENGINES])
{
    enum { ROUNDS = 3 };
    float *x = numbers(s->m * s->k, 1), *w = numbers(s->n * s->k, 2), *bias = numbers(s->n, 3);
    float *y[N_ENGINES] = {NULL};
    void *state[N_ENGINES] = {NULL};
    int equal = x && w && bias;

    for (size_t e = 0; equal && e < N_ENGINES; e++) {
        y[e] = numbers(s->m * s->n, 4);
        state[e] = y[e] ? engines[e]->prepare(s, x, w, bias, y[e]) : NULL;
    }
    for (int round = 0; round < ROUNDS; round++)
        for (size_t e = 0; e < N_ENGINES; e++) {
            const double taken = state[e] ? fastest(engines[e], state[e]) : 0.0;

            if (taken > 0.0 && (best[e] == 0.0 || taken < best[e]))
                best[e] = taken;
            let_threads_sleep();
        }
    /* answers are about sqrt(k) / 3, rounding errors 1e-6 of that: this finds a wrong product, and
     * kernel_check the small errors of ours */
    for (size_t e = 1; e < N_ENGINES; e++)
        if (best[e] > 0.0 && difference(y[0], y[e], s->m * s->n) > 1e-4 * sqrt((double)s->k)) {
            (void)fprintf(stderr, "gemm_yardsticks: %s and %s differ for %s\n", engines[0]->name,
                          engines[e]->name, s->name);
            equal = 0;
        }
    for (size_t e = 0; e < N_ENGINES; e++) {
        if (state[e])
            engines[e]->finish(state[e]);
        free(y[e]);
    }
    free(x);
    free(w);
    free(bias);
    return equal;
}

static void print(const yardstick_shape *s, const double best[N_ENGINES], int json, int first)
{
    const double work = 2e-9 * (double)(s->m * s->n * s->k);

    if (json)
        (void)printf("%s{\"layer\":\"%s\",\"m\":%lld,\"n\":%lld,\"k\":%lld", first ? "" : ",",
                     s->name, (long long)s->m, (long long)s->n, (long long)s->k);
    else
        (void)printf("%-20s %5lld %5lld %5lld", s->name, (long long)s->m, (long long)s->n,
                     (long long)s->k);
    for (size_t e = 0; e < N_ENGINES; e++) {
        const double rate = best[e] > 0.0 ? work / best[e] : 0.0;

        if (json)
            (void)printf(",\"%s\":%.2f", engines[e]->name, rate);
        else
            (void)printf(" %9.1f", rate);
    }
    (void)printf(json ? "}" : "\n");
    (void)fflush(stdout);
}

int main(int argc, char **argv)
{
    const int json = argc == 2 && strcmp(argv[1], "--json") == 0;
    int equal = 1;

    if (argc > 1 && !json) {
        (void)fprintf(stderr, "usage: gemm_yardsticks [--json]\n");
        return 2;
    }
    if (json) {
        (void)printf("[");
    } else {
        (void)printf("GFLOP/s of linear layers\n%-20s %5s %5s %5s", "layer", "m", "n", "k");
        for (size_t e = 0; e < N_ENGINES; e++)
            (void)printf(" %9s", engines[e]->name);
        (void)printf("\n");
    }
    for (size_t i = 0; i < N_SHAPES; i++) {
        double best[N_ENGINES] = {0.0};

        equal &= time_shape(&shapes[i], best);
        print(&shapes[i], best, json, i == 0);
    }
    if (json)
        (void)printf("]\n");
    return equal ? 0 : 1;
}
