/* SPDX-License-Identifier: Apache-2.0
 *
 * Pre-training: what is hidden, an encoder that learns to see it, runs that resume, and models that
 * begin with new weights. (Gradients: tools/parity/parity_train.py.)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "train/fresh.h"
#include "train/image_size.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char recipe[] = "{\"sources\": [{\"type\": \"shapes\", \"pool\": 6}]}";

#include "unit/training_case.h"

static int begins_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* ---------------------------------------------------------------------------- hiding */

static void test_the_share_is_hidden_within_the_photo(void **state)
{
    const samc_config config = {.image_size = 128, .patch_size = 8, .grid = 16};
    samc_mae_options options = {0.5, 2};
    uint8_t hidden[3][256];
    int n = 0;

    (void)state;
    /* 128 x 61 pixels: 16 x 8 tokens, 8 x 4 squares, of which 16 are hidden */
    assert_int_equal(samc_mae_hide(&config, &options, 1, 7, 128, 61, hidden[0], NULL), SAMC_OK);
    assert_int_equal(samc_mae_hide(&config, &options, 1, 7, 128, 61, hidden[1], NULL), SAMC_OK);
    assert_int_equal(samc_mae_hide(&config, &options, 1, 8, 128, 61, hidden[2], NULL), SAMC_OK);
    assert_memory_equal(hidden[0], hidden[1], 256);
    assert_memory_not_equal(hidden[0], hidden[2], 256);
    for (int i = 0; i < 256; i++) {
        const int corner = i / 32 * 32 + i % 16 / 2 * 2;

        n += hidden[0][i];
        assert_int_equal(hidden[0][i], hidden[0][corner]);
        assert_true(i < 128 || !hidden[0][i]);
    }
    assert_int_equal(n, 64);
    options.share = 0.01; /* less than a square: one, and what of it is in the photo */
    assert_int_equal(samc_mae_hide(&config, &options, 1, 7, 3, 128, hidden[0], NULL), SAMC_OK);
    n = 0;
    for (int i = 0; i < 256; i++) {
        n += hidden[0][i];
        assert_true(i % 16 == 0 || !hidden[0][i]);
    }
    assert_int_equal(n, 2);
}

/* ---------------------------------------------------------------------------- learning */

static void test_the_loss_falls_on_a_few_photos(void **state)
{
    static const char how[] = "batch=4 rate=0.002 warmup=5 hide=0.5 weight-decay=0";
    samc_train_batch batch = {0};
    samc_train_settings settings;
    samc_step_report report;
    samc_trainer *trainer;
    samc_params params, before;
    double first = 0.0, last = 0.0;
    const uint8_t *hidden;
    const float *painted;

    (void)state;
    load(&params);
    load(&before);
    assert_int_equal(samc_mae_add(&params, 1, NULL), SAMC_OK);
    samc_train_settings_begin(&settings, 1);
    assert_int_equal(samc_train_settings_parse(&settings, how, NULL), SAMC_OK);
    assert_int_equal(samc_trainer_create(contexts[1], &params, &settings, 1, NULL, &trainer, NULL),
                     SAMC_OK);
    assert_int_equal(samc_trainer_paint(trainer, &painted, &hidden, NULL), SAMC_OK);
    assert_int_equal(samc_train_batch_make(&params.config, samples, 1, 0, 4, 1, &batch, NULL),
                     SAMC_OK);
    for (int64_t step = 0; step < 150; step++) {
        assert_int_equal(samc_trainer_step(trainer, step, &batch, &report, NULL), SAMC_OK);
        first = step == 0 ? report.rounds.loss : first;
        last = report.rounds.loss;
    }
    assert_true(first > 0.8 && first < 1.5); /* normalised pixels: 1 is knowing nothing */
    if (!(last < 0.5 * first))
        fail_msg("the loss went from %g to %g only", first, last);
    for (size_t i = 0; i < before.n_params; i++) {
        const samc_param *p = &before.list[i];
        const int same = memcmp(params.values + p->offset, before.values + p->offset,
                                (size_t)p->count * sizeof(float)) == 0;

        assert_string_equal(p->name, params.list[i].name);
        assert_int_equal(same, !begins_with(p->name, "image_encoder."));
    }
    /* what was seen is shown as it is, what was hidden as it was painted */
    for (int64_t i = 0, n = params.config.grid * params.config.grid; i < 4 * n; i++) {
        const size_t patch = 3 * (size_t)params.config.patch_size *
                             (size_t)params.config.patch_size;

        assert_int_equal(memcmp(painted + (size_t)i * patch, batch.patches + (size_t)i * patch,
                                patch * sizeof(float)) != 0,
                         hidden[i]);
    }
    samc_trainer_free(trainer);
    samc_train_batch_free(&batch);
    samc_params_free(&params);
    samc_params_free(&before);
}

