/* SPDX-License-Identifier: Apache-2.0
 *
 * The plain model of a checkpoint, for those who only want to use it.
 */
#include "base/memory.h"
#include "model/loader.h"
#include "model/sam.h"
#include "train/checkpoint.h"
#include "weights/pth_write.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Numbers looked at at a time. */
#define CHUNK ((int64_t)1024)

typedef struct export
{
    const samc_tensors *file;
    samc_config config;
    int average;               /* write ema.NAME under NAME */
    samc_tensor *tensors;      /* [count] under the official names */
    const samc_tensor **items; /* [count] */
    size_t count;
}
export;

/* Proves that the values make a model, and reads its configuration. */
static samc_status check_model(export *e, samc_error *error)
{
    SAMC_TRY(samc_sam_check(e->file, &e->config, error));
    if (e->config.decoder_of)
        return SAMC_FAIL(error, MODEL, "this checkpoint is a decoder alone, and not a run's");
    return SAMC_OK;
}

/* Finds the average of a tensor, which must be as the tensor is, and finite. */
static samc_status find_average(const export *e, const samc_tensor *value, samc_tensor *average,
                                samc_error *error)
{
    char name[256]; /* official names have at most 75 bytes */
    const int64_t n = samc_tensor_elements(value);
    const samc_tensor *t;
    float numbers[CHUNK];

    (void)snprintf(name, sizeof name, "ema.%s", value->name);
    t = samc_tensors_find(e->file, name);
    if (!t)
        return SAMC_FAIL(error, MODEL,
                         "the checkpoint has no moving average of %s: export the values instead",
                         value->name);
    if (t->n_dims != value->n_dims ||
        memcmp(t->shape, value->shape, (size_t)t->n_dims * sizeof t->shape[0]) != 0)
        return SAMC_FAIL(error, MODEL, "%s has another shape than its weights", name);
    for (int64_t at = 0; at < n; at += CHUNK) {
        const int64_t count = n - at < CHUNK ? n - at : CHUNK;

        samc_tensor_to_f32(t, at, count, numbers);
        for (int64_t i = 0; i < count; i++)
            if (!isfinite(numbers[i]))
                return SAMC_FAIL(error, MODEL, "%s has infinite or NaN values", name);
    }
    *average = *t;
    average->name = value->name;
    return SAMC_OK;
}

static samc_status list_model(export *e, samc_error *error)
{
    const size_t all = samc_tensors_count(e->file);

    SAMC_TRY(samc_alloc(all, sizeof *e->tensors, &e->tensors, error));
    SAMC_TRY(samc_alloc(all, sizeof *e->items, &e->items, error));
    for (size_t i = 0; i < all; i++) {
        const samc_tensor *t = samc_tensors_at(e->file, i);

        if (samc_loader_is_training_state(t->name))
            continue;
        if (e->average)
            SAMC_TRY(find_average(e, t, &e->tensors[e->count], error));
        else
            e->tensors[e->count] = *t;
        e->items[e->count] = &e->tensors[e->count];
        e->count++;
    }
    return SAMC_OK;
}

static samc_status write_safetensors(const export *e, const samc_checkpoint_output *output,
                                     samc_error *error)
{
    const char *step = samc_tensors_metadata(e->file, "step");
    const char *kept = samc_tensors_metadata(e->file, "weights"); /* of a model exported before */
    const samc_thresholds *thresholds = output->thresholds ? output->thresholds
                                                           : &e->config.thresholds;
    char size[16], heads[16];
    samc_metadata metadata[7 + SAMC_N_THRESHOLDS] = {{"format", "samc model"},
                                                     {"format_version", "1"},
                                                     {"model", samc_config_name(&e->config)},
                                                     {"image_size", size},
                                                     {"decoder_heads", heads}};
    size_t n = 5;

    (void)snprintf(size, sizeof size, "%d", (int)e->config.image_size);
    (void)snprintf(heads, sizeof heads, "%d", (int)e->config.decoder_heads);
    if (step) { /* only a run has steps and a choice of weights */
        metadata[n++] = (samc_metadata){"weights", e->average ? "ema" : kept ? kept : "raw"};
        metadata[n++] = (samc_metadata){"step", step};
    }
    n += samc_thresholds_list(thresholds, metadata + n);
    return samc_safetensors_write(output->path, e->items, e->count, output->dtype, metadata, n,
                                  error);
}

samc_status samc_checkpoint_export(const samc_tensors *tensors, samc_checkpoint_weights weights,
                                   const samc_checkpoint_output *output, samc_error *error)
{
    export e = {.file = tensors};
    samc_status status = SAMC_OK;

    e.average = weights == SAMC_CHECKPOINT_EMA ||
                (weights == SAMC_CHECKPOINT_BEST && samc_checkpoint_is_training(tensors));
    SAMC_CHECK(check_model(&e, error));
    SAMC_CHECK(list_model(&e, error));
    if (output->format == SAMC_CHECKPOINT_PTH)
        status = samc_pth_write(output->path, e.items, e.count, output->dtype, error);
    else
        status = write_safetensors(&e, output, error);

cleanup:
    free(e.tensors);
    free(e.items);
    return status;
}
