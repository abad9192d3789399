/* SPDX-License-Identifier: Apache-2.0
 *
 * Embeddings that are kept: what is found again, what is dropped, what a damaged or full folder
 * does; samples whose pixels come again; and that keeping changes no bit of what is learned.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "dataset/files.h"
#include "train/embeddings.h"
#include "train/trainer.h"

#include <samc_io.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROWS 4
#define COLUMNS 8
#define N (ROWS * COLUMNS)

static const uint64_t encoder[2] = {1, 2};
static char folder[64], kept[96];
static int made, notes;
static char last_note[600];

static int setup(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof folder, "samc_test_embeddings_%ld", (long)getpid());
    (void)snprintf(kept, sizeof kept, "%s/kept", folder);
    return mkdir(folder, 0777);
}

static int teardown(void **state)
{
    (void)state;
    return rmdir(folder); /* fails where a file was left over */
}

static void on_note(void *user, const char *message)
{
    (void)user;
    notes++;
    (void)snprintf(last_note, sizeof last_note, "%s", message);
}

/* The numbers of photo `user`. */
static samc_status make(void *user, float *out, samc_error *error)
{
    (void)error;
    made++;
    for (int i = 0; i < N; i++)
        out[i] = (float)*(const uint64_t *)user + (float)i / 3.0f;
    return SAMC_OK;
}

/* Gets photo `number` and checks it; returns how often it was made. */
static int get(samc_embeddings *e, uint64_t number)
{
    const uint64_t photo[2] = {number, 7};
    float want[N], out[N] = {0};
    int before, count;

    assert_int_equal(make(&number, want, NULL), SAMC_OK);
    before = made;
    assert_int_equal(samc_embeddings_get(e, photo, make, &number, out, NULL), SAMC_OK);
    count = made - before;
    assert_memory_equal(out, want, sizeof out);
    return count;
}

static samc_embeddings *open_kept(size_t memory, const char *where, size_t bytes,
                                  const uint64_t by[2])
{
    const samc_embeddings_options options = {memory, where, bytes, on_note, NULL};
    samc_embeddings *e;

    notes = 0;
    assert_int_equal(samc_embeddings_create(&options, by, ROWS, COLUMNS, &e, NULL), SAMC_OK);
    return e;
}

static void list_kept(samc_files *files)
{
    static const char *const any[] = {"", NULL};
    const samc_files_filter filter = {any, NULL};

    *files = (samc_files){0};
    assert_int_equal(samc_files_add(files, kept, &filter, NULL), SAMC_OK);
}

static void remove_kept(void)
{
    samc_files files;

    list_kept(&files);
    for (size_t i = 0; i < files.count; i++)
        assert_int_equal(unlink(files.paths[i]), 0);
    samc_files_free(&files);
    assert_int_equal(rmdir(kept), 0);
}

static void test_memory_keeps_what_was_used_last(void **state)
{
    samc_embeddings *e = open_kept(2 * N * sizeof(float), NULL, 0, encoder);

    (void)state;
    assert_int_equal(get(e, 1), 1);
    assert_int_equal(get(e, 2), 1);
    assert_int_equal(get(e, 1), 0);
    assert_int_equal(get(e, 3), 1); /* 2 has to go */
    assert_int_equal(get(e, 1), 0);
    assert_int_equal(get(e, 2), 1);
    samc_embeddings_free(e);
}

static void test_a_folder_serves_the_next_run(void **state)
{
    static const uint64_t other[2] = {1, 3};
    samc_embeddings *e = open_kept(0, kept, 1 << 20, encoder);

    (void)state;
    assert_int_equal(get(e, 1), 1);
    assert_int_equal(get(e, 1), 0);
    samc_embeddings_free(e);
    e = open_kept(1 << 20, kept, 1 << 20, encoder);
    assert_int_equal(get(e, 1), 0);
    assert_int_equal(get(e, 2), 1);
    samc_embeddings_free(e);
    e = open_kept(0, kept, 1 << 20, other); /* another encoder's are not taken */
    assert_int_equal(get(e, 1), 1);
    assert_int_equal(notes, 0);
    samc_embeddings_free(e);
    remove_kept();
}

