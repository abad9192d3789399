/* SPDX-License-Identifier: Apache-2.0
 *
 * Interpolation along a row, once for every instruction set: included by a file that has defined
 * the vector type and vf_neighbours, which picks x[low[0..VL-1]] and their right neighbours and may
 * count on low[VL-1] - low[0] < VF_SPAN.
 */
#ifndef SAMC_KERNELS_SIMD_RESAMPLE_H
#define SAMC_KERNELS_SIMD_RESAMPLE_H

#include "kernels/kernels.h"

/* No fused operation: the portable path has none, and the answer is the same bit by bit. */
static void resample_interpolate(const float *x, const int32_t *low, const float *weight, int64_t n,
                                 float *out)
{
    const vf one = vf_set1(1.0f);
    int64_t i = 0;

    while (i < n) {
        if (n - i >= VL && low[i + VL - 1] - low[i] < VF_SPAN) {
            const vf w = vf_load(weight + i);
            vf a, b;

            vf_neighbours(x, low + i, &a, &b);
            vf_store(out + i, vf_add(vf_mul(vf_sub(one, w), a), vf_mul(w, b)));
            i += VL;
        } else {
            out[i] = (1.0f - weight[i]) * x[low[i]] + weight[i] * x[low[i] + 1];
            i++;
        }
    }
}

#endif
