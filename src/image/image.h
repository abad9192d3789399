/* SPDX-License-Identifier: Apache-2.0
 *
 * Image: what every reader of a caller's samc_image needs: proof that it is sound, and its rows as
 * packed RGB whatever its format.
 */
#ifndef SAMC_IMAGE_IMAGE_H
#define SAMC_IMAGE_IMAGE_H

#include "base/status.h"

/* The longest side of a photo, in pixels (samc_image's contract; also JPEG's own limit). */
#define SAMC_IMAGE_MAX_SIDE 65535

/* Checks everything that samc.h asks of a samc_image: pixels there, sides 1..65535, a known format,
 * rows that do not overlap. Errors: ARGUMENT. */
samc_status samc_image_check(const samc_image *image, samc_error *error);

/* Row `y` as u8 [width][3] RGB: gray is repeated, BGR swapped, alpha dropped. A row that is RGB
 * already is returned in place, any other is converted into `scratch`, u8 [width][3].
 * `image` must have passed samc_image_check. */
const uint8_t *samc_image_row_rgb(const samc_image *image, int32_t y, uint8_t *scratch);

#endif
