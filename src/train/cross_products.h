/* SPDX-License-Identifier: Apache-2.0
 *
 * The products that both directions of cross attention are made of (cross_attention_grad.h): those
 * of all prompts' tokens head by head, and those of one prompt with its image, which run on the
 * thread of the prompt's tile. A "wide" array is [N n H][E]: a row of length E for every token and
 * head.
 */
#ifndef SAMC_TRAIN_CROSS_PRODUCTS_H
#define SAMC_TRAIN_CROSS_PRODUCTS_H

#include "train/cross_attention_grad.h"
#include "train/tiles.h"

typedef struct samc_cross_sizes {
    int64_t n, heads, d, inner, e, image; /* image: its tokens */
    int64_t rows, columns;                /* N n; n H */
    float scale;                          /* 1 / sqrt(d) */
} samc_cross_sizes;

samc_cross_sizes samc_cross_sizes_of(const samc_train_cross *cross);

/* wide = x [N n][I], head by head, by W: element (c, j) of head 0's [d][E] at
 * w[c * w_row + j * w_column], the next head's d rows behind. Errors: MEMORY. */
samc_status samc_cross_absorb(const samc_train_call *t, const samc_cross_sizes *s, const float *x,
                              const float *w, int64_t w_row, int64_t w_column, float *wide);
/* The other way: x [N n][I] = wide, head by head, by W^T (+ bias [I], or NULL). Errors: MEMORY. */
samc_status samc_cross_release(const samc_train_call *t, const samc_cross_sizes *s,
                               const float *wide, const float *w, int64_t w_row, int64_t w_column,
                               const float *bias, float *x);
/* dW [I][E] += x^T wide, head by head. Errors: MEMORY. */
samc_status samc_cross_weights(const samc_train_call *t, const samc_cross_sizes *s, const float *x,
                               const float *wide, float *dw);
/* dW [E][I] += wide^T x, head by head. Errors: MEMORY. */
samc_status samc_cross_answer_weights(const samc_train_call *t, const samc_cross_sizes *s,
                                      const float *wide, const float *x, float *dw);

/* sum [P][E] = image + pe, from the tile's arena. Errors (of all that follow): MEMORY. */
samc_status samc_local_position(const samc_train_call *own, const samc_cross_sizes *s,
                                const float *image, const float *pe, float **sum);
/* scores [n H][P] = wide [n H][E] image^T. */
samc_status samc_local_score(const samc_train_call *own, const samc_cross_sizes *s,
                             const float *wide, const float *image, float *scores);
/* wide [n H][E] = weights [n H][P] image. */
samc_status samc_local_gather(const samc_train_call *own, const samc_cross_sizes *s,
                              const float *weights, const float *image, float *wide);
/* image [P][E] = weights^T [P][count] wide [count][E] + bias + residual; where residual is NULL
 * it is added to what image holds (and bias is NULL). */
samc_status samc_local_spread(const samc_train_call *own, const samc_cross_sizes *s, int64_t count,
                              const float *weights, const float *wide, const float *bias,
                              const float *residual, float *image);

#endif
