/* SPDX-License-Identifier: Apache-2.0
 *
 * Guard: who may ask. A page of another site must not reach a server on somebody's own machine:
 *
 *   Host            must be the bound address, a name of loopback or, where all addresses
 *                   are bound, any address in numbers or this machine's name: a foreign name
 *                   that was made to point here (DNS rebinding) is refused
 *   Origin          where there is one it must be this server, as Host has it
 *   Sec-Fetch-Site  where there is one it must be same-origin or none, for all of /api/
 *
 * With a token every request but those for static files and /health must show it, as
 * "Authorization: Bearer" or by a session that has logged in.
 */
#ifndef SAMC_SERVER_GUARD_H
#define SAMC_SERVER_GUARD_H

#include "server/http.h"
#include "server/sessions.h"

#include <stdbool.h>

/* Whether `host` (as options have it) is an address of loopback. */
bool samc_guard_is_loopback(const char *host);
/* Whether the Host header may be answered by a server bound to `bound`. `header` may have a
 * port. */
bool samc_guard_host(const char *header, const char *bound);
/* Whether the request comes from this server's own page, or from no page at all. */
bool samc_guard_same_site(const samc_http_request *request);
/* The cookie that says the session, "samc_session_PORT": cookies do not know ports. */
#define SAMC_GUARD_COOKIE_SIZE 32
void samc_guard_cookie_name(int32_t port, char name[SAMC_GUARD_COOKIE_SIZE]);
/* The session that the request shows, or NULL. */
const samc_session *samc_guard_session(const samc_http_request *request, int32_t port,
                                       const samc_sessions *sessions);
/* Whether it shows the token. */
bool samc_guard_token(const samc_http_request *request, const char *token,
                      const samc_session *session);

#endif
