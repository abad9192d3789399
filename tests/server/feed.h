/* SPDX-License-Identifier: Apache-2.0
 *
 * Feed: requests without sockets. A script goes through the routes in the order in which
 * server/exchange.c calls them, on the caller's thread. A script is requests between lines "%%":
 *
 *     POST /api/photos?a=b     a '+' before the method: the queues are not served after it
 *     Cookie: x={S}
 *                              an empty line, and all that follows is the body
 *     {P}
 *
 * {P} is a small photo (6 x 4), {S} the session that was given out last, {0} to {3} the ids of the
 * photos that were uploaded, {a} to {j} those of the folder's first photos. Without a line "Host"
 * the host is 127.0.0.1.
 */
#ifndef SAMC_TESTS_FEED_H
#define SAMC_TESTS_FEED_H

#include "server/routes.h"
#include "server/state.h"

#define FEED_PHOTOS 4

/* A PNG of 6 x 4. */
extern const uint8_t feed_photo[76];

typedef struct feed_answer {
    const char *method, *path; /* of the request */
    int status;
    const char *type;
    const uint8_t *body; /* [size] */
    size_t size;
    const samc_http_reply *reply; /* its bodies are empty where they were streams or jobs */
} feed_answer;

typedef void (*feed_fn)(void *user, const feed_answer *answer);

typedef struct feed {
    samc_server *server;
    feed_fn take; /* gets every answer, once it is whole */
    void *user;
    char session[SAMC_ID_DIGITS + 1];
    samc_id photos[FEED_PHOTOS];
    size_t count; /* of photos */
    int patience; /* a client of everything mode leaves after so many looks; 0: never */
} feed;

/* Begin with {.server, .take, .user}. Aborts where memory runs out. */
void feed_run(feed *f, const uint8_t *script, size_t size);
/* The same with a script that ends with NUL. */
void feed_text(feed *f, const char *script);

#endif
