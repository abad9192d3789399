/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"
#include "base/file.h"
#include "base/memory.h"
#include "weights/bytes.h"
#include "weights/convert.h"
#include "weights/safetensors.h"

#include <stdlib.h>

/* Elements that are converted at a time. */
#define CHUNK ((int64_t)16384)

typedef struct item {
    const samc_tensor *tensor;
    samc_dtype dtype; /* as written */
    size_t order;     /* as given */
} item;

typedef struct writer {
    samc_file_writer file;
    uint8_t *memory; /* where the bytes go instead of the file, or NULL */
    size_t at;       /* bytes that memory holds */
    samc_arena arena;
    item *items;
    size_t count;
    char *header;
    size_t used, room;
    uint8_t *bytes; /* [CHUNK] of the widest dtype */
    samc_error *error;
} writer;

/* Where `memory` is there it has room. */
static samc_status put(writer *w, const void *data, size_t size)
{
    if (!w->memory)
        return samc_file_write(&w->file, data, size, w->error);
    memcpy(w->memory + w->at, data, size);
    w->at += size;
    return SAMC_OK;
}

static const char *dtype_key(samc_dtype dtype)
{
    static const char *const keys[] = {
        [SAMC_DTYPE_F64] = "F64",   [SAMC_DTYPE_F32] = "F32", [SAMC_DTYPE_F16] = "F16",
        [SAMC_DTYPE_BF16] = "BF16", [SAMC_DTYPE_I64] = "I64", [SAMC_DTYPE_I32] = "I32",
        [SAMC_DTYPE_I16] = "I16",   [SAMC_DTYPE_I8] = "I8",   [SAMC_DTYPE_U8] = "U8",
        [SAMC_DTYPE_BOOL] = "BOOL",
    };

    return keys[dtype];
}

/* ------------------------------------------------------------------------------------------------
 * The header
 * --------------------------------------------------------------------------------------------- */

/* Adds text to the header, which grows by doubling within the arena. */
static samc_status add(writer *w, const char *text, size_t size)
{
    char *grown;
    size_t room = w->room ? w->room : 4096;

    while (w->used + size > room)
        room *= 2;
    if (room != w->room) {
        SAMC_TRY(samc_arena_take(&w->arena, room, 1, &grown, w->error));
        if (w->used)
            memcpy(grown, w->header, w->used);
        w->header = grown;
        w->room = room;
    }
    memcpy(w->header + w->used, text, size);
    w->used += size;
    return SAMC_OK;
}

static samc_status add_text(writer *w, const char *text)
{
    return add(w, text, strlen(text));
}

static samc_status add_number(writer *w, int64_t number)
{
    char text[24];

    (void)snprintf(text, sizeof text, "%lld", (long long)number);
    return add_text(w, text);
}

static samc_status add_string(writer *w, const char *text)
{
    SAMC_TRY(add_text(w, "\""));
    for (const char *p = text; *p; p++) {
        char escape[8];

        if ((unsigned char)*p < 0x20)
            (void)snprintf(escape, sizeof escape, "\\u%04x", (unsigned)*p);
        else if (*p == '"' || *p == '\\')
            (void)snprintf(escape, sizeof escape, "\\%c", *p);
        else
            (void)snprintf(escape, sizeof escape, "%c", *p);
        SAMC_TRY(add_text(w, escape));
    }
    return add_text(w, "\"");
}

static samc_status add_metadata(writer *w, const samc_metadata *metadata, size_t count)
{
    if (count == 0)
        return SAMC_OK;
    SAMC_TRY(add_text(w, "\"__metadata__\":{"));
    for (size_t i = 0; i < count; i++) {
        SAMC_TRY(add_text(w, i ? "," : ""));
        SAMC_TRY(add_string(w, metadata[i].key));
        SAMC_TRY(add_text(w, ":"));
        SAMC_TRY(add_string(w, metadata[i].value));
    }
    return add_text(w, w->count ? "}," : "}");
}

static samc_status add_entry(writer *w, const item *it, int64_t begin, int64_t end)
{
    SAMC_TRY(add_string(w, it->tensor->name));
    SAMC_TRY(add_text(w, ":{\"dtype\":\""));
    SAMC_TRY(add_text(w, dtype_key(it->dtype)));
    SAMC_TRY(add_text(w, "\",\"shape\":["));
    for (int32_t i = 0; i < it->tensor->n_dims; i++) {
        SAMC_TRY(add_text(w, i ? "," : ""));
        SAMC_TRY(add_number(w, it->tensor->shape[i]));
    }
    SAMC_TRY(add_text(w, "],\"data_offsets\":["));
    SAMC_TRY(add_number(w, begin));
    SAMC_TRY(add_text(w, ","));
    SAMC_TRY(add_number(w, end));
    return add_text(w, "]}");
}

/* Makes the header; *total: the bytes of the data behind it. */
static samc_status make_header(writer *w, const samc_metadata *metadata, size_t n_metadata,
                               int64_t *total)
{
    int64_t at = 0;

    SAMC_TRY(add_text(w, "{"));
    SAMC_TRY(add_metadata(w, metadata, n_metadata));
    for (size_t i = 0; i < w->count; i++) {
        const item *it = &w->items[i];
        int64_t bytes = samc_tensor_elements(it->tensor) * (int64_t)samc_dtype_size(it->dtype);

        SAMC_TRY(add_text(w, i ? "," : ""));
        SAMC_TRY(add_entry(w, it, at, at + bytes));
        at += bytes;
    }
    SAMC_TRY(add_text(w, "}"));
    while (w->used % 8) /* the data section begins at a multiple of 8, as the format advises */
        SAMC_TRY(add_text(w, " "));
    *total = at;
    return SAMC_OK;
}

