/* SPDX-License-Identifier: Apache-2.0
 *
 * The jobs on pictures: uploads, thumbnails, upright images, bytes of embeddings, lists.
 */
#include "server/pictures.h"

#include "image/jpeg_write.h"
#include "image/photo.h"
#include "image/resize.h"
#include "server/answer.h"
#include "server/jobs.h"
#include "server/state.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

#define THUMBNAIL_SIDE 256
#define THUMBNAIL_QUALITY 85
#define UPRIGHT_QUALITY 95
#define LIST_PAGE ((size_t)100)
#define HEAD_BYTES ((size_t)256 << 10) /* where a file's size stands, most times */

/* ------------------------------------------------------------------------- files and pixels */

/* The photo's file: an item of the cache, or bytes just read from the folder. */
typedef struct photo_file {
    samc_item *item;
    uint8_t *own;
    const uint8_t *data;
    size_t size;
} photo_file;

static samc_status open_file(samc_server *server, samc_picture *picture, size_t head,
                             photo_file *file, samc_error *error)
{
    *file = (photo_file){0};
    if (picture->path) {
        SAMC_TRY(samc_folder_read(&server->folder, picture->path, server->options.upload_bytes,
                                  head, &file->own, &file->size, error));
        file->data = file->own;
        return SAMC_OK;
    }
    samc_server_lock(server);
    file->item = samc_cache_take(&server->cache, &picture->file);
    samc_server_unlock(server);
    if (!file->item)
        return SAMC_FAIL(error, IO, "the photo had to make room; upload it again");
    file->data = file->item->data;
    file->size = file->item->size;
    return SAMC_OK;
}

static void close_file(samc_server *server, photo_file *file)
{
    free(file->own);
    samc_server_lock(server);
    samc_item_release(&server->cache, file->item);
    samc_server_unlock(server);
}

/* How browsers take a file's own bytes. */
typedef struct photo_kind {
    const char *type;
    bool plain; /* they show it upright */
} photo_kind;

static samc_status decode(samc_server *server, samc_picture *picture, const uint8_t *data,
                          size_t size, samc_photo *photo, photo_kind *kind, samc_error *error)
{
    samc_read_options options = SAMC_READ_OPTIONS_INIT;
    samc_photo_facts facts = {NULL, 1};

    options.max_pixels = server->options.photo_pixels;
    SAMC_TRY(samc_photo_read_facts(data, size, &options, photo, &facts, error));
    kind->type = facts.type;
    kind->plain = facts.orientation == 1 && strcmp(facts.type, "image/tiff") != 0;
    samc_server_lock(server);
    picture->width = photo->view.width;
    picture->height = photo->view.height;
    samc_server_unlock(server);
    return SAMC_OK;
}

samc_status samc_picture_pixels(samc_server *server, samc_picture *picture, samc_photo *photo,
                                samc_error *error)
{
    photo_file file;
    photo_kind kind;
    samc_status status = open_file(server, picture, SIZE_MAX, &file, error);

    if (status == SAMC_OK)
        status = decode(server, picture, file.data, file.size, photo, &kind, error);
    close_file(server, &file);
    return status;
}

/* ------------------------------------------------------------------------- upload */

static json_t *picture_json(const samc_picture *picture)
{
    return json_pack("{s:s, s:s, s:i, s:i}", "id", picture->id.text, "name", picture->name, "width",
                     (int)picture->width, "height", (int)picture->height);
}

void samc_job_upload(samc_server *server, samc_job *job)
{
    samc_picture *picture = NULL;
    samc_photo photo = {0};
    photo_kind kind;
    samc_error error = {SAMC_OK, ""};
    samc_status status = samc_picture_create(job->name, &job->owner, &picture, &error);

    if (status == SAMC_OK)
        status = decode(server, picture, job->file->data, job->file->size, &photo, &kind, &error);
    samc_photo_free(&photo);
    samc_server_lock(server);
    if (status == SAMC_OK) {
        samc_album_sweep(&server->album, &server->cache);
        if (server->album.uploads >= SAMC_ALBUM_UPLOADS)
            status = SAMC_FAIL(&error, LIMIT, "%d photos are uploaded already", SAMC_ALBUM_UPLOADS);
    }
    if (status == SAMC_OK) {
        samc_cache_put(&server->cache, job->file, &picture->file);
        samc_album_add(&server->album, picture);
        samc_answer_json(server, &job->reply, 201, picture_json(picture));
    } else {
        samc_answer_failure(server, &job->reply, &error, 413);
    }
    samc_picture_release(&server->cache, picture);
    samc_server_unlock(server);
}

