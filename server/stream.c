/* SPDX-License-Identifier: Apache-2.0 */
#include "server/stream.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM ((size_t)4096)

samc_status samc_stream_create(samc_stream **stream, samc_error *error)
{
    SAMC_TRY(samc_alloc_zero(1, sizeof **stream, stream, error));
    (*stream)->holders = 1;
    return SAMC_OK;
}

samc_stream *samc_stream_hold(samc_stream *stream)
{
    stream->holders++;
    return stream;
}

void samc_stream_release(samc_cache *cache, samc_stream *stream)
{
    if (!stream || --stream->holders > 0)
        return;
    free(stream->bytes);
    samc_cache_unreserve(cache, stream->room);
    free(stream);
}

static void wake(samc_stream *stream)
{
    samc_waiter *waiter = stream->waiter;

    stream->waiter = NULL;
    if (waiter)
        waiter->wake(waiter);
}

/* Room for `size` more: what was read goes, then the buffer doubles. */
static samc_status make_room(samc_cache *cache, samc_stream *stream, size_t size, samc_error *error)
{
    const size_t unread = stream->end - stream->begin;
    size_t room = stream->room ? stream->room : FIRST_ROOM;
    char *bytes = NULL;

    if (unread)
        memmove(stream->bytes, stream->bytes + stream->begin, unread);
    stream->begin = 0;
    stream->end = unread;
    while (room < unread + size)
        room *= 2;
    if (room == stream->room)
        return SAMC_OK;
    SAMC_TRY(samc_cache_reserve(cache, room, error));
    if (samc_alloc(room, 1, &bytes, error) != SAMC_OK) {
        samc_cache_unreserve(cache, room);
        return SAMC_ERROR_MEMORY;
    }
    if (unread)
        memcpy(bytes, stream->bytes, unread);
    free(stream->bytes);
    samc_cache_unreserve(cache, stream->room);
    stream->bytes = bytes;
    stream->room = room;
    return SAMC_OK;
}

samc_status samc_stream_write(samc_cache *cache, samc_stream *stream, const char *bytes,
                              size_t size, samc_error *error)
{
    if (!size || stream->closed || stream->abandoned)
        return SAMC_OK;
    if (stream->room - stream->end < size)
        SAMC_TRY(make_room(cache, stream, size, error));
    memcpy(stream->bytes + stream->end, bytes, size);
    stream->end += size;
    wake(stream);
    return SAMC_OK;
}

void samc_stream_close(samc_stream *stream)
{
    stream->closed = true;
    wake(stream);
}

size_t samc_stream_read(samc_stream *stream, void *bytes, size_t room)
{
    const size_t unread = stream->end - stream->begin;
    const size_t n = unread < room ? unread : room;

    if (n)
        memcpy(bytes, stream->bytes + stream->begin, n);
    stream->begin += n;
    return n;
}

bool samc_stream_is_left(const samc_stream *stream)
{
    return stream->abandoned || (stream->waiter && stream->waiter->is_gone(stream->waiter));
}
