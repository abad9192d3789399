/* SPDX-License-Identifier: Apache-2.0 */
#include "model/mask_decoder.h"

#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NORM_EPS 1e-6f /* LayerNorm2d of the up-scaling */
#define PREFIX "mask_decoder."

/* A transposed 2 x 2 convolution of stride 2, [in][out][2][2], as a linear layer whose outputs
 * are the four pixels' channels. */
static samc_status load_transposed(samc_loader *loader, const char *prefix, int64_t in, int64_t out,
                                   samc_linear *linear)
{
    samc_status status = SAMC_OK;
    float *w = NULL, *b = NULL, *ordered = NULL, *bias = NULL;

    SAMC_CHECK(
        samc_loader_values(loader, prefix, ".weight", (const int64_t[4]){in, out, 2, 2}, &w));
    SAMC_CHECK(samc_loader_values(loader, prefix, ".bias", (const int64_t[4]){out}, &b));
    if (!w || !b)
        goto cleanup;
    SAMC_CHECK(samc_alloc((size_t)(in * out), 4 * sizeof *ordered, &ordered, loader->error));
    SAMC_CHECK(samc_alloc((size_t)out, 4 * sizeof *bias, &bias, loader->error));
    for (int64_t tap = 0; tap < 4; tap++)
        for (int64_t o = 0; o < out; o++) {
            bias[tap * out + o] = b[o];
            for (int64_t i = 0; i < in; i++)
                ordered[(tap * out + o) * in + i] = w[(i * out + o) * 4 + tap];
        }
    status = samc_linear_pack(loader->kernels, ordered, 4 * out, in, in, 1, bias, linear,
                              loader->error);

cleanup:
    free(w);
    free(b);
    free(ordered);
    free(bias);
    return status;
}

