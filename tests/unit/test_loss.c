/* SPDX-License-Identifier: Apache-2.0
 *
 * The training loss against PyTorch's autograd (tools/fixtures/make_loss_golden.py).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "train/loss.h"
#include "weights/tensors.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 1 << 13 };

static samc_tensors *golden;
static samc_arena arena;
static samc_threads *threads;
static const samc_kernels *kernels;

static int setup(void **state)
{
    (void)state;
    if (samc_tensors_open(SAMC_TEST_GOLDEN "/loss_golden.safetensors", &golden, NULL) != SAMC_OK ||
        samc_kernels_select("portable", &kernels, NULL) != SAMC_OK)
        return -1;
    return samc_threads_create(3, &threads, NULL) == SAMC_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    samc_tensors_close(golden);
    samc_threads_free(threads);
    samc_arena_free(&arena);
    return 0;
}

static const samc_tensor *read(const char *name, const char *part, float *out)
{
    char full[64];
    const samc_tensor *t;

    (void)snprintf(full, sizeof full, "%s.%s", name, part);
    t = samc_tensors_find(golden, full);
    if (!t)
        fail_msg("%s is missing", full);
    assert_in_range(samc_tensor_elements(t), 1, MOST);
    samc_tensor_to_f32(t, 0, samc_tensor_elements(t), out);
    return t;
}

/* One case, and what came out. */
typedef struct trial {
    samc_loss_batch batch;
    samc_loss_weights weights;
    samc_loss_value value;
    float logits[MOST], iou[64], targets[MOST], dlogits[MOST], diou[64], true_iou[64];
    int32_t lowest[64];
} trial;

static void load(const char *name, trial *t)
{
    const samc_tensor *logits = read(name, "logits", t->logits);
    float weights[5];

    (void)read(name, "iou", t->iou);
    (void)read(name, "targets", t->targets);
    (void)read(name, "weights", weights);
    t->weights = (samc_loss_weights){weights[0], weights[1], weights[2], weights[3], weights[4]};
    t->batch = (samc_loss_batch){.prompts = logits->shape[0],
                                 .masks = (int32_t)logits->shape[1],
                                 .side = (int32_t)logits->shape[2],
                                 .logits = t->logits,
                                 .iou = t->iou,
                                 .targets = t->targets};
}

static void run(trial *t, samc_threads *pool)
{
    const samc_call call = {kernels, pool, &arena, NULL};

    memset(t->dlogits, 0x55, sizeof t->dlogits); /* every gradient is set, not added to */
    memset(t->diou, 0x55, sizeof t->diou);
    assert_int_equal(samc_loss_run(&call, &t->weights, &t->batch, &t->value, t->dlogits, t->diou,
                                   t->lowest, t->true_iou, NULL),
                     SAMC_OK);
}

/* Every number within `relative` of the largest one of the expected array. */
static void compare(const char *name, const char *part, const float *have, double relative)
{
    static float want[MOST];
    const int64_t n = samc_tensor_elements(read(name, part, want));
    double most = 0.0, worst = 0.0;

    for (int64_t i = 0; i < n; i++) {
        const double off = fabs((double)have[i] - (double)want[i]);

        most = fmax(most, fabs((double)want[i]));
        if (!(off <= worst))
            worst = off;
    }
    if (!(worst <= relative * most))
        fail_msg("%s.%s is off by %g where %g is the largest", name, part, worst, most);
}

static void test_golden(void **state)
{
    static const char *const names[] = {"single", "three", "ignore", "start", "extreme"};
    static trial t;

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        float value[6], lowest[64];

        load(names[i], &t);
        run(&t, NULL);
        value[0] = (float)t.value.loss;
        value[1] = (float)t.value.focal;
        value[2] = (float)t.value.dice;
        value[3] = (float)t.value.bce;
        value[4] = (float)t.value.iou;
        value[5] = (float)t.value.true_iou;
        compare(names[i], "value", value, 1e-6);
        compare(names[i], "dlogits", t.dlogits, 2e-6);
        compare(names[i], "diou", t.diou, 1e-6);
        compare(names[i], "true_iou", t.true_iou, 1e-6);
        (void)read(names[i], "lowest", lowest);
        for (int64_t n = 0; n < t.batch.prompts; n++)
            assert_int_equal(t.lowest[n], (int)lowest[n]);
    }
}

