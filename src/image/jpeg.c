/* SPDX-License-Identifier: Apache-2.0 */
#include "base/memory.h"
#include "image/orientation.h"
#include "image/photo.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jerror.h>
#include <jpeglib.h>

/* A progressive JPEG may hold any number of scans, each as long to decode as the photo is large. No
 * encoder writes more than some dozens. */
#define MAX_SCANS 500

/* libjpeg's structs with what our callbacks need beside them. libjpeg leaves a failed call through
 * error_exit, which jumps; all that must outlive the jump is in here. */
typedef struct jpeg_reader {
    struct jpeg_decompress_struct codec;
    struct jpeg_error_mgr errors;
    struct jpeg_source_mgr source;
    struct jpeg_progress_mgr progress;
    jmp_buf jump;
    samc_photo_job *job;
    samc_error *error;
    samc_status status; /* valid after a jump */
    uint8_t *row;       /* u8 [width][4]: CMYK */
} jpeg_reader;

static _Noreturn void on_error(j_common_ptr codec)
{
    jpeg_reader *reader = codec->client_data;
    char message[JMSG_LENGTH_MAX];

    codec->err->format_message(codec, message);
    if (codec->err->msg_code == JERR_OUT_OF_MEMORY)
        reader->status = SAMC_FAIL(reader->error, MEMORY, "out of memory in libjpeg");
    else
        reader->status = SAMC_FAIL(reader->error, FORMAT, "damaged JPEG: %s", message);
    longjmp(reader->jump, 1);
}

/* Warnings: as Pillow, take what libjpeg makes of the data. */
static void on_message(j_common_ptr codec, int level)
{
    (void)codec;
    (void)level;
}

static void on_output(j_common_ptr codec)
{
    (void)codec;
}

static void on_progress(j_common_ptr codec)
{
    jpeg_reader *reader = codec->client_data;

    if (reader->codec.input_scan_number > MAX_SCANS) {
        reader->status = SAMC_FAIL(reader->error, LIMIT, "the JPEG has more than %d scans",
                                   MAX_SCANS);
        longjmp(reader->jump, 1);
    }
}

static void source_nothing(j_decompress_ptr codec)
{
    (void)codec;
}

/* The whole file was in the buffer: no more comes. libjpeg suspends, and its caller sees that. */
static boolean source_fill(j_decompress_ptr codec)
{
    (void)codec;
    return FALSE;
}

static void source_skip(j_decompress_ptr codec, long count)
{
    struct jpeg_source_mgr *source = codec->src;

    if (count > 0) {
        const size_t n = (size_t)count < source->bytes_in_buffer ? (size_t)count
                                                                 : source->bytes_in_buffer;
        source->next_input_byte += n;
        source->bytes_in_buffer -= n;
    }
}

static samc_status truncated(samc_error *error)
{
    return SAMC_FAIL(error, FORMAT, "the JPEG is truncated");
}

static samc_status read_orientation(jpeg_reader *reader)
{
    for (jpeg_saved_marker_ptr m = reader->codec.marker_list; m; m = m->next)
        if (m->marker == JPEG_APP0 + 1 && m->data_length > 6 && memcmp(m->data, "Exif\0\0", 6) == 0)
            return samc_orientation_read(m->data, m->data_length, &reader->job->orientation,
                                         reader->error);
    return SAMC_OK;
}

/* One row of CMYK to RGB. JPEGs hold it inverted: what Adobe began, all now do. */
static void convert_cmyk(const uint8_t *in, int32_t width, uint8_t *out)
{
    for (int32_t x = 0; x < width; x++, in += 4, out += 3) {
        const uint8_t cmyk[4] = {(uint8_t)(255 - in[0]), (uint8_t)(255 - in[1]),
                                 (uint8_t)(255 - in[2]), (uint8_t)(255 - in[3])};

        samc_cmyk_to_rgb(cmyk, out);
    }
}

/* Rows go straight into the photo, only CMYK through `row`. Where the source suspends (each of the
 * three calls below says so in its own way) the file has ended too soon. */
static samc_status read_rows(jpeg_reader *reader)
{
    struct jpeg_decompress_struct *codec = &reader->codec;
    const samc_image *view = &reader->job->photo.view;

    if (!jpeg_start_decompress(codec))
        return truncated(reader->error);
    while (codec->output_scanline < codec->output_height) {
        uint8_t *out = reader->job->photo.pixels + codec->output_scanline * view->stride;
        JSAMPROW row = reader->row ? reader->row : out;

        if (jpeg_read_scanlines(codec, &row, 1) != 1)
            return truncated(reader->error);
        if (reader->row)
            convert_cmyk(reader->row, view->width, out);
    }
    return jpeg_finish_decompress(codec) ? SAMC_OK : truncated(reader->error);
}

/* Everything between setjmp and the clean-up. */
static samc_status read_photo(jpeg_reader *reader)
{
    struct jpeg_decompress_struct *codec = &reader->codec;
    samc_photo_job *job = reader->job;

    jpeg_create_decompress(codec);
    reader->source.init_source = source_nothing;
    reader->source.fill_input_buffer = source_fill;
    reader->source.skip_input_data = source_skip;
    reader->source.resync_to_restart = jpeg_resync_to_restart;
    reader->source.term_source = source_nothing;
    reader->source.next_input_byte = job->data;
    reader->source.bytes_in_buffer = job->size;
    codec->src = &reader->source;
    reader->progress.progress_monitor = on_progress;
    codec->progress = &reader->progress;
    jpeg_save_markers(codec, JPEG_APP0 + 1, 0xffff);

    if (jpeg_read_header(codec, TRUE) != JPEG_HEADER_OK)
        return truncated(reader->error);
    if (codec->num_components != 1 && codec->num_components != 3 && codec->num_components != 4)
        return SAMC_FAIL(reader->error, UNSUPPORTED,
                         "a JPEG of %d components; gray (1), colour (3) and CMYK (4) are read",
                         codec->num_components);
    SAMC_TRY(read_orientation(reader));
    SAMC_TRY(samc_photo_begin(job, codec->image_width, codec->image_height, reader->error));
    codec->dct_method = JDCT_ISLOW;    /* these two are libjpeg's defaults and Pillow's; */
    codec->do_fancy_upsampling = TRUE; /* the pixels depend on them */
    codec->out_color_space = JCS_RGB;
    if (codec->num_components == 4) {
        codec->out_color_space = JCS_CMYK;
        SAMC_TRY(samc_alloc(codec->image_width, 4, &reader->row, reader->error));
    }
    return read_rows(reader);
}

samc_status samc_jpeg_decode(samc_photo_job *job, samc_error *error)
{
    samc_status status;
    jpeg_reader *reader = NULL;

    SAMC_TRY(samc_alloc_zero(1, sizeof *reader, &reader, error));
    reader->job = job;
    reader->error = error;
    reader->codec.err = jpeg_std_error(&reader->errors);
    reader->codec.client_data = reader;
    reader->errors.error_exit = on_error;
    reader->errors.emit_message = on_message;
    reader->errors.output_message = on_output;
    if (setjmp(reader->jump) == 0)
        status = read_photo(reader);
    else
        status = reader->status;
    jpeg_destroy_decompress(&reader->codec);
    free(reader->row);
    free(reader);
    return status;
}
