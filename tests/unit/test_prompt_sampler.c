/* SPDX-License-Identifier: Apache-2.0
 *
 * The simulated person, against tools/fixtures/make_prompt_golden.py, and over many draws.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "train/loss.h"
#include "train/prompt_sampler.h"
#include "unit/drawn_masks.h"

#include <math.h>

typedef struct first_case {
    samc_prompt_key key;
    enum drawn_kind kind;
    int32_t size, width, height;
    float box, centre;
    int32_t is_box;
    double numbers[4]; /* of the box, or x and y */
} first_case;

typedef struct rounds_case {
    samc_prompt_key key;
    int32_t rounds;
    uint32_t is_new; /* bit r: round r brings a prompt */
} rounds_case;

typedef struct click_case {
    samc_prompt_key key;
    int32_t round;
    enum drawn_kind kind;
    int32_t size, width, height;
    enum drawn_kind predicted;
    int32_t side, x, y, label;
} click_case;

#include "unit/prompt_golden.h"

/* A drawn mask of the photo in its square, 0 and 1; free(). */
static uint8_t *square(enum drawn_kind kind, int32_t size, int32_t width, int32_t height)
{
    uint8_t *photo = drawn_mask(kind, height, width, (size_t)width, 1);
    uint8_t *mask = calloc((size_t)size, (size_t)size);

    assert_non_null(mask);
    for (int32_t y = 0; y < height; y++)
        memcpy(mask + y * size, photo + y * width, (size_t)width);
    free(photo);
    return mask;
}

static void test_first_prompts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof first_cases / sizeof first_cases[0]; i++) {
        const first_case *c = &first_cases[i];
        samc_prompt_options options = SAMC_PROMPT_OPTIONS_INIT;
        uint8_t *mask = square(c->kind, c->size, c->width, c->height);
        const samc_prompt_object object = {mask, c->size, c->width, c->height};
        samc_prompt_first have;

        options.box = c->box;
        options.centre = c->centre;
        assert_int_equal(samc_prompt_first_draw(&options, &c->key, &object, &have, NULL), SAMC_OK);
        assert_int_equal(have.is_box, c->is_box);
        for (int k = 0; k < (c->is_box ? 4 : 2); k++) {
            const double number = (double)(c->is_box ? have.box[k] : have.point[k]);

            if (!(fabs(number - c->numbers[k]) < 2e-3))
                fail_msg("case %zu, number %d: %g, not %g", i, k, number, c->numbers[k]);
        }
        free(mask);
    }
}

static void test_rounds(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rounds_cases / sizeof rounds_cases[0]; i++) {
        samc_prompt_options options = SAMC_PROMPT_OPTIONS_INIT;
        uint32_t is_new = 0;

        options.rounds = rounds_cases[i].rounds;
        for (int32_t r = 0; r < options.rounds; r++)
            is_new |= (uint32_t)samc_prompt_round_is_new(&options, &rounds_cases[i].key, r) << r;
        assert_int_equal(is_new, rounds_cases[i].is_new);
    }
}

static void test_clicks(void **state)
{
    static float target[64 * 64], logits[64 * 64];

    (void)state;
    for (size_t i = 0; i < sizeof click_cases / sizeof click_cases[0]; i++) {
        const click_case *c = &click_cases[i];
        uint8_t *mask = square(c->kind, c->size, c->width, c->height);
        uint8_t *predicted = drawn_mask(c->predicted, c->side, c->side, (size_t)c->side, 1);
        const samc_prompt_object object = {mask, c->size, c->width, c->height};
        float point[2];
        int32_t label;

        samc_loss_target(mask, c->size, c->width, c->height, c->side, target);
        for (int32_t k = 0; k < c->side * c->side; k++)
            logits[k] = predicted[k] ? 0.25f : -0.25f;
        assert_int_equal(samc_prompt_click_draw(&c->key, c->round, &object, target, logits, c->side,
                                                point, &label, NULL),
                         SAMC_OK);
        if (point[0] != (float)c->x || point[1] != (float)c->y || label != c->label)
            fail_msg("case %zu: %g, %g, %d, not %d, %d, %d", i, (double)point[0], (double)point[1],
                     label, c->x, c->y, c->label);
        free(mask);
        free(predicted);
    }
}

