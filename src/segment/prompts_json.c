/* SPDX-License-Identifier: Apache-2.0 */
#include "segment/prompts_json.h"

#include "base/file.h"
#include "base/memory.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The way to a value, for messages: a chain from the value up to the file. */
typedef struct place {
    const struct place *parent; /* NULL: this is the file, and key its name */
    const char *key;            /* of an object; NULL: an array's element */
    size_t index;
    int quoted; /* the key is the user's own, not the schema's */
} place;

static place key_of(const place *parent, const char *key)
{
    return (place){parent, key, 0, 0};
}

static place element_of(const place *parent, size_t index)
{
    return (place){parent, NULL, index, 0};
}

/* Writes the way into `text`, cut off if it is long: `a.json: photos["b.jpg"].objects[0]`. */
static size_t print_place(const place *at, char *text, size_t size)
{
    size_t used;
    int n;

    if (!at->parent) {
        n = snprintf(text, size, "%s:", at->key);
    } else {
        used = print_place(at->parent, text, size);
        text += used;
        size -= used;
        if (!at->key)
            n = snprintf(text, size, "[%zu]", at->index);
        else if (at->quoted)
            n = snprintf(text, size, "[\"%s\"]", at->key);
        else
            n = snprintf(text, size, "%s%s", at->parent->parent ? "." : " ", at->key);
        return used + ((size_t)n < size ? (size_t)n : size - 1);
    }
    return (size_t)n < size ? (size_t)n : size - 1;
}

static samc_status refuse(const place *at, samc_status code, const char *what, samc_error *error)
{
    char where[384];

    (void)print_place(at, where, sizeof where);
    return samc_error_set(error, code, "%s %s", where, what);
}

static samc_status refuse_type(const place *at, const char *wanted, const json_t *value,
                               samc_error *error)
{
    static const char *const names[] = {
        [JSON_OBJECT] = "an object",      [JSON_ARRAY] = "an array",
        [JSON_STRING] = "a string",       [JSON_INTEGER] = "a number",
        [JSON_REAL] = "a decimal number", [JSON_TRUE] = "true",
        [JSON_FALSE] = "false",           [JSON_NULL] = "null"};
    char what[96];

    (void)snprintf(what, sizeof what, "must be %s, not %s", wanted, names[json_typeof(value)]);
    return refuse(at, SAMC_ERROR_FORMAT, what, error);
}

/* Refuses what is no JSON object, and keys that are not in `known` (ends with NULL). */
static samc_status check_object(const place *at, json_t *value, const char *const *known,
                                const char *list, samc_error *error)
{
    const char *key;
    json_t *member;

    if (!json_is_object(value))
        return refuse_type(at, "an object", value, error);
    json_object_foreach(value, key, member)
    {
        size_t i = 0;
        char what[192];

        while (known[i] && strcmp(known[i], key) != 0)
            i++;
        if (known[i])
            continue;
        (void)snprintf(what, sizeof what, "has an unknown key \"%.60s\"; known are %s", key, list);
        return refuse(at, SAMC_ERROR_FORMAT, what, error);
    }
    return SAMC_OK;
}

/* Refuses what is no array, and arrays of more than `most` elements. */
static samc_status check_array(const place *at, const json_t *value, size_t most,
                               const char *elements, samc_error *error)
{
    char what[96];

    if (!json_is_array(value))
        return refuse_type(at, "an array", value, error);
    if (json_array_size(value) <= most)
        return SAMC_OK;
    (void)snprintf(what, sizeof what, "has %zu %s; at most %zu are allowed", json_array_size(value),
                   elements, most);
    return refuse(at, SAMC_ERROR_LIMIT, what, error);
}

/* Reads an array of exactly `count` numbers. */
static samc_status read_numbers(const place *at, const json_t *value, size_t count, float *numbers,
                                samc_error *error)
{
    if (!json_is_array(value) || json_array_size(value) != count) {
        const char *what = count == 2 ? "must be a point [x, y]" : "must be a box [x0, y0, x1, y1]";

        return refuse(at, SAMC_ERROR_FORMAT, what, error);
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *number = json_array_get(value, i);
        place here = element_of(at, i);

        if (!json_is_number(number))
            return refuse_type(&here, "a number", number, error);
        numbers[i] = (float)json_number_value(number);
        if (!isfinite(numbers[i]))
            return refuse(&here, SAMC_ERROR_FORMAT, "is too large a number", error);
    }
    return SAMC_OK;
}

