/* SPDX-License-Identifier: Apache-2.0
 *
 * A library that computes the products of the model's linear layers too, to be timed beside ours.
 */
#ifndef SAMC_BENCH_YARDSTICK_H
#define SAMC_BENCH_YARDSTICK_H

#include <stdint.h>

/* y [m][n] = x [m][k] W^T + bias, W is [n][k]; f32, rows without gaps. */
typedef struct yardstick_shape {
    const char *name; /* of the layer */
    int64_t m, n, k;
} yardstick_shape;

typedef struct yardstick {
    const char *name;
    /* Takes the weights in whatever form the library likes best; not timed, as a model packs its
     * own once. x, w, bias and y stay where they are until `finish`. NULL where it cannot. */
    void *(*prepare)(const yardstick_shape *shape, const float *x, const float *w,
                     const float *bias, float *y);
    /* Leaves the product in y; 0 on failure. This is what is timed. */
    int (*run)(void *state);
    void (*finish)(void *state);
} yardstick;

/* Each on as many threads as this process may use cores. */
extern const yardstick yardstick_samc;
extern const yardstick yardstick_onednn;
extern const yardstick yardstick_openblas;

#endif
