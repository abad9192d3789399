/* SPDX-License-Identifier: Apache-2.0
 *
 * The public calls: encode, predict, embeddings in files; what they refuse, and what they promise
 * about threads and buffers. (Numbers are compared with the reference in tests/golden.)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <samc.h>

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WIDTH = 100, HEIGHT = 60, LOW = 40 };

static samc_context *context;
static samc_model *model;
static samc_embedding *embedding;
static uint8_t pixels[HEIGHT][WIDTH][3];
static char path[64];

static samc_image photo(void)
{
    return (samc_image){&pixels[0][0][0], WIDTH, HEIGHT, sizeof pixels[0], SAMC_PIXELS_RGB};
}

static int setup(void **state)
{
    const samc_image image = photo();

    (void)state;
    (void)snprintf(path, sizeof path, "samc_test_predict_%ld.safetensors", (long)getpid());
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++)
            for (int c = 0; c < 3; c++)
                pixels[y][x][c] = (uint8_t)(x * 2 + y * (c + 1) + (x / 20 + y / 20) % 2 * 70);
    if (samc_context_create(NULL, &context, NULL) != SAMC_OK ||
        samc_model_load(context, SAMC_TEST_GOLDEN "/tiny.pth", NULL, &model, NULL) != SAMC_OK)
        return -1;
    return samc_encode(context, model, &image, NULL, &embedding, NULL) == SAMC_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    samc_embedding_free(embedding);
    samc_model_free(model);
    samc_context_free(context);
    (void)unlink(path);
    return 0;
}

static samc_prompt point_prompt(const float *xy, const int32_t *labels, size_t n)
{
    samc_prompt prompt = SAMC_PROMPT_INIT;

    prompt.points = xy;
    prompt.labels = labels;
    prompt.n_points = n;
    return prompt;
}

static void refused(const samc_prompt *prompt, samc_status status, const char *words)
{
    samc_masks masks = SAMC_MASKS_INIT;
    samc_error error = {SAMC_OK, ""};

    assert_int_equal(samc_predict(context, model, embedding, prompt, 1, NULL, &masks, &error),
                     status);
    assert_int_equal(error.status, status);
    if (!strstr(error.message, words))
        fail_msg("the message \"%s\" does not say \"%s\"", error.message, words);
    assert_null(masks.masks);
    assert_null(masks.low_res_logits);
}

static void test_prompts_that_are_refused(void **state)
{
    const float good[] = {10.0f, 10.0f, 20.0f, 20.0f}, outside[] = {10.0f, 10.0f, 101.0f, 5.0f};
    const float negative[] = {-0.5f, 3.0f}, nan_point[] = {NAN, 3.0f},
                inf_point[] = {3.0f, INFINITY};
    const int32_t labels[] = {1, 0}, corner[] = {1, 2}, corner3[] = {3}, odd[] = {-1};
    const float box_turned[] = {50, 10, 20, 40}, box_outside[] = {0, 0, 50, 60.5f};
    const float box_nan[] = {0, 0, NAN, 5};
    static float logits[LOW * LOW];
    samc_prompt p = SAMC_PROMPT_INIT;

    (void)state;
    refused(&p, SAMC_ERROR_PROMPT, "prompt 0 is empty");
    p = point_prompt(outside, labels, 2);
    refused(&p, SAMC_ERROR_PROMPT, "point 1: (101, 5) is outside the photo, which is 100 x 60");
    p = point_prompt(negative, labels, 1);
    refused(&p, SAMC_ERROR_PROMPT, "outside the photo");
    p = point_prompt(nan_point, labels, 1);
    refused(&p, SAMC_ERROR_PROMPT, "not a finite");
    p = point_prompt(inf_point, labels, 1);
    refused(&p, SAMC_ERROR_PROMPT, "not a finite");
    p = point_prompt(good, corner, 2);
    refused(&p, SAMC_ERROR_PROMPT, "label 2 stands for a box's corner");
    p = point_prompt(good, corner3, 1);
    refused(&p, SAMC_ERROR_PROMPT, "label 3 stands for a box's corner");
    p = point_prompt(good, odd, 1);
    refused(&p, SAMC_ERROR_PROMPT, "label -1 is neither");
    p = point_prompt(good, NULL, 2);
    refused(&p, SAMC_ERROR_PROMPT, "labels are missing");
    p = point_prompt(good, labels, 1025);
    refused(&p, SAMC_ERROR_LIMIT, "1025 points");
    p = (samc_prompt)SAMC_PROMPT_INIT;
    p.box = box_turned;
    refused(&p, SAMC_ERROR_PROMPT, "turned round");
    p.box = box_outside;
    refused(&p, SAMC_ERROR_PROMPT, "outside the photo");
    p.box = box_nan;
    refused(&p, SAMC_ERROR_PROMPT, "finite");
    p.box = NULL;
    p.mask_input = logits;
    logits[77] = NAN;
    refused(&p, SAMC_ERROR_PROMPT, "value 77 of the mask input");
    logits[77] = 0.0f;
    p.struct_size = 4;
    refused(&p, SAMC_ERROR_ARGUMENT, "SAMC_PROMPT_INIT");
}

static void test_calls_that_are_refused(void **state)
{
    const float xy[] = {10.0f, 10.0f};
    const int32_t label = 1;
    const samc_prompt prompt = point_prompt(xy, &label, 1);
    samc_masks masks = SAMC_MASKS_INIT;
    samc_image image = photo();
    samc_embedding *e = NULL;
    samc_error error;

    (void)state;
    assert_int_equal(samc_predict(context, model, embedding, NULL, 0, NULL, &masks, &error),
                     SAMC_ERROR_PROMPT);
    assert_non_null(strstr(error.message, "no prompt"));
    assert_int_equal(samc_predict(context, model, NULL, &prompt, 1, NULL, &masks, &error),
                     SAMC_ERROR_ARGUMENT);
    masks.struct_size = 1;
    assert_int_equal(samc_predict(context, model, embedding, &prompt, 1, NULL, &masks, &error),
                     SAMC_ERROR_ARGUMENT);
    image.width = 0;
    assert_int_equal(samc_encode(context, model, &image, NULL, &e, &error), SAMC_ERROR_ARGUMENT);
    image = photo();
    image.stride = 10;
    assert_int_equal(samc_encode(context, model, &image, NULL, &e, &error), SAMC_ERROR_ARGUMENT);
    image = photo();
    image.pixels = NULL;
    assert_int_equal(samc_encode(context, model, &image, NULL, &e, &error), SAMC_ERROR_ARGUMENT);
    assert_null(e);
}

static void test_kernels_and_threads_that_are_refused(void **state)
{
    samc_context_options options = SAMC_CONTEXT_OPTIONS_INIT;
    samc_context *c = NULL;
    samc_error error;

    (void)state;
    options.kernels = "mmx";
    assert_int_equal(samc_context_create(&options, &c, &error), SAMC_ERROR_UNSUPPORTED);
    assert_non_null(strstr(error.message, "portable"));
    options.kernels = NULL;
    options.threads = -2;
    assert_int_equal(samc_context_create(&options, &c, &error), SAMC_ERROR_ARGUMENT);
    assert_null(c);
}

/* A program built with a later header has larger structs: what this version knows is used. */
static void test_structs_that_have_grown(void **state)
{
    const float xy[] = {30, 20};
    const int32_t label = 1;
    samc_prompt prompt = point_prompt(xy, &label, 1);
    samc_context_options context_options = SAMC_CONTEXT_OPTIONS_INIT;
    samc_model_options model_options = SAMC_MODEL_OPTIONS_INIT;
    samc_encode_options encode_options = SAMC_ENCODE_OPTIONS_INIT;
    samc_predict_options options = SAMC_PREDICT_OPTIONS_INIT;
    samc_masks masks = SAMC_MASKS_INIT;
    samc_model_info info = SAMC_MODEL_INFO_INIT;
    const samc_image image = photo();
    samc_context *c = NULL;
    samc_model *m = NULL;
    samc_embedding *e = NULL;

    (void)state;
    context_options.struct_size += 8;
    context_options.threads = 1;
    model_options.struct_size += 8;
    encode_options.struct_size += 8;
    options.struct_size += 8;
    options.multimask = 1;
    masks.struct_size += 8;
    info.struct_size += 8;
    prompt.struct_size += 8;
    assert_int_equal(samc_context_create(&context_options, &c, NULL), SAMC_OK);
    assert_int_equal(samc_model_load(c, SAMC_TEST_GOLDEN "/tiny.pth", &model_options, &m, NULL),
                     SAMC_OK);
    assert_int_equal(samc_model_get_info(m, &info, NULL), SAMC_OK);
    assert_int_equal(samc_encode(c, m, &image, &encode_options, &e, NULL), SAMC_OK);
    assert_int_equal(samc_predict(c, m, e, &prompt, 1, &options, &masks, NULL), SAMC_OK);
    assert_int_equal(masks.n_masks, 3);
    samc_masks_free(&masks);
    samc_embedding_free(e);
    samc_model_free(m);
    samc_context_free(c);
}

