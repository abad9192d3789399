/* SPDX-License-Identifier: Apache-2.0 */
#include "weights/pth_write.h"

#include "base/file.h"
#include "base/memory.h"
#include "weights/convert.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* Data begins at multiples of this, as torch.save has it: readers may map it. */
#define ALIGNMENT 64

/* 1980-01-01, the first day that a zip knows: the same weights make the same file. */
#define DOS_DATE 0x21

/* Bytes that grow. */
typedef struct text {
    uint8_t *data;
    size_t size, room;
} text;

typedef struct writer {
    samc_file_writer file;
    uint64_t at; /* bytes written to the file */
    text pickle;
    text directory; /* of the zip */
    uint32_t members;
    uint8_t *bytes; /* of the largest tensor */
    samc_error *error;
} writer;

static samc_status add(writer *w, text *t, const void *data, size_t size)
{
    if (t->room - t->size < size) {
        const size_t room = 2 * (t->room + size) + 4096;
        uint8_t *grown;

        SAMC_TRY(samc_alloc(room, 1, &grown, w->error));
        if (t->size)
            memcpy(grown, t->data, t->size);
        free(t->data);
        t->data = grown;
        t->room = room;
    }
    if (size)
        memcpy(t->data + t->size, data, size);
    t->size += size;
    return SAMC_OK;
}

/* The low `size` bytes of a number. Numbers in memory are little-endian (weights/bytes.h). */
static samc_status add_number(writer *w, text *t, uint64_t number, size_t size)
{
    return add(w, t, &number, size);
}

/* ------------------------------------------------------------------------------------------------
 * The pickle
 * --------------------------------------------------------------------------------------------- */

static samc_status pickle_code(writer *w, const char *opcodes)
{
    return add(w, &w->pickle, opcodes, strlen(opcodes));
}

static samc_status pickle_string(writer *w, const char *string)
{
    const size_t length = strlen(string);

    SAMC_TRY(pickle_code(w, "X")); /* BINUNICODE */
    SAMC_TRY(add_number(w, &w->pickle, length, 4));
    return add(w, &w->pickle, string, length);
}

static samc_status pickle_integer(writer *w, int64_t number)
{
    if (number <= INT32_MAX) {
        SAMC_TRY(pickle_code(w, "J")); /* BININT */
        return add_number(w, &w->pickle, (uint64_t)number, 4);
    }
    SAMC_TRY(pickle_code(w, "\x8a\x08")); /* LONG1 of eight bytes */
    return add_number(w, &w->pickle, (uint64_t)number, 8);
}

static samc_status pickle_integers(writer *w, const int64_t *numbers, int32_t n)
{
    SAMC_TRY(pickle_code(w, "(")); /* MARK */
    for (int32_t i = 0; i < n; i++)
        SAMC_TRY(pickle_integer(w, numbers[i]));
    return pickle_code(w, "t"); /* TUPLE */
}

/* OrderedDict(): GLOBAL, EMPTY_TUPLE, REDUCE. */
static samc_status pickle_dict(writer *w)
{
    return pickle_code(w, "ccollections\nOrderedDict\n)R");
}

static const char *storage_of(samc_dtype dtype)
{
    static const char *const names[] = {
        [SAMC_DTYPE_F64] = "DoubleStorage", [SAMC_DTYPE_F32] = "FloatStorage",
        [SAMC_DTYPE_F16] = "HalfStorage",   [SAMC_DTYPE_BF16] = "BFloat16Storage",
        [SAMC_DTYPE_I64] = "LongStorage",   [SAMC_DTYPE_I32] = "IntStorage",
        [SAMC_DTYPE_I16] = "ShortStorage",  [SAMC_DTYPE_I8] = "CharStorage",
        [SAMC_DTYPE_U8] = "ByteStorage",    [SAMC_DTYPE_BOOL] = "BoolStorage",
    };

    return names[dtype];
}

/* "name": _rebuild_tensor_v2(("storage", torch.…Storage, "index", "cpu", elements), 0, shape,
 * strides, False, OrderedDict()) */
