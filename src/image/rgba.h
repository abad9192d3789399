/* SPDX-License-Identifier: Apache-2.0
 *
 * RGBA: pictures with transparency, which samc_photo_read drops.
 */
#ifndef SAMC_IMAGE_RGBA_H
#define SAMC_IMAGE_RGBA_H

#include "base/status.h"

/* Begin with {0}; free `pixels` with free(). */
typedef struct samc_rgba {
    int32_t width, height;
    uint8_t *pixels; /* [height][width][4], colours not multiplied by alpha */
} samc_rgba;

/* Reads a PNG with transparency as 8-bit RGBA. Errors: IO, FORMAT (no PNG, or damaged), UNSUPPORTED
 * (no transparency in it), LIMIT (more than max_pixels pixels, seen before memory is taken),
 * MEMORY. */
samc_status samc_rgba_read(const char *path, int64_t max_pixels, samc_rgba *picture,
                           samc_error *error);

#endif
