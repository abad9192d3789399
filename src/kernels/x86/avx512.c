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
static inline vf vf_round(vf a)
{
    return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
/* x < 0 ? a : b */
static inline vf vf_select_negative(vf x, vf a, vf b)
{
    return _mm512_mask_mov_ps(b, _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_LT_OQ), a);
}
/* x * 2^n for whole n where the answer is a normal number: adds n to the exponent. */
static inline vf vf_scale2(vf x, vf n)
{
    const __m512i e = _mm512_slli_epi32(_mm512_cvtps_epi32(n), 23);
    return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(x), e));
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
/* The transpose of 16 rows of 16: pairs of rows, then of pairs (each quarter of r[4 * g + c] then
 * holds a column of rows 4 * g .. 4 * g + 3), then the quarters change places. */
static inline void vf_transpose(const float *x, int64_t stride, float *out, int64_t out_stride)
{
    /* quarters of two vectors: the first two of each, the last two, the even ones, the odd ones */
    const __m512i first = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);
    const __m512i last = _mm512_setr_epi32(8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30,
                                           31);
    const __m512i even = _mm512_setr_epi32(0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26,
                                           27);
    const __m512i odd = _mm512_setr_epi32(4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30,
                                          31);
    __m512 r[16], t[16];

    for (int i = 0; i < 16; i++)
        r[i] = _mm512_loadu_ps(x + i * stride);
    for (int i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
    }
    for (int i = 0; i < 16; i += 4)
        for (int k = 0; k < 2; k++) {
            r[i + 2 * k] = _mm512_shuffle_ps(t[i + k], t[i + k + 2], 0x44);
            r[i + 2 * k + 1] = _mm512_shuffle_ps(t[i + k], t[i + k + 2], 0xee);
        }
    for (int c = 0; c < 4; c++) {
        const __m512 low = _mm512_permutex2var_ps(r[c], first, r[c + 4]);
        const __m512 high = _mm512_permutex2var_ps(r[c], last, r[c + 4]);
        const __m512 low2 = _mm512_permutex2var_ps(r[c + 8], first, r[c + 12]);
        const __m512 high2 = _mm512_permutex2var_ps(r[c + 8], last, r[c + 12]);

        _mm512_storeu_ps(out + c * out_stride, _mm512_permutex2var_ps(low, even, low2));
        _mm512_storeu_ps(out + (c + 4) * out_stride, _mm512_permutex2var_ps(low, odd, low2));
        _mm512_storeu_ps(out + (c + 8) * out_stride, _mm512_permutex2var_ps(high, even, high2));
        _mm512_storeu_ps(out + (c + 12) * out_stride, _mm512_permutex2var_ps(high, odd, high2));
    }
}

#include "kernels/simd/columns.h"
#include "kernels/simd/gemm.h"
#include "kernels/simd/grads.h"
#include "kernels/simd/peak.h"
#include "kernels/simd/rows.h"

const samc_kernels samc_kernels_avx512 = {
    .name = "avx512",
    .gemm_mr = GEMM_MR,
    .gemm_nr = GEMM_NR,
    .pack_a = gemm_pack_a,
    .gemm = gemm_packed,
    .gemm_rows = gemm_rows,
    .epilogue = rows_epilogue,
    .layer_norm = rows_layer_norm,
    .softmax_step = rows_softmax_step,
    .outer_sum = rows_outer_sum,
    .scale = rows_scale,
    .fma_loop = peak_fma_loop,
    .softmax_columns = columns_softmax,
    .norm_columns = columns_norm,
    .gelu_product = columns_gelu_product,
    .transpose = columns_transpose,
    .slope = grads_slope,
    .layer_norm_grad = grads_layer_norm,
};
