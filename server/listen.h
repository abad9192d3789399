/* SPDX-License-Identifier: Apache-2.0
 *
 * Listen: the sockets, by libmicrohttpd: one thread receives and sends for all connections; a
 * connection whose answer is not there yet is suspended, so that it costs its memory only.
 *
 * A client that is slow loses its connection: it has client_seconds for a request's head (or
 * between two requests), and four times that for its body and for taking the answer. Where there
 * are more connections than options.connections, the one that has kept us waiting longest is
 * closed.
 *
 * This is what listen.c (sockets and the clock) and exchange.c (requests and answers) share.
 */
#ifndef SAMC_SERVER_LISTEN_H
#define SAMC_SERVER_LISTEN_H

#include "server/routes.h"
#include "server/state.h"
#include "server/stream.h"

#include <microhttpd.h>

/* What a connection is waiting for. */
typedef enum samc_phase {
    SAMC_PHASE_HEAD, /* the next request */
    SAMC_PHASE_BODY, /* the rest of a request */
    SAMC_PHASE_WORK, /* us */
    SAMC_PHASE_REPLY /* the client to take the answer */
} samc_phase;

typedef struct samc_connection samc_connection;
struct samc_connection {
    int fd;
    samc_phase phase;
    int64_t since;    /* milliseconds: when the phase began */
    int64_t deadline; /* when the client has been slow enough; 0: it is not waited for */
    samc_connection *newer, *older;
};

struct samc_listener {
    struct MHD_Daemon *daemon;
    samc_connection *newest, *oldest;
    size_t incoming; /* bytes of bodies that have not come to their end */
    pthread_t clock;
    pthread_cond_t clock_stop;
    bool stopping;
};

/* Milliseconds of a clock that only goes forward. */
int64_t samc_listen_now(void);
/* The connection comes to a phase; its deadline follows. The lock is held. */
void samc_connection_enter(const samc_server *server, samc_connection *connection,
                           samc_phase phase);

/* libmicrohttpd's callbacks (exchange.c); `cls` is the server. */
enum MHD_Result samc_exchange_handle(void *cls, struct MHD_Connection *handle, const char *url,
                                     const char *method, const char *version, const char *upload,
                                     size_t *upload_size, void **state);
void samc_exchange_completed(void *cls, struct MHD_Connection *handle, void **state,
                             enum MHD_RequestTerminationCode code);

#endif
