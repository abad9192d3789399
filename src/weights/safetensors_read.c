/* SPDX-License-Identifier: Apache-2.0 */
#include "weights/bytes.h"
#include "weights/json_header.h"
#include "weights/quote.h"
#include "weights/safetensors.h"
#include "weights/table.h"

#include <stdlib.h>

/* The limit that the format's own implementation sets. */
#define HEADER_MAX ((uint64_t)100000000)

static const struct {
    const char *name;
    samc_dtype dtype;
} dtypes[] = {
    {"F64", SAMC_DTYPE_F64},   {"F32", SAMC_DTYPE_F32}, {"F16", SAMC_DTYPE_F16},
    {"BF16", SAMC_DTYPE_BF16}, {"I64", SAMC_DTYPE_I64}, {"I32", SAMC_DTYPE_I32},
    {"I16", SAMC_DTYPE_I16},   {"I8", SAMC_DTYPE_I8},   {"U8", SAMC_DTYPE_U8},
    {"BOOL", SAMC_DTYPE_BOOL},
};

/* Where a tensor's bytes lie, relative to the data section. */
typedef struct range {
    int64_t begin, end;
} range;

typedef struct reader {
    samc_json json;
    const uint8_t *data; /* the data section */
    int64_t size;
    samc_arena scratch; /* what is needed for one entry only */
    samc_tensors *table;
    samc_error *error;
} reader;

/* One entry as the header has it. */
typedef struct entry {
    const char *name;
    const char *dtype; /* NULL: not seen */
    int64_t shape[SAMC_TENSOR_MAX_DIMS];
    int32_t n_dims; /* -1: not seen */
    range span;     /* begin -1: not seen */
} entry;

static samc_status fail_entry(reader *r, const entry *e, const char *what)
{
    return SAMC_FAIL(r->error, FORMAT, "the tensor %s: %s",
                     samc_quote_text(e->name, strlen(e->name)).text, what);
}

static samc_status read_shape(reader *r, entry *e)
{
    SAMC_TRY(samc_json_expect(&r->json, '[', r->error));
    e->n_dims = 0;
    if (samc_json_accept(&r->json, ']'))
        return SAMC_OK;
    do {
        if (e->n_dims == SAMC_TENSOR_MAX_DIMS)
            return SAMC_FAIL(r->error, UNSUPPORTED, "the tensor %s has more than %d dimensions",
                             samc_quote_text(e->name, strlen(e->name)).text, SAMC_TENSOR_MAX_DIMS);
        SAMC_TRY(samc_json_count(&r->json, &e->shape[e->n_dims++], r->error));
    } while (samc_json_accept(&r->json, ','));
    return samc_json_expect(&r->json, ']', r->error);
}

static samc_status read_offsets(reader *r, entry *e)
{
    SAMC_TRY(samc_json_expect(&r->json, '[', r->error));
    SAMC_TRY(samc_json_count(&r->json, &e->span.begin, r->error));
    SAMC_TRY(samc_json_expect(&r->json, ',', r->error));
    SAMC_TRY(samc_json_count(&r->json, &e->span.end, r->error));
    return samc_json_expect(&r->json, ']', r->error);
}

/* {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, in any order, nothing else. */
static samc_status read_entry(reader *r, entry *e)
{
    SAMC_TRY(samc_json_expect(&r->json, '{', r->error));
    do {
        const char *key;

        SAMC_TRY(samc_json_string(&r->json, &r->scratch, &key, r->error));
        SAMC_TRY(samc_json_expect(&r->json, ':', r->error));
        if (strcmp(key, "dtype") == 0 && !e->dtype)
            SAMC_TRY(samc_json_string(&r->json, &r->scratch, &e->dtype, r->error));
        else if (strcmp(key, "shape") == 0 && e->n_dims < 0)
            SAMC_TRY(read_shape(r, e));
        else if (strcmp(key, "data_offsets") == 0 && e->span.begin < 0)
            SAMC_TRY(read_offsets(r, e));
        else
            return fail_entry(r, e, "it has a key twice, or one that the format does not know");
    } while (samc_json_accept(&r->json, ','));
    SAMC_TRY(samc_json_expect(&r->json, '}', r->error));
    if (!e->dtype || e->n_dims < 0 || e->span.begin < 0)
        return fail_entry(r, e, "its dtype, shape or data_offsets are missing");
    return SAMC_OK;
}

static samc_status find_dtype(reader *r, const entry *e, samc_dtype *dtype)
{
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++) {
        if (strcmp(e->dtype, dtypes[i].name) == 0) {
            *dtype = dtypes[i].dtype;
            return SAMC_OK;
        }
    }
    return SAMC_FAIL(r->error, UNSUPPORTED,
                     "the tensor %s has the dtype %s, which samc cannot read",
                     samc_quote_text(e->name, strlen(e->name)).text,
                     samc_quote_text(e->dtype, strlen(e->dtype)).text);
}

