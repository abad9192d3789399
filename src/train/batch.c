/* SPDX-License-Identifier: Apache-2.0 */
#include "train/batch.h"

#include "base/memory.h"
#include "segment/transforms.h"
#include "train/loss.h"

#include <stdlib.h>
#include <string.h>

void samc_train_batch_free(samc_train_batch *batch)
{
    for (int64_t i = 0; batch->samples && i < batch->photos; i++)
        samc_sample_free(&batch->samples[i]);
    free(batch->samples);
    free(batch->patches);
    free(batch->photo);
    free(batch->number);
    free(batch->targets);
    memset(batch, 0, sizeof *batch);
}

static samc_status fill_patches(const samc_config *config, const samc_sample *sample,
                                float *patches, samc_error *error)
{
    const samc_image image = {sample->pixels, sample->width, sample->height,
                              3 * (size_t)sample->size, SAMC_PIXELS_RGB};
    const samc_frame frame = {sample->width, sample->height, sample->width, sample->height};
    const samc_kernels *kernels;
    samc_arena arena = {NULL, NULL};
    samc_status status = samc_kernels_select(NULL, &kernels, error);

    if (status == SAMC_OK) {
        const samc_call call = {.kernels = kernels, .arena = &arena};

        status = samc_transform_patches(&call, config, &image, &frame, patches, error);
    }
    samc_arena_free(&arena);
    return status;
}

static samc_status fill(const samc_config *config, samc_train_batch *batch, samc_error *error)
{
    const size_t tokens = (size_t)config->grid * (size_t)config->grid;
    const size_t patch = 3 * (size_t)config->patch_size * (size_t)config->patch_size;
    const int32_t side = samc_config_low_res(config);
    const size_t low = (size_t)side * (size_t)side, photos = (size_t)batch->photos;
    int64_t n = 0;

    for (int64_t i = 0; i < batch->photos; i++)
        batch->masks += batch->samples[i].n_masks;
    batch->step_masks = batch->masks;
    SAMC_TRY(samc_alloc(photos * tokens, patch * sizeof(float), &batch->patches, error));
    SAMC_TRY(samc_alloc((size_t)batch->masks, sizeof(int32_t), &batch->photo, error));
    SAMC_TRY(samc_alloc((size_t)batch->masks, sizeof(int32_t), &batch->number, error));
    SAMC_TRY(samc_alloc((size_t)batch->masks, low * sizeof(float), &batch->targets, error));
    for (int64_t i = 0; i < batch->photos; i++) {
        const samc_sample *s = &batch->samples[i];

        if (s->size != config->image_size)
            return SAMC_FAIL(error, ARGUMENT, "a sample of %d pixels for a model of %d", s->size,
                             config->image_size);
        SAMC_TRY(fill_patches(config, s, batch->patches + (size_t)i * tokens * patch, error));
        for (int32_t k = 0; k < s->n_masks; k++, n++) {
            batch->photo[n] = (int32_t)i;
            batch->number[n] = k;
            samc_loss_target(s->masks + (size_t)k * (size_t)s->size * (size_t)s->size, s->size,
                             s->width, s->height, side, batch->targets + (size_t)n * low);
        }
    }
    return SAMC_OK;
}

samc_status samc_train_batch_of(const samc_config *config, samc_sample *samples, int64_t photos,
                                uint64_t first, samc_train_batch *batch, samc_error *error)
{
    samc_status status;

    samc_train_batch_free(batch);
    batch->samples = samples;
    batch->photos = photos;
    batch->first = first;
    status = fill(config, batch, error);
    if (status != SAMC_OK)
        samc_train_batch_free(batch);
    return status;
}

samc_status samc_train_batch_make(const samc_config *config, samc_samples *samples, uint64_t seed,
                                  uint64_t first, int64_t photos, int32_t max_masks,
                                  samc_train_batch *batch, samc_error *error)
{
    samc_sample *made;
    samc_status status = SAMC_OK;

    SAMC_TRY(samc_alloc_zero((size_t)photos, sizeof *made, &made, error));
    for (int64_t i = 0; i < photos; i++) {
        status = samc_samples_get(samples, seed, first + (uint64_t)i, config->image_size, max_masks,
                                  &made[i], error);
        if (status != SAMC_OK) {
            while (i-- > 0)
                samc_sample_free(&made[i]);
            free(made);
            return status;
        }
    }
    return samc_train_batch_of(config, made, photos, first, batch, error);
}
