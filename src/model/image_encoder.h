/* SPDX-License-Identifier: Apache-2.0
 *
 * Image encoder: a ViT with window attention and a convolutional neck, photo -> image embedding.
 * T = grid * grid tokens in row order, C = encoder_dim, E = embed_dim, p = patch_size. Everything
 * is kept with channels last, [T][...].
 * Source: modeling/image_encoder.py; Li et al., "Exploring Plain Vision Transformer Backbones for
 * Object Detection" (2022).
 */
#ifndef SAMC_MODEL_IMAGE_ENCODER_H
#define SAMC_MODEL_IMAGE_ENCODER_H

#include "model/config.h"
#include "model/loader.h"

typedef struct samc_encoder_block {
    samc_norm norm1, norm2;
    samc_linear qkv, proj;
    samc_linear rel_h, rel_w; /* rows in reverse, as samc_window_attention wants them */
    samc_linear lin1, lin2;
} samc_encoder_block;

typedef struct samc_image_encoder {
    const samc_config *config;  /* the model's */
    samc_linear patch_embed;    /* [C][3 * p * p] */
    float *pos_embed;           /* [T][C] */
    samc_encoder_block *blocks; /* [depth] */
    samc_linear neck0;          /* 1 x 1, [E][C], no bias */
    samc_norm neck1;
    samc_linear neck2; /* 3 x 3, [E][9 * E] with k = (ky * 3 + kx) * E + channel, no bias */
    samc_norm neck3;
} samc_image_encoder;

/* Takes "image_encoder.*" from the loader; `config` must outlive the encoder. Call
 * samc_image_encoder_free in every case. Errors: MEMORY. */
samc_status samc_image_encoder_load(samc_loader *loader, const samc_config *config,
                                    samc_image_encoder *encoder);
void samc_image_encoder_free(samc_image_encoder *encoder);

/* The whole: patches [T][3 * p * p] (channel, row, column: the order of the weight) of the
 * normalised and padded photo -> embedding [T][E]. `progress` may be NULL. Errors: MEMORY,
 * CANCELLED. */
samc_status samc_image_encoder_run(const samc_call *call, const samc_image_encoder *encoder,
                                   const float *patches, samc_progress_fn progress, void *user,
                                   float *embedding, samc_error *error);

/* Its stages, one by one: x [T][C] = patches + position; x = block(x); embedding = neck(x). */
samc_status samc_image_encoder_patch_embed(const samc_call *call, const samc_image_encoder *encoder,
                                           const float *patches, float *x, samc_error *error);
samc_status samc_image_encoder_block(const samc_call *call, const samc_image_encoder *encoder,
                                     int32_t index, float *x, samc_error *error);
samc_status samc_image_encoder_neck(const samc_call *call, const samc_image_encoder *encoder,
                                    const float *x, float *embedding, samc_error *error);

#endif
