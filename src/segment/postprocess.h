/* SPDX-License-Identifier: Apache-2.0
 *
 * Post-processing: low-res logits -> logits at the photo's size, row by row, and what becomes of
 * them. No map of the photo's size is needed for it.
 * Source: Sam.postprocess_masks (bilinear to the square, crop, bilinear to the photo),
 * utils/amg.py (stability score).
 */
#ifndef SAMC_SEGMENT_POSTPROCESS_H
#define SAMC_SEGMENT_POSTPROCESS_H

#include "segment/transforms.h"

typedef struct samc_postprocess {
    samc_frame frame;
    int32_t low_res, side; /* low-res logits are low_res^2, the square is side^2 */
    float threshold, stability_offset;
} samc_postprocess;

/* Where each number of a row of `out` lies between two numbers of a row of `in`. */
typedef struct samc_taps {
    int64_t in, out;
    int32_t *low;  /* [out] */
    float *weight; /* [out] */
} samc_taps;

/* What all masks of one frame share. */
typedef struct samc_post_plan {
    const samc_kernels *kernels;
    samc_postprocess post;
    samc_taps square; /* columns of the square from low-res columns, cut to the photo's rectangle */
    samc_taps photo;  /* columns of the photo from columns of the rectangle */
} samc_post_plan;

/* Takes a plan's arrays from the call's arena. Errors: MEMORY. */
samc_status samc_post_plan_make(const samc_call *call, const samc_postprocess *post,
                                samc_post_plan *plan, samc_error *error);
/* Floats of scratch that one run of samc_post_rows needs. */
int64_t samc_post_scratch(const samc_post_plan *plan);

/* The pixels [x0, x1) x [y0, y1) of the photo. */
typedef struct samc_window {
    int32_t x0, y0, x1, y1;
} samc_window;

/* All of the photo. */
samc_window samc_post_whole(const samc_post_plan *plan);
/* A window outside which no logit exceeds `floor`: interpolation never leaves the range of its
 * inputs, so a look at low_res [low_res][low_res] tells. x0 == x1 and y0 == y1 where there is none
 * that does. */
samc_window samc_post_window(const samc_post_plan *plan, const float *low_res, float floor);

/* Takes row y: row[x] is the logit of column x, for the columns of the window. */
typedef void (*samc_post_row_fn)(void *arg, int32_t y, const float *row);
/* Calls fn for each row of the window, from the top. low_res [low_res][low_res]. The numbers do not
 * depend on the window, bit by bit. */
void samc_post_rows(const samc_post_plan *plan, const float *low_res, const samc_window *window,
                    float *scratch, samc_post_row_fn fn, void *arg);

/* One mask, by all threads. Any of mask (u8 [H][W]), logits (f32 [H][W]) and stability may be NULL.
 * Errors: MEMORY. */
samc_status samc_postprocess_run(const samc_call *call, const samc_postprocess *post,
                                 const float *low_res, uint8_t *mask, float *logits,
                                 float *stability, samc_error *error);

#endif
