/* SPDX-License-Identifier: Apache-2.0
 *
 * Arrays of a stage: named inputs from one safetensors file, named outputs to another.
 */
#ifndef SAMC_TESTS_STAGE_ARRAYS_H
#define SAMC_TESTS_STAGE_ARRAYS_H

#include "base/arena.h"
#include "weights/tensors.h"

#define SAMC_STAGE_OUTPUTS 16

typedef struct samc_stage_arrays {
    samc_tensors *in;
    samc_arena arena; /* copies of inputs, outputs, and the stage's scratch */
    size_t n_out;
    samc_tensor out[SAMC_STAGE_OUTPUTS];
} samc_stage_arrays;

/* Opens the file of inputs; close in every case. Errors: those of samc_tensors_open. */
samc_status samc_stage_open(const char *path, samc_stage_arrays *arrays, samc_error *error);
void samc_stage_close(samc_stage_arrays *arrays);

/* The input of that name, or an error that names it. */
samc_status samc_stage_input(const samc_stage_arrays *arrays, const char *name, int32_t n_dims,
                             const samc_tensor **tensor, samc_error *error);
/* A copy of a f32 input with `n_dims` axes, whose shape is left in `shape` (NULL: no matter). */
samc_status samc_stage_floats(samc_stage_arrays *arrays, const char *name, int32_t n_dims,
                              int64_t *shape, float **values, samc_error *error);
/* The same of whole numbers. */
samc_status samc_stage_ints(samc_stage_arrays *arrays, const char *name, int32_t n_dims,
                            int64_t *shape, int32_t **values, samc_error *error);

/* Takes memory for an output, which is written to the file in C order; name stays the caller's. */
samc_status samc_stage_output(samc_stage_arrays *arrays, const char *name, samc_dtype dtype,
                              int32_t n_dims, const int64_t *shape, void *memory,
                              samc_error *error);
/* Writes all outputs. */
samc_status samc_stage_write(const samc_stage_arrays *arrays, const char *path, samc_error *error);

#endif
