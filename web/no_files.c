/* SPDX-License-Identifier: Apache-2.0
 *
 * Files and .pth checkpoints where there are none (WebAssembly): in place of base/file.c and
 * weights/pth.c. Models and embeddings come as bytes.
 */
#include "base/file.h"
#include "weights/pth.h"

#include <string.h>
#include <zlib.h>

samc_status samc_file_map(const char *path, samc_mapping *mapping, samc_error *error)
{
    *mapping = (samc_mapping){NULL, 0};
    return SAMC_FAIL(error, UNSUPPORTED, "%s: there are no files here; give bytes", path);
}

void samc_file_forget(const samc_mapping *mapping, const uint8_t *data, size_t size)
{
    (void)mapping;
    (void)data;
    (void)size;
}

void samc_file_unmap(samc_mapping *mapping)
{
    *mapping = (samc_mapping){NULL, 0};
}

samc_status samc_file_begin(const char *path, samc_file_writer *writer, samc_error *error)
{
    memset(writer, 0, sizeof *writer);
    return SAMC_FAIL(error, UNSUPPORTED, "%s: there are no files here; take bytes", path);
}

samc_status samc_file_write(samc_file_writer *writer, const void *data, size_t size,
                            samc_error *error)
{
    (void)writer;
    (void)data;
    (void)size;
    return SAMC_FAIL(error, UNSUPPORTED, "there are no files here");
}

samc_status samc_file_commit(samc_file_writer *writer, samc_error *error)
{
    (void)writer;
    return SAMC_FAIL(error, UNSUPPORTED, "there are no files here");
}

void samc_file_abort(samc_file_writer *writer)
{
    (void)writer;
}

samc_status samc_pth_read(const uint8_t *data, size_t size, samc_tensors *table, samc_error *error)
{
    (void)data;
    (void)size;
    (void)table;
    return SAMC_FAIL(error, UNSUPPORTED,
                     "a .pth checkpoint: here safetensors are read; samc convert makes them");
}

/* Only .pth files have checksums, so these are not called. */
uLong crc32_z(uLong crc, const Bytef *data, z_size_t size)
{
    (void)data;
    (void)size;
    return crc;
}

uLong crc32_combine(uLong first, uLong second, z_off_t size)
{
    (void)second;
    (void)size;
    return first;
}
