/* SPDX-License-Identifier: Apache-2.0
 *
 * Photo -> embedding, embedding + prompts -> masks: samc_encode, samc_predict.
 * Source: predictor.py (SamPredictor).
 */
#include "base/memory.h"
#include "image/image.h"
#include "kernels/context.h"
#include "segment/decode.h"
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
    float *patches, *rows;

    if (!context || !model || !embedding || (options && options->struct_size < sizeof *options))
        return SAMC_FAIL(error, ARGUMENT,
                         "samc_encode: give a context, a model, a place for the embedding, and "
                         "options that are NULL or began with SAMC_ENCODE_OPTIONS_INIT");
    SAMC_TRY(samc_image_check(image, error));
    if (model->config.decoder_of)
        return SAMC_FAIL(error, MODEL,
                         "this model is a decoder alone and cannot encode a photo: load the whole "
                         "checkpoint, or an embedding that it made");
    call = (samc_call){model->kernels, context->threads, &arena, context->stopwatch};
    tokens = (int64_t)model->config.grid * model->config.grid;
    SAMC_CHECK(samc_embedding_new(model, image->width, image->height, &e, error));
    SAMC_CHECK(samc_arena_take(&arena, (size_t)(tokens * model->image_encoder.patch_embed.k),
                               sizeof *patches, &patches, error));
    SAMC_CHECK(samc_transform_patches(&call, &model->config, image, &e->frame, patches, error));
    samc_stopwatch_lap(call.stopwatch, "resize, patches", 0.0);
    SAMC_CHECK(samc_arena_take(&arena, (size_t)(tokens * e->channels), sizeof *rows, &rows, error));
    SAMC_CHECK(samc_image_encoder_run(&call, &model->image_encoder, patches,
                                      options ? options->progress : NULL,
                                      options ? options->user : NULL, rows, error));
    call.kernels->transpose(rows, e->channels, tokens, e->channels, e->planes, tokens);
    samc_stopwatch_lap(call.stopwatch, "transpose", 0.0);
    SAMC_CHECK(samc_embedding_finish(&call, model, e, error));
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

/* Tells how many prompts are done, halves counted too; fails where the user wants to stop and there
 * is something left to do. */
static samc_status tell(const predict_job *job, double done, int64_t of)
{
    const samc_predict_options *o = job->options;

    if (o->progress && o->progress(o->user, done / (double)of) && done < (double)of)
        return SAMC_FAIL(job->error, CANCELLED,
                         "prediction was cancelled after %lld of %lld prompts", (long long)done,
                         (long long)of);
    return SAMC_OK;
}

/* The low-res logits and predicted IoU of `count` prompts, from prompt `first` on. */
static samc_status decode_group(const predict_job *job, const samc_prompt *prompts, int64_t first,
                                int64_t count, samc_masks *masks)
{
    const int64_t low = (int64_t)masks->low_res_size;
    const int32_t n_masks = masks->n_masks, first_mask = job->options->multimask ? 1 : 0;
    samc_decoding *decodings;
    samc_upscaling *upscalings;

    SAMC_TRY(samc_arena_take(job->call.arena, (size_t)count, sizeof *upscalings, &upscalings,
                             job->error));
    SAMC_TRY(samc_decode(&job->call, job->model, job->embedding,
                         samc_prompt_at(prompts, (size_t)first), count, first_mask, n_masks,
                         &decodings, job->error));
    SAMC_TRY(tell(job, (double)first + 0.5 * (double)count, masks->n_prompts));
    for (int64_t i = 0; i < count; i++) {
        memcpy(masks->predicted_iou + (first + i) * n_masks, decodings[i].iou + first_mask,
               (size_t)n_masks * sizeof(float));
        upscalings[i] = (samc_upscaling){n_masks, &decodings[i], decodings[i].hyper,
                                         masks->low_res_logits + (first + i) * n_masks * low * low};
    }
    return samc_mask_decoder_upscale(&job->call, &job->model->mask_decoder, &job->embedding->photo,
                                     count, upscalings, job->error);
}

static samc_status predict_group(const predict_job *job, const samc_prompt *prompts, int64_t first,
                                 int64_t count, samc_masks *masks)
{
    const int64_t side = masks->low_res_size;
    const size_t pixels = (size_t)masks->width * (size_t)masks->height;
    const samc_arena_mark mark = samc_arena_here(job->call.arena);
    samc_status status = SAMC_OK;

    SAMC_CHECK(decode_group(job, prompts, first, count, masks));
    if (!job->options->want_masks && !job->options->want_logits)
        goto cleanup;
    for (int64_t i = first * masks->n_masks; i < (first + count) * masks->n_masks; i++)
        SAMC_CHECK(samc_postprocess_run(
            &job->call, &job->post, masks->low_res_logits + i * side * side,
            job->options->want_masks ? masks->masks + (size_t)i * pixels : NULL,
            job->options->want_logits ? masks->logits + (size_t)i * pixels : NULL,
            job->options->want_masks ? masks->stability_score + i : NULL, job->error));
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
    samc_arena own = {NULL, NULL}, *arena;
    samc_status status = SAMC_OK;
    predict_job job;
    samc_masks answer;
    size_t group;

    options = options ? options : &defaults;
    SAMC_TRY(check_call(context, model, embedding, prompts, n_prompts, options, masks, error));
    arena = samc_context_take_arena(context, &own);
    answer = *masks;
    answer.n_prompts = (int32_t)n_prompts;
    answer.n_masks = options->multimask ? model->config.mask_tokens - 1 : 1;
    answer.width = embedding->frame.width;
    answer.height = embedding->frame.height;
    answer.low_res_size = samc_config_low_res(&model->config);
    SAMC_CHECK(own_all(&answer, options, error));
    group = (size_t)samc_decode_group(model);
    job = (predict_job){{model->kernels, context->threads, arena, context->stopwatch},
                        model,
                        embedding,
                        options,
                        {embedding->frame, answer.low_res_size, model->config.image_size,
                         options->mask_threshold, options->stability_offset},
                        error};
    for (size_t done = 0; done < n_prompts;) {
        const size_t count = n_prompts - done < group ? n_prompts - done : group;

        SAMC_CHECK(predict_group(&job, prompts, (int64_t)done, (int64_t)count, &answer));
        done += count;
        SAMC_CHECK(tell(&job, (double)done, (int64_t)n_prompts));
    }

cleanup:
    samc_context_return_arena(context, arena);
    if (status == SAMC_OK)
        *masks = answer;
    else
        samc_masks_free(&answer);
    return status;
}
