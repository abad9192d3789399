/* SPDX-License-Identifier: Apache-2.0
 *
 * Reduce: adds the gradients of all ranks (ranks.h) while the way back still runs. The trained
 * numbers lie in buckets, layer by layer from the last to the first; a bucket sets out as soon as
 * its layer's gradients are final, and is carried along whenever a further layer is done.
 *
 * Layers as in samc_param.layer: 0 the patch and position embedding, 1..depth the blocks,
 * depth + 1 the neck; and depth + 2 prompt encoder and mask decoder, which are done first.
 */
#ifndef SAMC_TRAIN_REDUCE_H
#define SAMC_TRAIN_REDUCE_H

#include "train/params.h"
#include "train/ranks.h"

/* The most numbers of a bucket: 4 MiB, large enough that no message is lost in its latency. */
#define SAMC_REDUCE_BUCKET ((int64_t)1 << 20)

typedef struct samc_reduce samc_reduce;

/* Lays out the buckets of what `params` has trained; both must outlive it. Errors: MEMORY. */
samc_status samc_reduce_create(samc_params *params, samc_ranks *ranks, samc_reduce **reduce,
                               samc_error *error);
void samc_reduce_free(samc_reduce *reduce);

/* Together (ranks.h), for every layer from the last to the first: its gradients are final. A
 * failure waits for samc_reduce_finish. `user` is the samc_reduce. */
void samc_reduce_layer(void *user, int32_t layer);
/* Together: the gradients are the sums over all ranks. Errors: IO. */
samc_status samc_reduce_finish(samc_reduce *reduce, samc_error *error);

#endif
