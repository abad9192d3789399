/* SPDX-License-Identifier: Apache-2.0
 *
 * Candidates: the masks that the points of one crop give, each asked of its own, before duplicates
 * are looked for. A mask whose predicted IoU is too low is dropped before it is up-scaled; the
 * others are seen a row at a time at the photo's size and leave their run lengths.
 * Source: SamAutomaticMaskGenerator._process_batch.
 */
#ifndef SAMC_SEGMENT_CANDIDATES_H
#define SAMC_SEGMENT_CANDIDATES_H

#include "segment/embedding.h"

typedef struct samc_candidate {
    char *rle;       /* COCO's string: a byte or two a run where counts of 64 bits take eight */
    int32_t crop[4]; /* xyxy of the crop, the end not included */
    int32_t box[4]; /* xyxy of the pixels inside, ends included; see samc_mask_box for an empty one,
                        whose zeros are those of the crop */
    int64_t area;
    float predicted_iou, stability;
    double point[2]; /* in pixels of the photo, as the box is */
} samc_candidate;

/* Begins as {0}. */
typedef struct samc_candidates {
    samc_candidate *items;
    size_t count, capacity;
} samc_candidates;

/* Keeps those at keep [count], in that order, from `first` on; frees the others there.
 * Errors: MEMORY; nothing changed then. */
samc_status samc_candidates_keep(samc_candidates *list, size_t first, const size_t *keep,
                                 size_t count, samc_error *error);
void samc_candidates_free(samc_candidates *list);

/* One crop to search. */
typedef struct samc_search {
    const samc_call *call;
    const samc_model *model;
    const samc_embedding *embedding; /* of the crop */
    const samc_generate_options *options;
    int32_t crop[4];       /* xyxy in the photo */
    int32_t width, height; /* of the photo */
    /* told how many points are done; fails where the user wants to stop */
    samc_status (*tell)(void *user, size_t done, samc_error *error);
    void *user;
} samc_search;

/* Asks at points [n][2] of the unit square, in their order, and appends to `found` in that of
 * points and masks. Errors: MEMORY, CANCELLED; `found` is the caller's to free then, too. */
samc_status samc_search_run(const samc_search *search, const double *points, size_t n,
                            samc_candidates *found, samc_error *error);

#endif
