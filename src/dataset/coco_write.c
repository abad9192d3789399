/* SPDX-License-Identifier: Apache-2.0 */
#include "dataset/coco_write.h"

#include "base/memory.h"
#include "weights/utf8.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int write_chunk(const char *text, size_t size, void *user)
{
    return samc_file_write(user, text, size, NULL) == SAMC_OK ? 0 : -1;
}

static samc_status write_text(samc_file_writer *file, const char *text, samc_error *error)
{
    return samc_file_write(file, text, strlen(text), error);
}

/* jansson fails for want of memory too; the stream knows whether it was the file. */
static samc_status write_value(samc_file_writer *file, const json_t *value, samc_error *error)
{
    if (json_dump_callback(value, write_chunk, file, SAMC_JSON_FLAGS | JSON_ENCODE_ANY) == 0)
        return SAMC_OK;
    return ferror(file->stream) ? samc_error_io(error, "write", file->path)
                                : samc_error_memory(error, 0);
}

samc_status samc_coco_writer_begin(const char *path, samc_coco_writer *writer, samc_error *error)
{
    samc_status status;

    *writer = (samc_coco_writer){{NULL, NULL, NULL}, NULL, 0, 0};
    SAMC_TRY(samc_file_begin(path, &writer->file, error));
    status = write_text(&writer->file, "{", error);
    if (status != SAMC_OK)
        samc_coco_writer_abort(writer);
    return status;
}

static samc_status close_list(samc_coco_writer *writer, samc_error *error)
{
    if (writer->list)
        SAMC_TRY(write_text(&writer->file, "\n]", error));
    writer->list = NULL;
    writer->n = 0;
    return SAMC_OK;
}

static samc_status write_key(samc_coco_writer *writer, const char *key, size_t length,
                             samc_error *error)
{
    SAMC_TRY(close_list(writer, error));
    SAMC_TRY(write_text(&writer->file, writer->in_object ? ",\n\"" : "\n\"", error));
    SAMC_TRY(samc_file_write(&writer->file, key, length, error));
    writer->in_object = 1;
    return write_text(&writer->file, "\": ", error);
}

samc_status samc_coco_writer_open(samc_coco_writer *writer, const char *list, samc_error *error)
{
    SAMC_TRY(write_key(writer, list, strlen(list), error));
    writer->list = list;
    return write_text(&writer->file, "[", error);
}

samc_status samc_coco_writer_add(samc_coco_writer *writer, const char *list, const json_t *element,
                                 samc_error *error)
{
    if (!writer->list || strcmp(writer->list, list) != 0)
        SAMC_TRY(samc_coco_writer_open(writer, list, error));
    SAMC_TRY(write_text(&writer->file, writer->n++ ? ",\n" : "\n", error));
    return write_value(&writer->file, element, error);
}

samc_status samc_coco_writer_add_text(samc_coco_writer *writer, const char *text, size_t size,
                                      samc_error *error)
{
    SAMC_TRY(write_text(&writer->file, writer->n++ ? ",\n" : "\n", error));
    return samc_file_write(&writer->file, text, size, error);
}

samc_status samc_coco_writer_copy(samc_coco_writer *writer, const char *key, size_t key_length,
                                  const char *text, size_t size, samc_error *error)
{
    SAMC_TRY(write_key(writer, key, key_length, error));
    return samc_file_write(&writer->file, text, size, error);
}

samc_status samc_coco_writer_commit(samc_coco_writer *writer, samc_error *error)
{
    samc_status status = close_list(writer, error);

    if (status == SAMC_OK)
        status = write_text(&writer->file, "\n}\n", error);
    if (status == SAMC_OK)
        status = samc_file_commit(&writer->file, error);
    samc_coco_writer_abort(writer);
    return status;
}

void samc_coco_writer_abort(samc_coco_writer *writer)
{
    samc_file_abort(&writer->file);
}

samc_status samc_json_rle(const samc_rle *rle, json_t **object, samc_error *error)
{
    char *counts = NULL;

    SAMC_TRY(samc_rle_to_string(rle, &counts, error));
    *object = json_pack("{s:[i,i], s:s}", "size", (int)rle->height, (int)rle->width, "counts",
                        counts);
    free(counts);
    return *object ? SAMC_OK : samc_error_memory(error, 0);
}

json_t *samc_json_mask_box(const samc_rle *rle, int inclusive)
{
    int32_t box[4];
    int32_t less;

    samc_rle_box(rle, box);
    less = inclusive && box[2] ? 1 : 0;
    return json_pack("[i,i,i,i]", (int)box[0], (int)box[1], (int)(box[2] - less),
                     (int)(box[3] - less));
}

json_t *samc_json_float(float number)
{
    char text[32];

    if (!isfinite(number))
        return json_null();
    (void)snprintf(text, sizeof text, "%.9g", (double)number);
    return json_real(strtod(text, NULL));
}

json_t *samc_json_text(const char *text)
{
    static const char replacement[] = "\xEF\xBF\xBD";
    size_t size = strlen(text), used = 0;
    char *clean;
    json_t *made;

    if (samc_utf8_is_valid(text, size))
        return json_string(text);
    clean = malloc(3 * size + 1);
    if (!clean)
        return NULL;
    while (size) {
        size_t length = 1;

        while (length <= 4 && length <= size && !samc_utf8_is_valid(text, length))
            length++;
        if (length > 4 || length > size) {
            memcpy(clean + used, replacement, 3);
            used += 3;
            length = 1;
        } else {
            memcpy(clean + used, text, length);
            used += length;
        }
        text += length;
        size -= length;
    }
    made = json_stringn(clean, used);
    free(clean);
    return made;
}

samc_status samc_json_write(const char *path, const json_t *value, samc_error *error)
{
    samc_status status = SAMC_OK;
    samc_file_writer file = {NULL, NULL, NULL};

    SAMC_TRY(samc_file_begin(path, &file, error));
    SAMC_CHECK(write_value(&file, value, error));
    SAMC_CHECK(write_text(&file, "\n", error));
    SAMC_CHECK(samc_file_commit(&file, error));

cleanup:
    samc_file_abort(&file);
    return status;
}
