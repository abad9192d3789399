/* SPDX-License-Identifier: Apache-2.0 */
#include "image/npy.h"

#include "base/file.h"
#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC "\x93NUMPY"
#define MAGIC_SIZE 6
#define V1_PREFIX 10 /* magic, two bytes of version, two bytes of header length */
#define V2_PREFIX 12 /* the length has four */

static const struct {
    const char *descr;
    size_t size;
} types[] = {
    [SAMC_NPY_F32] = {"<f4", 4},
    [SAMC_NPY_F64] = {"<f8", 8},
    [SAMC_NPY_U8] = {"|u1", 1},
    [SAMC_NPY_BOOL] = {"|b1", 1},
};
#define N_TYPES (sizeof types / sizeof types[0])

/* The header: a Python dict literal, read from `at` on. */
typedef struct header {
    const char *at;
    const char *end;
    const char *name; /* of the file */
    int has_descr, has_order, has_shape;
} header;

static samc_status damaged(const header *h, const char *what, samc_error *error)
{
    return SAMC_FAIL(error, FORMAT, "%s: the .npy header is damaged: %s", h->name, what);
}

static void skip_space(header *h)
{
    while (h->at < h->end && (*h->at == ' ' || *h->at == '\n' || *h->at == '\t'))
        h->at++;
}

/* Takes the character `c`, after spaces; 0: something else stands there. */
static int take(header *h, char c)
{
    skip_space(h);
    if (h->at == h->end || *h->at != c)
        return 0;
    h->at++;
    return 1;
}

/* Takes `word`, after spaces; 0: something else stands there. */
static int take_word(header *h, const char *word)
{
    size_t n = strlen(word);

    skip_space(h);
    if ((size_t)(h->end - h->at) < n || memcmp(h->at, word, n) != 0)
        return 0;
    h->at += n;
    return 1;
}

/* Takes a quoted string without escapes of less than `size` characters into `text`. */
static int take_string(header *h, char *text, size_t size)
{
    char quote;
    size_t n = 0;

    skip_space(h);
    if (h->at == h->end || (*h->at != '\'' && *h->at != '"'))
        return 0;
    quote = *h->at++;
    for (; h->at < h->end && *h->at != quote; h->at++) {
        if (*h->at < ' ' || *h->at > '~' || *h->at == '\\' || n + 1 == size)
            return 0;
        text[n++] = *h->at;
    }
    text[n] = '\0';
    return take(h, quote);
}

static samc_status read_descr(header *h, samc_npy *array, samc_error *error)
{
    char descr[32];

    if (!take_string(h, descr, sizeof descr))
        return SAMC_FAIL(error, UNSUPPORTED,
                         "%s: the array's dtype is not one of float32, float64, uint8 and bool",
                         h->name);
    for (size_t i = 0; i < N_TYPES; i++)
        if (strcmp(descr, types[i].descr) == 0) {
            array->type = (samc_npy_type)i;
            return SAMC_OK;
        }
    return SAMC_FAIL(error, UNSUPPORTED,
                     "%s: the array's dtype is '%s'; float32, float64, uint8 and bool "
                     "(little-endian) can be read",
                     h->name, descr);
}

static samc_status read_order(header *h, samc_error *error)
{
    if (take_word(h, "False"))
        return SAMC_OK;
    if (!take_word(h, "True"))
        return damaged(h, "fortran_order is neither True nor False", error);
    return SAMC_FAIL(error, UNSUPPORTED,
                     "%s: the array is in Fortran order; save numpy.ascontiguousarray(array)",
                     h->name);
}

