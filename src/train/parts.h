/* SPDX-License-Identifier: Apache-2.0
 *
 * Parts: which masks a label map offers, from the whole to single pieces. One click may mean any of
 * them: this is what SAM's three masks are for.
 */
#ifndef SAMC_TRAIN_PARTS_H
#define SAMC_TRAIN_PARTS_H

#include "train/recipe.h"
#include "train/scene.h"

/* Adds to `choices`, whose map and pieces are set: every label's region; its larger connected
 * pieces where it has several; unions of two to four labels that touch; and all labels together,
 * called `whole` (NULL: that is no thing), which is
 * drawn as gladly as `whole_weight` says, where a label has 2 and a union or a piece 1. `n_pieces`:
 * of choices->pieces. Errors: MEMORY. */
samc_status samc_parts_add(samc_choices *choices, samc_random *random, const samc_sample *sample,
                           const samc_label_names *names, const char *whole, double whole_weight,
                           int32_t n_pieces, samc_error *error);

#endif
