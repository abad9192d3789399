/* SPDX-License-Identifier: Apache-2.0
 *
 * The inside of samc_tensors, for the readers that fill it: begin, add, finish.
 */
#ifndef SAMC_WEIGHTS_TABLE_H
#define SAMC_WEIGHTS_TABLE_H

#include "base/arena.h"
#include "base/file.h"
#include "weights/tensors.h"

/* vit_h has 594 tensors; a file that claims far more is not a model. */
#define SAMC_TENSORS_MAX ((size_t)65536)
/* The longest official name has 75 bytes. */
#define SAMC_TENSOR_NAME_MAX ((size_t)512)

/* A string of __metadata__. */
typedef struct samc_table_metadata {
    const char *key;
    const char *value;
} samc_table_metadata;

/* A part of the file that has a CRC-32. */
typedef struct samc_table_span {
    const uint8_t *data;
    size_t size;
    uint32_t crc;
    const char *name; /* for the message */
} samc_table_span;

struct samc_tensors {
    samc_mapping mapping; /* empty where the memory is the caller's */
    samc_arena arena;     /* names and every array below */
    samc_tensors_format format;
    int hf_names;
    samc_tensor *items;
    size_t count, capacity;
    const samc_tensor **by_name; /* sorted; made by finish */
    samc_table_metadata *metadata;
    size_t n_metadata, metadata_capacity;
    samc_table_span *spans;
    size_t n_spans, spans_capacity;
};

/* Adds a tensor under a name of `name_size` bytes, which is checked and copied; `tensor->name` is
 * not looked at. Errors: FORMAT (name), LIMIT, MEMORY. */
samc_status samc_table_add(samc_tensors *table, const samc_tensor *tensor, const char *name,
                           size_t name_size, samc_error *error);
/* Both strings must live in the table's arena. Errors: MEMORY, LIMIT. */
samc_status samc_table_add_metadata(samc_tensors *table, const char *key, const char *value,
                                    samc_error *error);
/* `span->name` must live in the table's arena. Errors: MEMORY. */
samc_status samc_table_add_span(samc_tensors *table, const samc_table_span *span,
                                samc_error *error);
/* A terminated copy in the table's arena. Errors: MEMORY. */
samc_status samc_table_copy_text(samc_tensors *table, const char *text, size_t size,
                                 const char **copy, samc_error *error);
/* Makes the index. Errors: FORMAT (a name or a metadata key occurs twice), MEMORY. */
samc_status samc_table_finish(samc_tensors *table, samc_error *error);

/* Fills shape-derived C-order strides (in elements) and proves that the element count and its
 * bytes fit 63 bits. Errors: FORMAT. */
samc_status samc_table_set_shape(samc_tensor *tensor, const int64_t *shape, int32_t n_dims,
                                 int64_t *elements, samc_error *error);

#endif
