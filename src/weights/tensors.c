/* SPDX-License-Identifier: Apache-2.0 */
#include "weights/tensors.h"

#include "base/memory.h"
#include "weights/half.h"
#include "weights/hf_names.h"
#include "weights/pth.h"
#include "weights/safetensors.h"
#include "weights/table.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static const struct {
    const char *name;
    size_t size;
} dtypes[] = {
    [SAMC_DTYPE_F64] = {"f64", 8},   [SAMC_DTYPE_F32] = {"f32", 4}, [SAMC_DTYPE_F16] = {"f16", 2},
    [SAMC_DTYPE_BF16] = {"bf16", 2}, [SAMC_DTYPE_I64] = {"i64", 8}, [SAMC_DTYPE_I32] = {"i32", 4},
    [SAMC_DTYPE_I16] = {"i16", 2},   [SAMC_DTYPE_I8] = {"i8", 1},   [SAMC_DTYPE_U8] = {"u8", 1},
    [SAMC_DTYPE_BOOL] = {"bool", 1},
};

const char *samc_dtype_name(samc_dtype dtype)
{
    return dtypes[dtype].name;
}

size_t samc_dtype_size(samc_dtype dtype)
{
    return dtypes[dtype].size;
}

int samc_dtype_is_float(samc_dtype dtype)
{
    return dtype == SAMC_DTYPE_F64 || dtype == SAMC_DTYPE_F32 || dtype == SAMC_DTYPE_F16 ||
           dtype == SAMC_DTYPE_BF16;
}

/* Git keeps large files as pointers; the file that a clone without LFS leaves is often tried. */
static int is_lfs_pointer(const uint8_t *data, size_t size)
{
    static const char start[] = "version https://git-lfs";

    return size >= sizeof start - 1 && memcmp(data, start, sizeof start - 1) == 0;
}

static samc_status read_any(const uint8_t *data, size_t size, samc_tensors *tensors,
                            samc_error *error)
{
    if (size >= 4 && memcmp(data, "PK\3\4", 4) == 0)
        return samc_pth_read(data, size, tensors, error);
    if (size >= 2 && data[0] == 0x80 && data[1] <= 5)
        return SAMC_FAIL(error, UNSUPPORTED,
                         "this is a checkpoint from before PyTorch 1.6, without the zip container: "
                         "load it in PyTorch and save its state dict again with torch.save");
    if (size > 8 && data[8] == '{')
        return samc_safetensors_read(data, size, tensors, error);
    if (is_lfs_pointer(data, size))
        return SAMC_FAIL(error, FORMAT,
                         "this is a pointer that Git LFS left in place of the file: fetch the file "
                         "itself with git lfs pull");
    return SAMC_FAIL(error, FORMAT, "this is neither a .pth nor a safetensors file (%zu bytes)",
                     size);
}

static samc_status open_any(const uint8_t *data, size_t size, samc_tensors *tensors,
                            samc_error *error)
{
    SAMC_TRY(read_any(data, size, tensors, error));
    SAMC_TRY(samc_hf_names_replace(tensors, error));
    return samc_table_finish(tensors, error);
}

samc_status samc_tensors_open_memory(const void *data, size_t size, samc_tensors **tensors,
                                     samc_error *error)
{
    samc_status status;
    samc_tensors *t;

    if (!data)
        return SAMC_FAIL(error, ARGUMENT, "no data: the pointer to the model's bytes is NULL");
    SAMC_TRY(samc_alloc_zero(1, sizeof *t, &t, error));
    status = open_any(data, size, t, error);
    if (status != SAMC_OK) {
        samc_tensors_close(t);
        return status;
    }
    *tensors = t;
    return SAMC_OK;
}

samc_status samc_tensors_open(const char *path, samc_tensors **tensors, samc_error *error)
{
    samc_mapping mapping = {NULL, 0};
    samc_error inner = {SAMC_OK, ""};
    samc_status status;

    SAMC_TRY(samc_file_map(path, &mapping, error));
    /* an empty file has no mapping; one byte of anything stands for it */
    status = samc_tensors_open_memory(mapping.size ? mapping.data : (const uint8_t *)"",
                                      mapping.size, tensors, &inner);
    if (status != SAMC_OK) {
        samc_file_unmap(&mapping);
        return samc_error_set(error, status, "%s: %s", path, inner.message);
    }
    (*tensors)->mapping = mapping;
    return SAMC_OK;
}

