/* SPDX-License-Identifier: Apache-2.0 */
#include "weights/pth.h"

#include "weights/pickle.h"
#include "weights/quote.h"
#include "weights/zip.h"

#include <stdio.h>
#include <string.h>

/* Storages lie at PREFIX/data/KEY; torch takes the prefix from the file's name. */
#define PREFIX_MAX ((size_t)4096)
#define KEY_MAX ((size_t)64)

typedef struct pth {
    samc_zip zip;
    samc_arena arena; /* the pickle's values */
    char prefix[PREFIX_MAX + 1];
    samc_tensors *table;
} pth;

/* PREFIX/NAME, or NULL. */
static const samc_zip_member *find_record(const pth *p, const char *folder, const char *name,
                                          size_t name_size)
{
    char path[PREFIX_MAX + KEY_MAX + 16];
    int length = snprintf(path, sizeof path, "%s%s%.*s", p->prefix, folder, (int)name_size, name);

    return samc_zip_find(&p->zip, path, (size_t)length);
}

/* Finds the one PREFIX/data.pkl and keeps PREFIX, with its slash. */
static samc_status find_pickle(pth *p, const samc_zip_member **pickle, samc_error *error)
{
    static const char name[] = "/data.pkl";
    size_t length = sizeof name - 1;

    *pickle = NULL;
    for (size_t i = 0; i < p->zip.count; i++) {
        const samc_zip_member *m = &p->zip.members[i];

        if (m->name_size <= length || m->name_size - length >= PREFIX_MAX ||
            memcmp(m->name + m->name_size - length, name, length) != 0 ||
            memchr(m->name, '\0', m->name_size))
            continue;
        if (*pickle)
            return SAMC_FAIL(error, FORMAT, "the archive has more than one data.pkl");
        *pickle = m;
        memcpy(p->prefix, m->name, m->name_size - length + 1);
        p->prefix[m->name_size - length + 1] = '\0';
    }
    if (!*pickle)
        return SAMC_FAIL(error, FORMAT,
                         "this is a zip archive without a data.pkl: it was not made by torch.save");
    return SAMC_OK;
}

/* PyTorch writes the byte order since 2.1; before that it was always little. */
static samc_status check_byte_order(const pth *p, samc_error *error)
{
    const samc_zip_member *m = find_record(p, "", "byteorder", strlen("byteorder"));

    if (!m)
        return SAMC_OK;
    SAMC_TRY(samc_zip_verify(&p->zip, m, error));
    if (m->size == 6 && memcmp(m->data, "little", 6) == 0)
        return SAMC_OK;
    return SAMC_FAIL(error, UNSUPPORTED,
                     "the file's byte order is \"%s\": save it again on a little-endian machine",
                     samc_quote_text((const char *)m->data, m->size).text);
}

/* Proves that every index of the tensor lies in the storage, and that there are no more indices
 * than elements. */
static samc_status check_bounds(const samc_pickle_tensor *t, samc_tensor *tensor, samc_error *error)
{
    int64_t elements, last = t->offset;

    SAMC_TRY(samc_table_set_shape(tensor, t->shape, t->n_dims, &elements, error));
    if (t->offset < 0)
        return SAMC_FAIL(error, FORMAT, "its offset is negative");
    for (int32_t i = 0; i < t->n_dims; i++) {
        int64_t step;

        if (t->strides[i] < 0)
            return SAMC_FAIL(error, FORMAT, "a stride is negative");
        tensor->strides[i] = t->strides[i];
        if (elements > 0 && (__builtin_mul_overflow(t->shape[i] - 1, t->strides[i], &step) ||
                             __builtin_add_overflow(last, step, &last)))
            return SAMC_FAIL(error, FORMAT, "its strides reach outside its storage");
    }
    if (elements == 0 ? t->offset > t->storage.elements : last >= t->storage.elements)
        return SAMC_FAIL(error, FORMAT, "its strides reach outside its storage");
    if (elements > t->storage.elements)
        return SAMC_FAIL(error, UNSUPPORTED,
                         "it repeats its storage: save tensor.contiguous() instead");
    return SAMC_OK;
}

/* The storage's member; its bytes are enough for the elements that the pickle claims. */
static samc_status find_storage(const pth *p, const samc_pickle_storage *storage,
                                const samc_zip_member **member, samc_error *error)
{
    int64_t bytes;

    *member = NULL;
    if (storage->key_size <= KEY_MAX && !memchr(storage->key, '\0', storage->key_size))
        *member = find_record(p, "data/", storage->key, storage->key_size);
    if (!*member)
        return SAMC_FAIL(error, FORMAT, "its storage data/%s is missing",
                         samc_quote_text(storage->key, storage->key_size).text);
    if (__builtin_mul_overflow(storage->elements, (int64_t)samc_dtype_size(storage->dtype),
                               &bytes) ||
        (uint64_t)bytes > (*member)->size)
        return SAMC_FAIL(error, FORMAT, "its storage data/%s has %zu bytes, too few for %lld %s",
                         samc_quote_text(storage->key, storage->key_size).text, (*member)->size,
                         (long long)storage->elements, samc_dtype_name(storage->dtype));
    return SAMC_OK;
}

