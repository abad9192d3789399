/* SPDX-License-Identifier: Apache-2.0 */
#include "train/transformer_grad.h"

#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NORM_EPS 1e-5f
#define PREFIX "mask_decoder.transformer."

/* ---------------------------------------------------------------------------- set-up */

static samc_status find_projections(const samc_params *params, const char *prefix,
                                    samc_train_projections *p, samc_error *error)
{
    char name[160];

#define NAME(part) (snprintf(name, sizeof name, "%s.%s", prefix, part), name)
    SAMC_TRY(samc_dense_find(params, NAME("q_proj"), &p->q, error));
    SAMC_TRY(samc_dense_find(params, NAME("k_proj"), &p->k, error));
    SAMC_TRY(samc_dense_find(params, NAME("v_proj"), &p->v, error));
    return samc_dense_find(params, NAME("out_proj"), &p->out, error);
}

static samc_status find_block(const samc_params *params, int32_t index, samc_train_two_way *block,
                              samc_error *error)
{
    char prefix[96], name[160];

    (void)snprintf(prefix, sizeof prefix, PREFIX "layers.%d", (int)index);
    SAMC_TRY(find_projections(params, NAME("self_attn"), &block->self_attention, error));
    SAMC_TRY(
        find_projections(params, NAME("cross_attn_token_to_image"), &block->token_to_image, error));
    SAMC_TRY(
        find_projections(params, NAME("cross_attn_image_to_token"), &block->image_to_token, error));
    SAMC_TRY(samc_row_norm_find(params, NAME("norm1"), NORM_EPS, &block->norm1, error));
    SAMC_TRY(samc_row_norm_find(params, NAME("norm2"), NORM_EPS, &block->norm2, error));
    SAMC_TRY(samc_row_norm_find(params, NAME("norm3"), NORM_EPS, &block->norm3, error));
    SAMC_TRY(samc_row_norm_find(params, NAME("norm4"), NORM_EPS, &block->norm4, error));
    SAMC_TRY(samc_dense_find(params, NAME("mlp.lin1"), &block->lin1, error));
    return samc_dense_find(params, NAME("mlp.lin2"), &block->lin2, error);
#undef NAME
}

samc_status samc_train_transformer_create(const samc_params *params,
                                          samc_train_transformer *transformer, samc_error *error)
{
    const samc_config *c = &params->config;

    memset(transformer, 0, sizeof *transformer);
    transformer->config = c;
    SAMC_TRY(samc_alloc_zero((size_t)c->decoder_depth, sizeof *transformer->blocks,
                             &transformer->blocks, error));
    for (int32_t i = 0; i < c->decoder_depth; i++)
        SAMC_TRY(find_block(params, i, &transformer->blocks[i], error));
    SAMC_TRY(find_projections(params, PREFIX "final_attn_token_to_image",
                              &transformer->final_attention, error));
    return samc_row_norm_find(params, PREFIX "norm_final_attn", NORM_EPS, &transformer->norm_final,
                              error);
}

void samc_train_transformer_free(samc_train_transformer *transformer)
{
    free(transformer->blocks);
}

/* ---------------------------------------------------------------------------- arrays */

static samc_status take(const samc_train_call *t, int64_t rows, int64_t columns, float **array)
{
    return samc_arena_take(t->call->arena, (size_t)rows, (size_t)columns * sizeof(float), array,
                           t->error);
}

typedef struct position_job {
    const samc_kernels *kernels;
    int64_t rows, e;
    const float *x, *position;
    float *sum;
} position_job;

#define POSITION_ROWS 16 /* that a tile copies and adds to while they are in the L1 cache */

static void position_tile(void *arg, int64_t tile, int32_t lane)
{
    const position_job *job = arg;
    const int64_t e = job->e, first = tile * POSITION_ROWS;

    (void)lane;
    for (int64_t i = first; i < first + POSITION_ROWS && i < job->rows; i++) {
        memcpy(job->sum + i * e, job->x + i * e, (size_t)e * sizeof *job->sum);
        job->kernels->epilogue(job->sum + i * e, e, job->position + i * e, SAMC_ACT_NONE, NULL);
    }
}

