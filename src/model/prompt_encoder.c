/* SPDX-License-Identifier: Apache-2.0 */
#include "model/prompt_encoder.h"

#include "base/memory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NORM_EPS 1e-6f
#define PREFIX "prompt_encoder."

/* A position in 0..1 of the image: sin and cos of its projections on random directions. */
static void encode_position(int32_t half, const float *gaussian, float x, float y, float *out)
{
    const float cx = 2.0f * x - 1.0f, cy = 2.0f * y - 1.0f;

    for (int32_t i = 0; i < half; i++) {
        const float angle = 6.28318531f * (cx * gaussian[i] + cy * gaussian[half + i]);

        out[i] = sinf(angle);
        out[half + i] = cosf(angle);
    }
}

void samc_prompt_encoder_position(const samc_config *config, const float *gaussian,
                                  const float xy[2], float *out)
{
    const float side = (float)config->image_size;

    /* the middle of the pixel, as the reference has it */
    encode_position(config->embed_dim / 2, gaussian, (xy[0] + 0.5f) / side, (xy[1] + 0.5f) / side,
                    out);
}

void samc_prompt_encoder_dense_pe(const samc_config *config, const float *gaussian, float *out)
{
    const int64_t grid = config->grid;

    for (int64_t y = 0; y < grid; y++)
        for (int64_t x = 0; x < grid; x++, out += config->embed_dim)
            encode_position(config->embed_dim / 2, gaussian, ((float)x + 0.5f) / (float)grid,
                            ((float)y + 0.5f) / (float)grid, out);
}

/* A 2 x 2 convolution of stride 2, [out][in][2][2], as a linear layer over gathered squares. */
static samc_status load_conv2(samc_loader *loader, const char *prefix, int64_t out, int64_t in,
                              samc_linear *linear)
{
    samc_status status = SAMC_OK;
    float *w = NULL, *b = NULL, *ordered = NULL;

    SAMC_CHECK(
        samc_loader_values(loader, prefix, ".weight", (const int64_t[4]){out, in, 2, 2}, &w));
    SAMC_CHECK(samc_loader_values(loader, prefix, ".bias", (const int64_t[4]){out}, &b));
    if (!w || !b)
        goto cleanup;
    SAMC_CHECK(samc_alloc((size_t)(out * in), 4 * sizeof *ordered, &ordered, loader->error));
    for (int64_t o = 0; o < out; o++)
        for (int64_t i = 0; i < in; i++)
            for (int64_t tap = 0; tap < 4; tap++)
                ordered[(o * 4 + tap) * in + i] = w[(o * in + i) * 4 + tap];
    status = samc_linear_pack(loader->kernels, ordered, out, 4 * in, 4 * in, 1, b, linear,
                              loader->error);

cleanup:
    free(w);
    free(b);
    free(ordered);
    return status;
}

static samc_status load_mask_path(samc_loader *loader, const samc_config *c,
                                  samc_prompt_encoder *encoder)
{
    const int64_t wide = c->mask_channels, e = c->embed_dim;
    samc_status status = SAMC_OK;
    float *w = NULL, *b = NULL;

    SAMC_CHECK(load_conv2(loader, PREFIX "mask_downscaling.0", wide / 4, 1, &encoder->mask0));
    SAMC_CHECK(samc_loader_norm(loader, PREFIX "mask_downscaling.1", wide / 4, &encoder->mask1));
    SAMC_CHECK(load_conv2(loader, PREFIX "mask_downscaling.3", wide, wide / 4, &encoder->mask3));
    SAMC_CHECK(samc_loader_norm(loader, PREFIX "mask_downscaling.4", wide, &encoder->mask4));
    SAMC_CHECK(samc_loader_values(loader, PREFIX, "mask_downscaling.6.weight",
                                  (const int64_t[4]){e, wide, 1, 1}, &w));
    SAMC_CHECK(
        samc_loader_values(loader, PREFIX, "mask_downscaling.6.bias", (const int64_t[4]){e}, &b));
    if (w && b)
        status = samc_linear_pack(loader->kernels, w, e, wide, wide, 1, b, &encoder->mask6,
                                  loader->error);

cleanup:
    free(w);
    free(b);
    return status;
}

static samc_status make_dense_pe(samc_loader *loader, samc_prompt_encoder *encoder)
{
    const samc_config *c = encoder->config;
    const samc_blocks blocks = samc_blocks_of(c);
    const samc_call call = {loader->kernels, NULL, NULL, NULL};
    const size_t size = (size_t)samc_blocks_floats(&blocks, c->embed_dim);
    float *rows;

    SAMC_TRY(samc_alloc_zero(size, sizeof *encoder->dense_pe, &encoder->dense_pe, loader->error));
    SAMC_TRY(samc_alloc((size_t)blocks.tokens, (size_t)c->embed_dim * sizeof *rows, &rows,
                        loader->error));
    samc_prompt_encoder_dense_pe(c, encoder->gaussian, rows);
    samc_blocks_fill(&call, &blocks, c->embed_dim, rows, NULL, encoder->dense_pe);
    free(rows);
    return SAMC_OK;
}

