/* SPDX-License-Identifier: Apache-2.0
 *
 * Image size: a model made one for photos of another size, to be trained on from there.
 */
#ifndef SAMC_TRAIN_IMAGE_SIZE_H
#define SAMC_TRAIN_IMAGE_SIZE_H

#include "train/params.h"

/* Changes the side of the square that the model sees to `image_size` pixels, a multiple of its
 * patch. What has a place for each token is interpolated: positions bilinearly, relative positions
 * of global blocks linearly (as the reference's get_rel_pos; both as torch's interpolate with
 * align_corners = False); windows keep their size. Values and average are taken along, moments and
 * gradients are zero. Errors: ARGUMENT (no multiple, or no larger than a window where there are
 * windows), MEMORY; `params` is then as before. */
samc_status samc_params_set_image_size(samc_params *params, int32_t image_size, samc_error *error);

#endif
