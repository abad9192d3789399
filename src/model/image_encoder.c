/* SPDX-License-Identifier: Apache-2.0 */
#include "model/image_encoder.h"

#include "base/memory.h"
#include "kernels/attention.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NORM_EPS 1e-6f

/* Rows of the 3 x 3 convolution's matrix that exist at a time: 1024 x 2304 floats are 9 MiB, which
 * an L3 holds. */
#define NECK_ROWS 1024

/* A table [size][head_dim] of relative positions, packed with its rows in reverse. */
static samc_status load_table(samc_loader *loader, const char *prefix, const char *name,
                              int64_t size, int64_t head_dim, samc_linear *table)
{
    samc_status status = SAMC_OK;
    float *values = NULL;

    SAMC_TRY(samc_loader_values(loader, prefix, name, (const int64_t[4]){size, head_dim}, &values));
    if (values)
        status = samc_linear_pack(loader->kernels, values + (size - 1) * head_dim, size, head_dim,
                                  -head_dim, 1, NULL, table, loader->error);
    free(values);
    return status;
}

static samc_status load_block(samc_loader *loader, const samc_config *c, int32_t index,
                              samc_encoder_block *block)
{
    const int64_t dim = c->encoder_dim, window = c->global[index] ? c->grid : c->window;
    char prefix[96], name[128];

    (void)snprintf(prefix, sizeof prefix, "image_encoder.blocks.%d.", (int)index);
#define NAME(part) (snprintf(name, sizeof name, "%s%s", prefix, part), name)
    SAMC_TRY(samc_loader_norm(loader, NAME("norm1"), dim, &block->norm1));
    SAMC_TRY(samc_loader_linear(loader, NAME("attn.qkv"), 3 * dim, dim, 1, &block->qkv));
    SAMC_TRY(samc_loader_linear(loader, NAME("attn.proj"), dim, dim, 1, &block->proj));
    SAMC_TRY(
        load_table(loader, prefix, "attn.rel_pos_h", 2 * window - 1, c->head_dim, &block->rel_h));
    SAMC_TRY(
        load_table(loader, prefix, "attn.rel_pos_w", 2 * window - 1, c->head_dim, &block->rel_w));
    SAMC_TRY(samc_loader_norm(loader, NAME("norm2"), dim, &block->norm2));
    SAMC_TRY(samc_loader_linear(loader, NAME("mlp.lin1"), c->encoder_mlp, dim, 1, &block->lin1));
    SAMC_TRY(samc_loader_linear(loader, NAME("mlp.lin2"), dim, c->encoder_mlp, 1, &block->lin2));
#undef NAME
    return SAMC_OK;
}

/* Puts the nine taps of a 3 x 3 weight [E][E][3][3] in front of its channels, and packs. */
static samc_status pack_conv3(samc_loader *loader, const float *weight, int64_t e,
                              samc_linear *linear)
{
    samc_status status;
    float *ordered = NULL;

    SAMC_TRY(samc_alloc((size_t)(e * e), 9 * sizeof *ordered, &ordered, loader->error));
    for (int64_t o = 0; o < e; o++)
        for (int64_t i = 0; i < e; i++)
            for (int64_t tap = 0; tap < 9; tap++)
                ordered[(o * 9 + tap) * e + i] = weight[(o * e + i) * 9 + tap];
    status = samc_linear_pack(loader->kernels, ordered, e, 9 * e, 9 * e, 1, NULL, linear,
                              loader->error);
    free(ordered);
    return status;
}

static samc_status load_neck(samc_loader *loader, const samc_config *c, samc_image_encoder *encoder)
{
    const int64_t e = c->embed_dim, dim = c->encoder_dim;
    samc_status status = SAMC_OK;
    float *w0 = NULL, *w2 = NULL;

    SAMC_CHECK(samc_loader_values(loader, "image_encoder.", "neck.0.weight",
                                  (const int64_t[4]){e, dim, 1, 1}, &w0));
    if (w0)
        SAMC_CHECK(samc_linear_pack(loader->kernels, w0, e, dim, dim, 1, NULL, &encoder->neck0,
                                    loader->error));
    SAMC_CHECK(samc_loader_norm(loader, "image_encoder.neck.1", e, &encoder->neck1));
    SAMC_CHECK(samc_loader_values(loader, "image_encoder.", "neck.2.weight",
                                  (const int64_t[4]){e, e, 3, 3}, &w2));
    if (w2)
        SAMC_CHECK(pack_conv3(loader, w2, e, &encoder->neck2));
    SAMC_CHECK(samc_loader_norm(loader, "image_encoder.neck.3", e, &encoder->neck3));

cleanup:
    free(w0);
    free(w2);
    return status;
}

