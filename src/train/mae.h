/* SPDX-License-Identifier: Apache-2.0
 *
 * Masked autoencoding: what the image encoder learns from photos without masks. Some squares of
 * tokens are hidden, and a small head says from the embedding which pixels were there.
 *
 *   x [T][C]            patch embedding; a hidden token's row is the mask token instead
 *   embedding [T][E]    of the whole image encoder, neck included, over all T tokens
 *   head                E -> 2 E -> GELU -> 3 p p, on hidden tokens
 *   target [3 p p]      the hidden patch, less its mean, over its standard deviation
 *   loss                (1 / B) sum over photos of the mean squared error over their hidden patches
 *
 * Hidden tokens stay in their place (rather than being left out, as in the paper for plain ViTs):
 * windows, relative positions and the neck's convolution need the whole grid. The head sees the
 * neck's output so that the neck is trained too. Tokens beyond the photo's rectangle are never
 * hidden.
 *
 * Source: He et al., "Masked autoencoders are scalable vision learners" (2022); Xie et al.,
 * "SimMIM: a simple framework for masked image modeling" (2022).
 */
#ifndef SAMC_TRAIN_MAE_H
#define SAMC_TRAIN_MAE_H

#include "train/layers.h"

/* What names of the head's tensors begin with: mask_token [C], head.0 and head.2. */
#define SAMC_MAE "pretrain."

typedef struct samc_mae {
    int64_t mask_token; /* offset */
    samc_dense wide, pixels;
} samc_mae;

/* Adds the head's tensors, drawn by `seed`, where `params` has none. Errors: MEMORY. */
samc_status samc_mae_add(samc_params *params, uint64_t seed, samc_error *error);
/* Errors: MODEL. */
samc_status samc_mae_find(const samc_params *params, samc_mae *mae, samc_error *error);

typedef struct samc_mae_options {
    double share; /* of the photo's tokens that are hidden, 0..1 */
    int64_t side; /* of the squares, in tokens */
} samc_mae_options;

/* Draws which tokens of sample `index` are hidden: hidden [T] 0 or 1. At least one square is, and
 * none that lies beyond the rectangle of width x height pixels; squares that reach over its edge
 * are cut. Errors: MEMORY. */
samc_status samc_mae_hide(const samc_config *config, const samc_mae_options *options, uint64_t seed,
                          uint64_t index, int32_t width, int32_t height, uint8_t *hidden,
                          samc_error *error);

/* B photos: patches [B * T][3 p p], hidden [B * T], embedding [B * T][E] -> the loss, and its
 * gradient dembedding [B * T][E] (set; the head's own gradients are added to). `step_photos`: of
 * the whole step, B or more, where others have the rest. painted [B * T][3 p p] (may be NULL): what
 * the head says of hidden patches, in the unit of `patches`; the others are copied. Errors:
 * MEMORY. */
samc_status samc_mae_run(const samc_train_call *t, const samc_mae *mae, int64_t photos,
                         int64_t step_photos, const float *patches, const uint8_t *hidden,
                         const float *embedding, double *loss, float *dembedding, float *painted);

#endif
