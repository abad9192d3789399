/* SPDX-License-Identifier: Apache-2.0
 *
 * Embeddings in files: versioned, of one model, whole. A saved one is changed in one place at a
 * time; each must be refused by name.
 */
#define _GNU_SOURCE /* memmem */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/tiny.h"
#include "weights/safetensors.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { WIDTH = 100, HEIGHT = 60 };

static samc_embedding *embedding;
static char path[64];
static uint8_t file[1 << 16];
static size_t file_size;

static int setup(void **state)
{
    samc_image image = tiny_photo(WIDTH, HEIGHT, 0);
    int failed = tiny_setup(state);

    (void)snprintf(path, sizeof path, "samc_test_embedding_%ld", (long)getpid());
    failed = failed || !image.pixels ||
             samc_encode(context, model, &image, NULL, &embedding, NULL) != SAMC_OK;
    free((void *)(uintptr_t)image.pixels);
    return failed ? -1 : 0;
}

static int teardown(void **state)
{
    samc_embedding_free(embedding);
    (void)unlink(path);
    return tiny_teardown(state);
}

/* Saves the embedding and reads the file's bytes. */
static void save(samc_float type)
{
    FILE *f;

    assert_int_equal(samc_embedding_save(embedding, path, type, NULL), SAMC_OK);
    f = fopen(path, "rb");
    assert_non_null(f);
    file_size = fread(file, 1, sizeof file, f);
    assert_in_range(file_size, 1, sizeof file - 1);
    assert_int_equal(fclose(f), 0);
}

/* Loads the file with `to` in place of the first `from`, of the same length. */
static samc_status load_changed(const char *from, const char *to, samc_error *error)
{
    const size_t length = strlen(from);
    samc_embedding *e = NULL;
    samc_status status;
    size_t at = 0;
    FILE *f;

    assert_int_equal(strlen(to), length);
    while (at + length <= file_size && memcmp(file + at, from, length) != 0)
        at++;
    if (at + length > file_size)
        fail_msg("the file does not hold %s", from);
    memcpy(file + at, to, length);
    f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(file, 1, file_size, f), file_size);
    assert_int_equal(fclose(f), 0);
    memcpy(file + at, from, length);
    status = samc_embedding_load(model, path, &e, error);
    assert_true((status == SAMC_OK) == (e != NULL));
    samc_embedding_free(e);
    return status;
}

static void test_f16_is_the_same_to_half_precision(void **state)
{
    const float *right = samc_embedding_data(embedding);
    samc_embedding *e = NULL;
    int64_t different = 0;

    (void)state;
    save(SAMC_F16);
    assert_int_equal(samc_embedding_load(model, path, &e, NULL), SAMC_OK);
    for (int i = 0; i < 32 * 10 * 10; i++) {
        const float found = samc_embedding_data(e)[i];

        assert_true(fabsf(found - right[i]) <= 0x1p-11f * fabsf(right[i]) + 0x1p-25f);
        different += found != right[i];
    }
    assert_true(different > 0);
    samc_embedding_free(e);
}

/* guards: check_file in embedding.c, line by line */
static void test_changed_files_are_refused(void **state)
{
    samc_model_info info = SAMC_MODEL_INFO_INIT;
    samc_error error = {SAMC_OK, ""};
    char other[33];

    (void)state;
    save(SAMC_F32);
    assert_int_equal(load_changed("image_embedding", "image_embedding", &error), SAMC_OK);
    assert_int_equal(samc_model_get_info(model, &info, NULL), SAMC_OK);
    memcpy(other, info.identity, sizeof other);
    other[31] = other[31] == '0' ? '1' : '0';
    assert_int_equal(load_changed(info.identity, other, &error), SAMC_ERROR_MODEL);
    assert_non_null(strstr(error.message, "made by another model"));
    assert_non_null(strstr(error.message, other));
    assert_int_equal(load_changed("\"format_version\":\"1\"", "\"format_version\":\"2\"", &error),
                     SAMC_ERROR_UNSUPPORTED);
    assert_non_null(strstr(error.message, "version 2"));
    assert_int_equal(load_changed("samc image embedding", "samc image embeddinG", &error),
                     SAMC_ERROR_FORMAT);
    assert_int_equal(load_changed("\"photo_width\":\"100\"", "\"photo_width\":\"000\"", &error),
                     SAMC_ERROR_FORMAT);
    assert_int_equal(load_changed("\"photo_height\":\"60\"", "\"photo_height\":\"6x\"", &error),
                     SAMC_ERROR_FORMAT);
    assert_int_equal(load_changed("[32,10,10]", "[10,32,10]", &error), SAMC_ERROR_FORMAT);
    assert_non_null(strstr(error.message, "shape"));
}