/* ---------------------------------------------------------------------------- runs */

static int stop_at(void *user, const samc_run_tick *tick)
{
    return tick->step == *(const int64_t *)user;
}

/* The options of a run until `step`; `path` takes the folder's name. */
static samc_run_options options_of(const char *name, int64_t *step, char path[128])
{
    static const char *const quick[] = {"batch=2 drop-path=0.3 warmup=2 rate=0.001"};

    (void)snprintf(path, 128, "%s/%s", folder, name);
    return (samc_run_options){.folder = path,
                              .pretrain = 1,
                              .from = SAMC_TEST_GOLDEN "/tiny.pth",
                              .ema = 1,
                              .seed = 4,
                              .settings = quick,
                              .n_settings = 1,
                              .row_steps = 1,
                              .recipe = recipe,
                              .samples = samples,
                              .tick = stop_at,
                              .user = step};
}

static samc_status run_until(const char *name, int resume, int which, int64_t step)
{
    char path[128];
    samc_run_options options = options_of(name, &step, path);

    options.resume = resume;
    options.n_settings = !resume;
    return samc_run(contexts[which], &options, NULL);
}

static void remove_run(const char *name)
{
    static const char *const files[] = {"checkpoint.safetensors", "checkpoint.safetensors.previous",
                                        "metrics.csv", "report.html"};
    char path[192];

    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/%s/%s", folder, name, files[i]);
        (void)unlink(path);
    }
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(rmdir(path), 0);
}

static void restore(const char *name, const char *more, samc_params *params)
{
    samc_checkpoint_state at;
    samc_tensors *tensors;
    char path[192];

    (void)snprintf(path, sizeof path, "%s/%s/checkpoint.safetensors", folder, name);
    assert_int_equal(samc_tensors_open(path, &tensors, NULL), SAMC_OK);
    assert_int_equal(samc_checkpoint_restore(tensors, more, params, &at, NULL), SAMC_OK);
    samc_tensors_close(tensors);
}

/* One run on two threads; another one, on one thread, that is stopped twice. */
static void test_a_resumed_run_is_the_unbroken_one(void **state)
{
    samc_params whole, broken;

    (void)state;
    assert_int_equal(run_until("whole", 0, 1, 7), SAMC_OK);
    assert_int_equal(run_until("broken", 0, 0, 3), SAMC_OK);
    assert_int_equal(run_until("broken", 1, 0, 4), SAMC_OK);
    assert_int_equal(run_until("broken", 1, 0, 7), SAMC_OK);
    restore("whole", SAMC_MAE, &whole);
    restore("broken", SAMC_MAE, &broken);
    assert_non_null(samc_params_find(&whole, SAMC_MAE "head.2.bias"));
    assert_int_equal(whole.total, broken.total);
    for (int i = 0; i < 4; i++) {
        const float *a[] = {whole.values, whole.ema, whole.moment1, whole.moment2};
        const float *b[] = {broken.values, broken.ema, broken.moment1, broken.moment2};

        assert_memory_equal(a[i], b[i], (size_t)whole.total * sizeof(float));
    }
    samc_params_free(&whole);
    samc_params_free(&broken);
    remove_run("whole");
    remove_run("broken");
}

static const float *values_of(const samc_params *params, const char *name)
{
    const samc_param *p = samc_params_find(params, name);

    assert_non_null(p);
    return params->values + p->offset;
}

/* A run on masks goes on from one on pixels, or takes its encoder only; neither resumes the
 * other. */
