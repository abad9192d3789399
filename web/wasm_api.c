/* SPDX-License-Identifier: Apache-2.0
 *
 * samc.wasm: libsamc as worker.js calls it. One model and one photo at a time; results live until
 * the next call; a call returns 0 or a samc_status, and samc_web_error then says what was wrong.
 * Coordinates are pixels of the photo; a raster is the size in which masks are wanted (0 x 0: the
 * photo's), of the photo's shape. Imports, of module "samc": progress(done) and mask(), which cancel
 * by an answer that is not 0.
 */
#include "base/memory.h"
#include "kernels/context.h"
#include "segment/embedding.h"
#include "segment/postprocess.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT(name) __attribute__((export_name(#name)))
#define MOST_MASKS 3

__attribute__((import_module("samc"), import_name("progress"))) int32_t
samc_web_progress(double done);
__attribute__((import_module("samc"), import_name("mask"))) int32_t samc_web_take(void);

/* A mask of the last answer. */
typedef struct result {
    uint8_t *bits;        /* [height][width] */
    const float *low_res; /* in state.masks, or NULL */
    double score, stability;
    int32_t box[5]; /* x, y, width, height, area */
} result;

static struct {
    samc_context *context;
    samc_model *model;
    samc_embedding *embedding;
    samc_masks masks;
    samc_error error;
    char info[512];
    result results[MOST_MASKS];
    int32_t count, width, height;
    double point[2];
    uint8_t *whole; /* everything mode: a mask at the photo's size */
} state;

static int told(void *user, double done)
{
    (void)user;
    return samc_web_progress(done);
}

static void forget_results(void)
{
    for (int32_t i = 0; i < MOST_MASKS; i++) {
        free(state.results[i].bits);
        state.results[i] = (result){.bits = NULL};
    }
    state.count = 0;
    if (state.masks.struct_size)
        samc_masks_free(&state.masks);
}

static int fail(samc_status status, const char *message)
{
    return (int)samc_error_set(&state.error, status, "%s", message);
}

EXPORT(samc_web_alloc) void *samc_web_alloc(size_t size)
{
    return malloc(size ? size : 1);
}

EXPORT(samc_web_free) void samc_web_free(void *memory)
{
    free(memory);
}

EXPORT(samc_web_error) const char *samc_web_error(void)
{
    return state.error.message;
}

EXPORT(samc_web_model) int samc_web_model(const void *bytes, size_t size)
{
    samc_model *model = NULL;
    samc_status status = SAMC_OK;

    if (!state.context)
        status = samc_context_create(NULL, &state.context, &state.error);
    if (status == SAMC_OK)
        status = samc_model_load_memory(state.context, bytes, size, NULL, &model, &state.error);
    if (status != SAMC_OK)
        return (int)status;
    forget_results();
    samc_embedding_free(state.embedding);
    state.embedding = NULL;
    samc_model_free(state.model);
    state.model = model;
    return 0;
}

/* JSON: what the model is, and what it recommends for everything mode. NULL without a model. */
EXPORT(samc_web_info) const char *samc_web_info(void)
{
    samc_generate_options options = SAMC_GENERATE_OPTIONS_INIT;
    samc_model_info info = SAMC_MODEL_INFO_INIT;

    if (!state.model || samc_model_get_info(state.model, &info, &state.error) != SAMC_OK ||
        samc_model_recommend(state.model, &options, &state.error) != SAMC_OK)
        return NULL;
    (void)snprintf(state.info, sizeof state.info,
                   "{\"imageSize\": %d, \"lowResSize\": %d, \"identity\": \"%s\", \"name\": "
                   "\"%s\", \"encodes\": %s, \"predIouThresh\": %.9g, \"stabilityScoreThresh\": "
                   "%.9g, \"kernels\": \"%s\"}",
                   (int)info.image_size, (int)info.low_res_size, info.identity, info.name,
                   info.encoder_depth ? "true" : "false", (double)options.pred_iou_thresh,
                   (double)options.stability_score_thresh, state.context->kernels->name);
    return state.info;
}

static int take_embedding(samc_status status, samc_embedding *embedding)
{
    if (status != SAMC_OK)
        return (int)status;
    forget_results();
    samc_embedding_free(state.embedding);
    state.embedding = embedding;
    return 0;
}

