/* SPDX-License-Identifier: Apache-2.0
 *
 * Attention in tiles: softmax(scale q k^T + bias) v with the softmax kept running over blocks of
 * keys, so that no matrix of queries x keys exists.
 * Source: Dao et al., "FlashAttention" (2022), for the running softmax.
 */
#ifndef SAMC_KERNELS_ATTENTION_H
#define SAMC_KERNELS_ATTENTION_H

#include "kernels/linear.h"

/* Plain multi-head attention. Head h of row i of q is q[i * q_stride + h * head_dim ...]; the same
 * for k, v and out. Scale is head_dim^-1/2. */
typedef struct samc_attention {
    int64_t heads, head_dim;
    int64_t n_queries, n_keys;
    const float *q, *k, *v;
    int64_t q_stride, k_stride, v_stride;
    float *out;
    int64_t out_stride;
} samc_attention;

/* Errors: MEMORY. */
samc_status samc_attention_run(const samc_call *call, const samc_attention *attention,
                               samc_error *error);

/* Self-attention of an image of grid x grid tokens in windows of window x window tokens (window ==
 * grid: one global window). Windows that hang over the right or lower edge are filled up with
 * tokens whose q, k and v are `padding` ([3 * heads * head_dim], the bias of the qkv layer); they
 * take part as keys. The bias of query (qy, qx) and key (ky, kx) is
 * q . rel_h[qy - ky + window - 1] + q . rel_w[qx - kx + window - 1], with q not scaled.
 * Source: ImageEncoderViT's Attention, window_partition, add_decomposed_rel_pos. */
typedef struct samc_window_attention {
    int64_t heads, head_dim;
    int64_t grid, window;
    const float *qkv;     /* [grid * grid][3][heads][head_dim] */
    const float *padding; /* [3][heads][head_dim] */
    /* Tables packed with their rows in reverse: n = 2 * window - 1, k = head_dim, no bias; column j
     * belongs to the distance window - 1 - j. */
    const samc_linear *rel_h, *rel_w;
    float *out; /* [grid * grid][heads * head_dim] */
} samc_window_attention;

/* Errors: MEMORY. */
samc_status samc_window_attention_run(const samc_call *call, const samc_window_attention *attention,
                                      samc_error *error);

#endif
