/* SPDX-License-Identifier: Apache-2.0
 *
 * Regions of a binary mask: the pixel deepest inside. How deep
 * each one lies is public: samc_distance_squared of samc.h.
 *
 * Masks are uint8 [height][width], rows without gaps, any byte but 0 is inside; sides 1 to 65535.
 */
#ifndef SAMC_MASK_REGIONS_H
#define SAMC_MASK_REGIONS_H

#include "base/status.h"

/* The pixel (x, y) deepest inside the mask (SAMC_BORDER_OUTSIDE), the first in row order if several
 * are, and its squared distance; 0 for an empty mask. Errors: MEMORY. */
samc_status samc_region_peak(const uint8_t *mask, int32_t height, int32_t width, int32_t *x,
                             int32_t *y, int64_t *squared, samc_error *error);

#endif
