/* SPDX-License-Identifier: Apache-2.0
 *
 * boxes_photos.h - where the photo lies that a detection speaks of.
 */
#ifndef SAMC_CLI_BOXES_PHOTOS_H
#define SAMC_CLI_BOXES_PHOTOS_H

#include "cli.h"
#include "dataset/detections.h"
#include "dataset/files.h"

/* The photos of the folders that --photos named, ready to be looked up. Begin with {0}. */
typedef struct cli_photo_index {
    samc_files files;
    struct cli_photo_entry *by_name; /* [files.count] by file name */
    struct cli_photo_entry *by_stem; /* [files.count] by file name without suffix */
    struct cli_photo_entry *by_id;   /* [files.count] by the number at the end of the stem */
} cli_photo_index;

/* Adds the photos below `folder`. Errors: IO, LIMIT, MEMORY. */
samc_status cli_photo_index_add(cli_photo_index *index, const char *folder, samc_error *error);
/* After the last folder. Errors: MEMORY. */
samc_status cli_photo_index_sort(cli_photo_index *index, samc_error *error);
void cli_photo_index_free(cli_photo_index *index);

/* Finds a photo: under --photos by its file name, its stem (YOLO's labels name no more), or the
 * number at the end of its stem (COCO's results name no more); else where its name leads from here,
 * from the detections' folder, and from `images` in place of `labels` in that folder's path. *path
 * is the caller's to free(). Errors: IO (it is nowhere), MEMORY. */
samc_status cli_photo_find(const cli_photo_index *index, const samc_detected_photo *photo,
                           char **path, samc_error *error);

#endif
