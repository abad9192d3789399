/* SPDX-License-Identifier: Apache-2.0
 *
 * The two-way transformer in training: model/transformer.c over N prompts at once, forward and
 * backward. n tokens a prompt, P = grid * grid image tokens, E = embed_dim; rows are prompt by
 * prompt.
 */
#ifndef SAMC_TRAIN_TRANSFORMER_GRAD_H
#define SAMC_TRAIN_TRANSFORMER_GRAD_H

#include "train/attention_grad.h"
#include "train/cross_attention_grad.h"

typedef struct samc_train_two_way {
    samc_train_projections self_attention, token_to_image, image_to_token;
    samc_row_norm norm1, norm2, norm3, norm4;
    samc_dense lin1, lin2;
} samc_train_two_way;

typedef struct samc_train_transformer {
    const samc_config *config;
    samc_train_two_way *blocks;
    samc_train_projections final_attention;
    samc_row_norm norm_final;
} samc_train_transformer;

samc_status samc_train_transformer_create(const samc_params *params,
                                          samc_train_transformer *transformer, samc_error *error);
void samc_train_transformer_free(samc_train_transformer *transformer);

/* What self-attention keeps: its inputs (rows of E) and what was made of them (rows of `inner`). */
typedef struct samc_attention_cache {
    const float *q_in, *k_in, *v_in;
    float *q, *k, *v, *attended, *lse;
} samc_attention_cache;

typedef struct samc_two_way_cache {
    samc_attention_cache self_attention;
    samc_look_cache token_to_image;
    samc_reply_cache image_to_token; /* with norm4 */
    float *before1, *tokens1;        /* [N * n][E]: before and after norm1 … */
    float *before2, *tokens2, *before3, *tokens3;
    float *wide, *active; /* [N * n][mlp]: before and after ReLU */
} samc_two_way_cache;

/* A forward pass of N prompts, kept in an arena until the way back is done. */
typedef struct samc_transformer_pass {
    int64_t prompts, n;
    const float *tokens_in; /* [N * n][E]: also the queries' position */
    const float *image_in;  /* [N * P][E] */
    const float *image_pe;  /* [P][E] */
    samc_two_way_cache *blocks;
    samc_look_cache final_attention;
    float *before_final;
    float *tokens;      /* [N * n][E]: the answer */
    const float *image; /* [N * P][E]: the answer */
} samc_transformer_pass;

/* Runs; pass->prompts, n, tokens_in, image_in and image_pe are set by the caller, the rest is taken
 * from the call's arena, where it must stay until the backward pass. Errors: MEMORY. */
samc_status samc_train_transformer_forward(const samc_train_call *t,
                                           const samc_train_transformer *transformer,
                                           samc_transformer_pass *pass);

/* dtokens [N * n][E] and dimage [N * P][E]: in, the gradients of the answers (overwritten); out,
 * those of tokens_in and image_in. Adds to the gradients of the parameters. Errors: MEMORY. */
samc_status samc_train_transformer_backward(const samc_train_call *t,
                                            const samc_train_transformer *transformer,
                                            const samc_transformer_pass *pass, float *dtokens,
                                            float *dimage);

#endif
