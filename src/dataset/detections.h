/* SPDX-License-Identifier: Apache-2.0
 *
 * Detections: boxes that some detector found in photos, with classes and scores, from
 *
 *   COCO JSON    a data set (images, annotations, categories), or a list of results (image_id,
 *                category_id, bbox, score)
 *   YOLO         a file STEM.txt a photo: class, centre x, centre y, width, height as shares of the
 *                photo's sides, and perhaps a score
 *   Pascal VOC   an XML a photo
 *   JSON lines   an object a box, or a photo with its "boxes"
 *
 * A box that cannot be understood is told to `report` and counted; the others go on.
 */
#ifndef SAMC_DATASET_DETECTIONS_H
#define SAMC_DATASET_DETECTIONS_H

#include "base/status.h"

#include <jansson.h>

#define SAMC_DETECTIONS_MAX ((size_t)1 << 27) /* boxes in all */

typedef struct samc_detection {
    double box[4]; /* x0, y0, x1, y1 in pixels, as the file says: to be checked */
    double score;  /* NAN: none */
    int32_t class; /* index into classes; -1: none */
    int shares;    /* 1: the box is in shares of the photo's sides */
    size_t photo;  /* index into photos */
    size_t number; /* of the line, element or object it came from, from 1 */
} samc_detection;

typedef struct samc_detected_photo {
    char *key;             /* what tells it from the others: its name, or "#" and a COCO id */
    char *name;            /* as the file says; NULL: only the id is known */
    char *source;          /* the file that speaks of it; NULL: a program's output */
    int32_t width, height; /* as the file says; 0: it says nothing */
    size_t first, count;   /* its boxes, after samc_detections_sort */
} samc_detected_photo;

typedef struct samc_detected_class {
    int64_t id; /* COCO's; else 1, 2, ... */
    char *name;
} samc_detected_class;

/* Begin with {0}; fill in `report`; owned, free with samc_detections_free. */
typedef struct samc_detections {
    void (*report)(void *user, const char *message); /* what was skipped, and why; may be NULL */
    void *user;
    size_t bad; /* how often that was */

    samc_detected_photo *photos;
    samc_detected_class *classes;
    samc_detection *boxes;
    size_t n_photos, n_classes, n_boxes;
    size_t room[3]; /* elements that the three lists can hold */
    size_t *table;  /* [table_size] index + 1 of the photo with that hash */
    size_t table_size;
    const char *source; /* while a file is read: its path */
    char **names;       /* of YOLO's classes; or NULL */
    size_t n_names;
} samc_detections;

/* Reads a file, or each .txt, .xml, .json and .jsonl of a folder (labels and class lists are told
 * apart by their content); adds to what is there. The kind is told by the content. Errors: IO,
 * FORMAT (a file that is nothing of these), UNSUPPORTED (VOC in a build without expat), LIMIT,
 * MEMORY; messages name the file. In a folder a file that cannot be read is reported and
 * counted. */
samc_status samc_detections_read(samc_detections *d, const char *path, samc_error *error);
/* Reads the names of YOLO's classes: a line each, or the `names` of a data.yaml. Before the boxes.
 * Errors: IO, FORMAT, LIMIT, MEMORY. */
samc_status samc_detections_names(samc_detections *d, const char *path, samc_error *error);
/* Orders the boxes by photo, each photo's as they were read. Errors: MEMORY. */
samc_status samc_detections_sort(samc_detections *d, samc_error *error);
void samc_detections_free(samc_detections *d);

/* What a box is in a photo of width x height pixels: xyxy cut to the photo. Errors: PROMPT (numbers
 * that are not finite, x1 < x0, y1 < y0, nothing of it inside the photo); the message says
 * which. */
samc_status samc_detection_clip(const samc_detection *detection, int32_t width, int32_t height,
                                float box[4], samc_error *error);

/* ------------------------------------------------------------------------------------------------
 * For the readers
 * --------------------------------------------------------------------------------------------- */

/* The index of the photo with that key, which is added if it is new. Errors: MEMORY. */
samc_status samc_detections_photo(samc_detections *d, const char *key, const char *name,
                                  size_t *index, samc_error *error);
/* The same of a class; id < 0: the next free one. A class that is known keeps its id. */
samc_status samc_detections_class(samc_detections *d, const char *name, int64_t id, int32_t *index,
                                  samc_error *error);
/* Adds a box. Errors: LIMIT, MEMORY. */
samc_status samc_detections_add(samc_detections *d, const samc_detection *box, samc_error *error);
/* Reports and counts something that is skipped (printf-like). */
void samc_detections_skip(samc_detections *d, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* One file's text each; of JSON also what a detector printed about `photo` (NULL: the objects say
 * which they are of). Errors: FORMAT (the message has the line), UNSUPPORTED, LIMIT, MEMORY. */
samc_status samc_detections_json(samc_detections *d, const char *photo, const char *text,
                                 size_t size, samc_error *error);
samc_status samc_detections_yolo(samc_detections *d, const char *text, size_t size,
                                 samc_error *error);
samc_status samc_detections_voc(samc_detections *d, const char *text, size_t size,
                                samc_error *error);

#endif