/* Predicts three masks of a point into `masks`. */
static void predict_point(samc_context *c, const samc_embedding *e, float x, float y,
                          samc_masks *masks)
{
    const float xy[] = {x, y};
    const int32_t label = 1;
    const samc_prompt prompt = point_prompt(xy, &label, 1);
    samc_predict_options options = SAMC_PREDICT_OPTIONS_INIT;

    options.multimask = 1;
    options.want_logits = 1;
    assert_int_equal(samc_predict(c, model, e, &prompt, 1, &options, masks, NULL), SAMC_OK);
}

static void assert_same_masks(const samc_masks *a, const samc_masks *b)
{
    const size_t count = (size_t)a->n_prompts * (size_t)a->n_masks;

    assert_int_equal(a->n_prompts * a->n_masks, b->n_prompts * b->n_masks);
    assert_memory_equal(a->predicted_iou, b->predicted_iou, count * sizeof(float));
    assert_memory_equal(a->stability_score, b->stability_score, count * sizeof(float));
    assert_memory_equal(a->low_res_logits, b->low_res_logits, count * LOW * LOW * sizeof(float));
    assert_memory_equal(a->masks, b->masks, count * WIDTH * HEIGHT);
}

static void test_masks_are_their_logits_cut(void **state)
{
    samc_masks masks = SAMC_MASKS_INIT;
    int64_t inside = 0;

    (void)state;
    predict_point(context, embedding, 30, 20, &masks);
    assert_int_equal(masks.n_prompts, 1);
    assert_int_equal(masks.n_masks, 3);
    assert_int_equal(masks.width, WIDTH);
    assert_int_equal(masks.height, HEIGHT);
    assert_int_equal(masks.low_res_size, LOW);
    for (int m = 0; m < 3; m++) {
        int64_t high = 0, low = 0;

        for (int64_t i = (int64_t)m * WIDTH * HEIGHT; i < (int64_t)(m + 1) * WIDTH * HEIGHT; i++) {
            assert_int_equal(masks.masks[i], masks.logits[i] > 0.0f);
            inside += masks.masks[i];
            high += masks.logits[i] > 1.0f;
            low += masks.logits[i] > -1.0f;
        }
        assert_float_equal(masks.stability_score[m], low ? (float)high / (float)low : 0.0f, 1e-6f);
    }
    assert_in_range(inside, 1, 3 * WIDTH * HEIGHT - 1); /* neither all nor nothing */
    samc_masks_free(&masks);
    assert_null(masks.masks);
    assert_null(masks.logits);
}

