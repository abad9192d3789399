/* SPDX-License-Identifier: Apache-2.0
 *
 * Embedding: what samc_embedding is.
 */
#ifndef SAMC_SEGMENT_EMBEDDING_H
#define SAMC_SEGMENT_EMBEDDING_H

#include "model/sam.h"
#include "segment/transforms.h"

struct samc_embedding {
    char identity[33]; /* of the model that made it */
    samc_frame frame;
    int32_t channels, grid;
    float *planes;           /* [channels][grid][grid], as the reference has it */
    samc_shared_image photo; /* what all prompts share: see samc_embedding_finish */
};

/* An embedding of that model with undefined planes. Errors: MEMORY. */
samc_status samc_embedding_new(const samc_model *model, int32_t width, int32_t height,
                               samc_embedding **embedding, samc_error *error);
/* The planes are there: computes what the decoder's first layer makes of them for every prompt
 * without a mask, once. From here on the embedding does not change. Errors: MEMORY. */
samc_status samc_embedding_finish(const samc_call *call, const samc_model *model,
                                  samc_embedding *embedding, samc_error *error);
/* For caches: gives back what samc_embedding_finish computed, seven eighths of it. A shrunk
 * embedding can be saved, and expanded, but nothing can be asked of it. */
void samc_embedding_shrink(samc_embedding *embedding);
/* The bytes of memory that a shrunk embedding of that model takes. */
size_t samc_embedding_shrunk_bytes(const samc_model *model);
/* A whole copy of a shrunk one, for samc_embedding_free. Its answers are those of the embedding
 * that was shrunk, bit by bit. Errors: MEMORY. */
samc_status samc_embedding_expand(samc_context *context, const samc_model *model,
                                  const samc_embedding *shrunk, samc_embedding **whole,
                                  samc_error *error);

#endif
