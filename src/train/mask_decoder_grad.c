/* SPDX-License-Identifier: Apache-2.0 */
#include "train/mask_decoder_grad.h"

#include <stdio.h>
#include <string.h>

#define NORM_EPS 1e-6f
#define PREFIX "mask_decoder."

/* ---------------------------------------------------------------------------- set-up */

static samc_status find_mlp(const samc_params *params, const char *prefix, int32_t count,
                            samc_train_mlp *mlp, samc_error *error)
{
    mlp->count = count;
    for (int32_t i = 0; i < count; i++) {
        char name[160];

        (void)snprintf(name, sizeof name, "%s.layers.%d", prefix, (int)i);
        SAMC_TRY(samc_dense_find(params, name, &mlp->layers[i], error));
    }
    return SAMC_OK;
}

samc_status samc_train_decoder_create(const samc_params *params, samc_train_decoder *d,
                                      samc_error *error)
{
    const samc_config *c = &params->config;
    const samc_param *iou = samc_params_find(params, PREFIX "iou_token.weight");
    const samc_param *masks = samc_params_find(params, PREFIX "mask_tokens.weight");

    memset(d, 0, sizeof *d);
    d->config = c;
    if (!iou || !masks)
        return SAMC_FAIL(error, MODEL, "training: the model has no mask tokens");
    d->iou_token = iou->offset;
    d->mask_tokens = masks->offset;
    SAMC_TRY(samc_train_prompts_create(params, &d->prompts, error));
    SAMC_TRY(samc_train_transformer_create(params, &d->transformer, error));
    SAMC_TRY(samc_dense_find(params, PREFIX "output_upscaling.0", &d->up0, error));
    SAMC_TRY(samc_row_norm_find(params, PREFIX "output_upscaling.1", NORM_EPS, &d->up1, error));
    SAMC_TRY(samc_dense_find(params, PREFIX "output_upscaling.3", &d->up3, error));
    /* [in][out][2][2]: what samc_dense_find took for outputs are the inputs */
    d->up0.k = d->up0.n;
    d->up0.n = c->embed_dim / 4;
    d->up3.k = d->up3.n;
    d->up3.n = c->embed_dim / 8;
    for (int32_t i = 0; i < c->mask_tokens; i++) {
        char name[64];

        (void)snprintf(name, sizeof name, PREFIX "output_hypernetworks_mlps.%d", (int)i);
        SAMC_TRY(find_mlp(params, name, c->hyper_layers, &d->hyper[i], error));
    }
    return find_mlp(params, PREFIX "iou_prediction_head", c->iou_layers, &d->iou_head, error);
}

void samc_train_decoder_free(samc_train_decoder *decoder)
{
    samc_train_prompts_free(&decoder->prompts);
    samc_train_transformer_free(&decoder->transformer);
}

/* ---------------------------------------------------------------------------- pieces */

static samc_status take(const samc_train_call *t, int64_t rows, int64_t columns, float **array)
{
    return samc_arena_take(t->call->arena, (size_t)rows, (size_t)columns * sizeof(float), array,
                           t->error);
}

/* layers[0] is the input [m][k]; the answer is layers[count]. Inner ones hold what ReLU left. */
static samc_status mlp_forward(const samc_train_call *t, const samc_train_mlp *mlp, int64_t m,
                               float **layers)
{
    for (int32_t i = 0; i < mlp->count; i++) {
        SAMC_TRY(take(t, m, mlp->layers[i].n, &layers[i + 1]));
        SAMC_TRY(samc_dense_forward(t, &mlp->layers[i], m, layers[i], layers[i + 1]));
        if (i + 1 < mlp->count)
            samc_activation_forward(t, SAMC_ACT_RELU, m * mlp->layers[i].n, layers[i + 1],
                                    layers[i + 1]);
    }
    return SAMC_OK;
}

/* din [m][k] is set. What ReLU left is above zero exactly where its input was. */
static samc_status mlp_backward(const samc_train_call *t, const samc_train_mlp *mlp, int64_t m,
                                float *const *layers, const float *dout, float *din)
{
    const samc_arena_mark mark = samc_arena_here(t->call->arena);
    samc_status status = SAMC_OK;

    for (int32_t i = mlp->count - 1; i >= 0; i--) {
        const samc_dense *layer = &mlp->layers[i];
        float *d = din;

        if (i > 0)
            SAMC_CHECK(take(t, m, layer->k, &d));
        SAMC_CHECK(samc_dense_backward(t, layer, m, layers[i], dout, d, 0));
        if (i > 0)
            samc_activation_backward(t, SAMC_ACT_RELU, m * layer->k, layers[i], d, d);
        dout = d;
    }

cleanup:
    samc_arena_give_back(t->call->arena, mark);
    return status;
}

