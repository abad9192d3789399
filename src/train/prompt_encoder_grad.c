/* SPDX-License-Identifier: Apache-2.0 */
#include "train/prompt_encoder_grad.h"

#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NORM_EPS 1e-6f
#define PREFIX "prompt_encoder."

/* ---------------------------------------------------------------------------- set-up */

static samc_status find_offset(const samc_params *params, const char *name, int64_t *offset,
                               samc_error *error)
{
    const samc_param *p = samc_params_find(params, name);

    if (!p)
        return SAMC_FAIL(error, MODEL, "training: the model has no tensor %s", name);
    *offset = p->offset;
    return SAMC_OK;
}

samc_status samc_train_prompts_create(const samc_params *params, samc_train_prompts *p,
                                      samc_error *error)
{
    const samc_config *c = &params->config;

    memset(p, 0, sizeof *p);
    p->config = c;
    SAMC_TRY(find_offset(params, PREFIX "pe_layer.positional_encoding_gaussian_matrix",
                         &p->gaussian, error));
    for (int i = 0; i < 4; i++) {
        char name[80];

        (void)snprintf(name, sizeof name, PREFIX "point_embeddings.%d.weight", i);
        SAMC_TRY(find_offset(params, name, &p->point[i], error));
    }
    SAMC_TRY(find_offset(params, PREFIX "not_a_point_embed.weight", &p->not_a_point, error));
    SAMC_TRY(find_offset(params, PREFIX "no_mask_embed.weight", &p->no_mask, error));
    SAMC_TRY(samc_dense_find(params, PREFIX "mask_downscaling.0", &p->mask0, error));
    SAMC_TRY(samc_row_norm_find(params, PREFIX "mask_downscaling.1", NORM_EPS, &p->mask1, error));
    SAMC_TRY(samc_dense_find(params, PREFIX "mask_downscaling.3", &p->mask3, error));
    SAMC_TRY(samc_row_norm_find(params, PREFIX "mask_downscaling.4", NORM_EPS, &p->mask4, error));
    SAMC_TRY(samc_dense_find(params, PREFIX "mask_downscaling.6", &p->mask6, error));
    SAMC_TRY(samc_alloc((size_t)c->grid * (size_t)c->grid, (size_t)c->embed_dim * sizeof(float),
                        &p->dense_pe, error));
    samc_prompt_encoder_dense_pe(c, params->values + p->gaussian, p->dense_pe);
    return SAMC_OK;
}

void samc_train_prompts_free(samc_train_prompts *prompts)
{
    free(prompts->dense_pe);
}

/* ---------------------------------------------------------------------------- points */

static int64_t embedding_of(const samc_train_prompts *p, int32_t label)
{
    return label == SAMC_POINT_PADDING ? p->not_a_point : p->point[label];
}

void samc_train_sparse_forward(const samc_train_call *t, const samc_train_prompts *p, int64_t count,
                               const float *points, const int32_t *labels, float *tokens)
{
    const int32_t e = p->config->embed_dim;
    const float *values = t->params->values;

    for (int64_t i = 0; i < count; i++, tokens += e) {
        const float *embedding = values + embedding_of(p, labels[i]);

        if (labels[i] == SAMC_POINT_PADDING)
            memset(tokens, 0, (size_t)e * sizeof *tokens);
        else
            samc_prompt_encoder_position(p->config, values + p->gaussian, points + 2 * i, tokens);
        for (int32_t d = 0; d < e; d++)
            tokens[d] += embedding[d];
    }
}

void samc_train_sparse_backward(const samc_train_call *t, const samc_train_prompts *p,
                                int64_t count, const int32_t *labels, const float *dtokens)
{
    const int32_t e = p->config->embed_dim;

    for (int64_t i = 0; i < count; i++) {
        float *g = t->params->gradients + embedding_of(p, labels[i]);

        for (int32_t d = 0; d < e; d++)
            g[d] += dtokens[i * e + d];
    }
}

/* ---------------------------------------------------------------------------- masks */

/* Squares of 2 x 2 of images [n][2 * side][2 * side][channels] as rows [channels][4], the order of
 * a convolution's weight; or, where `back`, the rows' values into the images. */
