/* SPDX-License-Identifier: Apache-2.0
 *
 * Fresh: new weights for a model of a known size, to train from scratch.
 */
#ifndef SAMC_TRAIN_FRESH_H
#define SAMC_TRAIN_FRESH_H

#include "train/params.h"

/* Sizes, for messages. */
#define SAMC_FRESH_NAMES "small, vit_b, vit_l or vit_h"

/* Makes the parameters of size `name`: "vit_b", "vit_l", "vit_h" as published, or "small", the
 * shape of the model that samc ships with, at 256 pixels. All values are a function of the seed: in
 * the encoder's matrices, tokens and positions normal numbers of deviation 0.02 and biases of 0 (as
 * ViTs are begun), relative positions 0; in the decoder what PyTorch gives its layers. Errors:
 * ARGUMENT (no such size), MEMORY. */
samc_status samc_params_fresh(const char *name, uint64_t seed, samc_params *params,
                              samc_error *error);

#endif
