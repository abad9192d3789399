/* SPDX-License-Identifier: Apache-2.0
 *
 * Transforms: between the photo's frame and the model's square.
 * Source: utils/transforms.py (ResizeLongestSide), Sam.preprocess.
 */
#ifndef SAMC_SEGMENT_TRANSFORMS_H
#define SAMC_SEGMENT_TRANSFORMS_H

#include "kernels/kernels.h"
#include "model/config.h"

/* A photo's place in the model's square: it fills the rectangle at the top left. */
typedef struct samc_frame {
    int32_t width, height; /* of the photo */
    int32_t resized_width,
        resized_height; /* of the rectangle; the longer one is the square's side */
} samc_frame;

/* scale = side / max(h, w); each side int(side * scale + 0.5), but at least 1 (where the reference
 * fails: strips beyond 2 * side : 1). */
samc_frame samc_frame_of(int32_t width, int32_t height, int32_t side);

/* Position (x, y) of the photo in the square, each axis on its own. */
void samc_frame_apply(const samc_frame *frame, const float xy[2], float out[2]);

/* Photo -> patches f32 [grid * grid][3][p][p] of the resized, normalised ((x - mean) / std, RGB)
 * and zero-padded square: the rows of the patch embedding. Errors: MEMORY, ARGUMENT. */
samc_status samc_transform_patches(const samc_call *call, const samc_config *config,
                                   const samc_image *image, const samc_frame *frame, float *patches,
                                   samc_error *error);

/* The way back: patches -> pixels [S][S][3], rounded and cut off at 0 and 255. */
void samc_transform_pixels(const samc_config *config, const float *patches, uint8_t *pixels);

#endif
