/* SPDX-License-Identifier: Apache-2.0
 *
 * Feed: makes the batches of coming steps on a thread of its own, a few ahead. Which thread makes a
 * batch, and when, changes nothing in it (samples.h).
 */
#ifndef SAMC_TRAIN_FEED_H
#define SAMC_TRAIN_FEED_H

#include "train/batch.h"

typedef struct samc_feed samc_feed;

typedef struct samc_feed_options {
    const samc_config *config; /* lives as long as the feed */
    samc_samples *samples;     /* the same */
    uint64_t seed;
    int64_t photos;    /* of a batch, */
    int64_t stride;    /* of a step: more where other ranks (ranks.h) take some of them, */
    int64_t skip;      /* and those of the step that come before */
    int32_t max_masks; /* of a photo */
    int64_t first;     /* the first step; step s takes the samples s * stride + skip … */
} samc_feed_options;

/* Starts. Errors: MEMORY (no thread can be started, among others). */
samc_status samc_feed_create(const samc_feed_options *options, samc_feed **feed, samc_error *error);
/* Waits for the thread's current sample at most. NULL is fine. */
void samc_feed_free(samc_feed *feed);

/* The next step's batch, which replaces what `batch` holds (cleared, or of an earlier call).
 * Errors: those of samc_samples_get; the feed has then ended. */
samc_status samc_feed_next(samc_feed *feed, samc_train_batch *batch, samc_error *error);

#endif
