/* SPDX-License-Identifier: Apache-2.0
 *
 * Two-way transformer: tokens look at the image, the image looks at the tokens.
 * E = embed_dim, T = grid * grid.
 * Source: modeling/transformer.py.
 */
#ifndef SAMC_MODEL_TRANSFORMER_H
#define SAMC_MODEL_TRANSFORMER_H

#include "model/config.h"
#include "model/loader.h"

/* Projections to an inner width and back: q, k, v are [inner][E], out is [E][inner]. */
typedef struct samc_projections {
    samc_linear q, k, v, out;
} samc_projections;

typedef struct samc_two_way_block {
    samc_projections self_attention, token_to_image, image_to_token;
    samc_norm norm1, norm2, norm3, norm4;
    samc_linear lin1, lin2;
} samc_two_way_block;

typedef struct samc_transformer {
    const samc_config *config;  /* the model's */
    samc_two_way_block *blocks; /* [decoder_depth] */
    samc_projections final_attention;
    samc_norm norm_final;
} samc_transformer;

/* Takes "mask_decoder.transformer.*" from the loader; `config` must outlive it. Call
 * samc_transformer_free in every case. Errors: MEMORY. */
samc_status samc_transformer_load(samc_loader *loader, const samc_config *config,
                                  samc_transformer *transformer);
void samc_transformer_free(samc_transformer *transformer);

/* tokens [n][E]: in, the prompt's tokens (they are also the queries' position); out, what became of
 * them. image [T][E]: in, embedding + dense prompt; out, the same for the image. image_pe [T][E].
 * Errors: MEMORY. */
samc_status samc_transformer_run(const samc_call *call, const samc_transformer *transformer,
                                 const float *image_pe, int64_t n, float *tokens, float *image,
                                 samc_error *error);

#endif
