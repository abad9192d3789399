/* SPDX-License-Identifier: Apache-2.0
 *
 * Loops over the registers of a tile: unrolled, their arrays become registers. Clang does not know
 * GCC's pragma and would leave the sums of a product in memory.
 */
#ifndef SAMC_KERNELS_SIMD_UNROLL_H
#define SAMC_KERNELS_SIMD_UNROLL_H

#ifdef __clang__
#define SIMD_UNROLL_4 _Pragma("clang loop unroll(full)")
#define SIMD_UNROLL_16 _Pragma("clang loop unroll(full)")
#else
#define SIMD_UNROLL_4 _Pragma("GCC unroll 4")
#define SIMD_UNROLL_16 _Pragma("GCC unroll 16")
#endif

#endif
