/* SPDX-License-Identifier: Apache-2.0
 *
 * The tables of the single paths; only kernels.c and the tests of the kernels look here.
 */
#ifndef SAMC_KERNELS_PATHS_H
#define SAMC_KERNELS_PATHS_H

#include "kernels/bf16.h"
#include "kernels/kernels.h"

extern const samc_kernels samc_kernels_portable;
extern const samc_kernels samc_kernels_avx2;
extern const samc_kernels samc_kernels_avx512;
extern const samc_kernels samc_kernels_simd128;

extern const samc_bf16_kernels samc_bf16_portable;
extern const samc_bf16_kernels samc_bf16_avx512; /* goes with samc_kernels_avx512 */

#endif
