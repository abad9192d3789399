/* SPDX-License-Identifier: Apache-2.0 */
#include "image/jpeg_write.h"

#include "base/memory.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jerror.h>
#include <jpeglib.h>

#define FIRST_ROOM ((size_t)65536)

/* Everything that must outlive libjpeg's jump out of a failed call. libjpeg's own destination in
 * memory loses its buffer when a call fails; ours is kept here. */
typedef struct job {
    struct jpeg_compress_struct codec;
    struct jpeg_error_mgr errors;
    struct jpeg_destination_mgr destination;
    jmp_buf jump;
    uint8_t *file; /* [room] */
    size_t room;
} job;

/* The only way to fail is to run out of memory: the pixels are ours. */
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

static void point_at(job *j, size_t used)
{
    j->destination.next_output_byte = j->file + used;
    j->destination.free_in_buffer = j->room - used;
}

static void begin_output(j_compress_ptr codec)
{
    point_at(codec->client_data, 0);
}

/* The buffer is full: twice the room. */
static boolean grow_output(j_compress_ptr codec)
{
    job *j = codec->client_data;
    uint8_t *file = realloc(j->file, 2 * j->room);

    if (!file)
        ERREXIT1(codec, JERR_OUT_OF_MEMORY, 0);
    j->file = file;
    j->room *= 2;
    point_at(j, j->room / 2);
    return TRUE;
}

static void end_output(j_compress_ptr codec)
{
    (void)codec;
}

static void compress(job *j, const uint8_t *pixels, int32_t width, int32_t height, size_t stride,
                     int32_t quality, int full_chroma)
{
    struct jpeg_compress_struct *codec = &j->codec;

    jpeg_create_compress(codec);
    codec->dest = &j->destination;
    codec->image_width = (JDIMENSION)width;
    codec->image_height = (JDIMENSION)height;
    codec->input_components = 3;
    codec->in_color_space = JCS_RGB;
    jpeg_set_defaults(codec);
    jpeg_set_quality(codec, quality, TRUE);
    codec->dct_method = JDCT_ISLOW;
    if (full_chroma)
        codec->comp_info[0].h_samp_factor = codec->comp_info[0].v_samp_factor = 1;
    jpeg_start_compress(codec, TRUE);
    for (int32_t y = 0; y < height; y++) {
        /* libjpeg's type is not const, but it only reads */
        union {
            const uint8_t *in;
            JSAMPROW row;
        } line = {pixels + (size_t)y * stride};

        (void)jpeg_write_scanlines(codec, &line.row, 1);
    }
    jpeg_finish_compress(codec);
}

samc_status samc_jpeg_encode(const uint8_t *pixels, int32_t width, int32_t height, size_t stride,
                             int32_t quality, int full_chroma, uint8_t **file, size_t *size,
                             samc_error *error)
{
    samc_status done; /* set behind the jump only */
    job *j = NULL;

    SAMC_TRY(samc_alloc_zero(1, sizeof *j, &j, error));
    if (samc_alloc(FIRST_ROOM, 1, &j->file, error) != SAMC_OK) {
        free(j);
        return SAMC_ERROR_MEMORY;
    }
    j->room = FIRST_ROOM;
    j->codec.err = jpeg_std_error(&j->errors);
    j->codec.client_data = j;
    j->errors.error_exit = on_error;
    j->errors.emit_message = on_message;
    j->errors.output_message = on_output;
    j->destination.init_destination = begin_output;
    j->destination.empty_output_buffer = grow_output;
    j->destination.term_destination = end_output;
    if (setjmp(j->jump) == 0) {
        compress(j, pixels, width, height, stride, quality, full_chroma);
        *size = j->room - j->destination.free_in_buffer;
        *file = j->file;
        j->file = NULL;
        done = SAMC_OK;
    } else {
        done = SAMC_FAIL(error, MEMORY, "out of memory in libjpeg");
    }
    jpeg_destroy_compress(&j->codec);
    free(j->file);
    free(j);
    return done;
}
