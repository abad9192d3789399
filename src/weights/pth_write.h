/* SPDX-License-Identifier: Apache-2.0
 *
 * Writes PyTorch's .pth: what torch.save(state_dict) writes, which torch.load(weights_only=True)
 * and samc_pth_read read. A zip of stored members: archive/data.pkl (protocol 2: an OrderedDict of
 * torch._utils._rebuild_tensor_v2 calls), archive/byteorder, archive/version, and archive/data/N
 * with the numbers of tensor N at a multiple of 64 bytes.
 * Source: PKWARE's APPNOTE 6.3 (the zip), CPython's pickletools (the opcodes).
 */
#ifndef SAMC_WEIGHTS_PTH_WRITE_H
#define SAMC_WEIGHTS_PTH_WRITE_H

#include "weights/tensors.h"

/* Writes `count` tensors in this order to `path` (whole or not at all), floating ones as `dtype`
 * (F32, F16 or BF16), others as they are; any strides. Names must be unique. Errors: IO, MODEL (a
 * number does not fit the dtype), UNSUPPORTED (4 GiB or more), ARGUMENT, MEMORY. */
samc_status samc_pth_write(const char *path, const samc_tensor *const *tensors, size_t count,
                           samc_dtype dtype, samc_error *error);

#endif
