/* SPDX-License-Identifier: Apache-2.0 */
#include "image/orientation.h"

#include "base/memory.h"

#include <libexif/exif-data.h>
#include <libexif/exif-mem.h>
#include <stdlib.h>
#include <string.h>

/* The length of an APP1 segment. Orientation stands in the first directory, near the start: of
 * longer blocks (PNG, WebP) the rest is thumbnails and maker's notes. */
#define MAX_EXIF 65535u

static const uint8_t exif_header[6] = {'E', 'x', 'i', 'f', 0, 0};

/* libexif leaves out what it has no memory for and says nothing; a photo would lie on its side. Its
 * allocator has no room for a pointer of ours, so the thread notes a failure here. It means
 * something during read_block only. */
static _Thread_local int memory_failed;

static void *note_failure(void *memory, ExifLong size)
{
    if (!memory && size)
        memory_failed = 1;
    return memory;
}

static void *on_alloc(ExifLong size)
{
    return note_failure(calloc(1, size), size);
}

static void *on_realloc(void *memory, ExifLong size)
{
    return note_failure(realloc(memory, size), size);
}

/* `block` begins with exif_header. */
static int32_t read_block(const uint8_t *block, unsigned int size, ExifMem *memory)
{
    int32_t orientation = 1;
    ExifData *exif = exif_data_new_mem(memory);
    ExifEntry *entry = NULL;

    if (!exif)
        return 1;
    /* Tags are wanted as they are: no repairs, which would invent an orientation. */
    exif_data_unset_option(exif, EXIF_DATA_OPTION_FOLLOW_SPECIFICATION);
    exif_data_set_option(exif, EXIF_DATA_OPTION_DONT_CHANGE_MAKER_NOTE);
    exif_data_load_data(exif, block, size);
    if (exif->ifd[EXIF_IFD_0])
        entry = exif_content_get_entry(exif->ifd[EXIF_IFD_0], EXIF_TAG_ORIENTATION);
    if (entry && entry->data && entry->components >= 1 && entry->format == EXIF_FORMAT_SHORT &&
        entry->size >= 2)
        orientation = exif_get_short(entry->data, exif_data_get_byte_order(exif));
    exif_data_unref(exif);
    return orientation >= 1 && orientation <= 8 ? orientation : 1;
}

samc_status samc_orientation_read(const uint8_t *exif, size_t size, int32_t *orientation,
                                  samc_error *error)
{
    samc_status status = SAMC_OK;
    ExifMem *memory = NULL;
    uint8_t *block = NULL;

    *orientation = 1;
    if (size >= sizeof exif_header && memcmp(exif, exif_header, sizeof exif_header) == 0) {
        exif += sizeof exif_header;
        size -= sizeof exif_header;
    }
    if (size > MAX_EXIF)
        size = MAX_EXIF;
    if (size < 8)
        return SAMC_OK;
    SAMC_CHECK(samc_alloc(sizeof exif_header + size, 1, &block, error));
    memcpy(block, exif_header, sizeof exif_header);
    memcpy(block + sizeof exif_header, exif, size);
    memory_failed = 0;
    memory = exif_mem_new(on_alloc, on_realloc, free);
    if (memory)
        *orientation = read_block(block, (unsigned int)(sizeof exif_header + size), memory);
    if (!memory || memory_failed)
        status = SAMC_FAIL(error, MEMORY, "out of memory while reading EXIF");

cleanup:
    if (memory)
        exif_mem_unref(memory);
    free(block);
    return status;
}

static void swap_pixels(uint8_t *a, uint8_t *b)
{
    uint8_t pixel[3];

    memcpy(pixel, a, 3);
    memcpy(a, b, 3);
    memcpy(b, pixel, 3);
}

/* Left for right. */
static void mirror(samc_photo *photo)
{
    const size_t width = (size_t)photo->view.width;

    for (int32_t y = 0; y < photo->view.height; y++) {
        uint8_t *row = photo->pixels + (size_t)y * width * 3;

        for (size_t x = 0; x < width / 2; x++)
            swap_pixels(row + 3 * x, row + 3 * (width - 1 - x));
    }
}

/* By half a turn: the last pixel becomes the first. */
static void half_turn(samc_photo *photo)
{
    const size_t count = (size_t)photo->view.width * (size_t)photo->view.height;

    for (size_t i = 0; i < count / 2; i++)
        swap_pixels(photo->pixels + 3 * i, photo->pixels + 3 * (count - 1 - i));
}

/* Rows become columns, (x, y) -> (y, x). In tiles, so that both sides stay in the cache. */
static samc_status transpose(samc_photo *photo, samc_error *error)
{
    enum { TILE = 32 };
    const size_t width = (size_t)photo->view.width;
    const size_t height = (size_t)photo->view.height;
    uint8_t *turned = NULL;

    SAMC_TRY(samc_alloc(width * height, 3, &turned, error));
    for (size_t top = 0; top < height; top += TILE) {
        const size_t bottom = top + TILE < height ? top + TILE : height;

        for (size_t left = 0; left < width; left += TILE) {
            const size_t right = left + TILE < width ? left + TILE : width;

            for (size_t x = left; x < right; x++)
                for (size_t y = top; y < bottom; y++)
                    memcpy(turned + 3 * (x * height + y), photo->pixels + 3 * (y * width + x), 3);
        }
    }
    free(photo->pixels);
    photo->pixels = turned;
    photo->view.pixels = turned;
    photo->view.width = (int32_t)height;
    photo->view.height = (int32_t)width;
    photo->view.stride = 3 * height;
    return SAMC_OK;
}

samc_status samc_orientation_apply(samc_photo *photo, int32_t orientation, samc_error *error)
{
    if (orientation >= 5)
        SAMC_TRY(transpose(photo, error));
    switch (orientation) {
    case 2: /* mirrored */
    case 6: /* transposed and mirrored: a quarter turn clockwise */ mirror(photo); break;
    case 3: /* upside down */
    case 7: /* transposed along the other diagonal */ half_turn(photo); break;
    case 4: /* top for bottom is mirrored and upside down */
    case 8: /* a quarter turn counter-clockwise */
        half_turn(photo);
        mirror(photo);
        break;
    default: break; /* 1 stands upright, 5 is the transposition itself */
    }
    return SAMC_OK;
}
