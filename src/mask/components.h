/* SPDX-License-Identifier: Apache-2.0
 *
 * Components: the connected pieces of a mask or of a label map.
 */
#ifndef SAMC_MASK_COMPONENTS_H
#define SAMC_MASK_COMPONENTS_H

#include "base/status.h"

/* Numbers the connected pieces of map [height][width] (rows without gaps, sides 1..65535): pixels
 * that hold the same value and touch, by a side or a corner, are one piece; 0 is background. ids
 * [height][width] gets 0 for the background and 1..*count, in the order of each piece's first pixel
 * in row order. Errors: LIMIT (2^31 pixels or more), MEMORY. */
samc_status samc_components_find(const uint8_t *map, int32_t height, int32_t width, int32_t *ids,
                                 int32_t *count, samc_error *error);

#endif
