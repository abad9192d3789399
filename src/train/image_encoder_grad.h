/* SPDX-License-Identifier: Apache-2.0
 *
 * The image encoder in training: model/image_encoder.c over a batch of photos, forward and
 * backward. B photos, T = grid * grid tokens a photo, C = encoder_dim, E = embed_dim; rows are
 * photo by photo.
 */
#ifndef SAMC_TRAIN_IMAGE_ENCODER_GRAD_H
#define SAMC_TRAIN_IMAGE_ENCODER_GRAD_H

#include "train/attention_grad.h"

typedef struct samc_train_block {
    samc_row_norm norm1, norm2;
    samc_dense qkv, proj, lin1, lin2;
    int64_t rel_h, rel_w; /* offsets of the tables */
    int64_t window;       /* the grid's side in global blocks */
} samc_train_block;

/* What a block's backward pass needs of its forward pass. */
typedef struct samc_block_cache {
    float *normed1;  /* [B * T][C] */
    float *qkv;      /* [B * T][3 * C] */
    float *attended; /* [B * T][C] */
    float *lse;      /* [groups][heads][window * window] */
    float *middle;   /* [B * T][C]: after the attention's residual */
    float *normed2;  /* [B * T][C] */
    float *wide;     /* [B * T][mlp]: before GELU */
    float *active;   /* [B * T][mlp] */
} samc_block_cache;

/* Hears on the way back that the gradients of a layer (samc_param.layer; the neck counts as the one
 * above the last block) are final. */
typedef void (*samc_train_layer_fn)(void *user, int32_t layer);

typedef struct samc_train_encoder {
    const samc_config *config;
    int64_t batch;
    int32_t recompute; /* 1: keep each block's input only, and run it again on the way back */
    samc_dense patch_embed, neck0, neck2;
    samc_row_norm neck1, neck3;
    int64_t pos_embed; /* offset */
    samc_train_block *blocks;
    int32_t *rows[2];         /* tokens of the groups: of windows, of whole grids; -1 is padding */
    int64_t groups[2];        /* of windows, of whole grids: B */
    samc_block_cache *caches; /* [depth], or one where recompute */
    float *inputs;            /* [depth + 1][B * T][C]: what each block, and the neck, was given */
    float *branch;            /* [B * T][C]: scratch of a residual branch */
    float *narrow, *narrow_normed, *convolved; /* [B * T][E]: the neck */
    samc_train_layer_fn layer_done;            /* NULL after create; the caller may set it … */
    void *user;                                /* … and what it is given */
    const uint8_t *hidden; /* [B * T] 1: the token's patch is not seen (mae.h). NULL after create:
                              all are; the caller may set it … */
    int64_t mask_token;    /* … with the offset of the [C] numbers that stand in its place */
} samc_train_encoder;

/* Sets up for `batch` photos. `params` and their configuration must outlive it. Call
 * samc_train_encoder_free in every case. Errors: MODEL, MEMORY. */
samc_status samc_train_encoder_create(const samc_params *params, int64_t batch, int32_t recompute,
                                      samc_train_encoder *encoder, samc_error *error);
void samc_train_encoder_free(samc_train_encoder *encoder);

/* patches [B * T][3 * p * p] -> embedding [B * T][E]. keep [depth][2][B]: what the attention branch
 * and the MLP branch of each block and photo are multiplied with (drop path: 0, or 1 / (1 - rate));
 * NULL: 1. Errors: MEMORY. */
samc_status samc_train_encoder_forward(const samc_train_call *t, samc_train_encoder *encoder,
                                       const float *patches, const float *keep, float *embedding);
/* From dembedding [B * T][E] (overwritten): adds to the gradients of the encoder's tensors.
 * `patches` and `keep` as in the forward pass before. Errors: MEMORY. */
samc_status samc_train_encoder_backward(const samc_train_call *t, samc_train_encoder *encoder,
                                        const float *patches, const float *keep, float *dembedding);

#endif
