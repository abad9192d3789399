/* SPDX-License-Identifier: Apache-2.0
 *
 * Two-way transformer: tokens look at the image, the image looks at the tokens.
 * E = embed_dim, T = grid * grid, I = cross_dim; blocks as in image_blocks.h.
 * Source: modeling/transformer.py.
 */
#ifndef SAMC_MODEL_TRANSFORMER_H
#define SAMC_MODEL_TRANSFORMER_H

#include "model/cross_attention.h"

/* Projections of the tokens' self-attention: q, k, v and out are [E][E]. */
typedef struct samc_projections {
    samc_linear q, k, v, out;
} samc_projections;

typedef struct samc_two_way_block {
    samc_projections self_attention;
    samc_look_weights token_to_image;
    samc_reply_weights image_to_token;
    samc_norm norm1, norm2, norm3, norm4;
    samc_linear lin1, lin2;
} samc_two_way_block;

typedef struct samc_transformer {
    const samc_config *config;  /* the model's */
    samc_two_way_block *blocks; /* [decoder_depth] */
    samc_look_weights final_attention;
    samc_norm norm_final;
} samc_transformer;

/* Takes "mask_decoder.transformer.*" from the loader; `config` must outlive it. Call
 * samc_transformer_free in every case. Errors: MEMORY. */
samc_status samc_transformer_load(samc_loader *loader, const samc_config *config,
                                  samc_transformer *transformer);
void samc_transformer_free(samc_transformer *transformer);

/* A photo as every prompt without a mask sees it. */
typedef struct samc_shared_image {
    const float *planes;  /* [E][T]: the image embedding; somebody else's */
    const float *no_mask; /* [E]: the dense prompt; somebody else's */
    samc_shared_projections projections;
} samc_shared_image;

/* Computes the projections, `planes` and `no_mask` being set; free in every case. `pe` is the
 * position encoding as blocks of E rows. Errors: MEMORY. */
samc_status samc_shared_image_project(const samc_call *call, const samc_transformer *transformer,
                                      const float *pe, samc_shared_image *photo, samc_error *error);
void samc_shared_image_free(samc_shared_image *photo);
/* The bytes that the projections take. */
size_t samc_shared_image_bytes(const samc_config *config);

/* The image of one prompt, blocks of E rows; becomes what the transformer makes of it. */
typedef struct samc_two_way_prompt {
    int64_t n;    /* tokens */
    float *image; /* samc_blocks_floats(.., E) */
    int given;    /* 1: image holds embedding + dense prompt; 0: it is the photo's, and undefined */
} samc_two_way_prompt;

/* `count` prompts, each for itself: the answer to one does not depend on the others. tokens: those
 * of the prompts one after another, [sum of n][E]: in, the prompt's tokens (they are also the
 * queries' position); out, what became of them. `photo` may be NULL where all images are given.
 * Errors: MEMORY. */
samc_status samc_transformer_run(const samc_call *call, const samc_transformer *transformer,
                                 const float *pe, const samc_shared_image *photo, int64_t count,
                                 const samc_two_way_prompt *prompts, float *tokens,
                                 samc_error *error);

#endif
