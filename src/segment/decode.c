/* SPDX-License-Identifier: Apache-2.0 */
#include "segment/decode.h"

#include "segment/prompt_check.h"

typedef struct decode_job {
    const samc_call *call;
    const samc_model *model;
    const samc_embedding *embedding;
    samc_error *error;
} decode_job;

/* The prompt's tokens [*n][E]: points, then a padding point or the box's corners. */
static samc_status sparse_tokens(const decode_job *job, const samc_prompt *prompt, int64_t *n,
                                 float **tokens)
{
    const samc_frame *frame = &job->embedding->frame;
    const int64_t given = (int64_t)prompt->n_points;
    float *points;
    int32_t *labels;

    *n = given + (prompt->box ? 2 : given ? 1 : 0);
    SAMC_TRY(
        samc_arena_take(job->call->arena, (size_t)*n, 2 * sizeof *points, &points, job->error));
    SAMC_TRY(samc_arena_take(job->call->arena, (size_t)*n, sizeof *labels, &labels, job->error));
    SAMC_TRY(samc_arena_take(job->call->arena, (size_t)(*n * job->embedding->channels),
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

/* Prompts are computed in groups: the tokens of a group pass through the weights together, and
 * the images of a group, 2 MiB each for a click on an official model, stay in an L3 between one
 * layer and the next. */
#define GROUP_BYTES ((int64_t)32 << 20)
#define GROUP_MOST 32

int64_t samc_decode_group(const samc_model *model)
{
    const samc_mask_decoder *decoder = &model->mask_decoder;
    const samc_image_kind kind = samc_mask_decoder_kind(decoder, 0, 2);
    const int64_t image = samc_mask_decoder_floats(decoder, kind, 2) * (int64_t)sizeof(float);
    const int64_t fit = GROUP_BYTES / image;

    return fit < 1 ? 1 : fit > GROUP_MOST ? GROUP_MOST : fit;
}

/* image = embedding + the dense prompt that the mask input gives. */
static samc_status dense_image(const decode_job *job, const samc_blocks *blocks,
                               const samc_prompt *prompt, float *image)
{
    const int64_t e = job->embedding->channels;
    const samc_arena_mark mark = samc_arena_here(job->call->arena);
    samc_status status = SAMC_OK;
    float *dense;

    SAMC_CHECK(samc_arena_take(job->call->arena, (size_t)(blocks->tokens * e), sizeof *dense,
                               &dense, job->error));
    SAMC_CHECK(samc_prompt_encoder_mask(job->call, &job->model->prompt_encoder, prompt->mask_input,
                                        dense, job->error));
    samc_blocks_fill(job->call, blocks, e, dense, job->embedding->planes, image);

cleanup:
    samc_arena_give_back(job->call->arena, mark);
    return status;
}

samc_status samc_decode(const samc_call *call, const samc_model *model,
                        const samc_embedding *embedding, const samc_prompt *prompts, int64_t count,
                        int32_t first, int32_t masks, samc_decoding **decodings, samc_error *error)
{
    const decode_job job = {call, model, embedding, error};
    const samc_blocks blocks = samc_blocks_of(&model->config);
    const samc_mask_decoder *decoder = &model->mask_decoder;
    const int64_t e = embedding->channels;
    samc_decoding *all;
    float *hyper, *iou;

    SAMC_TRY(samc_arena_take(call->arena, (size_t)count, sizeof *all, &all, error));
    SAMC_TRY(samc_arena_take(call->arena, (size_t)(count * masks * e / 8), sizeof *hyper, &hyper,
                             error));
    SAMC_TRY(samc_arena_take(call->arena, (size_t)count, SAMC_MAX_MASK_TOKENS * sizeof *iou, &iou,
                             error));
    for (int64_t i = 0; i < count; i++) {
        const samc_prompt *prompt = samc_prompt_at(prompts, (size_t)i);
        samc_decoding *d = &all[i];
        float *sparse = NULL;

        *d = (samc_decoding){.iou = iou + i * SAMC_MAX_MASK_TOKENS,
                             .hyper = hyper + i * masks * (e / 8)};
        SAMC_TRY(sparse_tokens(&job, prompt, &d->n, &sparse));
        d->sparse = sparse;
        d->kind = samc_mask_decoder_kind(decoder, prompt->mask_input != NULL, d->n);
        SAMC_TRY(samc_arena_take(call->arena,
                                 (size_t)samc_mask_decoder_floats(decoder, d->kind, d->n),
                                 sizeof *d->image, &d->image, error));
        if (d->kind == SAMC_IMAGE_GIVEN)
            SAMC_TRY(dense_image(&job, &blocks, prompt, d->image));
    }
    samc_stopwatch_lap(call->stopwatch, "prompt", 0.0);
    *decodings = all;
    return samc_mask_decoder_run(call, decoder, model->prompt_encoder.dense_pe, &embedding->photo,
                                 first, masks, count, all, error);
}
