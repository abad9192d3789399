/* SPDX-License-Identifier: Apache-2.0
 *
 * Orientation: EXIF's tag 0x0112, and turning pixels by it.
 */
#ifndef SAMC_IMAGE_ORIENTATION_H
#define SAMC_IMAGE_ORIENTATION_H

#include "base/status.h"

#include <samc_io.h>

/* The orientation, 1..8, in a block of EXIF (a TIFF structure, with or without the six bytes
 * "Exif\0\0" before it); 1 where it says none or is damaged: a photo with bad EXIF is still a
 * photo. Errors: MEMORY. */
samc_status samc_orientation_read(const uint8_t *exif, size_t size, int32_t *orientation,
                                  samc_error *error);

/* Turns the photo as orientation 1..8 says, so that row 0 is on top. Errors: MEMORY (the photo is
 * as before). Source: Pillow, ImageOps.exif_transpose. */
samc_status samc_orientation_apply(samc_photo *photo, int32_t orientation, samc_error *error);

#endif