static void test_training_goes_on_from_it(void **state)
{
    static const char encoder[] = "image_encoder.blocks.1.mlp.lin1.weight";
    static const char decoder[] = "mask_decoder.iou_token.weight";
    static const char *const still[] = {"batch=2 masks=1 rounds=1 rate=0"};
    char path[128], begun[192];
    int64_t step = 1;
    samc_run_options options;
    samc_params pre, trained, tiny;
    samc_error error;

    (void)state;
    load(&tiny);
    assert_int_equal(run_until("pre", 0, 0, 3), SAMC_OK);
    restore("pre", NULL, &pre);
    assert_null(samc_params_find(&pre, SAMC_MAE "mask_token"));
    (void)snprintf(begun, sizeof begun, "%s/pre/checkpoint.safetensors", folder);
    for (int i = 0; i < 2; i++) {
        const float *want = pre.ema + samc_params_find(&pre, encoder)->offset;

        options = options_of("masks", &step, path);
        options.pretrain = 0;
        options.settings = still;
        if (i)
            options.encoder = begun;
        else
            options.from = begun;
        assert_int_equal(samc_run(contexts[0], &options, &error), SAMC_OK);
        restore("masks", NULL, &trained);
        assert_memory_equal(values_of(&trained, encoder), want, 64 * sizeof(float));
        assert_memory_equal(values_of(&trained, decoder), values_of(&tiny, decoder),
                            16 * sizeof(float));
        samc_params_free(&trained);
        if (i == 0)
            remove_run("masks");
    }
    options.resume = 1;
    options.pretrain = 1;
    assert_int_equal(samc_run(contexts[0], &options, &error), SAMC_ERROR_ARGUMENT);
    assert_non_null(strstr(error.message, "is a run of `samc train`"));
    options = options_of("pre", &step, path);
    options.pretrain = 0;
    options.resume = 1;
    assert_int_equal(samc_run(contexts[0], &options, &error), SAMC_ERROR_ARGUMENT);
    assert_non_null(strstr(error.message, "is a run of `samc pretrain`"));
    samc_params_free(&pre);
    samc_params_free(&tiny);
    remove_run("pre");
    remove_run("masks");
}

/* ---------------------------------------------------------------------------- new weights */

/* The small size has the tensors of the model that samc ships with, whose last photos were larger;
 * a checkpoint of it loads. */
static void test_new_weights_make_a_model(void **state)
{
    const samc_checkpoint_state at = {.seed = 1};
    samc_params fresh, other, back, larger;
    char path[128];
    samc_tensors *tensors;
    double sum = 0.0, squares = 0.0;
    const samc_param *qkv;

    (void)state;
    assert_int_equal(samc_params_fresh("huge", 1, &fresh, NULL), SAMC_ERROR_ARGUMENT);
    assert_int_equal(samc_params_fresh("small", 1, &fresh, NULL), SAMC_OK);
    assert_int_equal(samc_params_fresh("small", 2, &other, NULL), SAMC_OK);
    assert_int_equal(samc_tensors_open(SAMC_TEST_MODEL, &tensors, NULL), SAMC_OK);
    assert_int_equal(samc_params_fresh("small", 1, &larger, NULL), SAMC_OK);
    assert_int_equal(samc_params_set_image_size(&larger, 512, NULL), SAMC_OK);
    assert_int_equal(larger.n_params, samc_tensors_count(tensors));
    for (size_t i = 0; i < larger.n_params; i++) {
        const samc_param *p = &larger.list[i];
        const samc_tensor *t = samc_tensors_find(tensors, p->name);

        if (!t || t->n_dims != p->n_dims ||
            memcmp(t->shape, p->shape, (size_t)p->n_dims * sizeof p->shape[0]) != 0)
            fail_msg("%s is not as in the model", p->name);
    }
    samc_params_free(&larger);
    samc_tensors_close(tensors);
    (void)snprintf(path, sizeof path, "%s/fresh.safetensors", folder);
    assert_int_equal(samc_checkpoint_save(path, &fresh, &at, NULL, 0, NULL), SAMC_OK);
    assert_int_equal(samc_tensors_open(path, &tensors, NULL), SAMC_OK);
    assert_int_equal(samc_params_load(tensors, NULL, &back, NULL), SAMC_OK);
    assert_memory_equal(back.values, fresh.values, (size_t)fresh.total * sizeof(float));
    samc_tensors_close(tensors);
    (void)unlink(path);
    qkv = samc_params_find(&fresh, "image_encoder.blocks.3.attn.qkv.weight");
    for (int64_t i = 0; i < qkv->count; i++) {
        const double v = (double)fresh.values[qkv->offset + i];

        sum += v;
        squares += v * v;
    }
    assert_true(sum / (double)qkv->count < 1e-3 && sum / (double)qkv->count > -1e-3);
    assert_true(squares / (double)qkv->count > 0.00038 && squares / (double)qkv->count < 0.00042);
    assert_memory_not_equal(fresh.values + qkv->offset, other.values + qkv->offset, 4096);
    samc_params_free(&fresh);
    samc_params_free(&other);
    samc_params_free(&back);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_share_is_hidden_within_the_photo),
        cmocka_unit_test(test_the_loss_falls_on_a_few_photos),
        cmocka_unit_test(test_a_resumed_run_is_the_unbroken_one),
        cmocka_unit_test(test_training_goes_on_from_it),
        cmocka_unit_test(test_new_weights_make_a_model),
    };

    return cmocka_run_group_tests_name("pretrain", tests, setup, teardown);
}
