/* SPDX-License-Identifier: Apache-2.0 */
#include "server/answer.h"

#include "server/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char full[] = "{\"error\": \"the server's memory is full; try again later\", "
                           "\"code\": \"busy\"}";

void samc_answer_free(samc_server *server, samc_http_reply *reply)
{
    samc_item_release(&server->cache, reply->item);
    samc_stream_release(&server->cache, reply->stream);
    samc_job_release(server, reply->job);
    *reply = (samc_http_reply){0};
}

void samc_answer_full(samc_server *server, samc_http_reply *reply)
{
    samc_answer_free(server, reply);
    reply->status = 503;
    reply->type = "application/json";
    reply->fixed = full;
    reply->fixed_size = sizeof full - 1;
    reply->retry = true;
}

void samc_answer_bytes(samc_server *server, samc_http_reply *reply, int status, const char *type,
                       void *bytes, size_t size)
{
    samc_item *item = NULL;
    char cookie[SAMC_HTTP_COOKIE_SIZE];

    if (samc_cache_reserve(&server->cache, size + sizeof *item, NULL) != SAMC_OK) {
        free(bytes);
        samc_answer_full(server, reply);
        return;
    }
    if (samc_item_create(size + sizeof *item, &item, NULL) != SAMC_OK) {
        samc_cache_unreserve(&server->cache, size + sizeof *item);
        free(bytes);
        samc_answer_full(server, reply);
        return;
    }
    item->data = bytes;
    item->size = size;
    memcpy(cookie, reply->cookie, sizeof cookie);
    samc_answer_item(server, reply, type, item);
    memcpy(reply->cookie, cookie, sizeof cookie);
    reply->status = status;
}

void samc_answer_text(samc_server *server, samc_http_reply *reply, const char *type,
                      samc_stream *text)
{
    samc_item *item = NULL;

    if (samc_cache_reserve(&server->cache, sizeof *item, NULL) != SAMC_OK) {
        samc_answer_full(server, reply);
        return;
    }
    if (samc_item_create(text->room + sizeof *item, &item, NULL) != SAMC_OK) {
        samc_cache_unreserve(&server->cache, sizeof *item);
        samc_answer_full(server, reply);
        return;
    }
    item->data = (uint8_t *)text->bytes;
    item->size = text->end;
    text->bytes = NULL;
    text->begin = text->end = text->room = 0;
    samc_answer_item(server, reply, type, item);
}

void samc_answer_item(samc_server *server, samc_http_reply *reply, const char *type,
                      samc_item *item)
{
    samc_answer_free(server, reply);
    reply->status = 200;
    reply->type = type;
    reply->item = item;
}

/* Not json_dumps: where its buffer cannot grow it may leave out a key. */
char *samc_answer_dump(json_t *value, size_t *size)
{
    const size_t flags = JSON_REAL_PRECISION(17);
    char *text;

    *size = value ? json_dumpb(value, NULL, 0, flags) : 0;
    text = *size ? malloc(*size + 1) : NULL;
    if (text && json_dumpb(value, text, *size, flags) != *size) {
        free(text);
        text = NULL;
    }
    if (text)
        text[*size] = '\0';
    json_decref(value);
    return text;
}

void samc_answer_json(samc_server *server, samc_http_reply *reply, int status, json_t *value)
{
    size_t size = 0;
    char *text = samc_answer_dump(value, &size);

    if (text)
        samc_answer_bytes(server, reply, status, "application/json", text, size);
    else
        samc_answer_full(server, reply);
}

void samc_answer_error(samc_server *server, samc_http_reply *reply, int status, const char *code,
                       const char *message)
{
    samc_answer_json(server, reply, status,
                     json_pack("{s:s, s:s}", "error", message, "code", code));
    reply->retry = status == 503;
}

void samc_answer_failure(samc_server *server, samc_http_reply *reply, const samc_error *error,
                         int limit)
{
    char message[sizeof error->message];

    /* messages may hold bytes of files, which need not be UTF-8 */
    samc_http_clean_text(error->message, message, sizeof message);
    switch (error->status) {
    case SAMC_ERROR_PROMPT: samc_answer_error(server, reply, 400, "prompt", message); return;
    case SAMC_ERROR_FORMAT: samc_answer_error(server, reply, 400, "format", message); return;
    case SAMC_ERROR_UNSUPPORTED:
        samc_answer_error(server, reply, 415, "unsupported", message);
        return;
    case SAMC_ERROR_LIMIT:
        samc_answer_error(server, reply, limit, limit == 503 ? "busy" : "limit", message);
        return;
    case SAMC_ERROR_MEMORY: samc_answer_error(server, reply, 503, "memory", message); return;
    case SAMC_ERROR_CANCELLED: samc_answer_error(server, reply, 503, "cancelled", message); return;
    default: samc_answer_error(server, reply, 500, "failed", message);
    }
}
