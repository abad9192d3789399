/* SPDX-License-Identifier: Apache-2.0 */
#include "dataset/labelmap.h"

#include "base/file.h"
#include "base/memory.h"
#include "dataset/files.h"

#include <stdlib.h>
#include <string.h>

samc_status samc_label_names_read(const char *path, samc_label_names *names, samc_error *error)
{
    samc_status status = SAMC_OK;
    samc_mapping file = {NULL, 0};
    samc_label_names made = {{0}};
    size_t value = 0;

    SAMC_TRY(samc_file_map(path, &file, error));
    for (size_t at = 0; at < file.size; value++) {
        const char *line = (const char *)file.data + at;
        const char *newline = memchr(line, '\n', file.size - at);
        size_t length = newline ? (size_t)(newline - line) : file.size - at;

        at += length + 1;
        if (value >= SAMC_LABELMAP_VALUES) {
            status = SAMC_FAIL(error, LIMIT,
                               "%s has more than %d lines: a label map has no more "
                               "values",
                               path, SAMC_LABELMAP_VALUES);
            goto cleanup;
        }
        if (length && line[length - 1] == '\r')
            length--;
        if (!length)
            continue;
        SAMC_CHECK(samc_alloc_zero(length + 1, 1, &made.names[value], error));
        memcpy(made.names[value], line, length);
    }
    *names = made;
    made = (samc_label_names){{0}};

cleanup:
    samc_label_names_free(&made);
    samc_file_unmap(&file);
    return status;
}

void samc_label_names_free(samc_label_names *names)
{
    for (size_t i = 0; i < SAMC_LABELMAP_VALUES; i++) {
        free(names->names[i]);
        names->names[i] = NULL;
    }
}

/* Gray as RGB -> one byte a pixel. */
static samc_status take_labels(const samc_photo *map, const samc_image *photo, const char *path,
                               uint8_t **labels, samc_error *error)
{
    size_t n = (size_t)photo->width * (size_t)photo->height;
    uint8_t *made = NULL;

    if (map->view.width != photo->width || map->view.height != photo->height)
        return SAMC_FAIL(error, FORMAT, "%s has %ld x %ld pixels, its photo has %ld x %ld", path,
                         (long)map->view.width, (long)map->view.height, (long)photo->width,
                         (long)photo->height);
    SAMC_TRY(samc_alloc(n, 1, &made, error));
    for (size_t i = 0; i < n; i++) {
        const uint8_t *rgb = map->pixels + 3 * i;

        if (rgb[0] != rgb[1] || rgb[0] != rgb[2]) {
            free(made);
            return SAMC_FAIL(error, FORMAT, "%s is in colour; a label map is gray", path);
        }
        made[i] = rgb[0];
    }
    *labels = made;
    return SAMC_OK;
}

samc_status samc_labelmap_read(const char *photo_path, int64_t max_pixels, samc_labelmap *map,
                               samc_error *error)
{
    samc_status status = SAMC_OK;
    samc_read_options options = SAMC_READ_OPTIONS_INIT;
    samc_labelmap made = {0};
    samc_photo labels = {0};
    char *path = NULL;

    options.max_pixels = max_pixels;
    SAMC_CHECK(samc_path_replace(photo_path, strlen(".jpg"), ".png", &path, error));
    SAMC_CHECK(samc_photo_read(photo_path, &options, &made.photo, error));
    SAMC_CHECK(samc_photo_read(path, &options, &labels, error));
    SAMC_CHECK(take_labels(&labels, &made.photo.view, path, &made.labels, error));
    *map = made;
    made = (samc_labelmap){0};

cleanup:
    samc_labelmap_free(&made);
    samc_photo_free(&labels);
    free(path);
    return status;
}

void samc_labelmap_free(samc_labelmap *map)
{
    samc_photo_free(&map->photo);
    free(map->labels);
    map->labels = NULL;
}
