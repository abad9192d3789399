/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "feed.h"

#include "server/answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MOST_HEADERS 32
#define MOST_PENDING 16

const uint8_t feed_photo[76] = {
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48, 0x44, 0x52,
    0x00, 0x00, 0x00, 0x06, 0x00, 0x00, 0x00, 0x04, 0x08, 0x02, 0x00, 0x00, 0x00, 0x22, 0x66, 0xd9,
    0x14, 0x00, 0x00, 0x00, 0x13, 0x49, 0x44, 0x41, 0x54, 0x78, 0xda, 0x63, 0x10, 0x01, 0x83, 0x13,
    0x60, 0x00, 0x61, 0x33, 0x90, 0x2b, 0x04, 0x00, 0x57, 0x79, 0x16, 0x81, 0xa9, 0xc9, 0x56, 0x25,
    0x00, 0x00, 0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82};

/* One request with its answer on the way. */
typedef struct visit {
    samc_waiter waiter; /* first: a waiter is its visit */
    feed *f;
    int looks;  /* of is_gone */
    char *text; /* [size], NUL-terminated; the names and values below point into it */
    size_t size;
    const char *method, *path, *query;
    const char *names[MOST_HEADERS], *values[MOST_HEADERS];
    size_t headers;
    char value[1024]; /* of the query */
    const uint8_t *body;
    size_t body_size;
    samc_http_reply reply;
} visit;

/* ------------------------------------------------------------------------- script -> request */

/* What {c} stands for, or NULL. */
static const void *meaning(const feed *f, uint8_t c, size_t *size)
{
    const samc_picture *picture;

    *size = SAMC_ID_DIGITS;
    if (c == 'P') {
        *size = sizeof feed_photo;
        return feed_photo;
    }
    if (c == 'S' && f->session[0])
        return f->session;
    if (c >= '0' && c < '0' + FEED_PHOTOS && (size_t)(c - '0') < f->count)
        return f->photos[c - '0'].text;
    if (c < 'a' || c > 'j')
        return NULL;
    picture = samc_folder_at(&f->server->folder, (size_t)(c - 'a'));
    return picture ? picture->id.text : NULL;
}

static void *must_alloc(size_t size)
{
    void *memory = calloc(1, size);

    if (!memory) /* a test lets one allocation fail */
        memory = calloc(1, size);
    if (!memory)
        abort();
    return memory;
}

static void expand(const feed *f, const uint8_t *script, size_t size, visit *v)
{
    v->text = must_alloc((size / 3 + 1) * sizeof feed_photo + size + 1);
    for (size_t i = 0; i < size;) {
        size_t n = 0;
        const void *what = i + 2 < size && script[i] == '{' && script[i + 2] == '}'
                               ? meaning(f, script[i + 1], &n)
                               : NULL;

        if (what)
            memcpy(v->text + v->size, what, n);
        else
            v->text[v->size] = (char)script[i];
        v->size += what ? n : 1;
        i += what ? 3 : 1;
    }
}

/* Cuts the line at `at`; returns the next one, or the text's end. */
static char *cut_line(char *at, char *end)
{
    char *newline = memchr(at, '\n', (size_t)(end - at));

    if (!newline)
        return end;
    *newline = '\0';
    return newline + 1;
}

static void read_header(visit *v, char *line)
{
    char *colon = strchr(line, ':');

    if (!colon || v->headers == MOST_HEADERS)
        return;
    *colon++ = '\0';
    v->names[v->headers] = line;
    v->values[v->headers++] = colon + strspn(colon, " ");
}

static void parse(visit *v)
{
    char *end = v->text + v->size, *line = v->text, *next = cut_line(line, end), *space;

    v->method = line;
    space = strchr(line, ' ');
    v->path = space ? space + 1 : "";
    if (space) {
        char *question = strchr(space + 1, '?');

        *space = '\0';
        if (question)
            *question = '\0';
        v->query = question ? question + 1 : NULL;
    }
    for (line = next; line < end && *line != '\n'; line = next) {
        next = cut_line(line, end);
        read_header(v, line);
    }
    v->body = (const uint8_t *)(line < end ? line + 1 : end);
    v->body_size = (size_t)(end - (const char *)v->body);
}

static const char *find_query(visit *v, const char *name)
{
    const size_t length = strlen(name);

    for (const char *at = v->query; at && *at; at += strspn(at, "&")) {
        const size_t pair = strcspn(at, "&");

        if (pair > length && strncmp(at, name, length) == 0 && at[length] == '=') {
            (void)snprintf(v->value, sizeof v->value, "%.*s", (int)(pair - length - 1),
                           at + length + 1);
            return v->value;
        }
        at += pair;
    }
    return NULL;
}

static const char *find_value(void *user, samc_http_place place, const char *name)
{
    visit *v = user;

    if (place == SAMC_HTTP_QUERY)
        return find_query(v, name);
    for (size_t i = 0; i < v->headers; i++)
        if (strcasecmp(v->names[i], name) == 0)
            return v->values[i];
    return strcmp(name, "Host") == 0 ? "127.0.0.1" : NULL;
}

