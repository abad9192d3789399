/* SPDX-License-Identifier: Apache-2.0
 *
 * Decode: prompts of one photo through the transformer and the heads, in groups. What follows
 * (which masks are up-scaled, and what becomes of them) is the caller's: predictor.c wants them
 * all, automatic_mask_generator.c those whose predicted IoU is high.
 */
#ifndef SAMC_SEGMENT_DECODE_H
#define SAMC_SEGMENT_DECODE_H

#include "segment/embedding.h"

/* How many prompts are best computed together. */
int64_t samc_decode_group(const samc_model *model);

/* Decodes `count` prompts (checked, see prompt_check.h) for the masks first..first+masks-1 of each:
 * *decodings [count] hold image, hyper and iou, ready for samc_mask_decoder_upscale with the
 * embedding's photo; they and what they point to are taken from the call's arena, the caller gives
 * it back.
 * Source: SamPredictor.predict_torch. Errors: MEMORY. */
samc_status samc_decode(const samc_call *call, const samc_model *model,
                        const samc_embedding *embedding, const samc_prompt *prompts, int64_t count,
                        int32_t first, int32_t masks, samc_decoding **decodings, samc_error *error);

#endif
