/* SPDX-License-Identifier: Apache-2.0
 *
 * Polygons: an outline becomes a mask, pixel by pixel what COCO's own tools make of it;
 * and back, in outline.c. Outlines with holes are public: samc_polygons of samc.h.
 */
#ifndef SAMC_MASK_POLYGON_H
#define SAMC_MASK_POLYGON_H

#include "base/status.h"

/* A coordinate's largest size, in pixels. */
#define SAMC_POLYGON_MAX_COORDINATE 1e6

/* Sets to 1, in mask [height][width] (rows without gaps), what lies inside the closed polygon of
 * n_points vertices xy [n_points][2], by the even-odd rule; other pixels stay as they are, so that
 * calls for several polygons make their union. Coordinates are in pixels, origin at the top left
 * corner of the top left pixel, and may lie outside the picture. Equal to pycocotools' frPyObjects:
 * vertices are rounded to fifths of a pixel.
 * Errors: ARGUMENT (a side outside 1..65535), FORMAT (fewer than three points, a coordinate that is
 * not finite or too large), MEMORY. */
samc_status samc_polygon_fill(const double *xy, size_t n_points, int32_t height, int32_t width,
                              uint8_t *mask, samc_error *error);

#endif
