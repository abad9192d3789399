/* SPDX-License-Identifier: Apache-2.0 */
#define _DEFAULT_SOURCE /* flock */
#define _POSIX_C_SOURCE 200809L

#include "coco_file.h"

#include "dataset/coco_write.h"

#include "base/file.h"
#include "base/memory.h"
#include "json_out.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/types.h>
#include <unistd.h>

static samc_status note_line(cli_coco *coco, const char *photo, long at, samc_error *error)
{
    char *copy = NULL;

    if (coco->count == coco->capacity) {
        const size_t capacity = coco->capacity ? 2 * coco->capacity : 64;
        cli_coco_line *lines = NULL;

        SAMC_TRY(samc_alloc(capacity, sizeof *lines, &lines, error));
        if (coco->count)
            memcpy(lines, coco->lines, coco->count * sizeof *lines);
        free(coco->lines);
        coco->lines = lines;
        coco->capacity = capacity;
    }
    SAMC_TRY(samc_alloc_string(photo, &copy, error));
    coco->lines[coco->count++] = (cli_coco_line){copy, at};
    return SAMC_OK;
}

/* Reads the line at the stream's place; NULL: there is none, or it is not one of ours. `line` and
 * `size` are getline's. */
static json_t *read_line(FILE *stream, char **line, size_t *size)
{
    const ssize_t length = getline(line, size, stream);

    if (length < 1 || (*line)[length - 1] != '\n')
        return NULL;
    return json_loadb(*line, (size_t)length, 0, NULL);
}

/* Finds the whole lines and cuts off what follows them. */
static samc_status keep_lines(cli_coco *coco, samc_error *error)
{
    samc_status status = SAMC_OK;
    char *line = NULL;
    size_t size = 0;
    long at = 0;

    while (status == SAMC_OK) {
        json_t *json = read_line(coco->stream, &line, &size);
        const char *photo = json_string_value(json_object_get(json, "photo"));

        if (photo)
            status = note_line(coco, photo, at, error);
        json_decref(json);
        if (!photo)
            break;
        at = ftell(coco->stream);
    }
    free(line);
    if (status == SAMC_OK &&
        (fseek(coco->stream, at, SEEK_SET) != 0 || ftruncate(fileno(coco->stream), at) != 0))
        status = samc_error_io(error, "write", coco->journal);
    return status;
}

static samc_status name_journal(const char *path, char **journal, samc_error *error)
{
    const size_t size = strlen(path) + 16;

    SAMC_TRY(samc_alloc(size, 1, journal, error));
    (void)snprintf(*journal, size, "%s.partial", path);
    return SAMC_OK;
}

bool cli_coco_is_complete(const char *path)
{
    char *journal = NULL;
    bool complete = false;

    if (name_journal(path, &journal, NULL) == SAMC_OK)
        complete = access(path, F_OK) == 0 && access(journal, F_OK) != 0;
    free(journal);
    return complete;
}

samc_status cli_coco_open(cli_coco *coco, const char *path, bool resume, samc_error *error)
{
    SAMC_TRY(samc_alloc_string(path, &coco->path, error));
    SAMC_TRY(name_journal(path, &coco->journal, error));
    coco->stream = fopen(coco->journal, "a"); /* makes it, keeps what is there */
    if (coco->stream)
        coco->stream = freopen(coco->journal, "r+", coco->stream);
    if (!coco->stream)
        return samc_error_io(error, "write", coco->journal);
    if (flock(fileno(coco->stream), LOCK_EX | LOCK_NB) != 0)
        return SAMC_FAIL(error, IO, "another samc is writing %s", coco->journal);
    if (resume)
        return keep_lines(coco, error);
    if (ftruncate(fileno(coco->stream), 0) != 0)
        return samc_error_io(error, "write", coco->journal);
    return SAMC_OK;
}

/* Photos are asked for in the order in which they were written, for the most part: the search
 * begins behind the one found last. */
static const cli_coco_line *find_line(cli_coco *coco, const char *photo)
{
    for (size_t i = 0; i < coco->count; i++) {
        const size_t at = (coco->hint + i) % coco->count;

        if (strcmp(coco->lines[at].photo, photo) == 0) {
            coco->hint = at + 1;
            return &coco->lines[at];
        }
    }
    return NULL;
}

bool cli_coco_has(cli_coco *coco, const char *photo)
{
    return find_line(coco, photo) != NULL;
}

