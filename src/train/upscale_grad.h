/* SPDX-License-Identifier: Apache-2.0
 *
 * The mask decoder's up-scaling in training: image tokens become 16 pixels each, and a mask is
 * their dot product with a hyper-network's answer. Forward and backward run through all layers a
 * block of tokens at a time, so that what lies between them stays in the cache; only what two
 * layers begin with is kept, the rest is computed again on the way back.
 * Source: modeling/mask_decoder.py (output_upscaling).
 */
#ifndef SAMC_TRAIN_UPSCALE_GRAD_H
#define SAMC_TRAIN_UPSCALE_GRAD_H

#include "train/layers.h"

typedef struct samc_train_upscale {
    int64_t grid;
    /* transposed convolutions [k][n][2][2]: n and k are those of the layer, a row becomes 4 n */
    samc_dense up0, up3;
    samc_row_norm up1;
} samc_train_upscale;

/* Finds "mask_decoder.output_upscaling.…". Errors: MODEL. */
samc_status samc_train_upscale_find(const samc_params *params, samc_train_upscale *up,
                                    samc_error *error);

/* N prompts of P = grid * grid tokens; L = 4 grid. */
typedef struct samc_upscale_pass {
    int64_t prompts;
    int32_t count;                            /* of masks */
    const float *image;                       /* [N P][E] */
    const float *hyper[SAMC_MAX_MASK_TOKENS]; /* [N][E / 8], for each mask */
    float *before;                            /* [N 4 P][E / 4]: what is normed */
    float *wide;                              /* [N 16 P][E / 8]: what the last GELU takes */
} samc_upscale_pass;

/* The caller sets all but before and wide, which are taken from the call's arena. Sets logits
 * [N][count][L][L]. Errors: MEMORY. */
samc_status samc_train_upscale_forward(const samc_train_call *t, const samc_train_upscale *up,
                                       samc_upscale_pass *pass, float *logits);
/* From dlogits: sets dimage [N P][E] and dhyper[m] [N][E / 8]; adds to the parameters' gradients.
 * Errors: MEMORY. */
samc_status samc_train_upscale_backward(const samc_train_call *t, const samc_train_upscale *up,
                                        const samc_upscale_pass *pass, const float *dlogits,
                                        float *dimage, float *const *dhyper);

#endif
