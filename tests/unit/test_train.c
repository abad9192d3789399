/* SPDX-License-Identifier: Apache-2.0
 *
 * Training: settings, the feed, a model that learns one photo by heart, and runs that resume. (With
 * the tiny golden model, and shapes made of random numbers.)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "train/feed.h"
#include "train/metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char recipe[] = "{\"sources\": [{\"type\": \"shapes\"}]}";

#include "unit/training_case.h"

/* ---------------------------------------------------------------------------- settings */

static void test_settings_come_back_to_the_bit(void **state)
{
    samc_train_settings a, b;
    char *text, *again;

    (void)state;
    samc_train_settings_begin(&a, 0);
    assert_int_equal(
        samc_train_settings_parse(&a, "rate=0.1 box=0.3 rounds=7  schedule=cosine", NULL), SAMC_OK);
    assert_true(a.optimizer.rate == 0.1 && a.prompts.box == 0.3f && a.prompts.rounds == 7);
    assert_int_equal(a.optimizer.schedule, SAMC_SCHEDULE_COSINE);
    assert_int_equal(samc_train_settings_text(&a, &text, NULL), SAMC_OK);
    samc_train_settings_begin(&b, 0);
    assert_int_equal(samc_train_settings_parse(&b, text, NULL), SAMC_OK);
    assert_int_equal(samc_train_settings_text(&b, &again, NULL), SAMC_OK);
    assert_string_equal(text, again);
    assert_true(b.optimizer.rate == 0.1 && b.prompts.box == 0.3f);
    free(text);
    free(again);
}

static void test_settings_refuse_what_is_out_of_range(void **state)
{
    static const char *const bad[] = {
        "rate=-1",       "rate=x",    "rate=",       "rounds=0", "batch=1.5",
        "schedule=slow", "nothing=1", "drop-path=1", "rate=nan"};
    samc_train_settings settings;

    (void)state;
    samc_train_settings_begin(&settings, 0);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        samc_error error;

        assert_int_equal(samc_train_settings_parse(&settings, bad[i], &error), SAMC_ERROR_ARGUMENT);
        assert_non_null(strstr(error.message, i == 6 ? "no setting" : " must be "));
    }
}

/* ---------------------------------------------------------------------------- feed */

static void test_the_feed_is_the_samples_in_order(void **state)
{
    samc_feed_options options = {NULL, samples, 9, 2, 2, 0, 3, 5};
    samc_train_batch fed = {0}, made = {0};
    samc_params params;
    samc_feed *feed;

    (void)state;
    load(&params);
    options.config = &params.config;
    assert_int_equal(samc_feed_create(&options, &feed, NULL), SAMC_OK);
    for (uint64_t step = 5; step < 12; step++) {
        const size_t area = (size_t)params.config.image_size * (size_t)params.config.image_size;

        assert_int_equal(samc_feed_next(feed, &fed, NULL), SAMC_OK);
        assert_int_equal(
            samc_train_batch_make(&params.config, samples, 9, 2 * step, 2, 3, &made, NULL),
            SAMC_OK);
        assert_int_equal(fed.first, 2 * step);
        assert_int_equal(fed.masks, made.masks);
        for (int i = 0; i < 2; i++) {
            assert_memory_equal(fed.samples[i].pixels, made.samples[i].pixels, 3 * area);
            assert_memory_equal(fed.samples[i].masks, made.samples[i].masks,
                                (size_t)made.samples[i].n_masks * area);
        }
    }
    samc_feed_free(feed);
    samc_train_batch_free(&fed);
    samc_train_batch_free(&made);
    samc_params_free(&params);
}

/* ---------------------------------------------------------------------------- learning */

