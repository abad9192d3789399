/* SPDX-License-Identifier: Apache-2.0 */
#include "segment/decoder_part.h"

#include "base/memory.h"
#include "model/sam.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int belongs(const samc_tensor *tensor)
{
    return strncmp(tensor->name, "prompt_encoder.", 15) == 0 ||
           strncmp(tensor->name, "mask_decoder.", 13) == 0;
}

samc_status samc_decoder_part_list(const samc_tensors *tensors, const samc_config *config,
                                   samc_decoder_part *part, samc_error *error)
{
    const samc_metadata metadata[] = {
        {"format", SAMC_DECODER_FORMAT},     {"format_version", SAMC_DECODER_VERSION},
        {"model", samc_config_name(config)}, {"image_size", part->texts[0]},
        {"patch_size", part->texts[1]},      {"decoder_heads", part->texts[2]},
        {SAMC_KEY_ENCODER, part->encoder}};
    const int32_t numbers[] = {config->image_size, config->patch_size, config->decoder_heads};

    part->count = 0;
    part->n_metadata = sizeof metadata / sizeof metadata[0];
    memcpy(part->metadata, metadata, sizeof metadata);
    part->thresholds = config->thresholds;
    part->n_metadata += samc_thresholds_list(&part->thresholds, part->metadata + part->n_metadata);
    for (int i = 0; i < 3; i++)
        (void)snprintf(part->texts[i], sizeof part->texts[i], "%d", (int)numbers[i]);
    (void)snprintf(part->encoder, sizeof part->encoder, "%016" PRIx64 "%016" PRIx64,
                   config->encoder_hash[0], config->encoder_hash[1]);
    SAMC_TRY(samc_alloc(samc_tensors_count(tensors), sizeof *part->tensors, &part->tensors, error));
    for (size_t i = 0; i < samc_tensors_count(tensors); i++)
        if (belongs(samc_tensors_at(tensors, i)))
            part->tensors[part->count++] = samc_tensors_at(tensors, i);
    return SAMC_OK;
}

void samc_decoder_part_free(samc_decoder_part *part)
{
    free(part->tensors);
    part->tensors = NULL;
}

/* The dtype that keeps every number as a model reads it: the tensors' own where they share one that
 * can be written, else f32. */
static samc_dtype shared_dtype(const samc_decoder_part *part)
{
    const samc_dtype first = part->count ? part->tensors[0]->dtype : SAMC_DTYPE_F32;

    for (size_t i = 1; i < part->count; i++)
        if (part->tensors[i]->dtype != first)
            return SAMC_DTYPE_F32;
    return first == SAMC_DTYPE_F16 || first == SAMC_DTYPE_BF16 ? first : SAMC_DTYPE_F32;
}

samc_status samc_decoder_extract(const char *path, void **bytes, size_t *size, samc_error *error)
{
    samc_status status = SAMC_OK;
    samc_tensors *tensors = NULL;
    samc_decoder_part part = {.tensors = NULL};
    samc_error reason = {SAMC_OK, ""};
    samc_config config;
    uint8_t *made = NULL;

    if (!path || !bytes || !size)
        return SAMC_FAIL(error, ARGUMENT,
                         "samc_decoder_extract: give a path and places for the bytes and their "
                         "number");
    SAMC_TRY(samc_tensors_open(path, &tensors, error)); /* its messages name the file */
    SAMC_CHECK(samc_tensors_verify(tensors, NULL, &reason));
    SAMC_CHECK(samc_sam_check(tensors, &config, &reason));
    SAMC_CHECK(samc_decoder_part_list(tensors, &config, &part, &reason));
    SAMC_CHECK(samc_safetensors_bytes(part.tensors, part.count, shared_dtype(&part), part.metadata,
                                      part.n_metadata, &made, size, &reason));
    *bytes = made;

cleanup:
    samc_decoder_part_free(&part);
    samc_tensors_close(tensors);
    if (status != SAMC_OK)
        return samc_error_set(error, status, "%s: %s", path, reason.message);
    return SAMC_OK;
}
