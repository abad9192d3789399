/* SPDX-License-Identifier: Apache-2.0
 *
 * bf16 products with AVX512-BF16: VDPBF16PS multiplies 16 pairs and adds them to 16 sums, twice the
 * work of an f32 FMA.
 */
#include "kernels/paths.h"

#include <immintrin.h>

#define MR 14 /* 14 x 2 sums, 2 vectors of B; A is broadcast by the instruction itself */
#define NR 32

static __m512i pairs_of_row(const float *a)
{
    const __m512 low = _mm512_loadu_ps(a), high = _mm512_loadu_ps(a + 16);

    return (__m512i)_mm512_cvtne2ps_pbh(high, low);
}

static void pack_rows(const float *a, int64_t lda, int64_t m, int64_t k, uint32_t *out, int64_t ldo)
{
    for (int64_t i = 0; i < m; i++) {
        const float *row = a + i * lda;
        uint32_t *to = out + i * ldo;
        int64_t l = 0;

        for (; l + 32 <= k; l += 32)
            _mm512_storeu_si512(to + l / 2, pairs_of_row(row + l));
        if (l < k) {
            const int64_t left = k - l;
            const uint32_t mask = (uint32_t)((UINT64_C(1) << left) - 1);
            const __m512 low = _mm512_maskz_loadu_ps((__mmask16)mask, row + l);
            const __m512 high = left > 16
                                    ? _mm512_maskz_loadu_ps((__mmask16)(mask >> 16), row + l + 16)
                                    : _mm512_setzero_ps();

            _mm512_mask_storeu_epi32(to + l / 2, (__mmask16)((1u << (left + 1) / 2) - 1u),
                                     (__m512i)_mm512_cvtne2ps_pbh(high, low));
        }
    }
}

/* 16 columns of two rows: the bf16 of `low` and `high` side by side. */
static __m512i interleave(__m512 low, __m512 high)
{
    /* word i of the rounded 32 goes to 2 i, word 16 + i to 2 i + 1 */
    const __m512i order = _mm512_setr_epi32(0x00100000, 0x00110001, 0x00120002, 0x00130003,
                                            0x00140004, 0x00150005, 0x00160006, 0x00170007,
                                            0x00180008, 0x00190009, 0x001A000A, 0x001B000B,
                                            0x001C000C, 0x001D000D, 0x001E000E, 0x001F000F);

    return _mm512_permutexvar_epi16(order, (__m512i)_mm512_cvtne2ps_pbh(high, low));
}

static void pack_columns(const float *b, int64_t ldb, int64_t k, int64_t n, uint32_t *out,
                         int64_t ldo)
{
    for (int64_t l = 0; l < (k + 1) / 2; l++) {
        const float *low = b + 2 * l * ldb, *high = 2 * l + 1 < k ? low + ldb : NULL;

        for (int64_t j = 0; j < n; j += 16) {
            const __mmask16 mask = n - j < 16 ? (__mmask16)((1u << (n - j)) - 1u) : 0xFFFF;
            const __m512 x = _mm512_maskz_loadu_ps(mask, low + j);
            const __m512 y = high ? _mm512_maskz_loadu_ps(mask, high + j) : _mm512_setzero_ps();

            _mm512_mask_storeu_epi32(out + l * ldo + j, mask, interleave(x, y));
        }
    }
}

/* 16 x 16 elements change places: pairs of rows, then of pairs, then of quarters of a register. */
static inline __attribute__((always_inline)) void transpose_square(__m512i r[16])
{
    __m512i t[16];

#pragma GCC unroll 16
    for (int i = 0; i < 8; i++) {
        t[2 * i] = _mm512_unpacklo_epi32(r[2 * i], r[2 * i + 1]);
        t[2 * i + 1] = _mm512_unpackhi_epi32(r[2 * i], r[2 * i + 1]);
    }
#pragma GCC unroll 16
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 2; j++) {
            r[4 * i + 2 * j] = _mm512_unpacklo_epi64(t[4 * i + j], t[4 * i + 2 + j]);
            r[4 * i + 2 * j + 1] = _mm512_unpackhi_epi64(t[4 * i + j], t[4 * i + 2 + j]);
        }
        /* quarter q of r[4 i + c] is column 4 q + c of rows 4 i … 4 i + 3 */
