/* SPDX-License-Identifier: Apache-2.0
 *
 * Convert: a tensor's numbers as bytes of the dtype that a file shall hold.
 */
#ifndef SAMC_WEIGHTS_CONVERT_H
#define SAMC_WEIGHTS_CONVERT_H

#include "weights/tensors.h"

/* Whether a file can be written as `dtype`: F32, F16 or BF16. Errors: ARGUMENT. */
samc_status samc_convert_check(samc_dtype dtype, samc_error *error);
/* The dtype a tensor gets in such a file: that one if it holds floating-point numbers, else its
 * own. */
samc_dtype samc_convert_dtype(const samc_tensor *tensor, samc_dtype dtype);

/* Writes elements [first, first + count) in C order as samc_convert_dtype says, little-endian.
 * Numbers round to nearest, ties to even. Errors: MODEL (a finite one is beyond the dtype's range:
 * the message names the tensor). */
samc_status samc_convert_elements(const samc_tensor *tensor, samc_dtype dtype, int64_t first,
                                  int64_t count, uint8_t *out, samc_error *error);

#endif