/* Encodes rgba [height][width][4]. */
EXPORT(samc_web_encode)
int samc_web_encode(const uint8_t *rgba, int32_t width, int32_t height)
{
    const samc_image image = {rgba, width, height, 4 * (size_t)width, SAMC_PIXELS_RGBA};
    samc_encode_options options = SAMC_ENCODE_OPTIONS_INIT;
    samc_embedding *embedding = NULL;

    if (!state.model)
        return fail(SAMC_ERROR_ARGUMENT, "load a model first");
    options.progress = told;
    return take_embedding(
        samc_encode(state.context, state.model, &image, &options, &embedding, &state.error),
        embedding);
}

EXPORT(samc_web_embedding) int samc_web_embedding(const void *bytes, size_t size)
{
    samc_embedding *embedding = NULL;

    if (!state.model)
        return fail(SAMC_ERROR_ARGUMENT, "load a model first");
    return take_embedding(
        samc_embedding_load_memory(state.model, bytes, size, &embedding, &state.error), embedding);
}

EXPORT(samc_web_photo_width) int32_t samc_web_photo_width(void)
{
    return state.embedding ? state.embedding->frame.width : 0;
}

EXPORT(samc_web_photo_height) int32_t samc_web_photo_height(void)
{
    return state.embedding ? state.embedding->frame.height : 0;
}

/* The size of the results to come. */
static int begin_results(int32_t width, int32_t height)
{
    if (!state.embedding)
        return fail(SAMC_ERROR_ARGUMENT, "encode a photo first, or give its embedding");
    if (width < 0 || height < 0 || width > 65535 || height > 65535 || !width != !height)
        return fail(SAMC_ERROR_ARGUMENT, "the raster's sides must be 1 to 65535, or both 0");
    forget_results();
    state.width = width ? width : state.embedding->frame.width;
    state.height = height ? height : state.embedding->frame.height;
    return 0;
}

/* Area and box of the bits. */
static void measure(result *r)
{
    int32_t x0 = state.width, y0 = state.height, x1 = 0, y1 = 0, area = 0;

    for (int32_t y = 0; y < state.height; y++)
        for (int32_t x = 0; x < state.width; x++)
            if (r->bits[(size_t)y * (size_t)state.width + (size_t)x]) {
                x0 = x < x0 ? x : x0;
                x1 = x >= x1 ? x + 1 : x1;
                y0 = y < y0 ? y : y0;
                y1 = y + 1;
                area++;
            }
    memcpy(r->box, area ? (int32_t[]){x0, y0, x1 - x0, y1 - y0, area} : (int32_t[5]){0},
           sizeof r->box);
}

static samc_status take_bits(result *r)
{
    return samc_alloc_zero((size_t)state.width * (size_t)state.height, 1, &r->bits, &state.error);
}

/* The raster of mask i, from its low-res logits. */
static samc_status draw(int32_t i)
{
    samc_postprocess post = {.frame = state.embedding->frame,
                             .low_res = samc_config_low_res(&state.model->config),
                             .side = state.model->config.image_size,
                             .threshold = 0.0f,
                             .stability_offset = 1.0f};
    samc_arena arena = {NULL, NULL};
    const samc_call call = {state.context->kernels, NULL, &arena, NULL};
    result *r = &state.results[i];
    float stability = 0.0f;
    samc_status status = take_bits(r);

    post.frame.width = state.width;
    post.frame.height = state.height;
    r->low_res = state.masks.low_res_logits +
                 (size_t)i * (size_t)post.low_res * (size_t)post.low_res;
    r->score = (double)state.masks.predicted_iou[i];
    if (status == SAMC_OK)
        status = samc_postprocess_run(&call, &post, r->low_res, r->bits, NULL, &stability,
                                      &state.error);
    samc_arena_free(&arena);
    r->stability = (double)stability;
    if (status == SAMC_OK)
        measure(r);
    return status;
}

