/* SPDX-License-Identifier: Apache-2.0
 *
 * What the forms of cross attention share (cross_attention.c, mix.c): sizes, products of a head's
 * rows, the softmax over the image that is cut at its blocks. n tokens, E = embed_dim, I =
 * cross_dim in H heads of d, blocks as in image_blocks.h; row h * n + j of H * n is token j in head
 * h.
 */
#ifndef SAMC_MODEL_CROSS_PARTS_H
#define SAMC_MODEL_CROSS_PARTS_H

#include "kernels/linear.h"
#include "model/image_blocks.h"

/* Sizes that all prompts share. */
typedef struct samc_cross {
    const samc_kernels *kernels;
    samc_blocks blocks;
    int64_t e, inner, heads;
    const float *pe; /* blocks of E rows */
} samc_cross;

/* Floats from row to row of an array with so many columns: room for a panel behind the last, and
 * an odd number of cache lines (see image_blocks.c). */
int64_t samc_cross_pitch(int64_t columns);
/* d. */
int64_t samc_cross_head_dim(const samc_cross *cross);
/* What scores are multiplied with: 1 / sqrt(d). */
float samc_cross_scale(const samc_cross *cross);

/* [count] first factors of m x k, their panels undefined. Errors: MEMORY. */
samc_status samc_cross_lefts(const samc_cross *cross, samc_arena *arena, int64_t count, int64_t m,
                             int64_t k, samc_left **lefts, samc_error *error);

/* y [H * n][width]: head h of the tokens' x [n][I] times rows [I][width] of that head, slack behind
 * them. */
void samc_cross_head_rows(const samc_cross *cross, int64_t n, const float *x, const float *rows,
                          int64_t width, float *y);

/* Softmax of `rows` rows of scores over a block's columns: each row's highest and total. */
void samc_cross_weigh(const samc_cross *cross, int64_t rows, int64_t columns, float *scores,
                      float *highest, float *total);
/* Turns the highest [rows] at the head of each block's part (`size` floats each, the totals [rows]
 * behind them) into the factor of its sums: exp(highest - the highest of all) over the total of
 * all. */
void samc_cross_join(const samc_cross *cross, float *parts, int64_t rows, int64_t size);

/* The tokens of a block, x [E][pitch], as values [columns][I] = x^T V^T; `packed` is scratch for
 * them as a first factor. */
void samc_cross_values(const samc_cross *cross, const samc_linear *v, int64_t columns,
                       const float *x, float *packed, float *values);

#endif