static samc_status add_tensor(pth *p, const samc_pickle_value *name, const samc_pickle_tensor *t,
                              samc_error *error)
{
    samc_tensor tensor = {.dtype = t->storage.dtype};
    const samc_zip_member *member;
    samc_error inner = {SAMC_OK, ""};
    samc_status status;

    status = check_bounds(t, &tensor, &inner);
    if (status == SAMC_OK)
        status = find_storage(p, &t->storage, &member, &inner);
    if (status != SAMC_OK)
        return samc_error_set(error, status, "the tensor %s: %s",
                              samc_quote_text(name->as.text, name->size).text, inner.message);
    tensor.data = member->data + (size_t)t->offset * samc_dtype_size(tensor.dtype);
    return samc_table_add(p->table, &tensor, name->as.text, name->size, error);
}

/* The dict that holds tensors: the top level, else its "model" or "state_dict". */
static const samc_pickle_value *find_state_dict(const samc_pickle_value *root)
{
    static const char *const nests[] = {"model", "state_dict"};

    for (uint32_t i = 1; root->kind == SAMC_PICKLE_DICT && i < root->size; i += 2)
        if (root->as.items[i]->kind == SAMC_PICKLE_TENSOR)
            return root;
    for (size_t i = 0; i < sizeof nests / sizeof *nests; i++) {
        const samc_pickle_value *nested = samc_pickle_get(root, nests[i]);

        if (nested && nested->kind == SAMC_PICKLE_DICT)
            return nested;
    }
    return root;
}

static samc_status add_tensors(pth *p, const samc_pickle_value *root, samc_error *error)
{
    const samc_pickle_value *dict = find_state_dict(root);

    if (dict->kind != SAMC_PICKLE_DICT)
        return SAMC_FAIL(error, UNSUPPORTED,
                         "the file holds no dict of tensors: save model.state_dict() with "
                         "torch.save");
    for (uint32_t i = 0; i < dict->size; i += 2) {
        const samc_pickle_value *name = dict->as.items[i], *value = dict->as.items[i + 1];

        if (value->kind != SAMC_PICKLE_TENSOR)
            continue;
        if (name->kind != SAMC_PICKLE_STRING)
            return SAMC_FAIL(error, FORMAT, "a tensor has a name that is not text");
        SAMC_TRY(add_tensor(p, name, value->as.tensor, error));
    }
    if (p->table->count == 0)
        return SAMC_FAIL(error, UNSUPPORTED,
                         "the file holds no tensors: save model.state_dict() with torch.save");
    return SAMC_OK;
}

/* Every record of PREFIX/data/ is worth a check, whether a tensor uses it or not: damage is
 * damage. */
static samc_status add_spans(pth *p, samc_error *error)
{
    char folder[PREFIX_MAX + 16];
    size_t length = (size_t)snprintf(folder, sizeof folder, "%sdata/", p->prefix);

    if (!p->zip.has_crcs)
        return SAMC_OK;
    for (size_t i = 0; i < p->zip.count; i++) {
        const samc_zip_member *m = &p->zip.members[i];
        samc_quote quote = samc_quote_text(m->name, m->name_size);
        samc_table_span span = {m->data, m->size, m->crc, NULL};

        if (m->name_size <= length || memcmp(m->name, folder, length) != 0)
            continue;
        SAMC_TRY(samc_table_copy_text(p->table, quote.text, strlen(quote.text), &span.name, error));
        SAMC_TRY(samc_table_add_span(p->table, &span, error));
    }
    return SAMC_OK;
}

static samc_status read_pth(pth *p, samc_error *error)
{
    const samc_zip_member *pickle;
    const samc_pickle_value *root;

    SAMC_TRY(find_pickle(p, &pickle, error));
    SAMC_TRY(check_byte_order(p, error));
    SAMC_TRY(samc_zip_verify(&p->zip, pickle, error));
    SAMC_TRY(samc_pickle_read(pickle->data, pickle->size, &p->arena, &root, error));
    SAMC_TRY(add_tensors(p, root, error));
    return add_spans(p, error);
}

samc_status samc_pth_read(const uint8_t *data, size_t size, samc_tensors *table, samc_error *error)
{
    pth p = {.table = table};
    samc_status status;

    table->format = SAMC_FORMAT_PTH;
    SAMC_TRY(samc_zip_open(data, size, &p.zip, error));
    status = read_pth(&p, error);
    samc_arena_free(&p.arena);
    samc_zip_close(&p.zip);
    return status;
}
