/* SPDX-License-Identifier: Apache-2.0
 *
 * Decoder part: prompt encoder and mask decoder of a checkpoint as a checkpoint of their own, which
 * says whose they are, so that embeddings of the whole model fit it.
 */
#ifndef SAMC_SEGMENT_DECODER_PART_H
#define SAMC_SEGMENT_DECODER_PART_H

#include "model/config.h"
#include "weights/safetensors.h"

typedef struct samc_decoder_part {
    const samc_tensor **tensors; /* [count] */
    size_t count;
    samc_metadata metadata[7 + SAMC_N_THRESHOLDS];
    size_t n_metadata;
    /* What metadata points to: the struct must stay where it is. */
    char texts[3][16], encoder[33];
    samc_thresholds thresholds;
} samc_decoder_part;

/* Lists what belongs to the part; `config` is that of samc_sam_check or of a model that was built.
 * What is listed lives as long as `tensors`. Free with samc_decoder_part_free. Errors: MEMORY. */
samc_status samc_decoder_part_list(const samc_tensors *tensors, const samc_config *config,
                                   samc_decoder_part *part, samc_error *error);
void samc_decoder_part_free(samc_decoder_part *part);

#endif
