/* SPDX-License-Identifier: Apache-2.0
 *
 * HTTP without sockets: what a request is for the routes, and what they answer. server/listen.c
 * makes requests of connections and sends replies; a fuzz target makes them of bytes.
 */
#ifndef SAMC_SERVER_HTTP_H
#define SAMC_SERVER_HTTP_H

#include "base/status.h"

#include <stdbool.h>

typedef struct samc_item samc_item;
typedef struct samc_job samc_job;
typedef struct samc_stream samc_stream;

/* Where a named value of a request stands. */
typedef enum samc_http_place { SAMC_HTTP_HEADER, SAMC_HTTP_QUERY } samc_http_place;

/* A request; it owns nothing and is valid during the call that gets it. */
typedef struct samc_http_request {
    const char *method; /* "GET" */
    const char *path;   /* "/api/photos", percent-decoded, without the query */
    /* The value of that name (case does not count in headers), or NULL. */
    const char *(*find)(void *user, samc_http_place place, const char *name);
    void *user;
} samc_http_request;

#define SAMC_HTTP_COOKIE_SIZE 160
#define SAMC_HTTP_ETAG_SIZE 40

/* An answer. Begin with {0}; samc_http_reply_free gives back what it holds. Exactly one of the
 * bodies is there: `item` (bytes of the cache), `fixed` (they live as long as the server), `stream`
 * (bytes that come bit by bit), or `job`, whose own reply is the answer once it is done. */
typedef struct samc_http_reply {
    int status;
    const char *type; /* a literal: "application/json" */
    samc_item *item;
    const void *fixed;
    size_t fixed_size;
    samc_stream *stream;
    samc_job *job;
    const char *allow;                  /* methods, with 405; a literal or NULL */
    char cookie[SAMC_HTTP_COOKIE_SIZE]; /* Set-Cookie; empty: none */
    char etag[SAMC_HTTP_ETAG_SIZE];     /* with quotes; empty: none, and the answer is not kept */
    bool authenticate;                  /* WWW-Authenticate: Bearer, with 401 */
    bool retry;                         /* Retry-After: 1, with 503 */
} samc_http_reply;

/* The value of a header or of the query, or NULL. */
const char *samc_http_header(const samc_http_request *request, const char *name);
const char *samc_http_query(const samc_http_request *request, const char *name);
/* GET, and HEAD, which is a GET whose body is not sent. */
bool samc_http_is_get(const samc_http_request *request);

/* The value of a cookie into `value`; false where there is none or it does not fit. */
bool samc_http_cookie(const samc_http_request *request, const char *name, char *value, size_t size);

/* Undoes percent-encoding of `text` into `bytes` [size], NUL-terminated. False where a % is not
 * followed by two digits, a NUL comes out, it does not fit, or it is no UTF-8. */
bool samc_http_percent_decode(const char *text, char *bytes, size_t size);

/* Copies `bytes` as UTF-8 that is fit to be shown: what is no UTF-8 and what is a control character
 * (also those that turn the direction of text) becomes U+FFFD; what does not fit is cut off. */
void samc_http_clean_text(const char *bytes, char *text, size_t size);

/* Decodes base64 (RFC 4648 with padding, no blanks) into `bytes`; false unless exactly `size` bytes
 * come out. */
bool samc_http_base64_decode(const char *text, size_t length, void *bytes, size_t size);
/* Room for base64 of `size` bytes, NUL included. */
#define SAMC_HTTP_BASE64_SIZE(size) (((size) + 2) / 3 * 4 + 1)
void samc_http_base64_encode(const void *bytes, size_t size, char *text);

/* Whether two texts are equal, in a time that depends on the length of `given` alone. */
bool samc_http_same_secret(const char *given, const char *secret);

#endif
