/* SPDX-License-Identifier: Apache-2.0 */
#include "base/memory.h"
#include "image/photo.h"
#include "image/tiff_samples.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tiffio.h>

/* A tile may be larger than the photo; this many pixels are more than any writer's tiles have. */
#define MAX_TILE_PIXELS ((uint64_t)1 << 24)

typedef struct tiff_reader {
    samc_photo_job *job;
    TIFF *file;
    uint64_t position; /* of the next byte that libtiff reads */
    char message[256]; /* the first that libtiff had to say */
    samc_tiff_kind kind;
    int32_t planes;       /* 1, or one a sample where each has strips or tiles of its own */
    uint32_t block_width; /* a block is a tile or a strip */
    uint32_t block_height;
    size_t block_stride; /* bytes of a row of a block, of one plane */
    uint8_t *blocks;     /* [planes][block_height][block_stride] */
    uint8_t *samples;    /* u8 [block_width][kind.samples]: one row, unpacked */
} tiff_reader;

/* -------------------------------------------------------------------------------------------------
 * What libtiff calls. A hostile file seeks anywhere: a position past the end reads nothing.
 * ---------------------------------------------------------------------------------------------- */

static tmsize_t on_read(thandle_t handle, void *out, tmsize_t size)
{
    tiff_reader *reader = handle;
    const uint64_t left = reader->position < reader->job->size
                              ? reader->job->size - reader->position
                              : 0;
    const uint64_t n = (uint64_t)size < left ? (uint64_t)size : left;

    if (size <= 0 || n == 0)
        return 0;
    memcpy(out, reader->job->data + reader->position, (size_t)n);
    reader->position += n;
    return (tmsize_t)n;
}

static tmsize_t on_write(thandle_t handle, void *data, tmsize_t size)
{
    (void)handle;
    (void)data;
    (void)size;
    return 0;
}

static toff_t on_seek(thandle_t handle, toff_t offset, int whence)
{
    tiff_reader *reader = handle;

    switch (whence) {
    case SEEK_CUR: reader->position += offset; break;
    case SEEK_END: reader->position = reader->job->size + offset; break;
    default: reader->position = offset; break;
    }
    return reader->position;
}

static int on_close(thandle_t handle)
{
    (void)handle;
    return 0;
}

static toff_t on_size(thandle_t handle)
{
    const tiff_reader *reader = handle;

    return reader->job->size;
}

__attribute__((format(printf, 4, 0))) static int
on_error(TIFF *file, void *user, const char *module, const char *format, va_list args)
{
    tiff_reader *reader = user;

    (void)file;
    (void)module;
    if (!reader->message[0])
        (void)vsnprintf(reader->message, sizeof reader->message, format, args);
    return 1; /* 1: the global handler, which prints, stays out */
}

__attribute__((format(printf, 4, 0))) static int
on_warning(TIFF *file, void *user, const char *module, const char *format, va_list args)
{
    (void)file;
    (void)user;
    (void)module;
    (void)format;
    (void)args;
    return 1;
}

/* libtiff's own sentence tells most, also where it is memory that it lacks. */
static samc_status damaged(const tiff_reader *reader, samc_error *error)
{
    return SAMC_FAIL(error, FORMAT, "damaged or truncated TIFF: %s",
                     reader->message[0] ? reader->message : "libtiff gives no reason");
}

static samc_status open_file(tiff_reader *reader, samc_error *error)
{
    TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
    int64_t pixels = reader->job->max_pixels;

    if (!options)
        return SAMC_FAIL(error, MEMORY, "out of memory in libtiff");
    pixels = pixels < (1 << 20) ? 1 << 20 : pixels;
    pixels = pixels > UINT32_MAX ? UINT32_MAX : pixels; /* 65535 x 65535: no photo has more */
    TIFFOpenOptionsSetErrorHandlerExtR(options, on_error, reader);
    TIFFOpenOptionsSetWarningHandlerExtR(options, on_warning, reader);
    /* of libtiff's own: lists of strips, colour maps, a strip as it is compressed */
    TIFFOpenOptionsSetMaxSingleMemAlloc(options, (tmsize_t)16 * (tmsize_t)pixels);
    /* m: no mapping, libtiff reads through on_read */
    reader->file = TIFFClientOpenExt("TIFF", "rm", reader, on_read, on_write, on_seek, on_close,
                                     on_size, NULL, NULL, options);
    TIFFOpenOptionsFree(options);
    return reader->file ? SAMC_OK : damaged(reader, error);
}

