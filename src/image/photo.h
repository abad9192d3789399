/* SPDX-License-Identifier: Apache-2.0
 *
 * Photo: what the decoders share. Each decoder reads one format from memory into packed RGB, in the
 * file's own orientation; photo.c picks one by the file's first bytes and turns the photo upright.
 *
 * A decoder reads the size from the header, calls samc_photo_begin, which refuses a photo over the
 * limits before any memory is taken for its pixels, and fills photo->pixels. On failure the caller
 * frees the photo. Nothing is printed, whatever a codec has to say.
 */
#ifndef SAMC_IMAGE_PHOTO_H
#define SAMC_IMAGE_PHOTO_H

#include "base/status.h"

#include <samc_io.h>

/* One photo on its way from bytes to pixels. */
typedef struct samc_photo_job {
    const uint8_t *data; /* the file */
    size_t size;
    int64_t max_pixels;
    int size_only;       /* 1: samc_photo_begin ends the job, as if it were cancelled */
    samc_photo photo;    /* cleared before; pixels u8 [height][width][3] */
    int32_t orientation; /* EXIF's 1..8; 1 before, and where a file has none */
} samc_photo_job;

/* What else is known of a photo. */
typedef struct samc_photo_facts {
    const char *type;    /* of the file, as the web names it: "image/jpeg"; a literal */
    int32_t orientation; /* EXIF's 1..8: how the file's own pixels lie */
} samc_photo_facts;

/* samc_photo_read_memory, and the facts. Errors: the same. */
samc_status samc_photo_read_facts(const void *data, size_t size, const samc_read_options *options,
                                  samc_photo *photo, samc_photo_facts *facts, samc_error *error);
/* The size of the upright photo, by its header alone: pixels may yet turn out to be damaged. (A PNG
 * whose EXIF comes behind its pixels is taken as it lies.) Errors: FORMAT, UNSUPPORTED, LIMIT,
 * MEMORY. */
samc_status samc_photo_size(const void *data, size_t size, const samc_read_options *options,
                            int32_t *width, int32_t *height, samc_error *error);

/* Checks `width` and `height` against the limits and allocates the pixels, undefined. Both are
 * given as the header has them. Errors: FORMAT (a side of 0), LIMIT, MEMORY; CANCELLED where the
 * size is all that is wanted: the view has it. */
samc_status samc_photo_begin(samc_photo_job *job, uint64_t width, uint64_t height,
                             samc_error *error);

/* The decoders. Errors: FORMAT, UNSUPPORTED, LIMIT, MEMORY. */
samc_status samc_jpeg_decode(samc_photo_job *job, samc_error *error);
samc_status samc_png_decode(samc_photo_job *job, samc_error *error);
samc_status samc_webp_decode(samc_photo_job *job, samc_error *error);
samc_status samc_tiff_decode(samc_photo_job *job, samc_error *error);

/* CMYK, 0 no ink, to RGB. Source: Pillow, CMYK -> RGB. */
static inline void samc_cmyk_to_rgb(const uint8_t cmyk[4], uint8_t rgb[3])
{
    const int32_t paper = 255 - cmyk[3];

    for (int32_t i = 0; i < 3; i++) {
        const int32_t product = cmyk[i] * paper + 128; /* / 255, rounded */
        const int32_t value = paper - (((product >> 8) + product) >> 8);

        rgb[i] = (uint8_t)(value < 0 ? 0 : value);
    }
}

#endif
