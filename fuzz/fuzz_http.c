/* SPDX-License-Identifier: Apache-2.0
 *
 * The routes of `samc serve`, by scripts of requests (tests/server/feed.h) over the tiny model and
 * the folder of test photos; a first line "!token" asks for a token, "!loading" has no model yet.
 * Photo {0} of session {S} is there and encoded: encoding takes a second under the sanitizers.
 */
#include "feed.h"

#include "segment/embedding.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TOKEN "0123456789abcdef"

/* Made once, for all inputs. */
static samc_context *context;
static samc_model *model;
static samc_model_info info = SAMC_MODEL_INFO_INIT;
static void *decoder;
static size_t decoder_size;
static void *embedding; /* of a photo of 6 x 4, as a file */
static size_t embedding_size;

static void must(int holds)
{
    if (!holds)
        abort();
}

static void load_model(void)
{
    samc_context_options options = SAMC_CONTEXT_OPTIONS_INIT;
    static const uint8_t pixels[6 * 4 * 3];
    const samc_image photo = {pixels, 6, 4, 18, SAMC_PIXELS_RGB};
    samc_embedding *e = NULL;

    if (model)
        return;
    options.threads = 1;
    must(samc_context_create(&options, &context, NULL) == SAMC_OK &&
         samc_model_load(context, FUZZ_MODEL, NULL, &model, NULL) == SAMC_OK &&
         samc_model_get_info(model, &info, NULL) == SAMC_OK &&
         samc_decoder_extract(FUZZ_MODEL, &decoder, &decoder_size, NULL) == SAMC_OK &&
         samc_encode(context, model, &photo, NULL, &e, NULL) == SAMC_OK &&
         samc_embedding_save_memory(e, SAMC_F32, &embedding, &embedding_size, NULL) == SAMC_OK);
    samc_embedding_free(e);
}

/* What samc_server_set_model does, without reading the file again. */
static void give_model(samc_server *server)
{
    server->context = context;
    server->model = model;
    server->info = info;
    server->decoder = decoder;
    server->decoder_size = decoder_size;
    atomic_store(&server->ready, true);
}

static samc_item *make_item(samc_server *server, size_t bytes)
{
    samc_item *item = NULL;

    must(samc_cache_reserve(&server->cache, bytes + sizeof *item, NULL) == SAMC_OK &&
         samc_item_create(bytes + sizeof *item, &item, NULL) == SAMC_OK);
    return item;
}

/* Photo {0}, as if it had been uploaded and encoded. */
static void give_photo(feed *f)
{
    samc_server *server = f->server;
    const samc_session *session = NULL;
    samc_picture *picture = NULL;
    samc_item *file = make_item(server, sizeof feed_photo);
    samc_item *encoded = make_item(server, samc_embedding_shrunk_bytes(model));

    must(samc_session_make(&server->sessions, false, &session, NULL) == SAMC_OK &&
         samc_picture_create("photo", &session->id, &picture, NULL) == SAMC_OK &&
         samc_embedding_load_memory(model, embedding, embedding_size, &encoded->embedding, NULL) ==
             SAMC_OK);
    must((file->data = malloc(sizeof feed_photo)) != NULL);
    memcpy(file->data, feed_photo, sizeof feed_photo);
    file->size = sizeof feed_photo;
    samc_cache_put(&server->cache, file, &picture->file);
    samc_cache_put(&server->cache, encoded, &picture->embedding);
    samc_album_add(&server->album, picture);
    memcpy(f->session, session->id.text, sizeof f->session);
    f->photos[f->count++] = picture->id;
    samc_item_release(&server->cache, file);
    samc_item_release(&server->cache, encoded);
    samc_picture_release(&server->cache, picture);
}

