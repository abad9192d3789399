/* SPDX-License-Identifier: Apache-2.0
 *
 * One request and its answer, between libmicrohttpd and the routes.
 */
#define _POSIX_C_SOURCE 200809L

#include "server/listen.h"

#include "base/memory.h"
#include "server/answer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define FIRST_BODY ((size_t)16 << 10)

typedef struct exchange {
    samc_waiter waiter; /* first: a waiter is its exchange */
    samc_server *server;
    struct MHD_Connection *handle;
    samc_connection *connection; /* NULL: there was no memory for it */
    const samc_route *route;
    samc_item *body; /* data [bytes - sizeof *body] */
    size_t body_most;
    bool too_large, no_room;
    bool waiting; /* for reply.job */
    samc_http_reply reply;
} exchange;

/* ------------------------------------------------------------------------- request */

static const char *find_value(void *user, samc_http_place place, const char *name)
{
    return MHD_lookup_connection_value(
        user, place == SAMC_HTTP_HEADER ? MHD_HEADER_KIND : MHD_GET_ARGUMENT_KIND, name);
}

static void enter(exchange *x, samc_phase phase)
{
    if (x->connection)
        samc_connection_enter(x->server, x->connection, phase);
}

/* ------------------------------------------------------------------------- waiting */

static void wake(samc_waiter *waiter)
{
    exchange *x = (exchange *)waiter;

    enter(x, SAMC_PHASE_REPLY);
    MHD_resume_connection(x->handle);
}