static void test_damage_is_seen_and_mended(void **state)
{
    samc_embeddings *e = open_kept(0, kept, 1 << 20, encoder);
    samc_files files;
    FILE *file;

    (void)state;
    assert_int_equal(get(e, 1), 1);
    list_kept(&files);
    assert_int_equal(files.count, 1);
    file = fopen(files.paths[0], "r+b"); /* one bit of the last number */
    assert_non_null(file);
    assert_int_equal(fseek(file, -1, SEEK_END), 0);
    (void)fputc(0x41 ^ 1, file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(get(e, 1), 1);
    assert_int_equal(notes, 1);
    assert_non_null(strstr(last_note, "damaged"));
    assert_int_equal(get(e, 1), 0);
    assert_int_equal(truncate(files.paths[0], 20), 0);
    assert_int_equal(get(e, 1), 1);
    assert_int_equal(notes, 2);
    samc_embeddings_free(e);
    samc_files_free(&files);
    remove_kept();
}

static void test_a_folder_is_bounded(void **state)
{
    samc_embeddings *e = open_kept(0, kept, 1, encoder);
    char torn[256];
    samc_files files;
    FILE *file;

    (void)state;
    assert_int_equal(get(e, 1), 1);
    assert_int_equal(get(e, 1), 1);
    assert_int_equal(get(e, 2), 1);
    assert_int_equal(notes, 1);
    assert_non_null(strstr(last_note, "is full"));
    samc_embeddings_free(e);
    (void)snprintf(torn, sizeof torn, "%s/1-2.safetensors.999999999-0.tmp", kept);
    file = fopen(torn, "w"); /* of a process that is gone */
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
    e = open_kept(0, kept, 1, encoder);
    samc_embeddings_free(e);
    list_kept(&files);
    assert_int_equal(files.count, 0);
    samc_files_free(&files);
    assert_int_equal(rmdir(kept), 0);
}

static void test_a_failing_folder_costs_nothing_else(void **state)
{
    samc_embeddings *e = open_kept(0, kept, 1 << 20, encoder);

    (void)state;
    assert_int_equal(rmdir(kept), 0);
    assert_int_equal(get(e, 1), 1);
    assert_int_equal(get(e, 2), 1);
    assert_int_equal(notes, 1);
    assert_non_null(strstr(last_note, "no more embeddings are written there"));
    samc_embeddings_free(e);
}

/* ---------------------------------------------------------------------------- samples */

static samc_samples *open_samples(const char *recipe, const char *where)
{
    samc_samples *samples;

    assert_int_equal(samc_samples_open_text(recipe, "recipe", where, NULL, NULL, &samples, NULL),
                     SAMC_OK);
    return samples;
}

/* Draws 40 samples: counts the different pictures among them, and pairs of the same picture whose
 * masks differ. */
static void count_pictures(samc_samples *samples, int *pictures, int *other_masks)
{
    samc_sample s[40] = {{0}};

    *pictures = *other_masks = 0;
    for (uint64_t i = 0; i < 40; i++) {
        int seen = 0;

        assert_int_equal(samc_samples_get(samples, 3, i, 64, 1, &s[i], NULL), SAMC_OK);
        assert_int_equal(s[i].repeats, 1);
        for (uint64_t j = 0; j < i; j++)
            if (memcmp(s[i].pixels, s[j].pixels, 3 * 64 * 64) == 0) {
                seen = 1;
                *other_masks += memcmp(s[i].masks, s[j].masks, 64 * 64) != 0;
            }
        *pictures += !seen;
    }
    for (int i = 0; i < 40; i++)
        samc_sample_free(&s[i]);
}

static void test_a_pool_comes_again_with_other_masks(void **state)
{
    samc_samples *samples = open_samples("{\"sources\": [{\"type\": \"shapes\", \"pool\": 5}]}",
                                         ".");
    int pictures, other_masks;

    (void)state;
    assert_int_equal(samc_samples_repeat(samples), 1);
    count_pictures(samples, &pictures, &other_masks);
    assert_int_equal(pictures, 5);
    assert_true(other_masks > 0);
    samc_samples_free(samples);
    samples = open_samples("{\"sources\": [{\"type\": \"shapes\"}]}", ".");
    assert_int_equal(samc_samples_repeat(samples), 0);
    samc_samples_free(samples);
}

static void test_without_augmentation_photos_come_as_they_are(void **state)
{
    static const char recipe[] = "{\"sources\": [{\"type\": \"sa1b\", \"folder\": \".\", "
                                 "\"augment\": false}]}";
    uint8_t pixels[48 * 40 * 3];
    samc_sample sample = {0};
    samc_samples *samples;
    int pictures, other_masks;
    char path[2][96];
    FILE *file;

    (void)state;
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i * 7 % 251);
    (void)snprintf(path[0], sizeof path[0], "%s/a.png", folder);
    (void)snprintf(path[1], sizeof path[1], "%s/a.json", folder);
    assert_int_equal(samc_png_write(path[0], pixels, 48, 40, 3, 48 * 3, NULL), SAMC_OK);
    file = fopen(path[1], "w");
    assert_non_null(file);
    (void)fputs("{\"image\": {\"file_name\": \"a.png\", \"width\": 48, \"height\": 40}, "
                "\"annotations\": [{\"bbox\": [4, 4, 20, 20], \"area\": 400, \"segmentation\": "
                "[[4, 4, 24, 4, 24, 24, 4, 24]]}, {\"bbox\": [20, 10, 20, 20], \"area\": 400, "
                "\"segmentation\": [[20, 10, 40, 10, 40, 30, 20, 30]]}]}",
                file);
    assert_int_equal(fclose(file), 0);
    samples = open_samples(recipe, folder);
    count_pictures(samples, &pictures, &other_masks);
    assert_int_equal(pictures, 1);
    assert_true(other_masks > 0);
    /* a model of the photo's own width: not a pixel is changed */
    assert_int_equal(samc_samples_get(samples, 0, 0, 48, 1, &sample, NULL), SAMC_OK);
    assert_memory_equal(sample.pixels, pixels, sizeof pixels);
    samc_sample_free(&sample);
    samc_samples_free(samples);
    (void)unlink(path[0]);
    (void)unlink(path[1]);
}