enum { DRAWS = 4000, S = 64 };

/* Over many samples: odds are even, clicks lie evenly on the object and nowhere else, the box's
 * noise has the right width and limit. The limits are five standard errors. */
static void test_first_prompts_are_spread(void **state)
{
    samc_prompt_options options = SAMC_PROMPT_OPTIONS_INIT;
    uint8_t mask[S * S] = {0};
    const samc_prompt_object object = {mask, S, S, S};
    int boxes = 0, clicks[4] = {0};
    double sum = 0, squares = 0, furthest = 0;

    (void)state;
    for (int i = 0; i < S * S; i++) /* 20 x 20, every other pixel unknown in its left half */
        mask[i] = i % S >= 20 && i % S < 40 && i / S >= 20 && i / S < 40
                      ? (uint8_t)(i % S < 30 && i % 2 ? 255 : 1)
                      : 0;
    options.box_noise_limit = 5.0f / S;
    for (int i = 0; i < DRAWS; i++) {
        const samc_prompt_key key = {1, 2, (uint64_t)i, 3};
        samc_prompt_first have;

        assert_int_equal(samc_prompt_first_draw(&options, &key, &object, &have, NULL), SAMC_OK);
        if (have.is_box) {
            const double off = (double)have.box[2] - 40.0;

            boxes++;
            sum += off;
            squares += off * off;
            furthest = fmax(furthest, fabs(off));
        } else {
            const int x = (int)have.point[0], y = (int)have.point[1];

            assert_int_equal(mask[y * S + x], 1);
            clicks[(x >= 30) + 2 * (y >= 30)]++;
        }
    }
    assert_in_range(boxes, DRAWS / 2 - 158, DRAWS / 2 + 158);
    for (int i = 0; i < 4; i++) { /* the right half has twice the pixels */
        const double share = i % 2 ? 1.0 / 3 : 1.0 / 6, n = DRAWS - boxes;

        assert_true(fabs(clicks[i] - share * n) < 5 * sqrt(n * share * (1 - share)));
    }
    /* 2 px, clipped at 5: hardly less */
    assert_true(fabs(sum / boxes) < 5 * 2.0 / sqrt(boxes));
    assert_true(fabs(sqrt(squares / boxes) - 1.975) < 5 * 2.0 / sqrt(2.0 * boxes));
    assert_true(furthest == 5.0);
}

static void test_boxes_of_single_pixels(void **state)
{
    samc_prompt_options options = SAMC_PROMPT_OPTIONS_INIT;
    uint8_t mask[S * S] = {0};
    const samc_prompt_object object = {mask, S, 40, 30};

    (void)state;
    mask[29 * S + 39] = 1; /* the photo's last pixel */
    options.box = 1.0f;
    options.box_noise = 2.0f;
    for (int i = 0; i < DRAWS; i++) {
        const samc_prompt_key key = {1, 2, 3, (uint64_t)i};
        samc_prompt_first have;

        assert_int_equal(samc_prompt_first_draw(&options, &key, &object, &have, NULL), SAMC_OK);
        assert_true(have.box[0] >= 0 && have.box[1] >= 0 && have.box[2] <= 40 && have.box[3] <= 30);
        assert_true(have.box[0] + 1 <= have.box[2] && have.box[1] + 1 <= have.box[3]);
    }
}

