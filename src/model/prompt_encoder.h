/* SPDX-License-Identifier: Apache-2.0
 *
 * Prompt encoder: points, boxes and masks -> tokens and a dense map. E = embed_dim, T = grid *
 * grid, S = image_size (the frame of all coordinates here), L = 4 * grid.
 * Source: modeling/prompt_encoder.py; Tancik et al., "Fourier Features" (2020).
 */
#ifndef SAMC_MODEL_PROMPT_ENCODER_H
#define SAMC_MODEL_PROMPT_ENCODER_H

#include "model/image_blocks.h"
#include "model/loader.h"

/* Labels of sparse positions. */
enum {
    SAMC_POINT_PADDING = -1,
    SAMC_POINT_BACKGROUND,
    SAMC_POINT_FOREGROUND,
    SAMC_POINT_TOP_LEFT,
    SAMC_POINT_BOTTOM_RIGHT
};

typedef struct samc_prompt_encoder {
    const samc_config *config;       /* the model's */
    float *gaussian;                 /* [2][E / 2] */
    float *point[4];                 /* [E] by label: background, foreground, two corners */
    float *not_a_point;              /* [E] */
    float *no_mask;                  /* [E] */
    samc_linear mask0, mask3, mask6; /* 2x2 s2, 2x2 s2 (k = (ky * 2 + kx) * channels + c), 1x1 */
    samc_norm mask1, mask4;
    float *dense_pe; /* the position encoding of the grid, blocks of E rows */
} samc_prompt_encoder;

/* Takes "prompt_encoder.*" from the loader; `config` must outlive it. Call samc_prompt_encoder_free
 * in every case. Errors: MEMORY. */
samc_status samc_prompt_encoder_load(samc_loader *loader, const samc_config *config,
                                     samc_prompt_encoder *encoder);
void samc_prompt_encoder_free(samc_prompt_encoder *encoder);

/* The encoding [E] of one position (x, y) in the frame of S: sines, then cosines, of its
 * projections on `gaussian` [2][E / 2]. */
void samc_prompt_encoder_position(const samc_config *config, const float *gaussian,
                                  const float xy[2], float *out);
/* The encoding [T][E] of the grid's tokens. */
void samc_prompt_encoder_dense_pe(const samc_config *config, const float *gaussian, float *out);

/* Tokens [n][E] of n positions: points [n][2] in the frame of S, labels [n] as above (the point
 * of a padding label is not read). */
void samc_prompt_encoder_sparse(const samc_prompt_encoder *encoder, const float *points,
                                const int32_t *labels, int64_t n, float *tokens);

/* The dense map [T][E] of mask logits [L][L]. Errors: MEMORY. */
samc_status samc_prompt_encoder_mask(const samc_call *call, const samc_prompt_encoder *encoder,
                                     const float *logits, float *dense, samc_error *error);

#endif