samc_status samc_image_encoder_load(samc_loader *loader, const samc_config *c,
                                    samc_image_encoder *encoder)
{
    const int64_t dim = c->encoder_dim, p = c->patch_size;
    samc_status status = SAMC_OK;
    float *w = NULL, *b = NULL;

    memset(encoder, 0, sizeof *encoder);
    encoder->config = c;
    SAMC_CHECK(samc_alloc_zero((size_t)c->depth, sizeof *encoder->blocks, &encoder->blocks,
                               loader->error));
    SAMC_CHECK(samc_loader_values(loader, "image_encoder.", "pos_embed",
                                  (const int64_t[4]){1, c->grid, c->grid, dim},
                                  &encoder->pos_embed));
    SAMC_CHECK(samc_loader_values(loader, "image_encoder.", "patch_embed.proj.weight",
                                  (const int64_t[4]){dim, 3, p, p}, &w));
    SAMC_CHECK(samc_loader_values(loader, "image_encoder.", "patch_embed.proj.bias",
                                  (const int64_t[4]){dim}, &b));
    if (w && b)
        SAMC_CHECK(samc_linear_pack(loader->kernels, w, dim, 3 * p * p, 3 * p * p, 1, b,
                                    &encoder->patch_embed, loader->error));
    for (int32_t i = 0; i < c->depth; i++)
        SAMC_CHECK(load_block(loader, c, i, &encoder->blocks[i]));
    SAMC_CHECK(load_neck(loader, c, encoder));

cleanup:
    free(w);
    free(b);
    return status;
}

void samc_image_encoder_free(samc_image_encoder *encoder)
{
    for (int32_t i = 0; encoder->blocks && i < encoder->config->depth; i++) {
        samc_encoder_block *block = &encoder->blocks[i];
        samc_linear *linears[] = {&block->qkv,   &block->proj, &block->rel_h,
                                  &block->rel_w, &block->lin1, &block->lin2};

        for (size_t j = 0; j < sizeof linears / sizeof linears[0]; j++)
            samc_linear_free(linears[j]);
        samc_norm_free(&block->norm1);
        samc_norm_free(&block->norm2);
    }
    free(encoder->blocks);
    free(encoder->pos_embed);
    samc_linear_free(&encoder->patch_embed);
    samc_linear_free(&encoder->neck0);
    samc_linear_free(&encoder->neck2);
    samc_norm_free(&encoder->neck1);
    samc_norm_free(&encoder->neck3);
}

static int64_t token_count(const samc_image_encoder *encoder)
{
    return (int64_t)encoder->config->grid * encoder->config->grid;
}

/* A stage has ended that took so many multiply-adds a token. */
static void lap(const samc_call *call, const samc_image_encoder *encoder, const char *stage,
                int64_t products)
{
    samc_stopwatch_lap(call->stopwatch, stage, 2.0 * (double)(token_count(encoder) * products));
}

samc_status samc_image_encoder_patch_embed(const samc_call *call, const samc_image_encoder *encoder,
                                           const float *patches, float *x, samc_error *error)
{
    const int64_t dim = encoder->config->encoder_dim, k = encoder->patch_embed.k;

    SAMC_TRY(samc_linear_run(call, &encoder->patch_embed, token_count(encoder), patches, k,
                             SAMC_ACT_NONE, encoder->pos_embed, dim, x, dim, error));
    lap(call, encoder, "patch embed", dim * k);
    return SAMC_OK;
}

samc_status samc_image_encoder_block(const samc_call *call, const samc_image_encoder *encoder,
                                     int32_t index, float *x, samc_error *error)
{
    const samc_config *c = encoder->config;
    const samc_encoder_block *block = &encoder->blocks[index];
    const int64_t tokens = token_count(encoder), dim = c->encoder_dim, wide = c->encoder_mlp;
    const samc_arena_mark mark = samc_arena_here(call->arena);
    samc_window_attention attention = {.heads = c->heads,
                                       .head_dim = c->head_dim,
                                       .grid = c->grid,
                                       .window = c->global[index] ? c->grid : c->window,
                                       .padding = block->qkv.bias,
                                       .rel_h = &block->rel_h,
                                       .rel_w = &block->rel_w};
    samc_status status = SAMC_OK;
    float *attended, *rows; /* [tokens][dim]; qkv, later the hidden layer */

    SAMC_CHECK(
        samc_arena_take(call->arena, (size_t)(tokens * dim), sizeof *attended, &attended, error));
    SAMC_CHECK(samc_arena_take(call->arena, (size_t)(tokens * (wide > 3 * dim ? wide : 3 * dim)),
                               sizeof *rows, &rows, error));
    SAMC_CHECK(samc_linear_normed(call, &block->qkv, block->norm1.weight, block->norm1.bias,
                                  NORM_EPS, tokens, x, dim, SAMC_ACT_NONE, rows, 3 * dim, error));
    lap(call, encoder, "norm1, qkv", 3 * dim * dim);
    attention.qkv = rows;
    attention.out = attended;
    SAMC_CHECK(samc_window_attention_run(call, &attention, error));
    /* scores and sums over all keys, and the bias of each row and each column of keys */
    lap(call, encoder, c->global[index] ? "global attention" : "window attention",
        2 * dim * (attention.window * attention.window + attention.window));
    SAMC_CHECK(samc_linear_run(call, &block->proj, tokens, attended, dim, SAMC_ACT_NONE, x, dim, x,
                               dim, error));
    lap(call, encoder, "proj", dim * dim);
    SAMC_CHECK(samc_linear_normed(call, &block->lin1, block->norm2.weight, block->norm2.bias,
                                  NORM_EPS, tokens, x, dim, SAMC_ACT_GELU, rows, wide, error));
    SAMC_CHECK(samc_linear_run(call, &block->lin2, tokens, rows, wide, SAMC_ACT_NONE, x, dim, x,
                               dim, error));
    lap(call, encoder, "norm2, mlp", 2 * dim * wide);

cleanup:
    samc_arena_give_back(call->arena, mark);
    return status;
}

