/* SPDX-License-Identifier: Apache-2.0 */
#include "dataset/detections.h"

#include "base/file.h"
#include "base/memory.h"
#include "dataset/files.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

enum { PHOTOS, CLASSES, BOXES };

/* Class names and lists of them are looked through one by one: no detector knows more classes. */
#define CLASSES_MAX 65536

/* Makes room for one more element. */
static samc_status grow(void *list, size_t n, size_t size, size_t *room, samc_error *error)
{
    size_t capacity = *room ? 2 * *room : 64;
    void *old = NULL, *more = NULL;

    if (n < *room)
        return SAMC_OK;
    if (capacity > SAMC_DETECTIONS_MAX)
        return SAMC_FAIL(error, LIMIT, "more than %zu boxes", SAMC_DETECTIONS_MAX / 2);
    SAMC_TRY(samc_alloc(capacity, size, &more, error));
    memcpy(&old, list, sizeof old);
    if (n)
        memcpy(more, old, n * size);
    free(old);
    memcpy(list, &more, sizeof more); /* the address of a pointer of any type */
    *room = capacity;
    return SAMC_OK;
}

static size_t hash_of(const char *key)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */

    for (; *key; key++)
        hash = (hash ^ (unsigned char)*key) * UINT64_C(0x100000001b3);
    return (size_t)(hash ^ hash >> 32);
}

/* Where the key is, or would go: a slot of the table. */
static size_t slot_of(const samc_detections *d, const char *key)
{
    size_t slot = hash_of(key) & (d->table_size - 1);

    while (d->table[slot] && strcmp(d->photos[d->table[slot] - 1].key, key) != 0)
        slot = (slot + 1) & (d->table_size - 1);
    return slot;
}

/* Keeps the table at most half full. */
static samc_status widen_table(samc_detections *d, samc_error *error)
{
    size_t size = d->table_size ? 2 * d->table_size : 128;
    size_t *table = NULL;

    if (2 * (d->n_photos + 1) <= d->table_size)
        return SAMC_OK;
    SAMC_TRY(samc_alloc_zero(size, sizeof *table, &table, error));
    free(d->table);
    d->table = table;
    d->table_size = size;
    for (size_t i = 0; i < d->n_photos; i++)
        d->table[slot_of(d, d->photos[i].key)] = i + 1;
    return SAMC_OK;
}

samc_status samc_detections_photo(samc_detections *d, const char *key, const char *name,
                                  size_t *index, samc_error *error)
{
    samc_status status = SAMC_OK;
    samc_detected_photo made = {0};
    size_t slot;

    SAMC_TRY(widen_table(d, error));
    slot = slot_of(d, key);
    if (d->table[slot]) {
        *index = d->table[slot] - 1;
        return SAMC_OK;
    }
    SAMC_TRY(grow(&d->photos, d->n_photos, sizeof *d->photos, &d->room[PHOTOS], error));
    SAMC_CHECK(samc_alloc_string(key, &made.key, error));
    if (name)
        SAMC_CHECK(samc_alloc_string(name, &made.name, error));
    if (d->source)
        SAMC_CHECK(samc_alloc_string(d->source, &made.source, error));
    d->photos[d->n_photos] = made;
    *index = d->n_photos++;
    d->table[slot] = *index + 1;
    return SAMC_OK;

cleanup:
    free(made.key);
    free(made.name);
    return status;
}

samc_status samc_detections_class(samc_detections *d, const char *name, int64_t id, int32_t *index,
                                  samc_error *error)
{
    int64_t next = 1;
    char *copy = NULL;

    for (size_t i = 0; i < d->n_classes; i++) {
        if (strcmp(d->classes[i].name, name) == 0) {
            *index = (int32_t)i;
            return SAMC_OK;
        }
        next = d->classes[i].id >= next ? d->classes[i].id + 1 : next;
    }
    if (d->n_classes >= CLASSES_MAX)
        return SAMC_FAIL(error, LIMIT, "more than %d classes", CLASSES_MAX);
    SAMC_TRY(grow(&d->classes, d->n_classes, sizeof *d->classes, &d->room[CLASSES], error));
    SAMC_TRY(samc_alloc_string(name, &copy, error));
    d->classes[d->n_classes] = (samc_detected_class){id < 0 ? next : id, copy};
    *index = (int32_t)d->n_classes++;
    return SAMC_OK;
}

samc_status samc_detections_add(samc_detections *d, const samc_detection *box, samc_error *error)
{
    SAMC_TRY(grow(&d->boxes, d->n_boxes, sizeof *d->boxes, &d->room[BOXES], error));
    d->boxes[d->n_boxes++] = *box;
    return SAMC_OK;
}

void samc_detections_skip(samc_detections *d, const char *format, ...)
{
    char message[512];
    va_list args;

    d->bad++;
    if (!d->report)
        return;
    va_start(args, format);
    (void)vsnprintf(message, sizeof message, format, args);
    va_end(args);
    d->report(d->user, message);
}