static samc_status read_label(const place *at, const json_t *value, int32_t *label,
                              samc_error *error)
{
    json_int_t number;
    char what[128];

    if (!json_is_integer(value))
        return refuse_type(at, "the whole number 0 or 1", value, error);
    number = json_integer_value(value);
    if (number == 0 || number == 1) {
        *label = (int32_t)number;
        return SAMC_OK;
    }
    (void)snprintf(what, sizeof what, "is %lld; a label is 1 (the object) or 0 (not it)%s",
                   (long long)number,
                   number == 2 || number == 3 ? "; corners are given as \"box\"" : "");
    return refuse(at, SAMC_ERROR_PROMPT, what, error);
}

static samc_status read_points(const place *at, const json_t *points, const json_t *labels,
                               samc_prompts_object *object, samc_error *error)
{
    place at_points = key_of(at, "points");
    place at_labels = key_of(at, "labels");
    size_t n = json_array_size(points); /* 0 for NULL */
    char what[96];

    if (points)
        SAMC_TRY(check_array(&at_points, points, SAMC_PROMPTS_MAX_POINTS, "points", error));
    if (labels && !json_is_array(labels))
        return refuse_type(&at_labels, "an array", labels, error);
    if (labels && json_array_size(labels) != n) {
        (void)snprintf(what, sizeof what, "has %zu labels for %zu points", json_array_size(labels),
                       n);
        return refuse(&at_labels, SAMC_ERROR_FORMAT, what, error);
    }
    if (n == 0)
        return SAMC_OK;
    SAMC_TRY(samc_alloc(n, 2 * sizeof *object->points, &object->points, error));
    SAMC_TRY(samc_alloc(n, sizeof *object->labels, &object->labels, error));
    object->n_points = n;
    for (size_t i = 0; i < n; i++) {
        place at_point = element_of(&at_points, i);
        place at_label = element_of(&at_labels, i);

        object->labels[i] = 1;
        SAMC_TRY(
            read_numbers(&at_point, json_array_get(points, i), 2, object->points + 2 * i, error));
        if (labels)
            SAMC_TRY(read_label(&at_label, json_array_get(labels, i), &object->labels[i], error));
    }
    return SAMC_OK;
}

static samc_status read_object(const place *at, json_t *value, samc_prompts_object *object,
                               samc_error *error)
{
    static const char *const known[] = {"points", "labels", "box", "mask", NULL};
    const json_t *box, *mask;
    place at_box = key_of(at, "box");
    place at_mask = key_of(at, "mask");

    SAMC_TRY(check_object(at, value, known, "points, labels, box and mask", error));
    SAMC_TRY(read_points(at, json_object_get(value, "points"), json_object_get(value, "labels"),
                         object, error));
    box = json_object_get(value, "box");
    if (box) {
        SAMC_TRY(read_numbers(&at_box, box, 4, object->box, error));
        object->has_box = 1;
    }
    mask = json_object_get(value, "mask");
    if (mask) {
        if (!json_is_string(mask))
            return refuse_type(&at_mask, "the name of a file", mask, error);
        if (json_string_length(mask) == 0)
            return refuse(&at_mask, SAMC_ERROR_FORMAT, "is empty; it must name a file", error);
        SAMC_TRY(samc_alloc_string(json_string_value(mask), &object->mask, error));
    }
    if (!object->n_points && !object->has_box && !object->mask)
        return refuse(at, SAMC_ERROR_PROMPT, "says nothing: give it points, a box or a mask",
                      error);
    return SAMC_OK;
}

/* Reads "objects" of the JSON object at `at`. */
static samc_status read_objects(const place *at, const json_t *value, samc_prompts_photo *photo,
                                samc_error *error)
{
    const json_t *objects = json_object_get(value, "objects");
    place at_objects = key_of(at, "objects");
    size_t n = json_array_size(objects);

    if (!objects)
        return refuse(at, SAMC_ERROR_FORMAT, "lacks \"objects\"", error);
    SAMC_TRY(check_array(&at_objects, objects, SAMC_PROMPTS_MAX_OBJECTS, "objects", error));
    if (n == 0)
        return refuse(&at_objects, SAMC_ERROR_PROMPT, "is empty: give at least one object", error);
    SAMC_TRY(samc_alloc_zero(n, sizeof *photo->objects, &photo->objects, error));
    photo->n_objects = n;
    for (size_t i = 0; i < n; i++) {
        place at_object = element_of(&at_objects, i);

        SAMC_TRY(read_object(&at_object, json_array_get(objects, i), &photo->objects[i], error));
    }
    return SAMC_OK;
}

