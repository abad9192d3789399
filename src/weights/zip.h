/* SPDX-License-Identifier: Apache-2.0
 *
 * Zip archives as torch.save writes them: stored members, read in place from memory.
 * Source: PKWARE's APPNOTE 6.3 (the layout), sections 4.3 and 4.5.3 (zip64).
 */
#ifndef SAMC_WEIGHTS_ZIP_H
#define SAMC_WEIGHTS_ZIP_H

#include "base/status.h"

/* A member; everything points into the archive. */
typedef struct samc_zip_member {
    const char *name; /* not terminated */
    size_t name_size;
    const uint8_t *data;
    size_t size;
    uint32_t crc;
    size_t header; /* where its local header begins, in bytes from the archive's start */
} samc_zip_member;

typedef struct samc_zip {
    samc_zip_member *members; /* sorted by name */
    size_t count;
    /* 0: every member has the CRC 0, as after torch.serialization.set_crc32_options(False); there
     * is nothing to check against */
    int has_crcs;
} samc_zip;

/* Reads the directory of `size` bytes at `data`, which must outlive `zip`. Proves: the directory
 * reaches to the archive's end, every member lies before it, members do not overlap, names are
 * unique and those of the local headers. Contents are not read. Errors: FORMAT, UNSUPPORTED
 * (compressed, encrypted, several disks), LIMIT, MEMORY. */
samc_status samc_zip_open(const uint8_t *data, size_t size, samc_zip *zip, samc_error *error);
/* Frees and clears; a cleared one is fine. */
void samc_zip_close(samc_zip *zip);

/* NULL: there is none of that name. */
const samc_zip_member *samc_zip_find(const samc_zip *zip, const char *name, size_t name_size);

/* Reads the member whole against its checksum, if the archive has checksums. Errors: FORMAT. */
samc_status samc_zip_verify(const samc_zip *zip, const samc_zip_member *member, samc_error *error);

#endif
