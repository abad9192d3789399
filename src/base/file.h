/* SPDX-License-Identifier: Apache-2.0
 *
 * Files: map one to read, and write one so that it appears whole or not at all.
 */
#ifndef SAMC_BASE_FILE_H
#define SAMC_BASE_FILE_H

#include "base/status.h"

#include <stdio.h>

/* A file mapped read-only. */
typedef struct samc_mapping {
    const uint8_t *data;
    size_t size;
} samc_mapping;

/* Maps `path` whole; an empty file gives size 0. Errors: IO (a folder is one). */
samc_status samc_file_map(const char *path, samc_mapping *mapping, samc_error *error);
/* Gives back the memory of the whole pages in [data, data + size), which lies in the mapping: they
 * come from the file again if they are read again. */
void samc_file_forget(const samc_mapping *mapping, const uint8_t *data, size_t size);
/* Unmaps and clears; a cleared mapping is fine. */
void samc_file_unmap(samc_mapping *mapping);

/* A file being written: bytes go to a temporary beside `path`, which takes its name at commit. */
typedef struct samc_file_writer {
    FILE *stream;
    char *path;
    char *temporary;
} samc_file_writer;

/* Starts; write with samc_file_write or on `stream`. Errors: IO, MEMORY. */
samc_status samc_file_begin(const char *path, samc_file_writer *writer, samc_error *error);
samc_status samc_file_write(samc_file_writer *writer, const void *data, size_t size,
                            samc_error *error);
/* Flushes, syncs to disk and renames; on failure the temporary is gone and `path` is as before.
 * Errors: IO (a full disk shows here at the latest). The writer is cleared in both cases. */
samc_status samc_file_commit(samc_file_writer *writer, samc_error *error);
/* Removes the temporary; for every path that does not reach commit. A cleared writer is fine. */
void samc_file_abort(samc_file_writer *writer);

/* Removes the temporaries that processes left beside `path` which were writing it when they were
 * killed: those whose process is gone. */
void samc_file_sweep(const char *path);

/* Gives the file `fresh` the name `path`, and what had that name the name `previous`, whose former
 * owner goes. Whenever the process ends in between, `path` names a whole file, the old one or the
 * new one; on file systems without hard links there is a moment in which only `previous` does.
 * `path` and `previous` need not exist. Errors: IO, MEMORY; `path` is then as before. */
samc_status samc_file_rotate(const char *fresh, const char *path, const char *previous,
                             samc_error *error);

#endif
