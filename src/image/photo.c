/* SPDX-License-Identifier: Apache-2.0 */
#include "image/photo.h"

#include "base/file.h"
#include "base/memory.h"
#include "image/image.h"
#include "image/orientation.h"

#include <stdlib.h>
#include <string.h>

typedef samc_status (*decode_fn)(samc_photo_job *job, samc_error *error);

/* How a file begins. '?' stands for any byte. A format without a decoder has a name, so that the
 * message can say it. */
struct signature {
    const char *bytes;
    size_t size;
    decode_fn decode;
    const char *name; /* with a decoder: as the web names it */
};

static const struct signature signatures[] = {
    {"\xff\xd8\xff", 3, samc_jpeg_decode, "image/jpeg"},
    {"\x89PNG\r\n\x1a\n", 8, samc_png_decode, "image/png"},
    {"RIFF????WEBP", 12, samc_webp_decode, "image/webp"},
    {"II*\0", 4, samc_tiff_decode, "image/tiff"},
    {"MM\0*", 4, samc_tiff_decode, "image/tiff"},
    {"II+\0", 4, samc_tiff_decode, "image/tiff"},
    {"MM\0+", 4, samc_tiff_decode, "image/tiff"},
    {"GIF8", 4, NULL, "GIF"},
    {"BM", 2, NULL, "BMP"},
    {"????ftypavif", 12, NULL, "AVIF"},
    {"????ftyp", 8, NULL, "HEIF (or a video)"},
    {"\0\0\0\fjP  ", 8, NULL, "JPEG 2000"},
    {"\xff\n", 2, NULL, "JPEG XL"},
    {"8BPS", 4, NULL, "Photoshop"},
    {"%PDF", 4, NULL, "PDF"},
};

static int begins_with(const samc_photo_job *job, const struct signature *signature)
{
    if (job->size < signature->size)
        return 0;
    for (size_t i = 0; i < signature->size; i++)
        if (signature->bytes[i] != '?' && job->data[i] != (uint8_t)signature->bytes[i])
            return 0;
    return 1;
}

/* The header's word is all that is known here: a file of a few bytes can claim any size. Sides are
 * checked first, so that their product cannot overflow. */
samc_status samc_photo_begin(samc_photo_job *job, uint64_t width, uint64_t height,
                             samc_error *error)
{
    if (width == 0 || height == 0)
        return SAMC_FAIL(error, FORMAT, "the photo has no pixels: its header says %llu x %llu",
                         (unsigned long long)width, (unsigned long long)height);
    if (width > SAMC_IMAGE_MAX_SIDE || height > SAMC_IMAGE_MAX_SIDE)
        return SAMC_FAIL(
            error, LIMIT, "the photo has %llu x %llu pixels; no side may be longer than %d",
            (unsigned long long)width, (unsigned long long)height, SAMC_IMAGE_MAX_SIDE);
    if ((int64_t)(width * height) > job->max_pixels)
        return SAMC_FAIL(
            error, LIMIT, "the photo has %llu x %llu pixels, more than the limit of %lld in all",
            (unsigned long long)width, (unsigned long long)height, (long long)job->max_pixels);
    if (!job->size_only)
        SAMC_TRY(samc_alloc((size_t)(width * height), 3, &job->photo.pixels, error));
    job->photo.view = (samc_image){job->photo.pixels, (int32_t)width, (int32_t)height,
                                   3 * (size_t)width, SAMC_PIXELS_RGB};
    return job->size_only ? SAMC_FAIL(error, CANCELLED, "only the size is wanted") : SAMC_OK;
}

/* By content, never by the file's name: a .png that is a JPEG is read as what it is. */
static samc_status decode(samc_photo_job *job, const char **type, samc_error *error)
{
    for (size_t i = 0; i < sizeof signatures / sizeof signatures[0]; i++) {
        if (!begins_with(job, &signatures[i]))
            continue;
        *type = signatures[i].name;
        if (signatures[i].decode)
            return signatures[i].decode(job, error);
        return SAMC_FAIL(error, UNSUPPORTED,
                         "%s files are not read; convert the photo to JPEG, PNG, WebP or TIFF",
                         signatures[i].name);
    }
    if (job->size == 0)
        return SAMC_FAIL(error, FORMAT, "the file is empty");
    return SAMC_FAIL(error, FORMAT, "the file is no JPEG, PNG, WebP or TIFF");
}