/* guard: the look at every number in samc_embedding_load */
static void test_numbers_that_are_not_finite(void **state)
{
    static const float bad[] = {NAN, INFINITY};
    samc_error error = {SAMC_OK, ""};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        save(SAMC_F32);
        memcpy(file + file_size - sizeof bad[i], &bad[i], sizeof bad[i]);
        assert_int_equal(load_changed("image_embedding", "image_embedding", &error),
                         SAMC_ERROR_FORMAT);
        assert_non_null(strstr(error.message, "value 3199 is not finite"));
    }
}

/* A model that differs in one number has another identity. guard: the comparison in samc_predict */
static void test_an_embedding_of_another_model(void **state)
{
    static const float xy[] = {10, 10};
    static const int32_t label = 1;
    const samc_tensor *list[512];
    samc_tensor changed;
    float *values = NULL;
    samc_tensors *tensors = NULL;
    samc_prompt prompt = SAMC_PROMPT_INIT;
    samc_masks masks = SAMC_MASKS_INIT;
    samc_model *other = NULL;
    samc_error error = {SAMC_OK, ""};
    size_t count;

    (void)state;
    assert_int_equal(samc_tensors_open(SAMC_TEST_GOLDEN "/tiny.pth", &tensors, NULL), SAMC_OK);
    count = samc_tensors_count(tensors);
    assert_in_range(count, 1, 512);
    for (size_t i = 0; i < count; i++)
        list[i] = samc_tensors_at(tensors, i);
    changed = *list[0];
    values = malloc((size_t)samc_tensor_elements(&changed) * sizeof *values);
    assert_non_null(values);
    samc_tensor_to_f32(&changed, 0, samc_tensor_elements(&changed), values);
    values[0] += 1.0f;
    changed.data = (const uint8_t *)values;
    changed.dtype = SAMC_DTYPE_F32;
    list[0] = &changed;
    assert_int_equal(samc_safetensors_write(path, list, count, SAMC_DTYPE_F32, NULL, 0, NULL),
                     SAMC_OK);
    assert_int_equal(samc_model_load(context, path, NULL, &other, NULL), SAMC_OK);
    prompt.points = xy;
    prompt.labels = &label;
    prompt.n_points = 1;
    assert_int_equal(samc_predict(context, other, embedding, &prompt, 1, NULL, &masks, &error),
                     SAMC_ERROR_MODEL);
    assert_non_null(strstr(error.message, "another model"));
    samc_model_free(other);
    samc_tensors_close(tensors);
    free(values);
}

/* The same model from bytes that are gone when it computes. */
static void test_a_model_from_memory(void **state)
{
    samc_model_info from_file = SAMC_MODEL_INFO_INIT, from_memory = SAMC_MODEL_INFO_INIT;
    FILE *f = fopen(SAMC_TEST_GOLDEN "/tiny.pth", "rb");
    samc_image image = tiny_photo(WIDTH, HEIGHT, 0);
    samc_embedding *e = NULL;
    samc_model *m = NULL;
    uint8_t *bytes;
    long size;

    (void)state;
    assert_non_null(f);
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    size = ftell(f);
    assert_true(size > 0);
    rewind(f);
    bytes = malloc((size_t)size);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, (size_t)size, f), size);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(samc_model_load_memory(context, bytes, (size_t)size, NULL, &m, NULL), SAMC_OK);
    memset(bytes, 0xff, (size_t)size);
    free(bytes);
    assert_int_equal(samc_model_get_info(model, &from_file, NULL), SAMC_OK);
    assert_int_equal(samc_model_get_info(m, &from_memory, NULL), SAMC_OK);
    assert_string_equal(from_file.identity, from_memory.identity);
    assert_int_equal(samc_encode(context, m, &image, NULL, &e, NULL), SAMC_OK);
    assert_memory_equal(samc_embedding_data(e), samc_embedding_data(embedding),
                        32 * 10 * 10 * sizeof(float));
    free((void *)(uintptr_t)image.pixels);
    samc_embedding_free(e);
    samc_model_free(m);
}

