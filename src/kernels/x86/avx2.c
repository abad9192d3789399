/* SPDX-License-Identifier: Apache-2.0
 *
 * The AVX2 + FMA path: 8 floats a vector, 16 registers. Compiled with -mavx2 -mfma.
 */
#include "kernels/paths.h"

#include <immintrin.h>

#define VL 8
#define GEMM_MR 6
#define GEMM_NV 2
#define GEMM_CASES GEMM_CASE(1) GEMM_CASE(2) GEMM_CASE(3) GEMM_CASE(4) GEMM_CASE(5)

typedef __m256 vf;

/* Lanes below `n` set, the others clear: a window into eight ones and eight zeros. */
static inline __m256i first_lanes(int64_t n)
{
    static const int32_t window[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
    return _mm256_loadu_si256((const __m256i *)(const void *)(window + 8 - n));
}

static inline vf vf_zero(void)
{
    return _mm256_setzero_ps();
}
static inline vf vf_set1(float x)
{
    return _mm256_set1_ps(x);
}
static inline vf vf_load(const float *p)
{
    return _mm256_loadu_ps(p);
}
static inline void vf_store(float *p, vf x)
{
    _mm256_storeu_ps(p, x);
}
/* The first n lanes, 0 < n < VL; the others load as zero and are not stored. */
static inline vf vf_load_part(const float *p, int64_t n)
{
    return _mm256_maskload_ps(p, first_lanes(n));
}
static inline void vf_store_part(float *p, int64_t n, vf x)
{
    _mm256_maskstore_ps(p, first_lanes(n), x);
}
static inline vf vf_clear_from(vf x, int64_t n)
{
    return _mm256_and_ps(x, _mm256_castsi256_ps(first_lanes(n)));
}
static inline vf vf_add(vf a, vf b)
{
    return _mm256_add_ps(a, b);
}
static inline vf vf_sub(vf a, vf b)
{
    return _mm256_sub_ps(a, b);
}
static inline vf vf_mul(vf a, vf b)
{
    return _mm256_mul_ps(a, b);
}
static inline vf vf_fma(vf a, vf b, vf c)
{
    return _mm256_fmadd_ps(a, b, c);
}
static inline vf vf_div(vf a, vf b)
{
    return _mm256_div_ps(a, b);
}
static inline vf vf_sqrt(vf a)
{
    return _mm256_sqrt_ps(a);
}
static inline vf vf_max(vf a, vf b)
{
    return _mm256_max_ps(a, b);
}
static inline vf vf_min(vf a, vf b)
{
    return _mm256_min_ps(a, b);
}
static inline vf vf_abs(vf a)
{
    return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a);
}
/* x < 0 (or -0) ? a : b */
static inline vf vf_select_negative(vf x, vf a, vf b)
{
    return _mm256_blendv_ps(b, a, x);
}
/* x * 2^n where n stands in the lowest nine bits of `sum`. */
static inline vf vf_scale2(vf x, vf sum)
{
    const __m256i e = _mm256_slli_epi32(_mm256_castps_si256(sum), 23);
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(x), e));
}
/* The larger in the first n lanes, a in the others. */
static inline vf vf_max_part(vf a, vf b, int64_t n)
{
    return _mm256_blendv_ps(a, _mm256_max_ps(a, b), _mm256_castsi256_ps(first_lanes(n)));
}
static inline float vf_sum(vf a)
{
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}
static inline float vf_highest(vf a)
{
    __m128 s = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    s = _mm_max_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}
/* Rows become columns: pairs of floats, pairs of pairs, then halves of the registers. */
static inline void vf_transpose(vf r[VL])
{
    vf t[VL];

    for (int i = 0; i < VL; i += 2) {
        t[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
        t[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
    }
    for (int i = 0; i < VL; i += 4)
        for (int j = 0; j < 2; j++) {
            const __m256d a = _mm256_castps_pd(t[i + j]), b = _mm256_castps_pd(t[i + j + 2]);

            r[i + 2 * j] = _mm256_castpd_ps(_mm256_unpacklo_pd(a, b));
            r[i + 2 * j + 1] = _mm256_castpd_ps(_mm256_unpackhi_pd(a, b));
        }
    for (int j = 0; j < 4; j++) {
        const vf a = r[j], b = r[4 + j];

        r[j] = _mm256_permute2f128_ps(a, b, 0x20);
        r[4 + j] = _mm256_permute2f128_ps(a, b, 0x31);
    }
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
    const __m256i at = _mm256_loadu_si256((const __m256i *)(const void *)low);

    *a = _mm256_i32gather_ps(x, at, 4);
    *b = _mm256_i32gather_ps(x + 1, at, 4);
}

#include "kernels/simd/resample.h"

#include "kernels/simd/table.h"

const samc_kernels samc_kernels_avx2 = {.name = "avx2", SIMD_ENTRIES};
