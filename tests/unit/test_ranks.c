/* SPDX-License-Identifier: Apache-2.0
 *
 * Ranks and reduce, with threads of this process for ranks: where MPI is missing, and under
 * sanitizers, it is the same code that meets, adds and stops. (By MPI: tests/ranks.)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "train/reduce.h"
#include "train/run.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RANKS 3
#define STARTED 256

/* What the ranks share. */
static pthread_barrier_t all_here;
static double sums[1024];
static float bucket[SAMC_REDUCE_BUCKET];

typedef struct table {
    samc_ranks ranks;
    float *started[STARTED];
    int32_t counts[STARTED];
    int n, fails_at; /* the call of `finish` that fails; 0: none */
    int finished;
} table;

/* A rank after the other adds its part; then all take the whole. */
static int sum(samc_ranks *ranks, double *values, int32_t n)
{
    for (int32_t turn = 0; turn < ranks->size; turn++) {
        for (int32_t i = 0; turn == ranks->rank && i < n; i++)
            sums[i] = values[i] + (turn ? sums[i] : 0.0);
        (void)pthread_barrier_wait(&all_here);
    }
    memcpy(values, sums, (size_t)n * sizeof *values);
    (void)pthread_barrier_wait(&all_here);
    return 0;
}

static int start(samc_ranks *ranks, float *values, int32_t n)
{
    table *t = (table *)ranks;

    assert_in_range(t->n, 0, STARTED - 1);
    t->started[t->n] = values;
    t->counts[t->n++] = n;
    return 0;
}

static int poll_nothing(samc_ranks *ranks)
{
    (void)ranks;
    return 0;
}

static int finish(samc_ranks *ranks)
{
    table *t = (table *)ranks;

    if (++t->finished == t->fails_at) {
        (void)snprintf(ranks->why, sizeof ranks->why, "the cable is out");
        return 1;
    }
    for (int b = 0; b < t->n; b++) {
        for (int32_t turn = 0; turn < ranks->size; turn++) {
            for (int32_t i = 0; turn == ranks->rank && i < t->counts[b]; i++)
                bucket[i] = t->started[b][i] + (turn ? bucket[i] : 0.0f);
            (void)pthread_barrier_wait(&all_here);
        }
        memcpy(t->started[b], bucket, (size_t)t->counts[b] * sizeof *bucket);
        (void)pthread_barrier_wait(&all_here);
    }
    t->n = 0;
    return 0;
}

