/* SPDX-License-Identifier: Apache-2.0
 *
 * The thresholds that a model's file recommends: where they are read from, what is refused, and
 * that whoever gives none gets them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/thresholds.h"
#include "unit/tiny.h"
#include "weights/safetensors.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MAX_TENSORS 512

static char path[64];

static int setup(void **state)
{
    (void)snprintf(path, sizeof path, "samc_test_thresholds_%ld.safetensors", (long)getpid());
    return tiny_setup(state);
}

static int teardown(void **state)
{
    (void)unlink(path);
    return tiny_teardown(state);
}

/* Writes the tiny model to `path` with these keys; NULL leaves one out. */
static void write_model(const char *iou, const char *stability)
{
    const samc_tensor *list[MAX_TENSORS];
    samc_metadata metadata[SAMC_N_THRESHOLDS];
    samc_tensors *tensors = NULL;
    size_t n = 0;

    if (iou)
        metadata[n++] = (samc_metadata){"samc.pred_iou_thresh", iou};
    if (stability)
        metadata[n++] = (samc_metadata){"samc.stability_score_thresh", stability};
    assert_int_equal(samc_tensors_open(SAMC_TEST_GOLDEN "/tiny.pth", &tensors, NULL), SAMC_OK);
    assert_in_range(samc_tensors_count(tensors), 1, MAX_TENSORS);
    for (size_t i = 0; i < samc_tensors_count(tensors); i++)
        list[i] = samc_tensors_at(tensors, i);
    assert_int_equal(samc_safetensors_write(path, list, samc_tensors_count(tensors), SAMC_DTYPE_F32,
                                            metadata, n, NULL),
                     SAMC_OK);
    samc_tensors_close(tensors);
}

static samc_model *load_model(const char *iou, const char *stability)
{
    samc_model *m = NULL;

    write_model(iou, stability);
    assert_int_equal(samc_model_load(context, path, NULL, &m, NULL), SAMC_OK);
    return m;
}

static samc_generate_options recommended(const samc_model *m)
{
    samc_generate_options o = SAMC_GENERATE_OPTIONS_INIT;

    assert_int_equal(samc_model_recommend(m, &o, NULL), SAMC_OK);
    return o;
}

static int same_float(float a, float b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

static void test_a_file_without_them_leaves_the_references(void **state)
{
    samc_model *m = load_model(NULL, NULL);
    const samc_model *models[] = {model, m}; /* a .pth, and a safetensors */

    (void)state;
    for (int i = 0; i < 2; i++) {
        const samc_generate_options got = recommended(models[i]);

        assert_true(same_float(got.pred_iou_thresh, 0.88f));
        assert_true(same_float(got.stability_score_thresh, 0.95f));
    }
    samc_model_free(m);
}

static void test_only_the_thresholds_change(void **state)
{
    samc_generate_options want = SAMC_GENERATE_OPTIONS_INIT, got;
    samc_model *m = load_model("0.625", "0.75");

    (void)state;
    want.points_per_side = 7;
    want.box_nms_thresh = 0.1;
    memcpy(&got, &want, sizeof got); /* what lies between the fields too */
    want.pred_iou_thresh = 0.625f;
    want.stability_score_thresh = 0.75f;
    assert_int_equal(samc_model_recommend(m, &got, NULL), SAMC_OK);
    assert_memory_equal(&got, &want, sizeof want);
    samc_model_free(m);
}

static void test_the_decoder_alone_keeps_them(void **state)
{
    samc_model *whole = load_model("0.5", "0"), *part = NULL;
    samc_generate_options o;
    void *bytes = NULL;
    size_t size = 0;

    (void)state;
    assert_int_equal(samc_decoder_extract(path, &bytes, &size, NULL), SAMC_OK);
    assert_int_equal(samc_model_load_memory(context, bytes, size, NULL, &part, NULL), SAMC_OK);
    o = recommended(part);
    assert_true(same_float(o.pred_iou_thresh, 0.5f));
    assert_true(same_float(o.stability_score_thresh, 0.0f));
    samc_bytes_free(bytes);
    samc_model_free(part);
    samc_model_free(whole);
}

static int count_mask(void *user, const samc_mask_record *record)
{
    (void)record;
    (*(size_t *)user)++;
    return 0;
}

static size_t count_masks(const samc_model *m, const samc_embedding *e,
                          const samc_generate_options *options)
{
    size_t n = 0;

    assert_int_equal(samc_generate_from_embedding(context, m, e, options, count_mask, &n, NULL),
                     SAMC_OK);
    return n;
}

/* The tiny model says IoUs of no more than 2 or so, and noise is never stable. */
static void test_a_caller_without_options_gets_them(void **state)
{
    const samc_generate_options references = SAMC_GENERATE_OPTIONS_INIT;
    samc_model *all = load_model("0", "0"), *few = load_model("1", "1.0");
    samc_generate_options o = recommended(all);
    samc_image image = tiny_photo(60, 40, 0);
    samc_embedding *e = NULL;

    (void)state;
    assert_non_null(image.pixels);
    assert_int_equal(samc_encode(context, model, &image, NULL, &e, NULL), SAMC_OK);
    assert_true(count_masks(all, e, NULL) > count_masks(all, e, &references));
    assert_int_equal(count_masks(all, e, NULL), count_masks(all, e, &o));
    o = recommended(few);
    assert_int_equal(count_masks(few, e, NULL), count_masks(few, e, &o));
    assert_true(count_masks(few, e, NULL) < count_masks(all, e, NULL));
    free((void *)(uintptr_t)image.pixels);
    samc_embedding_free(e);
    samc_model_free(all);
    samc_model_free(few);
}

static void test_what_is_no_threshold_is_refused_by_its_key(void **state)
{
    static const char *const bad[] = {
        "",    " 0.5", "0.5 ", "-0.5", "+0.5",  ".5",           "0.",   "1.5",   "1.000000001", "2",
        "0,5", "nan",  "inf",  "1e-1", "0x0.8", "0.0000000001", "00.5", "0.5\n", "0.6,0.7"};
    samc_error error;
    samc_model *m = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        write_model(bad[i], "0.5");
        assert_int_equal(samc_model_load(context, path, NULL, &m, &error), SAMC_ERROR_MODEL);
        assert_non_null(strstr(error.message, "samc.pred_iou_thresh is "));
        write_model("0.5", bad[i]);
        assert_int_equal(samc_model_load(context, path, NULL, &m, &error), SAMC_ERROR_MODEL);
        assert_non_null(strstr(error.message, "samc.stability_score_thresh is "));
        assert_null(m);
    }
    write_model("0.5", NULL);
    assert_int_equal(samc_model_load(context, path, NULL, &m, &error), SAMC_ERROR_MODEL);
    assert_non_null(strstr(error.message, "without samc.stability_score_thresh"));
    write_model(NULL, "0.5");
    assert_int_equal(samc_model_load(context, path, NULL, &m, &error), SAMC_ERROR_MODEL);
    assert_non_null(strstr(error.message, "without samc.pred_iou_thresh"));
}

