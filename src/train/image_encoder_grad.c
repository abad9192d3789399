/* SPDX-License-Identifier: Apache-2.0 */
#include "train/image_encoder_grad.h"

#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NORM_EPS 1e-6f
#define PREFIX "image_encoder."

static int64_t token_count(const samc_train_encoder *encoder)
{
    return (int64_t)encoder->config->grid * encoder->config->grid;
}

static int64_t row_count(const samc_train_encoder *encoder)
{
    return encoder->batch * token_count(encoder);
}

/* ---------------------------------------------------------------------------- set-up */

static samc_status find_block(const samc_params *params, int32_t index, samc_train_block *block,
                              samc_error *error)
{
    const samc_config *c = &params->config;
    const samc_param *h, *w;
    char prefix[64], name[128];

    (void)snprintf(prefix, sizeof prefix, PREFIX "blocks.%d", (int)index);
#define NAME(part) (snprintf(name, sizeof name, "%s.%s", prefix, part), name)
    SAMC_TRY(samc_row_norm_find(params, NAME("norm1"), NORM_EPS, &block->norm1, error));
    SAMC_TRY(samc_row_norm_find(params, NAME("norm2"), NORM_EPS, &block->norm2, error));
    SAMC_TRY(samc_dense_find(params, NAME("attn.qkv"), &block->qkv, error));
    SAMC_TRY(samc_dense_find(params, NAME("attn.proj"), &block->proj, error));
    SAMC_TRY(samc_dense_find(params, NAME("mlp.lin1"), &block->lin1, error));
    SAMC_TRY(samc_dense_find(params, NAME("mlp.lin2"), &block->lin2, error));
    h = samc_params_find(params, NAME("attn.rel_pos_h"));
    w = samc_params_find(params, NAME("attn.rel_pos_w"));
#undef NAME
    if (!h || !w)
        return SAMC_FAIL(error, MODEL, "training: %s has no relative positions", prefix);
    block->rel_h = h->offset;
    block->rel_w = w->offset;
    block->window = c->global[index] ? c->grid : c->window;
    return SAMC_OK;
}

/* The token rows of every window of every photo, window by window. */
static samc_status list_windows(const samc_config *c, int64_t batch, int64_t window, int32_t **rows,
                                int64_t *groups, samc_error *error)
{
    const int64_t grid = c->grid, side = (grid + window - 1) / window;
    int32_t *row;

    *groups = batch * side * side;
    SAMC_TRY(samc_alloc((size_t)(*groups * window * window), sizeof **rows, rows, error));
    row = *rows;
    for (int64_t g = 0; g < *groups; g++)
        for (int64_t i = 0; i < window * window; i++) {
            const int64_t y = g / side % side * window + i / window;
            const int64_t x = g % side * window + i % window;

            *row++ = y < grid && x < grid
                         ? (int32_t)(g / (side * side) * grid * grid + y * grid + x)
                         : -1;
        }
    return SAMC_OK;
}

static samc_status alloc_cache(const samc_train_encoder *encoder, samc_block_cache *cache,
                               samc_error *error)
{
    const samc_config *c = encoder->config;
    const size_t rows = (size_t)row_count(encoder), dim = (size_t)c->encoder_dim * sizeof(float);
    const size_t mlp = (size_t)c->encoder_mlp * sizeof(float);
    const int64_t windows = encoder->groups[0] * c->window * c->window;
    const size_t queries = (size_t)(windows > row_count(encoder) ? windows : row_count(encoder));

    SAMC_TRY(samc_alloc(rows, dim, &cache->normed1, error));
    SAMC_TRY(samc_alloc(rows, 3 * dim, &cache->qkv, error));
    SAMC_TRY(samc_alloc(rows, dim, &cache->attended, error));
    SAMC_TRY(samc_alloc(queries, (size_t)c->heads * sizeof(float), &cache->lse, error));
    SAMC_TRY(samc_alloc(rows, dim, &cache->middle, error));
    SAMC_TRY(samc_alloc(rows, dim, &cache->normed2, error));
    SAMC_TRY(samc_alloc(rows, mlp, &cache->wide, error));
    return samc_alloc(rows, mlp, &cache->active, error);
}

static void free_cache(samc_block_cache *cache)
{
    free(cache->normed1);
    free(cache->qkv);
    free(cache->attended);
    free(cache->lse);
    free(cache->middle);
    free(cache->normed2);
    free(cache->wide);
    free(cache->active);
}

static int32_t cache_count(const samc_train_encoder *encoder)
{
    return encoder->recompute ? 1 : encoder->config->depth;
}

