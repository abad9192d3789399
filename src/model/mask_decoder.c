/* SPDX-License-Identifier: Apache-2.0 */
#include "model/mask_decoder.h"

#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NORM_EPS 1e-6f /* LayerNorm2d of the up-scaling */
#define PREFIX "mask_decoder."

/* A transposed 2 x 2 convolution of stride 2, [in][out][2][2], as a first factor whose rows are the
 * four pixels' channels; `bias` [out]. `rows` (may be NULL) becomes the same rows as they are, for
 * the caller to free. */
static samc_status load_transposed(samc_loader *loader, const char *prefix, int64_t in, int64_t out,
                                   samc_left *left, float **bias, float **rows)
{
    samc_status status = SAMC_OK;
    float *w = NULL, *ordered = NULL;

    SAMC_CHECK(
        samc_loader_values(loader, prefix, ".weight", (const int64_t[4]){in, out, 2, 2}, &w));
    SAMC_CHECK(samc_loader_values(loader, prefix, ".bias", (const int64_t[4]){out}, bias));
    if (!w)
        goto cleanup;
    SAMC_CHECK(samc_alloc((size_t)(in * out), 4 * sizeof *ordered, &ordered, loader->error));
    for (int64_t tap = 0; tap < 4; tap++)
        for (int64_t o = 0; o < out; o++)
            for (int64_t i = 0; i < in; i++)
                ordered[(tap * out + o) * in + i] = w[(i * out + o) * 4 + tap];
    SAMC_CHECK(samc_left_new(loader->kernels, 4 * out, in, ordered, in, 1, left, loader->error));
    if (rows) {
        *rows = ordered;
        ordered = NULL;
    }

cleanup:
    free(w);
    free(ordered);
    return status;
}

/* The up-scaling, and the transformer's mix, which its first layer is a part of. */
static samc_status load_upscaling(samc_loader *loader, const float *pe, samc_mask_decoder *decoder)
{
    const int64_t e = decoder->config->embed_dim;
    samc_status status = SAMC_OK;
    float *rows = NULL;

    SAMC_CHECK(load_transposed(loader, PREFIX "output_upscaling.0", e, e / 4, &decoder->up0,
                               &decoder->bias0, &rows));
    SAMC_CHECK(samc_loader_norm(loader, PREFIX "output_upscaling.1", e / 4, &decoder->up1));
    SAMC_CHECK(load_transposed(loader, PREFIX "output_upscaling.3", e / 4, e / 8, &decoder->up3,
                               &decoder->bias3, NULL));
    if (!loader->look_only && loader->n_problems == 0)
        status = samc_transformer_mix(loader->kernels, &decoder->transformer, pe, rows,
                                      decoder->bias0, loader->error);

cleanup:
    free(rows);
    return status;
}

samc_status samc_mask_decoder_load(samc_loader *loader, const samc_config *c, const float *pe,
                                   samc_mask_decoder *decoder)
{
    const int64_t e = c->embed_dim;

    memset(decoder, 0, sizeof *decoder);
    decoder->config = c;
    SAMC_TRY(samc_loader_values(loader, PREFIX, "iou_token.weight", (const int64_t[4]){1, e},
                                &decoder->iou_token));
    SAMC_TRY(samc_loader_values(loader, PREFIX, "mask_tokens.weight",
                                (const int64_t[4]){c->mask_tokens, e}, &decoder->mask_tokens));
    SAMC_TRY(samc_transformer_load(loader, c, &decoder->transformer));
    SAMC_TRY(load_upscaling(loader, pe, decoder));
    for (int32_t i = 0; i < c->mask_tokens; i++) {
        char name[64];

        (void)snprintf(name, sizeof name, PREFIX "output_hypernetworks_mlps.%d", (int)i);
        SAMC_TRY(samc_loader_mlp(loader, name, c->hyper_layers, e, e, e / 8, &decoder->hyper[i]));
    }
    return samc_loader_mlp(loader, PREFIX "iou_prediction_head", c->iou_layers, e, c->iou_hidden,
                           c->mask_tokens, &decoder->iou_head);
}

