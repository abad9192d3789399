/* SPDX-License-Identifier: Apache-2.0
 *
 * kernel_check: tests every entry of every kernel table of this CPU, and the drivers over them.
 *
 *   kernel_check [--path NAME] [--entry NAME] [--seed N] [--trials N]
 *   kernel_check --bench [--path NAME] [--entry NAME]
 *
 * Exit code: 0 all is well, 1 something failed, 2 wrong usage, 77 this CPU or build lacks the path.
 */
#include "check.h"

#include "kernels/paths.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SKIPPED = 77, FAILED_TRIALS = 3 };

/* Rounds are chosen so that all of one path takes a few seconds. */
static const samc_check_entry entries[] = {
    {"pack_a", samc_check_pack_a, NULL, 150},
    {"gemm", samc_check_gemm, NULL, 300},
    {"gemm_rows", samc_check_gemm_rows, NULL, 300},
    {"epilogue", samc_check_epilogue, samc_check_gelu_scan, 400},
    {"layer_norm", samc_check_layer_norm, samc_check_layer_norm_constant, 400},
    {"softmax_step", samc_check_softmax_step, samc_check_softmax_limits, 400},
    {"softmax_grid", samc_check_softmax_grid, NULL, 300},
    {"scale", samc_check_scale, NULL, 200},
    {"slope", samc_check_slope, NULL, 300},
    {"layer_norm_grad", samc_check_layer_norm_grad, NULL, 300},
    {"bf16_product_of", samc_check_bf16_product, NULL, 30},
    {"fma_loop", samc_check_fma_loop, NULL, 20},
    {"softmax_columns", samc_check_softmax_columns, NULL, 200},
    {"norm_columns", samc_check_norm_columns, NULL, 100},
    {"gelu_product", samc_check_gelu_product, NULL, 100},
    {"dot_columns", samc_check_dot_columns, NULL, 200},
    {"scale_columns", samc_check_scale_columns, NULL, 200},
    {"blend_columns", samc_check_blend_columns, NULL, 200},
    {"transpose", samc_check_transpose, NULL, 200},
    {"interpolate", samc_check_interpolate, NULL, 200},
    {"left_times", samc_check_left, NULL, 100},
    {"product_of", samc_check_product, NULL, 30},
    {"linear_pack", samc_check_linear_pack, NULL, 40},
    {"linear_run", samc_check_linear, NULL, 30},
    {"linear_normed", samc_check_linear_normed, NULL, 20},
    {"layer_norm_run", samc_check_layer_norm_run, NULL, 30},
    {"attention_run", samc_check_attention, NULL, 20},
    {"window_attention_run", samc_check_window_attention, samc_check_window_shapes, 20},
};
#define N_ENTRIES (sizeof entries / sizeof entries[0])

typedef struct options {
    const char *entry, *path;
    uint64_t seed;
    int trials; /* 0: as many as each entry has rounds */
    int bench;
} options;

#ifdef SAMC_HAVE_EMULATION
extern const samc_kernels samc_kernels_avx512_emulated;
#endif

/* The i-th table to be tested and its name: those of this CPU, and the emulated one, which is made
 * of AVX2 instructions, where those are to be had. */
static const samc_kernels *path_at(size_t index, const char **name)
{
    size_t n = 0;

    for (const samc_kernels *k; (k = samc_kernels_at(n)) != NULL; n++)
        if (n == index) {
            *name = k->name;
            return k;
        }
#ifdef SAMC_HAVE_EMULATION
    {
        const samc_kernels *avx2;

        if (index == n && samc_kernels_select("avx2", &avx2, NULL) == SAMC_OK) {
            *name = "avx512_emulated";
            return &samc_kernels_avx512_emulated;
        }
    }
#endif
    return NULL;
}

/* One seed with its buffers at every place; the answers must be the same bits. */
static void run_trial(samc_check *check, const samc_check_entry *entry, uint64_t seed)
{
    static const samc_check_place places[] = {SAMC_AT_END, SAMC_AT_BEGIN, SAMC_BETWEEN};
    uint64_t hash = 0;

    for (int i = 0; i < 3; i++) {
        samc_check_begin(check, seed, places[i]);
        entry->trial(check);
        if (i > 0 && check->hash != hash)
            samc_check_fail(check, "the answer depends on where the buffers lie");
        hash = check->hash;
        samc_check_end(check);
    }
}