static samc_status add_entry(reader *r, const entry *e)
{
    samc_tensor tensor = {.dtype = SAMC_DTYPE_F32};
    samc_error inner = {SAMC_OK, ""};
    int64_t elements;

    SAMC_TRY(find_dtype(r, e, &tensor.dtype));
    if (samc_table_set_shape(&tensor, e->shape, e->n_dims, &elements, &inner) != SAMC_OK)
        return fail_entry(r, e, inner.message);
    if (e->span.begin > e->span.end || e->span.end > r->size)
        return fail_entry(r, e, "its data_offsets lie outside the file");
    if (elements * (int64_t)samc_dtype_size(tensor.dtype) != e->span.end - e->span.begin)
        return fail_entry(r, e, "its shape and dtype do not fit its data_offsets");
    tensor.data = r->data + e->span.begin;
    return samc_table_add(r->table, &tensor, e->name, strlen(e->name), r->error);
}

/* {"key": "value", …} */
static samc_status read_metadata(reader *r)
{
    samc_arena *arena = &r->table->arena;

    SAMC_TRY(samc_json_expect(&r->json, '{', r->error));
    if (samc_json_accept(&r->json, '}'))
        return SAMC_OK;
    do {
        const char *key, *value;

        SAMC_TRY(samc_json_string(&r->json, arena, &key, r->error));
        SAMC_TRY(samc_json_expect(&r->json, ':', r->error));
        SAMC_TRY(samc_json_string(&r->json, arena, &value, r->error));
        SAMC_TRY(samc_table_add_metadata(r->table, key, value, r->error));
    } while (samc_json_accept(&r->json, ','));
    return samc_json_expect(&r->json, '}', r->error);
}

static samc_status read_header(reader *r)
{
    int seen_metadata = 0;

    SAMC_TRY(samc_json_expect(&r->json, '{', r->error));
    if (!samc_json_accept(&r->json, '}')) {
        do {
            samc_arena_mark mark = samc_arena_here(&r->scratch);
            entry e = {.n_dims = -1, .span = {-1, -1}};

            SAMC_TRY(samc_json_string(&r->json, &r->scratch, &e.name, r->error));
            SAMC_TRY(samc_json_expect(&r->json, ':', r->error));
            if (strcmp(e.name, "__metadata__") == 0) {
                if (seen_metadata++)
                    return SAMC_FAIL(r->error, FORMAT, "the header has __metadata__ twice");
                SAMC_TRY(read_metadata(r));
            } else {
                SAMC_TRY(read_entry(r, &e));
                SAMC_TRY(add_entry(r, &e));
            }
            samc_arena_give_back(&r->scratch, mark);
        } while (samc_json_accept(&r->json, ','));
        SAMC_TRY(samc_json_expect(&r->json, '}', r->error));
    }
    if (!samc_json_at_end(&r->json))
        return SAMC_FAIL(r->error, FORMAT, "something follows the JSON header's end");
    return SAMC_OK;
}

static int compare_ranges(const void *a, const void *b)
{
    const range *left = a, *right = b;

    if (left->begin != right->begin)
        return left->begin < right->begin ? -1 : 1;
    return left->end < right->end ? -1 : left->end > right->end;
}

/* Every byte of the data section belongs to exactly one tensor. */
static samc_status check_coverage(reader *r)
{
    size_t count = r->table->count;
    int64_t at = 0;
    range *ranges;

    SAMC_TRY(samc_arena_take(&r->scratch, count, sizeof *ranges, &ranges, r->error));
    for (size_t i = 0; i < count; i++) {
        const samc_tensor *t = &r->table->items[i];

        ranges[i].begin = t->data - r->data;
        ranges[i].end = ranges[i].begin +
                        samc_tensor_elements(t) * (int64_t)samc_dtype_size(t->dtype);
    }
    if (count)
        qsort(ranges, count, sizeof *ranges, compare_ranges);
    for (size_t i = 0; i < count; i++) {
        if (ranges[i].begin != at)
            return SAMC_FAIL(r->error, FORMAT, "tensors %s at byte %lld of the data section",
                             ranges[i].begin < at ? "overlap" : "leave a hole", (long long)at);
        at = ranges[i].end;
    }
    if (at != r->size)
        return SAMC_FAIL(r->error, FORMAT,
                         "the tensors need %lld bytes but the data section has %lld", (long long)at,
                         (long long)r->size);
    return SAMC_OK;
}

samc_status samc_safetensors_read(const uint8_t *data, size_t size, samc_tensors *table,
                                  samc_error *error)
{
    samc_status status;
    reader r = {.table = table, .error = error};
    uint64_t length;

    table->format = SAMC_FORMAT_SAFETENSORS;
    if (size < 8)
        return SAMC_FAIL(error, FORMAT, "the file is too short for a header");
    length = samc_load_u64(data);
    if (length > size - 8)
        return SAMC_FAIL(error, FORMAT,
                         "the header's length is %llu bytes, but the file has only %zu: it is cut "
                         "short or not a safetensors file",
                         (unsigned long long)length, size);
    if (length > HEADER_MAX)
        return SAMC_FAIL(error, LIMIT, "the header has %llu bytes; the limit is %llu",
                         (unsigned long long)length, (unsigned long long)HEADER_MAX);
    r.json = (samc_json){(const char *)data + 8, (const char *)data + 8 + length};
    r.data = data + 8 + length;
    r.size = (int64_t)(size - 8 - length);
    status = read_header(&r);
    if (status == SAMC_OK)
        status = check_coverage(&r);
    samc_arena_free(&r.scratch);
    return status;
}
