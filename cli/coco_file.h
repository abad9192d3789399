/* SPDX-License-Identifier: Apache-2.0
 *
 * coco_file.h - one COCO file for all photos of a run, written as a stream.
 *
 * While the run goes on, each finished photo is one line of JSON in PATH.partial, on disk before
 * the next one begins. A line that was cut off by a crash is dropped by the next run. Of the lines
 * the file itself is made, photo after photo, in the order of the command line: it does not show
 * how often a run was interrupted.
 */
#ifndef SAMC_CLI_COCO_FILE_H
#define SAMC_CLI_COCO_FILE_H

#include "found.h"

/* A line that is there. */
typedef struct cli_coco_line {
    char *photo; /* its path, as the command line had it */
    long at;     /* byte in the journal */
} cli_coco_line;

/* Begins as {0}; end with cli_coco_close. */
typedef struct cli_coco {
    char *path;
    char *journal;
    FILE *stream; /* of the journal */
    cli_coco_line *lines;
    size_t count, capacity;
    size_t hint; /* where the next line to be looked for may be */
} cli_coco;

/* Whether the file at `path` was written with every photo in it: it is there, and no journal is. */
bool cli_coco_is_complete(const char *path);
/* Opens the journal of `path`: with `resume` what is there is kept, else it begins empty.
 * Errors: IO (another samc is at it), MEMORY. */
samc_status cli_coco_open(cli_coco *coco, const char *path, bool resume, samc_error *error);
/* Whether a photo is there. */
bool cli_coco_has(cli_coco *coco, const char *photo);
/* Adds a photo. Errors: IO, MEMORY. */
samc_status cli_coco_add(cli_coco *coco, const char *photo, const cli_found *found,
                         samc_error *error);

/* What a photo is called in the file. */
typedef struct cli_coco_photo {
    const char *path, *name;
    size_t id;
} cli_coco_photo;

/* Writes the file: of photos [count], those that are there. Annotation k (from 0) of all gets the
 * id first + k * step. Errors: IO, FORMAT (the journal was changed), MEMORY. */
samc_status cli_coco_write(cli_coco *coco, const cli_coco_photo *photos, size_t count, size_t first,
                           size_t step, samc_error *error);
/* Closes; `remove` the journal, which is of no more use once the file has every photo. */
void cli_coco_close(cli_coco *coco, bool remove);

#endif
