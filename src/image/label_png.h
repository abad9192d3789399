/* SPDX-License-Identifier: Apache-2.0
 *
 * Label PNG: a picture whose numbers are labels and not brightness: gray of 1 to 16 bits, or
 * indices into a palette, whose colours are kept and not looked up.
 */
#ifndef SAMC_IMAGE_LABEL_PNG_H
#define SAMC_IMAGE_LABEL_PNG_H

#include "base/status.h"

#define SAMC_LABEL_PNG_COLORS 256

/* Begin with {0}; free `labels` with free(). */
typedef struct samc_label_png {
    int32_t width, height;
    uint16_t *labels; /* [height][width] */
    int32_t bits;     /* 8 (also for less), or 16 */
    int32_t n_colors; /* 0: gray */
    uint8_t colors[SAMC_LABEL_PNG_COLORS][3];
} samc_label_png;

/* Reads one of at most max_pixels. Errors: IO, FORMAT (no PNG, damaged, or in colour), LIMIT,
 * MEMORY; messages name the file. */
samc_status samc_label_png_read(const char *path, int64_t max_pixels, samc_label_png *png,
                                samc_error *error);
/* The same from memory, without a name in messages. */
samc_status samc_label_png_decode(const uint8_t *data, size_t size, int64_t max_pixels,
                                  samc_label_png *png, samc_error *error);
/* Writes it as it was read. Errors: IO, MEMORY. */
samc_status samc_label_png_write(const char *path, const samc_label_png *png, samc_error *error);

#endif
