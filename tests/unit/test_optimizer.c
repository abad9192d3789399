/* SPDX-License-Identifier: Apache-2.0
 *
 * AdamW against torch.optim.AdamW (tools/fixtures/make_optimizer_golden.py), and the schedules.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "train/optimizer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PARAMS = 4, N = 12, ALL = PARAMS * N, STEPS = 10 };

static samc_arena arena;
static samc_threads *threads;
static const samc_kernels *kernels;

static int setup(void **state)
{
    (void)state;
    if (samc_kernels_select("portable", &kernels, NULL) != SAMC_OK)
        return -1;
    return samc_threads_create(3, &threads, NULL) == SAMC_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    samc_threads_free(threads);
    samc_arena_free(&arena);
    return 0;
}

/* `count` params of `each` numbers, of layers 0.., the first and the last with decay. */
static samc_params make_params(samc_param *list, size_t count, int64_t each)
{
    samc_params p = {.n_params = count, .list = list, .total = (int64_t)count * each};
    float **const arrays[] = {&p.values, &p.gradients, &p.moment1, &p.moment2, &p.ema};

    p.config.depth = (int32_t)count - 2;
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) {
        *arrays[i] = calloc((size_t)p.total, sizeof(float));
        assert_non_null(*arrays[i]);
    }
    memset(list, 0, count * sizeof *list);
    for (size_t i = 0; i < count; i++) {
        list[i].offset = (int64_t)i * each;
        list[i].count = each;
        list[i].layer = (int32_t)i;
        list[i].decays = i == 0 || i + 1 == count;
        list[i].trained = 1;
    }
    return p;
}

static void free_arrays(samc_params *p)
{
    free(p->values);
    free(p->gradients);
    free(p->moment1);
    free(p->moment2);
    free(p->ema);
}

static void read(const samc_tensors *golden, const char *name, int64_t count, float *out)
{
    const samc_tensor *t = samc_tensors_find(golden, name);

    assert_non_null(t);
    assert_int_equal(samc_tensor_elements(t), count);
    samc_tensor_to_f32(t, 0, count, out);
}

static void assert_near(const float *have, const float *want, int64_t n, int step)
{
    for (int64_t i = 0; i < n; i++)
        if (!(fabsf(have[i] - want[i]) <= 3e-7f))
            fail_msg("step %d, number %d: %.8g, not %.8g", step, (int)i, (double)have[i],
                     (double)want[i]);
}

static void test_ten_steps_of_torch(void **state)
{
    static float start[ALL], gradients[STEPS][ALL], values[STEPS][ALL], ema[STEPS][ALL];
    const samc_call call = {kernels, NULL, &arena, NULL};
    samc_optimizer_options options = SAMC_OPTIMIZER_OPTIONS_INIT;
    samc_param list[PARAMS];
    samc_params params = make_params(list, PARAMS, N);
    samc_optimizer_report report;
    samc_tensors *golden;
    float norms[STEPS];

    (void)state;
    assert_int_equal(
        samc_tensors_open(SAMC_TEST_GOLDEN "/optimizer_golden.safetensors", &golden, NULL),
        SAMC_OK);
    read(golden, "start", ALL, start);
    read(golden, "gradients", STEPS * ALL, gradients[0]);
    read(golden, "values", STEPS * ALL, values[0]);
    read(golden, "ema", STEPS * ALL, ema[0]);
    read(golden, "norms", STEPS, norms);
    samc_tensors_close(golden);
    memcpy(params.values, start, sizeof start);
    memcpy(params.ema, start, sizeof start);
    options.rate = 3e-3;
    options.layer_decay = 0.8;
    options.ema = 0.6;
    options.warmup = 4;
    for (int s = 0; s < STEPS; s++) {
        memcpy(params.gradients, gradients[s], sizeof gradients[s]);
        assert_int_equal(samc_optimizer_step(&call, &options, s, &params, &report, NULL), SAMC_OK);
        assert_true(fabs(report.norm - (double)norms[s]) <= 1e-6 * (double)norms[s]);
        assert_false(report.skipped);
        assert_near(params.values, values[s], ALL, s);
        assert_near(params.ema, ema[s], ALL, s);
        assert_memory_equal(params.gradients, gradients[s], sizeof gradients[s]);
    }
    free_arrays(&params);
}