void samc_mask_decoder_free(samc_mask_decoder *decoder)
{
    free(decoder->iou_token);
    free(decoder->mask_tokens);
    if (decoder->config)
        samc_transformer_free(&decoder->transformer);
    samc_left_free(&decoder->up0);
    samc_left_free(&decoder->up3);
    free(decoder->bias0);
    free(decoder->bias3);
    samc_norm_free(&decoder->up1);
    for (int32_t i = 0; i < SAMC_MAX_MASK_TOKENS; i++)
        samc_mlp_free(&decoder->hyper[i]);
    samc_mlp_free(&decoder->iou_head);
}

samc_image_kind samc_mask_decoder_kind(const samc_mask_decoder *decoder, int given, int64_t n)
{
    return samc_image_kind_of(&decoder->transformer, given, 1 + decoder->config->mask_tokens + n);
}

int64_t samc_mask_decoder_floats(const samc_mask_decoder *decoder, samc_image_kind kind, int64_t n)
{
    return samc_image_floats(&decoder->transformer, kind, 1 + decoder->config->mask_tokens + n);
}

samc_status samc_mlp_run(const samc_call *call, const samc_mlp *mlp, int64_t m, const float *x,
                         float *y, samc_error *error)
{
    const samc_arena_mark mark = samc_arena_here(call->arena);
    samc_status status = SAMC_OK;

    for (int32_t i = 0; i < mlp->count; i++) {
        const samc_linear *layer = &mlp->layers[i];
        const int last = i + 1 == mlp->count;
        float *out = y;

        if (!last)
            SAMC_CHECK(
                samc_arena_take(call->arena, (size_t)(m * layer->n), sizeof *out, &out, error));
        SAMC_CHECK(samc_linear_run(call, layer, m, x, layer->k,
                                   last ? SAMC_ACT_NONE : SAMC_ACT_RELU, NULL, 0, out, layer->n,
                                   error));
        x = out;
    }

cleanup:
    samc_arena_give_back(call->arena, mark);
    return status;
}

/* ------------------------------------------------------------------------- heads */

/* For one row. */
static double mlp_flops(const samc_mlp *mlp)
{
    double flops = 0.0;

    for (int32_t i = 0; i < mlp->count; i++)
        flops += 2.0 * (double)(mlp->layers[i].n * mlp->layers[i].k);
    return flops;
}

/* Token `which` of every prompt as rows [count][E]. */
static void gather_tokens(int64_t count, const int64_t *first, int64_t which, int64_t e,
                          const float *tokens, float *rows)
{
    for (int64_t i = 0; i < count; i++)
        memcpy(rows + i * e, tokens + (first[i] + which) * e, (size_t)e * sizeof *rows);
}

/* The IoU head and the wanted hyper-networks, each over all prompts at once. */
static samc_status run_heads(const samc_call *call, const samc_mask_decoder *decoder,
                             int32_t first_mask, int32_t masks, int64_t count,
                             const samc_decoding *prompts, const int64_t *first,
                             const float *tokens, samc_error *error)
{
    const int64_t e = decoder->config->embed_dim, all = decoder->config->mask_tokens;
    float *in, *out;

    SAMC_TRY(samc_arena_take(call->arena, (size_t)(count * e), sizeof *in, &in, error));
    SAMC_TRY(samc_arena_take(call->arena, (size_t)(count * (all > e ? all : e)), sizeof *out, &out,
                             error));
    gather_tokens(count, first, 0, e, tokens, in);
    SAMC_TRY(samc_mlp_run(call, &decoder->iou_head, count, in, out, error));
    for (int64_t i = 0; i < count; i++)
        memcpy(prompts[i].iou, out + i * all, (size_t)all * sizeof *out);
    for (int32_t m = 0; m < masks; m++) {
        gather_tokens(count, first, 1 + first_mask + m, e, tokens, in);
        SAMC_TRY(samc_mlp_run(call, &decoder->hyper[first_mask + m], count, in, out, error));
        for (int64_t i = 0; i < count; i++)
            memcpy(prompts[i].hyper + m * (e / 8), out + i * (e / 8),
                   (size_t)(e / 8) * sizeof *out);
    }
    return SAMC_OK;
}

