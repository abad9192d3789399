/* SPDX-License-Identifier: Apache-2.0
 *
 * The mask decoder in training, with the prompt encoder before it: model/mask_decoder.c over N
 * prompts of several photos, forward and backward. E = embed_dim, P = grid * grid, L = 4 * grid.
 */
#ifndef SAMC_TRAIN_MASK_DECODER_GRAD_H
#define SAMC_TRAIN_MASK_DECODER_GRAD_H

#include "train/prompt_encoder_grad.h"
#include "train/transformer_grad.h"
#include "train/upscale_grad.h"

/* The layers of an MLP with ReLU between them. */
typedef struct samc_train_mlp {
    int32_t count;
    samc_dense layers[SAMC_MAX_MLP_LAYERS];
} samc_train_mlp;

typedef struct samc_train_decoder {
    const samc_config *config;
    samc_train_prompts prompts;
    samc_train_transformer transformer;
    int64_t iou_token, mask_tokens; /* offsets */
    samc_train_upscale upscale;
    samc_train_mlp hyper[SAMC_MAX_MASK_TOKENS], iou_head;
} samc_train_decoder;

/* Errors: MODEL, MEMORY. Call samc_train_decoder_free in every case. */
samc_status samc_train_decoder_create(const samc_params *params, samc_train_decoder *decoder,
                                      samc_error *error);
void samc_train_decoder_free(samc_train_decoder *decoder);

/* N prompts with the same number of positions. */
typedef struct samc_prompt_batch {
    int64_t prompts;       /* N */
    int64_t positions;     /* of each, padding included */
    const float *points;   /* [N][positions][2] in the frame of the square */
    const int32_t *labels; /* [N][positions] */
    const int32_t *photo;  /* [N]: whose embedding */
    const float *masks;    /* [N][L][L] mask inputs, or NULL: none has one */
    int32_t first, count;  /* which masks are wanted: 0, 1 or 1, 3 */
} samc_prompt_batch;

/* What the way back needs: in the call's arena. */
typedef struct samc_decoder_pass {
    samc_prompt_batch batch;
    samc_mask_pass mask;
    samc_transformer_pass transformer;
    samc_upscale_pass upscale;
    float *hyper[SAMC_MAX_MASK_TOKENS]
                [SAMC_MAX_MLP_LAYERS + 1]; /* [N][…]: inputs of layers, answer */
    float *iou[SAMC_MAX_MLP_LAYERS + 1];
} samc_decoder_pass;

/* embedding [photos * P][E]. Sets logits [N][count][L][L] and iou [N][count]. Errors: MEMORY. */
samc_status samc_train_decoder_forward(const samc_train_call *t, const samc_train_decoder *decoder,
                                       const samc_prompt_batch *batch, const float *embedding,
                                       samc_decoder_pass *pass, float *logits, float *iou);
/* Adds to the parameters' gradients and to dembedding [photos * P][E]. Errors: MEMORY. */
samc_status samc_train_decoder_backward(const samc_train_call *t, const samc_train_decoder *decoder,
                                        const samc_decoder_pass *pass, const float *dlogits,
                                        const float *diou, float *dembedding);

#endif
