/* SPDX-License-Identifier: Apache-2.0
 *
 * Params: the trainable tensors of a SAM under their official names, and what training keeps beside
 * each value. All arrays are flat, one element a trainable number, tensors one after another.
 */
#ifndef SAMC_TRAIN_PARAMS_H
#define SAMC_TRAIN_PARAMS_H

#include "model/config.h"
#include "weights/tensors.h"

typedef struct samc_param {
    char *name;
    int32_t n_dims;
    int64_t shape[4];
    int64_t offset, count; /* where it lies in the flat arrays */
    /* The layer that layer-wise decay counts with: 0 the patch and position embedding, 1..depth the
     * encoder's blocks, depth + 1 everything behind them. */
    int32_t layer;
    uint8_t decays;  /* weight decay applies: matrices, not biases, norms, positions or tokens */
    uint8_t trained; /* 0: fixed (the positional matrix; the encoder in decoder-only training) */
} samc_param;

typedef struct samc_params {
    samc_config config;
    size_t n_params;
    samc_param *list; /* in the checkpoint's order */
    int64_t total;
    float *values;            /* [total] and so on */
    float *gradients;         /* set to zero by whoever begins a step */
    float *moment1, *moment2; /* AdamW's running means of g and g^2 */
    float *ema;               /* exponential moving average of the values */
} samc_params;

/* Copies the tensors of a checkpoint; every tensor must be there, in shape and finite. Moments are
 * zero, the average begins at the values. `more`: tensors whose names begin so, which no model has,
 * are copied too (train/mae.h); NULL: none. Errors: MODEL, MEMORY. */
samc_status samc_params_load(const samc_tensors *tensors, const char *more, samc_params *params,
                             samc_error *error);

/* How the values of a new tensor are drawn. */
typedef enum samc_param_start {
    SAMC_START_ALL,    /* every number is `size` */
    SAMC_START_NORMAL, /* normal, of standard deviation `size` */
    SAMC_START_UNIFORM /* even, from -size to size */
} samc_param_start;

typedef struct samc_param_spec {
    char name[96];
    int32_t n_dims;
    int64_t shape[4];
    samc_param_start start;
    float size;
} samc_param_spec;

/* Adds new tensors behind those that are there (`params` may be empty but for its configuration).
 * Their values are a function of seed, names and specs. Errors: MEMORY; `params` is then as before.
 */
samc_status samc_params_add(samc_params *params, const samc_param_spec *specs, size_t count,
                            uint64_t seed, samc_error *error);
void samc_params_free(samc_params *params);
/* By name; NULL: there is none. */
const samc_param *samc_params_find(const samc_params *params, const char *name);

#endif