static samc_status pickle_tensor(writer *w, const samc_tensor *tensor, size_t index,
                                 samc_dtype dtype)
{
    int64_t strides[SAMC_TENSOR_MAX_DIMS], stride = 1;
    char key[24];

    for (int32_t i = tensor->n_dims - 1; i >= 0; i--) {
        strides[i] = stride;
        stride *= tensor->shape[i] ? tensor->shape[i] : 1;
    }
    (void)snprintf(key, sizeof key, "%zu", index);
    SAMC_TRY(pickle_string(w, tensor->name));
    SAMC_TRY(pickle_code(w, "ctorch._utils\n_rebuild_tensor_v2\n(("));
    SAMC_TRY(pickle_string(w, "storage"));
    SAMC_TRY(pickle_code(w, "ctorch\n"));
    SAMC_TRY(pickle_code(w, storage_of(samc_convert_dtype(tensor, dtype))));
    SAMC_TRY(pickle_code(w, "\n"));
    SAMC_TRY(pickle_string(w, key));
    SAMC_TRY(pickle_string(w, "cpu"));
    SAMC_TRY(pickle_integer(w, samc_tensor_elements(tensor)));
    SAMC_TRY(pickle_code(w, "tQ")); /* TUPLE, BINPERSID */
    SAMC_TRY(pickle_integer(w, 0));
    SAMC_TRY(pickle_integers(w, tensor->shape, tensor->n_dims));
    SAMC_TRY(pickle_integers(w, strides, tensor->n_dims));
    SAMC_TRY(pickle_code(w, "\x89")); /* NEWFALSE */
    SAMC_TRY(pickle_dict(w));
    return pickle_code(w, "tR"); /* TUPLE, REDUCE */
}

static samc_status make_pickle(writer *w, const samc_tensor *const *tensors, size_t count,
                               samc_dtype dtype)
{
    SAMC_TRY(pickle_code(w, "\x80\x02")); /* PROTO 2 */
    SAMC_TRY(pickle_dict(w));
    SAMC_TRY(pickle_code(w, "("));
    for (size_t i = 0; i < count; i++)
        SAMC_TRY(pickle_tensor(w, tensors[i], i, dtype));
    return pickle_code(w, "u."); /* SETITEMS, STOP */
}

/* ------------------------------------------------------------------------------------------------
 * The zip
 * --------------------------------------------------------------------------------------------- */

/* What a local header and an entry of the directory have in common, from "version needed" to the
 * name's length: stored, no flags. */
static samc_status add_member(writer *w, text *t, uint32_t crc, size_t size, const char *name)
{
    SAMC_TRY(add_number(w, t, 10, 2)); /* version needed: 1.0 */
    SAMC_TRY(add_number(w, t, 0, 2 + 2 + 2));
    SAMC_TRY(add_number(w, t, DOS_DATE, 2));
    SAMC_TRY(add_number(w, t, crc, 4));
    SAMC_TRY(add_number(w, t, size, 4));
    SAMC_TRY(add_number(w, t, size, 4));
    return add_number(w, t, strlen(name), 2);
}

static samc_status write_text(writer *w, const text *t)
{
    w->at += t->size;
    return samc_file_write(&w->file, t->data, t->size, w->error);
}

static samc_status write_local(writer *w, text *header, uint32_t crc, size_t size, const char *name)
{
    const size_t fixed = 30 + strlen(name) + 4;
    const size_t padding = (ALIGNMENT - (size_t)(w->at + fixed) % ALIGNMENT) % ALIGNMENT;

    SAMC_TRY(add(w, header, "PK\3\4", 4));
    SAMC_TRY(add_member(w, header, crc, size, name));
    SAMC_TRY(add_number(w, header, 4 + padding, 2));
    SAMC_TRY(add(w, header, name, strlen(name)));
    SAMC_TRY(add(w, header, "FB", 2)); /* an extra field that is there for its length */
    SAMC_TRY(add_number(w, header, padding, 2));
    for (size_t i = 0; i < padding; i++)
        SAMC_TRY(add(w, header, "Z", 1));
    return write_text(w, header);
}

static samc_status write_member(writer *w, const char *name, const void *data, size_t size)
{
    const uint32_t crc = (uint32_t)crc32_z(0, data, size);
    const uint64_t begin = w->at;
    text header = {NULL, 0, 0};
    samc_status status;

    if (begin + size > UINT32_MAX - (1u << 20))
        return SAMC_FAIL(w->error, UNSUPPORTED,
                         "the weights take 4 GiB or more, which this .pth cannot hold: write "
                         "safetensors, or f16");
    status = write_local(w, &header, crc, size, name);
    free(header.data);
    if (status != SAMC_OK)
        return status;
    SAMC_TRY(samc_file_write(&w->file, data, size, w->error));
    w->at += size;
    w->members++;
    SAMC_TRY(add(w, &w->directory, "PK\1\2", 4));
    SAMC_TRY(add_number(w, &w->directory, 10, 2)); /* made by version 1.0 */
    SAMC_TRY(add_member(w, &w->directory, crc, size, name));
    SAMC_TRY(add_number(w, &w->directory, 0, 2 + 2 + 2 + 2));
    SAMC_TRY(add_number(w, &w->directory, 0, 4));
    SAMC_TRY(add_number(w, &w->directory, begin, 4));
    return add(w, &w->directory, name, strlen(name));
}

