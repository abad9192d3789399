/* SPDX-License-Identifier: Apache-2.0 */
#include "image/rgba.h"

#include "base/file.h"
#include "base/memory.h"

#include <stdlib.h>

#include <png.h>

samc_status samc_rgba_read(const char *path, int64_t max_pixels, samc_rgba *picture,
                           samc_error *error)
{
    samc_status status = SAMC_OK;
    samc_mapping file = {NULL, 0};
    png_image png = {.version = PNG_IMAGE_VERSION};
    uint8_t *pixels = NULL;

    SAMC_TRY(samc_file_map(path, &file, error));
    if (!png_image_begin_read_from_memory(&png, file.data, file.size)) {
        status = SAMC_FAIL(error, FORMAT, "cannot read %s: no PNG, or a damaged one: %s", path,
                           png.message);
        goto cleanup;
    }
    if (!(png.format & PNG_FORMAT_FLAG_ALPHA)) {
        status = SAMC_FAIL(error, UNSUPPORTED, "cannot use %s: it has no transparency", path);
        goto cleanup;
    }
    if (png.width > 65535 || png.height > 65535 ||
        (int64_t)png.width * (int64_t)png.height > max_pixels) {
        status = SAMC_FAIL(error, LIMIT, "cannot use %s: %lu x %lu pixels, more than %lld in all",
                           path, (unsigned long)png.width, (unsigned long)png.height,
                           (long long)max_pixels);
        goto cleanup;
    }
    png.format = PNG_FORMAT_RGBA;
    SAMC_CHECK(samc_alloc((size_t)png.width * png.height, 4, &pixels, error));
    if (!png_image_finish_read(&png, NULL, pixels, (png_int_32)(4 * png.width), NULL)) {
        status = SAMC_FAIL(error, FORMAT, "cannot read %s: damaged PNG: %s", path, png.message);
        goto cleanup;
    }
    *picture = (samc_rgba){(int32_t)png.width, (int32_t)png.height, pixels};
    pixels = NULL;

cleanup:
    png_image_free(&png);
    free(pixels);
    samc_file_unmap(&file);
    return status;
}
