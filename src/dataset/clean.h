/* SPDX-License-Identifier: Apache-2.0
 *
 * Clean: a file of masks in, the same file with its masks cleaned (mask/clean.h) out. What is not a
 * mask's (other keys, other annotations, colours) goes over as it was, a mask that needs no change
 * too. One photo's masks are in memory at a time; an output appears whole or not at all.
 */
#ifndef SAMC_DATASET_CLEAN_H
#define SAMC_DATASET_CLEAN_H

#include "mask/clean.h"

#include <jansson.h>

/* The job of a run. Fill the first block, the rest begins as 0. */
typedef struct samc_clean_job {
    samc_clean_options options;
    double tolerance; /* of polygons that are traced anew, in pixels */
    void (*report)(void *user,
                   const char *message); /* of a mask that cannot be read; may be NULL */
    void *user;

    samc_clean_counts counts;
    size_t photos, bad; /* bad: masks that could not be read; they were kept as they are */
} samc_clean_job;

/* A JSON file of SA-1B, of COCO, or of `amg.py --convert-to-rle` (a list of records). Polygons stay
 * polygons, counts counts, strings strings. Annotations of crowds and without a segmentation go
 * over untouched. Errors: IO, FORMAT, LIMIT, MEMORY; messages name the file. */
samc_status samc_clean_json_file(samc_clean_job *job, const char *in, const char *out,
                                 samc_error *error);
/* A folder of `amg.py`: metadata.csv and N.png; `out` is a folder that is there. A mask keeps its
 * number. metadata.csv is written last. Errors: the same. */
samc_status samc_clean_amg_folder(samc_clean_job *job, const char *in, const char *out,
                                  samc_error *error);
/* A label map: each value but 0 is a mask. What ends without a label becomes 0, what several masks
 * have is the smallest one's unless the options say whose. Errors: the same. */
samc_status samc_clean_label_file(samc_clean_job *job, const char *in, const char *out,
                                  samc_error *error);

/* ------------------------------------------------------------------------------------------------
 * For these functions
 * --------------------------------------------------------------------------------------------- */

/* Cleans the annotations of one photo in place: those that are dropped leave the list; changed
 * [before the call: array size], may be NULL, gets 1 for those whose mask is new and 2 for those
 * that were dropped, by their old index. `inclusive`: boxes are the generator's
 * (samc_json_mask_box). Errors: MEMORY. */
samc_status samc_clean_annotations(samc_clean_job *job, json_t *list, int32_t height, int32_t width,
                                   int inclusive, const char *where, uint8_t *changed,
                                   samc_error *error);
/* A file of COCO's, mapped at text. */
samc_status samc_clean_coco(samc_clean_job *job, const char *text, size_t size, const char *in,
                            const char *out, samc_error *error);
/* Tells job->report (printf-like) and counts. */
void samc_clean_report(samc_clean_job *job, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