static samc_status read_shape(header *h, samc_npy *array, samc_error *error)
{
    int comma = 1; /* before the next side */

    if (!take(h, '('))
        return damaged(h, "the shape is not a tuple", error);
    while (!take(h, ')')) {
        int64_t side = 0;
        int digits = 0;

        skip_space(h);
        for (; h->at < h->end && *h->at >= '0' && *h->at <= '9'; h->at++, digits++)
            if (__builtin_mul_overflow(side, 10, &side) ||
                __builtin_add_overflow(side, *h->at - '0', &side))
                return damaged(h, "a side of the shape is too large", error);
        if (!digits || !comma)
            return damaged(h, "the shape is not a tuple of whole numbers", error);
        if (array->n_dims == SAMC_NPY_MAX_DIMS)
            return SAMC_FAIL(error, UNSUPPORTED, "%s: the array has more than %d dimensions",
                             h->name, SAMC_NPY_MAX_DIMS);
        array->shape[array->n_dims++] = side;
        comma = take(h, ',');
    }
    if (array->n_dims == 1 && !comma)
        return damaged(h, "the shape is a number, not a tuple", error);
    return SAMC_OK;
}

static samc_status read_entry(header *h, samc_npy *array, samc_error *error)
{
    char key[32];

    if (!take_string(h, key, sizeof key) || !take(h, ':'))
        return damaged(h, "it is not a dict of named values", error);
    if (strcmp(key, "descr") == 0 && !h->has_descr++)
        return read_descr(h, array, error);
    if (strcmp(key, "fortran_order") == 0 && !h->has_order++)
        return read_order(h, error);
    if (strcmp(key, "shape") == 0 && !h->has_shape++)
        return read_shape(h, array, error);
    return SAMC_FAIL(error, FORMAT,
                     "%s: the .npy header has '%s' twice or where it does not belong", h->name,
                     key);
}

static samc_status read_header(header *h, samc_npy *array, samc_error *error)
{
    int comma = 1;

    if (!take(h, '{'))
        return damaged(h, "it does not begin with {", error);
    while (!take(h, '}')) {
        if (!comma)
            return damaged(h, "a comma is missing", error);
        SAMC_TRY(read_entry(h, array, error));
        comma = take(h, ',');
    }
    skip_space(h);
    if (h->at != h->end)
        return damaged(h, "something follows the }", error);
    if (!h->has_descr || !h->has_order || !h->has_shape)
        return damaged(h, "descr, fortran_order or shape is missing", error);
    return SAMC_OK;
}

/* Finds the header between the magic and the data. */
static samc_status find_header(const uint8_t *bytes, size_t size, header *h, samc_error *error)
{
    size_t prefix, length;

    if (size < V2_PREFIX || memcmp(bytes, MAGIC, MAGIC_SIZE) != 0)
        return SAMC_FAIL(error, FORMAT, "%s is not a .npy file", h->name);
    if ((bytes[6] != 1 && bytes[6] != 2) || bytes[7] != 0)
        return SAMC_FAIL(error, UNSUPPORTED, "%s: .npy version %d.%d; 1.0 and 2.0 can be read",
                         h->name, bytes[6], bytes[7]);
    prefix = bytes[6] == 1 ? V1_PREFIX : V2_PREFIX;
    length = bytes[8] | (size_t)bytes[9] << 8;
    if (prefix == V2_PREFIX)
        length |= (size_t)bytes[10] << 16 | (size_t)bytes[11] << 24;
    if (length > size - prefix)
        return SAMC_FAIL(error, FORMAT, "%s ends within its .npy header", h->name);
    h->at = (const char *)bytes + prefix;
    h->end = h->at + length;
    return SAMC_OK;
}

static int count_elements(samc_npy *array, size_t *bytes)
{
    size_t n = 1;

    for (int32_t i = 0; i < array->n_dims; i++)
        if (__builtin_mul_overflow(n, (uint64_t)array->shape[i], &n))
            return 0;
    array->n_elements = n;
    return !__builtin_mul_overflow(n, types[array->type].size, bytes);
}

