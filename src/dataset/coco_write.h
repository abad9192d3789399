/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing masks as JSON: COCO's one file for all photos, element by element, so that it may be
 * larger than memory; and the parts that SA-1B's file of one photo has in common with it.
 */
#ifndef SAMC_DATASET_COCO_WRITE_H
#define SAMC_DATASET_COCO_WRITE_H

#include "base/file.h"

#include <jansson.h>

/* How everything of ours is written: one line; 15 digits, the most that do not show how a decimal
 * fraction was rounded to binary. */
#define SAMC_JSON_FLAGS (JSON_COMPACT | JSON_REAL_PRECISION(15))

/* Begin with {0}; end with samc_coco_writer_commit, or with _abort on every other path. */
typedef struct samc_coco_writer {
    samc_file_writer file;
    const char *list; /* the one that is open */
    int in_object;    /* something was written */
    size_t n;         /* elements of that list */
} samc_coco_writer;

/* Errors: IO, MEMORY. */
samc_status samc_coco_writer_begin(const char *path, samc_coco_writer *writer, samc_error *error);
/* Adds an element to the list `list` ("images", "annotations", "categories"), a constant; all of
 * one list come before those of the next. Errors: IO, MEMORY. */
samc_status samc_coco_writer_add(samc_coco_writer *writer, const char *list, const json_t *element,
                                 samc_error *error);
/* Adds a key (of `key_length` bytes, as JSON has it between its quotes) with a value as its text
 * stands in another file. Errors: IO. */
samc_status samc_coco_writer_copy(samc_coco_writer *writer, const char *key, size_t key_length,
                                  const char *text, size_t size, samc_error *error);
/* Opens a list, which may stay empty. Errors: IO. */
samc_status samc_coco_writer_open(samc_coco_writer *writer, const char *list, samc_error *error);
/* Adds an element to the open list as its text stands in another file. Errors: IO. */
samc_status samc_coco_writer_add_text(samc_coco_writer *writer, const char *text, size_t size,
                                      samc_error *error);
samc_status samc_coco_writer_commit(samc_coco_writer *writer, samc_error *error);
void samc_coco_writer_abort(samc_coco_writer *writer);

/* {"size": [h, w], "counts": "..."}. Errors: MEMORY. */
samc_status samc_json_rle(const samc_rle *rle, json_t **object, samc_error *error);
/* [x, y, w, h] of a mask: w and h count pixels as in COCO, or with `inclusive` are the last column
 * and row minus the first, as in the reference's generator and SA-1B. NULL: out of memory. */
json_t *samc_json_mask_box(const samc_rle *rle, int inclusive);
/* A number read from an f32: as short as tells it from every other one; null where it is not
 * finite. NULL: out of memory. */
json_t *samc_json_float(float number);
/* A string; bytes that are no UTF-8 (names of files may have them) become U+FFFD. NULL: out of
 * memory. */
json_t *samc_json_text(const char *text);
/* Writes one JSON value and a newline as a file. Errors: IO, MEMORY. */
samc_status samc_json_write(const char *path, const json_t *value, samc_error *error);

#endif