samc_status samc_mask_decoder_run(const samc_call *call, const samc_mask_decoder *decoder,
                                  const float *pe, const samc_shared_image *photo,
                                  int32_t first_mask, int32_t masks, int64_t count,
                                  const samc_decoding *prompts, samc_error *error)
{
    const samc_config *c = decoder->config;
    const int64_t e = c->embed_dim, outputs = 1 + c->mask_tokens;
    const samc_arena_mark mark = samc_arena_here(call->arena);
    samc_status status = SAMC_OK;
    samc_two_way_prompt *two_way = NULL;
    int64_t *first = NULL, rows = 0;
    float *tokens = NULL;

    SAMC_CHECK(samc_arena_take(call->arena, (size_t)count, sizeof *two_way, &two_way, error));
    SAMC_CHECK(samc_arena_take(call->arena, (size_t)count, sizeof *first, &first, error));
    for (int64_t i = 0; i < count; i++) {
        two_way[i] = (samc_two_way_prompt){outputs + prompts[i].n, prompts[i].kind,
                                           prompts[i].image};
        first[i] = rows;
        rows += two_way[i].n;
    }
    SAMC_CHECK(samc_arena_take(call->arena, (size_t)(rows * e), sizeof *tokens, &tokens, error));
    for (int64_t i = 0; i < count; i++) {
        float *own = tokens + first[i] * e;

        memcpy(own, decoder->iou_token, (size_t)e * sizeof *own);
        memcpy(own + e, decoder->mask_tokens, (size_t)(c->mask_tokens * e) * sizeof *own);
        memcpy(own + outputs * e, prompts[i].sparse, (size_t)(prompts[i].n * e) * sizeof *own);
    }
    SAMC_CHECK(samc_transformer_run(call, &decoder->transformer, pe, photo, count, two_way, tokens,
                                    error));
    SAMC_CHECK(run_heads(call, decoder, first_mask, masks, count, prompts, first, tokens, error));
    samc_stopwatch_lap(call->stopwatch, "heads",
                       (double)count * (mlp_flops(&decoder->iou_head) +
                                        masks * mlp_flops(&decoder->hyper[first_mask])));

cleanup:
    samc_arena_give_back(call->arena, mark);
    return status;
}

/* ------------------------------------------------------------------------- up-scaling */

/* Columns that are up-scaled at a time: their two arrays, 256 x 64 and 128 x 64 floats, are 96 KiB
 * of an L2. */
#define UPSCALE_COLUMNS 64

typedef struct upscale_job {
    const samc_mask_decoder *decoder;
    samc_cross cross;
    const samc_shared_image *photo;
    const samc_upscaling *upscalings;
    samc_left **mixed;     /* [count]: what mixed images are up-scaled with; NULL for others */
    float **mixed_scratch; /* [count] */
    float *scratch;        /* [lanes][scratch_size] */
    int64_t scratch_size;
} upscale_job;

static samc_mix mix_of(const upscale_job *job, const samc_decoding *prompt)
{
    return samc_mix_at(&job->cross, 1 + job->decoder->config->mask_tokens + prompt->n,
                       prompt->image);
}

/* Writes one row of the mask under `columns` tokens from `first` on: parts[x] (x < 4, `step` apart)
 * holds every token's x-th pixel. Tokens may go on in the next row of the grid. */
