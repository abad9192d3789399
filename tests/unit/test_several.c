/* SPDX-License-Identifier: Apache-2.0
 *
 * Several photos in one call: the same bits as one after the other, and what is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/tiny.h"

#include <string.h>

enum { PHOTOS = 3 };

/* A wide photo with a point, a tall one with two boxes, and one pixel with a point. */
typedef struct job {
    samc_image images[PHOTOS];
    samc_prompt prompts[4];
    samc_request requests[PHOTOS];
    samc_masks masks[PHOTOS];
} job;

static const float points[] = {30, 20, 0.5f, 0.5f};
static const int32_t labels[] = {1, 1};
static const float boxes[2][4] = {{5, 5, 40, 60}, {10, 40, 45, 80}};

static void begin(job *j)
{
    const int32_t sizes[PHOTOS][2] = {{100, 60}, {50, 90}, {1, 1}};
    const size_t first[PHOTOS] = {0, 1, 3}, counts[PHOTOS] = {1, 2, 1};

    for (int i = 0; i < 4; i++)
        j->prompts[i] = (samc_prompt)SAMC_PROMPT_INIT;
    for (int i = 0; i < 4; i += 3) {
        j->prompts[i].points = points + (i ? 2 : 0);
        j->prompts[i].labels = labels;
        j->prompts[i].n_points = 1;
    }
    j->prompts[1].box = boxes[0];
    j->prompts[2].box = boxes[1];
    for (int i = 0; i < PHOTOS; i++) {
        j->images[i] = tiny_photo(sizes[i][0], sizes[i][1], i);
        assert_non_null(j->images[i].pixels);
        j->masks[i] = (samc_masks)SAMC_MASKS_INIT;
        j->requests[i] = (samc_request)SAMC_REQUEST_INIT;
        j->requests[i].image = &j->images[i];
        j->requests[i].prompts = j->prompts + first[i];
        j->requests[i].n_prompts = counts[i];
    }
}

static void end(job *j)
{
    for (int i = 0; i < PHOTOS; i++) {
        samc_masks_free(&j->masks[i]);
        free((void *)(uintptr_t)j->images[i].pixels);
    }
}

static samc_status segment(job *j, const samc_predict_options *options, samc_error *error)
{
    return samc_segment(context, model, j->requests, PHOTOS, options, j->masks, error);
}

static void assert_untouched(const job *j)
{
    const samc_masks untouched = SAMC_MASKS_INIT;

    for (int i = 0; i < PHOTOS; i++) {
        assert_null(j->masks[i].masks);
        assert_null(j->masks[i].predicted_iou);
        assert_int_equal(j->masks[i].n_prompts, untouched.n_prompts);
        assert_int_equal(j->masks[i].owned, 0);
    }
}

static void test_same_bits_as_one_by_one(void **state)
{
    samc_predict_options options = SAMC_PREDICT_OPTIONS_INIT;
    job j;

    (void)state;
    begin(&j);
    options.multimask = 1;
    assert_int_equal(segment(&j, &options, NULL), SAMC_OK);
    for (int i = 0; i < PHOTOS; i++) {
        samc_masks one = SAMC_MASKS_INIT;
        const samc_masks *m = &j.masks[i];
        samc_embedding *e = NULL;
        const samc_request *r = &j.requests[i];

        assert_int_equal(samc_encode(context, model, r->image, NULL, &e, NULL), SAMC_OK);
        assert_int_equal(
            samc_predict(context, model, e, r->prompts, r->n_prompts, &options, &one, NULL),
            SAMC_OK);
        const size_t count = r->n_prompts * 3;
        const size_t low = (size_t)one.low_res_size * (size_t)one.low_res_size;

        assert_int_equal(m->n_prompts, r->n_prompts);
        assert_int_equal(m->width, r->image->width);
        assert_int_equal(m->height, r->image->height);
        assert_memory_equal(m->predicted_iou, one.predicted_iou, count * sizeof(float));
        assert_memory_equal(m->low_res_logits, one.low_res_logits, count * low * sizeof(float));
        assert_memory_equal(m->masks, one.masks, count * (size_t)m->width * (size_t)m->height);
        samc_masks_free(&one);
        samc_embedding_free(e);
    }
    end(&j);
}

static void refused(job *j, samc_status status, const char *words)
{
    samc_error error = {SAMC_OK, ""};

    assert_int_equal(segment(j, NULL, &error), status);
    assert_int_equal(error.status, status);
    if (!strstr(error.message, words))
        fail_msg("the message \"%s\" does not say \"%s\"", error.message, words);
    assert_untouched(j);
}

