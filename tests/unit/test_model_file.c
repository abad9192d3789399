/* SPDX-License-Identifier: Apache-2.0
 *
 * Checkpoints that do not fit: every tensor that is wrong is named. (The tiny golden model, mended
 * in one place at a time.)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "weights/safetensors.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_TENSORS 512

static samc_context *context;
static samc_tensors *tiny;
static samc_tensor tensors[MAX_TENSORS];
static const samc_tensor *list[MAX_TENSORS];
static size_t count;
static char path[64];

static int setup(void **state)
{
    (void)state;
    (void)snprintf(path, sizeof path, "samc_test_model_%ld.safetensors", (long)getpid());
    if (samc_context_create(NULL, &context, NULL) != SAMC_OK)
        return -1;
    return samc_tensors_open(SAMC_TEST_GOLDEN "/tiny.pth", &tiny, NULL) == SAMC_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    samc_tensors_close(tiny);
    samc_context_free(context);
    (void)unlink(path);
    return 0;
}

/* Begins with all tensors as they are. */
static void begin(void)
{
    count = samc_tensors_count(tiny);
    assert_in_range(count, 1, MAX_TENSORS - 1);
    for (size_t i = 0; i < count; i++) {
        tensors[i] = *samc_tensors_at(tiny, i);
        list[i] = &tensors[i];
    }
}

static samc_tensor *named(const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(tensors[i].name, name) == 0)
            return &tensors[i];
    fail_msg("the tiny model has no tensor %s", name);
    return NULL;
}

static samc_status load(samc_error *error)
{
    samc_model *model = NULL;
    samc_status status;

    assert_int_equal(samc_safetensors_write(path, list, count, SAMC_DTYPE_F32, NULL, 0, error),
                     SAMC_OK);
    status = samc_model_load(context, path, NULL, &model, error);
    assert_true((status == SAMC_OK) == (model != NULL));
    samc_model_free(model);
    return status;
}

static void test_whole_model_loads(void **state)
{
    samc_error error;

    (void)state;
    begin();
    assert_int_equal(load(&error), SAMC_OK);
}

static void test_missing_tensors_are_named(void **state)
{
    samc_error error;

    (void)state;
    begin();
    *named("mask_decoder.iou_token.weight") = tensors[count - 1];
    list[count - 1] = NULL;
    count--;
    assert_int_equal(load(&error), SAMC_ERROR_MODEL);
    assert_non_null(strstr(error.message, "mask_decoder.iou_token.weight is missing"));
    assert_ptr_equal(strstr(error.message, path), error.message); /* and so is the file */
}

static void test_extra_tensors_are_named(void **state)
{
    samc_error error;

    (void)state;
    begin();
    tensors[count] = tensors[0];
    tensors[count].name = "text_encoder.odd";
    list[count] = &tensors[count];
    count++;
    assert_int_equal(load(&error), SAMC_ERROR_MODEL);
    assert_non_null(strstr(error.message, "text_encoder.odd is extra"));
}

static void test_misshapen_tensors_are_named(void **state)
{
    samc_error error;
    samc_tensor *t;

    (void)state;
    begin();
    t = named("image_encoder.blocks.1.mlp.lin2.bias");
    t->shape[0]--;
    t = named("mask_decoder.transformer.layers.1.norm4.weight");
    t->shape[0] /= 2;
    assert_int_equal(load(&error), SAMC_ERROR_MODEL);
    assert_non_null(strstr(error.message, "2 tensors"));
    assert_non_null(strstr(error.message, "image_encoder.blocks.1.mlp.lin2.bias is ["));
    assert_non_null(strstr(error.message, "mask_decoder.transformer.layers.1.norm4.weight is ["));
}

static void test_values_that_are_not_finite_are_named(void **state)
{
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    samc_error error;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        samc_tensor *t;
        int64_t n;
        float *values;

        begin();
        t = named("image_encoder.blocks.0.norm2.weight");
        n = samc_tensor_elements(t);
        values = malloc((size_t)n * sizeof *values);
        assert_non_null(values);
        samc_tensor_to_f32(t, 0, n, values);
        values[n - 1] = bad[i];
        t->data = (const uint8_t *)values;
        t->dtype = SAMC_DTYPE_F32;
        assert_int_equal(load(&error), SAMC_ERROR_MODEL);
        assert_non_null(strstr(error.message, "1 tensor does not fit: "
                                              "image_encoder.blocks.0.norm2.weight has infinite"));
        free(values);
    }
}

static void test_files_that_are_no_model(void **state)
{
    samc_error error;
    samc_model *model = NULL;

    (void)state;
    assert_int_equal(samc_model_load(context, "no/such/file.pth", NULL, &model, &error),
                     SAMC_ERROR_IO);
    assert_non_null(strstr(error.message, "no/such/file.pth"));
    begin();
    count = 1;
    assert_int_equal(load(&error), SAMC_ERROR_MODEL);
    assert_non_null(strstr(error.message, "no SAM checkpoint"));
    assert_int_equal(samc_model_load_memory(context, "PK", 2, NULL, &model, &error),
                     SAMC_ERROR_FORMAT);
    assert_null(model);
}

static void test_identity_follows_the_weights(void **state)
{
    samc_model_info a = SAMC_MODEL_INFO_INIT, b = SAMC_MODEL_INFO_INIT;
    samc_model *model = NULL;
    float *values;
    samc_tensor *t;

    (void)state;
    assert_int_equal(samc_model_load(context, SAMC_TEST_GOLDEN "/tiny.pth", NULL, &model, NULL),
                     SAMC_OK);
    assert_int_equal(samc_model_get_info(model, &a, NULL), SAMC_OK);
    samc_model_free(model);
    begin();
    t = named("image_encoder.neck.1.bias");
    values = malloc((size_t)samc_tensor_elements(t) * sizeof *values);
    assert_non_null(values);
    samc_tensor_to_f32(t, 0, samc_tensor_elements(t), values);
    values[3] = nextafterf(values[3], 9.0f);
    t->data = (const uint8_t *)values;
    t->dtype = SAMC_DTYPE_F32;
    assert_int_equal(samc_safetensors_write(path, list, count, SAMC_DTYPE_F32, NULL, 0, NULL),
                     SAMC_OK);
    assert_int_equal(samc_model_load(context, path, NULL, &model, NULL), SAMC_OK);
    assert_int_equal(samc_model_get_info(model, &b, NULL), SAMC_OK);
    assert_string_not_equal(a.identity, b.identity);
    assert_int_equal(a.parameters, b.parameters);
    samc_model_free(model);
    free(values);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_model_loads),
        cmocka_unit_test(test_missing_tensors_are_named),
        cmocka_unit_test(test_extra_tensors_are_named),
        cmocka_unit_test(test_misshapen_tensors_are_named),
        cmocka_unit_test(test_values_that_are_not_finite_are_named),
        cmocka_unit_test(test_files_that_are_no_model),
        cmocka_unit_test(test_identity_follows_the_weights),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
