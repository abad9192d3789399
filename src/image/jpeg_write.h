/* SPDX-License-Identifier: Apache-2.0
 *
 * JPEG: what is written, into memory.
 */
#ifndef SAMC_IMAGE_JPEG_WRITE_H
#define SAMC_IMAGE_JPEG_WRITE_H

#include "base/status.h"

#define SAMC_JPEG_MAX_SIDE 65500

/* Compresses `pixels` (RGB, [height][width], rows `stride` bytes apart, sides 1..65500) as a JPEG
 * of `quality` 1..100, chroma halved both ways or, with `full_chroma`, not at all. *file, of *size
 * bytes, is the caller's to free(). Errors: MEMORY. */
samc_status samc_jpeg_encode(const uint8_t *pixels, int32_t width, int32_t height, size_t stride,
                             int32_t quality, int full_chroma, uint8_t **file, size_t *size,
                             samc_error *error);

#endif
