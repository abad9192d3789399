/* SPDX-License-Identifier: Apache-2.0
 *
 * inputs.h - the photos of a command line: files, folders of them, and "-" for stdin.
 */
#ifndef SAMC_CLI_INPUTS_H
#define SAMC_CLI_INPUTS_H

#include "cli.h"

#include <samc_io.h>

typedef struct cli_photo {
    char *path; /* as given, or FOLDER/NAME; "-" for stdin */
    char *stem; /* what the names of its outputs begin with; distinct within the run */
} cli_photo;

/* Begin with {NULL, 0, 0, 0}. */
typedef struct cli_photos {
    cli_photo *items;
    size_t count;
    size_t capacity;
    size_t failed; /* operands that gave nothing; each was reported */
} cli_photos;

/* Expands the operands: a folder stands for its photos (by suffix: jpg jpeg png webp tif tiff,
 * in any case; hidden files and folders within are passed over), sorted by name; everything else is
 * taken as a file. Two photos of one stem (a/x.jpg, b/x.png) get x and x-2, with a note on stderr.
 * Errors: MEMORY. */
samc_status cli_photos_find(char *const *operands, int n_operands, cli_photos *photos,
                            samc_error *error);
void cli_photos_free(cli_photos *photos);

/* Reads one, from stdin if its path is "-". Messages name the photo. Errors: samc_photo_read's. */
samc_status cli_photo_load(const cli_photo *item, samc_photo *photo, samc_error *error);

/* Prints why a photo failed, with its name; nothing if Ctrl-C was the reason. */
void cli_photo_report(const cli_photo *item, const samc_error *error);

/* DIR/STEMsuffix; *path is the caller's to free(). Errors: MEMORY. */
samc_status cli_output_path(const char *folder, const char *stem, const char *suffix, char **path,
                            samc_error *error);

/* Creates the folder and those above it, where they are missing. Errors: IO. */
samc_status cli_folder_create(const char *path, samc_error *error);

#endif