/* ------------------------------------------------------------------------- images */

/* Answers with `bytes` (from malloc, taken in every case) and keeps them in *slot (NULL: not). */
static void reply_and_keep(samc_server *server, samc_job *job, const char *type, uint8_t *bytes,
                           size_t size, samc_item **slot)
{
    samc_server_lock(server);
    if (samc_cache_spares(&server->cache, size)) {
        samc_answer_bytes(server, &job->reply, 200, type, bytes, size);
    } else {
        free(bytes);
        samc_answer_full(server, &job->reply);
    }
    if (job->reply.item && slot && job->picture->listed)
        samc_cache_put(&server->cache, job->reply.item, slot);
    samc_server_unlock(server);
}

static void reply_failure(samc_server *server, samc_job *job, const samc_error *error)
{
    samc_server_lock(server);
    if (error->status == SAMC_ERROR_IO)
        samc_answer_error(server, &job->reply, 410, "gone",
                          "the photo's file is not there any more");
    else
        samc_answer_failure(server, &job->reply, error, 413);
    samc_server_unlock(server);
}

/* Answers with what is in the slot, if there is anything. */
static bool reply_kept(samc_server *server, samc_job *job, const char *type, samc_item **slot)
{
    samc_item *item;

    samc_server_lock(server);
    item = samc_cache_take(&server->cache, slot);
    if (item)
        samc_answer_item(server, &job->reply, type, item);
    samc_server_unlock(server);
    return item != NULL;
}

static int32_t scaled(int32_t side, int32_t longest)
{
    const int64_t n = ((int64_t)side * THUMBNAIL_SIDE + longest / 2) / longest;

    return n < 1 ? 1 : (int32_t)n;
}

static samc_status make_thumbnail(const samc_photo *photo, uint8_t **file, size_t *size,
                                  samc_error *error)
{
    const samc_image *view = &photo->view;
    const int32_t longest = view->width > view->height ? view->width : view->height;
    const bool small = longest <= THUMBNAIL_SIDE;
    const int32_t width = small ? view->width : scaled(view->width, longest);
    const int32_t height = small ? view->height : scaled(view->height, longest);
    samc_status status = SAMC_OK;
    uint8_t *pixels = NULL;

    SAMC_CHECK(samc_alloc((size_t)width * (size_t)height, 3, &pixels, error));
    SAMC_CHECK(samc_resize_rgb(view, width, height, pixels, error));
    SAMC_CHECK(samc_jpeg_encode(pixels, width, height, 3 * (size_t)width, THUMBNAIL_QUALITY, 0,
                                file, size, error));

cleanup:
    free(pixels);
    return status;
}

void samc_job_thumbnail(samc_server *server, samc_job *job)
{
    samc_photo photo = {0};
    samc_error error = {SAMC_OK, ""};
    samc_status status;
    uint8_t *file = NULL;
    size_t size = 0;

    if (reply_kept(server, job, "image/jpeg", &job->picture->thumbnail))
        return;
    status = samc_picture_pixels(server, job->picture, &photo, &error);
    if (status == SAMC_OK)
        status = make_thumbnail(&photo, &file, &size, &error);
    samc_photo_free(&photo);
    if (status == SAMC_OK)
        reply_and_keep(server, job, "image/jpeg", file, size, &job->picture->thumbnail);
    else
        reply_failure(server, job, &error);
}

/* The file's own bytes. */
static void reply_plain(samc_server *server, samc_job *job, const char *type, photo_file *file)
{
    if (file->item) {
        samc_server_lock(server);
        samc_answer_item(server, &job->reply, type, samc_item_hold(file->item));
        samc_server_unlock(server);
        return;
    }
    reply_and_keep(server, job, type, file->own, file->size, NULL);
    file->own = NULL;
}

/* Decodes in any case: it shows how the pixels lie, and a file of the folder may be another one by
 * now. */