#pragma GCC unroll 16
    for (int c = 0; c < 4; c++) {
        const __m512i even = _mm512_shuffle_i32x4(r[c], r[4 + c], 0x88);
        const __m512i odd = _mm512_shuffle_i32x4(r[c], r[4 + c], 0xDD);
        const __m512i even2 = _mm512_shuffle_i32x4(r[8 + c], r[12 + c], 0x88);
        const __m512i odd2 = _mm512_shuffle_i32x4(r[8 + c], r[12 + c], 0xDD);

        t[c] = _mm512_shuffle_i32x4(even, even2, 0x88);
        t[4 + c] = _mm512_shuffle_i32x4(odd, odd2, 0x88);
        t[8 + c] = _mm512_shuffle_i32x4(even, even2, 0xDD);
        t[12 + c] = _mm512_shuffle_i32x4(odd, odd2, 0xDD);
    }
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++)
        r[i] = t[i];
}

static void transpose(const uint32_t *in, int64_t ldi, int64_t m, int64_t n, uint32_t *out,
                      int64_t ldo)
{
    for (int64_t i = 0; i < m; i += 16)
        for (int64_t l = 0; l < n; l += 16) {
            const int64_t rows = m - i < 16 ? m - i : 16, columns = n - l < 16 ? n - l : 16;
            const __mmask16 read = (__mmask16)((1u << columns) - 1u);
            const __mmask16 write = (__mmask16)((1u << rows) - 1u);
            __m512i r[16];

            for (int k = 0; k < 16; k++)
                r[k] = k < rows ? _mm512_maskz_loadu_epi32(read, in + (i + k) * ldi + l)
                                : _mm512_setzero_si512();
            transpose_square(r);
            for (int k = 0; k < 16; k++)
                if (k < columns)
                    _mm512_mask_storeu_epi32(out + (l + k) * ldo + i, write, r[k]);
        }
}

static inline __attribute__((always_inline)) void tile(const int rows, int64_t n, int64_t pairs,
                                                       const uint32_t *a, int64_t row,
                                                       int64_t column, const uint32_t *b, float *c,
                                                       int64_t ldc, int accumulate)
{
    const __mmask16 first = n < 16 ? (__mmask16)((1u << n) - 1u) : 0xFFFF;
    const __mmask16 second = n >= 32 ? 0xFFFF : n > 16 ? (__mmask16)((1u << (n - 16)) - 1u) : 0;
    __m512 sum[MR][2];

#pragma GCC unroll 16
    for (int r = 0; r < rows; r++)
        sum[r][0] = sum[r][1] = _mm512_setzero_ps();
    for (int64_t l = 0; l < pairs; l++, a += column, b += NR) {
        const __m512bh b0 = (__m512bh)_mm512_loadu_si512(b);
        const __m512bh b1 = (__m512bh)_mm512_loadu_si512(b + 16);

#pragma GCC unroll 16
        for (int r = 0; r < rows; r++) {
            const __m512bh x = (__m512bh)_mm512_set1_epi32((int)a[r * row]);

            sum[r][0] = _mm512_dpbf16_ps(sum[r][0], x, b0);
            sum[r][1] = _mm512_dpbf16_ps(sum[r][1], x, b1);
        }
    }
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++) {
        float *out = c + r * ldc;

        if (accumulate) {
            sum[r][0] = _mm512_add_ps(_mm512_maskz_loadu_ps(first, out), sum[r][0]);
            sum[r][1] = _mm512_add_ps(_mm512_maskz_loadu_ps(second, out + 16), sum[r][1]);
        }
        _mm512_mask_storeu_ps(out, first, sum[r][0]);
        _mm512_mask_storeu_ps(out + 16, second, sum[r][1]);
    }
}

#define CASE(rows)                                                                                 \
    case rows: tile(rows, n, pairs, a, row, column, b, c, ldc, accumulate); break;

static void gemm(int64_t m, int64_t n, int64_t pairs, const uint32_t *a, int64_t row,
                 int64_t column, const uint32_t *b, float *c, int64_t ldc, int accumulate)
{
    for (; m > 0; m -= MR, a += MR * row, c += MR * ldc)
        switch (m) {
            CASE(1)
            CASE(2)
            CASE(3)
            CASE(4)
            CASE(5)
            CASE(6)
            CASE(7)
            CASE(8)
            CASE(9)
            CASE(10)
            CASE(11)
            CASE(12)
            CASE(13)
        default: tile(MR, n, pairs, a, row, column, b, c, ldc, accumulate); break;
        }
}

const samc_bf16_kernels samc_bf16_avx512 = {
    .name = "avx512bf16",
    .mr = MR,
    .nr = NR,
    .pack_rows = pack_rows,
    .pack_columns = pack_columns,
    .transpose = transpose,
    .gemm = gemm,
};
