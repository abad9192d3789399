/* SPDX-License-Identifier: Apache-2.0
 *
 * A pickle of plain values and tensors, read without running anything: the machine below knows the
 * opcodes that torch.save writes (protocols 2 to 5) and the few names that a state dict needs, and
 * refuses the rest. Values are data; "calling" a name only means that the reader itself builds a
 * tensor or an empty dict.
 * Source: CPython's pickletools (the opcodes), torch._utils._rebuild_tensor_v2 (its arguments).
 */
#ifndef SAMC_WEIGHTS_PICKLE_H
#define SAMC_WEIGHTS_PICKLE_H

#include "base/arena.h"
#include "weights/tensors.h"

typedef enum samc_pickle_kind {
    SAMC_PICKLE_PLAIN, /* None, bool, int, float: see `integer`, which is 0 for None and float */
    SAMC_PICKLE_STRING,
    SAMC_PICKLE_TUPLE,
    SAMC_PICKLE_LIST,
    SAMC_PICKLE_DICT,
    SAMC_PICKLE_GLOBAL,
    SAMC_PICKLE_STORAGE,
    SAMC_PICKLE_TENSOR,
} samc_pickle_kind;

typedef struct samc_pickle_value samc_pickle_value;

/* A block of numbers that lies elsewhere in the archive, under `key`. */
typedef struct samc_pickle_storage {
    samc_dtype dtype;
    const char *key; /* not terminated */
    size_t key_size;
    int64_t elements; /* not negative */
} samc_pickle_storage;

/* Sizes, strides and offset as the file says, in elements; not yet held against the storage. */
typedef struct samc_pickle_tensor {
    samc_pickle_storage storage;
    int64_t offset;
    int32_t n_dims;
    int64_t shape[SAMC_TENSOR_MAX_DIMS];
    int64_t strides[SAMC_TENSOR_MAX_DIMS];
} samc_pickle_tensor;

struct samc_pickle_value {
    samc_pickle_kind kind;
    int32_t is_integer; /* PLAIN: it was an int */
    uint32_t size;      /* STRING: bytes. TUPLE, LIST: items. DICT: keys and values together */
    uint32_t capacity;
    union {
        int64_t integer;           /* PLAIN; GLOBAL: which */
        const char *text;          /* STRING: in the pickle, not terminated */
        samc_pickle_value **items; /* DICT: key, value, key, value… */
        const samc_pickle_storage *storage;
        const samc_pickle_tensor *tensor;
    } as;
};

/* Reads `size` bytes at `data`, which must outlive what `root` points to; everything is taken from
 * `arena`, at most about 64 bytes for one of the pickle. Errors: FORMAT, UNSUPPORTED (an opcode
 * or a name that is not allowed: the message says which), LIMIT, MEMORY. */
samc_status samc_pickle_read(const uint8_t *data, size_t size, samc_arena *arena,
                             const samc_pickle_value **root, samc_error *error);

/* The value of a dict under a key; NULL: there is none, or `value` is no dict. */
const samc_pickle_value *samc_pickle_get(const samc_pickle_value *value, const char *key);

#endif
