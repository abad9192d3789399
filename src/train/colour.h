/* SPDX-License-Identifier: Apache-2.0
 *
 * Colour: random changes of colour and of a whole picture's quality.
 */
#ifndef SAMC_TRAIN_COLOUR_H
#define SAMC_TRAIN_COLOUR_H

#include "base/random.h"
#include "base/status.h"

/* A change of colours: a curve a channel, then a mixing of channels around gray. */
typedef struct samc_colour {
    uint8_t curve[3][256];
    int32_t matrix[3][3]; /* 10 bits behind the point */
} samc_colour;

/* Draws a change; `strength` 0 none, 1 what a photo bears without looking odd. */
samc_colour samc_colour_draw(samc_random *random, float strength);
/* Applies it to rows of RGB (channels 3) or premultiplied RGBA (channels 4). */
void samc_colour_apply(const samc_colour *colour, uint8_t *pixels, int32_t width, int32_t height,
                       size_t stride, int32_t channels);

/* Blurs in place by `passes` box filters of 2 * radius + 1 pixels (edges repeat); rows `stride`
 * bytes apart. Errors: MEMORY. */
samc_status samc_box_blur(uint8_t *pixels, int32_t width, int32_t height, size_t stride,
                          int32_t channels, int32_t radius, int32_t passes, samc_error *error);

/* What cameras and files do to a picture: gamma, contrast and colour, at times blur, noise, and
 * JPEG's blocks. RGB, rows `stride` bytes apart. Errors: MEMORY. */
samc_status samc_degrade(samc_random *random, float strength, uint8_t *pixels, int32_t width,
                         int32_t height, size_t stride, samc_error *error);

#endif
