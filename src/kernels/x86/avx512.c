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

#include "kernels/simd/exp.h"

/* x Phi(x) where half of the arithmetic would be the exponential of rows_phi: the sixteen lanes of
 * a register hold a table. With a = |x|, at most 5.25 (Phi(-5.25) = 8e-8), Phi(a) - 0.5 is a
 * polynomial of degree 4 round the nearest of sixteen places 0.35 apart (tools/approx/fit.py), and
 * x Phi(x) = x / 2 + |x| (Phi(|x|) - 0.5). Error 2e-7 of max(1, |x|). */
static inline vf vf_gelu(vf x)
{
    static const float piece[5][16] = {
        {0.0f, 0.136830658f, 0.258036345f, 0.35314095f, 0.419243336f, 0.459940851f, 0.482135594f,
         0.492857188f, 0.497444868f, 0.499183655f, 0.499767363f, 0.499940932f, 0.499986649f,
         0.499997318f, 0.499999523f, 0.499999911f},
        {0.139628783f, 0.131333396f, 0.109288797f, 0.0804592147f, 0.0524052382f, 0.030197503f,
         0.0153944101f, 0.00694302376f, 0.00277029071f, 0.00097789045f, 0.000305379508f,
         8.4366613e-05f, 2.06195036e-05f, 4.45818341e-06f, 8.52716482e-07f, 1.44282197e-07f},
        {0.0f, -0.00804412458f, -0.013387775f, -0.0147842327f, -0.0128391376f, -0.00924789719f,
         -0.00565743446f, -0.00297686481f, -0.00135750219f, -0.000539111032f, -0.000187074882f,
         -5.68566538e-05f, -1.51612494e-05f, -3.5518342e-06f, -7.31781995e-07f, -1.32701629e-07f},
        {-0.00283446489f, -0.00234126719f, -0.00113667769f, 0.000160872631f, 0.00101709238f,
         0.001264513f, 0.00106933783f, 0.000709930959f, 0.00038876597f, 0.000179758528f,
         7.11062457e-05f, 2.42595161e-05f, 7.17761941e-06f, 1.84872715e-06f, 4.15705642e-07f,
         8.17804633e-08f},
        {0.0f, 0.000234854902f, 0.000341239036f, 0.000285378221f, 0.000136433082f, -5.15106331e-06f,
         -8.07211909e-05f, -9.08926741e-05f, -6.70367299e-05f, -3.81972495e-05f, -1.77690945e-05f,
         -6.92649382e-06f, -2.29578382e-06f, -6.52983601e-07f, -1.6036789e-07f, -3.41579849e-08f},
    };
    /* adding 1.5 * 2^23 leaves the nearest whole number in the lowest bits */
    const vf magic = vf_set1(12582912.0f), inverse = vf_set1(2.85714286f);
    const vf abs = vf_abs(x), a = vf_min(abs, vf_set1(5.25f));
    const vf whole = vf_fma(a, inverse, magic);
    const vf f = vf_fma(a, inverse, vf_sub(magic, whole));
    const __m512i k = _mm512_castps_si512(whole);
    vf g = _mm512_permutexvar_ps(k, vf_load(piece[4]));

    g = vf_fma(g, f, _mm512_permutexvar_ps(k, vf_load(piece[3])));
    g = vf_fma(g, f, _mm512_permutexvar_ps(k, vf_load(piece[2])));
    g = vf_fma(g, f, _mm512_permutexvar_ps(k, vf_load(piece[1])));
    g = vf_fma(g, f, _mm512_permutexvar_ps(k, vf_load(piece[0])));
    return vf_fma(abs, g, vf_mul(x, vf_set1(0.5f)));
}

#include "kernels/simd/columns.h"
#include "kernels/simd/gemm.h"
#include "kernels/simd/grads.h"
#include "kernels/simd/pack.h"
#include "kernels/simd/peak.h"
#include "kernels/simd/rows.h"

/* 32 floats from the first on are at hand: up to 30 steps on, each has its right neighbour. */
#define VF_SPAN 31

static inline void vf_neighbours(const float *x, const int32_t *low, vf *a, vf *b)
{
    const vf near = vf_load(x + low[0]), far = vf_load(x + low[0] + VL);
    const __m512i at = _mm512_sub_epi32(_mm512_loadu_si512(low), _mm512_set1_epi32(low[0]));

    *a = _mm512_permutex2var_ps(near, at, far);
    *b = _mm512_permutex2var_ps(near, _mm512_add_epi32(at, _mm512_set1_epi32(1)), far);
}

#include "kernels/simd/resample.h"

#include "kernels/simd/table.h"

const samc_kernels samc_kernels_avx512 = {.name = "avx512", SIMD_ENTRIES};
