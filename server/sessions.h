/* SPDX-License-Identifier: Apache-2.0
 *
 * Sessions: who uploaded what. A browser gets a cookie with a random id at its first upload or with
 * the token; only ids that the server gave out count. Beyond SAMC_SESSIONS the oldest is forgotten.
 */
#ifndef SAMC_SERVER_SESSIONS_H
#define SAMC_SERVER_SESSIONS_H

#include "server/ids.h"

#define SAMC_SESSIONS 4096

typedef struct samc_session {
    samc_id id;
    bool trusted; /* has shown the token */
} samc_session;

typedef struct samc_sessions {
    samc_session list[SAMC_SESSIONS]; /* a ring */
    size_t count;                     /* ever given out */
} samc_sessions;

/* The session of that id, or NULL. */
const samc_session *samc_session_find(const samc_sessions *sessions, const samc_id *id);
/* A new one; valid until SAMC_SESSIONS others were made. Errors: IO. */
samc_status samc_session_make(samc_sessions *sessions, bool trusted, const samc_session **session,
                              samc_error *error);

#endif
