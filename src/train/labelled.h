/* SPDX-License-Identifier: Apache-2.0
 *
 * Labelled: samples of real photos whose masks somebody drew: label maps, SA-1B, COCO. And of
 * photos that nobody drew masks on.
 */
#ifndef SAMC_TRAIN_LABELLED_H
#define SAMC_TRAIN_LABELLED_H

#include "train/scene.h"
#include "train/supply.h"

/* Makes a sample of one drawn file: a crop, perhaps flipped, its colours changed a little; all of
 * it and as it is where source->plain. `sample` begins cleared; on failure the caller frees it.
 * Errors: those of samc_supply_draw. */
samc_status samc_labelmap_sample(samc_supply *supply, samc_source *source, samc_random *random,
                                 int32_t size, int32_t max_masks, samc_sample *sample,
                                 samc_error *error);
samc_status samc_annotated_sample(samc_supply *supply, samc_source *source, samc_random *random,
                                  int32_t size, int32_t max_masks, samc_sample *sample,
                                  samc_error *error);

/* The same of a photo without masks; its colours stay. */
samc_status samc_photo_sample(samc_supply *supply, samc_source *source, samc_random *random,
                              int32_t size, samc_sample *sample, samc_error *error);

/* Cuts a person (all labels) or a part out of the label map of one drawn file, at most `side`
 * pixels large. *path is set to the file's. Errors: those of samc_supply_draw. */
samc_status samc_labelmap_cutout(samc_supply *supply, samc_source *source, samc_random *random,
                                 int32_t side, samc_cutout *cutout, const char **path,
                                 samc_error *error);

#endif