typedef struct reorder_job {
    int64_t rows, channels;
    const float *from, *bias;
    float *to;
    int back;
} reorder_job;

#define REORDER_ROWS 64

/* Rows [channels][4] of a transposed convolution's answer to [4][channels], with the bias; or,
 * where `back`, gradients the other way. */
static void reorder_tile(void *arg, int64_t tile, int32_t lane)
{
    const reorder_job *job = arg;
    const int64_t n = job->channels;

    (void)lane;
    for (int64_t i = tile * REORDER_ROWS; i < (tile + 1) * REORDER_ROWS && i < job->rows; i++) {
        const float *from = job->from + i * 4 * n;
        float *to = job->to + i * 4 * n;

        for (int64_t c = 0; c < n; c++)
            for (int64_t tap = 0; tap < 4; tap++)
                if (job->back)
                    to[c * 4 + tap] = from[tap * n + c];
                else
                    to[tap * n + c] = from[c * 4 + tap] + job->bias[c];
    }
}

/* x [m][k] -> y [4 m][n]: every row becomes four pixels. */
static samc_status transposed_forward(const samc_train_call *t, const samc_dense *up, int64_t m,
                                      const float *x, float *y)
{
    const float *values = t->params->values;
    const samc_arena_mark mark = samc_arena_here(t->call->arena);
    samc_product p = {.m = m,
                      .n = 4 * up->n,
                      .k = up->k,
                      .a = x,
                      .a_row = up->k,
                      .a_column = 1,
                      .c_stride = 4 * up->n};
    reorder_job job = {m, up->n, NULL, values + up->bias, y, 0};
    samc_status status = SAMC_OK;

    SAMC_CHECK(take(t, m, 4 * up->n, &p.c));
    SAMC_CHECK(samc_train_product(t, &p, values + up->weight, 4 * up->n, 1));
    job.from = p.c;
    samc_threads_run(t->call->threads, (m + REORDER_ROWS - 1) / REORDER_ROWS, reorder_tile, &job);

cleanup:
    samc_arena_give_back(t->call->arena, mark);
    return status;
}

/* From dy [4 m][n]; dx [m][k] is set. */
static samc_status transposed_backward(const samc_train_call *t, const samc_dense *up, int64_t m,
                                       const float *x, const float *dy, float *dx)
{
    const int64_t wide = 4 * up->n;
    float *g = t->params->gradients, *ordered;
    const samc_arena_mark mark = samc_arena_here(t->call->arena);
    reorder_job job = {m, up->n, dy, NULL, NULL, 1};
    samc_product dw = {.m = up->k,
                       .n = wide,
                       .k = m,
                       .a = x,
                       .a_row = 1,
                       .a_column = up->k,
                       .c = g + up->weight,
                       .c_stride = wide,
                       .accumulate = 1};
    samc_product back = {
        .m = m, .n = up->k, .k = wide, .a_row = wide, .a_column = 1, .c = dx, .c_stride = up->k};
    samc_status status = SAMC_OK;

    SAMC_CHECK(take(t, m, wide, &ordered));
    job.to = ordered;
    samc_threads_run(t->call->threads, (m + REORDER_ROWS - 1) / REORDER_ROWS, reorder_tile, &job);
    SAMC_CHECK(samc_train_product(t, &dw, ordered, wide, 1));
    SAMC_CHECK(samc_column_sums(t, 4 * m, up->n, dy, up->n, g + up->bias));
    back.a = ordered;
    status = samc_train_product(t, &back, t->params->values + up->weight, 1, wide);

cleanup:
    samc_arena_give_back(t->call->arena, mark);
    return status;
}

/* ---------------------------------------------------------------------------- the dot product */

typedef struct dot_job {
    const samc_train_decoder *decoder;
    const samc_decoder_pass *pass;
    float *logits;        /* forward */
    const float *dlogits; /* backward */
    float *dpixels, *dhyper[SAMC_MAX_MASK_TOKENS];
} dot_job;

/* Where pixel p (0..15) of a token's two up-scalings lies in the raster [L][L]. */
static int64_t raster(int64_t grid, int64_t token, int64_t p)
{
    const int64_t y = token / grid * 4 + p / 8 * 2 + p % 4 / 2;

    return y * 4 * grid + token % grid * 4 + p / 4 % 2 * 2 + p % 2;
}

