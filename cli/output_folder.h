/* SPDX-License-Identifier: Apache-2.0
 *
 * output_folder.h - a folder of files that appears whole or not at all: it is filled under another
 * name, which no finished folder has, and renamed.
 */
#ifndef SAMC_CLI_OUTPUT_FOLDER_H
#define SAMC_CLI_OUTPUT_FOLDER_H

#include "cli.h"

/* Begins as {NULL, NULL}. */
typedef struct cli_output_folder {
    char *path;
    char *temporary; /* where files go: PATH.PID-N.tmp */
} cli_output_folder;

/* Makes the temporary. Errors: IO, MEMORY. */
samc_status cli_output_folder_begin(const char *path, cli_output_folder *folder, samc_error *error);
/* Gives it its name. A folder that has it must hold nothing but files that `ours` knows, and goes;
 * with `fresh` there must be none. Errors: IO, MEMORY. */
samc_status cli_output_folder_commit(cli_output_folder *folder, int (*ours)(const char *name),
                                     bool fresh, samc_error *error);
/* Removes the temporary, unless it was renamed, and frees. */
void cli_output_folder_abort(cli_output_folder *folder);

/* Removes from `folder` what processes that are gone left there: temporaries of this kind, and of
 * samc_file_begin, where `mine` says that the first `length` characters of a name are those of an
 * output of this run. */
void cli_output_sweep(const char *folder, bool (*mine)(void *user, const char *name, size_t length),
                      void *user);

#endif
