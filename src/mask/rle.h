/* SPDX-License-Identifier: Apache-2.0
 *
 * RLE: a binary mask as the lengths of its runs. The struct and its functions are public: samc.h
 * says what they do.
 *
 *   rle.c           pixels and COCO's strings, both ways; area, box
 *   rle_ops.c       merge, IoU, suppression: two lists of runs walked side by side
 *   rle_regions.c   connected regions, holes, islands: a union of the runs that touch
 *
 * Source: the COCO data format; answers are those of pycocotools.mask.
 */
#ifndef SAMC_MASK_RLE_H
#define SAMC_MASK_RLE_H

#include "base/status.h"

/* The largest side of a mask, in pixels. */
#define SAMC_RLE_MAX_SIDE 65535

#endif