/* Checks the arguments and makes a job of them. */
static samc_status begin_job(const void *data, size_t size, const samc_read_options *options,
                             samc_photo_job *job, samc_error *error)
{
    static const samc_read_options defaults = SAMC_READ_OPTIONS_INIT;

    if (!data && size)
        return SAMC_FAIL(error, ARGUMENT, "data is NULL");
    if (!options)
        options = &defaults;
    if (options->struct_size < sizeof *options)
        return SAMC_FAIL(error, ARGUMENT,
                         "samc_read_options.struct_size is %zu; begin with SAMC_READ_OPTIONS_INIT",
                         options->struct_size);
    if (options->max_pixels < 1)
        return SAMC_FAIL(error, ARGUMENT, "max_pixels is %lld; it must be at least 1",
                         (long long)options->max_pixels);
    *job = (samc_photo_job){
        .data = data, .size = size, .max_pixels = options->max_pixels, .orientation = 1};
    return SAMC_OK;
}

samc_status samc_photo_read_facts(const void *data, size_t size, const samc_read_options *options,
                                  samc_photo *photo, samc_photo_facts *facts, samc_error *error)
{
    samc_status status = SAMC_OK;
    samc_photo_job job = {0};

    *photo = (samc_photo){0};
    SAMC_TRY(begin_job(data, size, options, &job, error));
    /* from here on the pixels belong to the job; *photo stays cleared until all went well */
    SAMC_CHECK(decode(&job, &facts->type, error));
    if (!options || !options->ignore_orientation)
        SAMC_CHECK(samc_orientation_apply(&job.photo, job.orientation, error));
    facts->orientation = job.orientation;

cleanup:
    if (status == SAMC_OK)
        *photo = job.photo;
    else
        samc_photo_free(&job.photo);
    return status;
}

samc_status samc_photo_read_memory(const void *data, size_t size, const samc_read_options *options,
                                   samc_photo *photo, samc_error *error)
{
    samc_photo_facts facts;

    if (!photo)
        return SAMC_FAIL(error, ARGUMENT, "photo is NULL");
    return samc_photo_read_facts(data, size, options, photo, &facts, error);
}

samc_status samc_photo_size(const void *data, size_t size, const samc_read_options *options,
                            int32_t *width, int32_t *height, samc_error *error)
{
    samc_photo_job job = {0};
    samc_error reason = {SAMC_OK, ""};
    const char *type;
    int turned;

    SAMC_TRY(begin_job(data, size, options, &job, error));
    job.size_only = 1;
    if (decode(&job, &type, &reason) != SAMC_ERROR_CANCELLED) {
        samc_photo_free(&job.photo);
        return samc_error_set(error, reason.status, "%s", reason.message);
    }
    turned = job.orientation >= 5;
    *width = turned ? job.photo.view.height : job.photo.view.width;
    *height = turned ? job.photo.view.width : job.photo.view.height;
    return SAMC_OK;
}

samc_status samc_photo_read(const char *path, const samc_read_options *options, samc_photo *photo,
                            samc_error *error)
{
    samc_status status = SAMC_OK;
    samc_mapping file = {NULL, 0};
    samc_error reason = {SAMC_OK, ""};

    if (!path)
        return SAMC_FAIL(error, ARGUMENT, "path is NULL");
    if (photo)
        *photo = (samc_photo){0};
    /* mapped, not read: a decoder needs the file once, front to back */
    SAMC_TRY(samc_file_map(path, &file, error));
    status = samc_photo_read_memory(file.data, file.size, options, photo, &reason);
    samc_file_unmap(&file);
    if (status != SAMC_OK)
        return samc_error_set(error, status, "cannot read %s: %s", path, reason.message);
    return SAMC_OK;
}

void samc_photo_free(samc_photo *photo)
{
    if (photo) {
        free(photo->pixels);
        *photo = (samc_photo){0};
    }
}
