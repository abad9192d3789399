/* SPDX-License-Identifier: Apache-2.0
 *
 * Album: the photos that the server knows, by their ids: those of the folder, and uploaded ones,
 * which belong to a session. The server's lock is held around every call.
 */
#ifndef SAMC_SERVER_ALBUM_H
#define SAMC_SERVER_ALBUM_H

#include "server/cache.h"
#include "server/ids.h"
#include "server/stream.h"

#include <samc_io.h>

#define SAMC_NAME_SIZE 1024 /* a file's name, every byte of 255 as U+FFFD at worst */
#define SAMC_ALBUM_BUCKETS 4096
/* Uploaded photos at once; each also counts in the cache. */
#define SAMC_ALBUM_UPLOADS 4096

/* How far the photo's embedding is. */
typedef enum samc_encoding {
    SAMC_ENCODING_NONE,
    SAMC_ENCODING_WAITING, /* in the queue, or computed */
    SAMC_ENCODING_FAILED,
    SAMC_ENCODING_CANCELLED
} samc_encoding;

typedef struct samc_picture samc_picture;
struct samc_picture {
    samc_id id;
    samc_id owner;         /* a session's; of a photo of the folder empty */
    char *name;            /* UTF-8, fit to be shown */
    char *path;            /* in the folder; NULL: uploaded */
    size_t index;          /* in the folder */
    int32_t width, height; /* upright; 0: not known */
    bool measured;         /* a photo of the folder was read for its size, which may have failed */
    /* in the cache; NULL: not there */
    samc_item *file, *embedding, *thumbnail, *upright;

    samc_encoding encoding;
    char failure[sizeof((samc_error *)0)->message];
    struct samc_job *job;   /* that encodes it, or NULL */
    samc_stream *listeners; /* streams of events */

    int64_t holders; /* the album is one */
    bool listed;
    samc_picture *next; /* of the same bucket */
};

typedef struct samc_album {
    samc_picture *buckets[SAMC_ALBUM_BUCKETS];
    size_t uploads;
} samc_album;

/* A photo with a new id, held once by the caller, not listed yet. `owner` NULL: of the folder.
 * `name` is cleaned. Errors: IO, MEMORY. */
samc_status samc_picture_create(const char *name, const samc_id *owner, samc_picture **picture,
                                samc_error *error);
samc_picture *samc_picture_hold(samc_picture *picture);
void samc_picture_release(samc_cache *cache, samc_picture *picture);

/* Lists it; the album holds it. */
void samc_album_add(samc_album *album, samc_picture *picture);
/* The photo of that id, held once more; NULL where there is none. An uploaded photo whose file the
 * cache had to drop is gone. */
samc_picture *samc_album_find(samc_album *album, samc_cache *cache, const samc_id *id);
/* Takes it out; its blocks are dropped. */
void samc_album_remove(samc_album *album, samc_cache *cache, samc_picture *picture);
/* Takes out the uploads whose files are gone. */
void samc_album_sweep(samc_album *album, samc_cache *cache);
void samc_album_clear(samc_album *album, samc_cache *cache);

#endif
