/* SPDX-License-Identifier: Apache-2.0
 *
 * Evaluation: how well a model finds an object that a person has outlined, from clicks that a
 * person would make and from a box.
 *
 * The protocol, for one object of one photo:
 *
 *   click 1    where the object's distance transform peaks (the deepest pixel; beyond the picture
 *              is outside); the model gives three masks. "Ranked first" is the one with the highest
 *              predicted IoU, "best of three" the one with the highest true IoU.
 *   click 2..  the mask carried on (of click 1: the one ranked first) is wrong in two regions,
 *              false negatives and false positives. The region whose distance transform peaks
 *              higher gets the click (a tie: the negatives'), at its peak: label 1 in a negative, 0
 *              in a positive. All clicks so far go in, with the carried mask's low-res logits; the
 *              model gives its single mask. A mask without error is kept, without a call.
 *   box        the object's tight box, x0, y0, x1 + 1, y1 + 1 in pixel indices: around its pixels,
 *              not through their centres; single mask.
 *
 * Pixels to ignore are in no region and count in no IoU. A click at pixel (i, j) is the position
 * (i, j), as the reference takes it.
 *
 * Source of the clicks: Sofiiuk et al., "Reviving Iterative Training with Mask Guidance for
 * Interactive Segmentation" (2021), whose NoC (number of clicks) this is; single mask after the
 * first click: Kirillov et al., "Segment Anything" (2023), appendix A.
 */
#ifndef SAMC_TRAIN_EVALUATE_H
#define SAMC_TRAIN_EVALUATE_H

#include "base/status.h"

#define SAMC_EVALUATE_MAX_CLICKS 20

/* What a pixel of a label map means. */
enum { SAMC_LABEL_BACKGROUND = 0, SAMC_LABEL_IGNORE = 128, SAMC_LABEL_OBJECT = 255 };

/* One photo's figures, all IoUs of 0..1. */
typedef struct samc_evaluation {
    int32_t n_clicks;                        /* as asked for */
    double clicks[SAMC_EVALUATE_MAX_CLICKS]; /* [i]: after click i + 1, ranked first */
    double best_of_three;                    /* after click 1 */
    double box;
} samc_evaluation;

/* Evaluates one photo. `labels` [height][width], rows without gaps, of the embedding's photo; every
 * value is one of the three above. `max_clicks` is 1..SAMC_EVALUATE_MAX_CLICKS.
 * Errors: ARGUMENT, FORMAT (another value, or no object in `labels`), and samc_predict's. */
samc_status samc_evaluate_photo(samc_context *context, const samc_model *model,
                                const samc_embedding *embedding, const uint8_t *labels,
                                int32_t max_clicks, samc_evaluation *evaluation, samc_error *error);

/* Means over photos that were evaluated with the same number of clicks. */
typedef struct samc_evaluation_summary {
    int32_t n_photos;
    int32_t n_clicks;
    double clicks[SAMC_EVALUATE_MAX_CLICKS];
    double best_of_three;
    double box;
    double noc85, noc90;        /* clicks to reach an IoU of 0.85, of 0.90; a photo that never does
                                      counts n_clicks */
    int32_t missed85, missed90; /* photos that never do */
} samc_evaluation_summary;

/* `n` is at least 1. */
void samc_evaluate_summarize(const samc_evaluation *evaluations, size_t n,
                             samc_evaluation_summary *summary);

#endif