static void check_json(const feed_answer *answer)
{
    json_t *root = json_loadb((const char *)answer->body, answer->size, JSON_REJECT_DUPLICATES,
                              NULL);

    must(json_is_object(root));
    if (answer->status >= 400 && strcmp(answer->path, "/health") != 0)
        must(json_string_length(json_object_get(root, "error")) > 0 &&
             json_string_length(json_object_get(root, "code")) > 0);
    json_decref(root);
}

/* What holds for every answer. */
static void check(void *user, const feed_answer *answer)
{
    static const int statuses[] = {200, 201, 202, 204, 304, 400, 401, 403,
                                   404, 405, 409, 410, 413, 415, 503};
    const samc_server *server = user;
    const samc_http_reply *reply = answer->reply;
    bool known = false;

    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
        known = known || answer->status == statuses[i];
    must(known);
    must(answer->status == 204 || answer->status == 304 ? !answer->size : answer->type != NULL);
    must((reply->item != NULL) + (reply->fixed != NULL) + (reply->stream != NULL) <= 1);
    must(strcspn(reply->cookie, "\r\n") == strlen(reply->cookie));
    must(!reply->retry || answer->status == 503);
    must(server->cache.used <= server->cache.budget);
    if (answer->type && strcmp(answer->type, "application/json") == 0)
        check_json(answer);
    if (!atomic_load(&server->ready) && strncmp(answer->path, "/api/photos", 11) == 0)
        must(answer->status >= 400);
}

static void must_be_404(void *user, const feed_answer *answer)
{
    (void)user;
    must(answer->status == 404 || answer->status == 401 || answer->status == 503);
}

/* 404: the script has uploaded nothing, so that {0} is no id. */
static void must_be_refused(void *user, const feed_answer *answer)
{
    (void)user;
    must(answer->status == 403 || answer->status == 404);
}

/* Strangers see no upload, pages of other sites nothing. */
static void intrude(feed *f)
{
    const size_t uploads = f->server->album.uploads;

    f->take = must_be_404;
    feed_text(f,
              "GET /api/photos/{0}/image\n%%\nDELETE /api/photos/{0}\n%%\nGET "
              "/api/photos/{1}/thumbnail\nCookie: samc_session_0=00000000000000000000000000000000");
    f->take = must_be_refused;
    feed_text(f,
              "POST /api/photos\nOrigin: http://x\nCookie: samc_session_0={S}\n\n{P}\n%%\nDELETE "
              "/api/photos/{0}\nSec-Fetch-Site: cross-site\nCookie: samc_session_0={S}\n%%\nGET "
              "/api/photos\nHost: x.example");
    must(f->server->album.uploads <= uploads);
}

/* Takes a first line that is `word`. */
static bool take_word(const char *word, const uint8_t **data, size_t *size)
{
    const size_t n = strlen(word);

    if (*size < n || memcmp(*data, word, n) != 0)
        return false;
    *data += n;
    *size -= n;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    samc_server_options options = SAMC_SERVER_OPTIONS_INIT;
    samc_server *server = NULL;
    feed f = {0};

    load_model();
    options.folder = FUZZ_FOLDER;
    options.cache_bytes = (size_t)1 << 20;
    options.photo_pixels = 1 << 20;
    options.points = 16;
    if (take_word("!token\n", &data, &size))
        options.token = TOKEN;
    must(samc_server_create(&options, &server, NULL) == SAMC_OK);
    f = (feed){.server = server, .take = check, .user = server, .patience = 3};
    if (!take_word("!loading\n", &data, &size)) {
        give_model(server);
        give_photo(&f);
    }
    feed_run(&f, data, size);
    intrude(&f);
    for (samc_job_queue q = SAMC_QUEUE_QUICK; q < SAMC_QUEUES; q++)
        must(!server->jobs.first[q] && !server->jobs.waiting[q]);
    samc_album_clear(&server->album, &server->cache);
    samc_folder_close(&server->folder, &server->cache);
    must(server->cache.used == 0 && server->cache.items == 0);
    server->decoder = NULL;
    samc_server_free(server);
    return 0;
}