samc_status samc_npy_read_memory(const void *bytes, size_t size, const char *name, samc_npy *array,
                                 samc_error *error)
{
    samc_npy made = {SAMC_NPY_F32, 0, {0}, 0, NULL};
    header h = {NULL, NULL, name, 0, 0, 0};
    size_t want, have;

    SAMC_TRY(find_header(bytes, size, &h, error));
    SAMC_TRY(read_header(&h, &made, error));
    have = size - (size_t)(h.end - (const char *)bytes);
    if (!count_elements(&made, &want))
        return SAMC_FAIL(error, FORMAT, "%s: the array's shape overflows", name);
    if (want != have)
        return SAMC_FAIL(error, FORMAT,
                         "%s: the array's shape asks for %zu bytes, the file has %zu", name, want,
                         have);
    SAMC_TRY(samc_alloc(want, 1, &made.data, error));
    memcpy(made.data, h.end, want);
    if (made.type == SAMC_NPY_BOOL)
        for (size_t i = 0; i < made.n_elements; i++)
            ((uint8_t *)made.data)[i] = ((uint8_t *)made.data)[i] != 0;
    *array = made;
    return SAMC_OK;
}

samc_status samc_npy_read(const char *path, samc_npy *array, samc_error *error)
{
    samc_status status;
    samc_mapping mapping = {NULL, 0};

    SAMC_TRY(samc_file_map(path, &mapping, error));
    status = samc_npy_read_memory(mapping.data, mapping.size, path, array, error);
    samc_file_unmap(&mapping);
    return status;
}

/* Writes the dict of the header into `text` and returns its length. 8 sides of at most 19 digits
 * and the fixed words stay below 300 characters. */
static size_t print_header(char *text, size_t size, samc_npy_type type, int32_t n_dims,
                           const int64_t *shape)
{
    int n = snprintf(text, size, "{'descr': '%s', 'fortran_order': False, 'shape': (",
                     types[type].descr);

    for (int32_t i = 0; i < n_dims; i++)
        n += snprintf(text + n, size - (size_t)n, i ? ", %lld" : "%lld", (long long)shape[i]);
    n += snprintf(text + n, size - (size_t)n, n_dims == 1 ? ",), }" : "), }");
    return (size_t)n;
}

samc_status samc_npy_write(const char *path, samc_npy_type type, const void *data, int32_t n_dims,
                           const int64_t *shape, samc_error *error)
{
    samc_status status = SAMC_OK;
    samc_npy like = {type, n_dims, {0}, 0, NULL};
    samc_file_writer writer = {NULL, NULL, NULL};
    char head[512];
    size_t size, bytes;

    if (n_dims < 0 || n_dims > SAMC_NPY_MAX_DIMS)
        return SAMC_FAIL(error, ARGUMENT, "%s: a .npy file cannot have %ld dimensions here", path,
                         (long)n_dims);
    for (int32_t i = 0; i < n_dims; i++) {
        if (shape[i] < 0)
            return SAMC_FAIL(error, ARGUMENT, "%s: a side of %lld", path, (long long)shape[i]);
        like.shape[i] = shape[i];
    }
    if (!count_elements(&like, &bytes))
        return SAMC_FAIL(error, ARGUMENT, "%s: the array's shape overflows", path);

    memset(head, ' ', sizeof head); /* the padding, to a multiple of 64 as NumPy writes it */
    memcpy(head, MAGIC "\x01", MAGIC_SIZE + 2); /* version 1.0 */
    size = V1_PREFIX + print_header(head + V1_PREFIX, sizeof head - V1_PREFIX, type, n_dims, shape);
    head[size] = ' '; /* in place of the NUL */
    size = (size + 1 + 63) / 64 * 64;
    head[size - 1] = '\n';
    head[8] = (char)((size - V1_PREFIX) & 0xff);
    head[9] = (char)((size - V1_PREFIX) >> 8);

    SAMC_CHECK(samc_file_begin(path, &writer, error));
    SAMC_CHECK(samc_file_write(&writer, head, size, error));
    SAMC_CHECK(samc_file_write(&writer, data, bytes, error));
    SAMC_CHECK(samc_file_commit(&writer, error));

cleanup:
    samc_file_abort(&writer);
    return status;
}

void samc_npy_free(samc_npy *array)
{
    free(array->data);
    *array = (samc_npy){SAMC_NPY_F32, 0, {0}, 0, NULL};
}
