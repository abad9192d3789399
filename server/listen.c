/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* SOCK_CLOEXEC */

#include "server/listen.h"

#include "base/memory.h"
#include "server/events.h"

#include <errno.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* A request's head and what libmicrohttpd keeps of the answer's; a longer head gets 431. */
#define CONNECTION_MEMORY ((size_t)32 << 10)
#define BEAT_MS 15000

int64_t samc_listen_now(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void samc_connection_enter(const samc_server *server, samc_connection *connection, samc_phase phase)
{
    const int64_t patience = (int64_t)server->options.client_seconds * 1000;

    connection->phase = phase;
    connection->since = samc_listen_now();
    connection->deadline = phase == SAMC_PHASE_WORK   ? 0
                           : phase == SAMC_PHASE_HEAD ? connection->since + patience
                                                      : connection->since + 4 * patience;
}

/* ------------------------------------------------------------------------- connections */

/* libmicrohttpd sees the end of the connection and closes it. */
static void drop(samc_server *server, samc_connection *connection)
{
    (void)shutdown(connection->fd, SHUT_RDWR);
    connection->deadline = 0;
    connection->phase = SAMC_PHASE_WORK; /* is not chosen again */
    server->counts.dropped++;
}

/* Closes the connection that has kept us waiting longest: for a head, else for a body, else for
 * taking an answer, which it has been for some time. */
static void make_room(samc_server *server, const samc_connection *fresh)
{
    static const samc_phase phases[] = {SAMC_PHASE_HEAD, SAMC_PHASE_BODY, SAMC_PHASE_REPLY};
    const int64_t patience = (int64_t)server->options.client_seconds * 1000;

    for (size_t i = 0; i < sizeof phases / sizeof phases[0]; i++) {
        const int64_t least = phases[i] == SAMC_PHASE_REPLY ? patience : 0;
        samc_connection *longest = NULL;

        for (samc_connection *c = server->listener->oldest; c; c = c->newer)
            if (c != fresh && c->phase == phases[i] && fresh->since - c->since >= least &&
                (!longest || c->since < longest->since))
                longest = c;
        if (longest) {
            drop(server, longest);
            return;
        }
    }
}

static void add_connection(samc_server *server, struct MHD_Connection *handle, void **context)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(
        handle, MHD_CONNECTION_INFO_CONNECTION_FD);
    samc_listener *listener = server->listener;
    samc_connection *c = NULL;

    if (!info || samc_alloc_zero(1, sizeof *c, &c, NULL) != SAMC_OK)
        return; /* without a deadline of ours; libmicrohttpd's own holds */
    c->fd = info->connect_fd;
    samc_connection_enter(server, c, SAMC_PHASE_HEAD);
    c->older = listener->newest;
    *(c->older ? &c->older->newer : &listener->oldest) = c;
    listener->newest = c;
    *context = c;
    if (server->counts.connections > (uint64_t)server->options.connections)
        make_room(server, c);
}

static void on_connection(void *cls, struct MHD_Connection *handle, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    samc_server *server = cls;
    samc_connection *c = *context;

    samc_server_lock(server);
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        server->counts.connections++;
        add_connection(server, handle, context);
    } else {
        server->counts.connections--;
        if (c) {
            *(c->newer ? &c->newer->older : &server->listener->newest) = c->older;
            *(c->older ? &c->older->newer : &server->listener->oldest) = c->newer;
            free(c);
        }
        *context = NULL;
    }
    samc_server_unlock(server);
}

/* ------------------------------------------------------------------------- the clock */

static void drop_slow(samc_server *server)
{
    const int64_t now = samc_listen_now();

    for (samc_connection *c = server->listener->oldest; c; c = c->newer)
        if (c->deadline && now > c->deadline)
            drop(server, c);
}

static void *clock_thread(void *argument)
{
    samc_server *server = argument;
    samc_listener *listener = server->listener;
    int64_t beat = samc_listen_now();

    samc_server_lock(server);
    while (!listener->stopping) {
        struct timespec until;

        (void)clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec++;
        (void)pthread_cond_timedwait(&listener->clock_stop, &server->lock, &until);
        drop_slow(server);
        if (samc_listen_now() - beat >= BEAT_MS) {
            beat = samc_listen_now();
            samc_events_beat(server);
        }
    }
    samc_server_unlock(server);
    return NULL;
}

/* ------------------------------------------------------------------------- start and stop */

