/* SPDX-License-Identifier: Apache-2.0
 *
 * Label maps: photos ID.jpg beside pictures ID.png of the same size, whose gray values say what
 * each pixel is; 0 is nothing. Value k is called what line k + 1 of labels.txt says.
 */
#ifndef SAMC_DATASET_LABELMAP_H
#define SAMC_DATASET_LABELMAP_H

#include "base/status.h"

#include <samc_io.h>

#define SAMC_LABELMAP_VALUES 256

/* Names of the values; NULL: it has none. Begin with {0}; free with samc_label_names_free. */
typedef struct samc_label_names {
    char *names[SAMC_LABELMAP_VALUES];
} samc_label_names;

/* Reads labels.txt, a name a line; an empty line names nothing. Errors: IO, LIMIT (more than 256
 * lines), MEMORY. */
samc_status samc_label_names_read(const char *path, samc_label_names *names, samc_error *error);
void samc_label_names_free(samc_label_names *names);

/* A photo and its map. Begin with {0}; free with samc_labelmap_free. */
typedef struct samc_labelmap {
    samc_photo photo;
    uint8_t *labels; /* [height][width] of the photo */
} samc_labelmap;

/* Reads both; `photo_path` ends in ".jpg". Errors: IO, FORMAT (a map in colour, or not of the
 * photo's size), LIMIT (more than max_pixels), MEMORY; messages name the file. */
samc_status samc_labelmap_read(const char *photo_path, int64_t max_pixels, samc_labelmap *map,
                               samc_error *error);
void samc_labelmap_free(samc_labelmap *map);

#endif
