/* SPDX-License-Identifier: Apache-2.0
 *
 * The evaluation's protocol, with a model whose answers are written down here: the few functions
 * that src/train/evaluate.c calls of the library are this file's own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "train/evaluate.h"

#include <stdlib.h>
#include <string.h>

enum { W = 9, H = 7, LOW = 4, MOST = 32 };

/* What samc_predict was asked. */
typedef struct call {
    size_t n_points;
    float points[2 * SAMC_EVALUATE_MAX_CLICKS];
    int32_t labels[SAMC_EVALUATE_MAX_CLICKS];
    int has_box, multimask;
    float box[4];
    float mask_input; /* the first of its logits; -1 where there was none */
} call;

static call calls[MOST];
static int32_t n_calls;
static int32_t fail_at; /* the call that fails; -1: none */

/* The answers: pictures of H rows, '#' inside; the multimask call gives three of them. */
static const char *const *answers;
static float predicted[3];

samc_status samc_model_get_info(const samc_model *model, samc_model_info *info, samc_error *error)
{
    (void)model;
    (void)error;
    info->low_res_size = LOW;
    return SAMC_OK;
}

void samc_embedding_photo_size(const samc_embedding *embedding, int32_t *width, int32_t *height)
{
    (void)embedding;
    *width = W;
    *height = H;
}

void samc_masks_free(samc_masks *masks)
{
    assert_int_equal(masks->owned, 0);
}

static void draw(const char *picture, uint8_t *mask)
{
    assert_int_equal(strlen(picture), W * H);
    for (int i = 0; i < W * H; i++)
        mask[i] = picture[i] == '#';
}

samc_status samc_predict(samc_context *context, const samc_model *model,
                         const samc_embedding *embedding, const samc_prompt *prompts,
                         size_t n_prompts, const samc_predict_options *options, samc_masks *masks,
                         samc_error *error)
{
    call *c = &calls[n_calls];

    (void)context;
    (void)model;
    (void)embedding;
    assert_int_equal(n_prompts, 1);
    assert_true(n_calls < MOST);
    if (n_calls == fail_at)
        return samc_error_set(error, SAMC_ERROR_CANCELLED, "stopped");
    c->n_points = prompts->n_points;
    if (c->n_points) {
        memcpy(c->points, prompts->points, 2 * c->n_points * sizeof(float));
        memcpy(c->labels, prompts->labels, c->n_points * sizeof(int32_t));
    }
    c->has_box = prompts->box != NULL;
    if (prompts->box)
        memcpy(c->box, prompts->box, sizeof c->box);
    c->mask_input = prompts->mask_input ? prompts->mask_input[0] : -1;
    c->multimask = options->multimask;
    for (int i = 0; i < (options->multimask ? 3 : 1); i++) {
        draw(*answers++, masks->masks + i * W * H);
        masks->predicted_iou[i] = predicted[i];
        masks->stability_score[i] = 0;
        for (int k = 0; k < LOW * LOW; k++) /* tells the call and the mask */
            masks->low_res_logits[i * LOW * LOW + k] = (float)(n_calls * 10 + i);
    }
    n_calls++;
    return SAMC_OK;
}

/* Evaluates with `truth` ('#' object, '?' ignored) and the answers. */
static samc_status evaluate(const char *truth, const char *const *given, int32_t clicks,
                            samc_evaluation *out, samc_error *error)
{
    uint8_t labels[W * H];

    for (int i = 0; i < W * H; i++)
        labels[i] = truth[i] == '#' ? 255 : truth[i] == '?' ? 128 : 0;
    answers = given;
    n_calls = 0;
    return samc_evaluate_photo(NULL, NULL, NULL, labels, clicks, out, error);
}

#define NOTHING                                                                                    \
    "........."                                                                                    \
    "........."                                                                                    \
    "........."                                                                                    \
    "........."                                                                                    \
    "........."                                                                                    \
    "........."                                                                                    \
    "........."

/* 3 x 5 and, apart, 1 x 2 */
#define TRUTH                                                                                      \
    "........."                                                                                    \
    ".###....."                                                                                    \
    ".###....."                                                                                    \
    ".###...#."                                                                                    \
    ".###...#."                                                                                    \
    ".###....."                                                                                    \
    "........."

/* the small part, and 3 x 3 too much in the corner: 9 false positives, 15 false negatives */
#define CORNER                                                                                     \
    "......###"                                                                                    \
    "......###"                                                                                    \
    "......###"                                                                                    \
    ".......#."                                                                                    \
    ".......#."                                                                                    \
    "........."                                                                                    \
    "........."

/* the large part but for its middle column, and two pixels too much */
#define SIDES                                                                                      \
    "........."                                                                                    \
    ".#.#....."                                                                                    \
    ".#.#....."                                                                                    \
    ".#.#...#."                                                                                    \
    ".#.#...#."                                                                                    \
    ".#.#....."                                                                                    \
    ".......##"

