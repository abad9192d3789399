/* SPDX-License-Identifier: Apache-2.0 */
#include "train/supply.h"

#include "base/memory.h"
#include "image/resize.h"

#include <stdlib.h>

/* So many files are drawn at random; if all were bad, the source is gone through from there. */
#define RANDOM_TRIES 32

static void free_stock(void *item)
{
    samc_stock *stock = item;

    samc_photo_free(&stock->photo);
    samc_cutout_free(&stock->cutout);
    free(stock);
}

samc_status samc_supply_begin(samc_supply *supply, size_t cache_bytes, double min_area,
                              samc_samples_note_fn note, void *user, samc_error *error)
{
    supply->note = note;
    supply->user = user;
    supply->min_area = min_area;
    SAMC_TRY(samc_cache_create(cache_bytes, free_stock, &supply->cache, error));
    if (pthread_mutex_init(&supply->lock, NULL) != 0) {
        samc_cache_free(supply->cache);
        supply->cache = NULL;
        return SAMC_FAIL(error, MEMORY, "the system has no more locks");
    }
    return SAMC_OK;
}

void samc_supply_end(samc_supply *supply)
{
    if (!supply->cache)
        return;
    samc_cache_free(supply->cache);
    (void)pthread_mutex_destroy(&supply->lock);
    supply->cache = NULL;
}

static void note_bad(samc_supply *supply, samc_source *source, size_t index, const char *message)
{
    (void)pthread_mutex_lock(&supply->lock);
    if (!source->bad[index]) {
        source->bad[index] = 1;
        if (supply->note)
            supply->note(supply->user, message);
    }
    (void)pthread_mutex_unlock(&supply->lock);
}

samc_status samc_supply_draw(samc_supply *supply, samc_source *source, samc_random *random,
                             samc_supply_make_fn make, void *user, samc_error *error)
{
    size_t n = samc_source_files(source);
    uint64_t seed = samc_random_next(random);
    samc_error why = {SAMC_OK, ""};
    size_t index = 0;

    if (n == 0)
        return SAMC_FAIL(error, FORMAT, "%s has no file", source->name);
    for (size_t i = 0; i < RANDOM_TRIES + n; i++) {
        samc_random own = samc_random_keyed(seed, i, 0);
        samc_status status;

        index = i < RANDOM_TRIES ? samc_random_below(&own, n) : (index + 1) % n;
        status = make(user, source, index, &own, &why);
        if (status == SAMC_OK)
            return SAMC_OK;
        if (status == SAMC_ERROR_MEMORY)
            return samc_error_set(error, status, "%s", why.message);
        note_bad(supply, source, index, why.message);
    }
    return SAMC_FAIL(error, FORMAT, "none of the %zu files of %s can be used; the last one: %.300s",
                     n, source->name, why.message);
}

/* How an item is to be loaded. */
typedef struct order {
    const char *path;
    int64_t max_pixels;
    int32_t size;
} order;

typedef enum kind { PHOTO, CUTOUT } kind;

/* Each file's path is kept once, so that its address tells it apart. */
static samc_cache_key key_of(const order *o, kind what)
{
    return (samc_cache_key){{(uintptr_t)o->path, 2 * (uint64_t)o->size + (uint64_t)what}};
}

/* Shrinks a photo whose longer side is over `most`. */
static samc_status bound(samc_photo *photo, int32_t most, samc_error *error)
{
    int64_t w = photo->view.width, h = photo->view.height, longer = w > h ? w : h;
    int32_t width, height;
    uint8_t *pixels = NULL;
    samc_status status;

    if (longer <= most)
        return SAMC_OK;
    width = (int32_t)(w * most / longer > 0 ? w * most / longer : 1);
    height = (int32_t)(h * most / longer > 0 ? h * most / longer : 1);
    SAMC_TRY(samc_alloc((size_t)width * (size_t)height, 3, &pixels, error));
    status = samc_resize_rgb(&photo->view, width, height, pixels, error);
    if (status != SAMC_OK) {
        free(pixels);
        return status;
    }
    free(photo->pixels);
    photo->pixels = pixels;
    photo->view = (samc_image){pixels, width, height, 3 * (size_t)width, SAMC_PIXELS_RGB};
    return SAMC_OK;
}

static samc_status load_photo(void *user, void **item, size_t *bytes, samc_error *error)
{
    const order *o = user;
    samc_read_options options = SAMC_READ_OPTIONS_INIT;
    samc_stock *stock = NULL;
    samc_status status;

    options.max_pixels = o->max_pixels;
    SAMC_TRY(samc_alloc_zero(1, sizeof *stock, &stock, error));
    status = samc_photo_read(o->path, &options, &stock->photo, error);
    if (status == SAMC_OK)
        status = bound(&stock->photo, 2 * o->size, error);
    if (status != SAMC_OK) {
        free_stock(stock);
        return status;
    }
    *item = stock;
    *bytes = stock->photo.view.stride * (size_t)stock->photo.view.height;
    return SAMC_OK;
}

static samc_status load_cutout(void *user, void **item, size_t *bytes, samc_error *error)
{
    const order *o = user;
    samc_stock *stock = NULL;
    samc_status status;

    SAMC_TRY(samc_alloc_zero(1, sizeof *stock, &stock, error));
    status = samc_cutout_read(o->path, o->max_pixels, o->size, &stock->cutout, error);
    if (status != SAMC_OK) {
        free_stock(stock);
        return status;
    }
    *item = stock;
    *bytes = stock->cutout.bytes;
    return SAMC_OK;
}

samc_status samc_supply_photo(samc_supply *supply, const samc_source *source, size_t index,
                              int32_t size, samc_cache_entry **entry, samc_error *error)
{
    order o = {source->files.paths[index], source->max_pixels, size};
    samc_cache_key key = key_of(&o, PHOTO);

    return samc_cache_hold(supply->cache, &key, load_photo, &o, entry, error);
}

samc_status samc_supply_cutout(samc_supply *supply, const samc_source *source, size_t index,
                               int32_t size, samc_cache_entry **entry, samc_error *error)
{
    order o = {source->files.paths[index], source->max_pixels, size};
    samc_cache_key key = key_of(&o, CUTOUT);

    return samc_cache_hold(supply->cache, &key, load_cutout, &o, entry, error);
}
