/* SPDX-License-Identifier: Apache-2.0
 *
 * Server: the page and its HTTP interface (docs/HTTP.md) over one model.
 *
 *     samc_server_create     folder scanned, nothing runs
 *     samc_server_start      the port is bound, threads run; most requests get 503
 *     samc_server_set_model  the model is there: from now on everything is answered
 *     samc_server_free       cancels what is under way, and waits for it
 */
#ifndef SAMC_SERVER_SERVER_H
#define SAMC_SERVER_SERVER_H

#include "base/status.h"

#include <stdbool.h>

typedef struct samc_server samc_server;

typedef struct samc_server_options {
    const char *host;       /* address to bind, as numbers, or "localhost" */
    int32_t port;           /* 0: any that is free */
    const char *token;      /* NULL: none is asked for; then only loopback addresses are bound */
    const char *folder;     /* of photos; NULL: none */
    size_t cache_bytes;     /* budget of the cache (server/cache.h) */
    size_t upload_bytes;    /* largest photo file that is taken; at most half of cache_bytes */
    int64_t photo_pixels;   /* largest photo */
    int32_t points;         /* most points, and most boxes, of one request */
    int32_t connections;    /* more at once: the one that has been idle longest is closed */
    int32_t client_seconds; /* for a client to send a request's head; four times that for the body,
                               and again for taking the answer */
} samc_server_options;
#define SAMC_SERVER_OPTIONS_INIT                                                                   \
    {                                                                                              \
        "127.0.0.1", 8080, NULL, NULL, (size_t)512 << 20, (size_t)64 << 20, (int64_t)64 << 20,     \
            256, 512, 15                                                                           \
    }

/* The shortest token that is taken: what is shorter can be found by trying. */
#define SAMC_SERVER_TOKEN_MIN 16

/* Strings of the options must live as long as the server. Errors: ARGUMENT (an option; the message
 * says which), IO (the folder), MEMORY. */
samc_status samc_server_create(const samc_server_options *options, samc_server **server,
                               samc_error *error);
/* Binds and starts the threads. Errors: IO (the address), MEMORY. */
samc_status samc_server_start(samc_server *server, samc_error *error);
/* The port that is bound. */
int32_t samc_server_port(const samc_server *server);
/* How many photos the folder has. */
size_t samc_server_folder_count(const samc_server *server);
/* The model and its context must outlive the server; `path` is the file that the model came from.
 * Errors: ARGUMENT (cache_bytes is too small for its embeddings), MEMORY, and those of reading
 * the decoder from the file. */
samc_status samc_server_set_model(samc_server *server, samc_context *context,
                                  const samc_model *model, const char *path, samc_error *error);
void samc_server_free(samc_server *server);

#endif