/* sum [rows][E] = x + position. */
static samc_status with_position(const samc_train_call *t, int64_t rows, int64_t e, const float *x,
                                 const float *position, float **sum)
{
    position_job job = {t->call->kernels, rows, e, x, position, NULL};

    SAMC_TRY(take(t, rows, e, sum));
    job.sum = *sum;
    samc_threads_run(t->call->threads, (rows + POSITION_ROWS - 1) / POSITION_ROWS, position_tile,
                     &job);
    return SAMC_OK;
}

/* ---------------------------------------------------------------------------- self-attention */

static samc_attention_batch attention_of(const samc_train_transformer *tr,
                                         const samc_train_projections *p,
                                         const samc_attention_cache *cache, int64_t prompts,
                                         int64_t n)
{
    const int64_t inner = p->q.n, heads = tr->config->decoder_heads;

    return (samc_attention_batch){.groups = prompts,
                                  .n_queries = n,
                                  .n_keys = n,
                                  .heads = heads,
                                  .head_dim = inner / heads,
                                  .q = cache->q,
                                  .k = cache->k,
                                  .v = cache->v,
                                  .q_stride = inner,
                                  .k_stride = inner,
                                  .v_stride = inner};
}

/* n tokens a prompt; q_in, k_in and v_in are set in the cache; out [N * n][E]. */
static samc_status attention_forward(const samc_train_call *t, const samc_train_transformer *tr,
                                     const samc_train_projections *p, int64_t prompts, int64_t n,
                                     samc_attention_cache *cache, float *out)
{
    const int64_t inner = p->q.n, rows = prompts * n;
    samc_attention_batch attention;

    SAMC_TRY(take(t, rows, inner, &cache->q));
    SAMC_TRY(take(t, rows, inner, &cache->k));
    SAMC_TRY(take(t, rows, inner, &cache->v));
    SAMC_TRY(take(t, rows, inner, &cache->attended));
    SAMC_TRY(take(t, rows, tr->config->decoder_heads, &cache->lse));
    SAMC_TRY(samc_dense_forward(t, &p->q, rows, cache->q_in, cache->q));
    SAMC_TRY(samc_dense_forward(t, &p->k, rows, cache->k_in, cache->k));
    SAMC_TRY(samc_dense_forward(t, &p->v, rows, cache->v_in, cache->v));
    attention = attention_of(tr, p, cache, prompts, n);
    SAMC_TRY(samc_attention_batch_forward(t, &attention, cache->attended, inner, cache->lse));
    return samc_dense_forward(t, &p->out, rows, cache->attended, out);
}

/* From dout [N * n][E]: adds to dq_in, dk_in and dv_in [N * n][E] (which may be one array). */
static samc_status attention_backward(const samc_train_call *t, const samc_train_transformer *tr,
                                      const samc_train_projections *p, int64_t prompts, int64_t n,
                                      const samc_attention_cache *cache, const float *dout,
                                      float *dq_in, float *dk_in, float *dv_in)
{
    const int64_t inner = p->q.n, rows = prompts * n;
    const samc_attention_batch attention = attention_of(tr, p, cache, prompts, n);
    const samc_arena_mark mark = samc_arena_here(t->call->arena);
    samc_attention_gradients into = {NULL, NULL, NULL, NULL, NULL, NULL, NULL};
    samc_status status = SAMC_OK;
    float *dattended;

    SAMC_CHECK(take(t, rows, inner, &dattended));
    SAMC_CHECK(take(t, rows, inner, &into.dq));
    SAMC_CHECK(take(t, rows, inner, &into.dk));
    SAMC_CHECK(take(t, rows, inner, &into.dv));
    SAMC_CHECK(samc_dense_backward(t, &p->out, rows, cache->attended, dout, dattended, 0));
    SAMC_CHECK(samc_attention_batch_backward(t, &attention, cache->attended, dattended, inner,
                                             cache->lse, &into));
    SAMC_CHECK(samc_dense_backward(t, &p->q, rows, cache->q_in, into.dq, dq_in, 1));
    SAMC_CHECK(samc_dense_backward(t, &p->k, rows, cache->k_in, into.dk, dk_in, 1));
    status = samc_dense_backward(t, &p->v, rows, cache->v_in, into.dv, dv_in, 1);

cleanup:
    samc_arena_give_back(t->call->arena, mark);
    return status;
}