/* guards of meaning: mask_threshold and stability_offset are used, and at their own places */
static void test_thresholds_of_the_caller(void **state)
{
    const float xy[] = {30, 20};
    const int32_t label = 1;
    const samc_prompt prompt = point_prompt(xy, &label, 1);
    samc_predict_options options = SAMC_PREDICT_OPTIONS_INIT;
    samc_masks masks = SAMC_MASKS_INIT;
    int64_t high = 0, low = 0, above_zero = 0, inside = 0;

    (void)state;
    options.want_logits = 1;
    options.mask_threshold = 0.4f;
    options.stability_offset = 0.25f;
    assert_int_equal(samc_predict(context, model, embedding, &prompt, 1, &options, &masks, NULL),
                     SAMC_OK);
    for (int64_t i = 0; i < WIDTH * HEIGHT; i++) {
        assert_int_equal(masks.masks[i], masks.logits[i] > 0.4f);
        inside += masks.masks[i];
        above_zero += masks.logits[i] > 0.0f;
        high += masks.logits[i] > 0.4f + 0.25f;
        low += masks.logits[i] > 0.4f - 0.25f;
    }
    assert_int_not_equal(inside, above_zero); /* the threshold makes a difference here */
    assert_true(low > 0 && high != low);
    assert_float_equal(masks.stability_score[0], (float)high / (float)low, 1e-6f);
    samc_masks_free(&masks);
}