/* ------------------------------------------------------------------------------------------------
 * The data
 * --------------------------------------------------------------------------------------------- */

static samc_status write_data(writer *w, const item *it)
{
    int64_t elements = samc_tensor_elements(it->tensor);

    for (int64_t first = 0; first < elements; first += CHUNK) {
        int64_t count = elements - first < CHUNK ? elements - first : CHUNK;

        SAMC_TRY(samc_convert_elements(it->tensor, it->dtype, first, count, w->bytes, w->error));
        SAMC_TRY(put(w, w->bytes, (size_t)count * samc_dtype_size(it->dtype)));
    }
    return SAMC_OK;
}

/* ------------------------------------------------------------------------------------------------
 * The file
 * --------------------------------------------------------------------------------------------- */

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const item *)a)->tensor->name, ((const item *)b)->tensor->name);
}

static int compare_width(const void *a, const void *b)
{
    const item *left = a, *right = b;
    size_t wide = samc_dtype_size(left->dtype), other = samc_dtype_size(right->dtype);

    if (wide != other)
        return wide > other ? -1 : 1;
    return left->order < right->order ? -1 : left->order > right->order;
}

static samc_status order_items(writer *w, const samc_tensor *const *tensors, samc_dtype dtype)
{
    SAMC_TRY(samc_arena_take(&w->arena, w->count, sizeof *w->items, &w->items, w->error));
    for (size_t i = 0; i < w->count; i++)
        w->items[i] = (item){tensors[i], samc_convert_dtype(tensors[i], dtype), i};
    if (w->count == 0)
        return SAMC_OK;
    qsort(w->items, w->count, sizeof *w->items, compare_names);
    for (size_t i = 1; i < w->count; i++)
        if (compare_names(&w->items[i - 1], &w->items[i]) == 0)
            return SAMC_FAIL(w->error, ARGUMENT, "two tensors to write are named %s",
                             w->items[i].tensor->name);
    qsort(w->items, w->count, sizeof *w->items, compare_width);
    return SAMC_OK;
}

static samc_status write_all(writer *w)
{
    const uint64_t length = w->used;

    SAMC_TRY(samc_arena_take(&w->arena, (size_t)CHUNK, 8, &w->bytes, w->error));
    SAMC_TRY(put(w, &length, sizeof length));
    SAMC_TRY(put(w, w->header, w->used));
    for (size_t i = 0; i < w->count; i++)
        SAMC_TRY(write_data(w, &w->items[i]));
    return SAMC_OK;
}

/* Checks what is given, orders it and makes the header. */
static samc_status begin(writer *w, const samc_tensor *const *tensors, samc_dtype dtype,
                         const samc_metadata *metadata, size_t n_metadata, int64_t *total)
{
    SAMC_TRY(samc_convert_check(dtype, w->error));
    for (size_t i = 0; i < n_metadata; i++)
        for (size_t k = 0; k < i; k++)
            if (strcmp(metadata[i].key, metadata[k].key) == 0)
                return SAMC_FAIL(w->error, ARGUMENT, "the metadata has the key %s twice",
                                 metadata[i].key);
    SAMC_TRY(order_items(w, tensors, dtype));
    return make_header(w, metadata, n_metadata, total);
}

samc_status samc_safetensors_write(const char *path, const samc_tensor *const *tensors,
                                   size_t count, samc_dtype dtype, const samc_metadata *metadata,
                                   size_t n_metadata, samc_error *error)
{
    samc_status status = SAMC_OK;
    writer w = {.count = count, .error = error};
    int64_t total;

    SAMC_CHECK(begin(&w, tensors, dtype, metadata, n_metadata, &total));
    SAMC_CHECK(samc_file_begin(path, &w.file, error));
    SAMC_CHECK(write_all(&w));
    status = samc_file_commit(&w.file, error);

cleanup:
    samc_file_abort(&w.file);
    samc_arena_free(&w.arena);
    return status;
}

samc_status samc_safetensors_bytes(const samc_tensor *const *tensors, size_t count,
                                   samc_dtype dtype, const samc_metadata *metadata,
                                   size_t n_metadata, uint8_t **bytes, size_t *size,
                                   samc_error *error)
{
    samc_status status = SAMC_OK;
    writer w = {.count = count, .error = error};
    int64_t total;

    SAMC_CHECK(begin(&w, tensors, dtype, metadata, n_metadata, &total));
    if ((uint64_t)total > SIZE_MAX / 2) {
        status = SAMC_FAIL(error, MEMORY, "out of memory: %lld bytes do not fit an address space",
                           (long long)total);
        goto cleanup;
    }
    SAMC_CHECK(samc_alloc(1, 8 + w.used + (size_t)total, &w.memory, error));
    SAMC_CHECK(write_all(&w));
    *bytes = w.memory;
    *size = w.at;
    w.memory = NULL;

cleanup:
    free(w.memory);
    samc_arena_free(&w.arena);
    return status;
}
