/* SPDX-License-Identifier: Apache-2.0
 *
 * Folder: the photos of `samc serve DIR`. The folder is opened once; a photo is a regular file in
 * it whose name ends like one. Nothing below it, and no link: neither a name nor what somebody puts
 * into the folder leads out of it.
 */
#ifndef SAMC_SERVER_FOLDER_H
#define SAMC_SERVER_FOLDER_H

#include "server/album.h"

/* Photos at most; what is more is left out. */
#define SAMC_FOLDER_MOST ((size_t)100000)

/* Begin with {.fd = -1}. */
typedef struct samc_folder {
    int fd;
    size_t count;
    samc_picture **pictures; /* [count], held, in the order of their names' bytes */
} samc_folder;

/* Opens and lists it; every photo goes into the album too. Errors: IO, MEMORY. */
samc_status samc_folder_open(samc_folder *folder, const char *path, samc_album *album,
                             samc_error *error);
void samc_folder_close(samc_folder *folder, samc_cache *cache);
/* Photo `index`, not held; NULL behind the last one. */
samc_picture *samc_folder_at(const samc_folder *folder, size_t index);
/* Reads a file of at most `most` bytes, or only its first `head` bytes; *bytes is the caller's to
 * free(). Needs no lock. Errors: IO (also where it has become a link or no file), LIMIT, MEMORY. */
samc_status samc_folder_read(const samc_folder *folder, const char *name, size_t most, size_t head,
                             uint8_t **bytes, size_t *size, samc_error *error);

#endif