/* ---------------------------------------------------------------------------- forward */

/* What a pass over the blocks carries along. */
typedef struct forward_state {
    const samc_train_call *t;
    const samc_train_transformer *tr;
    const samc_transformer_pass *pass;
    int64_t e;
    const float *tokens, *image;
} forward_state;

static samc_status self_forward(forward_state *s, const samc_train_two_way *block, int first,
                                samc_two_way_cache *c)
{
    const int64_t n = s->pass->n, rows = s->pass->prompts * n;
    const float *sum = s->tokens;
    float *with = NULL;

    if (!first) {
        SAMC_TRY(with_position(s->t, rows, s->e, s->tokens, s->pass->tokens_in, &with));
        sum = with;
    }
    c->self_attention.q_in = c->self_attention.k_in = sum;
    c->self_attention.v_in = s->tokens;
    SAMC_TRY(take(s->t, rows, s->e, &c->before1));
    SAMC_TRY(take(s->t, rows, s->e, &c->tokens1));
    SAMC_TRY(attention_forward(s->t, s->tr, &block->self_attention, s->pass->prompts, n,
                               &c->self_attention, c->before1));
    if (!first)
        samc_rows_add(s->t, rows * s->e, s->tokens, c->before1);
    samc_row_norm_forward(s->t, &block->norm1, rows, c->before1, c->tokens1);
    s->tokens = c->tokens1;
    return SAMC_OK;
}

static samc_train_cross cross_of(const samc_train_transformer *tr,
                                 const samc_transformer_pass *pass, const samc_train_projections *p)
{
    return (samc_train_cross){.projections = p,
                              .heads = tr->config->decoder_heads,
                              .prompts = pass->prompts,
                              .n = pass->n,
                              .image_tokens = (int64_t)tr->config->grid * tr->config->grid,
                              .image_pe = pass->image_pe};
}

/* before = tokens + attention(tokens -> image), after = norm(before). */
static samc_status look_forward(forward_state *s, const samc_train_projections *p,
                                const samc_row_norm *norm, samc_look_cache *c, float **before,
                                float **after)
{
    const int64_t rows = s->pass->prompts * s->pass->n;
    const samc_train_cross cross = cross_of(s->tr, s->pass, p);
    float *sum;

    SAMC_TRY(with_position(s->t, rows, s->e, s->tokens, s->pass->tokens_in, &sum));
    c->q_in = sum;
    c->image = s->image;
    SAMC_TRY(take(s->t, rows, s->e, before));
    SAMC_TRY(take(s->t, rows, s->e, after));
    SAMC_TRY(samc_train_look_forward(s->t, &cross, c, *before));
    samc_rows_add(s->t, rows * s->e, s->tokens, *before);
    samc_row_norm_forward(s->t, norm, rows, *before, *after);
    s->tokens = *after;
    return SAMC_OK;
}

static samc_status mlp_forward(forward_state *s, const samc_train_two_way *block,
                               samc_two_way_cache *c)
{
    const int64_t rows = s->pass->prompts * s->pass->n, wide = block->lin1.n;

    SAMC_TRY(take(s->t, rows, wide, &c->wide));
    SAMC_TRY(take(s->t, rows, wide, &c->active));
    SAMC_TRY(take(s->t, rows, s->e, &c->before3));
    SAMC_TRY(take(s->t, rows, s->e, &c->tokens3));
    SAMC_TRY(samc_dense_forward(s->t, &block->lin1, rows, s->tokens, c->wide));
    samc_activation_forward(s->t, SAMC_ACT_RELU, rows * wide, c->wide, c->active);
    SAMC_TRY(samc_dense_forward(s->t, &block->lin2, rows, c->active, c->before3));
    samc_rows_add(s->t, rows * s->e, s->tokens, c->before3);
    samc_row_norm_forward(s->t, &block->norm3, rows, c->before3, c->tokens3);
    s->tokens = c->tokens3;
    return SAMC_OK;
}