/* The quiet round lies evenly between the first and the last one. */
static void test_quiet_rounds_are_spread(void **state)
{
    samc_prompt_options options = SAMC_PROMPT_OPTIONS_INIT;
    int quiet[11] = {0};

    (void)state;
    for (int i = 0; i < DRAWS; i++) {
        const samc_prompt_key key = {9, (uint64_t)i, 0, 0};

        for (int32_t r = 0; r < 11; r++)
            quiet[r] += !samc_prompt_round_is_new(&options, &key, r);
    }
    assert_int_equal(quiet[0], 0);
    assert_int_equal(quiet[10], DRAWS);
    for (int r = 1; r < 10; r++)
        assert_true(fabs(quiet[r] - DRAWS / 9.0) < 5 * sqrt(DRAWS / 9.0));
}

/* The left of the object was missed, and a spot beside it taken: clicks by the areas' sizes. */
static void test_clicks_are_spread_over_errors(void **state)
{
    enum { L = 16 };
    uint8_t mask[S * S] = {0};
    const samc_prompt_object object = {mask, S, S, S};
    float target[L * L], logits[L * L];
    int missed = 0, left = 0;

    (void)state;
    for (int i = 0; i < S * S; i++)
        mask[i] = i % S < 32 && i / S < 32;
    samc_loss_target(mask, S, S, S, L, target);
    for (int i = 0; i < L * L; i++) /* 3 x 8 missed, 2 x 4 taken */
        logits[i] = (i % L >= 3 && i % L < 8 && i / L < 8) || (i % L >= 14 && i / L >= 12) ? 1 : -1;
    for (int i = 0; i < DRAWS; i++) {
        const samc_prompt_key key = {5, 6, (uint64_t)i, 7};
        float point[2];
        int32_t label;

        assert_int_equal(
            samc_prompt_click_draw(&key, 1, &object, target, logits, L, point, &label, NULL),
            SAMC_OK);
        if (label) {
            assert_true(point[0] < 12 && point[1] < 32);
            missed++;
            left += point[0] < 6;
        } else {
            assert_true(point[0] >= 56 && point[1] >= 48);
        }
    }
    assert_true(fabs(missed - 0.75 * DRAWS) < 5 * sqrt(DRAWS * 0.75 * 0.25));
    assert_true(fabs(left - 0.5 * missed) < 5 * sqrt(missed * 0.25));
}

static void test_a_mask_without_object_is_refused(void **state)
{
    const samc_prompt_options options = SAMC_PROMPT_OPTIONS_INIT;
    const samc_prompt_key key = {0, 0, 0, 0};
    uint8_t mask[4] = {0, 255, 0, 0};
    const samc_prompt_object object = {mask, 2, 2, 2};
    const float target = -1.0f, logits = 1.0f;
    samc_prompt_first first;
    float point[2];
    int32_t label;

    (void)state;
    assert_int_equal(samc_prompt_first_draw(&options, &key, &object, &first, NULL),
                     SAMC_ERROR_ARGUMENT);
    assert_int_equal(
        samc_prompt_click_draw(&key, 1, &object, &target, &logits, 1, point, &label, NULL),
        SAMC_ERROR_ARGUMENT);
}

static void test_the_best_mask_is_carried(void **state)
{
    static const float iou[3] = {0.25f, 0.5f, 0.5f};

    (void)state;
    assert_int_equal(samc_prompt_carried(iou, 1), 0);
    assert_int_equal(samc_prompt_carried(iou, 3), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_prompts),
        cmocka_unit_test(test_rounds),
        cmocka_unit_test(test_clicks),
        cmocka_unit_test(test_first_prompts_are_spread),
        cmocka_unit_test(test_boxes_of_single_pixels),
        cmocka_unit_test(test_quiet_rounds_are_spread),
        cmocka_unit_test(test_clicks_are_spread_over_errors),
        cmocka_unit_test(test_a_mask_without_object_is_refused),
        cmocka_unit_test(test_the_best_mask_is_carried),
    };

    return cmocka_run_group_tests_name("prompt_sampler", tests, NULL, NULL);
}
