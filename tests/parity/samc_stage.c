/* SPDX-License-Identifier: Apache-2.0
 *
 * samc_stage - runs single stages of a model, for tools/parity: an internal tool.
 *
 *     samc_stage [--kernels NAME] [--threads N] MODEL
 *     samc_stage --list                  the kernel paths of this CPU, one a line
 *
 * says "ok NAME-OF-KERNELS" once the model is loaded, then reads lines "STAGE INPUT OUTPUT": the
 * arrays of INPUT (safetensors) go through the stage, what comes out is written to OUTPUT, and the
 * answer is "ok" or "error" and why. P prompts, n tokens, T = grid * grid, E, C, L and M as in
 * src/model; H and W of the photo, h and w of the resized one. f32 where nothing is said.
 *
 *     STAGE        arrays in                                          arrays out
 *     config       -                                                  image_size [1] i32
 *     preprocess   photo [H][W][3] u8                                 resized [h][w][3] u8,
 *                                                                     patches [T][3 * p * p]
 *     patch_embed  patches                                            out [T][C]
 *     block:I      in [T][C]                                          out [T][C]
 *     neck         in [T][C]                                          out [T][E]
 *     encode       photo                                              embedding [E][grid][grid]
 *     dense_pe     -                                                  out [T][E]
 *     prompt       points_model [P][N][2] and labels [P][N] i32,      sparse [P][n][E],
 *                  boxes_model [P][4], mask_input [P][L][L]:          dense [P][T][E], or [E]
 *                  any of them                                        without mask_input
 *     transformer  embedding [T][E], sparse, dense as above           hs [P][M + 1 + n][E],
 *                                                                     src [P][T][E]
 *     decoder      the same                                           low_res [P][M][L][L],
 *                                                                     iou [P][M]
 *     heads        hs                                                 hyper [P][M][E / 8], iou
 *     upscale      src, hyper [P][K][E / 8]                           low_res [P][K][L][L]
 *     postprocess  low_res [P][K][L][L], size [2] i32 (W, H)          logits [P][K][H][W],
 *                                                                     masks the same, u8
 *     predict      embedding [E][grid][grid], size, and points        low_res, iou, logits, masks:
 *                  [P][N][2], labels, boxes [P][4], mask_input        mask 0, then the others
 */
#include "image/resize.h"
#include "kernels/context.h"
#include "parity/stage_arrays.h"
#include "segment/embedding.h"
#include "segment/postprocess.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct stage_run {
    samc_context *context;
    const samc_model *model;
    samc_stage_arrays arrays;
    samc_call call; /* scratch from the arrays' arena */
    int32_t index;  /* what follows the stage's colon */
} stage_run;

static int64_t token_count(const stage_run *run)
{
    return (int64_t)run->model->config.grid * run->model->config.grid;
}

static samc_status expect(int right, const char *what, samc_error *error)
{
    return right ? SAMC_OK : SAMC_FAIL(error, ARGUMENT, "%s does not fit this model", what);
}

static samc_status output(stage_run *run, const char *name, int32_t n_dims, const int64_t *shape,
                          float **values, samc_error *error)
{
    return samc_stage_output(&run->arrays, name, SAMC_DTYPE_F32, n_dims, shape, values, error);
}

/* ------------------------------------------------------------------------------ image encoder */

static samc_status stage_config(stage_run *run, samc_error *error)
{
    int32_t *size = NULL;

    SAMC_TRY(samc_stage_output(&run->arrays, "image_size", SAMC_DTYPE_I32, 1, (int64_t[]){1}, &size,
                               error));
    *size = run->model->config.image_size;
    return SAMC_OK;
}

static samc_status photo_of(stage_run *run, samc_image *image, samc_error *error)
{
    const samc_tensor *photo = NULL;

    SAMC_TRY(samc_stage_input(&run->arrays, "photo", 3, &photo, error));
    SAMC_TRY(expect(photo->dtype == SAMC_DTYPE_U8 && photo->shape[2] == 3, "photo", error));
    *image = (samc_image){photo->data, (int32_t)photo->shape[1], (int32_t)photo->shape[0],
                          (size_t)photo->shape[1] * 3, SAMC_PIXELS_RGB};
    return SAMC_OK;
}