static void test_a_batch_equals_single_prompts(void **state)
{
    const float xy[] = {30, 20, 70, 40}, box[] = {10, 10, 60, 50};
    const int32_t labels[] = {1, 0};
    samc_prompt prompts[3] = {point_prompt(xy, labels, 2), SAMC_PROMPT_INIT, SAMC_PROMPT_INIT};
    samc_predict_options options = SAMC_PREDICT_OPTIONS_INIT;
    samc_masks all = SAMC_MASKS_INIT;
    static float logits[LOW * LOW];

    (void)state;
    for (int i = 0; i < LOW * LOW; i++)
        logits[i] = (float)(i % LOW) - 20.0f;
    prompts[1].box = box;
    prompts[2].mask_input = logits;
    assert_int_equal(samc_predict(context, model, embedding, prompts, 3, &options, &all, NULL),
                     SAMC_OK);
    for (int i = 0; i < 3; i++) {
        samc_masks one = SAMC_MASKS_INIT;

        assert_int_equal(
            samc_predict(context, model, embedding, &prompts[i], 1, &options, &one, NULL), SAMC_OK);
        assert_memory_equal(one.low_res_logits, all.low_res_logits + i * LOW * LOW,
                            LOW * LOW * sizeof(float));
        assert_memory_equal(one.masks, all.masks + i * WIDTH * HEIGHT, WIDTH * HEIGHT);
        samc_masks_free(&one);
    }
    samc_masks_free(&all);
}

/* More prompts than are computed together, of every kind: one point, so many that the image is
 * projected and not the tokens, a mask. */
static void test_groups_equal_single_prompts(void **state)
{
    enum { PROMPTS = 70, MANY = 30 };
    static float xy[PROMPTS][2 * MANY], logits[LOW * LOW];
    int32_t labels[MANY];
    samc_prompt prompts[PROMPTS];
    samc_predict_options options = SAMC_PREDICT_OPTIONS_INIT;
    samc_masks all = SAMC_MASKS_INIT;

    (void)state;
    options.multimask = 1;
    options.want_masks = 0;
    for (int i = 0; i < LOW * LOW; i++)
        logits[i] = (float)(i / LOW) - 15.0f;
    for (int j = 0; j < MANY; j++)
        labels[j] = j % 3 != 0;
    for (int i = 0; i < PROMPTS; i++) {
        for (int j = 0; j < 2 * MANY; j++)
            xy[i][j] = (float)((i * 7 + j * 13) % HEIGHT);
        prompts[i] = point_prompt(xy[i], labels, i % 5 == 3 ? MANY : (size_t)(1 + i % 3));
        if (i % 4 == 1)
            prompts[i].mask_input = logits;
    }
    assert_int_equal(
        samc_predict(context, model, embedding, prompts, PROMPTS, &options, &all, NULL), SAMC_OK);
    for (int i = 0; i < PROMPTS; i++) {
        samc_masks one = SAMC_MASKS_INIT;

        assert_int_equal(
            samc_predict(context, model, embedding, &prompts[i], 1, &options, &one, NULL), SAMC_OK);
        assert_memory_equal(one.low_res_logits, all.low_res_logits + i * 3 * LOW * LOW,
                            3 * LOW * LOW * sizeof(float));
        assert_memory_equal(one.predicted_iou, all.predicted_iou + i * 3, 3 * sizeof(float));
        samc_masks_free(&one);
    }
    samc_masks_free(&all);
}

