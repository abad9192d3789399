/* SPDX-License-Identifier: Apache-2.0
 *
 * Report: a training run as one HTML file that needs no other: curves of metrics.csv, and what the
 * model makes of some masks of the last step, or of photos of which it saw parts.
 */
#ifndef SAMC_TRAIN_REPORT_H
#define SAMC_TRAIN_REPORT_H

#include "train/samples.h"

/* One mask and the answer to it. */
typedef struct samc_report_mask {
    const samc_sample *photo;
    int32_t number;      /* which of the photo's masks */
    const float *logits; /* [side][side] */
    int32_t side;
} samc_report_mask;

/* A photo with parts hidden, and what the model made of it: [side][side][3] each. */
typedef struct samc_report_pair {
    const uint8_t *seen, *made;
    int32_t side;
} samc_report_pair;

/* Writes PATH, whole or not at all, of the rows of METRICS (train/metrics.h); `settings` is shown
 * as it is. Of masks and pairs one list is empty. Errors: IO, MEMORY. */
samc_status samc_report_write(const char *path, const char *metrics, const char *settings,
                              const samc_report_mask *masks, size_t n_masks,
                              const samc_report_pair *pairs, size_t n_pairs, samc_error *error);

#endif
