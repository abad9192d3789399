/* SPDX-License-Identifier: Apache-2.0
 *
 * The prompt encoder in training: model/prompt_encoder.c over N prompts, forward and backward.
 * E = embed_dim, P = grid * grid, L = 4 * grid; positions in the frame of the square.
 */
#ifndef SAMC_TRAIN_PROMPT_ENCODER_GRAD_H
#define SAMC_TRAIN_PROMPT_ENCODER_GRAD_H

#include "model/prompt_encoder.h"
#include "train/layers.h"

typedef struct samc_train_prompts {
    const samc_config *config;
    int64_t gaussian;             /* offset of the matrix, which stays as it is */
    int64_t point[4];             /* offsets of the labels' embeddings */
    int64_t not_a_point, no_mask; /* offsets */
    samc_dense mask0, mask3, mask6;
    samc_row_norm mask1, mask4;
    float *dense_pe; /* [P][E] */
} samc_train_prompts;

/* Errors: MODEL, MEMORY. Call samc_train_prompts_free in every case. */
samc_status samc_train_prompts_create(const samc_params *params, samc_train_prompts *prompts,
                                      samc_error *error);
void samc_train_prompts_free(samc_train_prompts *prompts);

/* Tokens [count][E] of positions [count][2] with labels [count] (SAMC_POINT_…). */
void samc_train_sparse_forward(const samc_train_call *t, const samc_train_prompts *prompts,
                               int64_t count, const float *points, const int32_t *labels,
                               float *tokens);
/* Adds dtokens [count][E] to the embeddings' gradients. */
void samc_train_sparse_backward(const samc_train_call *t, const samc_train_prompts *prompts,
                                int64_t count, const int32_t *labels, const float *dtokens);

/* What the mask path keeps, in the call's arena. */
typedef struct samc_mask_pass {
    int64_t masks;
    float *squares1, *before1, *normed1, *active1; /* rows of 4, of mask_channels / 4 … */
    float *squares2, *before2, *normed2, *active2; /* rows of mask_channels */
} samc_mask_pass;

/* The dense maps [N][P][E] of logits [N][L][L]. Errors: MEMORY. */
samc_status samc_train_mask_forward(const samc_train_call *t, const samc_train_prompts *prompts,
                                    int64_t masks, const float *logits, samc_mask_pass *pass,
                                    float *dense);
/* Adds to the parameters' gradients; the logits were an answer of the round before and get none.
 * Errors: MEMORY. */
samc_status samc_train_mask_backward(const samc_train_call *t, const samc_train_prompts *prompts,
                                     const samc_mask_pass *pass, const float *ddense);

#endif