static samc_status stage_preprocess(stage_run *run, samc_error *error)
{
    const samc_config *c = &run->model->config;
    samc_image image;
    uint8_t *resized = NULL;
    float *patches = NULL;

    SAMC_TRY(photo_of(run, &image, error));
    const samc_frame frame = samc_frame_of(image.width, image.height, c->image_size);
    SAMC_TRY(samc_stage_output(&run->arrays, "resized", SAMC_DTYPE_U8, 3,
                               (int64_t[]){frame.resized_height, frame.resized_width, 3}, &resized,
                               error));
    SAMC_TRY(output(run, "patches", 2,
                    (int64_t[]){token_count(run), run->model->image_encoder.patch_embed.k},
                    &patches, error));
    SAMC_TRY(samc_resize_rgb(&image, frame.resized_width, frame.resized_height, resized, error));
    return samc_transform_patches(&run->call, c, &image, &frame, patches, error);
}

static samc_status stage_patch_embed(stage_run *run, samc_error *error)
{
    const samc_image_encoder *encoder = &run->model->image_encoder;
    int64_t shape[2];
    float *patches = NULL, *out = NULL;

    SAMC_TRY(samc_stage_floats(&run->arrays, "patches", 2, shape, &patches, error));
    SAMC_TRY(expect(shape[0] == token_count(run) && shape[1] == encoder->patch_embed.k, "patches",
                    error));
    shape[1] = run->model->config.encoder_dim;
    SAMC_TRY(output(run, "out", 2, shape, &out, error));
    return samc_image_encoder_patch_embed(&run->call, encoder, patches, out, error);
}

static samc_status tokens_in(stage_run *run, int64_t *shape, float **in, samc_error *error)
{
    SAMC_TRY(samc_stage_floats(&run->arrays, "in", 2, shape, in, error));
    return expect(shape[0] == token_count(run) && shape[1] == run->model->config.encoder_dim, "in",
                  error);
}

static samc_status stage_block(stage_run *run, samc_error *error)
{
    int64_t shape[2];
    float *in = NULL, *out = NULL;

    SAMC_TRY(tokens_in(run, shape, &in, error));
    SAMC_TRY(expect(run->index >= 0 && run->index < run->model->config.depth, "the block's number",
                    error));
    SAMC_TRY(output(run, "out", 2, shape, &out, error));
    memcpy(out, in, (size_t)(shape[0] * shape[1]) * sizeof *out);
    return samc_image_encoder_block(&run->call, &run->model->image_encoder, run->index, out, error);
}

static samc_status stage_neck(stage_run *run, samc_error *error)
{
    int64_t shape[2];
    float *in = NULL, *out = NULL;

    SAMC_TRY(tokens_in(run, shape, &in, error));
    shape[1] = run->model->config.embed_dim;
    SAMC_TRY(output(run, "out", 2, shape, &out, error));
    return samc_image_encoder_neck(&run->call, &run->model->image_encoder, in, out, error);
}

static samc_status stage_encode(stage_run *run, samc_error *error)
{
    const samc_config *c = &run->model->config;
    const int64_t shape[3] = {c->embed_dim, c->grid, c->grid};
    samc_image image;
    samc_embedding *embedding = NULL;
    float *out = NULL;

    SAMC_TRY(photo_of(run, &image, error));
    SAMC_TRY(output(run, "embedding", 3, shape, &out, error));
    SAMC_TRY(samc_encode(run->context, run->model, &image, NULL, &embedding, error));
    memcpy(out, samc_embedding_data(embedding),
           (size_t)(shape[0] * shape[1] * shape[2]) * sizeof *out);
    samc_embedding_free(embedding);
    return SAMC_OK;
}

/* ----------------------------------------------------------------- prompt encoder and decoder */

/* Blocks of E rows -> [T][E]. */
static void rows_of(const stage_run *run, const float *blocks, float *rows)
{
    const samc_blocks b = samc_blocks_of(&run->model->config);
    const int64_t e = run->model->config.embed_dim;

    for (int64_t i = 0; i < b.tokens * e; i++)
        rows[i] = blocks[(i / e / b.width * e + i % e) * b.pitch + i / e % b.width];
}

/* `count` arrays of blocks of E rows, one after another; undefined where rows [count][T][E] is
 * NULL. */
