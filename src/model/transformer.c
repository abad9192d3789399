/* SPDX-License-Identifier: Apache-2.0 */
#include "model/transformer.h"

#include "base/memory.h"
#include "kernels/attention.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Not 1e-6 as everywhere else in SAM: these norms keep torch's default. */
#define NORM_EPS 1e-5f

static samc_status load_projections(samc_loader *loader, const char *prefix, int64_t e,
                                    int64_t inner, samc_projections *p)
{
    char name[160];

#define NAME(part) (snprintf(name, sizeof name, "%s.%s", prefix, part), name)
    SAMC_TRY(samc_loader_linear(loader, NAME("q_proj"), inner, e, 1, &p->q));
    SAMC_TRY(samc_loader_linear(loader, NAME("k_proj"), inner, e, 1, &p->k));
    SAMC_TRY(samc_loader_linear(loader, NAME("v_proj"), inner, e, 1, &p->v));
    SAMC_TRY(samc_loader_linear(loader, NAME("out_proj"), e, inner, 1, &p->out));
    return SAMC_OK;
}

static samc_status load_block(samc_loader *loader, const samc_config *c, int32_t index,
                              samc_two_way_block *block)
{
    const int64_t e = c->embed_dim;
    char prefix[96], name[160];

    (void)snprintf(prefix, sizeof prefix, "mask_decoder.transformer.layers.%d", (int)index);
    SAMC_TRY(load_projections(loader, NAME("self_attn"), e, e, &block->self_attention));
    SAMC_TRY(samc_loader_norm(loader, NAME("norm1"), e, &block->norm1));
    SAMC_TRY(load_projections(loader, NAME("cross_attn_token_to_image"), e, c->cross_dim,
                              &block->token_to_image));
    SAMC_TRY(samc_loader_norm(loader, NAME("norm2"), e, &block->norm2));
    SAMC_TRY(samc_loader_linear(loader, NAME("mlp.lin1"), c->decoder_mlp, e, 1, &block->lin1));
    SAMC_TRY(samc_loader_linear(loader, NAME("mlp.lin2"), e, c->decoder_mlp, 1, &block->lin2));
    SAMC_TRY(samc_loader_norm(loader, NAME("norm3"), e, &block->norm3));
    SAMC_TRY(samc_loader_norm(loader, NAME("norm4"), e, &block->norm4));
    SAMC_TRY(load_projections(loader, NAME("cross_attn_image_to_token"), e, c->cross_dim,
                              &block->image_to_token));
#undef NAME
    return SAMC_OK;
}

samc_status samc_transformer_load(samc_loader *loader, const samc_config *c,
                                  samc_transformer *transformer)
{
    memset(transformer, 0, sizeof *transformer);
    transformer->config = c;
    SAMC_TRY(samc_alloc_zero((size_t)c->decoder_depth, sizeof *transformer->blocks,
                             &transformer->blocks, loader->error));
    for (int32_t i = 0; i < c->decoder_depth; i++)
        SAMC_TRY(load_block(loader, c, i, &transformer->blocks[i]));
    SAMC_TRY(load_projections(loader, "mask_decoder.transformer.final_attn_token_to_image",
                              c->embed_dim, c->cross_dim, &transformer->final_attention));
    return samc_loader_norm(loader, "mask_decoder.transformer.norm_final_attn", c->embed_dim,
                            &transformer->norm_final);
}

static void free_projections(samc_projections *p)
{
    samc_linear_free(&p->q);
    samc_linear_free(&p->k);
    samc_linear_free(&p->v);
    samc_linear_free(&p->out);
}

void samc_transformer_free(samc_transformer *transformer)
{
    for (int32_t i = 0; transformer->blocks && i < transformer->config->decoder_depth; i++) {
        samc_two_way_block *block = &transformer->blocks[i];

        free_projections(&block->self_attention);
        free_projections(&block->token_to_image);
        free_projections(&block->image_to_token);
        samc_norm_free(&block->norm1);
        samc_norm_free(&block->norm2);
        samc_norm_free(&block->norm3);
        samc_norm_free(&block->norm4);
        samc_linear_free(&block->lin1);
        samc_linear_free(&block->lin2);
    }
    free(transformer->blocks);
    free_projections(&transformer->final_attention);
    samc_norm_free(&transformer->norm_final);
}

