/* SPDX-License-Identifier: Apache-2.0
 *
 * The WebAssembly path: 4 floats a vector. There is no fused multiply-add (relaxed SIMD has one,
 * and no two machines need give the same bits), so a product is a multiplication and an addition. A
 * register tile has at most VL rows, which packing turns as one square, and a power of two of
 * columns. Compiled with -msimd128.
 */
#include "kernels/paths.h"

#include <wasm_simd128.h>

#define VL 4
#define GEMM_MR 4
#define GEMM_NV 2
#define GEMM_CASES GEMM_CASE(1) GEMM_CASE(2) GEMM_CASE(3)

typedef v128_t vf;

static inline vf vf_zero(void)
{
    return wasm_f32x4_const(0.0f, 0.0f, 0.0f, 0.0f);
}
static inline vf vf_set1(float x)
{
    return wasm_f32x4_splat(x);
}
static inline vf vf_load(const float *p)
{
    return wasm_v128_load(p);
}
static inline void vf_store(float *p, vf x)
{
    wasm_v128_store(p, x);
}
/* The first n lanes, 0 < n < VL; the others load as zero and are not stored. */
static inline vf vf_load_part(const float *p, int64_t n)
{
    return wasm_f32x4_make(p[0], n > 1 ? p[1] : 0.0f, n > 2 ? p[2] : 0.0f, 0.0f);
}
static inline void vf_store_part(float *p, int64_t n, vf x)
{
    p[0] = wasm_f32x4_extract_lane(x, 0);
    if (n > 1)
        p[1] = wasm_f32x4_extract_lane(x, 1);
    if (n > 2)
        p[2] = wasm_f32x4_extract_lane(x, 2);
}
/* Lanes below `n` set, the others clear. */
static inline vf first_lanes(int64_t n)
{
    return wasm_i32x4_lt(wasm_i32x4_const(0, 1, 2, 3), wasm_i32x4_splat((int32_t)n));
}
static inline vf vf_clear_from(vf x, int64_t n)
{
    return wasm_v128_and(x, first_lanes(n));
}
static inline vf vf_add(vf a, vf b)
{
    return wasm_f32x4_add(a, b);
}
static inline vf vf_sub(vf a, vf b)
{
    return wasm_f32x4_sub(a, b);
}
static inline vf vf_mul(vf a, vf b)
{
    return wasm_f32x4_mul(a, b);
}
static inline vf vf_fma(vf a, vf b, vf c)
{
    return wasm_f32x4_add(wasm_f32x4_mul(a, b), c);
}
static inline vf vf_div(vf a, vf b)
{
    return wasm_f32x4_div(a, b);
}
static inline vf vf_sqrt(vf a)
{
    return wasm_f32x4_sqrt(a);
}
static inline vf vf_max(vf a, vf b)
{
    return wasm_f32x4_pmax(b, a);
}
static inline vf vf_min(vf a, vf b)
{
    return wasm_f32x4_pmin(b, a);
}
static inline vf vf_abs(vf a)
{
    return wasm_f32x4_abs(a);
}
/* x < 0 (or -0) ? a : b */
static inline vf vf_select_negative(vf x, vf a, vf b)
{
    return wasm_v128_bitselect(a, b, wasm_i32x4_shr(x, 31));
}
/* x * 2^n where n stands in the lowest nine bits of `sum`. */
static inline vf vf_scale2(vf x, vf sum)
{
    return wasm_i32x4_add(x, wasm_i32x4_shl(sum, 23));
}
/* The larger in the first n lanes, a in the others. */
static inline vf vf_max_part(vf a, vf b, int64_t n)
{
    return wasm_v128_bitselect(vf_max(a, b), a, first_lanes(n));
}
static inline float vf_sum(vf a)
{
    return (wasm_f32x4_extract_lane(a, 0) + wasm_f32x4_extract_lane(a, 2)) +
           (wasm_f32x4_extract_lane(a, 1) + wasm_f32x4_extract_lane(a, 3));
}
static inline float vf_highest(vf a)
{
    vf s = vf_max(a, wasm_i32x4_shuffle(a, a, 2, 3, 2, 3));

    s = vf_max(s, wasm_i32x4_shuffle(s, s, 1, 1, 1, 1));
    return wasm_f32x4_extract_lane(s, 0);
}
/* Rows become columns. */
static inline void vf_transpose(vf r[VL])
{
    const vf a = wasm_i32x4_shuffle(r[0], r[1], 0, 4, 1, 5);
    const vf b = wasm_i32x4_shuffle(r[0], r[1], 2, 6, 3, 7);
    const vf c = wasm_i32x4_shuffle(r[2], r[3], 0, 4, 1, 5);
    const vf d = wasm_i32x4_shuffle(r[2], r[3], 2, 6, 3, 7);

    r[0] = wasm_i32x4_shuffle(a, c, 0, 1, 4, 5);
    r[1] = wasm_i32x4_shuffle(a, c, 2, 3, 6, 7);
    r[2] = wasm_i32x4_shuffle(b, d, 0, 1, 4, 5);
    r[3] = wasm_i32x4_shuffle(b, d, 2, 3, 6, 7);
}

#include "kernels/simd/exp.h"

/* x Phi(x) */
static inline vf vf_gelu(vf x)
{
    return vf_mul(x, rows_phi(x));
}

#include "kernels/simd/columns.h"
#include "kernels/simd/gemm.h"
#include "kernels/simd/grads.h"
#include "kernels/simd/pack.h"
#include "kernels/simd/peak.h"
#include "kernels/simd/rows.h"

#define VF_SPAN INT32_MAX

static inline void vf_neighbours(const float *x, const int32_t *low, vf *a, vf *b)
{
    *a = wasm_f32x4_make(x[low[0]], x[low[1]], x[low[2]], x[low[3]]);
    *b = wasm_f32x4_make(x[low[0] + 1], x[low[1] + 1], x[low[2] + 1], x[low[3] + 1]);
}

#include "kernels/simd/resample.h"

#include "kernels/simd/table.h"

const samc_kernels samc_kernels_simd128 = {.name = "simd128", SIMD_ENTRIES};
