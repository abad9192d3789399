/* SPDX-License-Identifier: Apache-2.0 */
#include "dataset/coco.h"

#include "base/memory.h"
#include "dataset/json_stream.h"
#include "dataset/json_value.h"

#include <stdlib.h>
#include <string.h>

enum { IMAGES, ANNOTATIONS, CATEGORIES };

/* Makes room for one more element. */
static samc_status grow(void *list, size_t n, size_t size, size_t *room, samc_error *error)
{
    size_t capacity = *room ? 2 * *room : 1024;
    void *old = NULL, *more = NULL;

    if (n < *room)
        return SAMC_OK;
    SAMC_TRY(samc_alloc(capacity, size, &more, error));
    memcpy(&old, list, sizeof old);
    if (n)
        memcpy(more, old, n * size);
    free(old);
    memcpy(list, &more, sizeof more);
    *room = capacity;
    return SAMC_OK;
}

static samc_status add_image(void *user, const char *text, size_t length, samc_error *error)
{
    samc_coco *coco = user;
    json_t *object = NULL;

    SAMC_TRY(samc_json_parse_object(text, length, &object, error));
    coco->images[coco->n_images] = (samc_coco_element){
        json_integer_value(json_object_get(object, "id")),
        (size_t)(text - (const char *)coco->file.data), length};
    json_decref(object);
    coco->n_images++;
    return grow(&coco->images, coco->n_images, sizeof *coco->images, &coco->room[IMAGES], error);
}

static samc_status add_annotation(void *user, const char *text, size_t length, samc_error *error)
{
    samc_coco *coco = user;
    json_t *object = NULL;
    int crowd;

    SAMC_TRY(samc_json_parse_object(text, length, &object, error));
    crowd = json_integer_value(json_object_get(object, "iscrowd")) != 0;
    coco->annotations[coco->n_annotations] = (samc_coco_element){
        json_integer_value(json_object_get(object, "image_id")),
        (size_t)(text - (const char *)coco->file.data), length};
    json_decref(object);
    if (crowd)
        return SAMC_OK;
    coco->n_annotations++;
    return grow(&coco->annotations, coco->n_annotations, sizeof *coco->annotations,
                &coco->room[ANNOTATIONS], error);
}

static samc_status add_category(void *user, const char *text, size_t length, samc_error *error)
{
    samc_coco *coco = user;
    samc_coco_category *category = &coco->categories[coco->n_categories];
    samc_status status = SAMC_OK;
    json_t *object = NULL;
    const char *name;

    SAMC_TRY(samc_json_parse_object(text, length, &object, error));
    name = json_string_value(json_object_get(object, "name"));
    category->id = json_integer_value(json_object_get(object, "id"));
    if (name)
        SAMC_CHECK(samc_alloc_string(name, &category->name, error));
    coco->n_categories += name != NULL;
    status = grow(&coco->categories, coco->n_categories, sizeof *coco->categories,
                  &coco->room[CATEGORIES], error);

cleanup:
    json_decref(object);
    return status;
}

static int compare(const void *a, const void *b)
{
    const samc_coco_element *x = a, *y = b;

    if (x->id != y->id)
        return x->id < y->id ? -1 : 1;
    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* The first annotation of an image whose id is not below `id`. */
static size_t first_of(const samc_coco *coco, int64_t id)
{
    size_t low = 0, high = coco->n_annotations;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (coco->annotations[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Drops the images that have no annotation. */
static void keep_annotated(samc_coco *coco)
{
    size_t kept = 0;

    for (size_t i = 0; i < coco->n_images; i++) {
        size_t first = first_of(coco, coco->images[i].id);

        if (first < coco->n_annotations && coco->annotations[first].id == coco->images[i].id)
            coco->images[kept++] = coco->images[i];
    }
    coco->n_images = kept;
}

static samc_status build_index(samc_coco *coco, samc_error *error)
{
    const char *text = (const char *)coco->file.data;
    size_t size = coco->file.size;

    SAMC_TRY(grow(&coco->images, 0, sizeof *coco->images, &coco->room[IMAGES], error));
    SAMC_TRY(
        grow(&coco->annotations, 0, sizeof *coco->annotations, &coco->room[ANNOTATIONS], error));
    SAMC_TRY(grow(&coco->categories, 0, sizeof *coco->categories, &coco->room[CATEGORIES], error));
    SAMC_TRY(samc_json_array_walk(text, size, "images", add_image, coco, error));
    SAMC_TRY(samc_json_array_walk(text, size, "annotations", add_annotation, coco, error));
    SAMC_TRY(samc_json_array_walk(text, size, "categories", add_category, coco, error));
    qsort(coco->images, coco->n_images, sizeof *coco->images, compare);
    qsort(coco->annotations, coco->n_annotations, sizeof *coco->annotations, compare);
    keep_annotated(coco);
    return SAMC_OK;
}

samc_status samc_coco_open(const char *path, samc_coco *coco, samc_error *error)
{
    samc_error why = {SAMC_OK, ""};
    samc_coco made = {0};
    samc_status status;

    SAMC_TRY(samc_file_map(path, &made.file, error));
    status = build_index(&made, &why);
    if (status != SAMC_OK) {
        samc_coco_free(&made);
        return samc_error_set(error, status, "cannot read %s: %s", path, why.message);
    }
    *coco = made;
    return SAMC_OK;
}

static const char *category_name(const samc_coco *coco, int64_t id)
{
    for (size_t i = 0; i < coco->n_categories; i++)
        if (coco->categories[i].id == id)
            return coco->categories[i].name;
    return NULL;
}

samc_status samc_coco_read(const samc_coco *coco, size_t index, samc_annotations *annotations,
                           samc_error *error)
{
    samc_status status = SAMC_OK;
    const char *text = (const char *)coco->file.data;
    int64_t id = coco->images[index].id;
    samc_annotations made = {0};
    json_t *object = NULL;

    SAMC_TRY(samc_json_parse_object(text + coco->images[index].offset, coco->images[index].length,
                                    &object, error));
    SAMC_CHECK(samc_annotations_image(&made, object, error));
    for (size_t i = first_of(coco, id); i < coco->n_annotations && coco->annotations[i].id == id;
         i++) {
        json_decref(object);
        object = NULL;
        SAMC_CHECK(samc_json_parse_object(text + coco->annotations[i].offset,
                                          coco->annotations[i].length, &object, error));
        SAMC_CHECK(samc_annotations_add(
            &made, object,
            category_name(coco, json_integer_value(json_object_get(object, "category_id"))),
            error));
    }
    *annotations = made;
    made = (samc_annotations){0};

cleanup:
    json_decref(object);
    samc_annotations_free(&made);
    return status;
}

void samc_coco_free(samc_coco *coco)
{
    for (size_t i = 0; i < coco->n_categories; i++)
        free(coco->categories[i].name);
    free(coco->images);
    free(coco->annotations);
    free(coco->categories);
    samc_file_unmap(&coco->file);
    *coco = (samc_coco){0};
}
