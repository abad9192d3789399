/* SPDX-License-Identifier: Apache-2.0
 *
 * Cut-outs: things with transparency around them, ready to be pasted at any size.
 */
#ifndef SAMC_DATASET_CUTOUT_H
#define SAMC_DATASET_CUTOUT_H

#include "image/rgba.h"

#define SAMC_CUTOUT_LEVELS 12

/* A pyramid of premultiplied RGBA: colours times alpha / 255, so that averages mix no colour of
 * what is transparent. Begin with {0}; owned, free with samc_cutout_free. */
typedef struct samc_cutout {
    int32_t n_levels;
    struct samc_cutout_level {
        int32_t width, height; /* half of the level before, rounded up */
        uint8_t *pixels;       /* [height][width][4] */
    } levels[SAMC_CUTOUT_LEVELS];
    size_t bytes;
    uint8_t *memory; /* all levels */
    char *label;     /* or NULL */
} samc_cutout;

/* Cuts `picture` down to what is not transparent, shrinks it to at most `max_side` and builds the
 * pyramid. Errors: FORMAT (nothing in it is opaque, or nothing transparent: a picture with a frame
 * is no cut-out), MEMORY. */
samc_status samc_cutout_make(const samc_rgba *picture, int32_t max_side, samc_cutout *cutout,
                             samc_error *error);
/* Reads a PNG; its label is the first line of the file NAME.txt beside it, if there is one. Errors:
 * those of samc_rgba_read and of samc_cutout_make; messages name the file. */
samc_status samc_cutout_read(const char *path, int64_t max_pixels, int32_t max_side,
                             samc_cutout *cutout, samc_error *error);
void samc_cutout_free(samc_cutout *cutout);

#endif