/* Scratch of one run; a "side" is tokens or image. */
typedef struct two_way {
    const samc_call *call;
    const samc_transformer *transformer;
    samc_error *error;
    int64_t n, image_tokens, e;
    const float *token_pe, *image_pe; /* [n][E], [T][E] */
    float *tokens, *image;
    float *token_sum, *image_sum;                 /* value + position */
    float *token_q, *token_v, *image_q, *image_v; /* projections, as wide as the attention needs */
    float *token_out;                             /* [n][E] */
    float *hidden;                                /* [n][decoder_mlp] */
} two_way;

static void add(const two_way *w, int64_t rows, const float *a, const float *b, float *sum)
{
    memcpy(sum, a, (size_t)(rows * w->e) * sizeof *sum);
    w->call->kernels->epilogue(sum, rows * w->e, NULL, SAMC_ACT_NONE, b);
}

/* One attention: queries [m] and keys [n] given with and without position, projected through `p`;
 * the answer, projected back, is added to `base` (NULL: nothing is) and left in `out` [m][E]. */
static samc_status attend(const two_way *w, const samc_projections *p, int64_t m, const float *q_in,
                          float *q, int64_t n, const float *k_in, float *k, const float *v_in,
                          float *v, const float *base, float *out)
{
    const int64_t inner = p->q.n, e = w->e, heads = w->transformer->config->decoder_heads;
    const samc_attention attention = {heads, inner / heads, m,     n,     q, k,
                                      v,     inner,         inner, inner, q, inner};

    SAMC_TRY(
        samc_linear_run(w->call, &p->q, m, q_in, e, SAMC_ACT_NONE, NULL, 0, q, inner, w->error));
    SAMC_TRY(
        samc_linear_run(w->call, &p->k, n, k_in, e, SAMC_ACT_NONE, NULL, 0, k, inner, w->error));
    SAMC_TRY(
        samc_linear_run(w->call, &p->v, n, v_in, e, SAMC_ACT_NONE, NULL, 0, v, inner, w->error));
    /* a tile writes only the queries that it has read: the answer may take their place */
    SAMC_TRY(samc_attention_run(w->call, &attention, w->error));
    return samc_linear_run(w->call, &p->out, m, q, inner, SAMC_ACT_NONE, base, e, out, e, w->error);
}

/* The stage of `attend` with the same p, m and n has ended. */
static void lap_attention(const two_way *w, const char *stage, const samc_projections *p, int64_t m,
                          int64_t n)
{
    samc_stopwatch_lap(w->call->stopwatch, stage,
                       2.0 * (double)(p->q.n * (2 * (m + n) * w->e + 2 * m * n)));
}

static void norm_tokens(const two_way *w, const samc_norm *norm)
{
    samc_layer_norm_run(w->call, w->n, w->e, w->tokens, norm->weight, norm->bias, NORM_EPS,
                        w->tokens);
}

static samc_status self_attention(const two_way *w, const samc_two_way_block *block, int first)
{
    float *k = w->token_q + w->n * w->e;
    const float *with_position = first ? w->tokens : w->token_sum;

    /* the first layer has no position and no residual here: its tokens are the position */
    if (!first)
        add(w, w->n, w->tokens, w->token_pe, w->token_sum);
    SAMC_TRY(attend(w, &block->self_attention, w->n, with_position, w->token_q, w->n, with_position,
                    k, w->tokens, w->token_v, first ? NULL : w->tokens, w->token_out));
    memcpy(w->tokens, w->token_out, (size_t)(w->n * w->e) * sizeof *w->tokens);
    norm_tokens(w, &block->norm1);
    lap_attention(w, "self-attention", &block->self_attention, w->n, w->n);
    return SAMC_OK;
}

/* tokens += attention(tokens -> image), then `norm`. Leaves image + position in image_sum. */
static samc_status tokens_look_at_image(const two_way *w, const samc_projections *p,
                                        const samc_norm *norm)
{
    add(w, w->n, w->tokens, w->token_pe, w->token_sum);
    add(w, w->image_tokens, w->image, w->image_pe, w->image_sum);
    SAMC_TRY(attend(w, p, w->n, w->token_sum, w->token_q, w->image_tokens, w->image_sum, w->image_q,
                    w->image, w->image_v, w->tokens, w->tokens));
    norm_tokens(w, norm);
    lap_attention(w, "tokens to image", p, w->n, w->image_tokens);
    return SAMC_OK;
}

