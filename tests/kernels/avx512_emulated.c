/* SPDX-License-Identifier: Apache-2.0
 *
 * A second copy of the AVX-512 path, made of SIMDe's emulation of its intrinsics, for CPUs without
 * them: its tails, masks and lanes are tested wherever AVX2 is.
 */
#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>

#include <stdint.h>
#include <string.h>

/* What Debian's SIMDe (0.7.4) lacks, from Intel's description; the compiler's own would not be
 * emulated. Masked lanes are not touched at all: a read beyond the end shows itself here too. */
#undef _mm512_maskz_loadu_ps
#define _mm512_maskz_loadu_ps emulated_load
static inline simde__m512 emulated_load(simde__mmask16 mask, const void *p)
{
    float lanes[16] = {0.0f};

    for (size_t i = 0; i < 16; i++)
        if (mask >> i & 1)
            memcpy(&lanes[i], (const char *)p + i * sizeof lanes[i], sizeof lanes[i]);
    return simde_mm512_loadu_ps(lanes);
}

#undef _mm512_mask_storeu_ps
#define _mm512_mask_storeu_ps emulated_store
static inline void emulated_store(void *p, simde__mmask16 mask, simde__m512 x)
{
    float lanes[16];

    simde_mm512_storeu_ps(lanes, x);
    for (size_t i = 0; i < 16; i++)
        if (mask >> i & 1)
            memcpy((char *)p + i * sizeof lanes[i], &lanes[i], sizeof lanes[i]);
}

#undef _mm512_shuffle_f32x4
#define _mm512_shuffle_f32x4 emulated_quarters
static inline simde__m512 emulated_quarters(simde__m512 a, simde__m512 b, int which)
{
    float from[2][16], lanes[16];

    simde_mm512_storeu_ps(from[0], a);
    simde_mm512_storeu_ps(from[1], b);
    for (int i = 0; i < 4; i++)
        memcpy(lanes + 4 * i, from[i / 2] + 4 * (which >> (2 * i) & 3), 4 * sizeof lanes[0]);
    return simde_mm512_loadu_ps(lanes);
}

#undef _mm512_extractf32x8_ps
#define _mm512_extractf32x8_ps emulated_half
static inline simde__m256 emulated_half(simde__m512 x, int upper)
{
    float lanes[16];

    simde_mm512_storeu_ps(lanes, x);
    return simde_mm256_loadu_ps(lanes + 8 * upper);
}

#define SAMC_EMULATE_AVX512
#define samc_kernels_avx512 samc_kernels_avx512_emulated
#include "kernels/x86/avx512.c"