static samc_status blocks_of(stage_run *run, int64_t count, const float *rows, float **blocks,
                             samc_error *error)
{
    const samc_blocks b = samc_blocks_of(&run->model->config);
    const int64_t e = run->model->config.embed_dim, size = samc_blocks_floats(&b, e);

    SAMC_TRY(samc_arena_take(&run->arrays.arena, (size_t)(count * size), sizeof **blocks, blocks,
                             error));
    for (int64_t i = 0; rows && i < count; i++)
        samc_blocks_fill(&run->call, &b, e, rows + i * b.tokens * e, NULL, *blocks + i * size);
    return SAMC_OK;
}

static samc_status stage_dense_pe(stage_run *run, samc_error *error)
{
    const int64_t shape[2] = {token_count(run), run->model->config.embed_dim};
    float *out = NULL;

    SAMC_TRY(output(run, "out", 2, shape, &out, error));
    rows_of(run, run->model->prompt_encoder.dense_pe, out);
    return SAMC_OK;
}

/* sparse [P][n][E]: points, then a padding point or the corners of the box. */
static samc_status sparse_of(stage_run *run, samc_error *error)
{
    const int has_points = samc_tensors_find(run->arrays.in, "points_model") != NULL;
    const int has_boxes = samc_tensors_find(run->arrays.in, "boxes_model") != NULL;
    const int64_t e = run->model->config.embed_dim;
    int64_t points_shape[3] = {0}, boxes_shape[2] = {0};
    float *points = NULL, *boxes = NULL, *sparse = NULL, *xy = NULL;
    int32_t *labels = NULL, *kinds = NULL;

    if (has_points) {
        SAMC_TRY(samc_stage_floats(&run->arrays, "points_model", 3, points_shape, &points, error));
        SAMC_TRY(samc_stage_ints(&run->arrays, "labels", 2, NULL, &labels, error));
    }
    if (has_boxes)
        SAMC_TRY(samc_stage_floats(&run->arrays, "boxes_model", 2, boxes_shape, &boxes, error));
    if (!has_points && !has_boxes)
        return SAMC_OK;
    const int64_t prompts = has_points ? points_shape[0] : boxes_shape[0];
    const int64_t given = points_shape[1], n = given + (has_boxes ? 2 : 1);
    SAMC_TRY(output(run, "sparse", 3, (int64_t[]){prompts, n, e}, &sparse, error));
    SAMC_TRY(samc_arena_take(&run->arrays.arena, (size_t)n, 2 * sizeof *xy, &xy, error));
    SAMC_TRY(samc_arena_take(&run->arrays.arena, (size_t)n, sizeof *kinds, &kinds, error));
    for (int64_t p = 0; p < prompts; p++) {
        if (given > 0) {
            memcpy(xy, points + p * given * 2, (size_t)given * 2 * sizeof *xy);
            memcpy(kinds, labels + p * given, (size_t)given * sizeof *kinds);
        }
        if (has_boxes) {
            memcpy(xy + 2 * given, boxes + p * 4, 4 * sizeof *xy);
            kinds[given] = SAMC_POINT_TOP_LEFT;
            kinds[given + 1] = SAMC_POINT_BOTTOM_RIGHT;
        } else {
            kinds[given] = SAMC_POINT_PADDING;
        }
        samc_prompt_encoder_sparse(&run->model->prompt_encoder, xy, kinds, n, sparse + p * n * e);
    }
    return SAMC_OK;
}

static samc_status stage_prompt(stage_run *run, samc_error *error)
{
    const int64_t e = run->model->config.embed_dim, tokens = token_count(run);
    int64_t shape[3];
    float *logits = NULL, *dense = NULL;

    SAMC_TRY(sparse_of(run, error));
    if (!samc_tensors_find(run->arrays.in, "mask_input")) {
        SAMC_TRY(output(run, "dense", 1, (int64_t[]){e}, &dense, error));
        memcpy(dense, run->model->prompt_encoder.no_mask, (size_t)e * sizeof *dense);
        return SAMC_OK;
    }
    SAMC_TRY(samc_stage_floats(&run->arrays, "mask_input", 3, shape, &logits, error));
    SAMC_TRY(expect(shape[1] == samc_config_low_res(&run->model->config) && shape[2] == shape[1],
                    "mask_input", error));
    SAMC_TRY(output(run, "dense", 3, (int64_t[]){shape[0], tokens, e}, &dense, error));
    for (int64_t p = 0; p < shape[0]; p++)
        SAMC_TRY(samc_prompt_encoder_mask(&run->call, &run->model->prompt_encoder,
                                          logits + p * shape[1] * shape[2], dense + p * tokens * e,
                                          error));
    return SAMC_OK;
}

