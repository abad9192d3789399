/* SPDX-License-Identifier: Apache-2.0
 *
 * Binary masks: uint8 [height][width], rows `stride` bytes apart, any byte but 0 is inside.
 */
#ifndef SAMC_MASK_MASK_H
#define SAMC_MASK_MASK_H

#include <stddef.h>
#include <stdint.h>

/* How many pixels are inside. */
int64_t samc_mask_area(const uint8_t *mask, int32_t height, int32_t width, size_t stride);

/* The box x0, y0, x1, y1 of the pixels inside, in pixel indices and both ends included: x1 is the
 * last column that holds one, so a single pixel has x0 == x1. Returns 1; for an empty mask 0, and
 * the box is four zeros. Source: utils/amg.py, batched_mask_to_box. */
int samc_mask_box(const uint8_t *mask, int32_t height, int32_t width, size_t stride,
                  int32_t box[4]);

/* Intersection over union, 0..1, of two masks of one size, rows without gaps, over the pixels where
 * `ignore` (NULL: none) is 0. Two masks that are empty there agree: 1. */
double samc_mask_iou(const uint8_t *a, const uint8_t *b, const uint8_t *ignore, int32_t height,
                     int32_t width);

#endif