static samc_status write_end(writer *w)
{
    const uint64_t begin = w->at, size = w->directory.size;

    SAMC_TRY(add(w, &w->directory, "PK\5\6\0\0\0\0", 8));
    SAMC_TRY(add_number(w, &w->directory, w->members, 2));
    SAMC_TRY(add_number(w, &w->directory, w->members, 2));
    SAMC_TRY(add_number(w, &w->directory, size, 4));
    SAMC_TRY(add_number(w, &w->directory, begin, 4));
    SAMC_TRY(add_number(w, &w->directory, 0, 2));
    return write_text(w, &w->directory);
}

/* ------------------------------------------------------------------------------------------------
 * The file
 * --------------------------------------------------------------------------------------------- */

static int compare_names(const void *a, const void *b)
{
    const samc_tensor *const *left = a;
    const samc_tensor *const *right = b;

    return strcmp((*left)->name, (*right)->name);
}

/* Finds the largest tensor's bytes, and names that come twice. */
static samc_status look_over(writer *w, const samc_tensor *const *tensors, size_t count,
                             samc_dtype dtype)
{
    const samc_tensor **sorted;
    size_t most = 1;
    samc_status status = SAMC_OK;

    SAMC_TRY(samc_convert_check(dtype, w->error));
    if (count > UINT16_MAX - 8)
        return SAMC_FAIL(w->error, UNSUPPORTED, "a .pth with %zu tensors; write safetensors",
                         count);
    SAMC_TRY(samc_alloc(count, sizeof *sorted, &sorted, w->error));
    for (size_t i = 0; i < count; i++) {
        const size_t size = (size_t)samc_tensor_elements(tensors[i]) *
                            samc_dtype_size(samc_convert_dtype(tensors[i], dtype));

        sorted[i] = tensors[i];
        most = size > most ? size : most;
    }
    if (count)
        qsort(sorted, count, sizeof *sorted, compare_names);
    for (size_t i = 1; i < count && status == SAMC_OK; i++)
        if (compare_names(&sorted[i - 1], &sorted[i]) == 0)
            status = SAMC_FAIL(w->error, ARGUMENT, "two tensors to write are named %s",
                               sorted[i]->name);
    free(sorted);
    return status == SAMC_OK ? samc_alloc(most, 1, &w->bytes, w->error) : status;
}

static samc_status write_file(writer *w, const samc_tensor *const *tensors, size_t count,
                              samc_dtype dtype)
{
    SAMC_TRY(make_pickle(w, tensors, count, dtype));
    SAMC_TRY(write_member(w, "archive/data.pkl", w->pickle.data, w->pickle.size));
    SAMC_TRY(write_member(w, "archive/byteorder", "little", 6));
    for (size_t i = 0; i < count; i++) {
        const int64_t elements = samc_tensor_elements(tensors[i]);
        const size_t size = samc_dtype_size(samc_convert_dtype(tensors[i], dtype));
        char name[40];

        (void)snprintf(name, sizeof name, "archive/data/%zu", i);
        SAMC_TRY(samc_convert_elements(tensors[i], dtype, 0, elements, w->bytes, w->error));
        SAMC_TRY(write_member(w, name, w->bytes, (size_t)elements * size));
    }
    SAMC_TRY(write_member(w, "archive/version", "3\n", 2));
    return write_end(w);
}

samc_status samc_pth_write(const char *path, const samc_tensor *const *tensors, size_t count,
                           samc_dtype dtype, samc_error *error)
{
    writer w = {.error = error};
    samc_status status;

    SAMC_CHECK(look_over(&w, tensors, count, dtype));
    SAMC_CHECK(samc_file_begin(path, &w.file, error));
    SAMC_CHECK(write_file(&w, tensors, count, dtype));
    status = samc_file_commit(&w.file, error);

cleanup:
    samc_file_abort(&w.file);
    free(w.pickle.data);
    free(w.directory.data);
    free(w.bytes);
    return status;
}