static void test_buffers_of_the_caller(void **state)
{
    samc_masks masks = SAMC_MASKS_INIT, own = SAMC_MASKS_INIT;
    static uint8_t bits[3][HEIGHT][WIDTH];
    static float low[3][LOW][LOW];

    (void)state;
    masks.masks = &bits[0][0][0];
    masks.low_res_logits = &low[0][0][0];
    predict_point(context, embedding, 30, 20, &masks);
    predict_point(context, embedding, 30, 20, &own);
    assert_ptr_equal(masks.masks, bits);
    assert_ptr_equal(masks.low_res_logits, low);
    assert_same_masks(&masks, &own);
    samc_masks_free(&masks);
    assert_ptr_equal(masks.masks, bits); /* still the caller's */
    assert_null(masks.predicted_iou);
    /* an answer that was not freed is not overwritten */
    {
        const float xy[] = {1, 1};
        const int32_t label = 1;
        const samc_prompt prompt = point_prompt(xy, &label, 1);

        assert_int_equal(samc_predict(context, model, embedding, &prompt, 1, NULL, &own, NULL),
                         SAMC_ERROR_ARGUMENT);
        assert_non_null(own.masks);
    }
    samc_masks_free(&own);
}

static void test_saved_embeddings(void **state)
{
    samc_masks before = SAMC_MASKS_INIT, after = SAMC_MASKS_INIT;
    samc_embedding *loaded = NULL;
    samc_error error;
    int32_t width, height;
    FILE *file;

    (void)state;
    predict_point(context, embedding, 30, 20, &before);
    assert_int_equal(samc_embedding_save(embedding, path, SAMC_F32, NULL), SAMC_OK);
    assert_int_equal(samc_embedding_load(model, path, &loaded, NULL), SAMC_OK);
    samc_embedding_photo_size(loaded, &width, &height);
    assert_int_equal(width, WIDTH);
    assert_int_equal(height, HEIGHT);
    predict_point(context, loaded, 30, 20, &after);
    assert_same_masks(&before, &after);
    samc_masks_free(&after);
    samc_embedding_free(loaded);

    assert_int_equal(samc_embedding_save(embedding, path, SAMC_F16, NULL), SAMC_OK);
    assert_int_equal(samc_embedding_load(model, path, &loaded, NULL), SAMC_OK);
    predict_point(context, loaded, 30, 20, &after);
    for (int i = 0; i < 3 * LOW * LOW; i++)
        assert_float_equal(before.low_res_logits[i], after.low_res_logits[i],
                           0.02f * (1.0f + fabsf(before.low_res_logits[i])));
    samc_masks_free(&after);
    samc_masks_free(&before);
    samc_embedding_free(loaded);
    loaded = NULL;

    assert_int_equal(samc_embedding_load(model, SAMC_TEST_GOLDEN "/tiny.pth", &loaded, &error),
                     SAMC_ERROR_FORMAT);
    assert_non_null(strstr(error.message, "not an image embedding"));
    assert_int_equal(samc_embedding_save(embedding, "no/such/folder/e", SAMC_F32, &error),
                     SAMC_ERROR_IO);
    file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(ftruncate(fileno(file), 300), 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(samc_embedding_load(model, path, &loaded, &error), SAMC_ERROR_FORMAT);
    assert_null(loaded);
}

typedef struct worker_job {
    samc_masks masks[16];
} worker_job;

static void *worker(void *arg)
{
    worker_job *job = arg;

    for (int i = 0; i < 16; i++) {
        job->masks[i] = (samc_masks)SAMC_MASKS_INIT;
        predict_point(context, embedding, (float)(5 + 6 * i), (float)(3 + 3 * i), &job->masks[i]);
    }
    return NULL;
}

static void test_threads_share_an_embedding(void **state)
{
    static worker_job serial, jobs[8];
    pthread_t ids[8];

    (void)state;
    (void)worker(&serial);
    for (int i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&ids[i], NULL, worker, &jobs[i]), 0);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(pthread_join(ids[i], NULL), 0);
        for (int j = 0; j < 16; j++) {
            assert_same_masks(&serial.masks[j], &jobs[i].masks[j]);
            samc_masks_free(&jobs[i].masks[j]);
        }
    }
    for (int j = 0; j < 16; j++)
        samc_masks_free(&serial.masks[j]);
}

