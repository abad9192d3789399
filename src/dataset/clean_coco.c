/* SPDX-License-Identifier: Apache-2.0
 *
 * Cleaning a COCO file: it stays mapped, an index says where the annotations of each photo are, and
 * a photo's are parsed when its turn comes. What is left as it was goes over as its text stands.
 */
#include "dataset/clean.h"

#include "base/memory.h"
#include "dataset/coco_write.h"
#include "dataset/json_stream.h"
#include "dataset/json_value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct element {
    int64_t id; /* of the image */
    const char *text;
    size_t length;
    int done; /* of an annotation: it is written, or dropped */
} element;

/* The elements of one array of the file. */
typedef struct elements {
    const char *key; /* under which an element names its image */
    element *items;
    size_t n, room;
} elements;

typedef struct index {
    elements images, annotations; /* annotations: by image, then as in the file */
} index;

static samc_status add_element(void *user, const char *text, size_t length, samc_error *error)
{
    elements *l = user;
    json_t *object = NULL;
    element e = {.text = text, .length = length};

    SAMC_TRY(samc_json_parse_object(text, length, &object, error));
    e.id = json_integer_value(json_object_get(object, l->key));
    json_decref(object);
    if (l->n == l->room) {
        size_t more = l->room ? 2 * l->room : 1024;
        element *wider = NULL;

        SAMC_TRY(samc_alloc(more, sizeof *wider, &wider, error));
        if (l->n)
            memcpy(wider, l->items, l->n * sizeof *wider);
        free(l->items);
        l->items = wider;
        l->room = more;
    }
    l->items[l->n++] = e;
    return SAMC_OK;
}

static int compare(const void *a, const void *b)
{
    const element *x = a, *y = b;

    if (x->id != y->id)
        return x->id < y->id ? -1 : 1;
    return x->text < y->text ? -1 : x->text > y->text;
}

static size_t first_of(const index *x, int64_t id)
{
    size_t low = 0, high = x->annotations.n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (x->annotations.items[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Cleans and writes the annotations [first, first + n) of one image. */
static samc_status write_photo(samc_clean_job *job, samc_coco_writer *writer, const element *image,
                               element *annotations, size_t n, const char *in, samc_error *error)
{
    samc_status status = SAMC_OK;
    json_t *object = NULL, *list = json_array();
    uint8_t *changed = NULL;
    json_int_t width, height;
    char where[320];

    if (!list) {
        status = samc_error_memory(error, 0);
        goto cleanup;
    }
    SAMC_CHECK(samc_json_parse_object(image->text, image->length, &object, error));
    width = json_integer_value(json_object_get(object, "width"));
    height = json_integer_value(json_object_get(object, "height"));
    (void)snprintf(where, sizeof where, "%.200s: image %lld", in, (long long)image->id);
    SAMC_CHECK(samc_alloc_zero(n, 1, &changed, error));
    for (size_t i = 0; i < n; i++) {
        json_t *annotation = NULL;

        SAMC_CHECK(
            samc_json_parse_object(annotations[i].text, annotations[i].length, &annotation, error));
        if (json_array_append_new(list, annotation) != 0) {
            status = samc_error_memory(error, 0);
            goto cleanup;
        }
    }
    if (width < 1 || width > 65535 || height < 1 || height > 65535)
        samc_clean_report(job, "%s has no width and height of 1 to 65535: its masks stay", where);
    else
        SAMC_CHECK(samc_clean_annotations(job, list, (int32_t)height, (int32_t)width, 0, where,
                                          changed, error));
    for (size_t i = 0, k = 0; i < n; i++) {
        annotations[i].done = 1;
        if (changed[i] == 2)
            continue;
        if (changed[i])
            SAMC_CHECK(samc_coco_writer_add(writer, "annotations", json_array_get(list, k), error));
        else
            SAMC_CHECK(samc_coco_writer_add_text(writer, annotations[i].text, annotations[i].length,
                                                 error));
        k++;
    }

cleanup:
    free(changed);
    json_decref(object);
    json_decref(list);
    return status;
}

static samc_status write_annotations(samc_clean_job *job, index *x, samc_coco_writer *writer,
                                     const char *in, samc_error *error)
{
    SAMC_TRY(samc_coco_writer_open(writer, "annotations", error));
    for (size_t i = 0; i < x->images.n; i++) {
        size_t first = first_of(x, x->images.items[i].id), n = 0;

        while (first + n < x->annotations.n &&
               x->annotations.items[first + n].id == x->images.items[i].id &&
               !x->annotations.items[first + n].done)
            n++;
        if (n)
            SAMC_TRY(write_photo(job, writer, &x->images.items[i], x->annotations.items + first, n,
                                 in, error));
    }
    for (size_t i = 0; i < x->annotations.n; i++) /* those of no image */
        if (!x->annotations.items[i].done)
            SAMC_TRY(samc_coco_writer_add_text(writer, x->annotations.items[i].text,
                                               x->annotations.items[i].length, error));
    return SAMC_OK;
}

/* What is needed while the keys go over. */
typedef struct copier {
    samc_clean_job *job;
    index *x;
    samc_coco_writer writer;
    const char *in;
} copier;

static samc_status take_key(void *user, const char *key, size_t key_length, const char *value,
                            size_t length, samc_error *error)
{
    copier *c = user;
    static const char annotations[] = "annotations";

    if (key_length == strlen(annotations) && memcmp(key, annotations, key_length) == 0)
        return write_annotations(c->job, c->x, &c->writer, c->in, error);
    return samc_coco_writer_copy(&c->writer, key, key_length, value, length, error);
}

samc_status samc_clean_coco(samc_clean_job *job, const char *text, size_t size, const char *in,
                            const char *out, samc_error *error)
{
    samc_status status = SAMC_OK;
    samc_error why = {SAMC_OK, ""};
    index x = {.images = {.key = "id"}, .annotations = {.key = "image_id"}};
    copier c = {.job = job, .x = &x, .in = in};

    SAMC_CHECK(samc_json_array_walk(text, size, "images", add_element, &x.images, &why));
    SAMC_CHECK(samc_json_array_walk(text, size, "annotations", add_element, &x.annotations, &why));
    if (x.annotations.n)
        qsort(x.annotations.items, x.annotations.n, sizeof *x.annotations.items, compare);
    SAMC_CHECK(samc_coco_writer_begin(out, &c.writer, &why));
    SAMC_CHECK(samc_json_keys_walk(text, size, take_key, &c, &why));
    SAMC_CHECK(samc_coco_writer_commit(&c.writer, &why));

cleanup:
    if (status == SAMC_ERROR_IO)
        (void)samc_error_set(error, status, "%s", why.message);
    else if (status != SAMC_OK)
        (void)samc_error_set(error, status, "cannot read %s: %s", in, why.message);
    samc_coco_writer_abort(&c.writer);
    free(x.images.items);
    free(x.annotations.items);
    return status;
}