/* points [n][2], labels [n]; box xyxy, low_res [S][S] or NULL. One mask, or three. */
EXPORT(samc_web_predict)
int samc_web_predict(const float *points, const int32_t *labels, int32_t n, const float *box,
                     const float *low_res, int32_t multimask, int32_t width, int32_t height)
{
    samc_predict_options options = SAMC_PREDICT_OPTIONS_INIT;
    samc_prompt prompt = SAMC_PROMPT_INIT;
    samc_status status;
    const int refused = begin_results(width, height);

    if (refused)
        return refused;
    prompt.points = n > 0 ? points : NULL;
    prompt.labels = n > 0 ? labels : NULL;
    prompt.n_points = n > 0 ? (size_t)n : 0;
    prompt.box = box;
    prompt.mask_input = low_res;
    options.multimask = multimask;
    options.want_masks = 0;
    state.masks = (samc_masks)SAMC_MASKS_INIT;
    status = samc_predict(state.context, state.model, state.embedding, &prompt, 1, &options,
                          &state.masks, &state.error);
    for (int32_t i = 0; status == SAMC_OK && i < state.masks.n_masks; i++)
        status = draw(i);
    state.count = status == SAMC_OK ? state.masks.n_masks : 0;
    return (int)status;
}

/* A mask of everything as result 0: its pixels at the photo's size, the nearest ones taken. */
static int take_found(void *user, const samc_mask_record *record)
{
    const samc_frame *frame = &state.embedding->frame;
    result *r = &state.results[0];

    (void)user;
    samc_rle_decode(record->mask, state.whole, (size_t)frame->width);
    for (int32_t y = 0; y < state.height; y++) {
        const int64_t from = (2 * (int64_t)y + 1) * frame->height / (2 * (int64_t)state.height);

        for (int32_t x = 0; x < state.width; x++)
            r->bits[(size_t)y * (size_t)state.width + (size_t)x] =
                state.whole[from * frame->width +
                            (2 * (int64_t)x + 1) * frame->width / (2 * (int64_t)state.width)];
    }
    measure(r);
    r->score = (double)record->predicted_iou;
    r->stability = (double)record->stability_score;
    state.point[0] = record->point[0];
    state.point[1] = record->point[1];
    state.count = 1;
    return samc_web_take();
}

/* Everything in the photo; mask() is called for each, best first. NaN: the model's threshold. */
EXPORT(samc_web_everything)
int samc_web_everything(int32_t points_per_side, double pred_iou, double stability, int32_t width,
                        int32_t height)
{
    samc_generate_options options = SAMC_GENERATE_OPTIONS_INIT;
    const int refused = begin_results(width, height);
    samc_status status;

    if (refused)
        return refused;
    SAMC_TRY(samc_model_recommend(state.model, &options, &state.error));
    options.points_per_side = points_per_side;
    options.points_per_batch = 16;
    if (!isnan(pred_iou))
        options.pred_iou_thresh = (float)pred_iou;
    if (!isnan(stability))
        options.stability_score_thresh = (float)stability;
    options.progress = told;
    status = take_bits(&state.results[0]);
    if (status == SAMC_OK)
        status = samc_alloc((size_t)state.embedding->frame.width *
                                (size_t)state.embedding->frame.height,
                            1, &state.whole, &state.error);
    if (status == SAMC_OK)
        status = samc_generate_from_embedding(state.context, state.model, state.embedding, &options,
                                              take_found, NULL, &state.error);
    free(state.whole);
    state.whole = NULL;
    return (int)status;
}

EXPORT(samc_web_count) int32_t samc_web_count(void)
{
    return state.count;
}

EXPORT(samc_web_mask_width) int32_t samc_web_mask_width(void)
{
    return state.width;
}

EXPORT(samc_web_mask_height) int32_t samc_web_mask_height(void)
{
    return state.height;
}

/* Result i, or the first where there is none of that number: it is empty then. */
static const result *result_at(int32_t i)
{
    return &state.results[i > 0 && i < state.count ? i : 0];
}

EXPORT(samc_web_bits) const uint8_t *samc_web_bits(int32_t i)
{
    return result_at(i)->bits;
}

EXPORT(samc_web_low_res) const float *samc_web_low_res(int32_t i)
{
    return result_at(i)->low_res;
}

EXPORT(samc_web_score) double samc_web_score(int32_t i)
{
    return result_at(i)->score;
}

EXPORT(samc_web_stability) double samc_web_stability(int32_t i)
{
    return result_at(i)->stability;
}

/* x, y, width, height, area in the raster. */
EXPORT(samc_web_box) const int32_t *samc_web_box(int32_t i)
{
    return result_at(i)->box;
}

/* The point (x, y) that found the last mask of everything. */
EXPORT(samc_web_point) const double *samc_web_point(void)
{
    return state.point;
}
