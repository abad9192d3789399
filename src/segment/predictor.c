/* SPDX-License-Identifier: Apache-2.0
 *
 * Photo -> embedding, embedding + prompts -> masks: samc_encode, samc_predict.
 * Source: predictor.py (SamPredictor).
 */
#include "base/memory.h"
#include "image/image.h"
#include "kernels/context.h"
#include "segment/embedding.h"
#include "segment/postprocess.h"
#include "segment/prompt_check.h"

#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------------------------- encode */

samc_status samc_encode(samc_context *context, const samc_model *model, const samc_image *image,
                        const samc_encode_options *options, samc_embedding **embedding,
                        samc_error *error)
{
    samc_arena arena = {NULL, NULL};
    samc_embedding *e = NULL;
    samc_status status = SAMC_OK;
    samc_call call;
    int64_t tokens;
    float *patches;

    if (!context || !model || !embedding || (options && options->struct_size < sizeof *options))
        return SAMC_FAIL(error, ARGUMENT,
                         "samc_encode: give a context, a model, a place for the embedding, and "
                         "options that are NULL or began with SAMC_ENCODE_OPTIONS_INIT");
    SAMC_TRY(samc_image_check(image, error));
    call = (samc_call){model->kernels, context->threads, &arena, context->stopwatch};
    tokens = (int64_t)model->config.grid * model->config.grid;
    SAMC_CHECK(samc_embedding_new(model, image->width, image->height, &e, error));
    SAMC_CHECK(samc_arena_take(&arena, (size_t)(tokens * model->image_encoder.patch_embed.k),
                               sizeof *patches, &patches, error));
    SAMC_CHECK(samc_transform_patches(&call, &model->config, image, &e->frame, patches, error));
    samc_stopwatch_lap(call.stopwatch, "resize, patches", 0.0);
    SAMC_CHECK(samc_image_encoder_run(&call, &model->image_encoder, patches,
                                      options ? options->progress : NULL,
                                      options ? options->user : NULL, e->tokens, error));
    for (int64_t c = 0; c < e->channels; c++)
        for (int64_t i = 0; i < tokens; i++)
            e->planes[c * tokens + i] = e->tokens[i * e->channels + c];
    samc_stopwatch_lap(call.stopwatch, "transpose", 0.0);
    *embedding = e;

cleanup:
    samc_arena_free(&arena);
    if (status != SAMC_OK)
        samc_embedding_free(e);
    return status;
}

/* ------------------------------------------------------------------------------------ predict */

/* Bits of samc_masks.owned. */
enum { OWN_IOU = 1, OWN_STABILITY = 2, OWN_LOW_RES = 4, OWN_MASKS = 8, OWN_LOGITS = 16 };

static void free_owned(samc_masks *m, uint32_t bits)
{
    if (m->owned & bits & OWN_IOU)
        free(m->predicted_iou), m->predicted_iou = NULL;
    if (m->owned & bits & OWN_STABILITY)
        free(m->stability_score), m->stability_score = NULL;
    if (m->owned & bits & OWN_LOW_RES)
        free(m->low_res_logits), m->low_res_logits = NULL;
    if (m->owned & bits & OWN_MASKS)
        free(m->masks), m->masks = NULL;
    if (m->owned & bits & OWN_LOGITS)
        free(m->logits), m->logits = NULL;
    m->owned &= ~bits;
}

void samc_masks_free(samc_masks *masks)
{
    if (masks)
        free_owned(masks, UINT32_MAX);
}

/* Allocates `count` elements where the caller gave no buffer, and notes it. */
static samc_status own(samc_masks *masks, uint32_t bit, size_t count, size_t size, void *memory,
                       samc_error *error)
{
    void *given;

    memcpy(&given, memory, sizeof given);
    if (given)
        return SAMC_OK;
    SAMC_TRY(samc_alloc(count, size, memory, error));
    masks->owned |= bit;
    return SAMC_OK;
}

static samc_status own_all(samc_masks *m, const samc_predict_options *options, samc_error *error)
{
    const size_t count = (size_t)m->n_prompts * (size_t)m->n_masks;
    const size_t low = (size_t)m->low_res_size * (size_t)m->low_res_size;
    const size_t pixels = (size_t)m->width * (size_t)m->height;

    SAMC_TRY(own(m, OWN_IOU, count, sizeof(float), &m->predicted_iou, error));
    SAMC_TRY(own(m, OWN_LOW_RES, count, low * sizeof(float), &m->low_res_logits, error));
    if (options->want_masks) {
        SAMC_TRY(own(m, OWN_STABILITY, count, sizeof(float), &m->stability_score, error));
        SAMC_TRY(own(m, OWN_MASKS, count, pixels, &m->masks, error));
    }
    if (options->want_logits)
        SAMC_TRY(own(m, OWN_LOGITS, count, pixels * sizeof(float), &m->logits, error));
    return SAMC_OK;
}