/* A bright disc on a dark gradient. */
static void draw_disc(int32_t size, samc_sample *sample)
{
    const size_t area = (size_t)size * (size_t)size;

    *sample = (samc_sample){.size = size, .width = size, .height = size, .n_masks = 1};
    assert_int_equal(samc_alloc(area, 3, &sample->pixels, NULL), SAMC_OK);
    assert_int_equal(samc_alloc_zero(area, 1, &sample->masks, NULL), SAMC_OK);
    assert_int_equal(samc_alloc_zero(1, sizeof *sample->labels, &sample->labels, NULL), SAMC_OK);
    for (int32_t i = 0; i < size * size; i++) {
        const int32_t x = i % size - size / 3, y = i / size - size / 2;
        const int inside = 16 * (x * x + y * y) < size * size;

        sample->masks[i] = (uint8_t)inside;
        memset(sample->pixels + 3 * i, inside ? 220 : 40 + 60 * (i / size) / size, 3);
    }
}

static void test_one_photo_is_learned_by_heart(void **state)
{
    static const char how[] = "batch=1 rate=0.003 warmup=10 rounds=2 weight-decay=0 bce=10 "
                              "bce-steps=1000";
    samc_sample *one;
    samc_train_batch batch = {0};
    samc_train_settings settings;
    samc_step_report report = {0};
    samc_trainer *trainer;
    samc_params params;
    double first = 0.0, iou = 0.0;

    (void)state;
    load(&params);
    samc_train_settings_begin(&settings, 0);
    assert_int_equal(samc_train_settings_parse(&settings, how, NULL), SAMC_OK);
    assert_int_equal(samc_alloc(1, sizeof *one, &one, NULL), SAMC_OK);
    draw_disc(params.config.image_size, one);
    assert_int_equal(samc_train_batch_of(&params.config, one, 1, 0, &batch, NULL), SAMC_OK);
    assert_int_equal(samc_trainer_create(contexts[1], &params, &settings, 1, NULL, &trainer, NULL),
                     SAMC_OK);
    for (int64_t step = 0; step < 400 && iou < 0.95; step++) {
        assert_int_equal(samc_trainer_step(trainer, step, &batch, &report, NULL), SAMC_OK);
        iou = (report.rounds.box_iou + report.rounds.click_iou) /
              (double)(report.rounds.boxes + report.rounds.clicks);
        iou = iou < report.rounds.last_iou ? iou : report.rounds.last_iou;
        if (step == 0)
            first = iou;
    }
    assert_true(first < 0.9);
    assert_true(iou >= 0.95);
    samc_trainer_free(trainer);
    samc_train_batch_free(&batch);
    samc_params_free(&params);
}

static void test_a_frozen_encoder_stays_as_it_is(void **state)
{
    static const char encoder[] = "image_encoder.";
    samc_train_batch batch = {0};
    samc_train_settings settings;
    samc_step_report report;
    samc_trainer *trainer;
    samc_params params, before;

    (void)state;
    load(&params);
    load(&before);
    samc_train_settings_begin(&settings, 0);
    assert_int_equal(samc_train_settings_parse(&settings, "batch=2 freeze-encoder=1", NULL),
                     SAMC_OK);
    assert_int_equal(samc_trainer_create(contexts[0], &params, &settings, 1, NULL, &trainer, NULL),
                     SAMC_OK);
    assert_int_equal(samc_train_batch_make(&params.config, samples, 1, 0, 2, 2, &batch, NULL),
                     SAMC_OK);
    assert_int_equal(samc_trainer_step(trainer, 0, &batch, &report, NULL), SAMC_OK);
    for (size_t i = 0; i < params.n_params; i++) {
        const samc_param *p = &params.list[i];
        const int same = memcmp(params.values + p->offset, before.values + p->offset,
                                (size_t)p->count * sizeof(float)) == 0;

        if (strncmp(p->name, encoder, strlen(encoder)) == 0)
            assert_true(same);
        else if (strstr(p->name, "iou_prediction_head"))
            assert_false(same);
    }
    samc_trainer_free(trainer);
    samc_train_batch_free(&batch);
    samc_params_free(&params);
    samc_params_free(&before);
}

static samc_status count_pass(void *user, const samc_rounds_record *record, samc_error *error)
{
    int64_t *passes = user; /* [2]: how many, the most prompts of one */

    (void)error;
    passes[0]++;
    passes[1] = record->prompts->prompts > passes[1] ? record->prompts->prompts : passes[1];
    return SAMC_OK;
}

