/* SPDX-License-Identifier: Apache-2.0
 *
 * Stream: an answer that comes bit by bit: events, or one mask a line. A worker writes, the sending
 * thread takes; nobody waits for a slow reader: what it has not taken is kept, and counted in the
 * cache. The server's lock is held around every call.
 */
#ifndef SAMC_SERVER_STREAM_H
#define SAMC_SERVER_STREAM_H

#include "server/cache.h"

#include <stdbool.h>

/* Somebody who waits for an answer. Both are called with the server's lock held. */
typedef struct samc_waiter samc_waiter;
struct samc_waiter {
    void (*wake)(samc_waiter *waiter); /* there is something; whoever calls it forgets the waiter */
    bool (*is_gone)(samc_waiter *waiter); /* the client has left: its answer is not needed */
};

typedef struct samc_stream samc_stream;
struct samc_stream {
    int64_t holders;
    char *bytes; /* [room]; unread: begin..end */
    size_t begin, end, room;
    bool closed;         /* nothing more comes */
    bool broken;         /* something is missing: the answer must not look whole */
    bool abandoned;      /* nobody reads any more */
    samc_waiter *waiter; /* of the reader, while it has nothing to do; or NULL */
    samc_stream *next;   /* of the same photo's events */
};

/* Errors: MEMORY. */
samc_status samc_stream_create(samc_stream **stream, samc_error *error);
samc_stream *samc_stream_hold(samc_stream *stream);
void samc_stream_release(samc_cache *cache, samc_stream *stream);
/* Appends and wakes the reader. Errors: LIMIT (the cache has no room), MEMORY. */
samc_status samc_stream_write(samc_cache *cache, samc_stream *stream, const char *bytes,
                              size_t size, samc_error *error);
/* Nothing more comes; wakes the reader. */
void samc_stream_close(samc_stream *stream);
/* Takes at most `room` bytes; returns how many. */
size_t samc_stream_read(samc_stream *stream, void *bytes, size_t room);
/* Whether the reader has left, as far as can be told. */
bool samc_stream_is_left(const samc_stream *stream);

#endif