static void test_clicks_follow_the_errors(void **state)
{
    static const char *const given[] = {NOTHING, CORNER, TRUTH, SIDES, NOTHING, SIDES};
    samc_evaluation e;
    const call *c;

    (void)state;
    fail_at = -1;
    predicted[0] = 0.2f;
    predicted[1] = 0.9f; /* ranked first */
    predicted[2] = 0.5f; /* the best in truth */
    assert_int_equal(evaluate(TRUTH, given, 3, &e, NULL), SAMC_OK);
    assert_int_equal(n_calls, 4);

    c = &calls[0]; /* deepest: (2, 2), (2, 3) and (2, 4) are 2 from the outside; the first one */
    assert_int_equal(c->n_points, 1);
    assert_true(c->multimask && c->mask_input < 0 && !c->has_box);
    assert_memory_equal(c->points, ((float[]){2, 2}), 2 * sizeof(float));
    assert_int_equal(c->labels[0], 1);
    assert_true(e.clicks[0] == 2.0 / 26.0);
    assert_true(e.best_of_three == 1.0);

    c = &calls[1]; /* both regions are 2 deep: the negative's turn, which is the large part */
    assert_int_equal(c->n_points, 2);
    assert_true(!c->multimask && c->mask_input == 1); /* call 0, mask 1 */
    assert_memory_equal(c->points, ((float[]){2, 2, 2, 2}), 4 * sizeof(float));
    assert_memory_equal(c->labels, ((int32_t[]){1, 1}), 2 * sizeof(int32_t));
    assert_true(e.clicks[1] == 12.0 / 19.0);

    c = &calls[2]; /* both are 1 deep */
    assert_int_equal(c->n_points, 3);
    assert_true(c->mask_input == 10);
    assert_memory_equal(c->points + 4, ((float[]){2, 1}), 2 * sizeof(float));
    assert_true(e.clicks[2] == 0.0);

    c = &calls[3];
    assert_true(c->has_box && !c->multimask && c->n_points == 0 && c->mask_input < 0);
    assert_memory_equal(c->box, ((float[]){1, 1, 8, 6}), sizeof c->box);
    assert_true(e.box == 12.0 / 19.0);
    assert_int_equal(e.n_clicks, 3);
}

/* The deeper false positive gets a click of label 0; ignored pixels are neither. */
static void test_a_false_positive_and_ignored_pixels(void **state)
{
    static const char truth[] = "....??..."
                                ".##.??..."
                                ".##.??..."
                                "....??..."
                                "........."
                                "........."
                                ".........";
    static const char all[] = "....#####"
                              "....#####"
                              "....#####"
                              "....#####"
                              "........."
                              "........."
                              ".........";
    static const char *const given[] = {all, all, all, all, all};
    samc_evaluation e;

    (void)state;
    fail_at = -1;
    predicted[0] = predicted[1] = predicted[2] = 0.5f; /* a tie: the first mask */
    assert_int_equal(evaluate(truth, given, 2, &e, NULL), SAMC_OK);
    assert_memory_equal(calls[0].points, ((float[]){1, 1}), 2 * sizeof(float));
    assert_true(calls[1].mask_input == 0);
    assert_memory_equal(calls[1].points + 2, ((float[]){7, 1}), 2 * sizeof(float));
    assert_int_equal(calls[1].labels[1], 0);
    assert_true(e.clicks[0] == 0.0);
}

/* Without an error there is nothing to click at. */
static void test_a_perfect_mask_is_kept(void **state)
{
    static const char *const given[] = {NOTHING, NOTHING, TRUTH, TRUTH};
    samc_evaluation e;

    (void)state;
    fail_at = -1;
    predicted[0] = predicted[1] = 0;
    predicted[2] = 1;
    assert_int_equal(evaluate(TRUTH, given, 20, &e, NULL), SAMC_OK);
    assert_int_equal(n_calls, 2);
    for (int i = 0; i < 20; i++)
        assert_true(e.clicks[i] == 1.0);
}

static void test_bad_label_maps_are_refused(void **state)
{
    static const char *const given[] = {NOTHING, NOTHING, NOTHING, NOTHING};
    uint8_t labels[W * H] = {0};
    samc_evaluation e = {.n_clicks = -7};
    samc_error error;

    (void)state;
    fail_at = -1;
    assert_int_equal(evaluate(NOTHING, given, 1, &e, &error), SAMC_ERROR_FORMAT);
    assert_non_null(strstr(error.message, "no object"));
    labels[2 * W + 3] = 254;
    assert_int_equal(samc_evaluate_photo(NULL, NULL, NULL, labels, 1, &e, &error),
                     SAMC_ERROR_FORMAT);
    assert_non_null(strstr(error.message, "254 at (3, 2)"));
    assert_int_equal(evaluate(TRUTH, given, 0, &e, &error), SAMC_ERROR_ARGUMENT);
    assert_int_equal(evaluate(TRUTH, given, 21, &e, &error), SAMC_ERROR_ARGUMENT);
    for (fail_at = 0; fail_at < 3; fail_at++) {
        static const char *const few[] = {CORNER, CORNER, CORNER, CORNER, CORNER};

        assert_int_equal(evaluate(TRUTH, few, 2, &e, &error), SAMC_ERROR_CANCELLED);
    }
    assert_int_equal(e.n_clicks, -7); /* untouched by all of them */
}

static void test_summary(void **state)
{
    const samc_evaluation photos[2] = {
        {3, {0.5, 0.85, 0.8}, 0.75, 0.5},
        {3, {0.25, 0.5, 0.92}, 0.25, 1.0},
    };
    samc_evaluation_summary s;

    (void)state;
    samc_evaluate_summarize(photos, 2, &s);
    assert_int_equal(s.n_photos, 2);
    assert_int_equal(s.n_clicks, 3);
    assert_true(s.clicks[0] == 0.375);
    assert_true(s.best_of_three == 0.5);
    assert_true(s.box == 0.75);
    assert_true(s.noc85 == 2.5); /* 2, 3 */
    assert_true(s.noc90 == 3.0); /* never, 3 */
    assert_int_equal(s.missed85, 0);
    assert_int_equal(s.missed90, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clicks_follow_the_errors),
        cmocka_unit_test(test_a_false_positive_and_ignored_pixels),
        cmocka_unit_test(test_a_perfect_mask_is_kept),
        cmocka_unit_test(test_bad_label_maps_are_refused),
        cmocka_unit_test(test_summary),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