/* -------------------------------------------------------------------------------------------------
 * The header
 * ---------------------------------------------------------------------------------------------- */

/* A 16-bit tag, or the default that TIFF gives it; 0 where there is none. */
static uint16_t tag16(TIFF *file, uint32_t tag)
{
    uint16_t value = 0;

    (void)TIFFGetFieldDefaulted(file, tag, &value);
    return value;
}

/* Codecs outside this list are rare, and little tried against hostile files. */
static samc_status check_compression(TIFF *file, samc_error *error)
{
    const uint16_t compression = tag16(file, TIFFTAG_COMPRESSION);

    switch (compression) {
    case COMPRESSION_NONE:
    case COMPRESSION_PACKBITS:
    case COMPRESSION_LZW:
    case COMPRESSION_ADOBE_DEFLATE:
    case COMPRESSION_DEFLATE:
    case COMPRESSION_ZSTD:
    case COMPRESSION_JPEG:
    case COMPRESSION_CCITTRLE:
    case COMPRESSION_CCITTFAX3:
    case COMPRESSION_CCITTFAX4:
        if (TIFFIsCODECConfigured(compression))
            return SAMC_OK;
        break;
    default: break;
    }
    return SAMC_FAIL(error, UNSUPPORTED, "a TIFF of compression %u is not read; save it as LZW",
                     compression);
}