static void test_threads_change_no_bit(void **state)
{
    static trial one, many;

    (void)state;
    load("three", &one);
    load("three", &many);
    run(&one, NULL);
    run(&many, threads);
    assert_memory_equal(&one.value, &many.value, sizeof one.value);
    assert_memory_equal(one.dlogits, many.dlogits, sizeof one.dlogits);
    assert_memory_equal(one.diou, many.diou, sizeof one.diou);
}

/* The prompts one by one, each as a part of the whole, add up to the batch. */
static void test_parts_add_up(void **state)
{
    static trial whole, part;
    double loss = 0.0;
    int64_t area;

    (void)state;
    load("three", &whole);
    run(&whole, NULL);
    area = (int64_t)whole.batch.side * whole.batch.side;
    for (int64_t n = 0; n < whole.batch.prompts; n++) {
        const int64_t masks = whole.batch.masks;

        load("three", &part);
        part.batch.prompts = 1;
        part.batch.mean_over = whole.batch.prompts;
        part.batch.logits += n * masks * area;
        part.batch.iou += n * masks;
        part.batch.targets += n * area;
        run(&part, NULL);
        loss += part.value.loss;
        assert_memory_equal(part.dlogits, whole.dlogits + n * masks * area,
                            (size_t)(masks * area) * sizeof(float));
        assert_memory_equal(part.diou, whole.diou + n * masks, (size_t)masks * sizeof(float));
    }
    assert_true(fabs(loss - whole.value.loss) < 1e-9);
}

static void test_unknown_target_teaches_nothing(void **state)
{
    static trial t;

    (void)state;
    load("single", &t);
    for (size_t i = 0; i < 9 * 9; i++)
        t.targets[i] = SAMC_LOSS_IGNORE;
    run(&t, NULL);
    for (size_t i = 0; i < 9 * 9; i++)
        assert_true(t.dlogits[i] == 0.0f);
    assert_true(t.diou[0] == 0.0f && t.diou[1] != 0.0f);
    assert_true(isfinite(t.value.loss) && t.value.loss > 0.0);
}

static void test_sizes_are_checked(void **state)
{
    static trial t;
    const samc_call call = {kernels, NULL, &arena, NULL};

    (void)state;
    load("single", &t);
    t.batch.masks = SAMC_LOSS_MAX_MASKS + 1;
    assert_int_equal(
        samc_loss_run(&call, &t.weights, &t.batch, &t.value, t.dlogits, t.diou, NULL, NULL, NULL),
        SAMC_ERROR_ARGUMENT);
}

/* An 8 x 8 mask to 4 x 4; the photo is 7 wide and 5 high. */
static void test_target_is_the_share_of_known_pixels(void **state)
{
    static const char *const drawn[] = {"##..#?..", "##.#??.#", "........", "........",
                                        "##.....#", "##......", "########", "........"};
    static const float want[16] = {1.0f, 0.25f, 1.0f, 0.0f, 0.0f,  0.0f,  0.0f,  0.0f,
                                   1.0f, 0.0f,  0.0f, 0.0f, -1.0f, -1.0f, -1.0f, -1.0f};
    uint8_t mask[64];
    float target[16];

    (void)state;
    for (size_t i = 0; i < 64; i++) {
        const char c = drawn[i / 8][i % 8];

        mask[i] = c == '#' ? 1 : c == '?' ? 255 : 0;
    }
    samc_loss_target(mask, 8, 7, 5, 4, target);
    for (size_t i = 0; i < 16; i++)
        if (target[i] != want[i])
            fail_msg("target %zu is %g, not %g", i, (double)target[i], (double)want[i]);
    samc_loss_target(mask, 8, 8, 8, 4, target);
    assert_true(target[3] == 0.25f && target[11] == 0.25f && target[12] == 0.5f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_threads_change_no_bit),
        cmocka_unit_test(test_parts_add_up),
        cmocka_unit_test(test_unknown_target_teaches_nothing),
        cmocka_unit_test(test_sizes_are_checked),
        cmocka_unit_test(test_target_is_the_share_of_known_pixels),
    };

    return cmocka_run_group_tests_name("loss", tests, setup, teardown);
}