static void squares(float *image, int64_t n, int64_t side, int64_t channels, float *rows, int back)
{
    for (int64_t i = 0; i < n * side * side; i++) {
        const int64_t y = i / side % side, x = i % side;
        float *corner = image +
                        ((i / (side * side) * 2 * side + 2 * y) * 2 * side + 2 * x) * channels;

        for (int64_t tap = 0; tap < 4; tap++) {
            float *pixel = corner + (tap / 2 * 2 * side + tap % 2) * channels;

            for (int64_t c = 0; c < channels; c++) {
                float *row = rows + (i * channels + c) * 4 + tap;

                if (back)
                    pixel[c] = *row;
                else
                    *row = pixel[c];
            }
        }
    }
}

static samc_status take(const samc_train_call *t, int64_t rows, int64_t columns, float **array)
{
    return samc_arena_take(t->call->arena, (size_t)rows, (size_t)columns * sizeof(float), array,
                           t->error);
}

samc_status samc_train_mask_forward(const samc_train_call *t, const samc_train_prompts *p,
                                    int64_t masks, const float *logits, samc_mask_pass *pass,
                                    float *dense)
{
    const int64_t grid = p->config->grid, wide = p->config->mask_channels, thin = wide / 4;
    const int64_t rows1 = masks * 4 * grid * grid, rows2 = masks * grid * grid;
    float *input;

    pass->masks = masks;
    SAMC_TRY(take(t, rows1, 4, &input));
    SAMC_TRY(take(t, rows1, 4, &pass->squares1));
    SAMC_TRY(take(t, rows1, thin, &pass->before1));
    SAMC_TRY(take(t, rows1, thin, &pass->normed1));
    SAMC_TRY(take(t, rows1, thin, &pass->active1));
    SAMC_TRY(take(t, rows2, wide, &pass->squares2));
    SAMC_TRY(take(t, rows2, wide, &pass->before2));
    SAMC_TRY(take(t, rows2, wide, &pass->normed2));
    SAMC_TRY(take(t, rows2, wide, &pass->active2));
    memcpy(input, logits, (size_t)(rows1 * 4) * sizeof *input);
    squares(input, masks, 2 * grid, 1, pass->squares1, 0);
    SAMC_TRY(samc_dense_forward(t, &p->mask0, rows1, pass->squares1, pass->before1));
    samc_row_norm_forward(t, &p->mask1, rows1, pass->before1, pass->normed1);
    samc_activation_forward(t, SAMC_ACT_GELU, rows1 * thin, pass->normed1, pass->active1);
    squares(pass->active1, masks, grid, thin, pass->squares2, 0);
    SAMC_TRY(samc_dense_forward(t, &p->mask3, rows2, pass->squares2, pass->before2));
    samc_row_norm_forward(t, &p->mask4, rows2, pass->before2, pass->normed2);
    samc_activation_forward(t, SAMC_ACT_GELU, rows2 * wide, pass->normed2, pass->active2);
    return samc_dense_forward(t, &p->mask6, rows2, pass->active2, dense);
}

samc_status samc_train_mask_backward(const samc_train_call *t, const samc_train_prompts *p,
                                     const samc_mask_pass *pass, const float *ddense)
{
    const int64_t grid = p->config->grid, wide = p->config->mask_channels, thin = wide / 4;
    const int64_t rows1 = pass->masks * 4 * grid * grid, rows2 = pass->masks * grid * grid;
    const samc_arena_mark mark = samc_arena_here(t->call->arena);
    samc_status status = SAMC_OK;
    float *d2, *dsquares, *d1;

    SAMC_CHECK(take(t, rows2, wide, &d2));
    SAMC_CHECK(take(t, rows2, wide, &dsquares));
    SAMC_CHECK(take(t, rows1, thin, &d1));
    SAMC_CHECK(samc_dense_backward(t, &p->mask6, rows2, pass->active2, ddense, d2, 0));
    samc_activation_backward(t, SAMC_ACT_GELU, rows2 * wide, pass->normed2, d2, d2);
    SAMC_CHECK(samc_row_norm_backward(t, &p->mask4, rows2, pass->before2, d2, d2, 0));
    SAMC_CHECK(samc_dense_backward(t, &p->mask3, rows2, pass->squares2, d2, dsquares, 0));
    squares(d1, pass->masks, grid, thin, dsquares, 1);
    samc_activation_backward(t, SAMC_ACT_GELU, rows1 * thin, pass->normed1, d1, d1);
    SAMC_CHECK(samc_row_norm_backward(t, &p->mask1, rows1, pass->before1, d1, d1, 0));
    status = samc_dense_backward(t, &p->mask0, rows1, pass->squares1, d1, NULL, 0);

cleanup:
    samc_arena_give_back(t->call->arena, mark);
    return status;
}