/* While a connection is suspended nobody else reads it: at its end there is a byte count of 0. */
static bool is_gone(samc_waiter *waiter)
{
    const exchange *x = (const exchange *)waiter;
    char byte;
    ssize_t n;

    if (!x->connection)
        return false;
    n = recv(x->connection->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

static void suspend(exchange *x, samc_waiter **place)
{
    enter(x, SAMC_PHASE_WORK);
    MHD_suspend_connection(x->handle);
    *place = &x->waiter;
}

/* ------------------------------------------------------------------------- reply */

/* An item that libmicrohttpd sends. */
typedef struct sent_item {
    samc_server *server;
    samc_item *item;
} sent_item;

static void free_item(void *cls)
{
    sent_item *sent = cls;

    samc_server_lock(sent->server);
    samc_item_release(&sent->server->cache, sent->item);
    samc_server_unlock(sent->server);
    free(sent);
}

/* libmicrohttpd calls it when it can send; without anything to send the connection sleeps. */
static ssize_t read_stream(void *cls, uint64_t position, char *bytes, size_t room)
{
    exchange *x = cls;
    samc_stream *stream = x->reply.stream;
    ssize_t n;

    (void)position;
    samc_server_lock(x->server);
    n = (ssize_t)samc_stream_read(stream, bytes, room);
    if (n > 0) {
        enter(x, SAMC_PHASE_REPLY);
    } else if (stream->closed) {
        n = stream->broken ? MHD_CONTENT_READER_END_WITH_ERROR : MHD_CONTENT_READER_END_OF_STREAM;
    } else {
        suspend(x, &stream->waiter);
    }
    samc_server_unlock(x->server);
    return n;
}

/* libmicrohttpd's type is not const, but it only reads. */
static struct MHD_Response *make_fixed_response(const void *bytes, size_t size)
{
    union {
        const void *in;
        void *out;
    } buffer = {bytes};

    return MHD_create_response_from_buffer(size, buffer.out, MHD_RESPMEM_PERSISTENT);
}

/* The answer's body as libmicrohttpd wants it; an item's hold goes along. */
static struct MHD_Response *make_response(exchange *x)
{
    samc_http_reply *reply = &x->reply;
    struct MHD_Response *response;
    sent_item *sent = NULL;

    if (reply->stream)
        return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 4096, read_stream, x, NULL);
    if (!reply->item)
        return make_fixed_response(reply->fixed, reply->fixed_size);
    if (samc_alloc_zero(1, sizeof *sent, &sent, NULL) != SAMC_OK)
        return NULL;
    *sent = (sent_item){x->server, reply->item};
    response = MHD_create_response_from_buffer_with_free_callback_cls(
        reply->item->size, reply->item->data, free_item, sent);
    if (response)
        reply->item = NULL;
    else
        free(sent);
    return response;
}

static void add_headers(const samc_http_reply *reply, struct MHD_Response *response)
{
    static const char *const always[][2] = {
        {"Content-Security-Policy",
         "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; "
         "connect-src 'self' blob: data:; img-src 'self' blob: data:; style-src 'self'; "
         "font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; "
         "frame-ancestors 'none'"},
        {"X-Content-Type-Options", "nosniff"},
        {"Referrer-Policy", "no-referrer"},
        {"Cross-Origin-Opener-Policy", "same-origin"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
    };
    const struct {
        const char *name, *value;
    } some[] = {
        {"Content-Type", reply->type},
        {"Cache-Control", reply->etag[0] ? "no-cache" : "no-store"},
        {"ETag", reply->etag[0] ? reply->etag : NULL},
        {"Set-Cookie", reply->cookie[0] ? reply->cookie : NULL},
        {"Allow", reply->allow},
        {"WWW-Authenticate", reply->authenticate ? "Bearer" : NULL},
        {"Retry-After", reply->retry ? "1" : NULL},
    };

    for (size_t i = 0; i < sizeof always / sizeof always[0]; i++)
        (void)MHD_add_response_header(response, always[i][0], always[i][1]);
    for (size_t i = 0; i < sizeof some / sizeof some[0]; i++)
        if (some[i].value)
            (void)MHD_add_response_header(response, some[i].name, some[i].value);
}

/* Hands the reply to libmicrohttpd. The lock is not held: it may send at once. */
static enum MHD_Result send_reply(exchange *x)
{
    const int status = x->reply.status;
    struct MHD_Response *response;
    enum MHD_Result result;

    samc_server_lock(x->server);
    x->server->counts.requests[status / 100 % 6]++;
    enter(x, SAMC_PHASE_REPLY);
    response = make_response(x);
    samc_server_unlock(x->server);
    if (!response)
        return MHD_NO;
    add_headers(&x->reply, response);
    result = MHD_queue_response(x->handle, (unsigned)status, response);
    MHD_destroy_response(response);
    return result;
}

/* ------------------------------------------------------------------------- body */

/* A body's bytes count as incoming until it is whole; half of the cache is there for them. */
static bool grow_body(exchange *x, size_t size)
{
    samc_server *server = x->server;
    samc_item *body = x->body;
    const size_t had = body->bytes - sizeof *body;
    const size_t doubled = had ? 2 * had : FIRST_BODY;
    size_t room = doubled < x->body_most ? doubled : x->body_most;
    uint8_t *data;

    if (room < size)
        room = size;
    if (server->listener->incoming + room - had > server->cache.budget / 2 ||
        !samc_cache_spares(&server->cache, room - had) ||
        samc_cache_reserve(&server->cache, room - had, NULL) != SAMC_OK)
        return false;
    data = realloc(body->data, room);
    if (!data) {
        samc_cache_unreserve(&server->cache, room - had);
        return false;
    }
    body->data = data;
    body->bytes += room - had;
    server->listener->incoming += room - had;
    return true;
}

static void drop_body(exchange *x, bool *why)
{
    *why = true;
    if (x->body) {
        x->server->listener->incoming -= x->body->bytes - sizeof *x->body;
        samc_item_release(&x->server->cache, x->body);
    }
    x->body = NULL;
}

/* Takes a piece of the body; what is too much is read and forgotten, so that the client hears why.
 * The lock is held. */
static void take_piece(exchange *x, const char *bytes, size_t size)
{
    samc_cache *cache = &x->server->cache;

    if (x->too_large || x->no_room)
        return;
    if (!x->body) {
        if (samc_cache_reserve(cache, sizeof *x->body, NULL) != SAMC_OK) {
            x->no_room = true;
            return;
        }
        if (samc_item_create(sizeof *x->body, &x->body, NULL) != SAMC_OK) {
            samc_cache_unreserve(cache, sizeof *x->body);
            x->no_room = true;
            return;
        }
    }
    if (size > x->body_most - x->body->size) {
        drop_body(x, &x->too_large);
    } else if (x->body->size + size > x->body->bytes - sizeof *x->body &&
               !grow_body(x, x->body->size + size)) {
        drop_body(x, &x->no_room);
    } else {
        memcpy(x->body->data + x->body->size, bytes, size);
        x->body->size += size;
    }
}

/* ------------------------------------------------------------------------- handling */

static void reply_too_large(exchange *x)
{
    samc_answer_error(x->server, &x->reply, 413, "limit", "the body is larger than is taken here");
}

/* Whether Content-Length alone shows that the body is too large. */
static bool announces_too_much(const exchange *x)
{
    const char *text = MHD_lookup_connection_value(x->handle, MHD_HEADER_KIND,
                                                   MHD_HTTP_HEADER_CONTENT_LENGTH);

    return text && strtoull(text, NULL, 10) > x->body_most;
}

/* The head is there. */
static enum MHD_Result begin(samc_server *server, struct MHD_Connection *handle,
                             const samc_http_request *request, void **state)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(
        handle, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    exchange *x = NULL;
    bool refused;

    if (samc_alloc_zero(1, sizeof *x, &x, NULL) != SAMC_OK)
        return MHD_NO;
    x->waiter.wake = wake;
    x->waiter.is_gone = is_gone;
    x->server = server;
    x->handle = handle;
    x->connection = info ? info->socket_context : NULL;
    *state = x;
    samc_server_lock(server);
    enter(x, SAMC_PHASE_BODY);
    x->route = samc_routes_admit(server, request, &x->body_most, &x->reply);
    if (x->route && announces_too_much(x)) {
        reply_too_large(x);
        x->route = NULL;
    }
    refused = !x->route;
    samc_server_unlock(server);
    return refused ? send_reply(x) : MHD_YES;
}

/* The request is whole. */
static enum MHD_Result answer(exchange *x, const samc_http_request *request)
{
    samc_server *server = x->server;

    samc_server_lock(server);
    if (x->too_large) {
        reply_too_large(x);
    } else if (x->no_room) {
        samc_answer_error(server, &x->reply, 503, "busy",
                          "the server's memory is full; try again later");
    } else {
        if (x->body)
            server->listener->incoming -= x->body->bytes - sizeof *x->body;
        samc_routes_answer(server, x->route, request, x->body, &x->reply);
        samc_item_release(&server->cache, x->body);
        x->body = NULL;
    }
    x->waiting = x->reply.job != NULL;
    if (x->waiting && !x->reply.job->done) {
        suspend(x, &x->reply.job->waiter);
        samc_server_unlock(server);
        return MHD_YES;
    }
    if (x->waiting)
        samc_routes_finish(server, &x->reply);
    x->waiting = false;
    samc_server_unlock(server);
    return send_reply(x);
}

enum MHD_Result samc_exchange_handle(void *cls, struct MHD_Connection *handle, const char *url,
                                     const char *method, const char *version, const char *upload,
                                     size_t *upload_size, void **state)
{
    samc_server *server = cls;
    const samc_http_request request = {method, url, find_value, handle};
    exchange *x = *state;

    (void)version;
    if (!x)
        return begin(server, handle, &request, state);
    if (*upload_size) {
        samc_server_lock(server);
        take_piece(x, upload, *upload_size);
        samc_server_unlock(server);
        *upload_size = 0;
        return MHD_YES;
    }
    if (!x->waiting)
        return answer(x, &request);
    samc_server_lock(server);
    samc_routes_finish(server, &x->reply);
    x->waiting = false;
    samc_server_unlock(server);
    return send_reply(x);
}

void samc_exchange_completed(void *cls, struct MHD_Connection *handle, void **state,
                             enum MHD_RequestTerminationCode code)
{
    samc_server *server = cls;
    exchange *x = *state;

    (void)handle;
    if (!x)
        return;
    samc_server_lock(server);
    if (code != MHD_REQUEST_TERMINATED_COMPLETED_OK)
        server->counts.requests[0]++;
    if (x->reply.stream) {
        x->reply.stream->abandoned = true;
        x->reply.stream->waiter = NULL;
    }
    if (x->reply.job)
        x->reply.job->waiter = NULL;
    if (x->body) {
        server->listener->incoming -= x->body->bytes - sizeof *x->body;
        samc_item_release(&server->cache, x->body);
    }
    samc_answer_free(server, &x->reply);
    enter(x, SAMC_PHASE_HEAD);
    samc_server_unlock(server);
    free(x);
    *state = NULL;
}
