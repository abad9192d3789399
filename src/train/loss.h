/* SPDX-License-Identifier: Apache-2.0
 *
 * Loss: how wrong low-res masks and predicted IoUs are, and in which direction to change them.
 *
 * For prompt n and mask m, over the low-res pixels whose target g is known (g >= 0), with logit x,
 * p = sigmoid(x) and the cross-entropy ce = max(x, 0) - x g + ln(1 + exp(-|x|)):
 *
 *   focal   mean of (alpha g + (1 - alpha) (1 - g)) (1 - (p g + (1 - p) (1 - g)))^2 ce
 *   dice    1 - (2 sum p g + 1) / (sum p + sum g + 1)
 *   bce     mean of ce
 *   mask    20 focal + 1 dice + 0 bce                                 (the weights are options)
 *   iou     (predicted - true)^2, true = |x > 0 and g > 0.5| / (|x > 0 or g > 0.5| + 1e-6)
 *
 *   loss    mean over prompts of (the lowest mask loss of its masks + the mean of iou over ALL of
 *   its
 *           masks)
 *
 * So only the mask with the lowest mask loss (the first of equals) sends a gradient to its logits,
 * while every predicted IoU is trained: a mask that lost must learn that it is the worse one. The
 * true IoU is a constant to the gradient.
 *
 * alpha is 0.5: with the 0.25 of Lin et al. a pixel that may be either is pulled outside, and masks
 * end a rim too early; the boundary then lies at a logit near -0.6 instead of 0.
 *
 * bce is for the start: from scratch pure focal soon answers "nothing" everywhere, where its
 * gradient all but vanishes; the cross-entropy's does not.
 *
 * Source: "Segment Anything" (Kirillov et al., 2023), appendix A; focal: Lin et al. 2017; dice:
 * Milletari et al. 2016. The terms at soft targets are those of the PyTorch step that
 * tools/fixtures/make_loss_golden.py holds.
 */
#ifndef SAMC_TRAIN_LOSS_H
#define SAMC_TRAIN_LOSS_H

#include "kernels/kernels.h"

/* The most masks of one prompt. */
#define SAMC_LOSS_MAX_MASKS 8

/* What a pixel of `targets` holds where nobody knows what is there. */
#define SAMC_LOSS_IGNORE (-1.0f)

typedef struct samc_loss_weights {
    float focal, dice, iou, bce;
    float alpha; /* 0..1: the focal loss' weight of what is inside */
} samc_loss_weights;
/* The paper's, which does not name alpha. */
#define SAMC_LOSS_WEIGHTS_INIT                                                                     \
    {                                                                                              \
        20.0f, 1.0f, 1.0f, 0.0f, 0.5f                                                              \
    }

typedef struct samc_loss_batch {
    int64_t prompts; /* n */
    int32_t masks;   /* M, 1..SAMC_LOSS_MAX_MASKS: 1 or 3 in SAM */
    int32_t side;    /* L */
    /* The number of prompts that the mean is taken over; 0: `prompts`. Larger where a batch comes
     * in parts: their losses and gradients then simply add up. */
    int64_t mean_over;
    const float *logits;  /* [n][M][L][L] */
    const float *iou;     /* [n][M] predicted */
    const float *targets; /* [n][L][L] 0..1: the covered share of each pixel; negative: unknown */
} samc_loss_batch;

/* Means over prompts; of the terms those of the lowest mask, before weights. */
typedef struct samc_loss_value {
    double loss; /* what the gradients are of */
    double focal, dice, bce, iou;
    double true_iou; /* of the lowest mask */
} samc_loss_value;

/* Computes the loss and sets (does not add) dlogits [n][M][L][L] and diou [n][M], the gradients.
 * `lowest` [n] and `true_iou` [n][M] may be NULL: which mask it was, and every mask's true IoU. A
 * prompt whose target is unknown everywhere counts as a loss of 0 without gradient. Tiles run over
 * prompts; sums have a fixed order, so that the thread count changes no bit.
 * Errors: ARGUMENT (sizes), MEMORY. */
samc_status samc_loss_run(const samc_call *call, const samc_loss_weights *weights,
                          const samc_loss_batch *batch, samc_loss_value *value, float *dlogits,
                          float *diou, int32_t *lowest, float *true_iou, samc_error *error);

/* Makes one target [L][L] of a mask [S][S] that holds 0, 1 or `ignore` (any other value), whose
 * photo covers width x height at the top left: each low-res pixel is the mean of the S/L x S/L mask
 * pixels that are known and within the photo, SAMC_LOSS_IGNORE where there is none. `size` is a
 * multiple of `side`. */
void samc_loss_target(const uint8_t *mask, int32_t size, int32_t width, int32_t height,
                      int32_t side, float *target);

#endif
