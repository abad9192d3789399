/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "train/recipe.h"

#include "base/memory.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_EXCLUDES 32
#define MAX_PATH 4096

static const char *const photo_suffixes[] = {".jpg", ".jpeg", ".png", ".webp",
                                             ".tif", ".tiff", NULL};
static const char *const jpg_suffixes[] = {".jpg", NULL};
static const char *const png_suffixes[] = {".png", NULL};
static const char *const json_suffixes[] = {".json", NULL};

typedef struct reader {
    const char *name;   /* of the recipe */
    const char *folder; /* of the recipe */
    samc_samples_note_fn note;
    void *user;
} reader;

/* What a list of sources is of. */
typedef enum place { TOP, OBJECTS, BACKGROUNDS } place;
static const char *const place_names[] = {"sources", "objects", "backgrounds"};

/* Names as the JSON has them, and which keys each may have beside the common ones. */
static const struct {
    const char *name;
    samc_source_type type;
    const char *keys[8]; /* the last one is NULL */
} types[] = {
    {"labelmap",
     SAMC_SOURCE_LABELMAP,
     {"folder", "exclude", "labels", "whole", "whole_weight", "ignore", "augment"}},
    {"sa1b", SAMC_SOURCE_SA1B, {"folder", "exclude", "augment"}},
    {"coco", SAMC_SOURCE_COCO, {"folder", "annotations", "augment"}},
    {"composite",
     SAMC_SOURCE_COMPOSITE,
     {"backgrounds", "objects", "count", "groups", "side_by_side", "pool"}},
    {"photos", SAMC_SOURCE_PHOTOS, {"folder", "exclude", "suffix", "augment"}},
    {"cutouts", SAMC_SOURCE_CUTOUTS, {"folder", "exclude"}},
    {"shapes", SAMC_SOURCE_SHAPES, {"pool"}},
};
static const char *const common_keys[] = {"type", "weight", "optional", "max_pixels"};
#define N_TYPES (sizeof types / sizeof types[0])
#define N_COMMON (sizeof common_keys / sizeof common_keys[0])

/* Replaces ${NAME} by the environment's variable. */
static samc_status expand(const char *text, char out[MAX_PATH], samc_error *error)
{
    size_t n = 0;

    while (*text && n + 1 < MAX_PATH) {
        const char *end = text[0] == '$' && text[1] == '{' ? strchr(text, '}') : NULL;
        char name[64];
        const char *value;

        if (!end) {
            out[n++] = *text++;
            continue;
        }
        if ((size_t)(end - text - 2) >= sizeof name)
            return SAMC_FAIL(error, FORMAT, "the path %.80s has too long a name in ${}", text);
        (void)snprintf(name, sizeof name, "%.*s", (int)(end - text - 2), text + 2);
        value = getenv(name);
        if (!value || !*value)
            return SAMC_FAIL(error, FORMAT,
                             "the path %.200s needs the environment variable %s, which is not set",
                             text, name);
        n += (size_t)snprintf(out + n, MAX_PATH - n, "%s", value);
        text = end + 1;
    }
    if (*text || n + 1 >= MAX_PATH)
        return SAMC_FAIL(error, LIMIT, "a path is longer than %d bytes", MAX_PATH);
    out[n] = '\0';
    return SAMC_OK;
}

/* The path under `key`, expanded and made absolute to the recipe's folder. */
static samc_status read_path(const reader *r, const json_t *value, const char *key, char **path,
                             samc_error *error)
{
    char text[MAX_PATH];

    if (!json_is_string(value))
        return SAMC_FAIL(error, FORMAT, "\"%s\" must be a path in quotes", key);
    SAMC_TRY(expand(json_string_value(value), text, error));
    return samc_path_join(r->folder, text, path, error);
}

/* Lists the files of the source's folder, but for those that "exclude" names. */
static samc_status add_folder(const reader *r, const json_t *object, const char *const *suffixes,
                              samc_source *source, samc_error *error)
{
    const json_t *list = json_object_get(object, "exclude");
    const char *exclude[MAX_EXCLUDES + 1] = {NULL};
    samc_files_filter filter = {suffixes, exclude};
    char *path = NULL;
    samc_status status;

    if (json_array_size(list) > MAX_EXCLUDES)
        return SAMC_FAIL(error, LIMIT, "\"exclude\" lists more than %d texts", MAX_EXCLUDES);
    for (size_t i = 0; i < json_array_size(list); i++) {
        exclude[i] = json_string_value(json_array_get(list, i));
        if (!exclude[i] || !*exclude[i])
            return SAMC_FAIL(error, FORMAT, "\"exclude\" is a list of texts in quotes");
    }
    SAMC_TRY(read_path(r, json_object_get(object, "folder"), "folder", &path, error));
    status = samc_files_add(&source->files, path, &filter, error);
    free(path);
    return status;
}