static int stop_at_once(void *user, double done)
{
    double *last = user;

    assert_true(done >= *last && done <= 1.0);
    *last = done;
    return 1;
}

static int only_look(void *user, double done)
{
    (void)stop_at_once(user, done);
    return 0;
}

static void test_progress_and_cancel(void **state)
{
    const float xy[] = {10, 10};
    const int32_t label = 1;
    const samc_prompt prompts[2] = {point_prompt(xy, &label, 1), point_prompt(xy, &label, 1)};
    samc_encode_options encode = SAMC_ENCODE_OPTIONS_INIT;
    samc_predict_options predict = SAMC_PREDICT_OPTIONS_INIT;
    samc_model_options load = SAMC_MODEL_OPTIONS_INIT;
    samc_masks masks = SAMC_MASKS_INIT;
    const samc_image image = photo();
    samc_embedding *e = NULL;
    samc_model *m = NULL;
    double done = 0.0;

    (void)state;
    load.progress = encode.progress = predict.progress = stop_at_once;
    load.user = encode.user = predict.user = &done;
    assert_int_equal(samc_model_load(context, SAMC_TEST_GOLDEN "/tiny.pth", &load, &m, NULL),
                     SAMC_ERROR_CANCELLED);
    assert_null(m);
    done = 0.0;
    assert_int_equal(samc_encode(context, model, &image, &encode, &e, NULL), SAMC_ERROR_CANCELLED);
    assert_null(e);
    assert_true(done > 0.0 && done < 1.0);
    done = 0.0;
    assert_int_equal(samc_predict(context, model, embedding, prompts, 2, &predict, &masks, NULL),
                     SAMC_ERROR_CANCELLED);
    assert_null(masks.masks);
    done = 0.0;
    encode.progress = only_look;
    assert_int_equal(samc_encode(context, model, &image, &encode, &e, NULL), SAMC_OK);
    assert_true(done == 1.0);
    samc_embedding_free(e);
}

/* Pixels in another order or with gaps between rows are the same photo. */
static void test_pixel_formats(void **state)
{
    static uint8_t bgr[HEIGHT][WIDTH + 7][3], rgba[HEIGHT][WIDTH][4];
    const samc_image images[] = {
        {&bgr[0][0][0], WIDTH, HEIGHT, sizeof bgr[0], SAMC_PIXELS_BGR},
        {&rgba[0][0][0], WIDTH, HEIGHT, sizeof rgba[0], SAMC_PIXELS_RGBA},
    };

    (void)state;
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++)
            for (int c = 0; c < 3; c++) {
                bgr[y][x][2 - c] = pixels[y][x][c];
                rgba[y][x][c] = pixels[y][x][c];
                rgba[y][x][3] = (uint8_t)(x + y);
            }
    for (size_t i = 0; i < sizeof images / sizeof images[0]; i++) {
        samc_embedding *e = NULL;

        assert_int_equal(samc_encode(context, model, &images[i], NULL, &e, NULL), SAMC_OK);
        assert_memory_equal(samc_embedding_data(e), samc_embedding_data(embedding),
                            32 * 10 * 10 * sizeof(float));
        samc_embedding_free(e);
    }
}

static void test_gray_is_repeated(void **state)
{
    static uint8_t gray[HEIGHT][WIDTH + 3], rgb[HEIGHT][WIDTH][3];
    const samc_image one = {&gray[0][0], WIDTH, HEIGHT, sizeof gray[0], SAMC_PIXELS_GRAY};
    const samc_image three = {&rgb[0][0][0], WIDTH, HEIGHT, sizeof rgb[0], SAMC_PIXELS_RGB};
    samc_embedding *e = NULL, *f = NULL;

    (void)state;
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++) {
            gray[y][x] = pixels[y][x][1];
            memset(rgb[y][x], pixels[y][x][1], 3);
        }
    assert_int_equal(samc_encode(context, model, &one, NULL, &e, NULL), SAMC_OK);
    assert_int_equal(samc_encode(context, model, &three, NULL, &f, NULL), SAMC_OK);
    assert_memory_equal(samc_embedding_data(e), samc_embedding_data(f),
                        32 * 10 * 10 * sizeof(float));
    assert_memory_not_equal(samc_embedding_data(e), samc_embedding_data(embedding),
                            32 * 10 * 10 * sizeof(float));
    samc_embedding_free(e);
    samc_embedding_free(f);
}

