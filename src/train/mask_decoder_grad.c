/* SPDX-License-Identifier: Apache-2.0 */
#include "train/mask_decoder_grad.h"

#include <stdio.h>
#include <string.h>

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
    SAMC_TRY(samc_train_upscale_find(params, &d->upscale, error));
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

samc_status samc_train_decoder_forward(const samc_train_call *t, const samc_train_decoder *d,
                                       const samc_prompt_batch *batch, const float *embedding,
                                       samc_decoder_pass *pass, float *logits, float *iou)
{
    const int64_t e = d->config->embed_dim;

    memset(pass, 0, sizeof *pass);
    pass->batch = *batch;
    SAMC_TRY(make_inputs(t, d, embedding, pass));
    SAMC_TRY(samc_train_transformer_forward(t, &d->transformer, &pass->transformer));
    SAMC_TRY(pick_tokens(t, &pass->transformer, 0, e, &pass->iou[0]));
    SAMC_TRY(mlp_forward(t, &d->iou_head, batch->prompts, pass->iou));
    for (int32_t m = 0; m < batch->count; m++) {
        SAMC_TRY(pick_tokens(t, &pass->transformer, 1 + batch->first + m, e, &pass->hyper[m][0]));
        SAMC_TRY(mlp_forward(t, &d->hyper[batch->first + m], batch->prompts, pass->hyper[m]));
        for (int64_t i = 0; i < batch->prompts; i++)
            iou[i * batch->count + m] =
                pass->iou[d->iou_head.count][i * d->config->mask_tokens + batch->first + m];
    }
    pass->upscale.prompts = batch->prompts;
    pass->upscale.count = batch->count;
    pass->upscale.image = pass->transformer.image;
    for (int32_t m = 0; m < batch->count; m++)
        pass->upscale.hyper[m] = pass->hyper[m][d->config->hyper_layers];
    return samc_train_upscale_forward(t, &d->upscale, &pass->upscale, logits);
}

/* ---------------------------------------------------------------------------- backward */

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
    float *dtokens, *dimage, *diou_all, *dhyper[SAMC_MAX_MASK_TOKENS];
    samc_status status = SAMC_OK;

    SAMC_CHECK(take(t, b->prompts * n, e, &dtokens));
    SAMC_CHECK(take(t, b->prompts * image, e, &dimage));
    SAMC_CHECK(take(t, b->prompts, all, &diou_all));
    for (int32_t m = 0; m < b->count; m++)
        SAMC_CHECK(take(t, b->prompts, e / 8, &dhyper[m]));
    SAMC_CHECK(
        samc_train_upscale_backward(t, &d->upscale, &pass->upscale, dlogits, dimage, dhyper));
    memset(dtokens, 0, (size_t)(b->prompts * n * e) * sizeof *dtokens);
    memset(diou_all, 0, (size_t)(b->prompts * all) * sizeof *diou_all);
    for (int32_t m = 0; m < b->count; m++) {
        SAMC_CHECK(head_backward(t, &d->hyper[b->first + m], pass, pass->hyper[m], dhyper[m],
                                 1 + b->first + m, dtokens));
        for (int64_t i = 0; i < b->prompts; i++)
            diou_all[i * all + b->first + m] = diou[i * b->count + m];
    }
    SAMC_CHECK(head_backward(t, &d->iou_head, pass, pass->iou, diou_all, 0, dtokens));
    SAMC_CHECK(
        samc_train_transformer_backward(t, &d->transformer, &pass->transformer, dtokens, dimage));
    status = inputs_backward(t, d, pass, dtokens, dimage, dembedding);

cleanup:
    samc_arena_give_back(t->call->arena, mark);
    return status;
}
