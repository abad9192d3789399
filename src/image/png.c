/* SPDX-License-Identifier: Apache-2.0 */
#include "image/png.h"
#include "base/file.h"
#include "base/memory.h"
#include "image/label_png.h"
#include "image/orientation.h"
#include "image/photo.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <png.h>

/* libpng takes memory for a chunk before it reads it, as much as the chunk's header says. This much
 * it may have, or the file's size: no chunk is longer, and a row of the widest photo is shorter. */
#define READ_MEMORY ((size_t)8 << 20)

/* libpng leaves a failed call through its error callback, which must not return: it jumps. All that
 * must outlive the jump is in here. One struct serves reading and writing. */
typedef struct png_job {
    png_structp codec;
    png_infop info;
    jmp_buf jump;
    samc_status status; /* valid after a jump */
    samc_error *error;
    samc_photo_job *job;      /* reading */
    size_t position;          /* reading: bytes consumed */
    samc_file_writer *writer; /* writing */
} png_job;

static _Noreturn void on_error(png_structp codec, png_const_charp message)
{
    png_job *png = png_get_error_ptr(codec);

    if (png->status == SAMC_OK)
        png->status = png->writer ? SAMC_FAIL(png->error, IO, "cannot write a PNG: %s", message)
                                  : SAMC_FAIL(png->error, FORMAT, "damaged PNG: %s", message);
    longjmp(png->jump, 1);
}

static void on_warning(png_structp codec, png_const_charp message)
{
    (void)codec;
    (void)message;
}

static png_voidp on_malloc(png_structp codec, png_alloc_size_t size)
{
    png_job *png = png_get_mem_ptr(codec);
    void *memory = NULL;

    if (png->job && size > png->job->size && size > READ_MEMORY)
        return NULL; /* libpng goes on without the chunk, or says that it cannot */
    (void)samc_alloc(1, size, &memory, NULL);
    if (!memory)
        png->status = samc_error_memory(png->error, size);
    return memory;
}

static void on_free(png_structp codec, png_voidp memory)
{
    (void)codec;
    free(memory);
}

static void on_read(png_structp codec, png_bytep out, size_t size)
{
    png_job *png = png_get_io_ptr(codec);

    if (size > png->job->size - png->position) {
        png->status = SAMC_FAIL(png->error, FORMAT, "the PNG is truncated");
        longjmp(png->jump, 1);
    }
    memcpy(out, png->job->data + png->position, size);
    png->position += size;
}

/* Asks libpng for 8-bit RGB of any kind of PNG: palettes looked up, gray of 1, 2 and 4 bits scaled
 * to 0..255 and repeated, of 16 bits the high byte, transparency dropped. */
static void ask_for_rgb(png_job *png)
{
    png_set_expand(png->codec);
    png_set_strip_16(png->codec);
    png_set_gray_to_rgb(png->codec);
    png_set_strip_alpha(png->codec);
}

static samc_status read_orientation(png_job *png)
{
    png_bytep exif = NULL;
    png_uint_32 size = 0;

    /* libpng drops a chunk that it has no memory for */
    if (png->status != SAMC_OK)
        return png->status;
    if (png_get_eXIf_1(png->codec, png->info, &size, &exif) && exif)
        return samc_orientation_read(exif, size, &png->job->orientation, png->error);
    return SAMC_OK;
}

static samc_status read_photo(png_job *png, void *user)
{
    png_structp codec = png->codec;
    samc_photo_job *job = png->job;
    int passes;

    (void)user;
    png_set_read_fn(codec, png, on_read);
    png_set_user_limits(codec, PNG_UINT_31_MAX, PNG_UINT_31_MAX); /* samc_photo_begin has ours */
    png_read_info(codec, png->info);
    SAMC_TRY(read_orientation(png));
    SAMC_TRY(samc_photo_begin(job, png_get_image_width(codec, png->info),
                              png_get_image_height(codec, png->info), png->error));
    ask_for_rgb(png);
    passes = png_set_interlace_handling(codec);
    png_read_update_info(codec, png->info);
    if (png_get_rowbytes(codec, png->info) != job->photo.view.stride)
        return SAMC_FAIL(png->error, UNSUPPORTED, "a PNG that libpng does not turn into RGB");
    for (int pass = 0; pass < passes; pass++)
        for (int32_t y = 0; y < job->photo.view.height; y++)
            png_read_row(codec, job->photo.pixels + (size_t)y * job->photo.view.stride, NULL);
    png_read_end(codec, png->info); /* EXIF may come last */
    return read_orientation(png);
}

/* How a reader takes what libpng decodes; called between setjmp and the destruction. */
typedef samc_status (*read_fn)(png_job *png, void *user);

static samc_status read_with(samc_photo_job *job, read_fn read, void *user, samc_error *error)
{
    samc_status status;
    png_job *png = NULL;

    SAMC_TRY(samc_alloc_zero(1, sizeof *png, &png, error));
    png->error = error;
    png->job = job;
    if (setjmp(png->jump) == 0) {
        png->codec = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, png, on_error, on_warning, png,
                                              on_malloc, on_free);
        if (png->codec)
            png->info = png_create_info_struct(png->codec);
        status = png->info ? read(png, user) : SAMC_FAIL(error, MEMORY, "out of memory in libpng");
    } else {
        status = png->status;
    }
    png_destroy_read_struct(&png->codec, &png->info, NULL);
    free(png);
    return status;
}

