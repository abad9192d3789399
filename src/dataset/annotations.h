/* SPDX-License-Identifier: Apache-2.0
 *
 * Annotations: the masks of one photo as COCO writes them, each as polygons, as run lengths or as a
 * string of run lengths. A mask becomes pixels only when it is asked for.
 */
#ifndef SAMC_DATASET_ANNOTATIONS_H
#define SAMC_DATASET_ANNOTATIONS_H

#include "base/status.h"

#include <jansson.h>

#define SAMC_ANNOTATIONS_MAX 16384 /* a photo */

typedef struct samc_annotation {
    json_t *object;    /* the annotation */
    double area;       /* as the file says, in pixels; where it says nothing the box's */
    double box[4];     /* x, y, w, h, as the file says */
    const char *label; /* the category, or NULL; belongs to whoever knows the categories */
} samc_annotation;

/* Begin with {0}; owned, free with samc_annotations_free. */
typedef struct samc_annotations {
    char *file;            /* the photo's file name */
    int32_t width, height; /* of the photo */
    size_t count, capacity;
    samc_annotation *items;
} samc_annotations;

/* Adds an annotation, counting a reference of `object`. One of a crowd (iscrowd) or without a
 * segmentation or a box is left out. Errors: LIMIT, MEMORY. */
samc_status samc_annotations_add(samc_annotations *annotations, json_t *object, const char *label,
                                 samc_error *error);

/* Draws annotation `index` into mask [height][width], 0 and 1. Errors: FORMAT (a segmentation that
 * means nothing, or is of another size than the photo), MEMORY. */
samc_status samc_annotations_mask(const samc_annotations *annotations, size_t index, uint8_t *mask,
                                  samc_error *error);
void samc_annotations_free(samc_annotations *annotations);

/* A "segmentation" of a photo of height x width: polygons (the mask is their union), counts, or a
 * string of them. Errors: FORMAT (it means nothing, or is of another size), MEMORY. */
samc_status samc_segmentation_read(const json_t *segmentation, int32_t height, int32_t width,
                                   samc_rle *rle, samc_error *error);

/* Reads a file of SA-1B: one JSON a photo, image{file_name, width, height} and annotations[].
 * Errors: IO, FORMAT, LIMIT, MEMORY; messages name the file. */
samc_status samc_sa1b_read(const char *path, samc_annotations *annotations, samc_error *error);

/* Reads "file_name", "width" and "height" of an image's object. Errors: FORMAT, MEMORY. */
samc_status samc_annotations_image(samc_annotations *annotations, const json_t *image,
                                   samc_error *error);

#endif