static const float *hyper_answer(const dot_job *job, int32_t mask)
{
    return job->pass->hyper[mask][job->decoder->config->hyper_layers];
}

/* One prompt: logits of its masks. */
static void dot_tile(void *arg, int64_t prompt, int32_t lane)
{
    const dot_job *job = arg;
    const samc_prompt_batch *batch = &job->pass->batch;
    const int64_t grid = job->decoder->config->grid, e8 = job->decoder->config->embed_dim / 8;
    const int64_t pixels = 16 * grid * grid;

    (void)lane;
    for (int32_t m = 0; m < batch->count; m++) {
        const float *hyper = hyper_answer(job, m) + prompt * e8;
        float *logits = job->logits + (prompt * batch->count + m) * pixels;

        for (int64_t i = 0; i < pixels; i++) {
            const float *pixel = job->pass->up_pixels + (prompt * pixels + i) * e8;
            float sum = 0.0f;

            for (int64_t c = 0; c < e8; c++)
                sum += pixel[c] * hyper[c];
            logits[raster(grid, i / 16, i % 16)] = sum;
        }
    }
}

static void dot_back_tile(void *arg, int64_t prompt, int32_t lane)
{
    const dot_job *job = arg;
    const samc_prompt_batch *batch = &job->pass->batch;
    const int64_t grid = job->decoder->config->grid, e8 = job->decoder->config->embed_dim / 8;
    const int64_t pixels = 16 * grid * grid;

    (void)lane;
    memset(job->dpixels + prompt * pixels * e8, 0, (size_t)(pixels * e8) * sizeof(float));
    for (int32_t m = 0; m < batch->count; m++) {
        const float *hyper = hyper_answer(job, m) + prompt * e8;
        const float *dlogits = job->dlogits + (prompt * batch->count + m) * pixels;
        float *dhyper = job->dhyper[m] + prompt * e8;

        memset(dhyper, 0, (size_t)e8 * sizeof *dhyper);
        for (int64_t i = 0; i < pixels; i++) {
            const float d = dlogits[raster(grid, i / 16, i % 16)];
            const float *pixel = job->pass->up_pixels + (prompt * pixels + i) * e8;
            float *dpixel = job->dpixels + (prompt * pixels + i) * e8;

            for (int64_t c = 0; c < e8; c++) {
                dpixel[c] += d * hyper[c];
                dhyper[c] += d * pixel[c];
            }
        }
    }
}

/* ---------------------------------------------------------------------------- forward */

/* Copies row `which` of every prompt's n tokens: [N * n][E] -> [N][E]. */
static samc_status pick_tokens(const samc_train_call *t, const samc_transformer_pass *pass,
                               int64_t which, int64_t e, float **rows)
{
    SAMC_TRY(take(t, pass->prompts, e, rows));
    for (int64_t i = 0; i < pass->prompts; i++)
        memcpy(*rows + i * e, pass->tokens + (i * pass->n + which) * e, (size_t)e * sizeof **rows);
    return SAMC_OK;
}

/* Tokens [N * n][E] and images [N * P][E] that the transformer is given. */
static samc_status make_inputs(const samc_train_call *t, const samc_train_decoder *d,
                               const float *embedding, samc_decoder_pass *pass)
{
    const samc_prompt_batch *b = &pass->batch;
    const samc_config *c = d->config;
    const int64_t e = c->embed_dim, image = (int64_t)c->grid * c->grid, fixed = 1 + c->mask_tokens;
    const int64_t n = fixed + b->positions;
    const float *values = t->params->values;
    float *tokens, *images;

    SAMC_TRY(take(t, b->prompts * n, e, &tokens));
    SAMC_TRY(take(t, b->prompts * image, e, &images));
    if (b->masks)
        SAMC_TRY(
            samc_train_mask_forward(t, &d->prompts, b->prompts, b->masks, &pass->mask, images));
    for (int64_t i = 0; i < b->prompts; i++) {
        float *own = tokens + i * n * e, *own_image = images + i * image * e;

        memcpy(own, values + d->iou_token, (size_t)e * sizeof *own);
        memcpy(own + e, values + d->mask_tokens, (size_t)(c->mask_tokens * e) * sizeof *own);
        samc_train_sparse_forward(t, &d->prompts, b->positions, b->points + i * b->positions * 2,
                                  b->labels + i * b->positions, own + fixed * e);
        for (int64_t row = 0; !b->masks && row < image; row++)
            memcpy(own_image + row * e, values + d->prompts.no_mask, (size_t)e * sizeof *own);
        samc_rows_add(t, image * e, embedding + b->photo[i] * image * e, own_image);
    }
    pass->transformer.prompts = b->prompts;
    pass->transformer.n = n;
    pass->transformer.tokens_in = tokens;
    pass->transformer.image_in = images;
    pass->transformer.image_pe = d->prompts.dense_pe;
    return SAMC_OK;
}