static int bind_first(const struct addrinfo *list)
{
    int saved;

    for (const struct addrinfo *a = list; a; a = a->ai_next) {
        const int fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
        const int on = 1;

        if (fd < 0)
            continue;
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, SOMAXCONN) == 0)
            return fd;
        saved = errno;
        (void)close(fd);
        errno = saved;
    }
    return -1;
}

static samc_status bind_socket(const samc_server_options *options, int *fd, int32_t *port,
                               samc_error *error)
{
    const bool local = strcmp(options->host, "localhost") == 0;
    struct addrinfo hints, *list = NULL;
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    char service[16], number[16];
    int failed;

    memset(&hints, 0, sizeof hints);
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV;
    (void)snprintf(service, sizeof service, "%d", (int)options->port);
    failed = getaddrinfo(local ? "127.0.0.1" : options->host, service, &hints, &list);
    if (failed)
        return SAMC_FAIL(error, ARGUMENT, "--host %s is no address in numbers, such as 127.0.0.1",
                         options->host);
    *fd = bind_first(list);
    freeaddrinfo(list);
    if (*fd < 0)
        return SAMC_FAIL(error, IO, "cannot listen on %s, port %d: %s", options->host,
                         (int)options->port, strerror(errno));
    if (getsockname(*fd, (struct sockaddr *)&address, &size) != 0 ||
        getnameinfo((struct sockaddr *)&address, size, NULL, 0, number, sizeof number,
                    NI_NUMERICSERV) != 0) {
        (void)close(*fd);
        return SAMC_FAIL(error, IO, "the system does not say which port it gave");
    }
    *port = (int32_t)strtol(number, NULL, 10);
    return SAMC_OK;
}

/* Every connection is a file; the usual limit is 1024. */
static void raise_file_limit(int32_t connections)
{
    const rlim_t wanted = 2 * (rlim_t)connections + 512;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

static void say_nothing(void *cls, const char *format, va_list arguments)
{
    (void)cls;
    (void)format;
    (void)arguments;
}

static void stop_listener(samc_server *server)
{
    samc_listener *listener = server->listener;

    samc_server_lock(server);
    listener->stopping = true;
    (void)pthread_cond_signal(&listener->clock_stop);
    samc_server_unlock(server);
    (void)pthread_join(listener->clock, NULL);
    MHD_stop_daemon(listener->daemon);
    (void)pthread_cond_destroy(&listener->clock_stop);
    server->listener = NULL;
    free(listener);
}

static samc_status start_listener(samc_server *server, samc_error *error)
{
    const samc_server_options *o = &server->options;
    samc_listener *l = NULL;
    samc_status status = SAMC_OK;
    int fd = -1;

    SAMC_CHECK(samc_alloc_zero(1, sizeof *l, &l, error));
    SAMC_CHECK(bind_socket(o, &fd, &server->port, error));
    raise_file_limit(o->connections);
    (void)pthread_cond_init(&l->clock_stop, NULL);
    server->listener = l;
    server->stop_listener = stop_listener;
    /* twice as many connections: those that were shut down are closed a moment later; and twice
     * the longest deadline of ours, which comes first and is counted */
    l->daemon = MHD_start_daemon(
        MHD_USE_AUTO | MHD_USE_INTERNAL_POLLING_THREAD | MHD_ALLOW_SUSPEND_RESUME |
            MHD_USE_ERROR_LOG,
        0, NULL, NULL, samc_exchange_handle, server, MHD_OPTION_EXTERNAL_LOGGER, say_nothing, NULL,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)(2 * o->connections), MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)(8 * o->client_seconds), MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, server, MHD_OPTION_NOTIFY_COMPLETED,
        samc_exchange_completed, server, MHD_OPTION_END);
    if (!l->daemon)
        SAMC_CHECK(SAMC_FAIL(error, MEMORY, "libmicrohttpd cannot start"));
    fd = -1; /* libmicrohttpd's now */
    if (pthread_create(&l->clock, NULL, clock_thread, server) != 0) {
        MHD_stop_daemon(l->daemon);
        SAMC_CHECK(SAMC_FAIL(error, MEMORY, "cannot start a thread"));
    }

cleanup:
    if (fd >= 0)
        (void)close(fd);
    if (status != SAMC_OK) {
        server->listener = NULL;
        free(l);
    }
    return status;
}

samc_status samc_server_start(samc_server *server, samc_error *error)
{
    SAMC_TRY(samc_jobs_start(server, error));
    return start_listener(server, error);
}
