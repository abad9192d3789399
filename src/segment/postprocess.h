/* SPDX-License-Identifier: Apache-2.0
 *
 * Post-processing: low-res logits -> logits and mask at the photo's size, row by row.
 * Source: Sam.postprocess_masks (bilinear to the square, crop, bilinear to the photo),
 * utils/amg.py (stability score).
 */
#ifndef SAMC_SEGMENT_POSTPROCESS_H
#define SAMC_SEGMENT_POSTPROCESS_H

#include "segment/transforms.h"

typedef struct samc_postprocess {
    samc_frame frame;
    int32_t low_res, side; /* low-res logits are low_res^2, the square is side^2 */
    float threshold, stability_offset;
} samc_postprocess;

/* One mask. low_res [low_res][low_res]. Any of mask (u8 [H][W]), logits (f32 [H][W]) and stability
 * may be NULL. Errors: MEMORY. */
samc_status samc_postprocess_run(const samc_call *call, const samc_postprocess *post,
                                 const float *low_res, uint8_t *mask, float *logits,
                                 float *stability, samc_error *error);

#endif