/* Which arithmetic makes RGB of the samples. A palette stays libtiff's while the file is open. */
static samc_status read_colors(tiff_reader *reader, samc_error *error)
{
    TIFF *file = reader->file;
    samc_tiff_kind *kind = &reader->kind;
    const uint16_t photometric = tag16(file, TIFFTAG_PHOTOMETRIC);
    uint16_t *palette[3] = {NULL, NULL, NULL};

    switch (photometric) {
    case PHOTOMETRIC_MINISBLACK: kind->colors = SAMC_TIFF_GRAY; break;
    case PHOTOMETRIC_MINISWHITE: kind->colors = SAMC_TIFF_INVERTED_GRAY; break;
    case PHOTOMETRIC_RGB: kind->colors = SAMC_TIFF_RGB; break;
    case PHOTOMETRIC_PALETTE:
        kind->colors = SAMC_TIFF_PALETTE;
        if (!TIFFGetField(file, TIFFTAG_COLORMAP, &palette[0], &palette[1], &palette[2]) ||
            !palette[0] || !palette[1] || !palette[2])
            return SAMC_FAIL(error, FORMAT, "damaged TIFF: its palette is missing");
        for (size_t i = 0; i < 3; i++)
            kind->palette[i] = palette[i];
        break;
    case PHOTOMETRIC_SEPARATED:
        kind->colors = SAMC_TIFF_CMYK;
        if (tag16(file, TIFFTAG_INKSET) != INKSET_CMYK)
            return SAMC_FAIL(error, UNSUPPORTED, "a TIFF of inks other than CMYK is not read");
        break;
    case PHOTOMETRIC_YCBCR:
        if (tag16(file, TIFFTAG_COMPRESSION) == COMPRESSION_JPEG &&
            tag16(file, TIFFTAG_PLANARCONFIG) == PLANARCONFIG_CONTIG) {
            kind->colors = SAMC_TIFF_RGB; /* libjpeg converts */
            (void)TIFFSetField(file, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
            break;
        }
        return SAMC_FAIL(error, UNSUPPORTED,
                         "a TIFF of YCbCr without JPEG compression is not read; save it as RGB");
    default:
        return SAMC_FAIL(error, UNSUPPORTED,
                         "a TIFF of photometric interpretation %u is not read; save it as RGB",
                         photometric);
    }
    return SAMC_OK;
}

/* Bits, samples and what the extra ones mean. */
static samc_status read_samples(tiff_reader *reader, samc_error *error)
{
    TIFF *file = reader->file;
    samc_tiff_kind *kind = &reader->kind;
    const uint16_t format = tag16(file, TIFFTAG_SAMPLEFORMAT);
    const int32_t base = samc_tiff_base_samples(kind->colors);
    uint16_t n_extra = 0;
    uint16_t *extra = NULL;
    int known;

    kind->bits = tag16(file, TIFFTAG_BITSPERSAMPLE);
    kind->samples = tag16(file, TIFFTAG_SAMPLESPERPIXEL);
    if (kind->samples < base)
        return SAMC_FAIL(error, FORMAT, "damaged TIFF: %d samples a pixel are too few for colour",
                         kind->samples);
    if (kind->samples > SAMC_TIFF_MAX_SAMPLES)
        return SAMC_FAIL(error, UNSUPPORTED, "a TIFF of %d samples a pixel is not read",
                         kind->samples);
    known = kind->bits == 8 || (kind->bits == 16 && kind->colors != SAMC_TIFF_PALETTE) ||
            (base == 1 && kind->samples == 1 &&
             (kind->bits == 1 || kind->bits == 2 || kind->bits == 4));
    if (!known || (format != SAMPLEFORMAT_UINT && format != SAMPLEFORMAT_VOID))
        return SAMC_FAIL(error, UNSUPPORTED,
                         "a TIFF of %d-bit samples of format %u is not read; save it with 8 or 16 "
                         "bits, unsigned",
                         kind->bits, format);
    (void)TIFFGetFieldDefaulted(file, TIFFTAG_EXTRASAMPLES, &n_extra, &extra);
    kind->premultiplied = kind->samples > base && n_extra > 0 && extra &&
                          extra[0] == EXTRASAMPLE_ASSOCALPHA;
    return SAMC_OK;
}

/* How the pixels are cut into blocks; takes the memory for them. */
static samc_status read_blocks(tiff_reader *reader, samc_error *error)
{
    TIFF *file = reader->file;
    const samc_image *view = &reader->job->photo.view;
    const uint32_t width = (uint32_t)view->width;
    const uint32_t height = (uint32_t)view->height;
    const samc_tiff_kind *kind = &reader->kind;
    const int separate = tag16(file, TIFFTAG_PLANARCONFIG) == PLANARCONFIG_SEPARATE;
    const size_t block_samples = separate ? 1 : (size_t)kind->samples;

    reader->planes = separate ? kind->samples : 1;
    if (TIFFIsTiled(file)) {
        uint32_t rows = 0;
        uint32_t columns = 0;

        (void)TIFFGetField(file, TIFFTAG_TILEWIDTH, &columns);
        (void)TIFFGetField(file, TIFFTAG_TILELENGTH, &rows);
        if (columns == 0 || rows == 0)
            return SAMC_FAIL(error, FORMAT, "damaged TIFF: its tiles have no size");
        if ((uint64_t)columns * rows > MAX_TILE_PIXELS)
            return SAMC_FAIL(error, LIMIT,
                             "the TIFF has tiles of %u x %u pixels; the limit is "
                             "%llu in all",
                             columns, rows, (unsigned long long)MAX_TILE_PIXELS);
        reader->block_width = columns;
        reader->block_height = rows;
    } else {
        uint32_t rows = 0;

        (void)TIFFGetFieldDefaulted(file, TIFFTAG_ROWSPERSTRIP, &rows);
        reader->block_width = width;
        reader->block_height = rows == 0 || rows > height ? height : rows;
    }
    reader->block_stride = ((size_t)reader->block_width * block_samples * (size_t)kind->bits + 7) /
                           8;
    /* libtiff must agree, or it would write past our rows */
    if ((uint64_t)(TIFFIsTiled(file) ? TIFFTileRowSize64(file) : TIFFScanlineSize64(file)) !=
        reader->block_stride)
        return SAMC_FAIL(error, FORMAT, "damaged TIFF: its rows have no consistent size");
    SAMC_TRY(samc_alloc_zero((size_t)reader->planes * reader->block_height, reader->block_stride,
                             &reader->blocks, error));
    return samc_alloc(reader->block_width, (size_t)kind->samples, &reader->samples, error);
}

/* -------------------------------------------------------------------------------------------------
 * The pixels
 * ---------------------------------------------------------------------------------------------- */

/* Reads the block at (x, y), every plane of it; of its rows `rows` lie within the photo. */
static samc_status read_block(tiff_reader *reader, uint32_t x, uint32_t y, uint32_t rows,
                              samc_error *error)
{
    TIFF *file = reader->file;
    const size_t size = reader->block_height * reader->block_stride;

    for (int32_t p = 0; p < reader->planes; p++) {
        uint8_t *plane = reader->blocks + (size_t)p * size;
        tmsize_t got;
        size_t needed;

        if (TIFFIsTiled(file)) {
            got = TIFFReadEncodedTile(file, TIFFComputeTile(file, x, y, 0, (uint16_t)p), plane,
                                      (tmsize_t)size);
            needed = size;
        } else {
            needed = rows * reader->block_stride;
            got = TIFFReadEncodedStrip(file, TIFFComputeStrip(file, y, (uint16_t)p), plane,
                                       (tmsize_t)needed);
        }
        if (got < 0 || (size_t)got < needed)
            return damaged(reader, error);
    }
    return SAMC_OK;
}

/* Puts row `row` of the block into the photo at (x, y): `columns` pixels. */
static void put_row(tiff_reader *reader, uint32_t row, uint32_t x, uint32_t y, uint32_t columns)
{
    const samc_tiff_kind *kind = &reader->kind;
    const samc_image *view = &reader->job->photo.view;
    uint8_t *out = reader->job->photo.pixels + y * view->stride + (size_t)x * 3;
    const size_t samples = (size_t)kind->samples;

    for (int32_t p = 0; p < reader->planes; p++) {
        const uint8_t *packed = reader->blocks +
                                ((size_t)p * reader->block_height + row) * reader->block_stride;

        if (reader->planes == 1)
            samc_tiff_unpack(kind, packed, columns * samples, reader->samples, 1);
        else
            samc_tiff_unpack(kind, packed, columns, reader->samples + p, samples);
    }
    samc_tiff_to_rgb(kind, reader->samples, columns, out);
}

/* Block after block in the order of the pixels; parts of a tile beyond the photo are left out. */
static samc_status read_pixels(tiff_reader *reader, samc_error *error)
{
    const samc_image *view = &reader->job->photo.view;
    const uint32_t width = (uint32_t)view->width;
    const uint32_t height = (uint32_t)view->height;

    for (uint32_t y = 0; y < height; y += reader->block_height) {
        const uint32_t rows = height - y < reader->block_height ? height - y : reader->block_height;

        for (uint32_t x = 0; x < width; x += reader->block_width) {
            const uint32_t columns = width - x < reader->block_width ? width - x
                                                                     : reader->block_width;

            SAMC_TRY(read_block(reader, x, y, rows, error));
            for (uint32_t row = 0; row < rows; row++)
                put_row(reader, row, x, y + row, columns);
        }
    }
    return SAMC_OK;
}

/* Kinds that are not read are refused before their pixels are allocated. */
static samc_status read_photo(tiff_reader *reader, samc_error *error)
{
    uint32_t width = 0;
    uint32_t height = 0;
    uint16_t orientation;

    SAMC_TRY(open_file(reader, error));
    (void)TIFFGetField(reader->file, TIFFTAG_IMAGEWIDTH, &width);
    (void)TIFFGetField(reader->file, TIFFTAG_IMAGELENGTH, &height);
    SAMC_TRY(check_compression(reader->file, error));
    SAMC_TRY(read_colors(reader, error));
    SAMC_TRY(read_samples(reader, error));
    orientation = tag16(reader->file, TIFFTAG_ORIENTATION);
    if (orientation >= 1 && orientation <= 8)
        reader->job->orientation = orientation;
    SAMC_TRY(samc_photo_begin(reader->job, width, height, error));
    SAMC_TRY(read_blocks(reader, error));
    return read_pixels(reader, error);
}

samc_status samc_tiff_decode(samc_photo_job *job, samc_error *error)
{
    samc_status status;
    tiff_reader *reader = NULL;

    SAMC_TRY(samc_alloc_zero(1, sizeof *reader, &reader, error));
    reader->job = job;
    status = read_photo(reader, error);
    if (reader->file)
        TIFFClose(reader->file);
    free(reader->blocks);
    free(reader->samples);
    free(reader);
    return status;
}
