/* SPDX-License-Identifier: Apache-2.0
 *
 * The trainable tensors of the tiny golden model.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "image_size_golden.h"
#include "train/image_size.h"
#include "train/params.h"
#include "weights/safetensors.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_TENSORS 512

static samc_tensors *tiny;
static samc_tensor tensors[MAX_TENSORS];
static const samc_tensor *list[MAX_TENSORS];
static size_t count;
static char path[64];

static int setup(void **state)
{
    (void)state;
    (void)snprintf(path, sizeof path, "samc_test_params_%ld.safetensors", (long)getpid());
    return samc_tensors_open(SAMC_TEST_GOLDEN "/tiny.pth", &tiny, NULL) == SAMC_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    samc_tensors_close(tiny);
    (void)unlink(path);
    return 0;
}

static void test_everything_is_copied_in_order(void **state)
{
    samc_params params;
    int64_t offset = 0;

    (void)state;
    assert_int_equal(samc_params_load(tiny, NULL, &params, NULL), SAMC_OK);
    assert_int_equal(params.n_params, samc_tensors_count(tiny));
    for (size_t i = 0; i < params.n_params; i++) {
        const samc_param *p = &params.list[i];
        const samc_tensor *t = samc_tensors_at(tiny, i);
        float *values = malloc((size_t)p->count * sizeof *values);

        assert_non_null(values);
        assert_string_equal(p->name, t->name);
        assert_int_equal(p->n_dims, t->n_dims);
        assert_memory_equal(p->shape, t->shape, (size_t)t->n_dims * sizeof t->shape[0]);
        assert_int_equal(p->offset, offset);
        assert_int_equal(p->count, samc_tensor_elements(t));
        samc_tensor_to_f32(t, 0, p->count, values);
        assert_memory_equal(params.values + offset, values, (size_t)p->count * sizeof *values);
        free(values);
        assert_ptr_equal(samc_params_find(&params, p->name), p);
        offset += p->count;
    }
    assert_int_equal(params.total, offset);
    assert_memory_equal(params.ema, params.values, (size_t)offset * sizeof(float));
    for (int64_t i = 0; i < offset; i++)
        assert_true(params.gradients[i] == 0.0f && params.moment1[i] == 0.0f &&
                    params.moment2[i] == 0.0f);
    assert_null(samc_params_find(&params, "image_encoder.nothing"));
    samc_params_free(&params);
    assert_null(params.values);
    samc_params_free(&params); /* a cleared one is fine */
}

static void test_layers_and_decay(void **state)
{
    static const struct {
        const char *name;
        int32_t layer; /* -1: behind the encoder */
        int decays, trained;
    } want[] = {
        {"image_encoder.patch_embed.proj.weight", 0, 1, 1},
        {"image_encoder.patch_embed.proj.bias", 0, 0, 1},
        {"image_encoder.pos_embed", 0, 0, 1},
        {"image_encoder.blocks.0.norm1.weight", 1, 0, 1},
        {"image_encoder.blocks.0.attn.qkv.weight", 1, 1, 1},
        {"image_encoder.blocks.1.attn.rel_pos_h", 2, 0, 1},
        {"image_encoder.blocks.1.attn.rel_pos_w", 2, 0, 1},
        {"image_encoder.blocks.1.mlp.lin2.bias", 2, 0, 1},
        {"image_encoder.neck.0.weight", -1, 1, 1},
        {"image_encoder.neck.1.weight", -1, 0, 1},
        {"prompt_encoder.pe_layer.positional_encoding_gaussian_matrix", -1, 0, 0},
        {"prompt_encoder.point_embeddings.3.weight", -1, 0, 1},
        {"prompt_encoder.not_a_point_embed.weight", -1, 0, 1},
        {"prompt_encoder.no_mask_embed.weight", -1, 0, 1},
        {"prompt_encoder.mask_downscaling.3.weight", -1, 1, 1},
        {"mask_decoder.iou_token.weight", -1, 0, 1},
        {"mask_decoder.mask_tokens.weight", -1, 0, 1},
        {"mask_decoder.transformer.layers.0.cross_attn_token_to_image.q_proj.weight", -1, 1, 1},
        {"mask_decoder.output_upscaling.0.weight", -1, 1, 1},
        {"mask_decoder.iou_prediction_head.layers.0.bias", -1, 0, 1},
    };
    samc_params params;

    (void)state;
    assert_int_equal(samc_params_load(tiny, NULL, &params, NULL), SAMC_OK);
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        const samc_param *p = samc_params_find(&params, want[i].name);

        if (!p)
            fail_msg("%s is missing", want[i].name);
        assert_int_equal(p->layer, want[i].layer < 0 ? params.config.depth + 1 : want[i].layer);
        assert_int_equal(p->decays, want[i].decays);
        assert_int_equal(p->trained, want[i].trained);
    }
    samc_params_free(&params);
}

/* Begins with all tensors as they are. */
static void begin(void)
{
    count = samc_tensors_count(tiny);
    assert_in_range(count, 1, MAX_TENSORS - 2);
    for (size_t i = 0; i < count; i++) {
        tensors[i] = *samc_tensors_at(tiny, i);
        list[i] = &tensors[i];
    }
}

