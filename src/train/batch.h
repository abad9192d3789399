/* SPDX-License-Identifier: Apache-2.0
 *
 * Batch: the samples of one step in the form that the step computes with.
 */
#ifndef SAMC_TRAIN_BATCH_H
#define SAMC_TRAIN_BATCH_H

#include "model/config.h"
#include "train/samples.h"

/* B photos and their N masks, photo by photo; S = image_size, L = 4 * grid. Begin with {0}; free
 * with samc_train_batch_free. */
typedef struct samc_train_batch {
    int64_t photos;       /* B */
    int64_t masks;        /* N, at least B */
    float *patches;       /* [B * T][3 * p * p] */
    int32_t *photo;       /* [N]: whose mask it is */
    int32_t *number;      /* [N]: which one of the photo's */
    float *targets;       /* [N][L][L] by samc_loss_target */
    samc_sample *samples; /* [B] */
    uint64_t first;       /* the first sample's index in the run */
    int64_t step_masks;   /* of the whole step: N, unless other ranks (ranks.h) have some too */
} samc_train_batch;

/* Makes the batch of samples first .. first + photos - 1. A function of its arguments and the
 * samples' files alone. `batch` is cleared or was made before (its memory is freed first).
 * Errors: those of samc_samples_get. */
samc_status samc_train_batch_make(const samc_config *config, samc_samples *samples, uint64_t seed,
                                  uint64_t first, int64_t photos, int32_t max_masks,
                                  samc_train_batch *batch, samc_error *error);
/* Sets a batch up from samples that the caller has (it takes them over in every case). */
samc_status samc_train_batch_of(const samc_config *config, samc_sample *samples, int64_t photos,
                                uint64_t first, samc_train_batch *batch, samc_error *error);
void samc_train_batch_free(samc_train_batch *batch);

#endif