static samc_status image_forward(forward_state *s, const samc_train_two_way *block,
                                 samc_two_way_cache *c)
{
    const samc_train_cross cross = cross_of(s->tr, s->pass, &block->image_to_token);
    float *sum;

    SAMC_TRY(with_position(s->t, s->pass->prompts * s->pass->n, s->e, s->tokens, s->pass->tokens_in,
                           &sum));
    c->image_to_token.k_in = sum;
    c->image_to_token.v_in = s->tokens;
    c->image_to_token.image = s->image;
    SAMC_TRY(samc_train_reply_forward(s->t, &cross, &block->norm4, &c->image_to_token));
    s->image = c->image_to_token.after;
    return SAMC_OK;
}

samc_status samc_train_transformer_forward(const samc_train_call *t,
                                           const samc_train_transformer *tr,
                                           samc_transformer_pass *pass)
{
    const samc_config *config = tr->config;
    forward_state s = {.t = t,
                       .tr = tr,
                       .pass = pass,
                       .e = config->embed_dim,
                       .tokens = pass->tokens_in,
                       .image = pass->image_in};

    SAMC_TRY(samc_arena_take(t->call->arena, (size_t)config->decoder_depth, sizeof *pass->blocks,
                             &pass->blocks, t->error));
    for (int32_t i = 0; i < config->decoder_depth; i++) {
        const samc_train_two_way *block = &tr->blocks[i];
        samc_two_way_cache *c = &pass->blocks[i];

        SAMC_TRY(self_forward(&s, block, i == 0, c));
        SAMC_TRY(look_forward(&s, &block->token_to_image, &block->norm2, &c->token_to_image,
                              &c->before2, &c->tokens2));
        SAMC_TRY(mlp_forward(&s, block, c));
        SAMC_TRY(image_forward(&s, block, c));
    }
    SAMC_TRY(look_forward(&s, &tr->final_attention, &tr->norm_final, &pass->final_attention,
                          &pass->before_final, &pass->tokens));
    pass->image = s.image;
    return SAMC_OK;
}

/* ---------------------------------------------------------------------------- backward */

typedef struct backward_state {
    const samc_train_call *t;
    const samc_train_transformer *tr;
    const samc_transformer_pass *pass;
    int64_t e;
    float *dtokens, *dimage; /* of what the stage gave, then of what it took */
    float *dposition;        /* [N * n][E]: of the queries' position */
    float *dsum;             /* [N * n][E]: of tokens + position, scratch */
} backward_state;

static int64_t token_floats(const backward_state *s)
{
    return s->pass->prompts * s->pass->n * s->e;
}

/* tokens + position got dsum: both get it. */
static void spread_sum(const backward_state *s)
{
    samc_rows_add(s->t, token_floats(s), s->dsum, s->dtokens);
    samc_rows_add(s->t, token_floats(s), s->dsum, s->dposition);
}

static samc_status look_backward(backward_state *s, const samc_train_projections *p,
                                 const samc_row_norm *norm, const samc_look_cache *c,
                                 const float *before)
{
    const samc_train_cross cross = cross_of(s->tr, s->pass, p);

    SAMC_TRY(samc_row_norm_backward(s->t, norm, s->pass->prompts * s->pass->n, before, s->dtokens,
                                    s->dtokens, 0));
    memset(s->dsum, 0, (size_t)token_floats(s) * sizeof *s->dsum);
    SAMC_TRY(samc_train_look_backward(s->t, &cross, c, s->dtokens, s->dsum, s->dimage));
    spread_sum(s);
    return SAMC_OK;
}

static samc_status image_backward(backward_state *s, const samc_train_two_way *block,
                                  const samc_two_way_cache *c)
{
    const samc_train_cross cross = cross_of(s->tr, s->pass, &block->image_to_token);

    memset(s->dsum, 0, (size_t)token_floats(s) * sizeof *s->dsum);
    SAMC_TRY(samc_train_reply_backward(s->t, &cross, &block->norm4, &c->image_to_token, s->dimage,
                                       s->dsum, s->dtokens));
    spread_sum(s);
    return SAMC_OK;
}

