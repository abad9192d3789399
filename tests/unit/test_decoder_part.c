/* SPDX-License-Identifier: Apache-2.0
 *
 * A decoder alone: it answers as the whole model does, refuses to encode, and is refused itself
 * where what it says about itself is damaged.
 */
#define _GNU_SOURCE /* memmem */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/tiny.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void *bytes; /* the decoder of the tiny model */
static size_t size;

static int setup(void **state)
{
    return tiny_setup(state) ||
           samc_decoder_extract(SAMC_TEST_GOLDEN "/tiny.pth", &bytes, &size, NULL) != SAMC_OK;
}

static int teardown(void **state)
{
    samc_bytes_free(bytes);
    return tiny_teardown(state);
}

static samc_model *load_part(void)
{
    samc_model *part = NULL;

    assert_int_equal(samc_model_load_memory(context, bytes, size, NULL, &part, NULL), SAMC_OK);
    return part;
}

static samc_embedding *encode(void)
{
    samc_image image = tiny_photo(100, 60, 0);
    samc_embedding *e = NULL;

    assert_non_null(image.pixels);
    assert_int_equal(samc_encode(context, model, &image, NULL, &e, NULL), SAMC_OK);
    free((void *)(uintptr_t)image.pixels);
    return e;
}

static samc_masks ask(const samc_model *m, const samc_embedding *e)
{
    static const float points[] = {10, 10, 50, 30};
    static const int32_t labels[] = {1, 0};
    samc_predict_options options = SAMC_PREDICT_OPTIONS_INIT;
    samc_prompt prompt = SAMC_PROMPT_INIT;
    samc_masks masks = SAMC_MASKS_INIT;

    prompt.points = points;
    prompt.labels = labels;
    prompt.n_points = 2;
    options.multimask = 1;
    assert_int_equal(samc_predict(context, m, e, &prompt, 1, &options, &masks, NULL), SAMC_OK);
    return masks;
}

static void test_it_is_what_it_says(void **state)
{
    samc_model_info whole = SAMC_MODEL_INFO_INIT, part = SAMC_MODEL_INFO_INIT;
    samc_model *m = load_part();

    (void)state;
    assert_int_equal(samc_model_get_info(model, &whole, NULL), SAMC_OK);
    assert_int_equal(samc_model_get_info(m, &part, NULL), SAMC_OK);
    assert_string_equal(part.identity, whole.identity);
    assert_string_equal(part.name, whole.name);
    assert_int_equal(part.image_size, whole.image_size);
    assert_int_equal(part.patch_size, whole.patch_size);
    assert_int_equal(part.embedding_size, whole.embedding_size);
    assert_int_equal(part.embedding_dim, whole.embedding_dim);
    assert_int_equal(part.low_res_size, whole.low_res_size);
    assert_int_equal(part.mask_tokens, whole.mask_tokens);
    assert_int_equal(part.encoder_dim + part.encoder_depth + part.encoder_heads + part.window_size,
                     0);
    assert_in_range(part.parameters, 1, whole.parameters - 1);
    samc_model_free(m);
}

/* An embedding of the whole model in the part's hands, and back. */
static void test_it_answers_as_the_whole_does(void **state)
{
    samc_model *m = load_part();
    samc_embedding *e = encode(), *loaded = NULL, *back = NULL;
    samc_masks want = ask(model, e), got, direct = ask(m, e);
    const size_t floats = (size_t)want.n_masks * (size_t)want.low_res_size *
                          (size_t)want.low_res_size;
    void *saved = NULL;
    size_t saved_size = 0;

    (void)state;
    assert_int_equal(samc_embedding_save_memory(e, SAMC_F32, &saved, &saved_size, NULL), SAMC_OK);
    assert_int_equal(samc_embedding_load_memory(m, saved, saved_size, &loaded, NULL), SAMC_OK);
    samc_bytes_free(saved);
    got = ask(m, loaded);
    assert_memory_equal(got.low_res_logits, want.low_res_logits, floats * sizeof(float));
    assert_memory_equal(direct.low_res_logits, want.low_res_logits, floats * sizeof(float));
    assert_memory_equal(got.predicted_iou, want.predicted_iou,
                        (size_t)want.n_masks * sizeof(float));
    assert_int_equal(samc_embedding_save_memory(loaded, SAMC_F32, &saved, &saved_size, NULL),
                     SAMC_OK);
    assert_int_equal(samc_embedding_load_memory(model, saved, saved_size, &back, NULL), SAMC_OK);
    samc_bytes_free(saved);
    samc_masks_free(&want);
    samc_masks_free(&got);
    samc_masks_free(&direct);
    samc_embedding_free(e);
    samc_embedding_free(loaded);
    samc_embedding_free(back);
    samc_model_free(m);
}

/* guard: the look for an image encoder in samc_encode */
static void test_it_does_not_encode(void **state)
{
    samc_image image = tiny_photo(40, 60, 0);
    samc_model *m = load_part();
    samc_embedding *e = NULL;
    samc_error error = {SAMC_OK, ""};

    (void)state;
    assert_non_null(image.pixels);
    assert_int_equal(samc_encode(context, m, &image, NULL, &e, &error), SAMC_ERROR_MODEL);
    assert_null(e);
    assert_non_null(strstr(error.message, "decoder alone"));
    free((void *)(uintptr_t)image.pixels);
    samc_model_free(m);
}

