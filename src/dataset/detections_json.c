/* SPDX-License-Identifier: Apache-2.0
 *
 * Detections in JSON: COCO's data sets and results, JSON lines, and what detectors print.
 */
#include "dataset/detections.h"

#include "base/memory.h"
#include "dataset/json_stream.h"
#include "dataset/json_value.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is being read. */
typedef struct reader {
    samc_detections *d;
    const char *photo; /* that all boxes are of; or NULL */
    char where[256];   /* what to call its text */
    size_t number;     /* of the element or line, from 1 */
    int64_t *ids;      /* categories of this file: [n_ids] COCO's id ... */
    int32_t *classes;  /* ... and index into d->classes */
    size_t n_ids, room;
} reader;

/* For messages. */
static const char *source_of(const reader *r)
{
    return r->where[0] ? r->where : r->d->source ? r->d->source : "detections";
}

/* The first of the keys that the object has; the list ends with NULL. */
static const json_t *first_of(const json_t *object, const char *const *keys)
{
    const json_t *found = NULL;

    for (size_t i = 0; keys[i] && !found; i++)
        found = json_object_get(object, keys[i]);
    return found;
}

/* Four numbers of an array, or of an object under the names given. */
static int four_numbers(const json_t *value, const char *const names[4], double out[4])
{
    for (size_t i = 0; i < 4; i++) {
        const json_t *number = json_is_array(value) ? json_array_get(value, i)
                                                    : json_object_get(value, names[i]);

        if (!json_is_number(number))
            return 0;
        out[i] = json_number_value(number);
    }
    return !json_is_array(value) || json_array_size(value) == 4;
}

/* "box" and "xyxy" are corners, "bbox" (COCO's) and "xywh" corner and size. */
static int read_box(const json_t *object, double box[4])
{
    static const char *const corner_keys[] = {"box", "xyxy", NULL};
    static const char *const size_keys[] = {"bbox", "xywh", NULL};
    static const char *const corners[4] = {"x1", "y1", "x2", "y2"};
    static const char *const sizes[4] = {"x", "y", "width", "height"};
    const json_t *value = json_is_array(object) ? object : first_of(object, corner_keys);

    if (value)
        return four_numbers(value, corners, box);
    value = first_of(object, size_keys);
    if (!value || !four_numbers(value, sizes, box))
        return 0;
    box[2] += box[0];
    box[3] += box[1];
    return 1;
}

static samc_status class_of(reader *r, const json_t *object, int32_t *class, samc_error *error)
{
    static const char *const names[] = {"name",     "class_name", "category_name", "label", "class",
                                        "category", NULL};
    static const char *const numbers[] = {"category_id", "class", "class_id", "label", NULL};
    char text[24];

    *class = -1;
    for (size_t i = 0; names[i]; i++) {
        const char *name = json_string_value(json_object_get(object, names[i]));

        if (name && *name)
            return samc_detections_class(r->d, name, -1, class, error);
    }
    for (size_t i = 0; numbers[i]; i++) {
        const json_t *number = json_object_get(object, numbers[i]);
        json_int_t id = json_integer_value(number);

        if (!json_is_integer(number))
            continue;
        for (size_t k = 0; k < r->n_ids; k++)
            if (r->ids[k] == id) {
                *class = r->classes[k];
                return SAMC_OK;
            }
        if (id >= 0 && (size_t)id < r->d->n_names && !r->n_ids)
            return samc_detections_class(r->d, r->d->names[id], -1, class, error);
        (void)snprintf(text, sizeof text, "%lld", (long long)id);
        return samc_detections_class(r->d, text, id, class, error);
    }
    return SAMC_OK;
}

/* The photo that the object names: *known 0 where it names none. */
static samc_status photo_of(reader *r, const json_t *object, size_t *index, int *known,
                            samc_error *error)
{
    static const char *const keys[] = {"photo",    "file_name", "image", "filename",
                                       "image_id", "path",      NULL};
    const json_t *value = first_of(object, keys);
    char key[32];

    *known = 1;
    if (r->photo)
        return samc_detections_photo(r->d, r->photo, r->photo, index, error);
    if (json_is_string(value) && json_string_length(value))
        return samc_detections_photo(r->d, json_string_value(value), json_string_value(value),
                                     index, error);
    if (json_is_integer(value)) {
        (void)snprintf(key, sizeof key, "#%lld", (long long)json_integer_value(value));
        return samc_detections_photo(r->d, key, NULL, index, error);
    }
    *known = 0;
    return SAMC_OK;
}