/* What one samc_predict call shares among its prompts. */
typedef struct predict_job {
    samc_call call;
    const samc_model *model;
    const samc_embedding *embedding;
    const samc_predict_options *options;
    samc_postprocess post;
    samc_error *error;
} predict_job;

/* The prompt's tokens [*n][E]: points, then a padding point or the box's corners. */
static samc_status sparse_tokens(const predict_job *job, const samc_prompt *prompt, int64_t *n,
                                 float **tokens)
{
    const samc_frame *frame = &job->embedding->frame;
    const int64_t given = (int64_t)prompt->n_points;
    float *points;
    int32_t *labels;

    *n = given + (prompt->box ? 2 : given ? 1 : 0);
    SAMC_TRY(samc_arena_take(job->call.arena, (size_t)*n, 2 * sizeof *points, &points, job->error));
    SAMC_TRY(samc_arena_take(job->call.arena, (size_t)*n, sizeof *labels, &labels, job->error));
    SAMC_TRY(samc_arena_take(job->call.arena, (size_t)(*n * job->embedding->channels),
                             sizeof **tokens, tokens, job->error));
    for (int64_t i = 0; i < given; i++) {
        samc_frame_apply(frame, prompt->points + 2 * i, points + 2 * i);
        labels[i] = prompt->labels[i] == 1 ? SAMC_POINT_FOREGROUND : SAMC_POINT_BACKGROUND;
    }
    if (prompt->box) {
        samc_frame_apply(frame, prompt->box, points + 2 * given);
        samc_frame_apply(frame, prompt->box + 2, points + 2 * given + 2);
        labels[given] = SAMC_POINT_TOP_LEFT;
        labels[given + 1] = SAMC_POINT_BOTTOM_RIGHT;
    } else if (given) {
        labels[given] = SAMC_POINT_PADDING;
    }
    samc_prompt_encoder_sparse(&job->model->prompt_encoder, points, labels, *n, *tokens);
    return SAMC_OK;
}

/* image [T][E] = embedding + the dense prompt. */
static samc_status dense_image(const predict_job *job, const samc_prompt *prompt, float *image)
{
    const samc_kernels *k = job->call.kernels;
    const int64_t e = job->embedding->channels;
    const int64_t tokens = (int64_t)job->embedding->grid * job->embedding->grid;
    const float *no_mask = job->model->prompt_encoder.no_mask;

    if (prompt->mask_input) {
        SAMC_TRY(samc_prompt_encoder_mask(&job->call, &job->model->prompt_encoder,
                                          prompt->mask_input, image, job->error));
        k->epilogue(image, tokens * e, NULL, SAMC_ACT_NONE, job->embedding->tokens);
        return SAMC_OK;
    }
    memcpy(image, job->embedding->tokens, (size_t)(tokens * e) * sizeof *image);
    for (int64_t i = 0; i < tokens; i++)
        k->epilogue(image + i * e, e, no_mask, SAMC_ACT_NONE, NULL);
    return SAMC_OK;
}