static void test_misplaced_keys_are_refused(void **state)
{
    static const char *const bad[] = {
        "{\"sources\": [{\"type\": \"shapes\", \"augment\": false}]}",
        "{\"sources\": [{\"type\": \"shapes\", \"pool\": 0}]}",
        "{\"sources\": [{\"type\": \"composite\", \"objects\": [{\"type\": \"shapes\", "
        "\"pool\": 3}]}]}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        samc_samples *samples;
        samc_error error;

        assert_int_equal(
            samc_samples_open_text(bad[i], "recipe", ".", NULL, NULL, &samples, &error),
            SAMC_ERROR_FORMAT);
        assert_non_null(strstr(error.message, i ? "pool" : "augment"));
    }
}

/* ---------------------------------------------------------------------------- learning */

/* Six steps of a frozen encoder; *encoded: photos that went through it. */
static void learn(const samc_embeddings_options *keep, samc_params *params, int64_t *encoded)
{
    samc_samples *samples = open_samples("{\"sources\": [{\"type\": \"shapes\", \"pool\": 3}, "
                                         "{\"type\": \"shapes\", \"weight\": 0.2}]}",
                                         ".");
    samc_context_options options = SAMC_CONTEXT_OPTIONS_INIT;
    samc_train_batch batch = {0};
    samc_train_settings settings;
    samc_step_report report;
    samc_trainer *trainer;
    samc_context *context;
    samc_tensors *tiny;

    options.threads = 2;
    assert_int_equal(samc_context_create(&options, &context, NULL), SAMC_OK);
    assert_int_equal(samc_tensors_open(SAMC_TEST_GOLDEN "/tiny.pth", &tiny, NULL), SAMC_OK);
    assert_int_equal(samc_params_load(tiny, NULL, params, NULL), SAMC_OK);
    samc_tensors_close(tiny);
    samc_train_settings_begin(&settings, 0);
    assert_int_equal(
        samc_train_settings_parse(&settings, "batch=3 masks=2 freeze-encoder=1 warmup=1", NULL),
        SAMC_OK);
    assert_int_equal(samc_trainer_create(context, params, &settings, 1, NULL, &trainer, NULL),
                     SAMC_OK);
    if (keep)
        assert_int_equal(samc_trainer_keep(trainer, keep, NULL), SAMC_OK);
    *encoded = 0;
    for (int64_t step = 0; step < 6; step++) {
        assert_int_equal(samc_train_batch_make(&params->config, samples, 1, (uint64_t)(3 * step), 3,
                                               2, &batch, NULL),
                         SAMC_OK);
        assert_int_equal(samc_trainer_step(trainer, step, &batch, &report, NULL), SAMC_OK);
        *encoded += report.encoded;
    }
    samc_trainer_free(trainer);
    samc_train_batch_free(&batch);
    samc_samples_free(samples);
    samc_context_free(context);
}

static void test_keeping_changes_no_bit(void **state)
{
    const samc_embeddings_options memory = {1 << 24, NULL, 0, NULL, NULL};
    const samc_embeddings_options disk = {0, kept, 1 << 24, NULL, NULL};
    const samc_embeddings_options *const ways[] = {NULL, &memory, &disk, &disk};
    samc_params params[4];
    int64_t encoded[4];

    (void)state;
    for (int i = 0; i < 4; i++)
        learn(ways[i], &params[i], &encoded[i]);
    assert_int_equal(encoded[0], 18);
    assert_in_range(encoded[1], 3, 12); /* three of the pool once, and those that never repeat */
    assert_int_equal(encoded[2], encoded[1]);
    assert_int_equal(encoded[3], encoded[1] - 3);
    for (int i = 1; i < 4; i++) {
        const size_t bytes = (size_t)params[0].total * sizeof(float);

        assert_memory_equal(params[i].values, params[0].values, bytes);
        assert_memory_equal(params[i].moment1, params[0].moment1, bytes);
        assert_memory_equal(params[i].moment2, params[0].moment2, bytes);
        assert_memory_equal(params[i].ema, params[0].ema, bytes);
    }
    for (int i = 0; i < 4; i++)
        samc_params_free(&params[i]);
    remove_kept();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_keeps_what_was_used_last),
        cmocka_unit_test(test_a_folder_serves_the_next_run),
        cmocka_unit_test(test_damage_is_seen_and_mended),
        cmocka_unit_test(test_a_folder_is_bounded),
        cmocka_unit_test(test_a_failing_folder_costs_nothing_else),
        cmocka_unit_test(test_a_pool_comes_again_with_other_masks),
        cmocka_unit_test(test_without_augmentation_photos_come_as_they_are),
        cmocka_unit_test(test_misplaced_keys_are_refused),
        cmocka_unit_test(test_keeping_changes_no_bit),
    };

    return cmocka_run_group_tests_name("embeddings", tests, setup, teardown);
}