samc_status samc_prompt_encoder_load(samc_loader *loader, const samc_config *c,
                                     samc_prompt_encoder *encoder)
{
    const int64_t e = c->embed_dim;

    memset(encoder, 0, sizeof *encoder);
    encoder->config = c;
    SAMC_TRY(samc_loader_values(loader, PREFIX, "pe_layer.positional_encoding_gaussian_matrix",
                                (const int64_t[4]){2, e / 2}, &encoder->gaussian));
    loader->parameters -= encoder->gaussian ? e : 0; /* a buffer: drawn once, never trained */
    for (int i = 0; i < 4; i++) {
        char name[64];

        (void)snprintf(name, sizeof name, "point_embeddings.%d.weight", i);
        SAMC_TRY(
            samc_loader_values(loader, PREFIX, name, (const int64_t[4]){1, e}, &encoder->point[i]));
    }
    SAMC_TRY(samc_loader_values(loader, PREFIX, "not_a_point_embed.weight",
                                (const int64_t[4]){1, e}, &encoder->not_a_point));
    SAMC_TRY(samc_loader_values(loader, PREFIX, "no_mask_embed.weight", (const int64_t[4]){1, e},
                                &encoder->no_mask));
    SAMC_TRY(load_mask_path(loader, c, encoder));
    return encoder->gaussian ? make_dense_pe(loader, encoder) : SAMC_OK;
}

void samc_prompt_encoder_free(samc_prompt_encoder *encoder)
{
    free(encoder->gaussian);
    for (int i = 0; i < 4; i++)
        free(encoder->point[i]);
    free(encoder->not_a_point);
    free(encoder->no_mask);
    free(encoder->dense_pe);
    samc_linear_free(&encoder->mask0);
    samc_linear_free(&encoder->mask3);
    samc_linear_free(&encoder->mask6);
    samc_norm_free(&encoder->mask1);
    samc_norm_free(&encoder->mask4);
}

void samc_prompt_encoder_sparse(const samc_prompt_encoder *encoder, const float *points,
                                const int32_t *labels, int64_t n, float *tokens)
{
    const int32_t e = encoder->config->embed_dim;

    for (int64_t i = 0; i < n; i++, tokens += e) {
        if (labels[i] == SAMC_POINT_PADDING) {
            memcpy(tokens, encoder->not_a_point, (size_t)e * sizeof *tokens);
            continue;
        }
        samc_prompt_encoder_position(encoder->config, encoder->gaussian, points + 2 * i, tokens);
        for (int32_t d = 0; d < e; d++)
            tokens[d] += encoder->point[labels[i]][d];
    }
}

/* Squares of 2 x 2 of an image [2 * side][2 * side][channels] as rows [side * side][4 *
 * channels]. */
static void gather_squares(const float *in, int64_t side, int64_t channels, float *rows)
{
    for (int64_t y = 0; y < side; y++)
        for (int64_t x = 0; x < side; x++)
            for (int64_t ky = 0; ky < 2; ky++, rows += 2 * channels)
                memcpy(rows, in + ((2 * y + ky) * 2 * side + 2 * x) * channels,
                       (size_t)(2 * channels) * sizeof *rows);
}

samc_status samc_prompt_encoder_mask(const samc_call *call, const samc_prompt_encoder *encoder,
                                     const float *logits, float *dense, samc_error *error)
{
    const samc_config *c = encoder->config;
    const int64_t grid = c->grid, e = c->embed_dim, wide = c->mask_channels, thin = wide / 4;
    const int64_t tokens = grid * grid;
    const samc_arena_mark mark = samc_arena_here(call->arena);
    samc_status status = SAMC_OK;
    float *rows, *a, *b;

    SAMC_CHECK(samc_arena_take(call->arena, (size_t)tokens,
                               (size_t)(wide > 16 ? wide : 16) * sizeof *rows, &rows, error));
    SAMC_CHECK(
        samc_arena_take(call->arena, (size_t)(4 * tokens), (size_t)thin * sizeof *a, &a, error));
    SAMC_CHECK(samc_arena_take(call->arena, (size_t)tokens, (size_t)wide * sizeof *b, &b, error));
    gather_squares(logits, 2 * grid, 1, rows);
    SAMC_CHECK(samc_linear_run(call, &encoder->mask0, 4 * tokens, rows, 4, SAMC_ACT_NONE, NULL, 0,
                               a, thin, error));
    samc_layer_norm_run(call, 4 * tokens, thin, a, encoder->mask1.weight, encoder->mask1.bias,
                        NORM_EPS, a);
    call->kernels->epilogue(a, 4 * tokens * thin, NULL, SAMC_ACT_GELU, NULL);
    gather_squares(a, grid, thin, rows);
    SAMC_CHECK(samc_linear_run(call, &encoder->mask3, tokens, rows, wide, SAMC_ACT_NONE, NULL, 0, b,
                               wide, error));
    samc_layer_norm_run(call, tokens, wide, b, encoder->mask4.weight, encoder->mask4.bias, NORM_EPS,
                        b);
    call->kernels->epilogue(b, tokens * wide, NULL, SAMC_ACT_GELU, NULL);
    SAMC_CHECK(samc_linear_run(call, &encoder->mask6, tokens, b, wide, SAMC_ACT_NONE, NULL, 0,
                               dense, e, error));

cleanup:
    samc_arena_give_back(call->arena, mark);
    return status;
}