static samc_status read_number(const json_t *object, const char *key, double least, double most,
                               double *number, samc_error *error)
{
    const json_t *value = json_object_get(object, key);

    if (!value)
        return SAMC_OK;
    if (!json_is_number(value) || !(json_number_value(value) >= least) ||
        json_number_value(value) > most)
        return SAMC_FAIL(error, FORMAT, "\"%s\" must be a number from %g to %g", key, least, most);
    *number = json_number_value(value);
    return SAMC_OK;
}

static samc_status open_labelmap(const reader *r, const json_t *object, samc_source *source,
                                 samc_error *error)
{
    const json_t *whole = json_object_get(object, "whole");
    const json_t *ignore = json_object_get(object, "ignore");
    const json_t *labels = json_object_get(object, "labels");
    char *folder = NULL, *path = NULL;
    samc_status status = SAMC_OK;

    SAMC_CHECK(read_path(r, json_object_get(object, "folder"), "folder", &folder, error));
    SAMC_CHECK(add_folder(r, object, jpg_suffixes, source, error));
    if (labels)
        SAMC_CHECK(read_path(r, labels, "labels", &path, error));
    else
        SAMC_CHECK(samc_path_join(folder, "labels.txt", &path, error));
    if (labels || access(path, F_OK) == 0)
        SAMC_CHECK(samc_label_names_read(path, &source->names, error));
    if (json_is_string(whole))
        SAMC_CHECK(samc_alloc_string(json_string_value(whole), &source->whole, error));
    source->whole_weight = 4;
    SAMC_CHECK(read_number(object, "whole_weight", 0, 1e6, &source->whole_weight, error));
    for (size_t i = 0; i < json_array_size(ignore); i++) {
        json_int_t value = json_integer_value(json_array_get(ignore, i));

        if (value < 1 || value >= SAMC_LABELMAP_VALUES) {
            status = SAMC_FAIL(error, FORMAT, "\"ignore\" lists values from 1 to 255");
            goto cleanup;
        }
        source->ignore[value] = 1;
    }

cleanup:
    free(folder);
    free(path);
    return status;
}

static samc_status open_coco(const reader *r, const json_t *object, samc_source *source,
                             samc_error *error)
{
    char *path = NULL;
    samc_status status;

    SAMC_TRY(read_path(r, json_object_get(object, "folder"), "folder", &source->folder, error));
    SAMC_TRY(read_path(r, json_object_get(object, "annotations"), "annotations", &path, error));
    status = samc_coco_open(path, &source->coco, error);
    free(path);
    return status;
}

static samc_status read_sources(const reader *r, const json_t *list, place where,
                                samc_source **sources, size_t *n, samc_error *error);

static samc_status open_composite(const reader *r, const json_t *object, samc_source *source,
                                  samc_error *error)
{
    const json_t *backgrounds = json_object_get(object, "backgrounds");
    const json_t *count = json_object_get(object, "count");

    SAMC_TRY(read_number(object, "groups", 0, 1e6, &source->groups, error));
    SAMC_TRY(read_number(object, "side_by_side", 0, 1, &source->side_by_side, error));
    if (backgrounds)
        SAMC_TRY(read_sources(r, backgrounds, BACKGROUNDS, &source->backgrounds,
                              &source->n_backgrounds, error));
    source->count[0] = 1;
    source->count[1] = 6;
    if (count) {
        json_int_t least = json_integer_value(json_array_get(count, 0));
        json_int_t most = json_integer_value(json_array_get(count, 1));

        if (json_array_size(count) != 2 || least < 1 || most < least || most > 32)
            return SAMC_FAIL(error, FORMAT,
                             "\"count\" must be [fewest, most] with 1 <= fewest <= most <= 32");
        source->count[0] = (int32_t)least;
        source->count[1] = (int32_t)most;
    }
    return read_sources(r, json_object_get(object, "objects"), OBJECTS, &source->objects,
                        &source->n_objects, error);
}

/* Shapes by themselves are a composite of nothing else. */
static samc_status open_shapes(samc_source *source, samc_error *error)
{
    source->type = SAMC_SOURCE_COMPOSITE;
    source->count[0] = 1;
    source->count[1] = 6;
    SAMC_TRY(samc_alloc_zero(1, sizeof *source->objects, &source->objects, error));
    source->n_objects = 1;
    source->objects[0].type = SAMC_SOURCE_SHAPES;
    source->objects[0].weight = 1;
    return samc_alloc_string("shapes", &source->objects[0].name, error);
}

/* A name's end of the user's own choice, or any kind of photo. */
static samc_status open_photos(const reader *r, const json_t *object, samc_source *source,
                               samc_error *error)
{
    const char *own[2] = {json_string_value(json_object_get(object, "suffix")), NULL};

    return add_folder(r, object, own[0] ? own : photo_suffixes, source, error);
}