/* What the decoder takes: P prompts of n tokens and their images, each of `size` floats; `photo` is
 * for those whose dense prompt is the same for all tokens, as samc_predict does it. */
typedef struct decoder_inputs {
    int64_t prompts, n, size;
    float *sparse, *images;
    int given;
    samc_shared_image photo;
} decoder_inputs;

/* Free in->photo in every case. */
static samc_status decoder_inputs_of(stage_run *run, decoder_inputs *in, samc_error *error)
{
    const int64_t e = run->model->config.embed_dim, tokens = token_count(run);
    const samc_tensor *given = samc_tensors_find(run->arrays.in, "dense");
    const samc_blocks blocks = samc_blocks_of(&run->model->config);
    int64_t shape[3], at[3];
    float *embedding = NULL, *dense = NULL, *planes = NULL;

    memset(in, 0, sizeof *in);
    in->given = given && given->n_dims == 3;
    in->size = samc_blocks_floats(&blocks, e);
    SAMC_TRY(samc_stage_floats(&run->arrays, "embedding", 2, at, &embedding, error));
    SAMC_TRY(expect(at[0] == tokens && at[1] == e, "embedding", error));
    SAMC_TRY(samc_stage_floats(&run->arrays, "sparse", 3, shape, &in->sparse, error));
    SAMC_TRY(expect(shape[2] == e, "sparse", error));
    SAMC_TRY(samc_stage_floats(&run->arrays, "dense", in->given ? 3 : 1, at, &dense, error));
    SAMC_TRY(expect(in->given ? at[0] == shape[0] && at[1] == tokens && at[2] == e : at[0] == e,
                    "dense", error));
    in->prompts = shape[0];
    in->n = shape[1];
    if (in->given) {
        for (int64_t i = 0; i < in->prompts * tokens * e; i++)
            dense[i] += embedding[i % (tokens * e)];
        return blocks_of(run, in->prompts, dense, &in->images, error);
    }
    SAMC_TRY(blocks_of(run, in->prompts, NULL, &in->images, error));
    SAMC_TRY(
        samc_arena_take(&run->arrays.arena, (size_t)(tokens * e), sizeof *planes, &planes, error));
    for (int64_t i = 0; i < tokens * e; i++)
        planes[i % e * tokens + i / e] = embedding[i];
    in->photo = (samc_shared_image){.planes = planes, .no_mask = dense};
    return samc_shared_image_project(&run->call, &run->model->mask_decoder.transformer,
                                     run->model->prompt_encoder.dense_pe, &in->photo, error);
}

static samc_status stage_transformer(stage_run *run, samc_error *error)
{
    const samc_mask_decoder *decoder = &run->model->mask_decoder;
    const int64_t e = run->model->config.embed_dim, tokens = token_count(run);
    const int64_t masks = run->model->config.mask_tokens;
    samc_status status = SAMC_OK;
    samc_two_way_prompt *prompts = NULL;
    decoder_inputs in;
    float *hs = NULL, *src = NULL;

    SAMC_CHECK(decoder_inputs_of(run, &in, error));
    const int64_t n = 1 + masks + in.n;
    SAMC_CHECK(output(run, "hs", 3, (int64_t[]){in.prompts, n, e}, &hs, error));
    SAMC_CHECK(output(run, "src", 3, (int64_t[]){in.prompts, tokens, e}, &src, error));
    SAMC_CHECK(
        samc_arena_take(&run->arrays.arena, (size_t)in.prompts, sizeof *prompts, &prompts, error));
    for (int64_t p = 0; p < in.prompts; p++) {
        float *own = hs + p * n * e;

        prompts[p] = (samc_two_way_prompt){n, in.given ? SAMC_IMAGE_GIVEN : SAMC_IMAGE_OF_PHOTO,
                                           in.images + p * in.size};
        memcpy(own, decoder->iou_token, (size_t)e * sizeof *own);
        memcpy(own + e, decoder->mask_tokens, (size_t)(masks * e) * sizeof *own);
        memcpy(own + (1 + masks) * e, in.sparse + p * in.n * e, (size_t)(in.n * e) * sizeof *own);
    }
    SAMC_CHECK(samc_transformer_run(&run->call, &decoder->transformer,
                                    run->model->prompt_encoder.dense_pe, &in.photo, in.prompts,
                                    prompts, hs, error));
    for (int64_t p = 0; p < in.prompts; p++)
        rows_of(run, prompts[p].image, src + p * tokens * e);

cleanup:
    samc_shared_image_free(&in.photo);
    return status;
}