static samc_status alloc_arrays(samc_train_encoder *e, samc_error *error)
{
    const samc_config *c = e->config;
    const size_t rows = (size_t)row_count(e), dim = (size_t)c->encoder_dim * sizeof(float);
    const size_t thin = (size_t)c->embed_dim * sizeof(float);
    const int32_t caches = cache_count(e);

    SAMC_TRY(samc_alloc_zero((size_t)caches, sizeof *e->caches, &e->caches, error));
    for (int32_t i = 0; i < caches; i++)
        SAMC_TRY(alloc_cache(e, &e->caches[i], error));
    SAMC_TRY(samc_alloc(rows * (size_t)(c->depth + 1), dim, &e->inputs, error));
    SAMC_TRY(samc_alloc(rows, dim, &e->branch, error));
    SAMC_TRY(samc_alloc(rows, thin, &e->narrow, error));
    SAMC_TRY(samc_alloc(rows, thin, &e->narrow_normed, error));
    return samc_alloc(rows, thin, &e->convolved, error);
}

samc_status samc_train_encoder_create(const samc_params *params, int64_t batch, int32_t recompute,
                                      samc_train_encoder *e, samc_error *error)
{
    const samc_config *c = &params->config;
    const samc_param *position = samc_params_find(params, PREFIX "pos_embed");

    memset(e, 0, sizeof *e);
    e->config = c;
    e->batch = batch;
    e->recompute = recompute;
    if (!position)
        return SAMC_FAIL(error, MODEL, "training: the model has no tensor " PREFIX "pos_embed");
    e->pos_embed = position->offset;
    SAMC_TRY(samc_dense_find(params, PREFIX "patch_embed.proj", &e->patch_embed, error));
    SAMC_TRY(samc_dense_find(params, PREFIX "neck.0", &e->neck0, error));
    SAMC_TRY(samc_row_norm_find(params, PREFIX "neck.1", NORM_EPS, &e->neck1, error));
    SAMC_TRY(samc_dense_find(params, PREFIX "neck.2", &e->neck2, error));
    SAMC_TRY(samc_row_norm_find(params, PREFIX "neck.3", NORM_EPS, &e->neck3, error));
    SAMC_TRY(samc_alloc_zero((size_t)c->depth, sizeof *e->blocks, &e->blocks, error));
    for (int32_t i = 0; i < c->depth; i++)
        SAMC_TRY(find_block(params, i, &e->blocks[i], error));
    SAMC_TRY(list_windows(c, batch, c->window, &e->rows[0], &e->groups[0], error));
    SAMC_TRY(list_windows(c, batch, c->grid, &e->rows[1], &e->groups[1], error));
    return alloc_arrays(e, error);
}

void samc_train_encoder_free(samc_train_encoder *e)
{
    for (int32_t i = 0; e->caches && i < cache_count(e); i++)
        free_cache(&e->caches[i]);
    free(e->caches);
    free(e->blocks);
    free(e->rows[0]);
    free(e->rows[1]);
    free(e->inputs);
    free(e->branch);
    free(e->narrow);
    free(e->narrow_normed);
    free(e->convolved);
}

/* ---------------------------------------------------------------------------- pieces */

/* The cache and the input of block `index`. */
static samc_block_cache *cache_of(const samc_train_encoder *e, int32_t index)
{
    return &e->caches[e->recompute ? 0 : index];
}

static float *input_of(const samc_train_encoder *e, int32_t index)
{
    return e->inputs + (int64_t)index * row_count(e) * e->config->encoder_dim;
}

/* Multiplies every photo's rows [T][C] of x with its factor; NULL: with 1. */
static void scale_photos(const samc_train_call *t, const samc_train_encoder *e,
                         const float *factors, float *x)
{
    const int64_t photo = token_count(e) * e->config->encoder_dim;

    for (int64_t b = 0; factors && b < e->batch; b++)
        if (factors[b] != 1.0f)
            t->call->kernels->scale(x + b * photo, photo, factors[b]);
}

static const float *factors_of(const samc_train_encoder *e, const float *keep, int32_t index,
                               int32_t branch)
{
    return keep ? keep + ((int64_t)index * 2 + branch) * e->batch : NULL;
}