/* ------------------------------------------------------------------------- request -> answer */

static void wake(samc_waiter *waiter)
{
    (void)waiter;
}

static bool is_gone(samc_waiter *waiter)
{
    visit *v = (visit *)waiter;

    return v->f->patience && ++v->looks > v->f->patience;
}

static samc_item *make_body(samc_server *server, const visit *v)
{
    const size_t bytes = v->body_size + sizeof(samc_item);
    samc_item *item = NULL;

    if (samc_cache_reserve(&server->cache, bytes, NULL) != SAMC_OK)
        return NULL;
    if (samc_item_create(bytes, &item, NULL) != SAMC_OK) {
        samc_cache_unreserve(&server->cache, bytes);
        return NULL;
    }
    item->data = must_alloc(v->body_size);
    memcpy(item->data, v->body, v->body_size);
    item->size = v->body_size;
    return item;
}

/* As server/exchange.c does it; the queues are not served. */
static void ask(visit *v)
{
    samc_server *server = v->f->server;
    const samc_http_request request = {v->method, v->path, find_value, v};
    samc_item *body = NULL;
    size_t most = 0;

    samc_server_lock(server);
    const samc_route *route = samc_routes_admit(server, &request, &most, &v->reply);
    if (route && v->body_size <= most && v->body_size)
        body = make_body(server, v);
    if (route && v->body_size > most)
        samc_answer_error(server, &v->reply, 413, "limit", "the body is too large");
    else if (route && v->body_size && !body)
        samc_answer_error(server, &v->reply, 503, "busy", "the server's memory is full");
    else if (route)
        samc_routes_answer(server, route, &request, body, &v->reply);
    samc_item_release(&server->cache, body);
    v->waiter = (samc_waiter){wake, is_gone};
    if (v->reply.job && !v->reply.job->done)
        v->reply.job->waiter = &v->waiter;
    if (v->reply.stream)
        v->reply.stream->waiter = &v->waiter;
    samc_server_unlock(server);
}

/* Notes what later requests may name. */
static void learn(feed *f, const visit *v, const feed_answer *answer)
{
    const char *value = strchr(v->reply.cookie, '=');
    const char *id = answer->status == 201 ? strstr((const char *)answer->body, "\"id\": \"")
                                           : NULL;

    if (value)
        (void)snprintf(f->session, sizeof f->session, "%.32s", value + 1);
    if (id && f->count < FEED_PHOTOS &&
        samc_id_read(id + strlen("\"id\": \""), &f->photos[f->count]))
        f->count++;
}

/* The queues were served: hands the answer over. */
static void finish(visit *v)
{
    feed *f = v->f;
    samc_server *server = f->server;
    uint8_t *body = NULL;
    size_t size = 0;

    samc_server_lock(server);
    if (v->reply.job && !v->reply.job->done)
        abort();
    if (v->reply.job)
        samc_routes_finish(server, &v->reply);
    if (v->reply.stream) {
        if (!v->reply.stream->closed)
            abort();
        body = must_alloc(v->reply.stream->end + 1);
        size = samc_stream_read(v->reply.stream, body, v->reply.stream->end);
        v->reply.stream->waiter = NULL;
    } else {
        const void *bytes = v->reply.item ? v->reply.item->data : v->reply.fixed;

        size = v->reply.item ? v->reply.item->size : v->reply.fixed_size;
        body = must_alloc(size + 1);
        if (size)
            memcpy(body, bytes, size);
    }
    samc_server_unlock(server);
    feed_answer answer = {v->method, v->path, v->reply.status, v->reply.type,
                          body,      size,    &v->reply};
    learn(f, v, &answer);
    f->take(f->user, &answer);
    samc_server_lock(server);
    samc_answer_free(server, &v->reply);
    samc_server_unlock(server);
    free(body);
    free(v->text);
    free(v);
}

/* ------------------------------------------------------------------------- scripts */

static void serve(feed *f, visit **pending, size_t *count)
{
    samc_jobs_run_all(f->server);
    for (size_t i = 0; i < *count; i++)
        finish(pending[i]);
    *count = 0;
}

/* The end of the request that begins at `at`: the next line "%%", or `size`. */
static size_t request_end(const uint8_t *script, size_t size, size_t at)
{
    for (size_t i = at; i + 3 < size; i++)
        if (memcmp(script + i, "\n%%\n", 4) == 0)
            return i;
    return size;
}

void feed_run(feed *f, const uint8_t *script, size_t size)
{
    visit *pending[MOST_PENDING];
    size_t count = 0;

    for (size_t at = 0; at < size;) {
        const size_t end = request_end(script, size, at);
        const bool later = script[at] == '+';
        visit *v = must_alloc(sizeof *v);

        v->f = f;
        expand(f, script + at + later, end - at - later, v);
        parse(v);
        ask(v);
        pending[count++] = v;
        if (!later || count == MOST_PENDING)
            serve(f, pending, &count);
        at = end + 4;
    }
    serve(f, pending, &count);
}

void feed_text(feed *f, const char *script)
{
    feed_run(f, (const uint8_t *)script, strlen(script));
}