void samc_tensors_close(samc_tensors *tensors)
{
    if (!tensors)
        return;
    samc_arena_free(&tensors->arena);
    samc_file_unmap(&tensors->mapping);
    free(tensors);
}

/* ------------------------------------------------------------------------------------------------
 * Checksums
 * --------------------------------------------------------------------------------------------- */

/* Large enough that combining costs nothing, small enough that two cores end together. */
#define TILE ((size_t)4 << 20)

typedef struct crc_tile {
    const uint8_t *data;
    size_t size;
    uint32_t crc;
} crc_tile;

static void compute_tile(void *arg, int64_t tile, int32_t lane)
{
    crc_tile *t = (crc_tile *)arg + tile;

    (void)lane;
    t->crc = (uint32_t)crc32_z(0, t->data, t->size);
}

samc_status samc_tensors_verify(const samc_tensors *tensors, samc_threads *threads,
                                samc_error *error)
{
    samc_status status = SAMC_OK;
    crc_tile *tiles = NULL;
    size_t count = 0, at = 0;

    for (size_t i = 0; i < tensors->n_spans; i++)
        count += tensors->spans[i].size / TILE + 1;
    SAMC_TRY(samc_alloc(count, sizeof *tiles, &tiles, error));
    for (size_t i = 0; i < tensors->n_spans; i++) {
        const samc_table_span *span = &tensors->spans[i];

        for (size_t k = 0; k <= span->size / TILE; k++) {
            size_t left = span->size - k * TILE;
            tiles[at++] = (crc_tile){span->data + k * TILE, left < TILE ? left : TILE, 0};
        }
    }
    samc_threads_run(threads, (int64_t)count, compute_tile, tiles);
    at = 0;
    for (size_t i = 0; i < tensors->n_spans && status == SAMC_OK; i++) {
        const samc_table_span *span = &tensors->spans[i];
        uLong crc = 0;

        for (size_t k = 0; k <= span->size / TILE; k++, at++)
            crc = crc32_combine(crc, tiles[at].crc, (z_off_t)tiles[at].size);
        if (crc != span->crc)
            status = SAMC_FAIL(error, FORMAT,
                               "the file is damaged: %s has the checksum %08lx instead of %08lx; "
                               "fetch it again",
                               span->name, (unsigned long)crc, (unsigned long)span->crc);
    }
    free(tiles);
    return status;
}

/* ------------------------------------------------------------------------------------------------
 * Looking things up
 * --------------------------------------------------------------------------------------------- */

samc_tensors_format samc_tensors_file_format(const samc_tensors *tensors)
{
    return tensors->format;
}

int samc_tensors_has_hf_names(const samc_tensors *tensors)
{
    return tensors->hf_names;
}

size_t samc_tensors_count(const samc_tensors *tensors)
{
    return tensors->count;
}

const samc_tensor *samc_tensors_at(const samc_tensors *tensors, size_t index)
{
    return &tensors->items[index];
}

static int compare_with_name(const void *key, const void *item)
{
    const samc_tensor *const *tensor = item;

    return strcmp(key, (*tensor)->name);
}

const samc_tensor *samc_tensors_find(const samc_tensors *tensors, const char *name)
{
    const samc_tensor *const *found = tensors->count
                                          ? bsearch(name, tensors->by_name, tensors->count,
                                                    sizeof *tensors->by_name, compare_with_name)
                                          : NULL;

    return found ? *found : NULL;
}

const char *samc_tensors_metadata(const samc_tensors *tensors, const char *key)
{
    for (size_t i = 0; i < tensors->n_metadata; i++)
        if (strcmp(tensors->metadata[i].key, key) == 0)
            return tensors->metadata[i].value;
    return NULL;
}

void samc_tensors_release(const samc_tensors *tensors, const samc_tensor *tensor)
{
    if (tensors->mapping.data && samc_tensor_is_contiguous(tensor))
        samc_file_forget(&tensors->mapping, tensor->data,
                         (size_t)samc_tensor_elements(tensor) * samc_dtype_size(tensor->dtype));
}