static samc_attention_batch block_attention(const samc_train_call *t, const samc_train_encoder *e,
                                            const samc_train_block *block, const float *qkv)
{
    const samc_config *c = e->config;
    const int64_t dim = c->encoder_dim, window = block->window;
    const int which = window == c->grid;
    const float *values = t->params->values;

    return (samc_attention_batch){.groups = e->groups[which],
                                  .n_queries = window * window,
                                  .n_keys = window * window,
                                  .heads = c->heads,
                                  .head_dim = c->head_dim,
                                  .q = qkv,
                                  .k = qkv + dim,
                                  .v = qkv + 2 * dim,
                                  .q_stride = 3 * dim,
                                  .k_stride = 3 * dim,
                                  .v_stride = 3 * dim,
                                  .q_rows = e->rows[which],
                                  .k_rows = e->rows[which],
                                  .pad_k = values + block->qkv.bias + dim,
                                  .pad_v = values + block->qkv.bias + 2 * dim,
                                  .window = window,
                                  .rel_h = values + block->rel_h,
                                  .rel_w = values + block->rel_w};
}

/* ---------------------------------------------------------------------------- blocks */

/* x [B * T][C] -> out; keeps what the way back needs. */
static samc_status block_forward(const samc_train_call *t, samc_train_encoder *e, int32_t index,
                                 const float *keep, const float *x, float *out)
{
    const samc_train_block *block = &e->blocks[index];
    samc_block_cache *cache = cache_of(e, index);
    const int64_t rows = row_count(e), dim = e->config->encoder_dim;
    samc_attention_batch attention;

    samc_row_norm_forward(t, &block->norm1, rows, x, cache->normed1);
    SAMC_TRY(samc_dense_forward(t, &block->qkv, rows, cache->normed1, cache->qkv));
    attention = block_attention(t, e, block, cache->qkv);
    SAMC_TRY(samc_attention_batch_forward(t, &attention, cache->attended, dim, cache->lse));
    SAMC_TRY(samc_dense_forward(t, &block->proj, rows, cache->attended, cache->middle));
    scale_photos(t, e, factors_of(e, keep, index, 0), cache->middle);
    samc_rows_add(t, rows * dim, x, cache->middle);
    samc_row_norm_forward(t, &block->norm2, rows, cache->middle, cache->normed2);
    SAMC_TRY(samc_dense_forward(t, &block->lin1, rows, cache->normed2, cache->wide));
    samc_activation_forward(t, SAMC_ACT_GELU, rows * block->lin1.n, cache->wide, cache->active);
    SAMC_TRY(samc_dense_forward(t, &block->lin2, rows, cache->active, out));
    scale_photos(t, e, factors_of(e, keep, index, 1), out);
    samc_rows_add(t, rows * dim, cache->middle, out);
    return SAMC_OK;
}

/* dx [B * T][C]: the gradient of the block's output, then of its input x. */
static samc_status block_backward(const samc_train_call *t, samc_train_encoder *e, int32_t index,
                                  const float *keep, const float *x, float *dx)
{
    const samc_train_block *block = &e->blocks[index];
    const samc_block_cache *cache = cache_of(e, index);
    const int64_t rows = row_count(e), dim = e->config->encoder_dim;
    const samc_attention_batch attention = block_attention(t, e, block, cache->qkv);
    float *g = t->params->gradients, *branch = e->branch, *dwide, *dqkv;
    const samc_arena_mark mark = samc_arena_here(t->call->arena);
    samc_attention_gradients into;
    samc_status status = SAMC_OK;

    SAMC_CHECK(samc_arena_take(t->call->arena, (size_t)rows, (size_t)block->lin1.n * sizeof *dwide,
                               &dwide, t->error));
    SAMC_CHECK(samc_arena_take(t->call->arena, (size_t)rows, (size_t)(3 * dim) * sizeof *dqkv,
                               &dqkv, t->error));
    memcpy(branch, dx, (size_t)(rows * dim) * sizeof *branch);
    scale_photos(t, e, factors_of(e, keep, index, 1), branch);
    SAMC_CHECK(samc_dense_backward(t, &block->lin2, rows, cache->active, branch, dwide, 0));
    samc_activation_backward(t, SAMC_ACT_GELU, rows * block->lin1.n, cache->wide, dwide, dwide);
    SAMC_CHECK(samc_dense_backward(t, &block->lin1, rows, cache->normed2, dwide, branch, 0));
    SAMC_CHECK(samc_row_norm_backward(t, &block->norm2, rows, cache->middle, branch, dx, 1));

    memcpy(branch, dx, (size_t)(rows * dim) * sizeof *branch);
    scale_photos(t, e, factors_of(e, keep, index, 0), branch);
    /* the hidden layer's gradient is done with: its memory takes the attention's */
    SAMC_CHECK(samc_dense_backward(t, &block->proj, rows, cache->attended, branch, dwide, 0));
    into = (samc_attention_gradients){dqkv,
                                      dqkv + dim,
                                      dqkv + 2 * dim,
                                      g + block->qkv.bias + dim,
                                      g + block->qkv.bias + 2 * dim,
                                      g + block->rel_h,
                                      g + block->rel_w};
    SAMC_CHECK(samc_attention_batch_backward(t, &attention, cache->attended, dwide, dim, cache->lse,
                                             &into));
    SAMC_CHECK(samc_dense_backward(t, &block->qkv, rows, cache->normed1, dqkv, branch, 0));
    status = samc_row_norm_backward(t, &block->norm1, rows, x, branch, dx, 1);

cleanup:
    samc_arena_give_back(t->call->arena, mark);
    return status;
}