static void test_a_drawn_mask_becomes_logits(void **state)
{
    static uint8_t drawn[HEIGHT][WIDTH], apart[HEIGHT][WIDTH + 9];
    static float logits[LOW][LOW], again[LOW][LOW];
    samc_prompt prompt = SAMC_PROMPT_INIT;
    samc_masks masks = SAMC_MASKS_INIT;

    (void)state;
    /* the left half; the photo's 100 x 60 pixels are 40 x 24 low-res ones */
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++)
            drawn[y][x] = x < WIDTH / 2 ? 255 : 0;
    assert_int_equal(
        samc_mask_to_logits(model, &drawn[0][0], WIDTH, HEIGHT, WIDTH, &logits[0][0], NULL),
        SAMC_OK);
    for (int y = 0; y < LOW; y++)
        for (int x = 0; x < LOW; x++)
            assert_true((logits[y][x] > 0.0f) == (x < 20 && y < 24));
    /* the same from gray above and below the middle, with rows that do not touch */
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH + 9; x++)
            apart[y][x] = x < WIDTH / 2 || x >= WIDTH ? 128 : 127;
    assert_int_equal(
        samc_mask_to_logits(model, &apart[0][0], WIDTH, HEIGHT, WIDTH + 9, &again[0][0], NULL),
        SAMC_OK);
    assert_memory_equal(logits, again, sizeof logits);
    prompt.mask_input = &logits[0][0];
    assert_int_equal(samc_predict(context, model, embedding, &prompt, 1, NULL, &masks, NULL),
                     SAMC_OK);
    samc_masks_free(&masks);
    assert_int_equal(
        samc_mask_to_logits(model, &drawn[0][0], WIDTH, HEIGHT, WIDTH - 1, &logits[0][0], NULL),
        SAMC_ERROR_ARGUMENT);
}

/* From 1 x 1 to strips far beyond the square's own size. */
static void test_extreme_shapes(void **state)
{
    static const int32_t sizes[][2] = {{1, 1}, {1, 700}, {700, 1}, {3, 2}, {1600, 100}, {41, 2000}};

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const int32_t w = sizes[i][0], h = sizes[i][1];
        const float xy[] = {0.5f * (float)w, 0.5f * (float)h};
        const int32_t label = 1;
        const samc_prompt prompt = point_prompt(xy, &label, 1);
        samc_masks masks = SAMC_MASKS_INIT;
        samc_embedding *e = NULL;
        samc_image image = {calloc((size_t)w, (size_t)h), w, h, (size_t)w, SAMC_PIXELS_GRAY};

        assert_non_null(image.pixels);
        assert_int_equal(samc_encode(context, model, &image, NULL, &e, NULL), SAMC_OK);
        assert_int_equal(samc_predict(context, model, e, &prompt, 1, NULL, &masks, NULL), SAMC_OK);
        assert_int_equal(masks.width, w);
        assert_int_equal(masks.height, h);
        samc_masks_free(&masks);
        samc_embedding_free(e);
        free((void *)(uintptr_t)image.pixels);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prompts_that_are_refused),
        cmocka_unit_test(test_calls_that_are_refused),
        cmocka_unit_test(test_kernels_and_threads_that_are_refused),
        cmocka_unit_test(test_structs_that_have_grown),
        cmocka_unit_test(test_masks_are_their_logits_cut),
        cmocka_unit_test(test_thresholds_of_the_caller),
        cmocka_unit_test(test_a_batch_equals_single_prompts),
        cmocka_unit_test(test_groups_equal_single_prompts),
        cmocka_unit_test(test_buffers_of_the_caller),
        cmocka_unit_test(test_saved_embeddings),
        cmocka_unit_test(test_threads_share_an_embedding),
        cmocka_unit_test(test_progress_and_cancel),
        cmocka_unit_test(test_pixel_formats),
        cmocka_unit_test(test_gray_is_repeated),
        cmocka_unit_test(test_a_drawn_mask_becomes_logits),
        cmocka_unit_test(test_extreme_shapes),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
