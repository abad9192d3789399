/* SPDX-License-Identifier: Apache-2.0 */
#include "image/recompress.h"

#include "base/memory.h"
#include "image/jpeg_write.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <jpeglib.h>

/* Everything that must outlive libjpeg's jump out of a failed call. */
typedef struct job {
    struct jpeg_decompress_struct reader;
    struct jpeg_error_mgr errors;
    jmp_buf jump;
    uint8_t *file;
    size_t size;
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

static void decompress(job *j, uint8_t *pixels, size_t stride)
{
    struct jpeg_decompress_struct *codec = &j->reader;

    jpeg_create_decompress(codec);
    jpeg_mem_src(codec, j->file, (unsigned long)j->size);
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
    samc_status done; /* set behind the jump only */
    job *j = NULL;

    SAMC_TRY(samc_alloc_zero(1, sizeof *j, &j, error));
    if (samc_jpeg_encode(pixels, width, height, stride, quality, 0, &j->file, &j->size, error) !=
        SAMC_OK) {
        free(j);
        return SAMC_ERROR_MEMORY;
    }
    j->reader.err = jpeg_std_error(&j->errors);
    j->reader.client_data = j;
    j->errors.error_exit = on_error;
    j->errors.emit_message = on_message;
    j->errors.output_message = on_output;
    if (setjmp(j->jump) == 0) {
        decompress(j, pixels, stride);
        done = SAMC_OK;
    } else {
        done = SAMC_FAIL(error, MEMORY, "out of memory in libjpeg");
    }
    jpeg_destroy_decompress(&j->reader);
    free(j->file);
    free(j);
    return done;
}
