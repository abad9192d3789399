/* SPDX-License-Identifier: Apache-2.0
 *
 * Recompress: what a picture looks like after it was saved as a JPEG.
 */
#ifndef SAMC_IMAGE_RECOMPRESS_H
#define SAMC_IMAGE_RECOMPRESS_H

#include "base/status.h"

/* Compresses `pixels` (RGB, [height][width], rows `stride` bytes apart, sides 1..65500) as a JPEG
 * of `quality` 1..100 with halved chroma, and puts back what it decodes to. Errors: MEMORY. */
samc_status samc_jpeg_recompress(uint8_t *pixels, int32_t width, int32_t height, size_t stride,
                                 int32_t quality, samc_error *error);

#endif