/* ---------------------------------------------------------------------------- neck */

typedef struct taps_job {
    const samc_train_encoder *e;
    const float *from;
    float *to;
} taps_job;

/* Where tap (0..8) of token i of a photo lies; -1: beyond the edge. */
static int64_t neighbour(int64_t grid, int64_t i, int64_t tap)
{
    const int64_t y = i / grid + tap / 3 - 1, x = i % grid + tap % 3 - 1;

    return y < 0 || y >= grid || x < 0 || x >= grid ? -1 : y * grid + x;
}

/* One photo: rows [T][E][9] of the neighbours, in the weight's order. */
static void gather_taps(void *arg, int64_t photo, int32_t lane)
{
    const taps_job *job = arg;
    const int64_t grid = job->e->config->grid, e = job->e->config->embed_dim, tokens = grid * grid;

    (void)lane;
    for (int64_t i = 0; i < tokens; i++)
        for (int64_t tap = 0; tap < 9; tap++) {
            const int64_t at = neighbour(grid, i, tap);
            const float *from = at < 0 ? NULL : job->from + (photo * tokens + at) * e;
            float *to = job->to + (photo * tokens + i) * 9 * e + tap;

            for (int64_t c = 0; c < e; c++)
                to[c * 9] = from ? from[c] : 0.0f;
        }
}

/* The way back: adds what the taps got to the tokens they were read from. */
static void scatter_taps(void *arg, int64_t photo, int32_t lane)
{
    const taps_job *job = arg;
    const int64_t grid = job->e->config->grid, e = job->e->config->embed_dim, tokens = grid * grid;

    (void)lane;
    memset(job->to + photo * tokens * e, 0, (size_t)(tokens * e) * sizeof *job->to);
    for (int64_t i = 0; i < tokens; i++)
        for (int64_t tap = 0; tap < 9; tap++) {
            const int64_t at = neighbour(grid, i, tap);
            const float *from = job->from + (photo * tokens + i) * 9 * e + tap;
            float *to = at < 0 ? NULL : job->to + (photo * tokens + at) * e;

            for (int64_t c = 0; to && c < e; c++)
                to[c] += from[c * 9];
        }
}

static samc_status neck_forward(const samc_train_call *t, samc_train_encoder *e, const float *x,
                                float *embedding)
{
    const int64_t rows = row_count(e);
    const samc_arena_mark mark = samc_arena_here(t->call->arena);
    taps_job job = {e, e->narrow_normed, NULL};
    samc_status status = SAMC_OK;

    SAMC_CHECK(samc_arena_take(t->call->arena, (size_t)rows, (size_t)e->neck2.k * sizeof(float),
                               &job.to, t->error));
    SAMC_CHECK(samc_dense_forward(t, &e->neck0, rows, x, e->narrow));
    samc_row_norm_forward(t, &e->neck1, rows, e->narrow, e->narrow_normed);
    samc_threads_run(t->call->threads, e->batch, gather_taps, &job);
    SAMC_CHECK(samc_dense_forward(t, &e->neck2, rows, job.to, e->convolved));
    samc_row_norm_forward(t, &e->neck3, rows, e->convolved, embedding);

cleanup:
    samc_arena_give_back(t->call->arena, mark);
    return status;
}

