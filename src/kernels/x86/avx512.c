/* SPDX-License-Identifier: Apache-2.0
 *
 * The AVX-512 path (F, DQ, BW, VL): 16 floats a vector, 32 registers. Compiled with those flags;
 * the tests also compile it over SIMDe's emulation, so that it is checked where no CPU has it.
 */
#include "kernels/paths.h"

#ifdef SAMC_EMULATE_AVX512
#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>
#else
#include <immintrin.h>
#endif

#define VL 16
#define GEMM_MR 14
#define GEMM_NV 2
#define GEMM_CASES                                                                                 \
    GEMM_CASE(1)                                                                                   \
    GEMM_CASE(2)                                                                                   \
    GEMM_CASE(3)                                                                                   \
    GEMM_CASE(4)                                                                                   \
    GEMM_CASE(5)                                                                                   \
    GEMM_CASE(6)                                                                                   \
    GEMM_CASE(7)                                                                                   \
    GEMM_CASE(8)                                                                                   \
    GEMM_CASE(9)                                                                                   \
    GEMM_CASE(10) GEMM_CASE(11) GEMM_CASE(12) GEMM_CASE(13)

typedef __m512 vf;

static inline __mmask16 first_lanes(int64_t n)
{
    return (__mmask16)((1u << n) - 1u);
}
static inline vf vf_zero(void)
{
    return _mm512_setzero_ps();
}
static inline vf vf_set1(float x)
{
    return _mm512_set1_ps(x);
}
static inline vf vf_load(const float *p)
{
    return _mm512_loadu_ps(p);
}
static inline void vf_store(float *p, vf x)
{
    _mm512_storeu_ps(p, x);
}
/* The first n lanes, 0 < n < VL; the others load as zero and are not stored. */
static inline vf vf_load_part(const float *p, int64_t n)
{
    return _mm512_maskz_loadu_ps(first_lanes(n), p);
}
static inline void vf_store_part(float *p, int64_t n, vf x)
{
    _mm512_mask_storeu_ps(p, first_lanes(n), x);
}
static inline vf vf_clear_from(vf x, int64_t n)
{
    return _mm512_maskz_mov_ps(first_lanes(n), x);
}
static inline vf vf_add(vf a, vf b)
{
    return _mm512_add_ps(a, b);
}
static inline vf vf_sub(vf a, vf b)
{
    return _mm512_sub_ps(a, b);
}
static inline vf vf_mul(vf a, vf b)
{
    return _mm512_mul_ps(a, b);
}
static inline vf vf_fma(vf a, vf b, vf c)
{
    return _mm512_fmadd_ps(a, b, c);
}
static inline vf vf_div(vf a, vf b)
{
    return _mm512_div_ps(a, b);
}
static inline vf vf_sqrt(vf a)
{
    return _mm512_sqrt_ps(a);
}
static inline vf vf_max(vf a, vf b)
{
    return _mm512_max_ps(a, b);
}
static inline vf vf_min(vf a, vf b)
{
    return _mm512_min_ps(a, b);
}
static inline vf vf_abs(vf a)
{
    return _mm512_abs_ps(a);
}
/* x < 0 ? a : b */
static inline vf vf_select_negative(vf x, vf a, vf b)
{
    return _mm512_mask_mov_ps(b, _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_LT_OQ), a);
}
/* x * 2^n where n stands in the lowest nine bits of `sum`. */
static inline vf vf_scale2(vf x, vf sum)
{
    const __m512i e = _mm512_slli_epi32(_mm512_castps_si512(sum), 23);
    return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(x), e));
}
/* The larger in the first n lanes, a in the others. */
static inline vf vf_max_part(vf a, vf b, int64_t n)
{
    return _mm512_mask_max_ps(a, first_lanes(n), a, b);
}
/* Halves are added or compared in AVX2's order of lanes. */
static inline float vf_sum(vf a)
{
    const __m256 h = _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}
static inline float vf_highest(vf a)
{
    const __m256 h = _mm256_max_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
    __m128 s = _mm_max_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
    s = _mm_max_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}
/* Rows become columns: pairs of floats, pairs of pairs, then quarters of the registers. */
static inline void vf_transpose(vf r[VL])
{
    vf t[VL];

    for (int i = 0; i < VL; i += 2) {
        t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
    }
    for (int i = 0; i < VL; i += 4)
        for (int j = 0; j < 2; j++) {
            const __m512d a = _mm512_castps_pd(t[i + j]), b = _mm512_castps_pd(t[i + j + 2]);

            r[i + 2 * j] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, b));
            r[i + 2 * j + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, b));
        }
    for (int j = 0; j < 4; j++) {
        t[j] = _mm512_shuffle_f32x4(r[j], r[4 + j], 0x88);
        t[4 + j] = _mm512_shuffle_f32x4(r[8 + j], r[12 + j], 0x88);
        t[8 + j] = _mm512_shuffle_f32x4(r[j], r[4 + j], 0xdd);
        t[12 + j] = _mm512_shuffle_f32x4(r[8 + j], r[12 + j], 0xdd);
    }
    for (int j = 0; j < 4; j++) {
        r[j] = _mm512_shuffle_f32x4(t[j], t[4 + j], 0x88);
        r[4 + j] = _mm512_shuffle_f32x4(t[8 + j], t[12 + j], 0x88);
        r[8 + j] = _mm512_shuffle_f32x4(t[j], t[4 + j], 0xdd);
        r[12 + j] = _mm512_shuffle_f32x4(t[8 + j], t[12 + j], 0xdd);
    }
}

#include "kernels/simd/columns.h"
#include "kernels/simd/gemm.h"
#include "kernels/simd/grads.h"
#include "kernels/simd/pack.h"
#include "kernels/simd/peak.h"
#include "kernels/simd/rows.h"

const samc_kernels samc_kernels_avx512 = {
    .name = "avx512",
    .gemm_mr = GEMM_MR,
    .gemm_nr = GEMM_NR,
    .pack_a = pack_a,
    .gemm = gemm_packed,
    .gemm_rows = gemm_rows,
    .epilogue = rows_epilogue,
    .layer_norm = rows_layer_norm,
    .softmax_step = rows_softmax_step,
    .softmax_grid = rows_softmax_grid,
    .scale = rows_scale,
    .fma_loop = peak_fma_loop,
    .softmax_columns = columns_softmax,
    .norm_columns = columns_norm,
    .gelu_product = columns_gelu_product,
    .transpose = pack_transpose,
    .slope = grads_slope,
    .layer_norm_grad = grads_layer_norm,
};
