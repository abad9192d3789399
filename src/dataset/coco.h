/* SPDX-License-Identifier: Apache-2.0
 *
 * COCO instances: one large JSON file for all photos. It stays mapped; an index says where in it
 * the annotations of each photo are, and only those are parsed when a photo's turn comes.
 */
#ifndef SAMC_DATASET_COCO_H
#define SAMC_DATASET_COCO_H

#include "dataset/annotations.h"

#include "base/file.h"

typedef struct samc_coco_element {
    int64_t id; /* the image's */
    size_t offset, length;
} samc_coco_element;

typedef struct samc_coco_category {
    int64_t id;
    char *name;
} samc_coco_category;

/* Begin with {0}; owned, free with samc_coco_free. */
typedef struct samc_coco {
    samc_mapping file;
    size_t n_images, n_annotations, n_categories;
    samc_coco_element *images;      /* those with annotations, by id */
    samc_coco_element *annotations; /* by image, then as in the file; no crowds */
    samc_coco_category *categories;
    size_t room[3]; /* elements that the three lists can hold */
} samc_coco;

/* Maps and indexes. Errors: IO, FORMAT, MEMORY; messages name the file. */
samc_status samc_coco_open(const char *path, samc_coco *coco, samc_error *error);
/* The annotations of image `index` < n_images; labels belong to `coco`. Errors: FORMAT, MEMORY. */
samc_status samc_coco_read(const samc_coco *coco, size_t index, samc_annotations *annotations,
                           samc_error *error);
void samc_coco_free(samc_coco *coco);

#endif
