/* SPDX-License-Identifier: Apache-2.0
 *
 * Attention of training, forward and backward: many independent groups (windows of photos, prompts)
 * at once. The matrix of queries x keys exists for one group, head and tile of queries at a time;
 * the backward pass computes it again.
 * Source: Dao et al., "FlashAttention" (2022); ImageEncoderViT's add_decomposed_rel_pos.
 */
#ifndef SAMC_TRAIN_ATTENTION_GRAD_H
#define SAMC_TRAIN_ATTENTION_GRAD_H

#include "train/layers.h"

/* Query i of group g is row q_rows[g * n_queries + i] of q (q_rows NULL: row g * n_queries + i);
 * its head h begins at column h * head_dim. The same for keys and values. A row -1 is a padding
 * token: as a query it is left out, as a key its k and v are `padding`. */
typedef struct samc_attention_batch {
    int64_t groups, n_queries, n_keys, heads, head_dim;
    const float *q, *k, *v;
    int64_t q_stride, k_stride, v_stride;
    const int32_t *q_rows, *k_rows;
    const float *pad_k, *pad_v; /* [heads * head_dim], where k_rows has padding */
    /* decomposed relative positions of a window x window group (n_queries = n_keys = window^2); 0:
     * none. Tables [2 * window - 1][head_dim] as the checkpoint has them. */
    int64_t window;
    const float *rel_h, *rel_w;
} samc_attention_batch;

/* out: rows and columns as q's, row stride out_stride. lse [groups][heads][n_queries]: the
 * logarithm of the sum of exponentials, kept for the backward pass. Errors: MEMORY. */
samc_status samc_attention_batch_forward(const samc_train_call *t,
                                         const samc_attention_batch *attention, float *out,
                                         int64_t out_stride, float *lse);

/* Where the gradients go; dq, dk, dv have the strides of q, k, v and are set (rows of different
 * groups must be different rows); the others are added to. */
typedef struct samc_attention_gradients {
    float *dq, *dk, *dv;
    float *dpad_k, *dpad_v; /* [heads * head_dim], or NULL */
    float *drel_h, *drel_w; /* as the tables, or NULL */
} samc_attention_gradients;

/* From out, lse and dout (row stride out_stride both). Errors: MEMORY. */
samc_status samc_attention_batch_backward(const samc_train_call *t,
                                          const samc_attention_batch *attention, const float *out,
                                          const float *dout, int64_t out_stride, const float *lse,
                                          const samc_attention_gradients *gradients);

#endif
