/* SPDX-License-Identifier: Apache-2.0
 *
 * Cross attention in training, both directions, forward and backward: model/cross_attention.c over
 * N prompts at once. n tokens and P image tokens a prompt, E = embed_dim, I = inner width in H
 * heads of d. The image's projections are multiplied into the few tokens, so that no array of P
 * rows of I ever exists: with row (token, head) a head's projection of a token, brought back to
 * length E, the scores are [n H][E] x [E][P] and what is read is [n H][P] x [P][E]. From 16 tokens
 * on this is more arithmetic than projecting the image; it still passes over memory less often.
 */
#ifndef SAMC_TRAIN_CROSS_ATTENTION_GRAD_H
#define SAMC_TRAIN_CROSS_ATTENTION_GRAD_H

#include "train/layers.h"

typedef struct samc_train_projections {
    samc_dense q, k, v, out;
} samc_train_projections;

typedef struct samc_train_cross {
    const samc_train_projections *projections;
    int64_t heads, prompts, n, image_tokens;
    const float *image_pe; /* [P][E] */
} samc_train_cross;

/* Tokens look at the image: queries of the tokens, keys (with position) and values of the image. */
typedef struct samc_look_cache {
    const float *q_in;  /* [N n][E] */
    const float *image; /* [N P][E] */
    float *q;           /* [N n][I] */
    float *absorbed;    /* [N n H][E]: queries by the keys' weights */
    float *weights;     /* [N][2][n H][P]: softmax; the second half is the way back's */
    float *seen;        /* [N n H][E]: the image, weighted */
    float *attended;    /* [N n][I] */
} samc_look_cache;

/* q_in and image are set in the cache, its other arrays are taken from the call's arena; out
 * [N n][E] is set. Errors: MEMORY. */
samc_status samc_train_look_forward(const samc_train_call *t, const samc_train_cross *cross,
                                    samc_look_cache *cache, float *out);
/* From dout [N n][E]: adds to dq_in [N n][E], to dimage [N P][E] and to the gradients of the
 * projections (that of the keys' bias is zero: it changes no softmax). Errors: MEMORY. */
samc_status samc_train_look_backward(const samc_train_call *t, const samc_train_cross *cross,
                                     const samc_look_cache *cache, const float *dout, float *dq_in,
                                     float *dimage);

/* The image looks at the tokens and is normed: queries of the image (with position), keys and
 * values of the tokens; before = image + what replies, after = norm(before). */
typedef struct samc_reply_cache {
    const float *k_in, *v_in; /* [N n][E] */
    const float *image;       /* [N P][E] */
    float *k, *v;             /* [N n][I] */
    float *keys, *values;     /* [N n H][E]: by the weights of the queries, of the answer */
    float *weights;           /* [N][n H][P]: softmax over the n of a head */
    float *before, *after;    /* [N P][E] */
} samc_reply_cache;

/* k_in, v_in and image are set in the cache; the other arrays are taken from the call's arena.
 * Errors: MEMORY. */
samc_status samc_train_reply_forward(const samc_train_call *t, const samc_train_cross *cross,
                                     const samc_row_norm *norm, samc_reply_cache *cache);
/* dimage [N P][E]: in, the gradient of `after`; out, that of the image. Adds to dk_in and dv_in
 * [N n][E] and to the gradients of projections and norm. Errors: MEMORY. */
samc_status samc_train_reply_backward(const samc_train_call *t, const samc_train_cross *cross,
                                      const samc_row_norm *norm, const samc_reply_cache *cache,
                                      float *dimage, float *dk_in, float *dv_in);

#endif