static samc_status stage_decoder(stage_run *run, samc_error *error)
{
    const samc_config *c = &run->model->config;
    const samc_mask_decoder *decoder = &run->model->mask_decoder;
    const int64_t e = c->embed_dim, side = samc_config_low_res(c), masks = c->mask_tokens;
    samc_arena *arena = &run->arrays.arena;
    samc_status status = SAMC_OK;
    samc_decoding *prompts = NULL;
    samc_upscaling *upscalings = NULL;
    decoder_inputs in;
    float *low_res = NULL, *iou = NULL, *hyper = NULL;

    SAMC_CHECK(decoder_inputs_of(run, &in, error));
    SAMC_CHECK(
        output(run, "low_res", 4, (int64_t[]){in.prompts, masks, side, side}, &low_res, error));
    SAMC_CHECK(output(run, "iou", 2, (int64_t[]){in.prompts, masks}, &iou, error));
    SAMC_CHECK(samc_arena_take(arena, (size_t)in.prompts, sizeof *prompts, &prompts, error));
    SAMC_CHECK(samc_arena_take(arena, (size_t)in.prompts, sizeof *upscalings, &upscalings, error));
    SAMC_CHECK(
        samc_arena_take(arena, (size_t)(in.prompts * masks * e / 8), sizeof *hyper, &hyper, error));
    for (int64_t p = 0; p < in.prompts; p++) {
        samc_decoding *own = &prompts[p];

        *own = (samc_decoding){.n = in.n,
                               .sparse = in.sparse + p * in.n * e,
                               .kind = samc_mask_decoder_kind(decoder, in.given, in.n),
                               .image = in.images + p * in.size,
                               .iou = iou + p * masks,
                               .hyper = hyper + p * masks * (e / 8)};
        if (own->kind == SAMC_IMAGE_MIXED)
            SAMC_CHECK(samc_arena_take(arena,
                                       (size_t)samc_mask_decoder_floats(decoder, own->kind, in.n),
                                       sizeof *own->image, &own->image, error));
        upscalings[p] = (samc_upscaling){c->mask_tokens, own, own->hyper,
                                         low_res + p * masks * side * side};
    }
    SAMC_CHECK(samc_mask_decoder_run(&run->call, decoder, run->model->prompt_encoder.dense_pe,
                                     &in.photo, 0, c->mask_tokens, in.prompts, prompts, error));
    SAMC_CHECK(
        samc_mask_decoder_upscale(&run->call, decoder, &in.photo, in.prompts, upscalings, error));

cleanup:
    samc_shared_image_free(&in.photo);
    return status;
}

static samc_status stage_heads(stage_run *run, samc_error *error)
{
    const samc_mask_decoder *decoder = &run->model->mask_decoder;
    const int64_t e = run->model->config.embed_dim, masks = run->model->config.mask_tokens;
    int64_t shape[3];
    float *hs = NULL, *hyper = NULL, *iou = NULL;

    SAMC_TRY(samc_stage_floats(&run->arrays, "hs", 3, shape, &hs, error));
    SAMC_TRY(expect(shape[1] > masks && shape[2] == e, "hs", error));
    SAMC_TRY(output(run, "hyper", 3, (int64_t[]){shape[0], masks, e / 8}, &hyper, error));
    SAMC_TRY(output(run, "iou", 2, (int64_t[]){shape[0], masks}, &iou, error));
    for (int64_t p = 0; p < shape[0]; p++) {
        const float *own = hs + p * shape[1] * e;

        SAMC_TRY(samc_mlp_run(&run->call, &decoder->iou_head, 1, own, iou + p * masks, error));
        for (int64_t i = 0; i < masks; i++)
            SAMC_TRY(samc_mlp_run(&run->call, &decoder->hyper[i], 1, own + (1 + i) * e,
                                  hyper + (p * masks + i) * (e / 8), error));
    }
    return SAMC_OK;
}