/* All of one entry; returns how many trials failed. */
static int run_entry(samc_check *check, const samc_check_entry *entry, const options *o)
{
    const int rounds = o->trials ? o->trials : entry->rounds;
    int failed = 0;

    check->entry = entry->name;
    check->worst = 0.0;
    for (int i = 0; i < rounds && failed < FAILED_TRIALS; i++) {
        check->failures = 0;
        run_trial(check, entry, o->seed + (uint64_t)i);
        failed += check->failures > 0;
    }
    if (entry->once) {
        check->failures = 0;
        samc_check_begin(check, o->seed, SAMC_AT_END);
        entry->once(check);
        samc_check_end(check);
        failed += check->failures > 0;
    }
    (void)printf("%s %s of %s: %d trials", failed ? "FAIL" : "ok  ", entry->name, check->path,
                 rounds);
    if (check->worst > 0.0)
        (void)printf(", largest error %.2g of what is allowed", check->worst);
    (void)printf("\n");
    (void)fflush(stdout);
    return failed;
}

/* Every function of the table must have its test and say whose it is; what is tested is timed. */
static int check_table(const samc_kernels *kernels, const char *name)
{
    const char *entry, *owner;
    int failed = 0;

    for (size_t e = 0; e < N_ENTRIES; e++)
        if (!samc_check_bench_has(entries[e].name)) {
            (void)printf("FAIL %s: nothing times it; add it to tests/kernels/bench.c\n",
                         entries[e].name);
            failed++;
        }
    for (size_t i = 0; (entry = samc_kernels_entry(kernels, i, &owner)) != NULL; i++) {
        size_t e = 0;

        while (e < N_ENTRIES && strcmp(entries[e].name, entry) != 0)
            e++;
        if (e == N_ENTRIES) {
            (void)printf("FAIL %s: nothing tests it; add it to tests/kernels\n", entry);
            failed++;
        }
        if (kernels == &samc_kernels_portable && strcmp(owner, "portable") != 0) {
            (void)printf("FAIL %s of %s is said to be %s's\n", entry, name, owner);
            failed++;
        }
        if (strcmp(owner, "portable") == 0 && kernels != &samc_kernels_portable)
            (void)printf("     %s of %s is the portable one\n", entry, name);
    }
    return failed;
}

static int run_path(samc_check *check, const options *o)
{
    int failed = check_table(check->kernels, check->path);

    for (size_t i = 0; i < N_ENTRIES; i++)
        if (!o->entry || strcmp(o->entry, entries[i].name) == 0)
            failed += run_entry(check, &entries[i], o);
    return failed;
}

static int usage(void)
{
    (void)fprintf(stderr, "usage: kernel_check [--bench] [--path NAME] [--entry NAME] [--seed N] "
                          "[--trials N]\nentries:");
    for (size_t i = 0; i < N_ENTRIES; i++)
        (void)fprintf(stderr, " %s", entries[i].name);
    (void)fprintf(stderr, "\n");
    return 2;
}

static int parse(int argc, char **argv, options *o)
{
    size_t e = 0;

    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;

        if (strcmp(argv[i], "--bench") == 0) {
            o->bench = 1;
            continue;
        }
        if (!value)
            return 0;
        i++;
        if (strcmp(argv[i - 1], "--entry") == 0)
            o->entry = value;
        else if (strcmp(argv[i - 1], "--path") == 0)
            o->path = value;
        else if (strcmp(argv[i - 1], "--seed") == 0)
            o->seed = (uint64_t)strtoull(value, NULL, 0);
        else if (strcmp(argv[i - 1], "--trials") == 0)
            o->trials = (int)strtol(value, NULL, 10);
        else
            return 0;
    }
    while (o->entry && e < N_ENTRIES && strcmp(entries[e].name, o->entry) != 0)
        e++;
    return e < N_ENTRIES;
}

int main(int argc, char **argv)
{
    options o = {NULL, NULL, 1, 0, 0};
    samc_check check = {0};
    samc_error error;
    int failed = 0, found = 0;

    if (!parse(argc, argv, &o))
        return usage();
    samc_check_catch_faults();
    for (int i = 0; i < SAMC_CHECK_THREADS; i++)
        samc_check_need(samc_threads_create(i + 1, &check.threads[i], &error), &error);
    for (size_t i = 0; (check.kernels = path_at(i, &check.path)) != NULL; i++) {
        if (o.path && strcmp(o.path, check.path) != 0)
            continue;
        if (o.bench && !o.path && !samc_kernels_at(i))
            continue; /* the time of an emulation says nothing, unless asked for */
        found++;
        if (o.bench)
            samc_check_bench(o.entry, check.path, check.kernels);
        else
            failed += run_path(&check, &o);
    }
    for (int i = 0; i < SAMC_CHECK_THREADS; i++)
        samc_threads_free(check.threads[i]);
    samc_arena_free(&check.arena);
    if (!found) {
        (void)printf("skipped: this CPU or build has no path \"%s\"\n", o.path ? o.path : "");
        return SKIPPED;
    }
    if (failed)
        (void)printf("kernel_check: %d failed\n", failed);
    return failed ? 1 : 0;
}