/* The decoder takes prompts at a time: the same gradients, added in another order. */
static void test_few_prompts_at_once_are_the_same_step(void **state)
{
    int64_t passes[2][2] = {{0, 0}, {0, 0}};
    double difference = 0.0, size = 0.0, loss[2];
    samc_params params[2];

    (void)state;
    for (int i = 0; i < 2; i++) {
        samc_train_batch batch = {0};
        samc_train_settings settings;
        samc_step_report report;
        samc_trainer *trainer;

        load(&params[i]);
        samc_train_settings_begin(&settings, 0);
        assert_int_equal(
            samc_train_settings_parse(&settings, i ? "batch=2 at-once=2" : "batch=2", NULL),
            SAMC_OK);
        assert_int_equal(
            samc_trainer_create(contexts[1], &params[i], &settings, 1, NULL, &trainer, NULL),
            SAMC_OK);
        samc_trainer_record(trainer, count_pass, passes[i]);
        assert_int_equal(
            samc_train_batch_make(&params[i].config, samples, 1, 0, 2, 4, &batch, NULL), SAMC_OK);
        assert_int_equal(samc_trainer_step(trainer, 0, &batch, &report, NULL), SAMC_OK);
        loss[i] = report.rounds.loss;
        samc_trainer_free(trainer);
        samc_train_batch_free(&batch);
    }
    assert_true(passes[0][1] > 2);
    assert_int_equal(passes[1][1], 2);
    assert_true(passes[1][0] > passes[0][0]);
    assert_float_equal(loss[0], loss[1], 1e-5);
    for (int64_t i = 0; i < params[0].total; i++) {
        const double a = (double)params[0].gradients[i], b = (double)params[1].gradients[i];

        difference += (a - b) * (a - b);
        size += a * a;
    }
    assert_true(size > 0.0 && difference < 1e-10 * size);
    samc_params_free(&params[0]);
    samc_params_free(&params[1]);
}

/* ---------------------------------------------------------------------------- runs */

static const char *const quick[] = {"batch=2 masks=2 rounds=4 drop-path=0.3 warmup=2 rate=0.001"};

static int stop_at(void *user, const samc_run_tick *tick)
{
    return tick->step == *(const int64_t *)user;
}

