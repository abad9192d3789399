/* SPDX-License-Identifier: Apache-2.0
 *
 * Mix: the image of a prompt without a mask, without the image. Such a prompt starts from the
 * photo's image like every other, and each of the two layers adds to it one vector a token and
 * head, weighted by a softmax: what a layer leaves is
 *
 *     x(t) = w * (sigma(t) a(t) + M z(t)) + b
 *
 * with a the photo's (centred, the same for all prompts), w and b the norm's, sigma(t) one number,
 * M [E][r] the prompt's few vectors, and z(t) [r] the numbers that say how much of each. Whatever
 * is linear in x is then a product with a, made once a photo, and one with M, made once a prompt;
 * the norm's variance is a quadratic form of z. So a prompt keeps 2 H n + 2 numbers a token of the
 * image instead of E, and nothing of length E is computed for every token. docs/DECODER.md derives
 * it.
 *
 * n tokens, E = embed_dim, I = cross_dim in H heads, R = H * n, blocks as in image_blocks.h. For
 * models of two layers, as all official ones are.
 */
#ifndef SAMC_MODEL_MIX_H
#define SAMC_MODEL_MIX_H

#include "model/cross_attention.h"

/* What the products between two projections come to: [I][I] or [I][E] with slack behind, rows the
 * inner channels of the tokens' side. O0, O1 are the output projections of the image's replies,
 * centred; O0 after the norm of layer 0 is called its second form. */
typedef struct samc_mix_weights {
    /* layer 0's reply, its norm, layer 1's look */
    float *gram;      /* O0^T O0 */
    float *keys1;     /* K1 O0 */
    float *values1;   /* (V1 O0)^T */
    float *v_bias1;   /* [I] */
    float *q_bias[2]; /* [I]: of both replies */
    /* layer 1's reply, its norm */
    float *queries;                  /* Q1 O0 */
    float *gram00, *gram10, *gram11; /* of the second form of O0 and O1; gram10 twice */
    float *gram0c, *gram1c;          /* [I]: twice their products with the constant */
    float gramcc;                    /* the constant's square */
    /* the final look */
    float *keys2[2], *keys2c;     /* Kf times O0, O1, the constant [I] */
    float *values2[2], *values2c; /* the same of Vf, transposed */
    float *v_bias2;               /* [I] */
    /* the first up-scaling */
    float *up[2], *upc; /* [I][E], [E] */
    float *up_bias;     /* [E]: its own included */
    /* of the photo: rows that are products with a after layer 0, and after layer 1 */
    samc_left photo0, photo1;
    samc_linear photo_values1, photo_values2;
    float *shift, *scale,
        *constant; /* [E]: layer 0's out bias, norm's weight, layer 1's constant */
    float *pe;     /* blocks of 3 I rows: K1, Q1, Kf of the position encoding */
} samc_mix_weights;

/* The layers' parts that weights are made of. */
typedef struct samc_mix_source {
    const samc_look_weights *look1, *look2; /* of layer 1, and the final one */
    const samc_reply_weights *reply0, *reply1;
    const samc_norm *norm0, *norm1; /* behind these replies */
    const float *up;                /* [E][E]: the first up-scaling, a row an output */
    const float *up_bias;           /* [E / 4]: of each quarter of its outputs */
} samc_mix_source;

/* Free in every case. Errors: MEMORY. */
samc_status samc_mix_weights_make(const samc_cross *cross, const samc_mix_source *source,
                                  samc_mix_weights *weights, samc_error *error);
void samc_mix_weights_free(samc_mix_weights *weights);

/* What all prompts share of a photo. */
typedef struct samc_mix_photo {
    float *rows;              /* blocks of samc_mix_photo_rows rows */
    float *values1, *values2; /* [T][I] */
} samc_mix_photo;

/* Room; free in every case. Errors: MEMORY. */
samc_status samc_mix_photo_new(const samc_cross *cross, samc_mix_photo *photo, samc_error *error);
void samc_mix_photo_free(samc_mix_photo *photo);
/* Block `index`, from x [E][pitch], which is overwritten. */
void samc_mix_photo_block(const samc_cross *cross, const samc_mix_weights *weights, int64_t index,
                          float *x, const samc_cross_scratch *scratch, const samc_mix_photo *photo);

/* The image of one prompt. */
typedef struct samc_mix {
    int64_t n;
    float *z;      /* blocks of 2 R + 2 rows: of layer 0, of layer 1, of the constant; sigma */
    float *values; /* [2][n][I]: the tokens' values in the two replies */
} samc_mix;

/* 1 where prompts of n tokens cost less this way than with images of their own. */
int samc_mix_pays(const samc_cross *cross, int64_t n);
/* Floats of a prompt's image, and the image that lies there. */
int64_t samc_mix_floats(const samc_cross *cross, int64_t n);
samc_mix samc_mix_at(const samc_cross *cross, int64_t n, float *floats);

/* One pass of one prompt over the image: the reply to layer `layer` (0 or 1), its norm, and the
 * look of what comes next (layer 1, or the final one). */
typedef struct samc_mix_pass {
    const samc_mix_weights *weights;
    int32_t layer;
    samc_left *keys;      /* H of [n][d] */
    samc_left *key_mix;   /* layer 1: [R][R] */
    samc_left *products;  /* H of [n][d] a layer: values, for the variance */
    samc_left *gram[2];   /* [R][R]; layer 1: [R][2 R] as well */
    samc_left *queries;   /* H of [n][d] */
    samc_left *query_mix; /* [R][R], or [R][2 R + 1] */
    float *key_bias;      /* [R] */
    float *gram_bias;     /* [2 R]; layer 0: NULL */
    float *parts;         /* a block each, samc_mix_part floats */
    float *scratch;
} samc_mix_pass;

samc_status samc_mix_pass_take(const samc_cross *cross, const samc_mix_weights *weights,
                               int32_t layer, int64_t n, samc_arena *arena, samc_mix_pass *pass,
                               samc_error *error);
/* k, v of the layer's tokens, q of the next look's: [n][I], biases included. Keeps v in mix. */
void samc_mix_begin(const samc_cross *cross, const samc_mix_pass *pass, const samc_mix *mix,
                    const float *k, const float *v, const float *q);
/* Block `index`; any lane, any order. eps is the norm's. */
void samc_mix_block(const samc_cross *cross, const samc_mix_pass *pass, const samc_mix *mix,
                    const samc_shared_projections *first, const samc_mix_photo *photo, float eps,
                    int64_t index, const samc_cross_scratch *scratch);
/* out [n][I] as samc_look_end. */
void samc_mix_end(const samc_cross *cross, const samc_mix_pass *pass, const samc_mix *mix,
                  float *out);
/* Of all blocks, and of begin and end together. */
double samc_mix_flops(const samc_cross *cross, const samc_mix_pass *pass, int64_t n, double *ends);

/* The first up-scaling of a prompt: its vectors as a first factor [E][2 R + 1]. Errors: MEMORY. */
samc_status samc_mix_upscaling_take(const samc_cross *cross, int64_t n, samc_arena *arena,
                                    samc_left **left, float **scratch, samc_error *error);
void samc_mix_upscaling_begin(const samc_cross *cross, const samc_mix_weights *weights,
                              const samc_mix *mix, const samc_left *left, float *scratch);
/* Columns `first`..first+columns-1 of block `index`: out [E][out_stride], without up_bias. */
void samc_mix_upscale(const samc_cross *cross, const samc_mix *mix, const samc_mix_photo *photo,
                      const samc_left *left, int64_t index, int64_t first, int64_t columns,
                      float *out, int64_t out_stride);

#endif
