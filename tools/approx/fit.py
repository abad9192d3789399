#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Derives the polynomial coefficients that src/kernels uses for exp and GELU.

usage: fit.py        (needs numpy and mpmath; prints C constants and the error of each in f32 arithmetic)

2^f, |f| <= 1/2:                    1 + f * P(f), P of degree 4
log2(2 * Phi(-a)), 0 <= a <= 6:     G(a) of degree 10, so that Phi(-a) = 0.5 * 2^G(a)
Phi(a) - 0.5, 0 <= a <= 5.25:       16 pieces round a = k * 0.35, each of degree 4 in a / 0.35 - k
All are Chebyshev interpolations in 60 digits, rounded to f32 at the end.
"""
import mpmath as mp
import numpy as np

mp.mp.dps = 60


def chebyshev(function, low, high, degree):
    """Coefficients, lowest power first, of the interpolation of `function` at Chebyshev points."""
    n = degree + 1
    points = [(low + high) / 2 + (high - low) / 2 * mp.cos(mp.pi * (2 * i + 1) / (2 * n)) for i in range(n)]
    matrix = mp.matrix(n, n)
    for i, x in enumerate(points):
        for j in range(n):
            matrix[i, j] = x ** j
    return list(mp.lu_solve(matrix, mp.matrix([function(x) for x in points])))


def print_constants(name, coefficients):
    print(f"{name}: " + ", ".join(f"{float(np.float32(float(c))):.9g}f" for c in coefficients))


def horner(coefficients, x):
    result = np.full_like(x, np.float32(float(coefficients[-1])))
    for c in reversed(coefficients[:-1]):
        result = (result.astype(np.float64) * x + np.float32(float(c))).astype(np.float32)  # one rounding: fma
    return result


def main():
    half = mp.mpf("0.5") * mp.mpf("1.0001")
    p = chebyshev(lambda f: (2 ** f - 1) / f if abs(f) > mp.mpf(10) ** -20 else mp.log(2), -half, half, 4)
    print_constants("exp2 P", p)
    f = np.linspace(-0.5, 0.5, 200001).astype(np.float32)
    value = (f.astype(np.float64) * horner(p, f) + 1).astype(np.float32)
    print(f"  largest relative error of 2^f on the reduced range: {np.max(np.abs(value / np.exp2(f.astype(np.float64)) - 1)):.3g}")

    for degree in (9, 10, 11):
        g = chebyshev(lambda a: mp.log(mp.erfc(a / mp.sqrt(2)), 2), mp.mpf(0), mp.mpf(6), degree)
        print_constants(f"gelu G degree {degree}", g)
        a = np.linspace(0, 6, 200001).astype(np.float32)
        tail = 0.5 * np.exp2(horner(g, a).astype(np.float64))
        exact = np.array([float(mp.ncdf(-mp.mpf(float(v)))) for v in a[::40]])
        error = np.abs(tail[::40] - exact)
        print(f"  largest error of gelu(x), |x| <= 6: {np.max(error * a[::40]):.3g} absolute; Phi(-a): {np.max(error / exact):.3g} relative")


    step = mp.mpf("0.35")
    pieces = [chebyshev(lambda f: mp.ncdf((k + f) * step) - mp.mpf("0.5"), mp.mpf("-0.5"), mp.mpf("0.5"), 4) for k in range(16)]
    for power in range(5):
        print_constants(f"gelu pieces, power {power}", [piece[power] for piece in pieces])
    x = np.linspace(-8, 8, 40001).astype(np.float32)
    a = np.minimum(np.abs(x), np.float32(5.25)).astype(np.float64) / float(step)
    k = np.minimum(np.rint(a), 15).astype(int)
    table = np.array([[np.float32(float(c)) for c in piece] for piece in pieces])
    f = (a - k).astype(np.float32)
    g = table[k, 4]
    for power in (3, 2, 1, 0):
        g = (g.astype(np.float64) * f + table[k, power]).astype(np.float32)
    value = (np.abs(x).astype(np.float64) * g + 0.5 * x).astype(np.float32)
    exact = np.array([float(mp.mpf(float(v)) * mp.ncdf(mp.mpf(float(v)))) for v in x])
    print(f"  largest error of gelu(x): {np.max(np.abs(value - exact) / np.maximum(1, np.abs(x))):.3g} of max(1, |x|)")


if __name__ == "__main__":
    main()