static samc_status read_photos(const place *at, json_t *photos, samc_prompts *prompts,
                               samc_error *error)
{
    static const char *const known[] = {"objects", NULL};
    place at_photos = key_of(at, "photos");
    size_t i = 0;
    const char *name;
    json_t *value;

    if (!json_is_object(photos))
        return refuse_type(&at_photos, "an object", photos, error);
    if (json_object_size(photos) == 0)
        return refuse(&at_photos, SAMC_ERROR_PROMPT, "is empty: give at least one photo", error);
    if (json_object_size(photos) > SAMC_PROMPTS_MAX_PHOTOS)
        return refuse(&at_photos, SAMC_ERROR_LIMIT, "names too many photos (at most 65536)", error);
    SAMC_TRY(samc_alloc_zero(json_object_size(photos), sizeof *prompts->photos, &prompts->photos,
                             error));
    prompts->n_photos = json_object_size(photos);
    json_object_foreach(photos, name, value)
    {
        place at_photo = {&at_photos, name, 0, 1};
        samc_prompts_photo *photo = &prompts->photos[i++];

        SAMC_TRY(check_object(&at_photo, value, known, "objects", error));
        SAMC_TRY(samc_alloc_string(name, &photo->name, error));
        SAMC_TRY(read_objects(&at_photo, value, photo, error));
    }
    return SAMC_OK;
}

static samc_status read_root(const place *at, json_t *root, samc_prompts *prompts,
                             samc_error *error)
{
    static const char *const known[] = {"objects", "photos", NULL};
    json_t *photos;

    SAMC_TRY(check_object(at, root, known, "objects and photos", error));
    photos = json_object_get(root, "photos");
    if (photos && json_object_get(root, "objects"))
        return refuse(at, SAMC_ERROR_FORMAT, "has both \"objects\" and \"photos\"; give one",
                      error);
    if (photos)
        return read_photos(at, photos, prompts, error);
    SAMC_TRY(samc_alloc_zero(1, sizeof *prompts->photos, &prompts->photos, error));
    prompts->n_photos = 1;
    return read_objects(at, root, &prompts->photos[0], error);
}

samc_status samc_prompts_read_memory(const void *text, size_t size, const char *name,
                                     samc_prompts *prompts, samc_error *error)
{
    samc_status status = SAMC_OK;
    samc_prompts made = {0, NULL};
    place at = {NULL, name, 0, 0};
    json_error_t problem;
    json_t *root;

    if (size > SAMC_PROMPTS_MAX_BYTES)
        return SAMC_FAIL(error, LIMIT, "%s has %zu bytes; prompts may have at most %zu", name, size,
                         SAMC_PROMPTS_MAX_BYTES);
    root = json_loadb(size ? text : "", size, JSON_REJECT_DUPLICATES, &problem);
    if (!root && json_error_code(&problem) == json_error_out_of_memory)
        return SAMC_FAIL(error, MEMORY, "out of memory while reading %s", name);
    if (!root)
        return SAMC_FAIL(error, FORMAT, "%s, line %d, column %d: %s", name, problem.line,
                         problem.column, problem.text);
    SAMC_CHECK(read_root(&at, root, &made, error));
    *prompts = made;
    made = (samc_prompts){0, NULL};

cleanup:
    samc_prompts_free(&made);
    json_decref(root);
    return status;
}

samc_status samc_prompts_read(const char *path, samc_prompts *prompts, samc_error *error)
{
    samc_status status;
    samc_mapping mapping = {NULL, 0};

    SAMC_TRY(samc_file_map(path, &mapping, error));
    status = samc_prompts_read_memory(mapping.data, mapping.size, path, prompts, error);
    samc_file_unmap(&mapping);
    return status;
}

static const samc_prompts_photo *find_name(const samc_prompts *prompts, const char *name)
{
    for (size_t i = 0; i < prompts->n_photos; i++)
        if (prompts->photos[i].name && strcmp(prompts->photos[i].name, name) == 0)
            return &prompts->photos[i];
    return NULL;
}

const samc_prompts_photo *samc_prompts_find(const samc_prompts *prompts, const char *path)
{
    const samc_prompts_photo *photo = find_name(prompts, path);
    const char *slash = strrchr(path, '/');

    if (!photo && slash)
        photo = find_name(prompts, slash + 1);
    if (!photo && prompts->n_photos == 1 && !prompts->photos[0].name)
        photo = &prompts->photos[0];
    return photo;
}

void samc_prompts_free(samc_prompts *prompts)
{
    for (size_t i = 0; i < prompts->n_photos; i++) {
        samc_prompts_photo *photo = &prompts->photos[i];

        for (size_t k = 0; k < photo->n_objects; k++) {
            free(photo->objects[k].points);
            free(photo->objects[k].labels);
            free(photo->objects[k].mask);
        }
        free(photo->objects);
        free(photo->name);
    }
    free(prompts->photos);
    *prompts = (samc_prompts){0, NULL};
}
