/* SPDX-License-Identifier: Apache-2.0 */
#include "model/transformer.h"

#include "base/memory.h"
#include "kernels/attention.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Not 1e-6 as everywhere else in SAM: these norms keep torch's default. */
#define NORM_EPS 1e-5f

/* Tokens of a prompt from which on its self-attention is worth waking threads. */
#define MANY_TOKENS 64

static samc_status load_projections(samc_loader *loader, const char *prefix, int64_t e,
                                    samc_projections *p)
{
    char name[176];

#define NAME(part) (snprintf(name, sizeof name, "%s.%s", prefix, part), name)
    SAMC_TRY(samc_loader_linear(loader, NAME("q_proj"), e, e, 1, &p->q));
    SAMC_TRY(samc_loader_linear(loader, NAME("k_proj"), e, e, 1, &p->k));
    SAMC_TRY(samc_loader_linear(loader, NAME("v_proj"), e, e, 1, &p->v));
    SAMC_TRY(samc_loader_linear(loader, NAME("out_proj"), e, e, 1, &p->out));
    return SAMC_OK;
}

static samc_status load_block(samc_loader *loader, const samc_config *c, int32_t index,
                              samc_two_way_block *block)
{
    const int64_t e = c->embed_dim;
    char prefix[96], name[160];

    (void)snprintf(prefix, sizeof prefix, "mask_decoder.transformer.layers.%d", (int)index);
    SAMC_TRY(load_projections(loader, NAME("self_attn"), e, &block->self_attention));
    SAMC_TRY(samc_loader_norm(loader, NAME("norm1"), e, &block->norm1));
    SAMC_TRY(samc_look_load(loader, NAME("cross_attn_token_to_image"), e, c->cross_dim,
                            &block->token_to_image));
    SAMC_TRY(samc_loader_norm(loader, NAME("norm2"), e, &block->norm2));
    SAMC_TRY(samc_loader_linear(loader, NAME("mlp.lin1"), c->decoder_mlp, e, 1, &block->lin1));
    SAMC_TRY(samc_loader_linear(loader, NAME("mlp.lin2"), e, c->decoder_mlp, 1, &block->lin2));
    SAMC_TRY(samc_loader_norm(loader, NAME("norm3"), e, &block->norm3));
    SAMC_TRY(samc_loader_norm(loader, NAME("norm4"), e, &block->norm4));
    SAMC_TRY(samc_reply_load(loader, NAME("cross_attn_image_to_token"), e, c->cross_dim,
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
    SAMC_TRY(samc_look_load(loader, "mask_decoder.transformer.final_attn_token_to_image",
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
        samc_look_free(&block->token_to_image);
        samc_reply_free(&block->image_to_token);
        samc_norm_free(&block->norm1);
        samc_norm_free(&block->norm2);
        samc_norm_free(&block->norm3);
        samc_norm_free(&block->norm4);
        samc_linear_free(&block->lin1);
        samc_linear_free(&block->lin2);
    }
    free(transformer->blocks);
    samc_look_free(&transformer->final_attention);
    samc_norm_free(&transformer->norm_final);
    samc_mix_weights_free(&transformer->mix);
}

samc_cross samc_transformer_cross(const samc_kernels *kernels, const samc_config *c,
                                  const float *pe)
{
    return (samc_cross){kernels,      samc_blocks_of(c), c->embed_dim,
                        c->cross_dim, c->decoder_heads,  pe};
}

samc_status samc_transformer_mix(const samc_kernels *kernels, samc_transformer *transformer,
                                 const float *pe, const float *up, const float *up_bias,
                                 samc_error *error)
{
    const samc_cross cross = samc_transformer_cross(kernels, transformer->config, pe);
    const samc_two_way_block *blocks = transformer->blocks;

    if (transformer->config->decoder_depth != 2)
        return SAMC_OK;
    const samc_mix_source source = {.look1 = &blocks[1].token_to_image,
                                    .look2 = &transformer->final_attention,
                                    .reply0 = &blocks[0].image_to_token,
                                    .reply1 = &blocks[1].image_to_token,
                                    .norm0 = &blocks[0].norm4,
                                    .norm1 = &blocks[1].norm4,
                                    .up = up,
                                    .up_bias = up_bias};
    SAMC_TRY(samc_mix_weights_make(&cross, &source, &transformer->mix, error));
    transformer->mixes = 1;
    return SAMC_OK;
}

/* ------------------------------------------------------------------------- what a photo shares */

typedef struct photo_job {
    const samc_cross *cross;
    const samc_transformer *transformer;
    const samc_shared_image *photo;
    float *images; /* [lanes] blocks */
    const samc_cross_scratch *scratch;
} photo_job;

static void photo_tile(void *arg, int64_t index, int32_t lane)
{
    const photo_job *job = arg;
    const samc_cross *c = job->cross;
    const samc_two_way_block *first = &job->transformer->blocks[0];
    float *x = job->images + lane * (c->e * c->blocks.pitch + SAMC_LEFT_SLACK);

    samc_blocks_from_planes(&c->blocks, index, c->e, job->photo->planes, job->photo->no_mask, x);
    samc_shared_block(c, &first->token_to_image, &first->image_to_token, index, x,
                      &job->scratch[lane], &job->photo->projections);
    if (job->transformer->mixes)
        samc_mix_photo_block(c, &job->transformer->mix, index, x, &job->scratch[lane],
                             &job->photo->mix);
}

/* [lanes] for prompts of at most n tokens. */
static samc_status take_scratch(const samc_call *call, const samc_cross *cross, int64_t n,
                                samc_cross_scratch **scratch, samc_error *error)
{
    const int32_t lanes = samc_threads_count(call->threads);

    SAMC_TRY(samc_arena_take(call->arena, (size_t)lanes, sizeof **scratch, scratch, error));
    for (int32_t i = 0; i < lanes; i++)
        SAMC_TRY(samc_cross_scratch_take(cross, n, call->arena, &(*scratch)[i], error));
    return SAMC_OK;
}

samc_status samc_shared_image_project(const samc_call *call, const samc_transformer *transformer,
                                      const float *pe, samc_shared_image *photo, samc_error *error)
{
    const samc_cross cross = samc_transformer_cross(call->kernels, transformer->config, pe);
    const samc_arena_mark mark = samc_arena_here(call->arena);
    const size_t blocks = (size_t)samc_blocks_floats(&cross.blocks, cross.inner);
    const size_t rows = (size_t)(cross.blocks.tokens * cross.inner + SAMC_LEFT_SLACK);
    samc_shared_projections *p = &photo->projections;
    samc_status status = SAMC_OK;
    samc_cross_scratch *scratch = NULL;
    float *images = NULL;

    *p = (samc_shared_projections){NULL, NULL, NULL};
    photo->mix = (samc_mix_photo){NULL, NULL, NULL};
    SAMC_CHECK(samc_alloc_zero(blocks, sizeof *p->keys, &p->keys, error));
    SAMC_CHECK(samc_alloc_zero(blocks, sizeof *p->queries, &p->queries, error));
    SAMC_CHECK(samc_alloc_zero(rows, sizeof *p->values, &p->values, error));
    if (transformer->mixes)
        SAMC_CHECK(samc_mix_photo_new(&cross, &photo->mix, error));
    SAMC_CHECK(take_scratch(call, &cross, 0, &scratch, error));
    SAMC_CHECK(samc_arena_take(
        call->arena, (size_t)samc_threads_count(call->threads),
        (size_t)(cross.e * cross.blocks.pitch + SAMC_LEFT_SLACK) * sizeof *images, &images, error));
    photo_job job = {&cross, transformer, photo, images, scratch};
    samc_threads_run(call->threads, cross.blocks.count, photo_tile, &job);
    /* three projections of layer 0, eight of the mix, and the up-scaling */
    samc_stopwatch_lap(call->stopwatch, "decoder's share of the photo",
                       2.0 * (double)(cross.blocks.tokens * cross.e *
                                      (cross.inner * (transformer->mixes ? 11 : 3) +
                                       (transformer->mixes ? cross.e : 0))));

cleanup:
    samc_arena_give_back(call->arena, mark);
    return status;
}

void samc_shared_image_free(samc_shared_image *photo)
{
    free(photo->projections.keys);
    free(photo->projections.queries);
    free(photo->projections.values);
    photo->projections = (samc_shared_projections){NULL, NULL, NULL};
    samc_mix_photo_free(&photo->mix);
}

samc_image_kind samc_image_kind_of(const samc_transformer *transformer, int given, int64_t n)
{
    const samc_cross c = samc_transformer_cross(NULL, transformer->config, NULL);

    if (given)
        return SAMC_IMAGE_GIVEN;
    return transformer->mixes && samc_mix_pays(&c, n) ? SAMC_IMAGE_MIXED : SAMC_IMAGE_OF_PHOTO;
}

int64_t samc_image_floats(const samc_transformer *transformer, samc_image_kind kind, int64_t n)
{
    const samc_cross c = samc_transformer_cross(NULL, transformer->config, NULL);

    return kind == SAMC_IMAGE_MIXED ? samc_mix_floats(&c, n) : samc_blocks_floats(&c.blocks, c.e);
}

/* ------------------------------------------------------------------------- the image side */

/* One pass over the images: the image's reply to the tokens of one layer and its norm, then the
 * tokens of the next layer look at what came out. The first pass has no reply. */
typedef struct image_pass {
    const samc_cross *cross;
    int64_t count;
    const samc_two_way_prompt *prompts;
    const samc_shared_image *photo;
    const samc_reply *replies;  /* [count], or NULL */
    const samc_norm *norm;      /* after the reply */
    int unmade;                 /* images that are not given do not hold the photo yet */
    const samc_look *looks;     /* [count] */
    const samc_mix_pass *mixes; /* [count]: of mixed images, for which there is neither */
    const samc_cross_scratch *scratch;
} image_pass;

/* Blocks go round the prompts, so that what they share (position, projections of the photo) is
 * still in the cache. */
static void image_tile(void *arg, int64_t tile, int32_t lane)
{
    const image_pass *pass = arg;
    const samc_cross *c = pass->cross;
    const int64_t index = tile / pass->count, p = tile % pass->count;
    const samc_two_way_prompt *prompt = &pass->prompts[p];
    const samc_cross_scratch *scratch = &pass->scratch[lane];
    float *x = prompt->image + index * c->e * c->blocks.pitch;

    if (pass->replies && prompt->kind == SAMC_IMAGE_MIXED) {
        const samc_mix mix = samc_mix_at(c, prompt->n, prompt->image);

        samc_mix_block(c, &pass->mixes[p], &mix, &pass->photo->projections, &pass->photo->mix,
                       NORM_EPS, index, scratch);
        return;
    }
    if (pass->replies) {
        if (pass->unmade && prompt->kind == SAMC_IMAGE_OF_PHOTO)
            samc_blocks_from_planes(&c->blocks, index, c->e, pass->photo->planes,
                                    pass->photo->no_mask, x);
        samc_reply_block(c, &pass->replies[p], index, x, scratch);
        c->kernels->norm_columns(x, c->blocks.pitch, c->e, samc_blocks_columns(&c->blocks, index),
                                 pass->replies[p].weights->out_bias, pass->norm->weight,
                                 pass->norm->bias, NORM_EPS, SAMC_ACT_NONE);
    }
    samc_look_block(c, &pass->looks[p], index, x, scratch);
}

/* ------------------------------------------------------------------------- the tokens' side */

/* One run. The tokens of all prompts are rows of the same products; `rows` of them. */
typedef struct two_way {
    const samc_call *call;
    const samc_transformer *transformer;
    const samc_cross *cross;
    const samc_shared_image *photo;
    int64_t count, rows;
    const samc_two_way_prompt *prompts;
    const int64_t *first; /* [count]: a prompt's first row */
    float *tokens;
    const float *token_pe; /* [rows][E] */
    float *sum;            /* [rows][E]: tokens + position */
    float *q, *k, *v;      /* [rows][E or I] */
    float *reply_k;        /* [rows][I]: what the image will look at */
    float *reply_v;
    float *hidden;        /* [rows][decoder_mlp] */
    samc_reply *replies;  /* [count], or NULL before the first reply */
    samc_look *looks;     /* [count] */
    samc_mix_pass *mixes; /* [count]: in place of both where an image is mixed */
    const samc_cross_scratch *scratch;
    samc_error *error;
} two_way;

static samc_status project(const two_way *w, const samc_linear *linear, const float *x,
                           const float *residual, float *y)
{
    return samc_linear_run(w->call, linear, w->rows, x, linear->k, SAMC_ACT_NONE, residual,
                           linear->n, y, linear->n, w->error);
}

static void norm_tokens(const two_way *w, const samc_norm *norm)
{
    for (int64_t i = 0; i < w->rows; i++)
        w->call->kernels->layer_norm(w->tokens + i * w->cross->e, w->cross->e, norm->weight,
                                     norm->bias, NORM_EPS, w->tokens + i * w->cross->e);
}

static void add_position(const two_way *w)
{
    const int64_t size = w->rows * w->cross->e;

    memcpy(w->sum, w->tokens, (size_t)size * sizeof *w->sum);
    w->call->kernels->epilogue(w->sum, size, NULL, SAMC_ACT_NONE, w->token_pe);
}

static void lap(const two_way *w, const char *stage, double flops)
{
    samc_stopwatch_lap(w->call->stopwatch, stage, flops);
}

static samc_status self_attention(const two_way *w, const samc_two_way_block *block, int first)
{
    const int64_t e = w->cross->e, heads = w->cross->heads;
    const samc_projections *p = &block->self_attention;
    const float *with_position = first ? w->tokens : w->sum;
    double pairs = 0.0; /* of a query and a key */

    /* the first layer has no position and no residual here: its tokens are the position */
    if (!first)
        add_position(w);
    SAMC_TRY(project(w, &p->q, with_position, NULL, w->q));
    SAMC_TRY(project(w, &p->k, with_position, NULL, w->k));
    SAMC_TRY(project(w, &p->v, w->tokens, NULL, w->v));
    for (int64_t i = 0; i < w->count; i++) {
        const int64_t n = w->prompts[i].n, at = w->first[i] * e;
        /* a tile writes only the queries that it has read: the answer may take their place */
        const samc_attention attention = {heads,     e / heads, n, n, w->q + at, w->k + at,
                                          w->v + at, e,         e, e, w->q + at, e};
        const samc_call alone = {w->call->kernels, n < MANY_TOKENS ? NULL : w->call->threads,
                                 w->call->arena, NULL};

        SAMC_TRY(samc_attention_run(&alone, &attention, w->error));
        pairs += (double)(n * n);
    }
    SAMC_TRY(project(w, &p->out, w->q, first ? NULL : w->tokens, w->tokens));
    norm_tokens(w, &block->norm1);
    lap(w, "self-attention", 8.0 * (double)(w->rows * e * e) + 4.0 * pairs * (double)e);
    return SAMC_OK;
}

/* 1: prompt i is looked at through mixes[i]. */
static int is_mixed(const two_way *w, int64_t i)
{
    return w->replies && w->prompts[i].kind == SAMC_IMAGE_MIXED;
}

/* Prompts from one side to the other, each on one thread. */
static void begin_tile(void *arg, int64_t i, int32_t lane)
{
    const two_way *w = arg;
    const samc_two_way_prompt *prompt = &w->prompts[i];
    const int64_t at = w->first[i] * w->cross->inner;

    (void)lane;
    if (is_mixed(w, i)) {
        const samc_mix mix = samc_mix_at(w->cross, prompt->n, prompt->image);

        samc_mix_begin(w->cross, &w->mixes[i], &mix, w->reply_k + at, w->reply_v + at, w->q + at);
        return;
    }
    samc_look_begin(w->cross, &w->looks[i], w->q + at);
    if (w->replies)
        samc_reply_begin(w->cross, &w->replies[i], w->reply_k + at, w->reply_v + at);
}

static void end_tile(void *arg, int64_t i, int32_t lane)
{
    const two_way *w = arg;
    const samc_two_way_prompt *prompt = &w->prompts[i];
    float *out = w->q + w->first[i] * w->cross->inner;

    (void)lane;
    if (is_mixed(w, i)) {
        const samc_mix mix = samc_mix_at(w->cross, prompt->n, prompt->image);

        samc_mix_end(w->cross, &w->mixes[i], &mix, out);
    } else {
        samc_look_end(w->cross, &w->looks[i], out);
    }
}

/* Takes what the prompts need to meet the image: the reply of layer `index` - 1, if there is one,
 * and `look`. */
static samc_status take_meeting(two_way *w, int32_t index, const samc_look_weights *look)
{
    samc_arena *arena = w->call->arena;
    const size_t count = (size_t)w->count;

    w->replies = NULL;
    SAMC_TRY(samc_arena_take(arena, count, sizeof *w->looks, &w->looks, w->error));
    SAMC_TRY(samc_arena_take(arena, count, sizeof *w->mixes, &w->mixes, w->error));
    if (index)
        SAMC_TRY(samc_arena_take(arena, count, sizeof *w->replies, &w->replies, w->error));
    for (int64_t i = 0; i < w->count; i++) {
        const samc_two_way_prompt *prompt = &w->prompts[i];
        const samc_shared_projections *photo = prompt->kind == SAMC_IMAGE_GIVEN
                                                   ? NULL
                                                   : &w->photo->projections;

        if (is_mixed(w, i)) {
            SAMC_TRY(samc_mix_pass_take(w->cross, &w->transformer->mix, index - 1, prompt->n, arena,
                                        &w->mixes[i], w->error));
            continue;
        }
        SAMC_TRY(samc_look_take(w->cross, look, index == 0 ? photo : NULL, prompt->n, arena,
                                &w->looks[i], w->error));
        if (index)
            SAMC_TRY(samc_reply_take(w->cross, &w->transformer->blocks[index - 1].image_to_token,
                                     index == 1 ? photo : NULL, prompt->n, arena, &w->replies[i],
                                     w->error));
    }
    return SAMC_OK;
}

/* Operations of a meeting: on the image's side, and of its beginnings and ends. */
static double meeting_flops(const two_way *w, double *ends)
{
    double flops = 0.0, one;

    *ends = 0.0;
    for (int64_t i = 0; i < w->count; i++) {
        if (is_mixed(w, i)) {
            flops += samc_mix_flops(w->cross, &w->mixes[i], w->prompts[i].n, &one);
            *ends += one;
            continue;
        }
        flops += samc_look_flops(w->cross, &w->looks[i], &one);
        *ends += one;
        flops += w->replies ? samc_reply_flops(w->cross, &w->replies[i], &one) : 0.0;
        *ends += w->replies ? one : 0.0;
    }
    return flops;
}

/* The image replies to layer `index` - 1, whose tokens are in reply_k and reply_v, then the tokens
 * of layer `index` look at it through `look`: tokens += attention, then `norm`. */
static samc_status meet_image(two_way *w, int32_t index, const samc_look_weights *look,
                              const samc_norm *norm)
{
    const samc_two_way_block *before = index ? &w->transformer->blocks[index - 1] : NULL;
    const samc_arena_mark mark = samc_arena_here(w->call->arena);
    samc_status status = SAMC_OK;
    double flops, ends;

    add_position(w);
    SAMC_CHECK(project(w, &look->q, w->sum, NULL, w->q));
    SAMC_CHECK(take_meeting(w, index, look));
    samc_threads_run(w->call->threads, w->count, begin_tile, w);
    lap(w, "projections of tokens", 2.0 * (double)(w->rows * look->q.n * look->q.k));
    image_pass pass = {
        w->cross,   w->count, w->prompts, w->photo,  w->replies, before ? &before->norm4 : NULL,
        index == 1, w->looks, w->mixes,   w->scratch};
    samc_threads_run(w->call->threads, w->cross->blocks.count * w->count, image_tile, &pass);
    flops = meeting_flops(w, &ends);
    lap(w, before ? "image and tokens" : "tokens to image", flops);
    samc_threads_run(w->call->threads, w->count, end_tile, w);
    SAMC_CHECK(project(w, &look->out, w->q, w->tokens, w->tokens));
    norm_tokens(w, norm);
    lap(w, "projections of tokens", ends + 2.0 * (double)(w->rows * look->out.n * look->out.k));

cleanup:
    samc_arena_give_back(w->call->arena, mark);
    return status;
}

static samc_status run_block(two_way *w, int32_t index)
{
    const samc_two_way_block *block = &w->transformer->blocks[index];
    const int64_t e = w->cross->e, wide = block->lin1.n;

    SAMC_TRY(self_attention(w, block, index == 0));
    SAMC_TRY(meet_image(w, index, &block->token_to_image, &block->norm2));
    SAMC_TRY(samc_linear_run(w->call, &block->lin1, w->rows, w->tokens, e, SAMC_ACT_RELU, NULL, 0,
                             w->hidden, wide, w->error));
    SAMC_TRY(project(w, &block->lin2, w->hidden, w->tokens, w->tokens));
    norm_tokens(w, &block->norm3);
    lap(w, "token mlp", 4.0 * (double)(w->rows * e * wide));
    add_position(w);
    SAMC_TRY(project(w, &block->image_to_token.k, w->sum, NULL, w->reply_k));
    SAMC_TRY(project(w, &block->image_to_token.v, w->tokens, NULL, w->reply_v));
    lap(w, "projections of tokens", 4.0 * (double)(w->rows * w->cross->inner * e));
    return SAMC_OK;
}

static samc_status take_rows(const two_way *w, int64_t width, float **rows)
{
    return samc_arena_take(w->call->arena, (size_t)w->rows, (size_t)width * sizeof **rows, rows,
                           w->error);
}

samc_status samc_transformer_run(const samc_call *call, const samc_transformer *transformer,
                                 const float *pe, const samc_shared_image *photo, int64_t count,
                                 const samc_two_way_prompt *prompts, float *tokens,
                                 samc_error *error)
{
    const samc_config *c = transformer->config;
    const samc_cross cross = samc_transformer_cross(call->kernels, transformer->config, pe);
    const samc_arena_mark mark = samc_arena_here(call->arena);
    const int64_t wide = cross.inner > cross.e ? cross.inner : cross.e;
    two_way w = {.call = call,
                 .transformer = transformer,
                 .cross = &cross,
                 .photo = photo,
                 .count = count,
                 .prompts = prompts,
                 .tokens = tokens,
                 .error = error};
    samc_status status = SAMC_OK;
    samc_cross_scratch *scratch = NULL;
    int64_t *first = NULL, most = 0;
    float *token_pe = NULL;

    SAMC_CHECK(samc_arena_take(call->arena, (size_t)count, sizeof *first, &first, error));
    for (int64_t i = 0; i < count; i++) {
        first[i] = w.rows;
        w.rows += prompts[i].n;
        most = prompts[i].n > most ? prompts[i].n : most;
    }
    w.first = first;
    SAMC_CHECK(take_rows(&w, cross.e, &token_pe));
    SAMC_CHECK(take_rows(&w, cross.e, &w.sum));
    SAMC_CHECK(take_rows(&w, wide, &w.q));
    SAMC_CHECK(take_rows(&w, wide, &w.k));
    SAMC_CHECK(take_rows(&w, wide, &w.v));
    SAMC_CHECK(take_rows(&w, cross.inner, &w.reply_k));
    SAMC_CHECK(take_rows(&w, cross.inner, &w.reply_v));
    SAMC_CHECK(take_rows(&w, c->decoder_mlp, &w.hidden));
    SAMC_CHECK(take_scratch(call, &cross, most, &scratch, error));
    memcpy(token_pe, tokens, (size_t)(w.rows * cross.e) * sizeof *tokens);
    w.token_pe = token_pe;
    w.scratch = scratch;
    for (int32_t i = 0; i < c->decoder_depth; i++)
        SAMC_CHECK(run_block(&w, i));
    SAMC_CHECK(
        meet_image(&w, c->decoder_depth, &transformer->final_attention, &transformer->norm_final));

cleanup:
    samc_arena_give_back(call->arena, mark);
    return status;
}