/* One box: an object, or four numbers, of photo `photo`. */
static samc_status add_box(reader *r, const json_t *object, size_t photo, samc_error *error)
{
    static const char *const scores[] = {"score", "confidence", "conf", "probability", NULL};
    const json_t *score = first_of(object, scores);
    samc_detection box = {.score = NAN, .photo = photo, .number = r->number};

    if (!read_box(object, box.box)) {
        samc_detections_skip(
            r->d,
            "%s: entry %zu has no box: \"box\": [x0, y0, x1, y1], or \"bbox\": [x, "
            "y, w, h], in numbers",
            source_of(r), r->number);
        return SAMC_OK;
    }
    if (json_is_number(score))
        box.score = json_number_value(score);
    SAMC_TRY(class_of(r, object, &box.class, error));
    return samc_detections_add(r->d, &box, error);
}

/* A box, or a photo with its "boxes". */
static samc_status add_entry(reader *r, const json_t *object, samc_error *error)
{
    static const char *const lists[] = {"boxes", "detections", "objects", "predictions", NULL};
    const json_t *list = first_of(object, lists);
    size_t photo = 0;
    int known = 0;

    SAMC_TRY(photo_of(r, object, &photo, &known, error));
    if (!known) {
        samc_detections_skip(r->d, "%s: entry %zu names no photo: \"photo\": \"NAME.jpg\"",
                             source_of(r), r->number);
        return SAMC_OK;
    }
    if (!list)
        return add_box(r, object, photo, error);
    if (!json_is_array(list)) {
        samc_detections_skip(r->d, "%s: entry %zu: its boxes are no list", source_of(r), r->number);
        return SAMC_OK;
    }
    for (size_t i = 0; i < json_array_size(list); i++)
        SAMC_TRY(add_box(r, json_array_get(list, i), photo, error));
    return SAMC_OK;
}

static samc_status take_element(void *user, const char *text, size_t length, samc_error *error)
{
    reader *r = user;
    json_error_t why;
    json_t *object = NULL;
    samc_status status = SAMC_OK;

    r->number++;
    SAMC_TRY(samc_json_parse(text, length, JSON_DECODE_ANY, &object, &why, error));
    if (json_is_object(object) || (json_is_array(object) && r->photo))
        status = add_entry(r, object, error);
    else
        samc_detections_skip(r->d, "%s: entry %zu is no JSON object: %.*s", source_of(r), r->number,
                             length < 60 ? (int)length : 60, text);
    json_decref(object);
    return status;
}

/* An image of a data set: its id leads to its name. */
static samc_status take_image(void *user, const char *text, size_t length, samc_error *error)
{
    reader *r = user;
    samc_status status = SAMC_OK;
    json_error_t why;
    json_t *object = NULL;
    const json_t *id;
    const char *name;
    json_int_t width, height;
    size_t index = 0;
    char key[32];

    SAMC_TRY(samc_json_parse(text, length, 0, &object, &why, error));
    name = json_string_value(json_object_get(object, "file_name"));
    id = json_object_get(object, "id");
    width = json_integer_value(json_object_get(object, "width"));
    height = json_integer_value(json_object_get(object, "height"));
    if (!name || !json_is_integer(id)) {
        samc_detections_skip(r->d, "%s: an image has no \"id\" and \"file_name\": %.*s",
                             source_of(r), length < 60 ? (int)length : 60, text);
        goto cleanup;
    }
    (void)snprintf(key, sizeof key, "#%lld", (long long)json_integer_value(id));
    SAMC_CHECK(samc_detections_photo(r->d, key, name, &index, error));
    if (!r->d->photos[index].name)
        SAMC_CHECK(samc_alloc_string(name, &r->d->photos[index].name, error));
    /* a size that no photo has is that of another photo; 0 x 0 says nothing */
    if (width != 0 || height != 0) {
        r->d->photos[index].width = width > 0 && width <= 65535 ? (int32_t)width : -1;
        r->d->photos[index].height = height > 0 && height <= 65535 ? (int32_t)height : -1;
    }

cleanup:
    json_decref(object);
    return status;
}