samc_status samc_png_decode(samc_photo_job *job, samc_error *error)
{
    return read_with(job, read_photo, NULL, error);
}

/* The palette, if there is one. */
static void read_palette(const png_job *png, samc_label_png *label)
{
    png_colorp colors = NULL;
    int n = 0;

    if (png_get_PLTE(png->codec, png->info, &colors, &n) == 0 || n > SAMC_LABEL_PNG_COLORS)
        return;
    label->n_colors = n;
    for (int i = 0; i < n; i++)
        memcpy(label->colors[i], (uint8_t[]){colors[i].red, colors[i].green, colors[i].blue}, 3);
}

/* Rows of one or two bytes a number -> uint16_t, in place in `labels`: the rows lie at the end of
 * what they become. */
static samc_status read_labels(png_job *png, void *user)
{
    samc_label_png *label = user;
    png_structp codec = png->codec;
    size_t width, height, row;
    int type, passes;

    png_set_read_fn(codec, png, on_read);
    png_set_user_limits(codec, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_read_info(codec, png->info);
    width = png_get_image_width(codec, png->info);
    height = png_get_image_height(codec, png->info);
    type = png_get_color_type(codec, png->info);
    if (width > 65535 || height > 65535 || (int64_t)(width * height) > png->job->max_pixels)
        return SAMC_FAIL(png->error, LIMIT, "%zu x %zu pixels are too many", width, height);
    if (type != PNG_COLOR_TYPE_GRAY && type != PNG_COLOR_TYPE_PALETTE)
        return SAMC_FAIL(png->error, FORMAT,
                         "it is in colour; a label map is gray, or has a palette");
    if (type == PNG_COLOR_TYPE_PALETTE)
        read_palette(png, label);
    label->width = (int32_t)width;
    label->height = (int32_t)height;
    label->bits = png_get_bit_depth(codec, png->info) == 16 ? 16 : 8;
    SAMC_TRY(samc_alloc(width * height, sizeof *label->labels, &label->labels, png->error));
    png_set_packing(codec);
    passes = png_set_interlace_handling(codec);
    png_read_update_info(codec, png->info);
    row = width * (size_t)(label->bits / 8);
    if (png_get_rowbytes(codec, png->info) != row)
        return SAMC_FAIL(png->error, UNSUPPORTED, "a PNG of an unknown kind");
    for (int pass = 0; pass < passes; pass++)
        for (size_t y = 0; y < height; y++)
            png_read_row(codec, (uint8_t *)(label->labels + y * width) + (2 * width - row), NULL);
    png_read_end(codec, NULL);
    for (size_t y = 0; y < height; y++) {
        uint16_t *out = label->labels + y * width;
        const uint8_t *in = (const uint8_t *)out + (2 * width - row);

        for (size_t x = 0; x < width; x++) /* the number at x begins at or behind the place of x */
            out[x] = label->bits == 16 ? (uint16_t)(in[2 * x] << 8 | in[2 * x + 1]) : in[x];
    }
    return SAMC_OK;
}

samc_status samc_label_png_decode(const uint8_t *data, size_t size, int64_t max_pixels,
                                  samc_label_png *png, samc_error *error)
{
    samc_photo_job job = {.data = data, .size = size, .max_pixels = max_pixels};
    samc_label_png made = {0};
    samc_status status = read_with(&job, read_labels, &made, error);

    if (status != SAMC_OK)
        free(made.labels);
    else
        *png = made;
    return status;
}

samc_status samc_label_png_read(const char *path, int64_t max_pixels, samc_label_png *png,
                                samc_error *error)
{
    samc_mapping file = {NULL, 0};
    samc_error why = {SAMC_OK, ""};
    samc_status status;

    SAMC_TRY(samc_file_map(path, &file, error));
    status = samc_label_png_decode(file.data, file.size, max_pixels, png, &why);
    samc_file_unmap(&file);
    return status == SAMC_OK
               ? SAMC_OK
               : samc_error_set(error, status, "cannot read %s: %s", path, why.message);
}

static void on_write(png_structp codec, png_bytep data, size_t size)
{
    png_job *png = png_get_io_ptr(codec);

    png->status = samc_file_write(png->writer, data, size, png->error);
    if (png->status != SAMC_OK)
        longjmp(png->jump, 1);
}

static void on_flush(png_structp codec)
{
    (void)codec;
}

static int is_little_endian(void)
{
    const uint16_t one = 1;
    uint8_t first;

    memcpy(&first, &one, 1);
    return first == 1;
}

/* A picture on its way out. */
typedef struct png_picture {
    samc_image view; /* its format is not looked at: color_type says how many channels rows have */
    int depth;       /* bits a channel; 16 are in the machine's order */
    int color_type;
    const samc_label_png *palette; /* NULL: none */
} png_picture;

static void write_photo(png_job *png, const png_picture *picture)
{
    const samc_image *view = &picture->view;
    png_color colors[SAMC_LABEL_PNG_COLORS];

    png_set_write_fn(png->codec, png, on_write, on_flush);
    png_set_compression_level(png->codec, 4); /* half the time of 6, a few percent larger */
    png_set_IHDR(png->codec, png->info, (png_uint_32)view->width, (png_uint_32)view->height,
                 picture->depth, picture->color_type, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    for (int32_t i = 0; picture->palette && i < picture->palette->n_colors; i++) {
        const uint8_t *rgb = picture->palette->colors[i];

        colors[i] = (png_color){rgb[0], rgb[1], rgb[2]};
    }
    if (picture->palette)
        png_set_PLTE(png->codec, png->info, colors, picture->palette->n_colors);
    png_write_info(png->codec, png->info);
    if (picture->depth == 16 && is_little_endian())
        png_set_swap(png->codec);
    for (int32_t y = 0; y < view->height; y++)
        png_write_row(png->codec, view->pixels + (size_t)y * view->stride);
    png_write_end(png->codec, png->info);
}

static samc_status write_stream(samc_file_writer *writer, const png_picture *picture,
                                samc_error *error)
{
    samc_status status = SAMC_OK;
    png_job *png = NULL;

    SAMC_TRY(samc_alloc_zero(1, sizeof *png, &png, error));
    png->error = error;
    png->writer = writer;
    if (setjmp(png->jump) == 0) {
        png->codec = png_create_write_struct_2(PNG_LIBPNG_VER_STRING, png, on_error, on_warning,
                                               png, on_malloc, on_free);
        if (png->codec)
            png->info = png_create_info_struct(png->codec);
        if (png->info)
            write_photo(png, picture);
        else
            png->status = SAMC_FAIL(error, MEMORY, "out of memory in libpng");
    }
    status = png->status;
    png_destroy_write_struct(&png->codec, &png->info);
    free(png);
    return status;
}

static samc_status write_file(const char *path, const png_picture *picture, samc_error *error)
{
    const samc_image *view = &picture->view;
    samc_status status = SAMC_OK;
    samc_file_writer writer = {NULL, NULL, NULL};

    if (view->width < 1 || view->height < 1 || view->width > PNG_USER_WIDTH_MAX ||
        view->height > PNG_USER_HEIGHT_MAX)
        return SAMC_FAIL(error, ARGUMENT, "a PNG of %d x %d pixels: each side must be 1 to %d",
                         view->width, view->height, PNG_USER_WIDTH_MAX);
    SAMC_TRY(samc_file_begin(path, &writer, error));
    SAMC_CHECK(write_stream(&writer, picture, error));
    status = samc_file_commit(&writer, error);

cleanup:
    samc_file_abort(&writer);
    return status;
}

samc_status samc_png_write_gray16(const char *path, const uint16_t *values, int32_t width,
                                  int32_t height, samc_error *error)
{
    const png_picture picture = {
        {(const uint8_t *)values, width, height, (size_t)width * sizeof *values, SAMC_PIXELS_GRAY},
        16,
        PNG_COLOR_TYPE_GRAY,
        NULL};

    return write_file(path, &picture, error);
}

samc_status samc_png_write(const char *path, const uint8_t *pixels, int32_t width, int32_t height,
                           int32_t channels, size_t stride, samc_error *error)
{
    static const int color_types[] = {-1, PNG_COLOR_TYPE_GRAY, -1, PNG_COLOR_TYPE_RGB,
                                      PNG_COLOR_TYPE_RGBA};
    png_picture picture = {{pixels, width, height, stride, SAMC_PIXELS_RGB}, 8, 0, NULL};

    if (!path || !pixels)
        return SAMC_FAIL(error, ARGUMENT, "%s is NULL", path ? "pixels" : "path");
    if (channels != 1 && channels != 3 && channels != 4)
        return SAMC_FAIL(error, ARGUMENT, "%d channels: a PNG is written of 1, 3 or 4", channels);
    if (stride < (size_t)width * (size_t)channels)
        return SAMC_FAIL(error, ARGUMENT, "a stride of %zu is too small for %d pixels of %d bytes",
                         stride, width, channels);
    picture.color_type = color_types[channels];
    return write_file(path, &picture, error);
}

samc_status samc_label_png_write(const char *path, const samc_label_png *png, samc_error *error)
{
    size_t n = (size_t)png->width * (size_t)png->height;
    png_picture picture = {{NULL, png->width, png->height, (size_t)png->width, SAMC_PIXELS_GRAY},
                           8,
                           png->n_colors ? PNG_COLOR_TYPE_PALETTE : PNG_COLOR_TYPE_GRAY,
                           png->n_colors ? png : NULL};
    uint8_t *bytes = NULL;
    samc_status status;

    if (png->bits == 16)
        return samc_png_write_gray16(path, png->labels, png->width, png->height, error);
    SAMC_TRY(samc_alloc(n, 1, &bytes, error));
    for (size_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)png->labels[i];
    picture.view.pixels = bytes;
    status = write_file(path, &picture, error);
    free(bytes);
    return status;
}
