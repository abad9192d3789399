/* SPDX-License-Identifier: Apache-2.0
 *
 * Mask decoder: image embedding + prompts -> low-res logits and predicted IoU, in two steps: the
 * transformer with its heads, and the up-scaling, which costs as much again and is needed only for
 * masks that somebody wants. E = embed_dim, T = grid * grid, L = 4 * grid, M = mask_tokens; blocks
 * as in image_blocks.h.
 * Source: modeling/mask_decoder.py.
 */
#ifndef SAMC_MODEL_MASK_DECODER_H
#define SAMC_MODEL_MASK_DECODER_H

#include "model/transformer.h"

typedef struct samc_mask_decoder {
    const samc_config *config; /* the model's */
    samc_transformer transformer;
    float *iou_token;                     /* [E] */
    float *mask_tokens;                   /* [M][E] */
    samc_left up0, up3;                   /* transposed 2x2 s2: m = (ky * 2 + kx) * channels + c */
    float *bias0, *bias3;                 /* [E / 4], [E / 8] */
    samc_norm up1;                        /* [E / 4] */
    samc_mlp hyper[SAMC_MAX_MASK_TOKENS]; /* E -> E -> E -> E / 8 */
    samc_mlp iou_head;                    /* E -> hidden -> hidden -> M */
} samc_mask_decoder;

/* The kind of image that suits a prompt of n sparse tokens, and its floats. */
samc_image_kind samc_mask_decoder_kind(const samc_mask_decoder *decoder, int given, int64_t n);
int64_t samc_mask_decoder_floats(const samc_mask_decoder *decoder, samc_image_kind kind, int64_t n);

/* Takes "mask_decoder.*" from the loader; `config` must outlive it. `pe` is the position encoding
 * as blocks of E rows. Call samc_mask_decoder_free in every case. Errors: MEMORY. */
samc_status samc_mask_decoder_load(samc_loader *loader, const samc_config *config, const float *pe,
                                   samc_mask_decoder *decoder);
void samc_mask_decoder_free(samc_mask_decoder *decoder);

/* One prompt on its way through the decoder. */
typedef struct samc_decoding {
    int64_t n;           /* sparse tokens */
    const float *sparse; /* [n][E] */
    samc_image_kind kind;
    float *image; /* [samc_image_floats] of its 1 + M + n tokens, see samc_two_way_prompt */
    float *iou;   /* [M]: out, of all masks */
    float *hyper; /* [count][E / 8]: out, of the masks asked for */
} samc_decoding;

/* The transformer and the heads of `count` prompts: fills image, iou of all masks and hyper of the
 * masks first..first+masks-1. pe, photo as in samc_transformer_run. Errors: MEMORY. */
samc_status samc_mask_decoder_run(const samc_call *call, const samc_mask_decoder *decoder,
                                  const float *pe, const samc_shared_image *photo, int32_t first,
                                  int32_t masks, int64_t count, const samc_decoding *prompts,
                                  samc_error *error);

/* One up-scaling: prompt->image as samc_mask_decoder_run leaves it, hyper [masks][E / 8] -> logits
 * [masks][L][L]; at least one mask. */
typedef struct samc_upscaling {
    int32_t masks;
    const samc_decoding *prompt;
    const float *hyper;
    float *logits;
} samc_upscaling;

/* `count` of them; `photo` is what the prompts were run with. Errors: MEMORY. */
samc_status samc_mask_decoder_upscale(const samc_call *call, const samc_mask_decoder *decoder,
                                      const samc_shared_image *photo, int64_t count,
                                      const samc_upscaling *upscalings, samc_error *error);

/* An MLP with ReLU between its layers: x [m][in] -> y [m][out]. Errors: MEMORY. */
samc_status samc_mlp_run(const samc_call *call, const samc_mlp *mlp, int64_t m, const float *x,
                         float *y, samc_error *error);

#endif