static void test_fixed_params_and_bad_gradients(void **state)
{
    const samc_call call = {kernels, NULL, &arena, NULL};
    samc_optimizer_options options = SAMC_OPTIMIZER_OPTIONS_INIT;
    samc_param list[PARAMS];
    samc_params params = make_params(list, PARAMS, N);
    samc_optimizer_report report;

    (void)state;
    list[3].trained = 0;
    for (int i = 0; i < ALL; i++)
        params.values[i] = params.gradients[i] = 1.0f;
    params.gradients[ALL - 1] = NAN; /* a fixed param's gradient is nobody's business */
    assert_int_equal(samc_optimizer_step(&call, &options, 0, &params, &report, NULL), SAMC_OK);
    assert_true(report.norm > 5.99 && report.norm < 6.01); /* sqrt(36) */
    for (int i = 0; i < ALL; i++)
        assert_true((params.values[i] == 1.0f) == (i >= 3 * N));
    memcpy(params.ema, params.values, ALL * sizeof(float));
    params.gradients[5] = INFINITY;
    assert_int_equal(samc_optimizer_step(&call, &options, 1, &params, &report, NULL), SAMC_OK);
    assert_true(report.skipped);
    assert_memory_equal(params.ema, params.values, ALL * sizeof(float));
    free_arrays(&params);
}

/* Large enough for many tiles, not a multiple of anything. */
static void test_threads_change_no_bit(void **state)
{
    enum { LARGE = 50021 };
    samc_optimizer_options options = SAMC_OPTIMIZER_OPTIONS_INIT;
    samc_param list[2][PARAMS];
    samc_params params[2];

    (void)state;
    for (int k = 0; k < 2; k++) {
        const samc_call call = {kernels, k ? threads : NULL, &arena, NULL};
        samc_optimizer_report report;
        uint32_t bits = 1;

        params[k] = make_params(list[k], PARAMS, LARGE);
        for (int s = 0; s < 2; s++) {
            for (int64_t i = 0; i < params[k].total; i++) {
                bits = bits * 1664525u + 1013904223u;
                params[k].gradients[i] = (float)(int32_t)bits * 0x1p-40f;
            }
            assert_int_equal(samc_optimizer_step(&call, &options, s, &params[k], &report, NULL),
                             SAMC_OK);
        }
        assert_true(report.norm > 0.1);
        for (int64_t i = 0; i < params[k].total; i++) /* no number was left out */
            assert_true(params[k].values[i] != 0.0f || params[k].gradients[i] == 0.0f);
    }
    assert_memory_equal(params[0].values, params[1].values, PARAMS * LARGE * sizeof(float));
    assert_memory_equal(params[0].ema, params[1].ema, PARAMS * LARGE * sizeof(float));
    free_arrays(&params[0]);
    free_arrays(&params[1]);
}

static void test_schedules(void **state)
{
    static const struct {
        samc_schedule schedule;
        int64_t step;
        double rate;
    } want[] = {
        {SAMC_SCHEDULE_CONSTANT, 0, 0.1},     {SAMC_SCHEDULE_CONSTANT, 4, 0.5},
        {SAMC_SCHEDULE_CONSTANT, 9, 1.0},     {SAMC_SCHEDULE_CONSTANT, 5000, 1.0},
        {SAMC_SCHEDULE_STEP, 5, 0.6},         {SAMC_SCHEDULE_STEP, 139, 1.0},
        {SAMC_SCHEDULE_STEP, 140, 0.1},       {SAMC_SCHEDULE_STEP, 199, 0.1},
        {SAMC_SCHEDULE_STEP, 200, 0.01},      {SAMC_SCHEDULE_COSINE, 0, 0.1},
        {SAMC_SCHEDULE_COSINE, 10, 1.0},      {SAMC_SCHEDULE_COSINE, 110, 0.5},
        {SAMC_SCHEDULE_COSINE, 60, 0.853553}, {SAMC_SCHEDULE_COSINE, 210, 0.0},
        {SAMC_SCHEDULE_COSINE, 400, 0.0},
    };
    samc_optimizer_options options = SAMC_OPTIMIZER_OPTIONS_INIT;

    (void)state;
    options.rate = 1.0;
    options.warmup = 10;
    options.steps = 210;
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        options.schedule = want[i].schedule;
        if (!(fabs(samc_optimizer_rate(&options, want[i].step) - want[i].rate) < 1e-6))
            fail_msg("case %zu: %g, not %g", i, samc_optimizer_rate(&options, want[i].step),
                     want[i].rate);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ten_steps_of_torch),
        cmocka_unit_test(test_fixed_params_and_bad_gradients),
        cmocka_unit_test(test_threads_change_no_bit),
        cmocka_unit_test(test_schedules),
    };

    return cmocka_run_group_tests_name("optimizer", tests, setup, teardown);
}
