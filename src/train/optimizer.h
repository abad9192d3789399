/* SPDX-License-Identifier: Apache-2.0
 *
 * Optimizer: AdamW over samc_params, with everything that belongs to a step: clipping of the
 * gradient, the schedule of the rate, layer-wise decay of the rate, and the moving average of the
 * values.
 *
 *   g' = g min(1, clip / (|g| + 1e-6))                       |g| over all trained numbers
 *   m = b1 m + (1 - b1) g'     v = b2 v + (1 - b2) g'^2
 *   r = rate(step) layer_decay^(layers above)
 *   value = value (1 - r weight_decay) - r (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + epsilon)
 *   ema += (1 - d) (value - ema),  d = min(ema, (1 + step) / (10 + step))
 *
 * t = step + 1. Weight decay applies to params that say so (samc_param.decays), nothing to those
 * that are not trained. The average's d grows from 0.1, so that the first values do not linger in
 * it.
 *
 * Source: Loshchilov and Hutter, "Decoupled weight decay regularization" (2019), as
 * torch.optim.AdamW computes it; layer-wise decay: Clark et al., "ELECTRA" (2020); the recipe:
 * "Segment Anything" (Kirillov et al., 2023), appendix A.
 */
#ifndef SAMC_TRAIN_OPTIMIZER_H
#define SAMC_TRAIN_OPTIMIZER_H

#include "kernels/kernels.h"
#include "train/params.h"

/* What the rate does after the warm-up, in which it grows in equal steps: rate (step + 1) /
 * warmup. */
typedef enum samc_schedule {
    SAMC_SCHEDULE_CONSTANT,
    SAMC_SCHEDULE_STEP,  /* a tenth after 2/3 of the run, a hundredth after 95 % */
    SAMC_SCHEDULE_COSINE /* half a cosine, which is 0 at `steps` */
} samc_schedule;

typedef struct samc_optimizer_options {
    double rate;         /* the paper's 8e-4, for 256 photos a step */
    double beta1, beta2; /* 0.9, 0.999 */
    double epsilon;      /* 1e-8 */
    double weight_decay; /* 0.1 */
    double layer_decay;  /* 0.8 in the paper; 1: every layer learns alike */
    double clip;         /* the gradient's greatest norm; 0: any */
    double ema;          /* 0.999; 0: the average is the value */
    samc_schedule schedule;
    int64_t warmup; /* steps; 250 */
    int64_t steps;  /* of the whole run; not looked at where the rate is constant */
} samc_optimizer_options;
#define SAMC_OPTIMIZER_OPTIONS_INIT                                                                \
    {                                                                                              \
        8e-4, 0.9, 0.999, 1e-8, 0.1, 1.0, 1.0, 0.999, SAMC_SCHEDULE_CONSTANT, 250, 0               \
    }

/* The rate of step 0.., before layer-wise decay. */
double samc_optimizer_rate(const samc_optimizer_options *options, int64_t step);
/* layer_decay^(layers above): what the rate of a param is multiplied by. */
double samc_optimizer_layer_scale(const samc_optimizer_options *options, const samc_params *params,
                                  const samc_param *param);

typedef struct samc_optimizer_report {
    double norm; /* |g|, before clipping */
    double rate; /* samc_optimizer_rate */
    int skipped; /* 1: |g| is infinite or NaN; nothing was changed */
} samc_optimizer_report;

/* Takes step `step` (0 for the first since the moments were zero): reads params->gradients, which
 * stay as they are, and updates values, moments and average. In tiles over the numbers; sums have a
 * fixed order, so that the thread count changes no bit. Errors: MEMORY. */
samc_status samc_optimizer_step(const samc_call *call, const samc_optimizer_options *options,
                                int64_t step, samc_params *params, samc_optimizer_report *report,
                                samc_error *error);

#endif
