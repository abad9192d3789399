/* SPDX-License-Identifier: Apache-2.0
 *
 * Shapes: things that no file holds: outlines and textures made of random numbers, so that training
 * works without any data.
 */
#ifndef SAMC_TRAIN_SHAPES_H
#define SAMC_TRAIN_SHAPES_H

#include "base/random.h"
#include "dataset/cutout.h"

/* Paints a texture (flat, gradient, stripes, checks, noise; two or three colours) over rows of RGB
 * (channels 3) or the colours of RGBA (channels 4), `stride` bytes apart. Where `stencil` [height]
 * [width] is given only its pixels that are not 0. */
void samc_texture_paint(samc_random *random, uint8_t *pixels, int32_t width, int32_t height,
                        size_t stride, int32_t channels, const uint8_t *stencil);

/* A thing of one to four parts, about `side` pixels large. `photo` (may be NULL; RGB) may lend it a
 * texture. Errors: MEMORY, FORMAT (rare: nothing of it is left; draw again). */
samc_status samc_shape_make(samc_random *random, int32_t side, const samc_image *photo,
                            samc_cutout *cutout, samc_error *error);

#endif