static samc_status open_source(const reader *r, const json_t *object, place where,
                               samc_source *source, samc_error *error)
{
    int needs_files = 1;

    switch (source->type) {
    case SAMC_SOURCE_LABELMAP: SAMC_TRY(open_labelmap(r, object, source, error)); break;
    case SAMC_SOURCE_SA1B: SAMC_TRY(add_folder(r, object, json_suffixes, source, error)); break;
    case SAMC_SOURCE_CUTOUTS: SAMC_TRY(add_folder(r, object, png_suffixes, source, error)); break;
    case SAMC_SOURCE_PHOTOS: SAMC_TRY(open_photos(r, object, source, error)); break;
    case SAMC_SOURCE_COCO: SAMC_TRY(open_coco(r, object, source, error)); break;
    case SAMC_SOURCE_COMPOSITE:
        needs_files = 0;
        SAMC_TRY(open_composite(r, object, source, error));
        break;
    case SAMC_SOURCE_SHAPES:
        needs_files = 0;
        if (where == TOP)
            SAMC_TRY(open_shapes(source, error));
        break;
    }
    if (needs_files && samc_source_files(source) == 0)
        return SAMC_FAIL(error, IO, "there is no file for it");
    return samc_alloc_zero(samc_source_files(source), 1, &source->bad, error);
}

/* 1: the list may hold sources of the type. */
static int is_at_home(samc_source_type type, place where)
{
    switch (type) {
    case SAMC_SOURCE_LABELMAP:
    case SAMC_SOURCE_SHAPES: return where != BACKGROUNDS;
    case SAMC_SOURCE_PHOTOS: return where != OBJECTS;
    case SAMC_SOURCE_CUTOUTS: return where == OBJECTS;
    case SAMC_SOURCE_SA1B:
    case SAMC_SOURCE_COCO:
    case SAMC_SOURCE_COMPOSITE: break;
    }
    return where == TOP;
}

/* What makes pixels come again: scenes out of a pool, and photos without augmentation. */
static samc_status read_repeats(const json_t *object, place where, samc_source *source,
                                samc_error *error)
{
    const json_t *augment = json_object_get(object, "augment");
    double pool = 0;

    if (where != TOP && (augment || json_object_get(object, "pool")))
        return SAMC_FAIL(error, FORMAT, "\"%s\" belongs to a source that makes samples",
                         augment ? "augment" : "pool");
    if (augment && !json_is_boolean(augment))
        return SAMC_FAIL(error, FORMAT, "\"augment\" must be true or false");
    SAMC_TRY(read_number(object, "pool", 1, 1e9, &pool, error));
    source->plain = json_is_false(augment);
    source->pool = (int32_t)pool;
    return SAMC_OK;
}

/* Finds the type, refuses keys that it does not have, and reads what all types have. */
static samc_status read_common(const json_t *object, place where, samc_source *source,
                               samc_error *error)
{
    const char *name = json_string_value(json_object_get(object, "type"));
    const char *folder = json_string_value(json_object_get(object, "folder"));
    double max_pixels = 1 << 26;
    size_t type = 0;
    const char *key;
    const json_t *value;
    char text[512];

    while (type < N_TYPES && (!name || strcmp(types[type].name, name) != 0))
        type++;
    if (type == N_TYPES || !is_at_home(types[type].type, where))
        return SAMC_FAIL(error, FORMAT,
                         "\"type\" must be labelmap, sa1b, coco, composite, shapes or photos; in "
                         "objects labelmap, cutouts or shapes; in backgrounds photos");
    source->type = types[type].type;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        int known = 0;

        for (size_t i = 0; i < N_COMMON; i++)
            known |= strcmp(common_keys[i], key) == 0;
        for (size_t i = 0; types[type].keys[i]; i++)
            known |= strcmp(types[type].keys[i], key) == 0;
        if (!known)
            return SAMC_FAIL(error, FORMAT, "\"%.60s\" is no key of the type %s", key, name);
    }
    source->weight = 1;
    SAMC_TRY(read_number(object, "weight", 0, 1e6, &source->weight, error));
    SAMC_TRY(read_number(object, "max_pixels", 1, 1e9, &max_pixels, error));
    source->max_pixels = (int64_t)max_pixels;
    SAMC_TRY(read_repeats(object, where, source, error));
    (void)snprintf(text, sizeof text, "%s%s%.400s", name, folder ? " " : "", folder ? folder : "");
    return samc_alloc_string(text, &source->name, error);
}

