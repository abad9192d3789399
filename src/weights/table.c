/* SPDX-License-Identifier: Apache-2.0 */
#include "weights/table.h"

#include "weights/quote.h"
#include "weights/utf8.h"

#include <stdlib.h>
#include <string.h>

/* Makes room for one more element of `size` bytes; the old array stays in the arena, which costs no
 * more than the new one. */
static samc_status make_room(samc_arena *arena, void *items, size_t count, size_t *capacity,
                             size_t size, samc_error *error)
{
    void *old, *grown;
    size_t next = *capacity ? *capacity * 2 : 64;

    if (count < *capacity)
        return SAMC_OK;
    SAMC_TRY(samc_arena_take(arena, next, size, &grown, error));
    memcpy(&old, items, sizeof old); /* `items` is the address of a pointer of any type */
    if (count)
        memcpy(grown, old, count * size);
    memcpy(items, &grown, sizeof grown);
    *capacity = next;
    return SAMC_OK;
}

/* Names go into messages, tables and JSON: no control characters, no broken UTF-8. */
static int name_is_fine(const char *name, size_t size)
{
    if (size == 0 || size > SAMC_TENSOR_NAME_MAX || !samc_utf8_is_valid(name, size))
        return 0;
    for (size_t i = 0; i < size; i++)
        if ((uint8_t)name[i] < 0x20 || name[i] == 0x7f)
            return 0;
    return 1;
}

samc_status samc_table_copy_text(samc_tensors *table, const char *text, size_t size,
                                 const char **copy, samc_error *error)
{
    char *p;

    SAMC_TRY(samc_arena_take(&table->arena, size + 1, 1, &p, error));
    memcpy(p, text, size);
    p[size] = '\0';
    *copy = p;
    return SAMC_OK;
}

samc_status samc_table_add(samc_tensors *table, const samc_tensor *tensor, const char *name,
                           size_t name_size, samc_error *error)
{
    const char *copy;

    if (!name_is_fine(name, name_size))
        return SAMC_FAIL(error, FORMAT,
                         "a tensor's name (\"%s\") is empty, longer than %zu bytes or not plain "
                         "UTF-8 text",
                         samc_quote_text(name, name_size).text, SAMC_TENSOR_NAME_MAX);
    if (table->count >= SAMC_TENSORS_MAX)
        return SAMC_FAIL(error, LIMIT, "more than %zu tensors: not a model that samc could use",
                         SAMC_TENSORS_MAX);
    SAMC_TRY(samc_table_copy_text(table, name, name_size, &copy, error));
    SAMC_TRY(make_room(&table->arena, &table->items, table->count, &table->capacity,
                       sizeof *table->items, error));
    table->items[table->count] = *tensor;
    table->items[table->count].name = copy;
    table->count++;
    return SAMC_OK;
}

samc_status samc_table_add_metadata(samc_tensors *table, const char *key, const char *value,
                                    samc_error *error)
{
    if (table->n_metadata >= SAMC_TENSORS_MAX)
        return SAMC_FAIL(error, LIMIT, "more than %zu entries of __metadata__", SAMC_TENSORS_MAX);
    SAMC_TRY(make_room(&table->arena, &table->metadata, table->n_metadata,
                       &table->metadata_capacity, sizeof *table->metadata, error));
    table->metadata[table->n_metadata++] = (samc_table_metadata){key, value};
    return SAMC_OK;
}

samc_status samc_table_add_span(samc_tensors *table, const samc_table_span *span, samc_error *error)
{
    SAMC_TRY(make_room(&table->arena, &table->spans, table->n_spans, &table->spans_capacity,
                       sizeof *table->spans, error));
    table->spans[table->n_spans++] = *span;
    return SAMC_OK;
}

static int compare_names(const void *a, const void *b)
{
    const samc_tensor *const *left = a;
    const samc_tensor *const *right = b;

    return strcmp((*left)->name, (*right)->name);
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp(((const samc_table_metadata *)a)->key, ((const samc_table_metadata *)b)->key);
}

samc_status samc_table_finish(samc_tensors *table, samc_error *error)
{
    size_t count = table->count;

    SAMC_TRY(samc_arena_take(&table->arena, count, sizeof *table->by_name, &table->by_name, error));
    for (size_t i = 0; i < count; i++)
        table->by_name[i] = &table->items[i];
    if (count)
        qsort(table->by_name, count, sizeof *table->by_name, compare_names);
    for (size_t i = 1; i < count; i++)
        if (strcmp(table->by_name[i - 1]->name, table->by_name[i]->name) == 0)
            return SAMC_FAIL(error, FORMAT, "the tensor %s occurs twice", table->by_name[i]->name);
    if (table->n_metadata)
        qsort(table->metadata, table->n_metadata, sizeof *table->metadata, compare_keys);
    for (size_t i = 1; i < table->n_metadata; i++)
        if (strcmp(table->metadata[i - 1].key, table->metadata[i].key) == 0)
            return SAMC_FAIL(
                error, FORMAT, "__metadata__ has the key \"%s\" twice",
                samc_quote_text(table->metadata[i].key, strlen(table->metadata[i].key)).text);
    return SAMC_OK;
}

samc_status samc_table_set_shape(samc_tensor *tensor, const int64_t *shape, int32_t n_dims,
                                 int64_t *elements, samc_error *error)
{
    int64_t stride = 1, bytes;
    int empty = 0;

    tensor->n_dims = n_dims;
    for (int32_t i = n_dims - 1; i >= 0; i--) {
        if (shape[i] < 0)
            return SAMC_FAIL(error, FORMAT, "a size of %lld", (long long)shape[i]);
        tensor->shape[i] = shape[i];
        tensor->strides[i] = stride;
        empty |= shape[i] == 0;
        /* zeros are left out, so that [2^40, 2^40, 0] is an overflow too, not a surprise */
        if (__builtin_mul_overflow(stride, shape[i] ? shape[i] : 1, &stride))
            return SAMC_FAIL(error, FORMAT, "its sizes multiply to more than 63 bits");
    }
    if (__builtin_mul_overflow(stride, (int64_t)samc_dtype_size(tensor->dtype), &bytes))
        return SAMC_FAIL(error, FORMAT, "its sizes multiply to more than 63 bits");
    *elements = empty ? 0 : stride;
    return SAMC_OK;
}
