/* SPDX-License-Identifier: Apache-2.0
 *
 * PNG: what is written beside the public samc_png_write.
 */
#ifndef SAMC_IMAGE_PNG_H
#define SAMC_IMAGE_PNG_H

#include "base/status.h"

/* Writes a gray PNG of 16 bits: values [height][width], rows without gaps. The file appears whole
 * or not at all. Errors: ARGUMENT, IO, MEMORY. */
samc_status samc_png_write_gray16(const char *path, const uint16_t *values, int32_t width,
                                  int32_t height, samc_error *error);

#endif
