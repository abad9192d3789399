/* SPDX-License-Identifier: Apache-2.0
 *
 * Crops and grids: where the automatic mask generator looks.
 * Source: utils/amg.py (generate_crop_boxes, build_point_grid).
 */
#ifndef SAMC_SEGMENT_CROPS_H
#define SAMC_SEGMENT_CROPS_H

#include "base/status.h"

/* Layer i has 4^i crops; more layers than this would have crops of a few pixels in any photo. */
#define SAMC_CROPS_MAX_LAYERS 8

typedef struct samc_crop {
    int32_t box[4]; /* xyxy in pixels of the photo, the end not included; may be empty */
    int32_t layer;  /* 0: the photo itself */
} samc_crop;

/* The crops of layers 0..layers (at most SAMC_CROPS_MAX_LAYERS) of a photo, layer after layer,
 * column after column; free *crops with free(). Layer i is cut 2^i times along each side;
 * neighbours overlap by overlap_ratio (0..1) of the shorter side in layer 1, by half of that in
 * layer 2, and so on. Errors: MEMORY. */
samc_status samc_crops_make(int32_t width, int32_t height, int32_t layers, double overlap_ratio,
                            samc_crop **crops, size_t *count, samc_error *error);

/* n x n points [n * n][2], x running fastest, evenly spread over the unit square, half a step from
 * its edges; n >= 1. Free *points with free(). Errors: MEMORY. */
samc_status samc_point_grid_make(int32_t n, double **points, samc_error *error);

#endif
