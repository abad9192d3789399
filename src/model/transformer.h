/* SPDX-License-Identifier: Apache-2.0
 *
 * Two-way transformer: tokens look at the image, the image looks at the tokens.
 * E = embed_dim, T = grid * grid, I = cross_dim; blocks as in image_blocks.h.
 * Source: modeling/transformer.py.
 */
#ifndef SAMC_MODEL_TRANSFORMER_H
#define SAMC_MODEL_TRANSFORMER_H

#include "model/mix.h"

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
    int mixes; /* 1: mix is there, see samc_transformer_mix */
    samc_mix_weights mix;
} samc_transformer;

/* Takes "mask_decoder.transformer.*" from the loader; `config` must outlive it. Call
 * samc_transformer_free in every case. Errors: MEMORY. */
samc_status samc_transformer_load(samc_loader *loader, const samc_config *config,
                                  samc_transformer *transformer);
void samc_transformer_free(samc_transformer *transformer);

/* Makes the weights of mix.h where the model has two layers. `pe` is the position encoding as
 * blocks of E rows; up [E][E] and up_bias [E / 4] are the first up-scaling as samc_mix_source has
 * it. Errors: MEMORY. */
samc_status samc_transformer_mix(const samc_kernels *kernels, samc_transformer *transformer,
                                 const float *pe, const float *up, const float *up_bias,
                                 samc_error *error);
/* The sizes of a model's cross attentions. `pe` may be NULL where nobody adds it. */
samc_cross samc_transformer_cross(const samc_kernels *kernels, const samc_config *config,
                                  const float *pe);

/* A photo as every prompt without a mask sees it. */
typedef struct samc_shared_image {
    const float *planes;  /* [E][T]: the image embedding; somebody else's */
    const float *no_mask; /* [E]: the dense prompt; somebody else's */
    samc_shared_projections projections;
    samc_mix_photo mix; /* where transformer->mixes */
} samc_shared_image;

/* Computes the projections, `planes` and `no_mask` being set; free in every case. `pe` is the
 * position encoding as blocks of E rows. Errors: MEMORY. */
samc_status samc_shared_image_project(const samc_call *call, const samc_transformer *transformer,
                                      const float *pe, samc_shared_image *photo, samc_error *error);
void samc_shared_image_free(samc_shared_image *photo);

/* Where a prompt's image comes from, and what becomes of it. */
typedef enum samc_image_kind {
    SAMC_IMAGE_GIVEN,    /* blocks of E rows, holding embedding + dense prompt */
    SAMC_IMAGE_OF_PHOTO, /* the same rows, the photo's and undefined before */
    SAMC_IMAGE_MIXED     /* the photo's and what is added to it: mix.h */
} samc_image_kind;

/* How a prompt of n tokens is best computed: `given` where it has an image of its own. */
samc_image_kind samc_image_kind_of(const samc_transformer *transformer, int given, int64_t n);
/* The floats of such an image. */
int64_t samc_image_floats(const samc_transformer *transformer, samc_image_kind kind, int64_t n);

/* One prompt: its image becomes what the transformer makes of it. */
typedef struct samc_two_way_prompt {
    int64_t n; /* tokens */
    samc_image_kind kind;
    float *image; /* [samc_image_floats] */
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
