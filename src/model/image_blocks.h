/* SPDX-License-Identifier: Apache-2.0
 *
 * Blocks: how the decoder keeps the image. Tokens are columns and channels are rows, cut into
 * blocks of `width` columns: channel i of token t is at
 *
 *     data[(t / width * rows + i) * pitch + t % width]
 *
 * Such a block is a second factor of a product as it is, and softmax, LayerNorm and GELU over a
 * token's channels need nothing to cross the lanes of a vector. A block is also what one thread
 * computes, and the order in which blocks are added up does not depend on the threads.
 */
#ifndef SAMC_MODEL_IMAGE_BLOCKS_H
#define SAMC_MODEL_IMAGE_BLOCKS_H

#include "kernels/left.h"
#include "model/config.h"

typedef struct samc_blocks {
    int64_t tokens; /* grid * grid */
    int64_t width;  /* columns of a block; the last may have fewer */
    int64_t pitch;  /* floats from row to row */
    int64_t count;
} samc_blocks;

samc_blocks samc_blocks_of(const samc_config *config);
/* Floats of an array of blocks with so many rows, slack included. */
int64_t samc_blocks_floats(const samc_blocks *blocks, int64_t rows);
/* Columns of block `index`. */
int64_t samc_blocks_columns(const samc_blocks *blocks, int64_t index);

/* blocks of n rows = tokens [T][n] + planes [n][T] (NULL: nothing is added). */
void samc_blocks_fill(const samc_call *call, const samc_blocks *blocks, int64_t n,
                      const float *tokens, const float *planes, float *out);
/* One block = planes [n][T] + add [n] (NULL: nothing is added). */
void samc_blocks_from_planes(const samc_blocks *blocks, int64_t index, int64_t n,
                             const float *planes, const float *add, float *block);

#endif
