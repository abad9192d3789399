/* SPDX-License-Identifier: Apache-2.0 */
#include "server/server.h"

#include "base/memory.h"
#include "segment/embedding.h"
#include "server/guard.h"
#include "server/state.h"

#include <stdlib.h>
#include <string.h>

void samc_server_lock(samc_server *server)
{
    (void)pthread_mutex_lock(&server->lock);
}

void samc_server_unlock(samc_server *server)
{
    (void)pthread_mutex_unlock(&server->lock);
}

static samc_status check_options(const samc_server_options *o, samc_error *error)
{
    if (o->port < 0 || o->port > 65535)
        return SAMC_FAIL(error, ARGUMENT, "port %d is outside 0..65535", (int)o->port);
    if (!o->token && !samc_guard_is_loopback(o->host))
        return SAMC_FAIL(error, ARGUMENT,
                         "--host %s lets other machines in: give a --token that they must show",
                         o->host);
    if (o->token && strlen(o->token) < SAMC_SERVER_TOKEN_MIN)
        return SAMC_FAIL(error, ARGUMENT,
                         "a token of fewer than %d characters is found by trying; "
                         "`openssl rand -hex 16` makes a good one",
                         SAMC_SERVER_TOKEN_MIN);
    for (const char *c = o->token; c && *c; c++)
        if (*c <= ' ' || *c > '~')
            return SAMC_FAIL(error, ARGUMENT, "a token is of letters, digits and signs, no blanks");
    return SAMC_OK;
}

samc_status samc_server_create(const samc_server_options *options, samc_server **server,
                               samc_error *error)
{
    samc_status status = SAMC_OK;
    samc_server *s = NULL;

    SAMC_TRY(check_options(options, error));
    SAMC_TRY(samc_alloc_zero(1, sizeof *s, &s, error));
    s->options = *options;
    if (s->options.upload_bytes > s->options.cache_bytes / 2) /* as bodies have no more of it */
        s->options.upload_bytes = s->options.cache_bytes / 2;
    s->cache.budget = options->cache_bytes;
    s->folder.fd = -1;
    (void)pthread_mutex_init(&s->lock, NULL);
    atomic_init(&s->ready, false);
    if (options->folder)
        SAMC_CHECK(samc_folder_open(&s->folder, options->folder, &s->album, error));
    *server = s;

cleanup:
    if (status != SAMC_OK)
        samc_server_free(s);
    return status;
}

int32_t samc_server_port(const samc_server *server)
{
    return server->port;
}

size_t samc_server_folder_count(const samc_server *server)
{
    return server->folder.count;
}

samc_status samc_server_set_model(samc_server *server, samc_context *context,
                                  const samc_model *model, const char *path, samc_error *error)
{
    samc_model_info info = SAMC_MODEL_INFO_INIT;
    void *decoder = NULL;
    size_t size = 0;
    const size_t one = samc_embedding_shrunk_bytes(model);

    SAMC_TRY(samc_model_get_info(model, &info, error));
    if (one > server->options.cache_bytes / 2)
        return SAMC_FAIL(error, ARGUMENT,
                         "the cache of %zu MiB is too small for this model: an embedding takes %zu "
                         "MiB and half of the cache is for requests; give --cache-mib %zu or more",
                         server->options.cache_bytes >> 20, (one >> 20) + 1, 2 * ((one >> 20) + 1));
    SAMC_TRY(samc_decoder_extract(path, &decoder, &size, error));
    samc_server_lock(server);
    server->context = context;
    server->model = model;
    server->info = info;
    server->decoder = decoder;
    server->decoder_size = size;
    atomic_store(&server->ready, true);
    samc_server_unlock(server);
    return SAMC_OK;
}

void samc_server_free(samc_server *server)
{
    if (!server)
        return;
    samc_jobs_stop(server);
    if (server->listener)
        server->stop_listener(server);
    samc_album_clear(&server->album, &server->cache);
    samc_folder_close(&server->folder, &server->cache);
    samc_embedding_free(server->last.whole);
    samc_bytes_free(server->decoder);
    (void)pthread_mutex_destroy(&server->lock);
    free(server);
}