static samc_status upscale_forward(const samc_train_call *t, const samc_train_decoder *d,
                                   samc_decoder_pass *pass)
{
    const int64_t e = d->config->embed_dim;
    const int64_t rows = pass->batch.prompts * d->config->grid * d->config->grid;

    SAMC_TRY(take(t, rows, e, &pass->up_before));
    SAMC_TRY(take(t, rows, e, &pass->up_normed));
    SAMC_TRY(take(t, rows, e, &pass->up_active));
    SAMC_TRY(take(t, rows, 2 * e, &pass->up_wide));
    SAMC_TRY(take(t, rows, 2 * e, &pass->up_pixels));
    SAMC_TRY(transposed_forward(t, &d->up0, rows, pass->transformer.image, pass->up_before));
    samc_row_norm_forward(t, &d->up1, 4 * rows, pass->up_before, pass->up_normed);
    samc_activation_forward(t, SAMC_ACT_GELU, rows * e, pass->up_normed, pass->up_active);
    SAMC_TRY(transposed_forward(t, &d->up3, 4 * rows, pass->up_active, pass->up_wide));
    samc_activation_forward(t, SAMC_ACT_GELU, rows * 2 * e, pass->up_wide, pass->up_pixels);
    return SAMC_OK;
}

samc_status samc_train_decoder_forward(const samc_train_call *t, const samc_train_decoder *d,
                                       const samc_prompt_batch *batch, const float *embedding,
                                       samc_decoder_pass *pass, float *logits, float *iou)
{
    const int64_t e = d->config->embed_dim;
    dot_job job = {.decoder = d, .pass = pass, .logits = logits};

    memset(pass, 0, sizeof *pass);
    pass->batch = *batch;
    SAMC_TRY(make_inputs(t, d, embedding, pass));
    SAMC_TRY(samc_train_transformer_forward(t, &d->transformer, &pass->transformer));
    SAMC_TRY(upscale_forward(t, d, pass));
    SAMC_TRY(pick_tokens(t, &pass->transformer, 0, e, &pass->iou[0]));
    SAMC_TRY(mlp_forward(t, &d->iou_head, batch->prompts, pass->iou));
    for (int32_t m = 0; m < batch->count; m++) {
        SAMC_TRY(pick_tokens(t, &pass->transformer, 1 + batch->first + m, e, &pass->hyper[m][0]));
        SAMC_TRY(mlp_forward(t, &d->hyper[batch->first + m], batch->prompts, pass->hyper[m]));
        for (int64_t i = 0; i < batch->prompts; i++)
            iou[i * batch->count + m] =
                pass->iou[d->iou_head.count][i * d->config->mask_tokens + batch->first + m];
    }
    samc_threads_run(t->call->threads, batch->prompts, dot_tile, &job);
    return SAMC_OK;
}

/* ---------------------------------------------------------------------------- backward */

/* dimage [N * P][E] is set. */
static samc_status upscale_backward(const samc_train_call *t, const samc_train_decoder *d,
                                    const samc_decoder_pass *pass, float *dpixels, float *dimage)
{
    const int64_t e = d->config->embed_dim;
    const int64_t rows = pass->batch.prompts * d->config->grid * d->config->grid;
    const samc_arena_mark mark = samc_arena_here(t->call->arena);
    samc_status status = SAMC_OK;
    float *dup;

    SAMC_CHECK(take(t, rows, e, &dup));
    samc_activation_backward(t, SAMC_ACT_GELU, rows * 2 * e, pass->up_wide, dpixels, dpixels);
    SAMC_CHECK(transposed_backward(t, &d->up3, 4 * rows, pass->up_active, dpixels, dup));
    samc_activation_backward(t, SAMC_ACT_GELU, rows * e, pass->up_normed, dup, dup);
    SAMC_CHECK(samc_row_norm_backward(t, &d->up1, 4 * rows, pass->up_before, dup, dup, 0));
    status = transposed_backward(t, &d->up0, rows, pass->transformer.image, dup, dimage);

cleanup:
    samc_arena_give_back(t->call->arena, mark);
    return status;
}

