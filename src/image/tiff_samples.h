/* SPDX-License-Identifier: Apache-2.0
 *
 * TIFF samples: rows as libtiff hands them out -> 8-bit RGB. No libtiff in here, only arithmetic.
 */
#ifndef SAMC_IMAGE_TIFF_SAMPLES_H
#define SAMC_IMAGE_TIFF_SAMPLES_H

#include <stddef.h>
#include <stdint.h>

/* Samples a pixel at most: CMYK and two more, or RGB and three. */
#define SAMC_TIFF_MAX_SAMPLES 6

typedef enum samc_tiff_colors {
    SAMC_TIFF_GRAY,          /* 0 is black */
    SAMC_TIFF_INVERTED_GRAY, /* 0 is white */
    SAMC_TIFF_PALETTE,
    SAMC_TIFF_RGB,
    SAMC_TIFF_CMYK, /* 0 is no ink */
} samc_tiff_colors;

typedef struct samc_tiff_kind {
    samc_tiff_colors colors;
    int32_t bits;               /* a sample: 1, 2, 4, 8 or 16 */
    int32_t samples;            /* a pixel, extra ones included */
    int32_t premultiplied;      /* the first extra sample is alpha, and colours are scaled by it */
    const uint16_t *palette[3]; /* [1 << bits] red, green, blue; if PALETTE */
} samc_tiff_kind;

/* Samples before the extra ones: 1, 3 or 4. */
int32_t samc_tiff_base_samples(samc_tiff_colors colors);

/* Unpacks `count` samples of one row (16 bits in the machine's order) to 8 bits each, out[0],
 * out[step], out[2 * step] … Gray of fewer bits is scaled to 0..255, palette indices are not; of 16
 * bits the high byte stays. */
void samc_tiff_unpack(const samc_tiff_kind *kind, const uint8_t *packed, size_t count, uint8_t *out,
                      size_t step);

/* u8 [width][samples] -> u8 [width][3] RGB. Extra samples are dropped; premultiplied colours are
 * divided by alpha first. */
void samc_tiff_to_rgb(const samc_tiff_kind *kind, const uint8_t *in, size_t width, uint8_t *rgb);

#endif
