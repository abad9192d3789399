/* SPDX-License-Identifier: Apache-2.0
 *
 * Cross attention between a few tokens and the image: the image side, block by block.
 * n tokens, E = embed_dim, I = cross_dim in H heads of d, blocks as in image_blocks.h. "Few" tokens
 * are those for which it is cheaper to multiply a projection of the image into the tokens (H * n
 * columns of length E) than to apply it to every token of the image (I of length E, and then H * n
 * of length d): samc_cross_few.
 * Source: modeling/transformer.py (Attention).
 */
#ifndef SAMC_MODEL_CROSS_ATTENTION_H
#define SAMC_MODEL_CROSS_ATTENTION_H

#include "model/cross_parts.h"
#include "model/loader.h"

/* Tokens look at the image: queries of the tokens, keys and values of the image. The bias of k
 * adds the same to all scores of a token and so nothing to its softmax; that of v comes last, as
 * weights add up to one. */
typedef struct samc_look_weights {
    samc_linear q, out; /* of tokens */
    samc_left k;        /* [I][E] */
    samc_linear v;      /* [I][E] as a second factor */
    float *k_rows;      /* [I][E], slack behind */
    float *v_rows;      /* [E][I], slack behind */
} samc_look_weights;

/* The image looks at the tokens: queries of the image, keys and values of the tokens. */
typedef struct samc_reply_weights {
    samc_linear k, v; /* of tokens */
    samc_left q, out; /* [I][E], [E][I] */
    float *q_rows;    /* [I][E], slack behind */
    float *out_rows;  /* [I][E]: out transposed, slack behind */
    float *q_bias;    /* [I] */
    float *out_bias;  /* [E] */
} samc_reply_weights;

/* Both take "<prefix>.q_proj" … from the loader; free in every case. Errors: MEMORY. */
samc_status samc_look_load(samc_loader *loader, const char *prefix, int64_t e, int64_t inner,
                           samc_look_weights *weights);
samc_status samc_reply_load(samc_loader *loader, const char *prefix, int64_t e, int64_t inner,
                            samc_reply_weights *weights);
void samc_look_free(samc_look_weights *weights);
void samc_reply_free(samc_reply_weights *weights);

/* 1: with n tokens projections of the image are multiplied into the tokens. */
int samc_cross_few(const samc_cross *cross, int64_t n);

/* What the first layer projects of a photo, the same for every prompt without a mask: keys and
 * queries (no bias) as blocks of I rows, values (no bias) as [T][I]. */
typedef struct samc_shared_projections {
    float *keys, *queries, *values;
} samc_shared_projections;

/* Scratch of one lane, for prompts of at most `n` tokens. */
typedef struct samc_cross_scratch {
    float *sum;     /* [E][pitch]: image + position */
    float *scores;  /* [2 * H * n][pitch]: twice for mix.c */
    float *columns; /* [width][pitch of H * n]: scores, transposed */
    float *inner;   /* [I][pitch]: keys or queries of the image, then what replies */
    float *values;  /* [width][I] */
    float *packed;  /* a block's tokens as a first factor */
} samc_cross_scratch;
samc_status samc_cross_scratch_take(const samc_cross *cross, int64_t n, samc_arena *arena,
                                    samc_cross_scratch *scratch, samc_error *error);

/* One prompt in one attention tokens -> image. */
typedef struct samc_look {
    const samc_look_weights *weights;
    const samc_shared_projections *photo; /* NULL: projected from the image itself */
    int64_t n;
    int few;            /* projections are multiplied into the tokens */
    samc_left *queries; /* few: one [H * n][E], else H of [n][d] */
    float *parts;       /* a block each: highest and total [H * n], weighted sums */
    float *scratch;     /* [H * n][E] */
} samc_look;

samc_status samc_look_take(const samc_cross *cross, const samc_look_weights *weights,
                           const samc_shared_projections *photo, int64_t n, samc_arena *arena,
                           samc_look *look, samc_error *error);
/* q [n][I]: the tokens' queries, bias included. */
void samc_look_begin(const samc_cross *cross, const samc_look *look, const float *q);
/* Block `index` of the image, x [E][pitch]; any lane, any order. */
void samc_look_block(const samc_cross *cross, const samc_look *look, int64_t index, const float *x,
                     const samc_cross_scratch *scratch);
/* out [n][I] of all blocks, the bias of v included, before the output projection. */
void samc_look_end(const samc_cross *cross, const samc_look *look, float *out);

/* Floating-point operations of all blocks, and of begin and end together. */
double samc_look_flops(const samc_cross *cross, const samc_look *look, double *ends);

/* One prompt in one attention image -> tokens. */
typedef struct samc_reply {
    const samc_reply_weights *weights;
    const samc_shared_projections *photo;
    int64_t n;
    int few;
    samc_left *keys;   /* few and no photo: one [H * n][E], else H of [n][d] */
    samc_left *values; /* few: one [E][H * n], else H of [d][n] */
    float *bias;       /* [H * n]: what the bias of q adds to a score */
    float *scratch;    /* [H * n][E] */
} samc_reply;

samc_status samc_reply_take(const samc_cross *cross, const samc_reply_weights *weights,
                            const samc_shared_projections *photo, int64_t n, samc_arena *arena,
                            samc_reply *reply, samc_error *error);
/* k, v [n][I] of the tokens, biases included. */
void samc_reply_begin(const samc_cross *cross, const samc_reply *reply, const float *k,
                      const float *v);
/* x += what the tokens answer to block `index`, but for out_bias. */
void samc_reply_block(const samc_cross *cross, const samc_reply *reply, int64_t index, float *x,
                      const samc_cross_scratch *scratch);

double samc_reply_flops(const samc_cross *cross, const samc_reply *reply, double *ends);

/* Block `index` of all three projections, from x [E][pitch]. */
void samc_shared_block(const samc_cross *cross, const samc_look_weights *look,
                       const samc_reply_weights *reply, int64_t index, const float *x,
                       const samc_cross_scratch *scratch, const samc_shared_projections *photo);

#endif
