/* SPDX-License-Identifier: Apache-2.0
 *
 * RLE: a binary mask as the lengths of its runs, in COCO's order: down the columns, the left one
 * first, runs of zeros and ones in turn and zeros first (a mask that begins inside has 0 there).
 *
 * Two forms: counts in memory (64 bits), and COCO's compressed string ("counts" of an annotation),
 * in which a count is written as its difference to the one two before it, 5 bits a character.
 *
 * Source: the COCO data format; answers are those of pycocotools.mask.
 */
#ifndef SAMC_MASK_RLE_H
#define SAMC_MASK_RLE_H

#include "base/status.h"

/* The largest side of a mask, in pixels. */
#define SAMC_RLE_MAX_SIDE 65535

/* Begin with {0}; free with samc_rle_free. The counts sum to height * width: every function that
 * fills an samc_rle sees to it, every other one relies on it. */
typedef struct samc_rle {
    int32_t height;
    int32_t width;
    size_t n_counts;
    uint64_t *counts;
} samc_rle;

/* Encodes mask [height][width], rows `stride` bytes apart, any byte but 0 is inside. What comes out
 * is canonical: only the first count may be 0. Errors: ARGUMENT (a side outside
 * 1..SAMC_RLE_MAX_SIDE, a stride below the width), MEMORY. */
samc_status samc_rle_encode(const uint8_t *mask, int32_t height, int32_t width, size_t stride,
                            samc_rle *rle, samc_error *error);
/* Copies `n_counts` counts of a file. Errors: ARGUMENT (a side), FORMAT (their sum is not height *
 * width), MEMORY. */
samc_status samc_rle_from_counts(const uint64_t *counts, size_t n_counts, int32_t height,
                                 int32_t width, samc_rle *rle, samc_error *error);
/* Reads COCO's string of `length` characters (no NUL needed). Errors: ARGUMENT (a side), FORMAT
 * (a foreign character, a count that is cut off, too long or negative, counts that do not sum to
 * height * width), MEMORY. */
samc_status samc_rle_from_string(const char *text, size_t length, int32_t height, int32_t width,
                                 samc_rle *rle, samc_error *error);
/* Writes COCO's string, NUL-terminated, into *text; free with free(). Errors: MEMORY. */
samc_status samc_rle_to_string(const samc_rle *rle, char **text, samc_error *error);
/* Writes 0 and 1 into mask [height][width], rows `stride` bytes apart. */
void samc_rle_decode(const samc_rle *rle, uint8_t *mask, size_t stride);
/* How many pixels are inside. */
uint64_t samc_rle_area(const samc_rle *rle);
/* The bounding box x, y, w, h in pixels, w and h counting pixels; four zeros for an empty mask. */
void samc_rle_box(const samc_rle *rle, int32_t box[4]);
void samc_rle_free(samc_rle *rle);

#endif