samc_status samc_mask_decoder_load(samc_loader *loader, const samc_config *c,
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
    SAMC_TRY(load_transposed(loader, PREFIX "output_upscaling.0", e, e / 4, &decoder->up0));
    SAMC_TRY(samc_loader_norm(loader, PREFIX "output_upscaling.1", e / 4, &decoder->up1));
    SAMC_TRY(load_transposed(loader, PREFIX "output_upscaling.3", e / 4, e / 8, &decoder->up3));
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
    samc_linear_free(&decoder->up0);
    samc_linear_free(&decoder->up3);
    samc_norm_free(&decoder->up1);
    for (int32_t i = 0; i < SAMC_MAX_MASK_TOKENS; i++)
        samc_mlp_free(&decoder->hyper[i]);
    samc_mlp_free(&decoder->iou_head);
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

/* For one row. */
static double mlp_flops(const samc_mlp *mlp)
{
    double flops = 0.0;

    for (int32_t i = 0; i < mlp->count; i++)
        flops += 2.0 * (double)(mlp->layers[i].n * mlp->layers[i].k);
    return flops;
}

/* Image tokens up-scaled by one tile: 16 tokens are 256 pixels of the low-res mask. */
#define UPSCALE_TOKENS 16

typedef struct upscale_job {
    const samc_kernels *kernels;
    const samc_mask_decoder *decoder;
    const float *image;
    int32_t count;
    samc_panels hyper; /* [E / 8][count] */
    float *logits;
    float *scratch; /* [lanes][scratch_size] */
    int64_t scratch_size;
} upscale_job;

/* Writes the masks' values of one token's 4 x 4 pixels. values is [16][count], the pixels in the
 * order of the two up-scalings: (ky, kx) of the first, then of the second. */
static void scatter_token(const upscale_job *job, int64_t token, const float *values)
{
    const int64_t grid = job->decoder->config->grid, side = 4 * grid;
    const int64_t y0 = token / grid * 4, x0 = token % grid * 4;

    for (int64_t p = 0; p < 16; p++) {
        const int64_t y = y0 + p / 8 * 2 + p % 4 / 2, x = x0 + p / 4 % 2 * 2 + p % 2;

        for (int32_t i = 0; i < job->count; i++)
            job->logits[(i * side + y) * side + x] = values[p * job->count + i];
    }
}

static void upscale_tile(void *arg, int64_t tile, int32_t lane)
{
    const upscale_job *job = arg;
    const samc_mask_decoder *d = job->decoder;
    const samc_kernels *k = job->kernels;
    const int64_t e = d->config->embed_dim, tokens = (int64_t)d->config->grid * d->config->grid;
    const int64_t first = tile * UPSCALE_TOKENS;
    const int64_t m = tokens - first < UPSCALE_TOKENS ? tokens - first : UPSCALE_TOKENS;
    const samc_panels up0 = samc_linear_panels(k, &d->up0, 0);
    const samc_panels up3 = samc_linear_panels(k, &d->up3, 0);
    float *once = job->scratch + lane * job->scratch_size; /* [m * 4][E / 4] */
    float *twice = once + UPSCALE_TOKENS * e;              /* [m * 16][E / 8] */
    float *values = twice + UPSCALE_TOKENS * 2 * e;        /* [m * 16][count] */

    k->gemm_rows(m, e, e, job->image + first * e, e, &up0, once, e, 0);
    for (int64_t i = 0; i < m; i++)
        k->epilogue(once + i * e, e, d->up0.bias, SAMC_ACT_NONE, NULL);
    for (int64_t i = 0; i < 4 * m; i++)
        k->layer_norm(once + i * (e / 4), e / 4, d->up1.weight, d->up1.bias, NORM_EPS,
                      once + i * (e / 4));
    k->epilogue(once, m * e, NULL, SAMC_ACT_GELU, NULL);
    k->gemm_rows(4 * m, e / 2, e / 4, once, e / 4, &up3, twice, e / 2, 0);
    for (int64_t i = 0; i < 4 * m; i++)
        k->epilogue(twice + i * (e / 2), e / 2, d->up3.bias, SAMC_ACT_GELU, NULL);
    k->gemm_rows(16 * m, job->count, e / 8, twice, e / 8, &job->hyper, values, job->count, 0);
    for (int64_t i = 0; i < m; i++)
        scatter_token(job, first + i, values + i * 16 * job->count);
}

samc_status samc_mask_decoder_upscale(const samc_call *call, const samc_mask_decoder *decoder,
                                      const float *image, int32_t count, const float *hyper,
                                      float *logits, samc_error *error)
{
    const int64_t e = decoder->config->embed_dim, inner = e / 8, nr = call->kernels->gemm_nr;
    const int64_t tokens = (int64_t)decoder->config->grid * decoder->config->grid;
    const samc_arena_mark mark = samc_arena_here(call->arena);
    upscale_job job = {call->kernels,          decoder, image, count,
                       {NULL, nr, inner * nr}, logits,  NULL,  0};
    samc_status status = SAMC_OK;
    float *panels;

    job.scratch_size = UPSCALE_TOKENS * (3 * e + 16 * count);
    SAMC_CHECK(samc_arena_take(call->arena, (size_t)((count + nr - 1) / nr * nr * inner),
                               sizeof *panels, &panels, error));
    SAMC_CHECK(samc_arena_take(call->arena, (size_t)samc_threads_count(call->threads),
                               (size_t)job.scratch_size * sizeof(float), &job.scratch, error));
    for (int64_t i = 0; i < (count + nr - 1) / nr * nr; i++)
        for (int64_t c = 0; c < inner; c++)
            panels[(i / nr * inner + c) * nr + i % nr] = i < count ? hyper[i * inner + c] : 0.0f;
    job.hyper.data = panels;
    samc_threads_run(call->threads, (tokens + UPSCALE_TOKENS - 1) / UPSCALE_TOKENS, upscale_tile,
                     &job);
    /* [E][E] for each token, [E / 4][E / 2] for its 4 pixels, [E / 8][count] for its 16 */
    samc_stopwatch_lap(call->stopwatch, "up-scaling",
                       2.0 * (double)(tokens * (e * e + e * e / 2 + 2 * e * count)));

cleanup:
    samc_arena_give_back(call->arena, mark);
    return status;
}

samc_status samc_mask_decoder_run(const samc_call *call, const samc_mask_decoder *decoder,
                                  const float *image_pe, int64_t n, const float *sparse,
                                  int32_t first, int32_t count, float *image, float *logits,
                                  float *iou, samc_error *error)
{
    const samc_config *c = decoder->config;
    const int64_t e = c->embed_dim, outputs = 1 + c->mask_tokens;
    const samc_arena_mark mark = samc_arena_here(call->arena);
    samc_status status = SAMC_OK;
    float *tokens, *hyper;

    SAMC_CHECK(
        samc_arena_take(call->arena, (size_t)((outputs + n) * e), sizeof *tokens, &tokens, error));
    SAMC_CHECK(samc_arena_take(call->arena, (size_t)(count * e / 8), sizeof *hyper, &hyper, error));
    memcpy(tokens, decoder->iou_token, (size_t)e * sizeof *tokens);
    memcpy(tokens + e, decoder->mask_tokens, (size_t)(c->mask_tokens * e) * sizeof *tokens);
    memcpy(tokens + outputs * e, sparse, (size_t)(n * e) * sizeof *tokens);
    SAMC_CHECK(samc_transformer_run(call, &decoder->transformer, image_pe, outputs + n, tokens,
                                    image, error));
    SAMC_CHECK(samc_mlp_run(call, &decoder->iou_head, 1, tokens, iou, error));
    for (int32_t i = 0; i < count; i++)
        SAMC_CHECK(samc_mlp_run(call, &decoder->hyper[first + i], 1, tokens + (1 + first + i) * e,
                                hyper + i * (e / 8), error));
    samc_stopwatch_lap(call->stopwatch, "heads",
                       mlp_flops(&decoder->iou_head) + count * mlp_flops(&decoder->hyper[first]));
    SAMC_CHECK(samc_mask_decoder_upscale(call, decoder, image, count, hyper, logits, error));

cleanup:
    samc_arena_give_back(call->arena, mark);
    return status;
}
