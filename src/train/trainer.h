/* SPDX-License-Identifier: Apache-2.0
 *
 * Trainer: a model in training, and one step of it: photos are encoded, their masks talked about
 * (rounds.h), the gradient goes back through everything, the optimiser moves the weights.
 *
 * Everything random is a function of seed, step and sample, and every sum has a fixed order: the
 * weights after a step are the same bits whatever the number of threads, and whether the run was
 * one or was resumed.
 */
#ifndef SAMC_TRAIN_TRAINER_H
#define SAMC_TRAIN_TRAINER_H

#include "train/embeddings.h"
#include "train/image_encoder_grad.h"
#include "train/ranks.h"
#include "train/rounds.h"

typedef struct samc_trainer samc_trainer;

/* A trainer of `params`, which it changes and which, like `context`, must outlive it. With
 * settings->freeze_encoder the encoder's tensors are marked as not trained, with
 * settings->pretrain all but the encoder's and those of the head, which must be there (mae.h). With
 * `ranks` (NULL: alone) this one computes its share of settings->batch photos, and gradients are
 * added over all of them; settings->batch must be a multiple of their number. Errors: MODEL,
 * ARGUMENT (the batch cannot be shared evenly, or is too large), MEMORY. */
samc_status samc_trainer_create(samc_context *context, samc_params *params,
                                const samc_train_settings *settings, uint64_t seed,
                                samc_ranks *ranks, samc_trainer **trainer, samc_error *error);
void samc_trainer_free(samc_trainer *trainer);

/* With a frozen encoder: embeddings of photos that come again (samc_sample.repeats) are kept as
 * `options` say. Weights become the same bits as without. Errors: IO, MEMORY. */
samc_status samc_trainer_keep(samc_trainer *trainer, const samc_embeddings_options *options,
                              samc_error *error);

/* Pre-training: keeps what the head says of the first photos of each step, for the report.
 * *painted [photos * T][3 p p] (mae.h) is set to where it stands after a step; it lives as long as
 * the trainer. Errors: MEMORY. */
samc_status samc_trainer_paint(samc_trainer *trainer, const float **painted, const uint8_t **hidden,
                               samc_error *error);

/* Hears of every pass of the rounds (rounds.h); NULL: nobody. */
void samc_trainer_record(samc_trainer *trainer, samc_rounds_record_fn record, void *user);

typedef struct samc_step_report {
    samc_rounds_report rounds; /* pre-training: its loss alone */
    samc_optimizer_report optimizer;
    int64_t encoded;                   /* photos; the others' embeddings were there */
    double encode, talk, back, update; /* seconds of the step's parts */
} samc_step_report;

/* Takes step `step` (0 the first) with a batch of settings->batch photos, or this rank's share of
 * them. With ranks: together (ranks.h); batch->step_masks says how many masks all have, and losses
 * and sums of the report are this rank's part. Errors: ARGUMENT, MEMORY, IO (ranks have lost each
 * other); the weights are then as before, and a rank that has others is apart. */
samc_status samc_trainer_step(samc_trainer *trainer, int64_t step, const samc_train_batch *batch,
                              samc_step_report *report, samc_error *error);

#endif