static samc_status predict_one(const predict_job *job, const samc_prompt *prompt, int64_t index,
                               samc_masks *masks)
{
    const samc_model *model = job->model;
    const int64_t side = masks->low_res_size, first = index * masks->n_masks;
    const int64_t tokens = (int64_t)job->embedding->grid * job->embedding->grid;
    const size_t pixels = (size_t)masks->width * (size_t)masks->height;
    const samc_arena_mark mark = samc_arena_here(job->call.arena);
    float iou[SAMC_MAX_MASK_TOKENS], *sparse, *image;
    float *low_res = masks->low_res_logits + first * side * side;
    const int32_t first_mask = job->options->multimask ? 1 : 0;
    samc_status status = SAMC_OK;
    int64_t n;

    SAMC_CHECK(sparse_tokens(job, prompt, &n, &sparse));
    SAMC_CHECK(samc_arena_take(job->call.arena, (size_t)(tokens * job->embedding->channels),
                               sizeof *image, &image, job->error));
    SAMC_CHECK(dense_image(job, prompt, image));
    samc_stopwatch_lap(job->call.stopwatch, "prompt", 0.0);
    SAMC_CHECK(samc_mask_decoder_run(&job->call, &model->mask_decoder,
                                     model->prompt_encoder.dense_pe, n, sparse, first_mask,
                                     masks->n_masks, image, low_res, iou, job->error));
    memcpy(masks->predicted_iou + first, iou + first_mask, (size_t)masks->n_masks * sizeof *iou);
    if (!job->options->want_masks && !job->options->want_logits)
        goto cleanup;
    for (int64_t i = 0; i < masks->n_masks; i++) {
        const size_t at = (size_t)(first + i);

        SAMC_CHECK(samc_postprocess_run(
            &job->call, &job->post, low_res + i * side * side,
            job->options->want_masks ? masks->masks + at * pixels : NULL,
            job->options->want_logits ? masks->logits + at * pixels : NULL,
            job->options->want_masks ? masks->stability_score + at : NULL, job->error));
    }
    samc_stopwatch_lap(job->call.stopwatch, "masks of the photo's size", 0.0);

cleanup:
    samc_arena_give_back(job->call.arena, mark);
    return status;
}

static samc_status check_call(const samc_context *context, const samc_model *model,
                              const samc_embedding *embedding, const samc_prompt *prompts,
                              size_t n_prompts, const samc_predict_options *options,
                              const samc_masks *masks, samc_error *error)
{
    if (!context || !model || !embedding || !masks || masks->struct_size < sizeof *masks ||
        options->struct_size < sizeof *options)
        return SAMC_FAIL(error, ARGUMENT,
                         "samc_predict: give a context, a model, an embedding, masks that began "
                         "with SAMC_MASKS_INIT, and options that are NULL or began with "
                         "SAMC_PREDICT_OPTIONS_INIT");
    if (masks->owned)
        return SAMC_FAIL(error, ARGUMENT,
                         "samc_predict: masks still hold the answer of another "
                         "call; free them with samc_masks_free first");
    if (strcmp(embedding->identity, model->identity) != 0)
        return SAMC_FAIL(error, MODEL, "the embedding was made by another model");
    if (options->multimask && model->config.mask_tokens < 2)
        return SAMC_FAIL(error, UNSUPPORTED, "this model has one mask a prompt, not three");
    return samc_prompt_check(prompts, n_prompts, embedding->frame.width, embedding->frame.height,
                             samc_config_low_res(&model->config), error);
}

samc_status samc_predict(samc_context *context, const samc_model *model,
                         const samc_embedding *embedding, const samc_prompt *prompts,
                         size_t n_prompts, const samc_predict_options *options, samc_masks *masks,
                         samc_error *error)
{
    const samc_predict_options defaults = SAMC_PREDICT_OPTIONS_INIT;
    samc_arena arena = {NULL, NULL};
    samc_status status = SAMC_OK;
    predict_job job;
    samc_masks answer;

    options = options ? options : &defaults;
    SAMC_TRY(check_call(context, model, embedding, prompts, n_prompts, options, masks, error));
    answer = *masks;
    answer.n_prompts = (int32_t)n_prompts;
    answer.n_masks = options->multimask ? model->config.mask_tokens - 1 : 1;
    answer.width = embedding->frame.width;
    answer.height = embedding->frame.height;
    answer.low_res_size = samc_config_low_res(&model->config);
    SAMC_CHECK(own_all(&answer, options, error));
    job = (predict_job){{model->kernels, context->threads, &arena, context->stopwatch},
                        model,
                        embedding,
                        options,
                        {embedding->frame, answer.low_res_size, model->config.image_size,
                         options->mask_threshold, options->stability_offset},
                        error};
    for (size_t i = 0; i < n_prompts; i++) {
        SAMC_CHECK(predict_one(&job, &prompts[i], (int64_t)i, &answer));
        if (options->progress &&
            options->progress(options->user, (double)(i + 1) / (double)n_prompts) &&
            i + 1 < n_prompts) {
            status = SAMC_FAIL(error, CANCELLED,
                               "prediction was cancelled after %zu of %zu prompts", i + 1,
                               n_prompts);
            goto cleanup;
        }
    }

cleanup:
    samc_arena_free(&arena);
    if (status == SAMC_OK)
        *masks = answer;
    else
        samc_masks_free(&answer);
    return status;
}
