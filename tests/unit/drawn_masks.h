/* SPDX-License-Identifier: Apache-2.0
 *
 * The masks of golden tests; tools/fixtures/drawn_masks.py draws the same ones.
 */
#ifndef SAMC_TEST_DRAWN_MASKS_H
#define SAMC_TEST_DRAWN_MASKS_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum drawn_kind { NOISE, SPARSE, HOLES, DISC, STRIPES, EMPTY, FULL };

static inline int drawn_pixel(enum drawn_kind kind, long h, long w, long y, long x, uint32_t *state)
{
    long r = (h < w ? h : w) / 2;

    *state = *state * 1664525u + 1013904223u;
    switch (kind) {
    case NOISE: return *state >> 24 < 128;
    case SPARSE: return *state >> 24 < 8;
    case HOLES: return *state >> 24 < 248;
    case DISC: return (2 * x - w) * (2 * x - w) + (2 * y - h) * (2 * y - h) < 4 * r * r;
    case STRIPES: return (x + 2 * y) / 50 % 2 == 1;
    case EMPTY: return 0;
    case FULL: return 1;
    }
    return 0;
}

/* [h][w], rows `stride` bytes apart; inside is `inside`, and so is what lies between the rows. */
static inline uint8_t *drawn_mask(enum drawn_kind kind, int32_t h, int32_t w, size_t stride,
                                  uint8_t inside)
{
    uint8_t *mask = malloc((size_t)h * stride);
    uint32_t state = (uint32_t)h * 65536u + (uint32_t)w;

    if (!mask)
        abort();
    memset(mask, inside, (size_t)h * stride);
    for (int32_t y = 0; y < h; y++)
        for (int32_t x = 0; x < w; x++)
            mask[(size_t)y * stride + (size_t)x] = drawn_pixel(kind, h, w, y, x, &state) ? inside
                                                                                         : 0;
    return mask;
}

#endif
