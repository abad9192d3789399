/* SPDX-License-Identifier: Apache-2.0
 *
 * Resize: Pillow's antialiased bilinear filter on 8-bit pixels, bit by bit.
 *
 * Each axis is a filter of its own, columns first, then rows; as since Pillow 13, rows come first
 * where the height loses more than twice the pixels that the width does. Where an axis shrinks, the
 * triangle is widened by the scale, so that every input pixel counts (this is what "antialiased"
 * means; OpenCV's and torch's plain bilinear differ). Weights are fixed point with 22 bits; between
 * the two passes values are rounded and clipped to 8 bits. An axis that keeps its size is not
 * filtered.
 */
#ifndef SAMC_IMAGE_RESIZE_H
#define SAMC_IMAGE_RESIZE_H

#include "base/status.h"

/* Resizes `in` (any samc_pixel_format) to `out`, u8 [out_h][out_w][3] RGB, sides 1..65535.
 * Equal, bit by bit, to Image.resize((out_w, out_h), Image.BILINEAR) of the RGB image. Scratch: the
 * weights and, of the photo, only the rows that one output row needs.
 * Errors: ARGUMENT, MEMORY. Source: Pillow, ImagingResample. */
samc_status samc_resize_rgb(const samc_image *in, int32_t out_w, int32_t out_h, uint8_t *out,
                            samc_error *error);

#endif
