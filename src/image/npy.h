/* SPDX-License-Identifier: Apache-2.0
 *
 * NumPy's .npy files: one array of numbers, used for logits as mask input and as output.
 *
 * What is read: versions 1.0 and 2.0, C order, little-endian f32 and f64, u8 and bool, at most
 * SAMC_NPY_MAX_DIMS dimensions. Source: NumPy's documentation of numpy.lib.format.
 */
#ifndef SAMC_IMAGE_NPY_H
#define SAMC_IMAGE_NPY_H

#include "base/status.h"

#define SAMC_NPY_MAX_DIMS 8

typedef enum samc_npy_type { SAMC_NPY_F32, SAMC_NPY_F64, SAMC_NPY_U8, SAMC_NPY_BOOL } samc_npy_type;

/* An array; samc_npy_free frees what `data` points at. */
typedef struct samc_npy {
    samc_npy_type type;
    int32_t n_dims; /* 0: a single number */
    int64_t shape[SAMC_NPY_MAX_DIMS];
    size_t n_elements; /* the product of the shape; 0 if a side is 0 */
    void *data;        /* [n_elements] float, double, or uint8_t (bool: 0 or 1) */
} samc_npy;

/* Reads a file; memory is taken only for what the file holds. Errors: IO, FORMAT (damaged, or the
 * size does not fit the shape), UNSUPPORTED (another version, dtype or order), MEMORY. */
samc_status samc_npy_read(const char *path, samc_npy *array, samc_error *error);
/* The same from memory; `name` stands for the file in messages. */
samc_status samc_npy_read_memory(const void *bytes, size_t size, const char *name, samc_npy *array,
                                 samc_error *error);
/* Writes `data`, C order, as version 1.0; the file appears whole or not at all. Errors: ARGUMENT (a
 * negative side, too many dimensions), IO, MEMORY. */
samc_status samc_npy_write(const char *path, samc_npy_type type, const void *data, int32_t n_dims,
                           const int64_t *shape, samc_error *error);
void samc_npy_free(samc_npy *array);

#endif