static void write_pixels(const upscale_job *job, int64_t first, int64_t columns, int64_t y,
                         const float *parts, int64_t step, float *logits)
{
    const int64_t grid = job->decoder->config->grid;

    while (columns > 0) {
        const int64_t x = first % grid, run = grid - x < columns ? grid - x : columns;
        float *out = logits + ((first / grid * 4 + y) * grid + x) * 4;

        for (int64_t i = 0; i < run; i++)
            for (int64_t k = 0; k < 4; k++)
                out[i * 4 + k] = parts[k * step + i];
        first += run;
        parts += run;
        columns -= run;
    }
}

/* a [E][UPSCALE_COLUMNS] = the first up-scaling of columns first..first+columns-1 of a block. Its
 * bias, which is still to be added: [E / 4] for each of the four pixels, *bias_step apart. */
static const float *upscale_once(const upscale_job *job, int64_t which, int64_t index,
                                 int64_t first, int64_t columns, float *a, int64_t *bias_step)
{
    const samc_mask_decoder *d = job->decoder;
    const samc_decoding *prompt = job->upscalings[which].prompt;
    const int64_t pitch = job->cross.blocks.pitch, w = UPSCALE_COLUMNS;

    *bias_step = 0;
    if (prompt->kind == SAMC_IMAGE_MIXED) {
        const samc_mix mix = mix_of(job, prompt);

        samc_mix_upscale(&job->cross, &mix, &job->photo->mix, job->mixed[which], index, first,
                         columns, a, w);
        *bias_step = job->cross.e / 4;
        return d->transformer.mix.up_bias;
    }
    samc_left_times(job->cross.kernels, &d->up0, columns,
                    prompt->image + index * job->cross.e * pitch + first, pitch, a, w, 0);
    return d->bias0;
}

/* Columns first..first+columns-1 of block `index` of upscaling `which`. */
static void upscale_columns(const upscale_job *job, int64_t which, int64_t index, int64_t first,
                            int64_t columns, float *scratch)
{
    const samc_mask_decoder *d = job->decoder;
    const samc_upscaling *u = &job->upscalings[which];
    const samc_kernels *k = job->cross.kernels;
    const int64_t e = d->config->embed_dim, once = e / 4, twice = e / 8, w = UPSCALE_COLUMNS;
    const int64_t side = 4 * (int64_t)d->config->grid, step = w;
    float *a = scratch;            /* [4 taps * E / 4][w] */
    float *b = a + e * w;          /* [4 taps * E / 8][w] of one of those taps */
    float *pixels = b + e / 2 * w; /* [masks][4 rows][4 columns][w] */
    int64_t bias_step;
    const float *bias = upscale_once(job, which, index, first, columns, a, &bias_step);

    for (int64_t tap = 0; tap < 4; tap++) {
        float *own = a + tap * once * w;

        k->norm_columns(own, w, once, columns, bias + tap * bias_step, d->up1.weight, d->up1.bias,
                        NORM_EPS, SAMC_ACT_GELU);
        samc_left_times(k, &d->up3, columns, own, w, b, w, 0);
        for (int64_t fine = 0; fine < 4; fine++) {
            const int64_t y = tap / 2 * 2 + fine / 2, column = tap % 2 * 2 + fine % 2;

            k->gelu_product(b + fine * twice * w, w, twice, columns, d->bias3, u->hyper, u->masks,
                            pixels + (y * 4 + column) * step, 16 * step);
        }
    }
    for (int32_t i = 0; i < u->masks; i++)
        for (int64_t y = 0; y < 4; y++)
            write_pixels(job, index * job->cross.blocks.width + first, columns, y,
                         pixels + (i * 4 + y) * 4 * step, step, u->logits + i * side * side);
}

