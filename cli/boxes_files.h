/* SPDX-License-Identifier: Apache-2.0
 *
 * boxes_files.h - the JSON that `samc boxes` leaves: SA-1B's form a photo, and COCO's for all.
 */
#ifndef SAMC_CLI_BOXES_FILES_H
#define SAMC_CLI_BOXES_FILES_H

#include "cli.h"
#include "inputs.h"

#include <jansson.h>

/* The record of one photo while it is made: {"image": {...}, "annotations": [...]}. */
samc_status cli_boxes_record_begin(const char *path, size_t id, int32_t width, int32_t height,
                                   json_t **record, samc_error *error);

/* A mask that came from a box. */
typedef struct cli_boxes_mask {
    const uint8_t *pixels; /* [height][width], 0 or 1 */
    int32_t height;
    int32_t width;
    float box[4]; /* xyxy, as it went in */
    double score; /* the detector's; NAN: none */
    int64_t class_id;
    const char *class_name; /* NULL: none */
    float predicted_iou;
    float stability_score;
} cli_boxes_mask;
/* Adds it: id, category_id and category (where there is a class), score (where there is one), area,
 * bbox, predicted_iou, stability_score, point_coords (empty), input_box and crop_box (xywh),
 * segmentation (COCO RLE). Errors: MEMORY. */
samc_status cli_boxes_record_add(json_t *record, const cli_boxes_mask *mask, samc_error *error);

/* Writes FOLDER/coco.json from FOLDER/STEM.json of the photos that have one, one photo in memory at
 * a time: images, annotations with ids of their own, categories by name. Errors: IO, FORMAT (a
 * record that is none), MEMORY, CANCELLED. */
samc_status cli_boxes_compose(const char *folder, const cli_photos *photos, samc_error *error);

#endif
