/* SPDX-License-Identifier: Apache-2.0
 *
 * Metrics: metrics.csv of a run, a row for every so many steps.
 */
#ifndef SAMC_TRAIN_METRICS_H
#define SAMC_TRAIN_METRICS_H

#include "base/status.h"

#include <stdio.h>

/* One row: the state after `step`, and means over the steps since the row before. */
typedef struct samc_metrics_row {
    int64_t step, photos;
    double seconds, cpu_seconds; /* of the whole run: in steps by the clock, and of all threads */
    double loss;
    double focal, dice, bce, iou; /* NaN, an empty field: there was none (pre-training) */
    double box_iou, click_iou, best_iou, last_iou; /* the same */
    double norm, rate, speed;
} samc_metrics_row;

/* Opens PATH to append. Rows of steps beyond `step` are dropped, and so is a torn last line (the
 * file is then written anew, whole or not at all); a missing file is begun with its header.
 * Errors: IO, FORMAT (PATH is something else), MEMORY. */
samc_status samc_metrics_open(const char *path, int64_t step, FILE **stream, samc_error *error);
/* Appends a row and hands it to the system. Errors: IO. */
samc_status samc_metrics_write(FILE *stream, const samc_metrics_row *row, const char *path,
                               samc_error *error);

#endif