static samc_status stage_upscale(stage_run *run, samc_error *error)
{
    const int64_t e = run->model->config.embed_dim, tokens = token_count(run);
    const int64_t side = samc_config_low_res(&run->model->config);
    int64_t shape[3], at[3];
    float *src = NULL, *hyper = NULL, *low_res = NULL;

    SAMC_TRY(samc_stage_floats(&run->arrays, "src", 3, at, &src, error));
    SAMC_TRY(samc_stage_floats(&run->arrays, "hyper", 3, shape, &hyper, error));
    SAMC_TRY(expect(at[0] == shape[0] && at[1] == tokens && at[2] == e, "src", error));
    SAMC_TRY(expect(shape[2] == e / 8, "hyper", error));
    SAMC_TRY(
        output(run, "low_res", 4, (int64_t[]){shape[0], shape[1], side, side}, &low_res, error));
    for (int64_t p = 0; p < shape[0]; p++) {
        samc_upscaling one = {(int32_t)shape[1], NULL, hyper + p * shape[1] * (e / 8),
                              low_res + p * shape[1] * side * side};
        float *image = NULL;

        SAMC_TRY(blocks_of(run, 1, src + p * tokens * e, &image, error));
        const samc_decoding prompt = {.kind = SAMC_IMAGE_GIVEN, .image = image};
        one.prompt = &prompt;
        SAMC_TRY(
            samc_mask_decoder_upscale(&run->call, &run->model->mask_decoder, NULL, 1, &one, error));
    }
    return SAMC_OK;
}

/* --------------------------------------------------------------------- from logits to masks */

static samc_status stage_postprocess(stage_run *run, samc_error *error)
{
    const samc_config *c = &run->model->config;
    int64_t shape[4];
    int32_t *size = NULL;
    uint8_t *masks = NULL;
    float *low_res = NULL, *logits = NULL;

    SAMC_TRY(samc_stage_floats(&run->arrays, "low_res", 4, shape, &low_res, error));
    SAMC_TRY(samc_stage_ints(&run->arrays, "size", 1, NULL, &size, error));
    const samc_postprocess post = {samc_frame_of(size[0], size[1], c->image_size),
                                   samc_config_low_res(c), c->image_size, 0.0f, 1.0f};
    const int64_t from = shape[2] * shape[3], to = (int64_t)size[0] * size[1];
    SAMC_TRY(expect(shape[2] == post.low_res && shape[3] == post.low_res, "low_res", error));
    shape[2] = size[1];
    shape[3] = size[0];
    SAMC_TRY(output(run, "logits", 4, shape, &logits, error));
    SAMC_TRY(samc_stage_output(&run->arrays, "masks", SAMC_DTYPE_U8, 4, shape, &masks, error));
    for (int64_t i = 0; i < shape[0] * shape[1]; i++)
        SAMC_TRY(samc_postprocess_run(&run->call, &post, low_res + i * from, masks + i * to,
                                      logits + i * to, NULL, error));
    return SAMC_OK;
}