/* guards: check_request, for each photo before the first is encoded */
static void test_refusals_name_the_photo(void **state)
{
    const int32_t corner[] = {2};
    samc_error error;
    job j;

    (void)state;
    begin(&j);
    j.prompts[2].box = (const float[]){5, 5, 51, 20};
    refused(&j, SAMC_ERROR_PROMPT, "photo 1: prompt 1: the box");
    j.prompts[2].box = boxes[1];
    j.prompts[3].labels = corner;
    refused(&j, SAMC_ERROR_PROMPT, "photo 2: prompt 0, point 0: label 2");
    j.prompts[3].labels = labels;
    j.requests[0].n_prompts = 0;
    refused(&j, SAMC_ERROR_PROMPT, "photo 0: no prompt");
    j.requests[0].n_prompts = 1;
    j.requests[1].image = NULL;
    refused(&j, SAMC_ERROR_ARGUMENT, "photo 1: ");
    j.requests[1].image = &j.images[1];
    j.requests[0].struct_size = 3;
    refused(&j, SAMC_ERROR_ARGUMENT, "photo 0: the request did not begin");
    j.requests[0].struct_size = sizeof j.requests[0];
    j.requests[2].struct_size = 3;
    refused(&j, SAMC_ERROR_ARGUMENT, "photo 2: its struct_size");
    j.requests[2].struct_size = sizeof j.requests[2];
    j.masks[0].struct_size = 0;
    refused(&j, SAMC_ERROR_ARGUMENT, "photo 0: its masks");
    j.masks[0].struct_size = sizeof j.masks[0];
    j.masks[1].struct_size = 0;
    refused(&j, SAMC_ERROR_ARGUMENT, "photo 1: its struct_size");
    j.masks[1].struct_size = sizeof j.masks[1];
    assert_int_equal(samc_segment(context, model, j.requests, 0, NULL, j.masks, &error),
                     SAMC_ERROR_ARGUMENT);
    assert_int_equal(segment(&j, NULL, NULL), SAMC_OK);
    assert_int_equal(segment(&j, NULL, &error), SAMC_ERROR_ARGUMENT); /* still holds answers */
    assert_non_null(strstr(error.message, "samc_masks_free"));
    assert_non_null(j.masks[2].masks);
    end(&j);
}

/* As a later header might have them: larger elements, so another step from one to the next. */
typedef struct later_prompt {
    samc_prompt now;
    double more;
} later_prompt;
typedef struct later_request {
    samc_request now;
    double more;
} later_request;
typedef struct later_masks {
    samc_masks now;
    double more;
} later_masks;

static void test_arrays_of_larger_structs(void **state)
{
    later_prompt prompts[2];
    later_request requests[PHOTOS];
    later_masks masks[PHOTOS];
    job j;

    (void)state;
    begin(&j);
    assert_int_equal(segment(&j, NULL, NULL), SAMC_OK);
    for (int i = 0; i < PHOTOS; i++) {
        requests[i] = (later_request){j.requests[i], 1.0};
        requests[i].now.struct_size = sizeof requests[i];
        masks[i] = (later_masks){SAMC_MASKS_INIT, 7.0};
        masks[i].now.struct_size = sizeof masks[i];
    }
    for (int i = 0; i < 2; i++) {
        prompts[i] = (later_prompt){j.prompts[1 + i], 1.0};
        prompts[i].now.struct_size = sizeof prompts[i];
    }
    requests[1].now.prompts = &prompts[0].now;
    assert_int_equal(
        samc_segment(context, model, &requests[0].now, PHOTOS, NULL, &masks[0].now, NULL), SAMC_OK);
    for (int i = 0; i < PHOTOS; i++) {
        const samc_masks *m = &masks[i].now;

        assert_int_equal(m->n_prompts, j.masks[i].n_prompts);
        assert_memory_equal(m->masks, j.masks[i].masks,
                            (size_t)m->n_prompts * (size_t)m->width * (size_t)m->height);
        assert_true(masks[i].more == 7.0);
        samc_masks_free(&masks[i].now);
    }
    prompts[1].now.struct_size = sizeof(samc_prompt);
    assert_int_equal(
        samc_segment(context, model, &requests[0].now, PHOTOS, NULL, &masks[0].now, NULL),
        SAMC_ERROR_ARGUMENT);
    end(&j);
}

typedef struct watch {
    double last, stop_at;
} watch;

static int look(void *user, double done)
{
    watch *w = user;

    assert_true(done >= w->last && done <= 1.0);
    w->last = done;
    return done >= w->stop_at;
}

static void test_progress_runs_over_all_photos(void **state)
{
    static const double stops[] = {0.1, 0.333, 0.4, 0.7};
    samc_predict_options options = SAMC_PREDICT_OPTIONS_INIT;
    watch w = {0.0, 2.0};
    job j;

    (void)state;
    begin(&j);
    options.progress = look;
    options.user = &w;
    assert_int_equal(segment(&j, &options, NULL), SAMC_OK);
    assert_true(w.last == 1.0);
    end(&j);
    for (size_t i = 0; i < sizeof stops / sizeof stops[0]; i++) {
        samc_error error;

        begin(&j);
        w = (watch){0.0, stops[i]};
        assert_int_equal(segment(&j, &options, &error), SAMC_ERROR_CANCELLED);
        assert_true(w.last < 1.0);
        assert_untouched(&j);
        end(&j);
    }
}

/* Buffers of the caller's are filled in their photo's order. */
static void test_buffers_of_the_caller(void **state)
{
    static uint8_t pixel[1][1];
    job j;

    (void)state;
    begin(&j);
    pixel[0][0] = 77;
    j.masks[2].masks = &pixel[0][0];
    assert_int_equal(segment(&j, NULL, NULL), SAMC_OK);
    assert_ptr_equal(j.masks[2].masks, pixel);
    assert_true(pixel[0][0] < 2);
    end(&j);
    assert_ptr_equal(j.masks[2].masks, pixel);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_bits_as_one_by_one),
        cmocka_unit_test(test_refusals_name_the_photo),
        cmocka_unit_test(test_arrays_of_larger_structs),
        cmocka_unit_test(test_progress_runs_over_all_photos),
        cmocka_unit_test(test_buffers_of_the_caller),
    };
    return cmocka_run_group_tests(tests, tiny_setup, tiny_teardown);
}
