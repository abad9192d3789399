/* SPDX-License-Identifier: Apache-2.0 */
#include "model/sam.h"

#include "base/memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Takes the model's tensors from a loader that has begun. */
static samc_status load(samc_loader *loader, samc_model *m)
{
    if (m->config.decoder_of) /* the hash goes on where the encoder's tensors left it */
        memcpy(loader->hash, m->config.encoder_hash, sizeof loader->hash);
    else
        SAMC_TRY(samc_image_encoder_load(loader, &m->config, &m->image_encoder));
    memcpy(m->config.encoder_hash, loader->hash, sizeof loader->hash);
    SAMC_TRY(samc_prompt_encoder_load(loader, &m->config, &m->prompt_encoder));
    SAMC_TRY(
        samc_mask_decoder_load(loader, &m->config, m->prompt_encoder.dense_pe, &m->mask_decoder));
    return samc_loader_finish(loader);
}

samc_status samc_sam_build(const samc_kernels *kernels, const samc_tensors *tensors,
                           samc_model **model, samc_error *error)
{
    samc_status status = SAMC_OK;
    samc_loader loader = {.used = NULL};
    samc_model *m = NULL;

    SAMC_CHECK(samc_alloc_zero(1, sizeof *m, &m, error));
    SAMC_CHECK(samc_config_read(tensors, &m->config, error));
    m->kernels = kernels;
    SAMC_CHECK(samc_loader_begin(tensors, kernels, &loader, error));
    SAMC_CHECK(load(&loader, m));
    m->parameters = loader.parameters;
    (void)snprintf(m->identity, sizeof m->identity, "%016" PRIx64 "%016" PRIx64, loader.hash[0],
                   loader.hash[1]);
    *model = m;

cleanup:
    samc_loader_free(&loader);
    if (status != SAMC_OK)
        samc_model_free(m);
    return status;
}

samc_status samc_sam_check(const samc_tensors *tensors, samc_config *config, samc_error *error)
{
    samc_status status = SAMC_OK;
    samc_loader loader = {.used = NULL};
    samc_model *m = NULL;

    SAMC_CHECK(samc_alloc_zero(1, sizeof *m, &m, error));
    SAMC_CHECK(samc_config_read(tensors, &m->config, error));
    SAMC_CHECK(samc_loader_begin(tensors, NULL, &loader, error));
    loader.look_only = 1;
    SAMC_CHECK(load(&loader, m));
    *config = m->config;

cleanup:
    samc_loader_free(&loader);
    samc_model_free(m);
    return status;
}

void samc_model_free(samc_model *model)
{
    if (!model)
        return;
    if (model->image_encoder.config)
        samc_image_encoder_free(&model->image_encoder);
    samc_prompt_encoder_free(&model->prompt_encoder);
    samc_mask_decoder_free(&model->mask_decoder);
    free(model);
}

samc_status samc_model_get_info(const samc_model *model, samc_model_info *info, samc_error *error)
{
    const samc_config *c;

    if (!model || !info || info->struct_size < sizeof *info)
        return SAMC_FAIL(error, ARGUMENT,
                         "samc_model_get_info: give a model and an info that began "
                         "with SAMC_MODEL_INFO_INIT");
    c = &model->config;
    info->image_size = c->image_size;
    info->patch_size = c->patch_size;
    info->embedding_size = c->grid;
    info->embedding_dim = c->embed_dim;
    info->low_res_size = samc_config_low_res(c);
    info->encoder_dim = c->encoder_dim;
    info->encoder_depth = c->depth;
    info->encoder_heads = c->heads;
    info->window_size = c->window;
    info->mask_tokens = c->mask_tokens;
    info->parameters = model->parameters;
    info->name = samc_config_name(c);
    (void)snprintf(info->identity, sizeof info->identity, "%s", model->identity);
    return SAMC_OK;
}

samc_status samc_model_recommend(const samc_model *model, samc_generate_options *options,
                                 samc_error *error)
{
    if (!model || !options || options->struct_size < sizeof *options)
        return SAMC_FAIL(error, ARGUMENT,
                         "samc_model_recommend: give a model and options that began with "
                         "SAMC_GENERATE_OPTIONS_INIT");
    if (model->config.thresholds.given) {
        options->pred_iou_thresh = model->config.thresholds.pred_iou;
        options->stability_score_thresh = model->config.thresholds.stability_score;
    }
    return SAMC_OK;
}