/* The prompts of a call to samc_predict, pointing into the inputs. */
static samc_status prompts_of(stage_run *run, samc_prompt **prompts, int64_t *count,
                              samc_error *error)
{
    const samc_tensors *in = run->arrays.in;
    int64_t points_shape[3] = {0}, shape[3] = {0};
    float *points = NULL, *boxes = NULL, *masks = NULL;
    int32_t *labels = NULL;

    if (samc_tensors_find(in, "boxes"))
        SAMC_TRY(samc_stage_floats(&run->arrays, "boxes", 2, shape, &boxes, error));
    *count = shape[0];
    if (samc_tensors_find(in, "mask_input"))
        SAMC_TRY(samc_stage_floats(&run->arrays, "mask_input", 3, shape, &masks, error));
    *count = shape[0] > 0 ? shape[0] : *count;
    if (samc_tensors_find(in, "points")) {
        SAMC_TRY(samc_stage_floats(&run->arrays, "points", 3, points_shape, &points, error));
        SAMC_TRY(samc_stage_ints(&run->arrays, "labels", 2, NULL, &labels, error));
        *count = points_shape[0];
    }
    SAMC_TRY(samc_arena_take(&run->arrays.arena, (size_t)*count, sizeof **prompts, prompts, error));
    for (int64_t p = 0; p < *count; p++) {
        samc_prompt prompt = SAMC_PROMPT_INIT;

        prompt.n_points = (size_t)points_shape[1];
        prompt.points = points ? points + p * points_shape[1] * 2 : NULL;
        prompt.labels = labels ? labels + p * points_shape[1] : NULL;
        prompt.box = boxes ? boxes + p * 4 : NULL;
        prompt.mask_input = masks ? masks + p * shape[1] * shape[2] : NULL;
        (*prompts)[p] = prompt;
    }
    return SAMC_OK;
}

/* Copies a [P][some] answer to columns first.. of a [P][all] output, `bytes` an element. */
static void copy_columns(int64_t prompts, int64_t some, int64_t all, int64_t first, size_t bytes,
                         const void *from, void *to)
{
    for (int64_t p = 0; p < prompts; p++)
        memcpy((uint8_t *)to + (size_t)(p * all + first) * bytes,
               (const uint8_t *)from + (size_t)(p * some) * bytes, (size_t)some * bytes);
}

typedef struct predict_outputs {
    float *low_res, *iou, *logits;
    uint8_t *masks;
} predict_outputs;

/* One call of samc_predict, with or without `multimask`. */
static samc_status predict_into(stage_run *run, const samc_embedding *embedding,
                                const samc_prompt *prompts, int64_t count, int32_t multimask,
                                const predict_outputs *out, samc_error *error)
{
    const int64_t all = run->model->config.mask_tokens;
    samc_predict_options options = SAMC_PREDICT_OPTIONS_INIT;
    samc_masks found = SAMC_MASKS_INIT;

    options.multimask = multimask;
    options.want_logits = 1;
    SAMC_TRY(samc_predict(run->context, run->model, embedding, prompts, (size_t)count, &options,
                          &found, error));
    const int64_t some = found.n_masks, first = multimask ? 1 : 0;
    const size_t low = (size_t)found.low_res_size * (size_t)found.low_res_size;
    const size_t pixels = (size_t)found.width * (size_t)found.height;
    copy_columns(count, some, all, first, low * sizeof(float), found.low_res_logits, out->low_res);
    copy_columns(count, some, all, first, sizeof(float), found.predicted_iou, out->iou);
    copy_columns(count, some, all, first, pixels * sizeof(float), found.logits, out->logits);
    copy_columns(count, some, all, first, pixels, found.masks, out->masks);
    samc_masks_free(&found);
    return SAMC_OK;
}

static samc_status stage_predict(stage_run *run, samc_error *error)
{
    const samc_config *c = &run->model->config;
    const int64_t tokens = token_count(run), e = c->embed_dim, all = c->mask_tokens;
    const int64_t side = samc_config_low_res(c);
    int64_t shape[3], count = 0;
    int32_t *size = NULL;
    float *planes = NULL;
    samc_prompt *prompts = NULL;
    samc_embedding *embedding = NULL;
    predict_outputs out = {0};
    samc_status status = SAMC_OK;

    SAMC_TRY(samc_stage_floats(&run->arrays, "embedding", 3, shape, &planes, error));
    SAMC_TRY(expect(shape[0] == e && shape[1] * shape[2] == tokens, "embedding", error));
    SAMC_TRY(samc_stage_ints(&run->arrays, "size", 1, NULL, &size, error));
    SAMC_TRY(prompts_of(run, &prompts, &count, error));
    SAMC_TRY(output(run, "low_res", 4, (int64_t[]){count, all, side, side}, &out.low_res, error));
    SAMC_TRY(output(run, "iou", 2, (int64_t[]){count, all}, &out.iou, error));
    const int64_t whole[4] = {count, all, size[1], size[0]};
    SAMC_TRY(output(run, "logits", 4, whole, &out.logits, error));
    SAMC_TRY(samc_stage_output(&run->arrays, "masks", SAMC_DTYPE_U8, 4, whole, &out.masks, error));
    SAMC_TRY(samc_embedding_new(run->model, size[0], size[1], &embedding, error));
    memcpy(embedding->planes, planes, (size_t)(tokens * e) * sizeof *planes);
    SAMC_CHECK(samc_embedding_finish(&run->call, run->model, embedding, error));
    for (int32_t multimask = 0; multimask < 2; multimask++)
        SAMC_CHECK(predict_into(run, embedding, prompts, count, multimask, &out, error));

cleanup:
    samc_embedding_free(embedding);
    return status;
}

