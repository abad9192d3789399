/* SPDX-License-Identifier: Apache-2.0
 *
 * Exponential and normal distribution, once for every instruction set: included by a file that has
 * defined the vector type, before it defines vf_gelu. The coefficients come from
 * tools/approx/fit.py.
 */
#ifndef SAMC_KERNELS_SIMD_EXP_H
#define SAMC_KERNELS_SIMD_EXP_H

#include "kernels/kernels.h"

/* 2^y for |y| <= 126, relative error <= 3e-7: y = n + f, 2^f = 1 + f P(f). Adding 1.5 * 2^23 rounds
 * y to a whole number, which then lies in the sum's lowest bits: moved up to the exponent's place
 * it multiplies by 2^n. */
static inline vf rows_exp2(vf y)
{
    const vf magic = vf_set1(12582912.0f);
    const vf sum = vf_add(y, magic), f = vf_sub(y, vf_sub(sum, magic));
    vf e;

    e = vf_fma(vf_set1(0.00133813126f), f, vf_set1(0.00966637861f));
    e = vf_fma(e, f, vf_set1(0.0555038117f));
    e = vf_fma(e, f, vf_set1(0.240223482f));
    e = vf_fma(e, f, vf_set1(0.693147182f));
    e = vf_fma(e, f, vf_set1(1.0f));
    return vf_scale2(e, sum);
}

/* exp(x) for x <= 0, relative error <= 4e-7 + 8e-8 |x|: x log2(e) and its constant are rounded.
 * Below -87 the answer stays at 2^-126 ~ 1.2e-38, the least normal number. */
static inline vf rows_exp(vf x)
{
    return rows_exp2(vf_max(vf_mul(x, vf_set1(1.44269504f)), vf_set1(-126.0f)));
}

/* Phi(x), the normal distribution. With a = |x| (at most 6: Phi(-6) = 1e-9), Phi(-a) = 2^(G(a) -
 * 1), and Phi(a) is one minus that: no cancellation on either side. */
static inline vf rows_phi(vf x)
{
    const vf a = vf_min(vf_abs(x), vf_set1(6.0f));
    vf g, tail;

    g = vf_fma(vf_set1(-1.12357252e-08f), a, vf_set1(3.82261135e-07f));
    g = vf_fma(g, a, vf_set1(-5.52579831e-06f));
    g = vf_fma(g, a, vf_set1(4.23656275e-05f));
    g = vf_fma(g, a, vf_set1(-0.000151872766f));
    g = vf_fma(g, a, vf_set1(-0.000293278717f));
    g = vf_fma(g, a, vf_set1(0.00735208998f));
    g = vf_fma(g, a, vf_set1(-0.0527594723f));
    g = vf_fma(g, a, vf_set1(-0.459095031f));
    g = vf_fma(g, a, vf_set1(-1.1511234f));
    g = vf_fma(g, a, vf_set1(4.76722448e-07f));
    tail = vf_mul(rows_exp2(g), vf_set1(0.5f));
    return vf_select_negative(x, tail, vf_sub(vf_set1(1.0f), tail));
}

#endif
