/* SPDX-License-Identifier: Apache-2.0
 *
 * Sam: the whole model, built from tensors under the official names. This is what samc_model is.
 */
#ifndef SAMC_MODEL_SAM_H
#define SAMC_MODEL_SAM_H

#include "model/image_encoder.h"
#include "model/mask_decoder.h"
#include "model/prompt_encoder.h"

struct samc_model {
    samc_config config;
    const samc_kernels *kernels; /* the path that the weights are packed for */
    samc_image_encoder image_encoder;
    samc_prompt_encoder prompt_encoder;
    samc_mask_decoder mask_decoder;
    int64_t parameters;
    char identity[33];
};

/* A model without image encoder (config.decoder_of) has an empty one, which must not be run.
 * Errors: MODEL (names the tensors), MEMORY. */
samc_status samc_sam_build(const samc_kernels *kernels, const samc_tensors *tensors,
                           samc_model **model, samc_error *error);
/* Proves that the tensors make a model and reads its configuration, with room for one tensor at a
 * time. Errors: as samc_sam_build. */
samc_status samc_sam_check(const samc_tensors *tensors, samc_config *config, samc_error *error);

#endif
