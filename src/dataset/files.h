/* SPDX-License-Identifier: Apache-2.0
 *
 * Files: what a folder holds, in an order that depends on the names alone.
 */
#ifndef SAMC_DATASET_FILES_H
#define SAMC_DATASET_FILES_H

#include "base/status.h"

#define SAMC_FILES_MAX ((size_t)1 << 25)
/* Folders within folders; a link that leads back up ends here. */
#define SAMC_FILES_MAX_DEPTH 16

/* Begin with {0}; owned, free with samc_files_free. */
typedef struct samc_files {
    size_t count, capacity;
    char **paths; /* [count] sorted by their bytes, each beginning with its folder */
} samc_files;

/* Which files of a folder are wanted; both lists end with NULL. */
typedef struct samc_files_filter {
    const char *const *suffixes; /* a name ends with one of them, letters of either case */
    const char *const *exclude;  /* a path contains none of them; or NULL */
} samc_files_filter;

/* Adds the wanted files below `folder`, at any depth. Names that begin with a dot are left out.
 * Sorts all of `files`. Errors: IO (the folder cannot be read), LIMIT, MEMORY. */
samc_status samc_files_add(samc_files *files, const char *folder, const samc_files_filter *filter,
                           samc_error *error);
void samc_files_free(samc_files *files);

/* folder/name, or `name` alone where it begins with a slash; free with free(). Errors: MEMORY. */
samc_status samc_path_join(const char *folder, const char *name, char **path, samc_error *error);
/* `path` with `suffix` in place of its last `drop` characters; free with free(). Errors: MEMORY. */
samc_status samc_path_replace(const char *path, size_t drop, const char *suffix, char **made,
                              samc_error *error);
/* What follows the last slash. */
const char *samc_path_name(const char *path);

#endif