samc_status samc_detections_sort(samc_detections *d, samc_error *error)
{
    samc_detection *sorted = NULL;
    size_t total = 0;

    SAMC_TRY(samc_alloc(d->n_boxes, sizeof *sorted, &sorted, error));
    for (size_t i = 0; i < d->n_photos; i++)
        d->photos[i].count = 0;
    for (size_t i = 0; i < d->n_boxes; i++)
        d->photos[d->boxes[i].photo].count++;
    for (size_t i = 0; i < d->n_photos; i++) { /* counts -> places, a counting sort */
        d->photos[i].first = total;
        total += d->photos[i].count;
        d->photos[i].count = 0;
    }
    for (size_t i = 0; i < d->n_boxes; i++) {
        samc_detected_photo *photo = &d->photos[d->boxes[i].photo];

        sorted[photo->first + photo->count++] = d->boxes[i];
    }
    free(d->boxes);
    d->boxes = sorted;
    d->room[BOXES] = d->n_boxes;
    return SAMC_OK;
}

void samc_detections_free(samc_detections *d)
{
    for (size_t i = 0; i < d->n_photos; i++) {
        free(d->photos[i].key);
        free(d->photos[i].name);
        free(d->photos[i].source);
    }
    for (size_t i = 0; i < d->n_classes; i++)
        free(d->classes[i].name);
    for (size_t i = 0; i < d->n_names; i++)
        free(d->names[i]);
    free(d->photos);
    free(d->classes);
    free(d->boxes);
    free(d->table);
    free(d->names);
    *d = (samc_detections){0};
}

samc_status samc_detection_clip(const samc_detection *detection, int32_t width, int32_t height,
                                float box[4], samc_error *error)
{
    const double sides[2] = {width, height};
    double b[4];

    for (size_t i = 0; i < 4; i++) {
        b[i] = detection->box[i] * (detection->shares ? sides[i % 2] : 1.0);
        if (!isfinite(b[i]))
            return SAMC_FAIL(error, PROMPT, "a coordinate is not a finite number");
    }
    if (b[2] < b[0] || b[3] < b[1])
        return SAMC_FAIL(error, PROMPT, "its right or lower side comes first: %g,%g,%g,%g", b[0],
                         b[1], b[2], b[3]);
    if (b[2] <= 0 || b[3] <= 0 || b[0] >= sides[0] || b[1] >= sides[1])
        return SAMC_FAIL(error, PROMPT, "%g,%g,%g,%g lies outside of the photo, %ld x %ld", b[0],
                         b[1], b[2], b[3], (long)width, (long)height);
    for (size_t i = 0; i < 4; i++)
        box[i] = (float)fmin(fmax(b[i], 0), sides[i % 2]);
    return SAMC_OK;
}

static int ends_with(const char *path, const char *suffix)
{
    size_t n = strlen(path), m = strlen(suffix);

    return n >= m && strcasecmp(path + n - m, suffix) == 0;
}

/* One file; the kind by the suffix where it says so, else by the first character. */
static samc_status read_file(samc_detections *d, const char *path, samc_error *error)
{
    samc_mapping file = {NULL, 0};
    samc_error why = {SAMC_OK, ""};
    const char *text;
    size_t at = 0;
    samc_status status;

    SAMC_TRY(samc_file_map(path, &file, error));
    text = (const char *)file.data;
    while (at < file.size && strchr(" \t\r\n", text[at]))
        at++;
    d->source = path;
    if (ends_with(path, ".txt"))
        status = samc_detections_yolo(d, text, file.size, &why);
    else if (at < file.size && text[at] == '<')
        status = samc_detections_voc(d, text, file.size, &why);
    else if (at < file.size && (text[at] == '{' || text[at] == '['))
        status = samc_detections_json(d, NULL, text, file.size, &why);
    else if (at == file.size && ends_with(path, ".jsonl"))
        status = SAMC_OK; /* nothing was found */
    else
        status = SAMC_FAIL(&why, FORMAT,
                           "it is neither JSON, JSON lines, VOC's XML nor YOLO's .txt");
    d->source = NULL;
    samc_file_unmap(&file);
    return status == SAMC_OK
               ? SAMC_OK
               : samc_error_set(error, status, "cannot read %s: %s", path, why.message);
}

samc_status samc_detections_read(samc_detections *d, const char *path, samc_error *error)
{
    static const char *const suffixes[] = {".txt", ".xml", ".json", ".jsonl", NULL};
    const samc_files_filter filter = {suffixes, NULL};
    samc_status status = SAMC_OK;
    samc_files files = {0};
    struct stat st;

    if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
        return read_file(d, path, error);
    SAMC_CHECK(samc_files_add(&files, path, &filter, error));
    if (files.count == 0)
        status = SAMC_FAIL(error, FORMAT, "there is no .txt, .xml, .json or .jsonl in %s", path);
    for (size_t i = 0; i < files.count && status == SAMC_OK; i++) {
        samc_error why;

        status = read_file(d, files.paths[i], &why);
        if (status == SAMC_ERROR_MEMORY || status == SAMC_ERROR_UNSUPPORTED) {
            (void)samc_error_set(error, status, "%s", why.message);
        } else if (status != SAMC_OK) {
            samc_detections_skip(d, "%s", why.message);
            status = SAMC_OK;
        }
    }

cleanup:
    samc_files_free(&files);
    return status;
}