static void test_what_is_one_is_taken_to_the_last_bit(void **state)
{
    static const struct {
        const char *text;
        float value;
    } good[] = {{"0", 0.0f},
                {"1", 1.0f},
                {"1.0", 1.0f},
                {"0.6", 0.6f},
                {"0.88", 0.88f},
                {"0.000000001", 1e-9f},
                {"0.123456789", 0.123456789f},
                {"0.999999999", 1.0f},
                {"1.000000000", 1.0f}};
    samc_thresholds t;
    samc_metadata metadata[SAMC_N_THRESHOLDS];

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(samc_thresholds_parse(good[i].text, "0.25", &t, NULL), SAMC_OK);
        assert_true(same_float(t.pred_iou, good[i].value));
        assert_true(same_float(t.stability_score, 0.25f));
        assert_int_equal(samc_thresholds_list(&t, metadata), 2);
        assert_string_equal(metadata[0].value, good[i].text);
        assert_string_equal(metadata[1].value, "0.25");
    }
    t.given = 0;
    assert_int_equal(samc_thresholds_list(&t, metadata), 0);
}

static void test_arguments(void **state)
{
    samc_generate_options o = SAMC_GENERATE_OPTIONS_INIT;
    samc_error error;

    (void)state;
    assert_int_equal(samc_model_recommend(NULL, &o, &error), SAMC_ERROR_ARGUMENT);
    assert_int_equal(samc_model_recommend(model, NULL, &error), SAMC_ERROR_ARGUMENT);
    o.struct_size = 8;
    assert_int_equal(samc_model_recommend(model, &o, &error), SAMC_ERROR_ARGUMENT);
    assert_non_null(strstr(error.message, "SAMC_GENERATE_OPTIONS_INIT"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_file_without_them_leaves_the_references),
        cmocka_unit_test(test_only_the_thresholds_change),
        cmocka_unit_test(test_the_decoder_alone_keeps_them),
        cmocka_unit_test(test_a_caller_without_options_gets_them),
        cmocka_unit_test(test_what_is_no_threshold_is_refused_by_its_key),
        cmocka_unit_test(test_what_is_one_is_taken_to_the_last_bit),
        cmocka_unit_test(test_arguments),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
