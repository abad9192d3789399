/* SPDX-License-Identifier: Apache-2.0
 *
 * PyTorch's .pth: a zip of a pickle (names, shapes) and one member a storage (numbers).
 */
#ifndef SAMC_WEIGHTS_PTH_H
#define SAMC_WEIGHTS_PTH_H

#include "weights/table.h"

/* Adds the tensors of a state dict in memory to an empty table. The dict is the file's top level
 * or, as training checkpoints have it, that level's "model" or "state_dict"; entries that are plain
 * values are passed over. The pickle's checksum is verified, those of the storages become the
 * table's spans. Errors: FORMAT, UNSUPPORTED, LIMIT, MEMORY. */
samc_status samc_pth_read(const uint8_t *data, size_t size, samc_tensors *table, samc_error *error);

#endif