typedef struct gather_job {
    const float *x;
    int64_t grid, e, first;
    float *rows;
} gather_job;

/* Row first + i of the matrix whose row t holds the nine neighbours of token t, zero beyond the
 * edge: [9 * e]. */
static void gather_neighbours(void *arg, int64_t i, int32_t lane)
{
    const gather_job *job = arg;
    const int64_t grid = job->grid, e = job->e;

    (void)lane;
    for (int64_t tap = 0; tap < 9; tap++) {
        const int64_t ty = (job->first + i) / grid + tap / 3 - 1;
        const int64_t tx = (job->first + i) % grid + tap % 3 - 1;
        float *row = job->rows + (i * 9 + tap) * e;

        if (ty >= 0 && ty < grid && tx >= 0 && tx < grid)
            memcpy(row, job->x + (ty * grid + tx) * e, (size_t)e * sizeof *row);
        else
            memset(row, 0, (size_t)e * sizeof *row);
    }
}

samc_status samc_image_encoder_neck(const samc_call *call, const samc_image_encoder *encoder,
                                    const float *x, float *embedding, samc_error *error)
{
    const samc_config *c = encoder->config;
    const int64_t tokens = token_count(encoder), dim = c->encoder_dim, e = c->embed_dim;
    const samc_arena_mark mark = samc_arena_here(call->arena);
    samc_status status = SAMC_OK;
    float *narrow, *rows;
    gather_job job;

    SAMC_CHECK(samc_arena_take(call->arena, (size_t)(tokens * e), sizeof *narrow, &narrow, error));
    SAMC_CHECK(
        samc_arena_take(call->arena, (size_t)(NECK_ROWS * 9 * e), sizeof *rows, &rows, error));
    job = (gather_job){narrow, c->grid, e, 0, rows};
    SAMC_CHECK(samc_linear_run(call, &encoder->neck0, tokens, x, dim, SAMC_ACT_NONE, NULL, 0,
                               narrow, e, error));
    samc_layer_norm_run(call, tokens, e, narrow, encoder->neck1.weight, encoder->neck1.bias,
                        NORM_EPS, narrow);
    for (int64_t i = 0; i < tokens; i += NECK_ROWS) {
        const int64_t m = tokens - i < NECK_ROWS ? tokens - i : NECK_ROWS;

        job.first = i;
        samc_threads_run(call->threads, m, gather_neighbours, &job);
        SAMC_CHECK(samc_linear_run(call, &encoder->neck2, m, rows, 9 * e, SAMC_ACT_NONE, NULL, 0,
                                   embedding + i * e, e, error));
    }
    samc_layer_norm_run(call, tokens, e, embedding, encoder->neck3.weight, encoder->neck3.bias,
                        NORM_EPS, embedding);
    lap(call, encoder, "neck", e * dim + 9 * e * e);

cleanup:
    samc_arena_give_back(call->arena, mark);
    return status;
}

samc_status samc_image_encoder_run(const samc_call *call, const samc_image_encoder *encoder,
                                   const float *patches, samc_progress_fn progress, void *user,
                                   float *embedding, samc_error *error)
{
    const samc_config *c = encoder->config;
    const samc_arena_mark mark = samc_arena_here(call->arena);
    samc_status status = SAMC_OK;
    float *x;

    SAMC_CHECK(samc_arena_take(call->arena, (size_t)(token_count(encoder) * c->encoder_dim),
                               sizeof *x, &x, error));
    SAMC_CHECK(samc_image_encoder_patch_embed(call, encoder, patches, x, error));
    for (int32_t i = 0; i < c->depth; i++) {
        SAMC_CHECK(samc_image_encoder_block(call, encoder, i, x, error));
        if (progress && progress(user, (double)(i + 1) / (c->depth + 1))) {
            status = SAMC_FAIL(error, CANCELLED, "encoding was cancelled");
            goto cleanup;
        }
    }
    SAMC_CHECK(samc_image_encoder_neck(call, encoder, x, embedding, error));
    if (progress)
        (void)progress(user, 1.0);

cleanup:
    samc_arena_give_back(call->arena, mark);
    return status;
}
