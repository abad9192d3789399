/* SPDX-License-Identifier: Apache-2.0
 *
 * Answer: how replies are filled in. The server's lock is held around every call; what a reply held
 * before is given back.
 */
#ifndef SAMC_SERVER_ANSWER_H
#define SAMC_SERVER_ANSWER_H

#include "server/http.h"
#include "server/server.h"

#include <jansson.h>

void samc_answer_free(samc_server *server, samc_http_reply *reply);

/* Bytes from malloc, which become the reply's in every case; `type` is a literal. Where the cache
 * has no room the answer is 503. */
void samc_answer_bytes(samc_server *server, samc_http_reply *reply, int status, const char *type,
                       void *bytes, size_t size);
/* 503: there is no room, try again. */
void samc_answer_full(samc_server *server, samc_http_reply *reply);
/* What was written to the stream, and not read, is the answer with status 200; its room stays
 * counted. */
void samc_answer_text(samc_server *server, samc_http_reply *reply, const char *type,
                      samc_stream *text);
/* An item that the caller holds; its hold becomes the reply's. */
void samc_answer_item(samc_server *server, samc_http_reply *reply, const char *type,
                      samc_item *item);
/* The text of a value, NUL-terminated, in memory from malloc; NULL where memory ran out (also while
 * the value was made: NULL is taken). Takes the reference. */
char *samc_answer_dump(json_t *value, size_t *size);
/* Takes the reference to `value`; NULL stands for memory that ran out. */
void samc_answer_json(samc_server *server, samc_http_reply *reply, int status, json_t *value);
/* {"error": message, "code": code}; 503 asks to come again. */
void samc_answer_error(samc_server *server, samc_http_reply *reply, int status, const char *code,
                       const char *message);
/* An error of the library's. `limit` is the status where something is over a limit: 413 (the
 * client's) or 503 (the server is busy). */
void samc_answer_failure(samc_server *server, samc_http_reply *reply, const samc_error *error,
                         int limit);

#endif
