/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of a path that has all bodies of this folder: included last. The entries but the name
 * stand here once.
 */
#ifndef SAMC_KERNELS_SIMD_TABLE_H
#define SAMC_KERNELS_SIMD_TABLE_H

#define SIMD_ENTRIES                                                                               \
    .gemm_mr = GEMM_MR, .gemm_nr = GEMM_NR, .pack_a = pack_a, .gemm = gemm_packed,                 \
    .gemm_rows = gemm_rows, .epilogue = rows_epilogue, .layer_norm = rows_layer_norm,              \
    .softmax_step = rows_softmax_step, .softmax_grid = rows_softmax_grid, .scale = rows_scale,     \
    .fma_loop = peak_fma_loop, .softmax_columns = columns_softmax, .norm_columns = columns_norm,   \
    .gelu_product = columns_gelu_product, .dot_columns = columns_dot,                              \
    .scale_columns = columns_scale, .blend_columns = columns_blend, .transpose = pack_transpose,   \
    .interpolate = resample_interpolate, .slope = grads_slope, .layer_norm_grad = grads_layer_norm

#endif