static samc_status load(samc_params *params, samc_error *error)
{
    samc_tensors *file;
    samc_status status;

    assert_int_equal(samc_safetensors_write(path, list, count, SAMC_DTYPE_F32, NULL, 0, error),
                     SAMC_OK);
    assert_int_equal(samc_tensors_open(path, &file, error), SAMC_OK);
    status = samc_params_load(file, NULL, params, error);
    samc_tensors_close(file);
    return status;
}

static void test_what_is_wrong_is_named(void **state)
{
    static const float bad = NAN;
    samc_params params;
    samc_error error;
    size_t norm = 0;

    (void)state;
    begin();
    while (strcmp(tensors[norm].name, "image_encoder.neck.1.bias") != 0)
        norm++;
    tensors[norm].name = "image_encoder.neck.1.beta";
    for (size_t i = 0; i < count; i++)
        if (strcmp(tensors[i].name, "mask_decoder.iou_token.weight") == 0) {
            tensors[i].data = (const uint8_t *)&bad; /* one value again and again */
            memset(tensors[i].strides, 0, sizeof tensors[i].strides);
        }
    assert_int_equal(load(&params, &error), SAMC_ERROR_MODEL);
    assert_non_null(strstr(error.message, "image_encoder.neck.1.bias is missing"));
    assert_non_null(strstr(error.message, "image_encoder.neck.1.beta is extra"));
    assert_non_null(strstr(error.message, "iou_token.weight has infinite or NaN values"));
    assert_null(params.values);
}

/* A training checkpoint is a model with more in it. */
static void test_training_state_is_passed_over(void **state)
{
    samc_params params;
    samc_error error;

    (void)state;
    begin();
    for (size_t i = 0; i < 2; i++) {
        tensors[count] = tensors[0];
        tensors[count].name = i ? "ema.image_encoder.pos_embed"
                                : "optimizer.m.image_encoder.pos_embed";
        list[count] = &tensors[count];
        count++;
    }
    assert_int_equal(load(&params, &error), SAMC_OK);
    assert_int_equal(params.n_params, count - 2);
    samc_params_free(&params);
}

/* Channels 0 and 17 of `rows` rows beside torch's numbers. */
static void assert_channels(const samc_params *params, const char *name, int64_t rows,
                            const float *golden)
{
    static const int64_t channels[] = {0, 17};
    const samc_param *p = samc_params_find(params, name);
    const int64_t width = p->shape[p->n_dims - 1];

    assert_int_equal(p->count, rows * width);
    for (int64_t c = 0; c < 2; c++)
        for (int64_t i = 0; i < rows; i++) {
            const int64_t at = p->offset + i * width + channels[c];

            assert_true(fabsf(params->values[at] - golden[c * rows + i]) < 1e-6f);
            assert_true(params->ema[at] == params->values[at]);
        }
}

static void check_size(int32_t grid, const float *positions, const float *relative)
{
    samc_params params, old;

    assert_int_equal(samc_params_load(tiny, NULL, &old, NULL), SAMC_OK);
    assert_int_equal(samc_params_load(tiny, NULL, &params, NULL), SAMC_OK);
    assert_int_equal(samc_params_set_image_size(&params, 16 * grid, NULL), SAMC_OK);
    assert_int_equal(params.config.grid, grid);
    assert_int_equal(params.config.image_size, 16 * grid);
    assert_int_equal(params.config.window, 4);
    assert_channels(&params, "image_encoder.pos_embed", (int64_t)grid * grid, positions);
    assert_channels(&params, "image_encoder.blocks.1.attn.rel_pos_w", 2 * (int64_t)grid - 1,
                    relative);
    assert_int_equal(params.n_params, old.n_params);
    for (size_t i = 0; i < old.n_params; i++) {
        const samc_param *p = &old.list[i], *q = &params.list[i];

        assert_string_equal(p->name, q->name);
        assert_true(p->layer == q->layer && p->decays == q->decays && p->trained == q->trained);
        if (p->count == q->count)
            assert_memory_equal(old.values + p->offset, params.values + q->offset,
                                (size_t)p->count * sizeof *old.values);
    }
    samc_params_free(&params);
    samc_params_free(&old);
}

static void test_another_image_size(void **state)
{
    (void)state;
    check_size(13, positions_13, relative_13);
    check_size(7, positions_7, relative_7);
}

static void test_image_sizes_that_cannot_be(void **state)
{
    static const struct {
        int32_t size;
        const char *why;
    } bad[] = {{100, "take a multiple of its patch, 16"},
               {0, "take a multiple"},
               {8192, "up to 4096"},
               {64, "windows of 64 pixels"}};
    samc_params params;
    samc_error error;

    (void)state;
    assert_int_equal(samc_params_load(tiny, NULL, &params, NULL), SAMC_OK);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(samc_params_set_image_size(&params, bad[i].size, &error),
                         SAMC_ERROR_ARGUMENT);
        assert_non_null(strstr(error.message, bad[i].why));
        assert_int_equal(params.config.grid, 10);
    }
    samc_params_free(&params);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything_is_copied_in_order),
        cmocka_unit_test(test_layers_and_decay),
        cmocka_unit_test(test_what_is_wrong_is_named),
        cmocka_unit_test(test_training_state_is_passed_over),
        cmocka_unit_test(test_another_image_size),
        cmocka_unit_test(test_image_sizes_that_cannot_be),
    };

    return cmocka_run_group_tests_name("params", tests, setup, teardown);
}
