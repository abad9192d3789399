/* SPDX-License-Identifier: Apache-2.0
 *
 * samc_io.h - photos and masks from and to files: what libsamc_io adds to libsamc.
 *
 * libsamc knows pixels in memory only, so that programs with their own codecs need none of ours.
 * The conventions are those of samc.h.
 */
#ifndef SAMC_IO_H
#define SAMC_IO_H

#include "samc.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A photo that the library owns; `view` shows its pixels. */
typedef struct samc_photo {
    samc_image view; /* always SAMC_PIXELS_RGB, rows without gaps */
    uint8_t *pixels; /* what samc_photo_free frees */
} samc_photo;

typedef struct samc_read_options {
    size_t struct_size;
    int64_t max_pixels;         /* larger photos are refused before memory is taken; default 2^28 */
    int32_t ignore_orientation; /* 0: EXIF orientation is applied, so that the photo is upright */
} samc_read_options;
#define SAMC_READ_OPTIONS_INIT                                                                     \
    {                                                                                              \
        sizeof(samc_read_options), (int64_t)1 << 28, 0                                             \
    }

/* Reads a JPEG, PNG, WebP or TIFF (told by content, not by name) as 8-bit RGB, upright. As Pillow's
 * convert("RGB"): gray is repeated, palettes are looked up, alpha is dropped, CMYK (Adobe's
 * inverted too) becomes RGB; 16-bit channels keep their high byte. Of a file with several pictures
 * the first. `options` may be NULL. Free with samc_photo_free. Errors: IO, FORMAT (damaged or
 * truncated), UNSUPPORTED, LIMIT (max_pixels, or a side > 65535), MEMORY. */
SAMC_API samc_status samc_photo_read(const char *path, const samc_read_options *options,
                                     samc_photo *photo, samc_error *error);
/* The same from memory. */
SAMC_API samc_status samc_photo_read_memory(const void *data, size_t size,
                                            const samc_read_options *options, samc_photo *photo,
                                            samc_error *error);
/* Frees the pixels and clears the struct; NULL and a cleared struct are fine. */
SAMC_API void samc_photo_free(samc_photo *photo);

/* Writes a PNG of 8-bit channels: `channels` 1 gray, 3 RGB, 4 RGBA; `stride` in bytes. The file
 * appears whole or not at all. Errors: ARGUMENT, IO, MEMORY. */
SAMC_API samc_status samc_png_write(const char *path, const uint8_t *pixels, int32_t width,
                                    int32_t height, int32_t channels, size_t stride,
                                    samc_error *error);

#ifdef __cplusplus
}
#endif

#endif /* SAMC_IO_H */
