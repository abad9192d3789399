/* SPDX-License-Identifier: Apache-2.0
 *
 * Cleaning the masks of one photo: small holes and islands, duplicates, masks within masks,
 * overlap.
 */
#ifndef SAMC_MASK_CLEAN_H
#define SAMC_MASK_CLEAN_H

#include "base/status.h"

/* Of a mask that lies within another one. */
typedef enum samc_nested {
    SAMC_NESTED_KEEP,     /* both stay */
    SAMC_NESTED_SMALLEST, /* the outer one goes */
    SAMC_NESTED_LARGEST,  /* the inner one goes */
    SAMC_NESTED_MERGE     /* the inner one becomes part of the outer one that it overlaps best */
} samc_nested;

/* Whose a pixel is that several masks have. */
typedef enum samc_disjoint {
    SAMC_DISJOINT_NONE, /* they share it */
    SAMC_DISJOINT_SMALLEST,
    SAMC_DISJOINT_LARGEST,
    SAMC_DISJOINT_SCORE, /* the highest score's */
    SAMC_DISJOINT_FIRST
} samc_disjoint;

typedef struct samc_clean_options {
    uint64_t holes;    /* fill those of less pixels, not those at the edge; 0: none */
    uint64_t islands;  /* drop those of less pixels, the largest stays; 0: none */
    uint64_t min_area; /* drop masks of less pixels */
    double duplicates; /* drop the lower-scored of two whose IoU is larger; >= 1: none */
    samc_nested nested;
    double share; /* a mask is nested if this share of it lies within another one */
    samc_disjoint disjoint;
} samc_clean_options;

typedef struct samc_clean_item {
    samc_rle rle;
    double score; /* NAN: none; then the larger mask is the better one */
    int changed, dropped;
} samc_clean_item;

/* How often each was done. */
typedef struct samc_clean_counts {
    size_t masks, holes, islands, small, duplicates, nested, vanished, kept;
} samc_clean_counts;

/* Cleans items [n], all of one size, in the order of the options; adds to `counts`. A mask that is
 * dropped keeps its pixels; one that is empty from the start or becomes so is dropped. Errors:
 * ARGUMENT (sizes that differ), MEMORY. */
samc_status samc_clean_masks(samc_clean_item *items, size_t n, const samc_clean_options *options,
                             samc_clean_counts *counts, samc_error *error);

#endif
