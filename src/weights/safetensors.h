/* SPDX-License-Identifier: Apache-2.0
 *
 * safetensors: u64 header length, JSON header {name: {dtype, shape, data_offsets}}, data.
 * Source: the format's description by Hugging Face.
 */
#ifndef SAMC_WEIGHTS_SAFETENSORS_H
#define SAMC_WEIGHTS_SAFETENSORS_H

#include "weights/tensors.h"

/* Adds the tensors and the __metadata__ of a file in memory to an empty table. Proves: the header
 * is no longer than 100 MB and the file, keys are unique, sizes times dtype are the span's
 * length, and the spans cover the data without overlap or hole. Errors: FORMAT, UNSUPPORTED
 * (dtype), LIMIT, MEMORY. */
samc_status samc_safetensors_read(const uint8_t *data, size_t size, samc_tensors *table,
                                  samc_error *error);

/* What to write under __metadata__: UTF-8. */
typedef struct samc_metadata {
    const char *key;
    const char *value;
} samc_metadata;

/* Writes `count` tensors to `path` (whole or not at all), floating ones as `dtype` (F32, F16 or
 * BF16), others as they are; any strides. Names and keys must be unique. Numbers round to nearest,
 * ties to even; one that is finite but beyond the dtype's range is refused by the tensor's name.
 * Wider dtypes come first, so that every tensor is aligned to its own. Errors: IO, MODEL (does not
 * fit), ARGUMENT, MEMORY. */
samc_status samc_safetensors_write(const char *path, const samc_tensor *const *tensors,
                                   size_t count, samc_dtype dtype, const samc_metadata *metadata,
                                   size_t n_metadata, samc_error *error);
/* The same bytes in memory; free them with free(). Errors: MODEL, ARGUMENT, MEMORY. */
samc_status samc_safetensors_bytes(const samc_tensor *const *tensors, size_t count,
                                   samc_dtype dtype, const samc_metadata *metadata,
                                   size_t n_metadata, uint8_t **bytes, size_t *size,
                                   samc_error *error);

#endif