/* The bytes in memory are the file's, and load as the file does; a byte less does not. */
static void test_bytes_in_memory(void **state)
{
    static const samc_float types[] = {SAMC_F32, SAMC_F16};
    samc_error error = {SAMC_OK, ""};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        samc_embedding *from_file = NULL, *from_memory = NULL;
        int32_t width, height;
        void *bytes = NULL;
        size_t size = 0;

        save(types[i]);
        assert_int_equal(samc_embedding_save_memory(embedding, types[i], &bytes, &size, NULL),
                         SAMC_OK);
        assert_int_equal(size, file_size);
        assert_memory_equal(bytes, file, size);
        for (size_t cut = 0; cut < size; cut += cut < 400 ? 1 : 997) {
            assert_int_equal(samc_embedding_load_memory(model, bytes, cut, &from_memory, &error),
                             SAMC_ERROR_FORMAT);
            assert_null(from_memory);
        }
        assert_int_equal(samc_embedding_load_memory(model, bytes, size, &from_memory, NULL),
                         SAMC_OK);
        memset(bytes, 0xff, size); /* nothing of it is kept */
        samc_bytes_free(bytes);
        assert_int_equal(samc_embedding_load(model, path, &from_file, NULL), SAMC_OK);
        assert_memory_equal(samc_embedding_data(from_memory), samc_embedding_data(from_file),
                            sizeof(float) * 32 * 10 * 10);
        samc_embedding_photo_size(from_memory, &width, &height);
        assert_int_equal(width, WIDTH);
        assert_int_equal(height, HEIGHT);
        samc_embedding_free(from_file);
        samc_embedding_free(from_memory);
    }
}

static void test_bytes_refused(void **state)
{
    samc_model_info info = SAMC_MODEL_INFO_INIT;
    samc_error error = {SAMC_OK, ""};
    samc_embedding *e = NULL;
    void *bytes = NULL;
    size_t size = 0;
    char *found;

    (void)state;
    assert_int_equal(samc_embedding_save_memory(NULL, SAMC_F32, &bytes, &size, &error),
                     SAMC_ERROR_ARGUMENT);
    assert_int_equal(samc_embedding_save_memory(embedding, (samc_float)2, &bytes, &size, &error),
                     SAMC_ERROR_ARGUMENT);
    assert_null(bytes);
    assert_int_equal(samc_embedding_load_memory(model, NULL, 0, &e, &error), SAMC_ERROR_ARGUMENT);
    assert_int_equal(samc_embedding_load_memory(model, "gibberish", 9, &e, &error),
                     SAMC_ERROR_FORMAT);
    assert_int_equal(samc_embedding_save_memory(embedding, SAMC_F32, &bytes, &size, NULL), SAMC_OK);
    assert_int_equal(samc_model_get_info(model, &info, NULL), SAMC_OK);
    found = memmem(bytes, size, info.identity, 32);
    assert_non_null(found);
    found[0] = found[0] == '0' ? '1' : '0';
    assert_int_equal(samc_embedding_load_memory(model, bytes, size, &e, &error), SAMC_ERROR_MODEL);
    assert_non_null(strstr(error.message, "made by another model"));
    assert_null(e);
    samc_bytes_free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_f16_is_the_same_to_half_precision),
        cmocka_unit_test(test_changed_files_are_refused),
        cmocka_unit_test(test_numbers_that_are_not_finite),
        cmocka_unit_test(test_an_embedding_of_another_model),
        cmocka_unit_test(test_a_model_from_memory),
        cmocka_unit_test(test_bytes_in_memory),
        cmocka_unit_test(test_bytes_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