/* dembedding is overwritten; dx [B * T][C] is set. */
static samc_status neck_backward(const samc_train_call *t, samc_train_encoder *e, const float *x,
                                 float *dembedding, float *dx)
{
    const int64_t rows = row_count(e);
    const samc_arena_mark mark = samc_arena_here(t->call->arena);
    taps_job gather = {e, e->narrow_normed, NULL}, scatter = {e, NULL, dembedding};
    samc_status status = SAMC_OK;
    float *dtaps;

    SAMC_CHECK(samc_arena_take(t->call->arena, (size_t)rows, (size_t)e->neck2.k * sizeof(float),
                               &gather.to, t->error));
    SAMC_CHECK(samc_arena_take(t->call->arena, (size_t)rows, (size_t)e->neck2.k * sizeof(float),
                               &dtaps, t->error));
    samc_threads_run(t->call->threads, e->batch, gather_taps, &gather);
    SAMC_CHECK(samc_row_norm_backward(t, &e->neck3, rows, e->convolved, dembedding, dembedding, 0));
    SAMC_CHECK(samc_dense_backward(t, &e->neck2, rows, gather.to, dembedding, dtaps, 0));
    scatter.from = dtaps;
    samc_threads_run(t->call->threads, e->batch, scatter_taps, &scatter);
    SAMC_CHECK(samc_row_norm_backward(t, &e->neck1, rows, e->narrow, dembedding, dembedding, 0));
    status = samc_dense_backward(t, &e->neck0, rows, x, dembedding, dx, 0);

cleanup:
    samc_arena_give_back(t->call->arena, mark);
    return status;
}

/* ---------------------------------------------------------------------------- the whole */

/* Tokens that are hidden become the mask token; their position is added as to any other. */
static void hide_tokens(const samc_train_call *t, const samc_train_encoder *e, float *x)
{
    const size_t dim = (size_t)e->config->encoder_dim;

    for (int64_t i = 0; e->hidden && i < row_count(e); i++)
        if (e->hidden[i])
            memcpy(x + (size_t)i * dim, t->params->values + e->mask_token, dim * sizeof *x);
}

/* The way back: their gradient is the mask token's, and their patches get none. */
static void unhide_tokens(const samc_train_call *t, const samc_train_encoder *e, float *dx)
{
    const int64_t dim = e->config->encoder_dim;
    float *to = t->params->gradients + e->mask_token;

    for (int64_t i = 0; e->hidden && i < row_count(e); i++)
        for (int64_t c = 0; e->hidden[i] && c < dim; c++) {
            to[c] += dx[i * dim + c];
            dx[i * dim + c] = 0.0f;
        }
}

samc_status samc_train_encoder_forward(const samc_train_call *t, samc_train_encoder *e,
                                       const float *patches, const float *keep, float *embedding)
{
    const int64_t rows = row_count(e), photo = token_count(e) * e->config->encoder_dim;
    const int32_t depth = e->config->depth;

    SAMC_TRY(samc_dense_forward(t, &e->patch_embed, rows, patches, e->inputs));
    hide_tokens(t, e, e->inputs);
    for (int64_t b = 0; b < e->batch; b++)
        samc_rows_add(t, photo, t->params->values + e->pos_embed, e->inputs + b * photo);
    for (int32_t i = 0; i < depth; i++)
        SAMC_TRY(block_forward(t, e, i, keep, input_of(e, i), input_of(e, i + 1)));
    return neck_forward(t, e, input_of(e, depth), embedding);
}

static void tell(const samc_train_encoder *e, int32_t layer)
{
    if (e->layer_done)
        e->layer_done(e->user, layer);
}

samc_status samc_train_encoder_backward(const samc_train_call *t, samc_train_encoder *e,
                                        const float *patches, const float *keep, float *dembedding)
{
    const int64_t rows = row_count(e), photo = token_count(e) * e->config->encoder_dim;
    const samc_arena_mark mark = samc_arena_here(t->call->arena);
    samc_status status = SAMC_OK;
    float *dx, *again = NULL;

    SAMC_CHECK(samc_arena_take(t->call->arena, (size_t)rows,
                               (size_t)e->config->encoder_dim * sizeof *dx, &dx, t->error));
    if (e->recompute)
        SAMC_CHECK(samc_arena_take(t->call->arena, (size_t)rows,
                                   (size_t)e->config->encoder_dim * sizeof *again, &again,
                                   t->error));
    SAMC_CHECK(neck_backward(t, e, input_of(e, e->config->depth), dembedding, dx));
    tell(e, e->config->depth + 1);
    for (int32_t i = e->config->depth - 1; i >= 0; i--) {
        /* the last block's cache is still there */
        if (e->recompute && i + 1 < e->config->depth)
            SAMC_CHECK(block_forward(t, e, i, keep, input_of(e, i), again));
        SAMC_CHECK(block_backward(t, e, i, keep, input_of(e, i), dx));
        tell(e, i + 1);
    }
    for (int64_t b = 0; b < e->batch; b++)
        samc_rows_add(t, photo, dx + b * photo, t->params->gradients + e->pos_embed);
    unhide_tokens(t, e, dx);
    SAMC_CHECK(samc_dense_backward(t, &e->patch_embed, rows, patches, dx, NULL, 0));
    tell(e, 0);

cleanup:
    samc_arena_give_back(t->call->arena, mark);
    return status;
}
