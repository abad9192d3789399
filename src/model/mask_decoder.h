/* SPDX-License-Identifier: Apache-2.0
 *
 * Mask decoder: image embedding + prompt -> low-res logits and predicted IoU. E = embed_dim,
 * T = grid * grid, L = 4 * grid, M = mask_tokens.
 * Source: modeling/mask_decoder.py.
 */
#ifndef SAMC_MODEL_MASK_DECODER_H
#define SAMC_MODEL_MASK_DECODER_H

#include "model/transformer.h"

typedef struct samc_mask_decoder {
    const samc_config *config; /* the model's */
    samc_transformer transformer;
    float *iou_token;     /* [E] */
    float *mask_tokens;   /* [M][E] */
    samc_linear up0, up3; /* transposed 2x2 s2 as linear layers: n = (ky * 2 + kx) * channels + c */
    samc_norm up1;
    samc_mlp hyper[SAMC_MAX_MASK_TOKENS]; /* E -> E -> E -> E / 8 */
    samc_mlp iou_head;                    /* E -> hidden -> hidden -> M */
} samc_mask_decoder;

/* Takes "mask_decoder.*" from the loader; `config` must outlive it. Call samc_mask_decoder_free in
 * every case. Errors: MEMORY. */
samc_status samc_mask_decoder_load(samc_loader *loader, const samc_config *config,
                                   samc_mask_decoder *decoder);
void samc_mask_decoder_free(samc_mask_decoder *decoder);

/* One prompt: image [T][E] = embedding + dense prompt (overwritten), image_pe [T][E], n sparse
 * tokens [n][E]; logits [count][L][L] of masks first..first+count-1, iou [M] of all. Errors:
 * MEMORY. */
samc_status samc_mask_decoder_run(const samc_call *call, const samc_mask_decoder *decoder,
                                  const float *image_pe, int64_t n, const float *sparse,
                                  int32_t first, int32_t count, float *image, float *logits,
                                  float *iou, samc_error *error);

/* Its last stage: image [T][E] as the transformer leaves it, hyper [count][E / 8] -> logits
 * [count][L][L]. Errors: MEMORY. */
samc_status samc_mask_decoder_upscale(const samc_call *call, const samc_mask_decoder *decoder,
                                      const float *image, int32_t count, const float *hyper,
                                      float *logits, samc_error *error);

/* An MLP with ReLU between its layers: x [m][in] -> y [m][out]. Errors: MEMORY. */
samc_status samc_mlp_run(const samc_call *call, const samc_mlp *mlp, int64_t m, const float *x,
                         float *y, samc_error *error);

#endif
