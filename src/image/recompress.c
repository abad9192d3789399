/* SPDX-License-Identifier: Apache-2.0 */
#include "image/recompress.h"

#include "base/memory.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <jpeglib.h>

/* Everything that must outlive libjpeg's jump out of a failed call. */
typedef struct job {
    struct jpeg_compress_struct writer;
    struct jpeg_decompress_struct reader;
    struct jpeg_error_mgr errors;
    jmp_buf jump;
    uint8_t *room;       /* what the file is written to */
    unsigned char *file; /* the same, unless libjpeg found it too small and took its own */
    unsigned long size;
} job;

/* The only way to fail is to run out of memory: the pixels are ours, and so is the file. */
static _Noreturn void on_error(j_common_ptr codec)
{
    job *j = codec->client_data;

    longjmp(j->jump, 1);
}

static void on_message(j_common_ptr codec, int level)
{
    (void)codec;
    (void)level;
}

static void on_output(j_common_ptr codec)
{
    (void)codec;
}

static void compress(job *j, uint8_t *pixels, int32_t width, int32_t height, size_t stride,
                     int32_t quality)
{
    struct jpeg_compress_struct *codec = &j->writer;

    jpeg_create_compress(codec);
    jpeg_mem_dest(codec, &j->file, &j->size);
    codec->image_width = (JDIMENSION)width;
    codec->image_height = (JDIMENSION)height;
    codec->input_components = 3;
    codec->in_color_space = JCS_RGB;
    jpeg_set_defaults(codec);
    jpeg_set_quality(codec, quality, TRUE);
    codec->dct_method = JDCT_ISLOW;
    jpeg_start_compress(codec, TRUE);
    for (int32_t y = 0; y < height; y++) {
        JSAMPROW row = pixels + (size_t)y * stride;

        (void)jpeg_write_scanlines(codec, &row, 1);
    }
    jpeg_finish_compress(codec);
}

static void decompress(job *j, uint8_t *pixels, size_t stride)
{
    struct jpeg_decompress_struct *codec = &j->reader;

    jpeg_create_decompress(codec);
    jpeg_mem_src(codec, j->file, j->size);
    (void)jpeg_read_header(codec, TRUE);
    codec->out_color_space = JCS_RGB;
    codec->dct_method = JDCT_ISLOW;
    (void)jpeg_start_decompress(codec);
    while (codec->output_scanline < codec->output_height) {
        JSAMPROW row = pixels + codec->output_scanline * stride;

        (void)jpeg_read_scanlines(codec, &row, 1);
    }
    (void)jpeg_finish_decompress(codec);
}

samc_status samc_jpeg_recompress(uint8_t *pixels, int32_t width, int32_t height, size_t stride,
                                 int32_t quality, samc_error *error)
{
    size_t room = 6 * (size_t)width * (size_t)height + 65536; /* twice the pixels' */
    samc_status done;                                         /* set behind the jump only */
    job *j = NULL;

    SAMC_TRY(samc_alloc_zero(1, sizeof *j, &j, error));
    if (samc_alloc(room, 1, &j->room, error) != SAMC_OK) {
        free(j);
        return SAMC_ERROR_MEMORY;
    }
    j->file = j->room;
    j->size = room;
    j->writer.err = j->reader.err = jpeg_std_error(&j->errors);
    j->writer.client_data = j->reader.client_data = j;
    j->errors.error_exit = on_error;
    j->errors.emit_message = on_message;
    j->errors.output_message = on_output;
    if (setjmp(j->jump) == 0) {
        compress(j, pixels, width, height, stride, quality);
        decompress(j, pixels, stride);
        done = SAMC_OK;
    } else {
        done = SAMC_FAIL(error, MEMORY, "out of memory in libjpeg");
    }
    jpeg_destroy_compress(&j->writer);
    jpeg_destroy_decompress(&j->reader);
    if (j->file != j->room)
        free(j->file);
    free(j->room);
    free(j);
    return done;
}