static samc_status take_category(void *user, const char *text, size_t length, samc_error *error)
{
    reader *r = user;
    samc_status status = SAMC_OK;
    json_error_t why;
    json_t *object = NULL;
    const json_t *id;
    const char *name;
    int64_t *ids = NULL;
    int32_t *classes = NULL;

    SAMC_TRY(samc_json_parse(text, length, 0, &object, &why, error));
    name = json_string_value(json_object_get(object, "name"));
    id = json_object_get(object, "id");
    if (!name || !*name || !json_is_integer(id)) {
        samc_detections_skip(r->d, "%s: a category has no \"id\" and \"name\": %.*s", source_of(r),
                             length < 60 ? (int)length : 60, text);
        goto cleanup;
    }
    if (r->n_ids == r->room) {
        size_t room = r->room ? 2 * r->room : 128;

        SAMC_CHECK(samc_alloc(room, sizeof *ids, &ids, error));
        SAMC_CHECK(samc_alloc(room, sizeof *classes, &classes, error));
        if (r->n_ids) {
            memcpy(ids, r->ids, r->n_ids * sizeof *ids);
            memcpy(classes, r->classes, r->n_ids * sizeof *classes);
        }
        free(r->ids);
        free(r->classes);
        r->ids = ids;
        r->classes = classes;
        r->room = room;
        ids = NULL;
        classes = NULL;
    }
    r->ids[r->n_ids] = json_integer_value(id);
    SAMC_CHECK(samc_detections_class(r->d, name, r->ids[r->n_ids], &r->classes[r->n_ids], error));
    r->n_ids++;

cleanup:
    free(ids);
    free(classes);
    json_decref(object);
    return status;
}

/* Values one after the other, a line each or over several; what follows a bad one on its line is
 * lost with it. */
static samc_status read_lines(reader *r, const char *text, size_t size, samc_error *error)
{
    size_t at = 0, line = 1;

    while (at < size) {
        json_error_t why;
        json_t *value = NULL;
        size_t used = 0;

        if (strchr(" \t\r\n", text[at])) {
            line += text[at++] == '\n';
            continue;
        }
        r->number = line;
        SAMC_TRY(
            samc_json_parse(text + at, size - at, JSON_DISABLE_EOF_CHECK, &value, &why, error));
        if (value) {
            samc_status status = SAMC_OK;

            used = (size_t)why.position;
            if (json_is_object(value))
                status = add_entry(r, value, error);
            else
                samc_detections_skip(r->d, "%s: line %zu is no JSON object", source_of(r), line);
            json_decref(value);
            SAMC_TRY(status);
        } else {
            const char *newline = memchr(text + at, '\n', size - at);

            used = newline ? (size_t)(newline - text) - at : size - at;
            samc_detections_skip(r->d, "%s: line %zu is not JSON: %.*s", source_of(r), line,
                                 used < 60 ? (int)used : 60, text + at);
        }
        for (size_t i = at; i < at + used; i++)
            line += text[i] == '\n';
        at += used;
    }
    return SAMC_OK;
}

samc_status samc_detections_json(samc_detections *d, const char *photo, const char *text,
                                 size_t size, samc_error *error)
{
    samc_status status = SAMC_OK;
    reader r = {.d = d, .photo = photo};
    size_t at = 0;

    if (photo)
        (void)snprintf(r.where, sizeof r.where, "what the detector printed about %s", photo);
    while (at < size && strchr(" \t\r\n", text[at]))
        at++;
    if (at < size && text[at] == '[') {
        SAMC_CHECK(samc_json_list_walk(text, size, take_element, &r, error));
    } else if (!photo && samc_json_has_key(text, size, "annotations")) {
        SAMC_CHECK(samc_json_array_walk(text, size, "images", take_image, &r, error));
        SAMC_CHECK(samc_json_array_walk(text, size, "categories", take_category, &r, error));
        SAMC_CHECK(samc_json_array_walk(text, size, "annotations", take_element, &r, error));
    } else {
        SAMC_CHECK(read_lines(&r, text, size, error));
    }

cleanup:
    free(r.ids);
    free(r.classes);
    return status;
}
