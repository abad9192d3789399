/* SPDX-License-Identifier: Apache-2.0
 *
 * Hugging Face's SamModel names its tensors otherwise than Meta's `segment_anything`; the arrays
 * themselves are the same, none is transposed.
 */
#ifndef SAMC_WEIGHTS_HF_NAMES_H
#define SAMC_WEIGHTS_HF_NAMES_H

#include "weights/table.h"

/* If a tensor of the table is named vision_encoder.…, gives every tensor its official name and
 * notes that in the table; a name without a rule stays. The positional matrix, which SamModel may
 * store twice (shared_image_embedding and prompt_encoder.shared_embedding), is kept once; two
 * that differ are FORMAT. Called before samc_table_finish. Errors: FORMAT, MEMORY. */
samc_status samc_hf_names_replace(samc_tensors *table, samc_error *error);

#endif
