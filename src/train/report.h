/* SPDX-License-Identifier: Apache-2.0
 *
 * Report: a training run as one HTML file that needs no other: curves of metrics.csv, and what the
 * model makes of some masks of the last step.
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

/* Writes PATH, whole or not at all, of the rows of METRICS (train/metrics.h); `settings` is shown
 * as it is. Errors: IO, MEMORY. */
samc_status samc_report_write(const char *path, const char *metrics, const char *settings,
                              const samc_report_mask *masks, size_t n_masks, samc_error *error);

#endif