/* Runs until `step`, in the run's folder `name`. */
static samc_status run_until(const char *name, int resume, int which, int64_t step)
{
    samc_run_options options = {.from = SAMC_TEST_GOLDEN "/tiny.pth",
                                .resume = resume,
                                .ema = 1,
                                .seed = 4,
                                .settings = quick,
                                .n_settings = resume ? 0 : 1,
                                .row_steps = 1,
                                .recipe = recipe,
                                .samples = samples,
                                .tick = stop_at,
                                .user = &step};
    char path[128];

    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    options.folder = path;
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

static void restore(const char *name, samc_params *params, samc_checkpoint_state *state)
{
    samc_tensors *tensors;
    char path[192];

    (void)snprintf(path, sizeof path, "%s/%s/checkpoint.safetensors", folder, name);
    assert_int_equal(samc_tensors_open(path, &tensors, NULL), SAMC_OK);
    assert_int_equal(samc_checkpoint_restore(tensors, NULL, params, state, NULL), SAMC_OK);
    samc_tensors_close(tensors);
}

/* One run on two threads; another one, on one thread, that is stopped twice. */
static void test_a_resumed_run_is_the_unbroken_one(void **state)
{
    samc_checkpoint_state whole_state, broken_state;
    samc_params whole, broken;

    (void)state;
    assert_int_equal(run_until("whole", 0, 1, 7), SAMC_OK);
    assert_int_equal(run_until("broken", 0, 0, 3), SAMC_OK);
    assert_int_equal(run_until("broken", 1, 0, 4), SAMC_OK);
    assert_int_equal(run_until("broken", 1, 0, 7), SAMC_OK);
    restore("whole", &whole, &whole_state);
    restore("broken", &broken, &broken_state);
    assert_int_equal(whole_state.step, 7);
    assert_int_equal(broken_state.step, 7);
    assert_int_equal(broken_state.seed, 4);
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

/* The report holds two pictures for each of the first masks, and no link to anything outside. */
static void test_the_report_stands_alone(void **state)
{
    static const char picture[] = "src=\"data:image/png;base64,iVBORw0KGgo";
    char path[192], *text;
    size_t size = 0;
    int pictures = 0;
    FILE *file;

    (void)state;
    assert_int_equal(run_until("shown", 0, 1, 3), SAMC_OK);
    (void)snprintf(path, sizeof path, "%s/shown/report.html", folder);
    file = fopen(path, "r");
    assert_non_null(file);
    text = calloc(1, 8 << 20);
    assert_non_null(text);
    size = fread(text, 1, (8 << 20) - 1, file);
    (void)fclose(file);
    assert_true(size > 1000);
    for (const char *at = text; (at = strstr(at, picture)) != NULL; at++)
        pictures++;
    assert_true(pictures >= 4 && pictures % 2 == 0);
    assert_non_null(strstr(text, "rate=0.001"));
    assert_non_null(strstr(text, "Step 3, 6 photos"));
    assert_non_null(strstr(text, "</html>"));
    assert_null(strstr(text, "http"));
    free(text);
    remove_run("shown");
}

static void test_a_run_is_not_begun_over_another(void **state)
{
    (void)state;
    assert_int_equal(run_until("taken", 0, 0, 1), SAMC_OK);
    assert_int_equal(run_until("taken", 0, 0, 1), SAMC_ERROR_ARGUMENT);
    assert_int_equal(run_until("taken", 1, 0, 2), SAMC_OK);
    remove_run("taken");
    assert_int_equal(run_until("missing", 1, 0, 1), SAMC_ERROR_MODEL);
    remove_run("missing");
}

static void count_rows(const char *path, int rows, int64_t last)
{
    FILE *file = fopen(path, "r");
    char line[512] = "", kept[512] = "";
    int n = -1; /* the header */

    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        memcpy(kept, line, sizeof kept);
        n++;
    }
    (void)fclose(file);
    assert_int_equal(n, rows);
    assert_int_equal(strtoll(kept, NULL, 10), last);
}

static void test_metrics_drop_what_will_be_done_again(void **state)
{
    samc_metrics_row row = {.step = 0};
    char path[128];
    FILE *stream;

    (void)state;
    (void)snprintf(path, sizeof path, "%s/metrics.csv", folder);
    assert_int_equal(samc_metrics_open(path, 0, &stream, NULL), SAMC_OK);
    for (row.step = 2; row.step <= 10; row.step += 2)
        assert_int_equal(samc_metrics_write(stream, &row, path, NULL), SAMC_OK);
    (void)fputs("12,torn", stream);
    (void)fclose(stream);
    assert_int_equal(samc_metrics_open(path, 100, &stream, NULL), SAMC_OK);
    (void)fclose(stream);
    count_rows(path, 5, 10);
    assert_int_equal(samc_metrics_open(path, 7, &stream, NULL), SAMC_OK);
    row.step = 8;
    assert_int_equal(samc_metrics_write(stream, &row, path, NULL), SAMC_OK);
    (void)fclose(stream);
    count_rows(path, 4, 8);
    stream = fopen(path, "w");
    assert_non_null(stream);
    (void)fputs("something else\n", stream);
    (void)fclose(stream);
    assert_int_equal(samc_metrics_open(path, 7, &stream, NULL), SAMC_ERROR_FORMAT);
    (void)unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_settings_come_back_to_the_bit),
        cmocka_unit_test(test_settings_refuse_what_is_out_of_range),
        cmocka_unit_test(test_the_feed_is_the_samples_in_order),
        cmocka_unit_test(test_one_photo_is_learned_by_heart),
        cmocka_unit_test(test_a_frozen_encoder_stays_as_it_is),
        cmocka_unit_test(test_few_prompts_at_once_are_the_same_step),
        cmocka_unit_test(test_a_resumed_run_is_the_unbroken_one),
        cmocka_unit_test(test_the_report_stands_alone),
        cmocka_unit_test(test_a_run_is_not_begun_over_another),
        cmocka_unit_test(test_metrics_drop_what_will_be_done_again),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