/* --------------------------------------------------------------------------------- the program */

static const struct {
    const char *name;
    samc_status (*run)(stage_run *run, samc_error *error);
} stages[] = {
    {"config", stage_config},
    {"preprocess", stage_preprocess},
    {"patch_embed", stage_patch_embed},
    {"block", stage_block},
    {"neck", stage_neck},
    {"encode", stage_encode},
    {"dense_pe", stage_dense_pe},
    {"prompt", stage_prompt},
    {"transformer", stage_transformer},
    {"decoder", stage_decoder},
    {"heads", stage_heads},
    {"upscale", stage_upscale},
    {"postprocess", stage_postprocess},
    {"predict", stage_predict},
};

static samc_status run_stage(samc_context *context, const samc_model *model, char *name,
                             const char *input, const char *path, samc_error *error)
{
    stage_run run = {.context = context, .model = model};
    samc_status status = SAMC_OK;
    char *colon = strchr(name, ':');
    size_t i = 0;

    if (colon) {
        *colon = '\0';
        run.index = atoi(colon + 1);
    }
    while (i < sizeof stages / sizeof stages[0] && strcmp(stages[i].name, name) != 0)
        i++;
    if (i == sizeof stages / sizeof stages[0])
        return SAMC_FAIL(error, ARGUMENT, "there is no stage \"%s\"", name);
    SAMC_CHECK(samc_stage_open(input, &run.arrays, error));
    run.call = (samc_call){model->kernels, context->threads, &run.arrays.arena, NULL};
    SAMC_CHECK(stages[i].run(&run, error));
    SAMC_CHECK(samc_stage_write(&run.arrays, path, error));

cleanup:
    samc_stage_close(&run.arrays);
    return status;
}

static void answer(samc_status status, const char *more, const samc_error *error)
{
    if (status == SAMC_OK)
        printf("ok %s\n", more);
    else
        printf("error %s\n", error->message);
    (void)fflush(stdout);
}

int main(int argc, char **argv)
{
    samc_context_options options = SAMC_CONTEXT_OPTIONS_INIT;
    samc_context *context = NULL;
    samc_model *model = NULL;
    samc_error error = {SAMC_OK, ""};
    static char line[8192], name[64], input[4096], path[4096];
    int i = 1;

    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        for (size_t k = 0; samc_kernels_at(k); k++)
            puts(samc_kernels_at(k)->name);
        return 0;
    }
    for (; i + 2 < argc; i += 2) {
        if (strcmp(argv[i], "--kernels") == 0)
            options.kernels = argv[i + 1];
        else if (strcmp(argv[i], "--threads") == 0)
            options.threads = atoi(argv[i + 1]);
    }
    if (i + 1 != argc) {
        (void)fputs("usage: samc_stage [--kernels NAME] [--threads N] MODEL\n", stderr);
        return 2;
    }
    samc_status status = samc_context_create(&options, &context, &error);
    if (status == SAMC_OK)
        status = samc_model_load(context, argv[i], NULL, &model, &error);
    answer(status, status == SAMC_OK ? samc_context_kernels(context) : "", &error);
    while (status == SAMC_OK && fgets(line, sizeof line, stdin)) {
        if (sscanf(line, "%63s %4095s %4095s", name, input, path) != 3)
            answer(SAMC_FAIL(&error, ARGUMENT, "want: STAGE INPUT OUTPUT"), "", &error);
        else
            answer(run_stage(context, model, name, input, path, &error), "", &error);
    }
    samc_model_free(model);
    samc_context_free(context);
    return status == SAMC_OK ? 0 : 1;
}