static void upscale_tile(void *arg, int64_t tile, int32_t lane)
{
    const upscale_job *job = arg;
    const samc_blocks *blocks = &job->cross.blocks;
    const int64_t index = tile % blocks->count, columns = samc_blocks_columns(blocks, index);

    for (int64_t j = 0; j < columns; j += UPSCALE_COLUMNS)
        upscale_columns(job, tile / blocks->count, index, j,
                        columns - j < UPSCALE_COLUMNS ? columns - j : UPSCALE_COLUMNS,
                        job->scratch + lane * job->scratch_size);
}

static void mixed_tile(void *arg, int64_t i, int32_t lane)
{
    const upscale_job *job = arg;
    const samc_decoding *prompt = job->upscalings[i].prompt;

    (void)lane;
    if (prompt->kind == SAMC_IMAGE_MIXED) {
        const samc_mix mix = mix_of(job, prompt);

        samc_mix_upscaling_begin(&job->cross, &job->decoder->transformer.mix, &mix, job->mixed[i],
                                 job->mixed_scratch[i]);
    }
}

/* Makes job->mixed; *flops becomes what the first up-scaling of all prompts costs. */
static samc_status begin_mixed(const samc_call *call, upscale_job *job, int64_t count,
                               double *flops, samc_error *error)
{
    const int64_t e = job->cross.e;

    *flops = 0.0;
    SAMC_TRY(samc_arena_take(call->arena, (size_t)count, sizeof *job->mixed, &job->mixed, error));
    SAMC_TRY(samc_arena_take(call->arena, (size_t)count, sizeof *job->mixed_scratch,
                             &job->mixed_scratch, error));
    for (int64_t i = 0; i < count; i++) {
        const samc_decoding *prompt = job->upscalings[i].prompt;
        int64_t depth = e;

        job->mixed[i] = NULL;
        if (prompt->kind == SAMC_IMAGE_MIXED) {
            SAMC_TRY(samc_mix_upscaling_take(&job->cross, mix_of(job, prompt).n, call->arena,
                                             &job->mixed[i], &job->mixed_scratch[i], error));
            depth = job->mixed[i]->k + 1;
        }
        *flops += 2.0 * (double)(job->cross.blocks.tokens * e * depth);
    }
    samc_threads_run(call->threads, count, mixed_tile, job);
    return SAMC_OK;
}

samc_status samc_mask_decoder_upscale(const samc_call *call, const samc_mask_decoder *decoder,
                                      const samc_shared_image *photo, int64_t count,
                                      const samc_upscaling *upscalings, samc_error *error)
{
    const int64_t e = decoder->config->embed_dim;
    const samc_arena_mark mark = samc_arena_here(call->arena);
    upscale_job job = {.decoder = decoder,
                       .cross = samc_transformer_cross(call->kernels, decoder->config, NULL),
                       .photo = photo,
                       .upscalings = upscalings};
    samc_status status = SAMC_OK;
    int64_t most = 0, all = 0;
    double flops;

    for (int64_t i = 0; i < count; i++) {
        most = upscalings[i].masks > most ? upscalings[i].masks : most;
        all += upscalings[i].masks;
    }
    job.scratch_size = UPSCALE_COLUMNS * (e + e / 2 + 16 * most) + SAMC_LEFT_SLACK;
    SAMC_CHECK(samc_arena_take(call->arena, (size_t)samc_threads_count(call->threads),
                               (size_t)job.scratch_size * sizeof(float), &job.scratch, error));
    SAMC_CHECK(begin_mixed(call, &job, count, &flops, error));
    samc_threads_run(call->threads, job.cross.blocks.count * count, upscale_tile, &job);
    /* [E][E] or [E][2 R + 2] for each token, [E / 4][E / 2] for its 4 pixels, [E / 8][masks] for
     * its 16 */
    samc_stopwatch_lap(
        call->stopwatch, "up-scaling",
        flops + 2.0 * (double)(job.cross.blocks.tokens * (count * (e * e / 2) + 2 * e * all)));

cleanup:
    samc_arena_give_back(call->arena, mark);
    return status;
}