static samc_status mlp_backward(backward_state *s, const samc_train_two_way *block,
                                const samc_two_way_cache *c)
{
    const int64_t rows = s->pass->prompts * s->pass->n, wide = block->lin1.n;
    const samc_arena_mark mark = samc_arena_here(s->t->call->arena);
    samc_status status = SAMC_OK;
    float *dwide;

    SAMC_CHECK(take(s->t, rows, wide, &dwide));
    SAMC_CHECK(
        samc_row_norm_backward(s->t, &block->norm3, rows, c->before3, s->dtokens, s->dtokens, 0));
    SAMC_CHECK(samc_dense_backward(s->t, &block->lin2, rows, c->active, s->dtokens, dwide, 0));
    samc_activation_backward(s->t, SAMC_ACT_RELU, rows * wide, c->wide, dwide, dwide);
    status = samc_dense_backward(s->t, &block->lin1, rows, c->tokens2, dwide, s->dtokens, 1);

cleanup:
    samc_arena_give_back(s->t->call->arena, mark);
    return status;
}

static samc_status self_backward(backward_state *s, const samc_train_two_way *block, int first,
                                 const samc_two_way_cache *c)
{
    const int64_t n = s->pass->n, rows = s->pass->prompts * n;
    const samc_arena_mark mark = samc_arena_here(s->t->call->arena);
    samc_status status = SAMC_OK;
    float *dbefore;

    SAMC_CHECK(take(s->t, rows, s->e, &dbefore));
    SAMC_CHECK(
        samc_row_norm_backward(s->t, &block->norm1, rows, c->before1, s->dtokens, dbefore, 0));
    memset(s->dsum, 0, (size_t)token_floats(s) * sizeof *s->dsum);
    if (first) /* no residual, and no position: the tokens alone were queries, keys and values */
        memset(s->dtokens, 0, (size_t)token_floats(s) * sizeof *s->dtokens);
    else
        memcpy(s->dtokens, dbefore, (size_t)token_floats(s) * sizeof *s->dtokens);
    SAMC_CHECK(attention_backward(s->t, s->tr, &block->self_attention, s->pass->prompts, n,
                                  &c->self_attention, dbefore, s->dsum, s->dsum, s->dtokens));
    if (first)
        samc_rows_add(s->t, token_floats(s), s->dsum, s->dtokens);
    else
        spread_sum(s);

cleanup:
    samc_arena_give_back(s->t->call->arena, mark);
    return status;
}

samc_status samc_train_transformer_backward(const samc_train_call *t,
                                            const samc_train_transformer *tr,
                                            const samc_transformer_pass *pass, float *dtokens,
                                            float *dimage)
{
    const samc_arena_mark mark = samc_arena_here(t->call->arena);
    backward_state s = {.t = t,
                        .tr = tr,
                        .pass = pass,
                        .e = tr->config->embed_dim,
                        .dtokens = dtokens,
                        .dimage = dimage};
    const int64_t rows = pass->prompts * pass->n;
    samc_status status = SAMC_OK;

    SAMC_CHECK(take(t, rows, s.e, &s.dposition));
    SAMC_CHECK(take(t, rows, s.e, &s.dsum));
    memset(s.dposition, 0, (size_t)(rows * s.e) * sizeof *s.dposition);
    SAMC_CHECK(look_backward(&s, &tr->final_attention, &tr->norm_final, &pass->final_attention,
                             pass->before_final));
    for (int32_t i = tr->config->decoder_depth - 1; i >= 0; i--) {
        const samc_train_two_way *block = &tr->blocks[i];
        const samc_two_way_cache *c = &pass->blocks[i];

        SAMC_CHECK(image_backward(&s, block, c));
        SAMC_CHECK(mlp_backward(&s, block, c));
        SAMC_CHECK(look_backward(&s, &block->token_to_image, &block->norm2, &c->token_to_image,
                                 c->before2));
        SAMC_CHECK(self_backward(&s, block, i == 0, c));
    }
    samc_rows_add(t, rows * s.e, s.dposition, dtokens);

cleanup:
    samc_arena_give_back(t->call->arena, mark);
    return status;
}