/* Extracting from what was extracted changes nothing. */
static void test_the_part_of_a_part(void **state)
{
    char path[64];
    void *again = NULL;
    size_t again_size = 0;
    FILE *f;

    (void)state;
    (void)snprintf(path, sizeof path, "samc_test_part_%ld.safetensors", (long)getpid());
    f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(samc_decoder_extract(path, &again, &again_size, NULL), SAMC_OK);
    (void)unlink(path);
    assert_int_equal(again_size, size);
    assert_memory_equal(again, bytes, size);
    samc_bytes_free(again);
}

/* Loads the bytes with `to` in place of `from`, of the same length. */
static samc_status load_changed(const char *from, const char *to, samc_model **m, samc_error *error)
{
    char *at = memmem(bytes, size, from, strlen(from));
    samc_status status;

    *m = NULL;
    assert_int_equal(strlen(from), strlen(to));
    if (!at)
        fail_msg("the bytes do not hold %s", from);
    memcpy(at, to, strlen(to));
    status = samc_model_load_memory(context, bytes, size, NULL, m, error);
    memcpy(at, from, strlen(from));
    assert_true((status == SAMC_OK) == (*m != NULL));
    return status;
}

/* guards: read_decoder_alone in config.c, line by line */
static void test_damaged_metadata_is_refused(void **state)
{
    static const struct {
        const char *from, *to;
        samc_status status;
        const char *says;
    } cases[] = {
        {"samc decoder", "samc decodeR", SAMC_ERROR_MODEL, "image_encoder"},
        {"\"format_version\":\"1\"", "\"format_version\":\"2\"", SAMC_ERROR_UNSUPPORTED,
         "version 2"},
        {"\"image_size\":\"160\"", "\"image_size\":\"161\"", SAMC_ERROR_MODEL, "161 pixels"},
        {"\"image_size\":\"160\"", "\"image_size\":\"-16\"", SAMC_ERROR_MODEL, "image_size"},
        {"\"image_size\":\"160\"", "\"image_size\":\"16x\"", SAMC_ERROR_MODEL, "image_size"},
        {"\"image_size\":\"160\"", "\"image_sizE\":\"160\"", SAMC_ERROR_MODEL, "image_size"},
        {"\"patch_size\":\"16\"", "\"patch_size\":\"00\"", SAMC_ERROR_MODEL, "patch_size"},
        {"\"encoder_identity\":\"", "\"encoder_identitY\":\"", SAMC_ERROR_MODEL,
         "encoder_identity"},
        {"no_mask_embed", "no_mask_embeD", SAMC_ERROR_MODEL, "no_mask_embed"},
    };
    samc_error error = {SAMC_OK, ""};
    samc_model *m;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(load_changed(cases[i].from, cases[i].to, &m, &error), cases[i].status);
        if (!strstr(error.message, cases[i].says))
            fail_msg("%s: %s", cases[i].to, error.message);
    }
}

/* Whose decoder it is counts: another encoder's hash makes another model, whose embeddings are not
 * taken. So does one number of the decoder. */
static void test_another_encoder_is_another_model(void **state)
{
    samc_model_info whole = SAMC_MODEL_INFO_INIT, part = SAMC_MODEL_INFO_INIT;
    const char *key = "\"encoder_identity\":\"";
    char from[64], to[64];
    const char *at = memmem(bytes, size, key, strlen(key));
    samc_model *m;

    (void)state;
    assert_non_null(at);
    (void)snprintf(from, sizeof from, "%.*s", (int)strlen(key) + 32, at);
    memcpy(to, from, sizeof to);
    to[strlen(to) - 1] = to[strlen(to) - 1] == 'a' ? 'b' : 'a';
    assert_int_equal(load_changed(from, to, &m, NULL), SAMC_OK);
    assert_int_equal(samc_model_get_info(model, &whole, NULL), SAMC_OK);
    assert_int_equal(samc_model_get_info(m, &part, NULL), SAMC_OK);
    assert_string_not_equal(part.identity, whole.identity);
    samc_model_free(m);
    to[strlen(to) - 1] = 'g';
    assert_int_equal(load_changed(from, to, &m, NULL), SAMC_ERROR_MODEL);

    ((uint8_t *)bytes)[size - 4] ^= 1;
    m = load_part();
    ((uint8_t *)bytes)[size - 4] ^= 1;
    assert_int_equal(samc_model_get_info(m, &part, NULL), SAMC_OK);
    assert_string_not_equal(part.identity, whole.identity);
    samc_model_free(m);
}

static void test_bad_calls(void **state)
{
    samc_error error = {SAMC_OK, ""};
    void *b = NULL;
    size_t n = 0;
    samc_model *m = NULL;

    (void)state;
    assert_int_equal(samc_decoder_extract(NULL, &b, &n, &error), SAMC_ERROR_ARGUMENT);
    assert_int_equal(samc_decoder_extract("absent", &b, &n, &error), SAMC_ERROR_IO);
    assert_non_null(strstr(error.message, "absent"));
    assert_int_equal(
        samc_decoder_extract(SAMC_TEST_GOLDEN "/tiny_golden.safetensors", &b, &n, &error),
        SAMC_ERROR_MODEL);
    assert_ptr_equal(strstr(error.message, SAMC_TEST_GOLDEN), error.message);
    assert_null(b);
    for (size_t cut = 0; cut < size; cut += cut < 200 ? 1 : 9973)
        assert_int_not_equal(samc_model_load_memory(context, bytes, cut, NULL, &m, NULL), SAMC_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_is_what_it_says),
        cmocka_unit_test(test_it_answers_as_the_whole_does),
        cmocka_unit_test(test_it_does_not_encode),
        cmocka_unit_test(test_the_part_of_a_part),
        cmocka_unit_test(test_damaged_metadata_is_refused),
        cmocka_unit_test(test_another_encoder_is_another_model),
        cmocka_unit_test(test_bad_calls),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
