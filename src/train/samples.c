/* SPDX-License-Identifier: Apache-2.0 */
#include "train/samples.h"

#include "base/file.h"
#include "base/memory.h"
#include "train/composite.h"
#include "train/labelled.h"

#include <stdlib.h>
#include <string.h>

#define RECIPE_MAX_BYTES ((size_t)1 << 20)
/* A composite whose objects all hide or leave the picture is drawn again, so often. */
#define COMPOSITE_TRIES 32
/* The stream of a pool's scenes; samples have 0. */
#define POOL UINT64_C(0x706f6f6c)

struct samc_samples {
    samc_recipe recipe;
    samc_supply supply;
};

samc_status samc_samples_open_text(const char *text, const char *name, const char *folder,
                                   samc_samples_note_fn note, void *user, samc_samples **samples,
                                   samc_error *error)
{
    samc_samples *made = NULL;
    samc_status status = SAMC_OK;

    *samples = NULL;
    SAMC_TRY(samc_alloc_zero(1, sizeof *made, &made, error));
    SAMC_CHECK(samc_recipe_read(text, name, folder, note, user, &made->recipe, error));
    SAMC_CHECK(samc_supply_begin(&made->supply, made->recipe.cache_bytes, made->recipe.min_area,
                                 note, user, error));
    *samples = made;
    made = NULL;

cleanup:
    samc_samples_free(made);
    return status;
}

samc_status samc_samples_open(const char *recipe, samc_samples_note_fn note, void *user,
                              samc_samples **samples, samc_error *error)
{
    samc_mapping file = {NULL, 0};
    char *text = NULL, *folder = NULL;
    const char *name = samc_path_name(recipe);
    samc_status status = SAMC_OK;

    *samples = NULL;
    SAMC_TRY(samc_file_map(recipe, &file, error));
    if (file.size > RECIPE_MAX_BYTES) {
        status = SAMC_FAIL(error, LIMIT, "%s has more than %zu bytes: it is no recipe", recipe,
                           RECIPE_MAX_BYTES);
        goto cleanup;
    }
    SAMC_CHECK(samc_alloc_zero(file.size + 1, 1, &text, error));
    if (file.size)
        memcpy(text, file.data, file.size);
    if (name == recipe)
        SAMC_CHECK(samc_alloc_string(".", &folder, error));
    else
        SAMC_CHECK(samc_path_replace(recipe, strlen(name), "", &folder, error));
    status = samc_samples_open_text(text, recipe, folder, note, user, samples, error);

cleanup:
    samc_file_unmap(&file);
    free(text);
    free(folder);
    return status;
}

void samc_samples_free(samc_samples *samples)
{
    if (!samples)
        return;
    samc_supply_end(&samples->supply);
    samc_recipe_free(&samples->recipe);
    free(samples);
}

int samc_samples_repeat(const samc_samples *samples)
{
    for (size_t i = 0; i < samples->recipe.n_sources; i++) {
        const samc_source *s = &samples->recipe.sources[i];

        if (s->weight > 0 && (s->plain || s->pool))
            return 1;
    }
    return 0;
}

int samc_samples_have_masks(const samc_samples *samples)
{
    for (size_t i = 0; i < samples->recipe.n_sources; i++)
        if (samples->recipe.sources[i].type == SAMC_SOURCE_PHOTOS)
            return 0;
    return 1;
}

/* A scene of a pool is a function of its number in it, and has a stream of its own; which of its
 * masks are shown is drawn each time. */
static samc_status draw_composite(samc_samples *samples, samc_source *source, uint64_t seed,
                                  samc_random *random, int32_t size, int32_t max_masks,
                                  samc_sample *sample, samc_error *error)
{
    samc_random own, *scene = random;

    if (source->pool) {
        own = samc_random_keyed(seed, samc_random_below(random, (size_t)source->pool), POOL);
        scene = &own;
    }
    for (int i = 0; i < COMPOSITE_TRIES; i++) {
        SAMC_TRY(samc_composite_sample(&samples->supply, source, scene, random, size, max_masks,
                                       sample, error));
        sample->repeats = source->pool > 0;
        if (sample->n_masks > 0)
            return SAMC_OK;
        samc_sample_free(sample);
    }
    return SAMC_FAIL(error, FORMAT,
                     "%d composites of %s had no object of a fit size; lower min_area",
                     COMPOSITE_TRIES, source->name);
}

samc_status samc_samples_get(samc_samples *samples, uint64_t seed, uint64_t index, int32_t size,
                             int32_t max_masks, samc_sample *sample, samc_error *error)
{
    samc_random random = samc_random_keyed(seed, index, 0);
    samc_sample made = {0};
    samc_source *source;
    samc_status status = SAMC_OK;

    if (size < SAMC_SAMPLE_MIN_SIZE || size > SAMC_SAMPLE_MAX_SIZE)
        return SAMC_FAIL(error, ARGUMENT, "samples of %ld pixels; %d to %d can be made", (long)size,
                         SAMC_SAMPLE_MIN_SIZE, SAMC_SAMPLE_MAX_SIZE);
    if (max_masks < 1 || max_masks > SAMC_SAMPLE_MAX_MASKS)
        return SAMC_FAIL(error, ARGUMENT, "%ld masks a sample; it must be 1 to %d", (long)max_masks,
                         SAMC_SAMPLE_MAX_MASKS);
    source = samc_source_draw(samples->recipe.sources, samples->recipe.n_sources, &random);
    switch (source->type) {
    case SAMC_SOURCE_LABELMAP:
        status = samc_labelmap_sample(&samples->supply, source, &random, size, max_masks, &made,
                                      error);
        break;
    case SAMC_SOURCE_SA1B:
    case SAMC_SOURCE_COCO:
        status = samc_annotated_sample(&samples->supply, source, &random, size, max_masks, &made,
                                       error);
        break;
    case SAMC_SOURCE_PHOTOS:
        status = samc_photo_sample(&samples->supply, source, &random, size, &made, error);
        break;
    case SAMC_SOURCE_COMPOSITE:
    case SAMC_SOURCE_CUTOUTS: /* recipe.c has these two only inside a composite */
    case SAMC_SOURCE_SHAPES:
        status = draw_composite(samples, source, seed, &random, size, max_masks, &made, error);
        break;
    }
    if (status != SAMC_OK) {
        samc_sample_free(&made);
        return status;
    }
    *sample = made;
    return SAMC_OK;
}