static samc_status run_block(const two_way *w, const samc_two_way_block *block, int first)
{
    const int64_t e = w->e, wide = block->lin1.n;

    SAMC_TRY(self_attention(w, block, first));
    SAMC_TRY(tokens_look_at_image(w, &block->token_to_image, &block->norm2));
    SAMC_TRY(samc_linear_run(w->call, &block->lin1, w->n, w->tokens, e, SAMC_ACT_RELU, NULL, 0,
                             w->hidden, wide, w->error));
    SAMC_TRY(samc_linear_run(w->call, &block->lin2, w->n, w->hidden, wide, SAMC_ACT_NONE, w->tokens,
                             e, w->tokens, e, w->error));
    norm_tokens(w, &block->norm3);
    samc_stopwatch_lap(w->call->stopwatch, "token mlp", 4.0 * (double)(w->n * e * wide));
    add(w, w->n, w->tokens, w->token_pe, w->token_sum);
    SAMC_TRY(attend(w, &block->image_to_token, w->image_tokens, w->image_sum, w->image_q, w->n,
                    w->token_sum, w->token_q, w->tokens, w->token_v, w->image, w->image));
    samc_layer_norm_run(w->call, w->image_tokens, e, w->image, block->norm4.weight,
                        block->norm4.bias, NORM_EPS, w->image);
    lap_attention(w, "image to tokens", &block->image_to_token, w->image_tokens, w->n);
    return SAMC_OK;
}

samc_status samc_transformer_run(const samc_call *call, const samc_transformer *transformer,
                                 const float *image_pe, int64_t n, float *tokens, float *image,
                                 samc_error *error)
{
    const samc_config *c = transformer->config;
    const samc_arena_mark mark = samc_arena_here(call->arena);
    const int64_t e = c->embed_dim, t = (int64_t)c->grid * c->grid;
    const int64_t inner = c->cross_dim > e ? c->cross_dim : e;
    two_way w = {.call = call,
                 .transformer = transformer,
                 .error = error,
                 .n = n,
                 .image_tokens = t,
                 .e = e,
                 .image_pe = image_pe,
                 .tokens = tokens,
                 .image = image};
    samc_status status = SAMC_OK;
    float *token_pe;

    SAMC_CHECK(samc_arena_take(call->arena, (size_t)(n * e), sizeof(float), &token_pe, error));
    SAMC_CHECK(samc_arena_take(call->arena, (size_t)(n * e), sizeof(float), &w.token_sum, error));
    SAMC_CHECK(samc_arena_take(call->arena, (size_t)(n * e), sizeof(float), &w.token_out, error));
    SAMC_CHECK(
        samc_arena_take(call->arena, (size_t)(n * inner), 2 * sizeof(float), &w.token_q, error));
    SAMC_CHECK(samc_arena_take(call->arena, (size_t)(n * inner), sizeof(float), &w.token_v, error));
    SAMC_CHECK(samc_arena_take(call->arena, (size_t)(n * c->decoder_mlp), sizeof(float), &w.hidden,
                               error));
    SAMC_CHECK(samc_arena_take(call->arena, (size_t)(t * e), sizeof(float), &w.image_sum, error));
    SAMC_CHECK(
        samc_arena_take(call->arena, (size_t)(t * c->cross_dim), sizeof(float), &w.image_q, error));
    SAMC_CHECK(
        samc_arena_take(call->arena, (size_t)(t * c->cross_dim), sizeof(float), &w.image_v, error));
    memcpy(token_pe, tokens, (size_t)(n * e) * sizeof *tokens);
    w.token_pe = token_pe;
    for (int32_t i = 0; i < c->decoder_depth; i++)
        SAMC_CHECK(run_block(&w, &transformer->blocks[i], i == 0));
    SAMC_CHECK(tokens_look_at_image(&w, &transformer->final_attention, &transformer->norm_final));

cleanup:
    samc_arena_give_back(call->arena, mark);
    return status;
}
