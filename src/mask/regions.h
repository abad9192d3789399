/* SPDX-License-Identifier: Apache-2.0
 *
 * Regions of a binary mask: how deep inside a pixel lies, and the deepest one.
 *
 * Masks are uint8 [height][width], rows without gaps, any byte but 0 is inside; sides 1 to 65535.
 */
#ifndef SAMC_MASK_REGIONS_H
#define SAMC_MASK_REGIONS_H

#include "base/status.h"

/* The distance where there is no background at all. */
#define SAMC_DISTANCE_NONE INT64_MAX

typedef enum samc_border {
    SAMC_BORDER_OUTSIDE, /* the pixels just beyond the picture are background */
    SAMC_BORDER_UNKNOWN  /* there is nothing beyond the picture */
} samc_border;

/* The exact Euclidean distance transform, squared so that it stays a whole number: squared [height]
 * [width] is the squared distance in pixels, centre to centre, from each pixel to the nearest one
 * of the background; 0 outside the mask. Linear in the number of pixels.
 * Source: Felzenszwalb & Huttenlocher, "Distance Transforms of Sampled Functions" (2012): 1-D
 * transforms by the lower envelope of parabolas; in whole numbers as Meijster, Roerdink and
 * Hesselink, "A General Algorithm for Computing Distance Transforms in Linear Time" (2000). The
 * root equals OpenCV's distanceTransform(DIST_L2, DIST_MASK_PRECISE) and SciPy's
 * distance_transform_edt.
 * Errors: MEMORY. */
samc_status samc_distance_squared(const uint8_t *mask, int32_t height, int32_t width,
                                  samc_border border, int64_t *squared, samc_error *error);

/* The pixel (x, y) deepest inside the mask (SAMC_BORDER_OUTSIDE), the first in row order if several
 * are, and its squared distance; 0 for an empty mask. Errors: MEMORY. */
samc_status samc_region_peak(const uint8_t *mask, int32_t height, int32_t width, int32_t *x,
                             int32_t *y, int64_t *squared, samc_error *error);

#endif