static void source_free(samc_source *source)
{
    for (size_t i = 0; i < source->n_objects; i++)
        source_free(&source->objects[i]);
    for (size_t i = 0; i < source->n_backgrounds; i++)
        source_free(&source->backgrounds[i]);
    free(source->objects);
    free(source->backgrounds);
    free(source->name);
    free(source->bad);
    free(source->whole);
    free(source->folder);
    samc_files_free(&source->files);
    samc_label_names_free(&source->names);
    samc_coco_free(&source->coco);
    *source = (samc_source){0};
}

/* Reads a list of sources; `inside` a composite they are what is pasted. */
static samc_status read_sources(const reader *r, const json_t *list, place where,
                                samc_source **sources, size_t *n, samc_error *error)
{
    const char *what = place_names[where];
    size_t size = json_array_size(list);
    double sum = 0;

    if (size == 0 || size > SAMC_RECIPE_MAX_SOURCES)
        return SAMC_FAIL(error, FORMAT, "\"%s\" must be a list of 1 to %d", what,
                         SAMC_RECIPE_MAX_SOURCES);
    SAMC_TRY(samc_alloc_zero(size, sizeof **sources, sources, error));
    for (size_t i = 0; i < size; i++) {
        const json_t *object = json_array_get(list, i);
        samc_source *source = &(*sources)[*n];
        samc_error why = {SAMC_OK, ""};
        samc_status status = read_common(object, where, source, &why);
        char message[640];

        ++*n; /* from here on it is freed with the others */
        if (status == SAMC_OK)
            status = open_source(r, object, where, source, &why);
        if (status == SAMC_OK) {
            sum += source->weight;
            continue;
        }
        (void)snprintf(message, sizeof message, "%s%s%s[%zu]%s%s: %s", where == TOP ? r->name : "",
                       where == TOP ? ": " : "", what, i, source->name ? ", " : "",
                       source->name ? source->name : "", why.message);
        if (!json_is_true(json_object_get(object, "optional")) || status == SAMC_ERROR_MEMORY)
            return samc_error_set(error, status, "%s", message);
        if (r->note)
            r->note(r->user, message);
        source_free(source);
        --*n;
    }
    if (sum <= 0)
        return SAMC_FAIL(error, FORMAT, "%s: no source of the \"%s\" is left, or all weights are 0",
                         r->name, what);
    return SAMC_OK;
}

samc_status samc_recipe_read(const char *text, const char *name, const char *folder,
                             samc_samples_note_fn note, void *user, samc_recipe *recipe,
                             samc_error *error)
{
    samc_status status = SAMC_OK;
    const reader r = {name, folder, note, user};
    samc_recipe made = {.min_area = 0.001};
    samc_error why = {SAMC_OK, ""};
    json_error_t json_error;
    double cache_mib = 1024;
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &json_error);
    const char *key;
    const json_t *value;

    if (!json_is_object(root)) {
        status = root ? SAMC_FAIL(error, FORMAT, "%s: a recipe is a JSON object", name)
                      : SAMC_FAIL(error, FORMAT, "%s: line %d: %s", name, json_error.line,
                                  json_error.text);
        goto cleanup;
    }
    json_object_foreach(root, key, value)
    {
        if (strcmp(key, "sources") != 0 && strcmp(key, "min_area") != 0 &&
            strcmp(key, "cache_mib") != 0) {
            status = SAMC_FAIL(error, FORMAT,
                               "%s: \"%.60s\" is no key of a recipe; known are sources, min_area "
                               "and cache_mib",
                               name, key);
            goto cleanup;
        }
    }
    status = read_number(root, "min_area", 0, 0.5, &made.min_area, &why);
    if (status == SAMC_OK)
        status = read_number(root, "cache_mib", 0, 1e6, &cache_mib, &why);
    if (status != SAMC_OK) {
        (void)samc_error_set(error, status, "%s: %s", name, why.message);
        goto cleanup;
    }
    made.cache_bytes = (size_t)cache_mib << 20;
    SAMC_CHECK(read_sources(&r, json_object_get(root, "sources"), TOP, &made.sources,
                            &made.n_sources, error));
    *recipe = made;
    made = (samc_recipe){0};

cleanup:
    samc_recipe_free(&made);
    json_decref(root);
    return status;
}

void samc_recipe_free(samc_recipe *recipe)
{
    for (size_t i = 0; i < recipe->n_sources; i++)
        source_free(&recipe->sources[i]);
    free(recipe->sources);
    *recipe = (samc_recipe){0};
}

size_t samc_source_files(const samc_source *source)
{
    return source->type == SAMC_SOURCE_COCO ? source->coco.n_images : source->files.count;
}

samc_source *samc_source_draw(samc_source *sources, size_t n, samc_random *random)
{
    double weights[SAMC_RECIPE_MAX_SOURCES];

    for (size_t i = 0; i < n; i++)
        weights[i] = sources[i].weight;
    return &sources[samc_random_weighted(random, weights, n)];
}
