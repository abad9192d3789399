/* SPDX-License-Identifier: Apache-2.0 */
#include "server/album.h"

#include "base/memory.h"
#include "server/http.h"

#include <stdlib.h>
#include <string.h>

samc_status samc_picture_create(const char *name, const samc_id *owner, samc_picture **picture,
                                samc_error *error)
{
    samc_status status = SAMC_OK;
    char clean[SAMC_NAME_SIZE];
    samc_picture *p = NULL;

    SAMC_CHECK(samc_alloc_zero(1, sizeof *p, &p, error));
    SAMC_CHECK(samc_id_make(&p->id, error));
    samc_http_clean_text(name, clean, sizeof clean);
    SAMC_CHECK(samc_alloc_string(clean, &p->name, error));
    if (owner)
        p->owner = *owner;
    p->holders = 1;
    *picture = p;

cleanup:
    if (status != SAMC_OK)
        free(p);
    return status;
}

samc_picture *samc_picture_hold(samc_picture *picture)
{
    picture->holders++;
    return picture;
}

static void drop_blocks(samc_cache *cache, samc_picture *picture)
{
    samc_cache_drop(cache, &picture->file);
    samc_cache_drop(cache, &picture->embedding);
    samc_cache_drop(cache, &picture->thumbnail);
    samc_cache_drop(cache, &picture->upright);
}

void samc_picture_release(samc_cache *cache, samc_picture *picture)
{
    if (!picture || --picture->holders > 0)
        return;
    drop_blocks(cache, picture);
    free(picture->name);
    free(picture->path);
    free(picture);
}

void samc_album_add(samc_album *album, samc_picture *picture)
{
    samc_picture **bucket = &album->buckets[samc_id_hash(&picture->id) % SAMC_ALBUM_BUCKETS];

    picture->next = *bucket;
    *bucket = samc_picture_hold(picture);
    picture->listed = true;
    album->uploads += picture->path ? 0 : 1;
}

void samc_album_remove(samc_album *album, samc_cache *cache, samc_picture *picture)
{
    samc_picture **at = &album->buckets[samc_id_hash(&picture->id) % SAMC_ALBUM_BUCKETS];

    while (*at && *at != picture)
        at = &(*at)->next;
    if (!*at)
        return;
    *at = picture->next;
    picture->listed = false;
    album->uploads -= picture->path ? 0 : 1;
    drop_blocks(cache, picture);
    samc_picture_release(cache, picture);
}

samc_picture *samc_album_find(samc_album *album, samc_cache *cache, const samc_id *id)
{
    samc_picture *p = album->buckets[samc_id_hash(id) % SAMC_ALBUM_BUCKETS];

    while (p && !samc_id_equal(&p->id, id))
        p = p->next;
    if (p && !p->path && !p->file) {
        samc_album_remove(album, cache, p);
        return NULL;
    }
    return p ? samc_picture_hold(p) : NULL;
}

void samc_album_sweep(samc_album *album, samc_cache *cache)
{
    for (size_t i = 0; i < SAMC_ALBUM_BUCKETS; i++)
        for (samc_picture *p = album->buckets[i], *next; p; p = next) {
            next = p->next;
            if (!p->path && !p->file)
                samc_album_remove(album, cache, p);
        }
}

void samc_album_clear(samc_album *album, samc_cache *cache)
{
    for (size_t i = 0; i < SAMC_ALBUM_BUCKETS; i++)
        while (album->buckets[i])
            samc_album_remove(album, cache, album->buckets[i]);
}
