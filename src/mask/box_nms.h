/* SPDX-License-Identifier: Apache-2.0
 *
 * Non-maximum suppression of boxes: of several that say the same, the one with the best score
 * stays.
 */
#ifndef SAMC_MASK_BOX_NMS_H
#define SAMC_MASK_BOX_NMS_H

#include "base/status.h"

/* Walks n boxes xyxy in the order of falling scores, equal scores in the order given, and keeps
 * each whose IoU with every one kept so far is not above `threshold`. keep [n] gets the indices of
 * the
 * *kept ones in that order. A box's area is (x1 - x0) * (y1 - y0); two without area have no IoU and
 * both stay. Equal to torchvision's nms, rounding included: IoU in f32, compared with a f64. A
 * score that is not a number counts as the highest. Time grows with n times *kept. Errors:
 * MEMORY. */
samc_status samc_box_nms(const float (*boxes)[4], const float *scores, size_t n, double threshold,
                         size_t *keep, size_t *kept, samc_error *error);

#endif
