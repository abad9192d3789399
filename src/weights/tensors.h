/* SPDX-License-Identifier: Apache-2.0
 *
 * Tensors: a file of named arrays, whatever its format (.pth, safetensors). Data is not copied: a
 * tensor points into the mapped file.
 *
 * The names are the official ones: a file under the names of Hugging Face's SamModel is shown under
 * those of `segment_anything` (weights/hf_names.h).
 */
#ifndef SAMC_WEIGHTS_TENSORS_H
#define SAMC_WEIGHTS_TENSORS_H

#include "base/status.h"
#include "base/threads.h"

#define SAMC_TENSOR_MAX_DIMS 8

typedef enum samc_dtype {
    SAMC_DTYPE_F64,
    SAMC_DTYPE_F32,
    SAMC_DTYPE_F16,
    SAMC_DTYPE_BF16,
    SAMC_DTYPE_I64,
    SAMC_DTYPE_I32,
    SAMC_DTYPE_I16,
    SAMC_DTYPE_I8,
    SAMC_DTYPE_U8,
    SAMC_DTYPE_BOOL,
} samc_dtype;

/* "f32", "bf16", …: the names that `samc info` and `samc convert --dtype` use. */
const char *samc_dtype_name(samc_dtype dtype);
/* Bytes an element. */
size_t samc_dtype_size(samc_dtype dtype);
/* Whether it is F64, F32, F16 or BF16. */
int samc_dtype_is_float(samc_dtype dtype);

/* One array. Numbers are little-endian at any alignment. Every index within `shape` lies within the
 * file, and there are no more indices than elements stored: the readers prove it when they open. */
typedef struct samc_tensor {
    const char *name; /* UTF-8 without control characters */
    samc_dtype dtype;
    int32_t n_dims;
    int64_t shape[SAMC_TENSOR_MAX_DIMS];
    int64_t strides[SAMC_TENSOR_MAX_DIMS]; /* in elements, not negative */
    const uint8_t *data;
} samc_tensor;

typedef struct samc_tensors samc_tensors; /* immutable once open */

typedef enum samc_tensors_format { SAMC_FORMAT_PTH, SAMC_FORMAT_SAFETENSORS } samc_tensors_format;

/* Opens a .pth or a safetensors file; which one is told by its first bytes. Nothing in the file is
 * executed. Structure is checked whole; of the contents only the pickle's checksum is:
 * samc_tensors_verify does the rest. Errors: IO, FORMAT, UNSUPPORTED, LIMIT, MEMORY; the message
 * begins with the path. */
samc_status samc_tensors_open(const char *path, samc_tensors **tensors, samc_error *error);
/* The same over memory, which must outlive `tensors`. */
samc_status samc_tensors_open_memory(const void *data, size_t size, samc_tensors **tensors,
                                     samc_error *error);
void samc_tensors_close(samc_tensors *tensors);

/* Reads every byte of a .pth's data against its CRC-32, in tiles on `threads` (which may be NULL).
 * A file without checksums passes: safetensors has none, and torch.save writes zeros after
 * set_crc32_options(False). Errors: FORMAT (which part is damaged), MEMORY. */
samc_status samc_tensors_verify(const samc_tensors *tensors, samc_threads *threads,
                                samc_error *error);

samc_tensors_format samc_tensors_file_format(const samc_tensors *tensors);
/* 1 if the file bears Hugging Face's names. */
int samc_tensors_has_hf_names(const samc_tensors *tensors);
/* In the file's order. */
size_t samc_tensors_count(const samc_tensors *tensors);
const samc_tensor *samc_tensors_at(const samc_tensors *tensors, size_t index);
/* By name; NULL: there is none. */
const samc_tensor *samc_tensors_find(const samc_tensors *tensors, const char *name);
/* A string of safetensors' __metadata__; NULL: there is none. */
const char *samc_tensors_metadata(const samc_tensors *tensors, const char *key);

/* Says that the tensor's values have been used: where they are mapped from a file, their memory is
 * given back. They can still be read. */
void samc_tensors_release(const samc_tensors *tensors, const samc_tensor *tensor);

/* The product of the shape; 1 for a scalar. */
int64_t samc_tensor_elements(const samc_tensor *tensor);
/* Whether elements follow one another in C order. */
int samc_tensor_is_contiguous(const samc_tensor *tensor);
/* Converts elements [first, first + count) in C order (any dtype, any strides) to f32. */
void samc_tensor_to_f32(const samc_tensor *tensor, int64_t first, int64_t count, float *out);
/* Copies the same elements as they are, samc_dtype_size bytes each. */
void samc_tensor_copy(const samc_tensor *tensor, int64_t first, int64_t count, uint8_t *out);

#endif
