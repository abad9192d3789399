/* SPDX-License-Identifier: Apache-2.0
 *
 * Prompt sampler: the person in front of the model, simulated, so that the model learns to be
 * corrected. A mask is prompted in rounds:
 *
 *   round 0    even odds: a click anywhere on the object, or a box drawn carelessly around it
 *   round 1..  one more click where the model is wrong, on what it missed (label 1) or took by
 *              mistake (label 0); the low-res logits of the mask carried on go in with all clicks
 *   two rounds of a long interaction bring no new click: one of those between (drawn) and the last;
 *              the model refines its own mask
 *
 * Masks are uint8 [size][size] in the model's square, the photo's width x height at its top left: 1
 * is the object, 0 is not, any other value is unknown (as in train/samples.h). Points are pixel
 * indices of the square: a click on column i and row j is (i, j), what samc_prompt_encoder_sparse
 * takes. Boxes run around pixels, not through their centres: x1 is one past the last column.
 *
 * Every draw is a function of the key and the round alone (base/random.h): no order of calls and no
 * number of threads changes it, and a run that resumes draws what an unbroken one would.
 *
 * Source: "Segment Anything" (Kirillov et al., 2023), appendix A, "Training algorithm".
 */
#ifndef SAMC_TRAIN_PROMPT_SAMPLER_H
#define SAMC_TRAIN_PROMPT_SAMPLER_H

#include "base/status.h"

typedef struct samc_prompt_options {
    int32_t rounds;     /* of one mask, the first included: 11 in the paper */
    int32_t quiet_from; /* with fewer rounds than this every one brings a click: 4 */
    float box;          /* the share of first prompts that are boxes: 0.5 */
    float box_noise; /* standard deviation of a side's place, as a share of the box's side: 0.1 */
    /* The furthest a side may be off, as a share of the square: the paper's 20 of 1024 pixels. */
    float box_noise_limit;
    /* The share of first clicks that are at the object's deepest pixel (distance transform) and not
     * anywhere: 0 in the paper; people, and evaluations (train/evaluate.h), click there. */
    float centre;
} samc_prompt_options;
#define SAMC_PROMPT_OPTIONS_INIT                                                                   \
    {                                                                                              \
        11, 4, 0.5f, 0.1f, 20.0f / 1024.0f, 0.0f                                                   \
    }

/* Which of all interactions this is. */
typedef struct samc_prompt_key {
    uint64_t seed;
    uint64_t step;   /* of the optimiser */
    uint64_t sample; /* the photo's index in the run */
    uint64_t mask;   /* of the photo */
} samc_prompt_key;

/* The object and its square. */
typedef struct samc_prompt_object {
    const uint8_t *mask; /* [size][size] */
    int32_t size, width, height;
} samc_prompt_object;

/* A first prompt. */
typedef struct samc_prompt_first {
    int32_t is_box;
    float box[4];   /* x0, y0, x1, y1; x0 + 1 <= x1, y0 + 1 <= y1, within the photo */
    float point[2]; /* x, y; its label is 1 */
} samc_prompt_first;

/* Draws the prompt of round 0. Errors: ARGUMENT (no pixel of the object), MEMORY. */
samc_status samc_prompt_first_draw(const samc_prompt_options *options, const samc_prompt_key *key,
                                   const samc_prompt_object *object, samc_prompt_first *prompt,
                                   samc_error *error);

/* 1 if round 0..rounds-1 brings a new prompt; round 0 always does. */
int samc_prompt_round_is_new(const samc_prompt_options *options, const samc_prompt_key *key,
                             int32_t round);

/* Draws the click of a later round. `logits` [side][side] are those of the mask carried on,
 * `target` [side][side] is the object's by samc_loss_target. A low-res pixel is wrong where logit >
 * 0 and target > 0.5 disagree (unknown ones never); one of the wrong ones is drawn, then one of the
 * mask's pixels within it that are what most of it is. Without a wrong one the click is anywhere on
 * the object. Errors: ARGUMENT (no pixel of the object). */
samc_status samc_prompt_click_draw(const samc_prompt_key *key, int32_t round,
                                   const samc_prompt_object *object, const float *target,
                                   const float *logits, int32_t side, float point[2],
                                   int32_t *label, samc_error *error);

/* The mask carried on to the next round: the one with the highest predicted IoU of `count`, the
 * first of equals. */
int32_t samc_prompt_carried(const float *iou, int32_t count);

#endif
