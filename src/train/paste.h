/* SPDX-License-Identifier: Apache-2.0
 *
 * Paste: a cut-out is put into a scene: turned, sheared, lit like what is around it, with a shadow.
 */
#ifndef SAMC_TRAIN_PASTE_H
#define SAMC_TRAIN_PASTE_H

#include "base/random.h"
#include "dataset/cutout.h"
#include "train/samples.h"

/* Where scenes are pasted on. Begin with {0}; free with samc_table_free. */
typedef struct samc_table {
    samc_sample *sample; /* its photo is painted */
    uint8_t *owner;      /* [S][S] which object a pixel shows: 1 the first; 0 the background */
    uint8_t *layer;      /* [S][S][4] scratch: one object */
    uint8_t *shadow;     /* [S][S] scratch */
} samc_table;

/* Errors: MEMORY. */
samc_status samc_table_begin(samc_sample *sample, samc_table *table, samc_error *error);
void samc_table_free(samc_table *table);

/* How an object is put: drawn from random numbers, so that the same one can be put twice. */
typedef struct samc_pose {
    float side;           /* of the cut-out's longer side, in pixels */
    float x, y;           /* of its middle */
    float angle;          /* radians */
    float stretch;        /* width over height, times what it has */
    float shear;          /* x for y */
    float tilt_x, tilt_y; /* perspective: how much nearer one end is */
    int flip;
} samc_pose;

/* Pastes a cut-out as object `number` (1..255). *area: the pixels that it covers. Errors:
 * MEMORY. */
samc_status samc_table_paste(samc_table *table, samc_random *random, const samc_cutout *cutout,
                             const samc_pose *pose, uint8_t number, int64_t *area,
                             samc_error *error);

#endif
