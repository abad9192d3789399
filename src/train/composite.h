/* SPDX-License-Identifier: Apache-2.0
 *
 * Composite: things pasted on a background, whose masks are known because we pasted them.
 */
#ifndef SAMC_TRAIN_COMPOSITE_H
#define SAMC_TRAIN_COMPOSITE_H

#include "train/scene.h"
#include "train/supply.h"

/* Makes a sample: a background, some objects (those of which less than a quarter stays visible give
 * no mask), and what cameras do to the whole. `sample` begins cleared; on failure the caller frees
 * it. It may come out without a mask: then draw again. Pixels come from `scene`, the choice among
 * the masks from `masks` (which may be the same stream). Errors: those of samc_supply_draw. */
samc_status samc_composite_sample(samc_supply *supply, samc_source *source, samc_random *scene,
                                  samc_random *masks, int32_t size, int32_t max_masks,
                                  samc_sample *sample, samc_error *error);

#endif