/* Runs `rank` as each of `size` ranks and waits for all. */
static void together(table *tables, int32_t size, void *(*rank)(void *))
{
    pthread_t threads[RANKS];

    assert_int_equal(pthread_barrier_init(&all_here, NULL, (unsigned)size), 0);
    for (int32_t i = 0; i < size; i++) {
        tables[i].ranks = (samc_ranks){.rank = i,
                                       .size = size,
                                       .sum = sum,
                                       .start = start,
                                       .poll = poll_nothing,
                                       .finish = finish};
        assert_int_equal(pthread_create(&threads[i], NULL, rank, &tables[i]), 0);
    }
    for (int32_t i = 0; i < size; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    (void)pthread_barrier_destroy(&all_here);
}

/* ---------------------------------------------------------------------------- meeting */

static samc_error said[RANKS];
static double met[RANKS];
static int alike[RANKS][2];

static void *meet_rank(void *arg)
{
    table *t = arg;
    const int32_t i = t->ranks.rank;
    const uint64_t same[2] = {UINT64_MAX, 1};
    const uint64_t other[2] = {UINT64_MAX - (i == 2), 1}; /* no double tells these two apart */
    samc_status status = SAMC_OK;

    met[i] = i + 1;
    (void)samc_ranks_meet(&t->ranks, SAMC_OK, &met[i], 1, NULL);
    (void)samc_ranks_compare(&t->ranks, same, &alike[i][0], NULL);
    (void)samc_ranks_compare(&t->ranks, other, &alike[i][1], NULL);
    if (i > 0)
        status = SAMC_FAIL(&said[i], LIMIT, "words of %d: \xC3\xA9", (int)i);
    (void)samc_ranks_meet(&t->ranks, status, NULL, 0, &said[i]);
    return NULL;
}

static void test_all_hear_the_first_that_failed(void **state)
{
    static table tables[RANKS];

    (void)state;
    together(tables, RANKS, meet_rank);
    for (int i = 0; i < RANKS; i++) {
        assert_true(met[i] == 6.0);
        assert_int_equal(alike[i][0], 1);
        assert_int_equal(alike[i][1], 0);
        assert_int_equal(said[i].status, SAMC_ERROR_LIMIT);
        assert_string_equal(said[i].message, "rank 1: words of 1: \xC3\xA9");
    }
}

/* ---------------------------------------------------------------------------- buckets */

/* Every trained number sets out once, and only when its layer is done. */
static void test_buckets_set_out_as_layers_are_done(void **state)
{
    static table t = {.ranks = {.size = 1, .start = start, .poll = poll_nothing}};
    samc_tensors *tiny;
    samc_params params;
    samc_reduce *reduce;
    uint8_t *seen;
    int before = 0;

    (void)state;
    assert_int_equal(samc_tensors_open(SAMC_TEST_GOLDEN "/tiny.pth", &tiny, NULL), SAMC_OK);
    assert_int_equal(samc_params_load(tiny, NULL, &params, NULL), SAMC_OK);
    samc_tensors_close(tiny);
    seen = calloc((size_t)params.total, 1);
    assert_non_null(seen);
    assert_int_equal(samc_reduce_create(&params, &t.ranks, &reduce, NULL), SAMC_OK);
    for (int32_t layer = params.config.depth + 2; layer >= 0; layer--, before = t.n) {
        samc_reduce_layer(reduce, layer);
        assert_true(t.n > before);
        for (int b = before; b < t.n; b++)
            memset(seen + (t.started[b] - params.gradients), layer + 1, (size_t)t.counts[b]);
    }
    for (size_t i = 0; i < params.n_params; i++) {
        const samc_param *p = &params.list[i];
        const int is_encoder = strncmp(p->name, "image_encoder.", 14) == 0;
        const int32_t layer = is_encoder ? p->layer : params.config.depth + 2;

        for (int64_t k = 0; k < p->count; k++)
            assert_int_equal(seen[p->offset + k], p->trained ? layer + 1 : 0);
    }
    samc_reduce_free(reduce);
    samc_params_free(&params);
    free(seen);
}

/* ---------------------------------------------------------------------------- runs */

static const char recipe[] = "{\"sources\": [{\"type\": \"shapes\"}]}";
static char folder[64];
static int64_t stop_step;
static samc_status ended[RANKS];

/* One rank alone wants to stop. */
static int stop_at(void *user, const samc_run_tick *tick)
{
    const table *t = user;

    return tick->step == stop_step && (!t || t->ranks.rank == t->ranks.size - 1);
}

static samc_status run_in(const char *name, samc_ranks *ranks, int resume, samc_error *error)
{
    static const char *const settings[] = {"batch=6 masks=2 rounds=2 drop-path=0.3 warmup=2"};
    samc_context_options one = SAMC_CONTEXT_OPTIONS_INIT;
    char path[128];
    samc_run_options options = {.folder = path,
                                .from = SAMC_TEST_GOLDEN "/tiny.pth",
                                .resume = resume,
                                .seed = 4,
                                .settings = settings,
                                .n_settings = 1,
                                .row_steps = 1,
                                .save_steps = 2,
                                .recipe = recipe,
                                .tick = stop_at,
                                .user = ranks,
                                .ranks = ranks};
    samc_context *context;
    samc_status status;

    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    one.threads = 1;
    assert_int_equal(samc_context_create(&one, &context, NULL), SAMC_OK);
    assert_int_equal(
        samc_samples_open_text(recipe, "recipe", ".", NULL, NULL, &options.samples, NULL), SAMC_OK);
    status = samc_run(context, &options, error);
    samc_samples_free(options.samples);
    samc_context_free(context);
    return status;
}

static void *run_rank(void *arg)
{
    table *t = arg;
    const int32_t i = t->ranks.rank;

    ended[i] = run_in("many", &t->ranks, 0, &said[i]);
    return NULL;
}

static void load(const char *name, samc_params *params, int64_t step)
{
    samc_checkpoint_state at;
    samc_tensors *tensors;
    char path[128];

    (void)snprintf(path, sizeof path, "%s/%s/checkpoint.safetensors", folder, name);
    assert_int_equal(samc_tensors_open(path, &tensors, NULL), SAMC_OK);
    assert_int_equal(samc_checkpoint_restore(tensors, NULL, params, &at, NULL), SAMC_OK);
    samc_tensors_close(tensors);
    assert_int_equal(at.step, step);
}

static void remove_run(const char *name)
{
    static const char *const files[] = {"/checkpoint.safetensors",
                                        "/checkpoint.safetensors.previous", "/metrics.csv",
                                        "/report.html", ""};
    char path[192];

    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/%s%s", folder, name, files[i]);
        (void)remove(path);
    }
}

static void test_three_ranks_are_one(void **state)
{
    static table tables[RANKS];
    samc_params one, many;
    double apart = 0.0, length = 0.0;

    (void)state;
    stop_step = 3;
    assert_int_equal(run_in("one", NULL, 0, NULL), SAMC_OK);
    together(tables, RANKS, run_rank);
    for (int i = 0; i < RANKS; i++)
        assert_int_equal(ended[i], SAMC_OK);
    load("one", &one, 3);
    load("many", &many, 3);
    for (int64_t i = 0; i < one.total; i++) {
        const double d = (double)one.values[i] - (double)many.values[i];

        apart += d * d;
        length += (double)one.values[i] * (double)one.values[i];
    }
    assert_true(sqrt(apart / length) < 1e-5);
    samc_params_free(&one);
    samc_params_free(&many);
    remove_run("one");
    remove_run("many");
}

/* What was saved before stays. */
static void test_ranks_that_lose_each_other_are_apart(void **state)
{
    static table tables[RANKS];
    samc_params params;

    (void)state;
    stop_step = 100;
    for (int i = 0; i < RANKS; i++)
        tables[i].fails_at = 4;
    together(tables, RANKS, run_rank);
    for (int i = 0; i < RANKS; i++) {
        assert_int_equal(ended[i], SAMC_ERROR_IO);
        assert_int_equal(tables[i].ranks.apart, 1);
        assert_non_null(strstr(said[i].message, "the cable is out"));
    }
    load("many", &params, 2);
    samc_params_free(&params);
    remove_run("many");
}

static int setup(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof folder, "samc_test_ranks_%ld", (long)getpid());
    return mkdir(folder, 0777);
}

static int teardown(void **state)
{
    (void)state;
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_hear_the_first_that_failed),
        cmocka_unit_test(test_buckets_set_out_as_layers_are_done),
        cmocka_unit_test(test_three_ranks_are_one),
        cmocka_unit_test(test_ranks_that_lose_each_other_are_apart),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