/* Runs an MLP's way back and adds what its input got to row `which` of every prompt's tokens. */
static samc_status head_backward(const samc_train_call *t, const samc_train_mlp *mlp,
                                 const samc_decoder_pass *pass, float *const *layers,
                                 const float *dout, int64_t which, float *dtokens)
{
    const int64_t e = mlp->layers[0].k, n = pass->transformer.n;
    const samc_arena_mark mark = samc_arena_here(t->call->arena);
    samc_status status = SAMC_OK;
    float *din;

    SAMC_CHECK(take(t, pass->batch.prompts, e, &din));
    SAMC_CHECK(mlp_backward(t, mlp, pass->batch.prompts, layers, dout, din));
    for (int64_t i = 0; i < pass->batch.prompts; i++)
        for (int64_t c = 0; c < e; c++)
            dtokens[(i * n + which) * e + c] += din[i * e + c];

cleanup:
    samc_arena_give_back(t->call->arena, mark);
    return status;
}

/* The gradients of what make_inputs was made of. */
static samc_status inputs_backward(const samc_train_call *t, const samc_train_decoder *d,
                                   const samc_decoder_pass *pass, const float *dtokens,
                                   const float *dimage, float *dembedding)
{
    const samc_prompt_batch *b = &pass->batch;
    const samc_config *c = d->config;
    const int64_t e = c->embed_dim, image = (int64_t)c->grid * c->grid, fixed = 1 + c->mask_tokens;
    float *g = t->params->gradients;

    for (int64_t i = 0; i < b->prompts; i++) {
        const float *own = dtokens + i * pass->transformer.n * e;

        for (int64_t j = 0; j < e; j++)
            g[d->iou_token + j] += own[j];
        for (int64_t j = 0; j < c->mask_tokens * e; j++)
            g[d->mask_tokens + j] += own[e + j];
        samc_train_sparse_backward(t, &d->prompts, b->positions, b->labels + i * b->positions,
                                   own + fixed * e);
        samc_rows_add(t, image * e, dimage + i * image * e, dembedding + b->photo[i] * image * e);
    }
    if (b->masks)
        return samc_train_mask_backward(t, &d->prompts, &pass->mask, dimage);
    return samc_column_sums(t, b->prompts * image, e, dimage, e, g + d->prompts.no_mask);
}

samc_status samc_train_decoder_backward(const samc_train_call *t, const samc_train_decoder *d,
                                        const samc_decoder_pass *pass, const float *dlogits,
                                        const float *diou, float *dembedding)
{
    const samc_prompt_batch *b = &pass->batch;
    const int64_t e = d->config->embed_dim, image = (int64_t)d->config->grid * d->config->grid;
    const int64_t n = pass->transformer.n, all = d->config->mask_tokens;
    const samc_arena_mark mark = samc_arena_here(t->call->arena);
    dot_job job = {.decoder = d, .pass = pass, .dlogits = dlogits};
    samc_status status = SAMC_OK;
    float *dtokens, *dimage, *diou_all;

    SAMC_CHECK(take(t, b->prompts * n, e, &dtokens));
    SAMC_CHECK(take(t, b->prompts * image, e, &dimage));
    SAMC_CHECK(take(t, b->prompts * image, 2 * e, &job.dpixels));
    SAMC_CHECK(take(t, b->prompts, all, &diou_all));
    for (int32_t m = 0; m < b->count; m++)
        SAMC_CHECK(take(t, b->prompts, e / 8, &job.dhyper[m]));
    samc_threads_run(t->call->threads, b->prompts, dot_back_tile, &job);
    memset(dtokens, 0, (size_t)(b->prompts * n * e) * sizeof *dtokens);
    memset(diou_all, 0, (size_t)(b->prompts * all) * sizeof *diou_all);
    for (int32_t m = 0; m < b->count; m++) {
        SAMC_CHECK(head_backward(t, &d->hyper[b->first + m], pass, pass->hyper[m], job.dhyper[m],
                                 1 + b->first + m, dtokens));
        for (int64_t i = 0; i < b->prompts; i++)
            diou_all[i * all + b->first + m] = diou[i * b->count + m];
    }
    SAMC_CHECK(head_backward(t, &d->iou_head, pass, pass->iou, diou_all, 0, dtokens));
    SAMC_CHECK(upscale_backward(t, d, pass, job.dpixels, dimage));
    SAMC_CHECK(
        samc_train_transformer_backward(t, &d->transformer, &pass->transformer, dtokens, dimage));
    status = inputs_backward(t, d, pass, dtokens, dimage, dembedding);

cleanup:
    samc_arena_give_back(t->call->arena, mark);
    return status;
}
