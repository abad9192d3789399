/* SPDX-License-Identifier: Apache-2.0
 *
 * Routes: what is answered where (docs/HTTP.md). No sockets: server/listen.c and the fuzz target
 * both call these. The server's lock is held around every call.
 */
#ifndef SAMC_SERVER_ROUTES_H
#define SAMC_SERVER_ROUTES_H

#include "server/http.h"
#include "server/server.h"

typedef struct samc_route samc_route;

/* Before the body: the guard, and which route it is. NULL where the request is refused, or answered
 * already: *reply is the answer. Else *body_most bounds the body, and samc_routes_answer comes. */
const samc_route *samc_routes_admit(samc_server *server, const samc_http_request *request,
                                    size_t *body_most, samc_http_reply *reply);
/* The answer to an admitted request with its body: an item that the caller holds, or NULL without
 * one. Fills `reply` or gives it a job. */
void samc_routes_answer(samc_server *server, const samc_route *route,
                        const samc_http_request *request, samc_item *body, samc_http_reply *reply);
/* A job that a reply named is done: `reply` becomes what it answers. */
void samc_routes_finish(samc_server *server, samc_http_reply *reply);

#endif
