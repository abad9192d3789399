/* SPDX-License-Identifier: Apache-2.0
 *
 * The register-only loop for any vector width: what the gemm of the path could reach at best.
 */
#ifndef SAMC_KERNELS_SIMD_PEAK_H
#define SAMC_KERNELS_SIMD_PEAK_H

/* An FMA takes 4 or 5 cycles and two may begin in each: 10 chains keep both units busy, 12 leave
 * room, and with the two constants they fit the 16 registers of AVX2. */
#define PEAK_CHAINS 12

static int64_t peak_fma_loop(int64_t rounds)
{
    /* x -> x / 2 + 1 tends to 2: neither an overflow nor a denormal number on the way */
    const vf half = vf_set1(0.5f), one = vf_set1(1.0f);
    vf x[PEAK_CHAINS], sum = vf_zero();
    volatile float used; /* so that nothing is left out */

    for (int i = 0; i < PEAK_CHAINS; i++)
        x[i] = vf_set1((float)i);
    for (int64_t r = 0; r < rounds; r++)
        for (int i = 0; i < PEAK_CHAINS; i++)
            x[i] = vf_fma(x[i], half, one);
    for (int i = 0; i < PEAK_CHAINS; i++)
        sum = vf_add(sum, x[i]);
    used = vf_sum(sum);
    (void)used;
    return rounds * PEAK_CHAINS * VL * 2;
}

#endif