void samc_job_image(samc_server *server, samc_job *job)
{
    samc_picture *picture = job->picture;
    samc_photo photo = {0};
    samc_error error = {SAMC_OK, ""};
    photo_kind kind = {NULL, false};
    samc_status status;
    photo_file file;
    uint8_t *bytes = NULL;
    size_t size = 0;

    if (reply_kept(server, job, "image/jpeg", &picture->upright))
        return;
    status = open_file(server, picture, SIZE_MAX, &file, &error);
    if (status == SAMC_OK)
        status = decode(server, picture, file.data, file.size, &photo, &kind, &error);
    if (status == SAMC_OK && !kind.plain)
        status = samc_jpeg_encode(photo.pixels, photo.view.width, photo.view.height,
                                  photo.view.stride, UPRIGHT_QUALITY, 1, &bytes, &size, &error);
    samc_photo_free(&photo);
    if (status != SAMC_OK)
        reply_failure(server, job, &error);
    else if (kind.plain)
        reply_plain(server, job, kind.type, &file);
    else
        reply_and_keep(server, job, "image/jpeg", bytes, size, &picture->upright);
    close_file(server, &file);
}

/* ------------------------------------------------------------------------- embedding */

samc_item *samc_picture_embedding(samc_server *server, samc_job *job)
{
    samc_item *item;

    samc_server_lock(server);
    item = samc_cache_take(&server->cache, &job->picture->embedding);
    if (!item)
        samc_answer_error(
            server, &job->reply, 409, "not_encoded",
            "the photo is not encoded, or its embedding had to make room: POST encode "
            "first");
    samc_server_unlock(server);
    return item;
}

void samc_job_embedding(samc_server *server, samc_job *job)
{
    samc_error error = {SAMC_OK, ""};
    samc_item *item = samc_picture_embedding(server, job);
    samc_status status;
    void *bytes = NULL;
    size_t size = 0;

    if (!item)
        return;
    status = samc_embedding_save_memory(item->embedding, job->type, &bytes, &size, &error);
    samc_server_lock(server);
    samc_item_release(&server->cache, item);
    samc_server_unlock(server);
    if (status == SAMC_OK)
        reply_and_keep(server, job, "application/octet-stream", bytes, size, NULL);
    else
        reply_failure(server, job, &error);
}

/* ------------------------------------------------------------------------- lists */

/* Reads the size from the file's first bytes, else from the whole file, once: a photo that cannot
 * be read keeps 0 x 0 until its pixels are asked for. */
static void learn_size(samc_server *server, samc_picture *picture)
{
    static const size_t heads[] = {HEAD_BYTES, SIZE_MAX};
    samc_read_options options = SAMC_READ_OPTIONS_INIT;
    int32_t width = 0, height = 0;

    options.max_pixels = server->options.photo_pixels;
    for (size_t i = 0; i < 2 && width == 0; i++) {
        photo_file file;

        if (open_file(server, picture, heads[i], &file, NULL) == SAMC_OK)
            (void)samc_photo_size(file.data, file.size, &options, &width, &height, NULL);
        close_file(server, &file);
    }
    samc_server_lock(server);
    picture->width = width;
    picture->height = height;
    picture->measured = true;
    samc_server_unlock(server);
}

static json_t *list_entry(samc_server *server, samc_picture *picture)
{
    bool known;
    json_t *entry;

    samc_server_lock(server);
    known = picture->measured || picture->width != 0;
    samc_server_unlock(server);
    if (!known)
        learn_size(server, picture);
    samc_server_lock(server);
    entry = picture_json(picture);
    samc_server_unlock(server);
    return entry;
}

void samc_job_list(samc_server *server, samc_job *job)
{
    const samc_folder *folder = &server->folder;
    const size_t left = folder->count - job->from;
    const size_t n = left < LIST_PAGE ? left : LIST_PAGE;
    json_t *list = json_array(), *next;
    bool whole = true;

    for (size_t i = 0; i < n && whole; i++) {
        samc_picture *picture = samc_folder_at(folder, job->from + i);

        whole = json_array_append_new(list, list_entry(server, picture)) == 0;
    }
    if (!whole) {
        json_decref(list);
        list = NULL;
    }
    next = n < left ? json_string(samc_folder_at(folder, job->from + n - 1)->id.text) : json_null();
    samc_server_lock(server);
    samc_answer_json(server, &job->reply, 200,
                     json_pack("{s:o, s:o, s:I}", "photos", list, "next", next, "count",
                               (json_int_t)folder->count));
    samc_server_unlock(server);
}