samc_status cli_coco_add(cli_coco *coco, const char *photo, const cli_found *found,
                         samc_error *error)
{
    FILE *out = coco->stream;
    long at;

    if (fseek(out, 0, SEEK_END) != 0 || (at = ftell(out)) < 0)
        return samc_error_io(error, "write", coco->journal);
    (void)fputs("{\"photo\": ", out);
    cli_json_string(out, photo);
    (void)fprintf(out, ", \"width\": %d, \"height\": %d, \"annotations\": [", found->width,
                  found->height);
    for (size_t i = 0; i < found->count; i++) {
        const cli_mask *mask = &found->masks[i];
        samc_rle rle = SAMC_RLE_INIT;
        int32_t box[4];

        /* COCO's own box counts pixels where the reference's subtracts them */
        SAMC_TRY(samc_rle_from_string(mask->rle, strlen(mask->rle), found->height, found->width,
                                      &rle, error));
        samc_rle_box(&rle, box);
        samc_rle_free(&rle);
        (void)fputs(i ? ", {\"category_id\": 1, \"iscrowd\": 0, "
                      : "{\"category_id\": 1, \"iscrowd\": 0, ",
                    out);
        cli_found_json(out, found, mask, box);
        (void)fputs("}", out);
    }
    (void)fputs("]}\n", out);
    if (ferror(out) || fflush(out) != 0 || fsync(fileno(out)) != 0)
        return samc_error_io(error, "write", coco->journal);
    return note_line(coco, photo, at, error);
}

/* ------------------------------------------------------------------------- the file */

/* One pass over the photos that are there. */
typedef struct pass {
    cli_coco *coco;
    samc_coco_writer *writer;
    bool annotations; /* else images */
    size_t next, step;
} pass;

static samc_status write_annotations(pass *p, json_t *list, size_t image, samc_error *error)
{
    json_t *annotation;
    size_t i;

    json_array_foreach(list, i, annotation)
    {
        samc_status status;
        char *text;

        if (json_object_set_new(annotation, "id", json_integer((json_int_t)p->next)) != 0 ||
            json_object_set_new(annotation, "image_id", json_integer((json_int_t)image)) != 0)
            return samc_error_memory(error, 64);
        text = json_dumps(annotation, JSON_REAL_PRECISION(17) | JSON_ENSURE_ASCII);
        if (!text)
            return samc_error_memory(error, 64);
        status = samc_coco_writer_add_text(p->writer, text, strlen(text), error);
        free(text);
        SAMC_TRY(status);
        p->next += p->step;
    }
    return SAMC_OK;
}

static samc_status write_image(const pass *p, const json_t *line, const cli_coco_photo *photo,
                               samc_error *error)
{
    json_t *image = json_pack("{s:I, s:I, s:I, s:o}", "id", (json_int_t)photo->id, "width",
                              json_integer_value(json_object_get(line, "width")), "height",
                              json_integer_value(json_object_get(line, "height")), "file_name",
                              samc_json_text(photo->name));
    samc_status status = image ? samc_coco_writer_add(p->writer, "images", image, error)
                               : samc_error_memory(error, 64);

    json_decref(image);
    return status;
}

static samc_status write_photo(pass *p, const cli_coco_photo *photo, samc_error *error)
{
    const cli_coco_line *line = find_line(p->coco, photo->path);
    samc_status status;
    char *text = NULL;
    size_t size = 0;
    json_t *json;

    if (!line)
        return SAMC_OK;
    if (fseek(p->coco->stream, line->at, SEEK_SET) != 0)
        return samc_error_io(error, "read", p->coco->journal);
    json = read_line(p->coco->stream, &text, &size);
    if (!json)
        status = SAMC_FAIL(error, FORMAT, "%s was changed by somebody else", p->coco->journal);
    else if (p->annotations)
        status = write_annotations(p, json_object_get(json, "annotations"), photo->id, error);
    else
        status = write_image(p, json, photo, error);
    json_decref(json);
    free(text);
    return status;
}

static samc_status write_category(samc_coco_writer *writer, samc_error *error)
{
    json_t *category = json_pack("{s:i, s:s}", "id", 1, "name", "object");
    samc_status status = category ? samc_coco_writer_add(writer, "categories", category, error)
                                  : samc_error_memory(error, 64);

    json_decref(category);
    return status;
}

samc_status cli_coco_write(cli_coco *coco, const cli_coco_photo *photos, size_t count, size_t first,
                           size_t step, samc_error *error)
{
    samc_coco_writer writer;
    samc_status status = SAMC_OK;

    SAMC_TRY(samc_coco_writer_begin(coco->path, &writer, error));
    for (int annotations = 0; annotations < 2; annotations++) {
        pass p = {coco, &writer, annotations == 1, first, step};

        SAMC_CHECK(samc_coco_writer_open(&writer, annotations ? "annotations" : "images", error));
        for (size_t i = 0; i < count; i++)
            SAMC_CHECK(write_photo(&p, &photos[i], error));
    }
    SAMC_CHECK(write_category(&writer, error));
    return samc_coco_writer_commit(&writer, error);

cleanup:
    samc_coco_writer_abort(&writer);
    return status;
}

void cli_coco_close(cli_coco *coco, bool remove)
{
    if (coco->stream) {
        if (remove)
            (void)unlink(coco->journal);
        (void)fclose(coco->stream);
    }
    for (size_t i = 0; i < coco->count; i++)
        free(coco->lines[i].photo);
    free(coco->lines);
    free(coco->path);
    free(coco->journal);
    *coco = (cli_coco){0};
}
