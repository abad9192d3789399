/* SPDX-License-Identifier: Apache-2.0
 *
 * Rounds: the interaction of one step. Every mask of the batch is prompted, corrected and corrected
 * again (prompt_sampler.h); each round's answer is judged (loss.h) and sends its gradient back at
 * once, and within a round so many prompts at a time (settings->at_once): only their activations
 * are ever kept. The logits that go into the next round
 * are constants to the gradient, as in the reference's recipe.
 *
 * Round 0 makes all masks. A click is answered by the three (of which the one ranked first is
 * carried on), a box by the single one; with settings->both either kind trains both answers. Later
 * rounds make the single mask.
 */
#ifndef SAMC_TRAIN_ROUNDS_H
#define SAMC_TRAIN_ROUNDS_H

#include "train/batch.h"
#include "train/mask_decoder_grad.h"
#include "train/settings.h"

/* What a step tells of itself. Losses are means over prompts and answers (of the whole step: where
 * ranks share one, the sum of their reports is the step's); a sum of several steps' reports
 * (samc_rounds_report_add) divided by its counts is their mean. */
typedef struct samc_rounds_report {
    double loss, focal, dice, bce, iou;
    int64_t boxes, clicks;               /* first prompts of either kind */
    double box_iou, click_iou, best_iou; /* sums of the true IoU after round 0: of the single mask
                                            from a box; of the mask ranked first, and of the best
                                            one, from a click */
    double last_iou;                     /* sum, after the last round, of all prompts */
} samc_rounds_report;

void samc_rounds_report_add(samc_rounds_report *sum, const samc_rounds_report *report);

/* What was prompted in one pass of a round and what it answered: for comparisons with PyTorch.
 * Called before the way back; all arrays live during the call only. */
typedef struct samc_rounds_record {
    int32_t round;
    const samc_prompt_batch *prompts;
    const int32_t *mask; /* [N]: which of the batch's masks each prompt is of */
    const float *logits; /* [N][count][L][L] */
    const float *iou;    /* [N][count] */
} samc_rounds_record;
typedef samc_status (*samc_rounds_record_fn)(void *user, const samc_rounds_record *record,
                                             samc_error *error);

typedef struct samc_rounds {
    const samc_train_settings *settings;
    uint64_t seed, step;
    const samc_train_batch *batch;
    const float *embedding;       /* [B * P][E] */
    float *dembedding;            /* [B * P][E]: added to */
    samc_rounds_record_fn record; /* may be NULL */
    void *user;
} samc_rounds;

/* Runs all rounds; adds to the parameters' gradients. Errors: ARGUMENT, MEMORY, record's. */
samc_status samc_train_rounds(const samc_train_call *t, const samc_train_decoder *decoder,
                              const samc_rounds *rounds, samc_rounds_report *report);

#endif
