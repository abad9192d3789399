/* SPDX-License-Identifier: Apache-2.0 */
#include "base/random.h"

#include <math.h>

#define GOLDEN UINT64_C(0x9e3779b97f4a7c15) /* 2^64 / golden ratio, odd */
#define TWO_PI 6.2831853f

/* SplitMix64's finaliser: every input bit reaches every output bit. */
static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Each number is mixed before the next one joins, so that (1, 2) and (2, 1) differ, and (0, 0, 0)
 * is a stream as good as any. */
samc_random samc_random_keyed(uint64_t seed, uint64_t index, uint64_t stream)
{
    uint64_t key = mix(seed + GOLDEN);

    key = mix(key + index + GOLDEN);
    key = mix(key + stream + GOLDEN);
    return (samc_random){key};
}

uint64_t samc_random_next(samc_random *random)
{
    random->state += GOLDEN;
    return mix(random->state);
}

float samc_random_unit(samc_random *random)
{
    return (float)(samc_random_next(random) >> 40) * 0x1p-24f;
}

float samc_random_range(samc_random *random, float low, float high)
{
    return low + (high - low) * samc_random_unit(random);
}

float samc_random_log_range(samc_random *random, float low, float high)
{
    return low * powf(high / low, samc_random_unit(random));
}

/* The high half of the 128-bit product, from 32-bit halves. */
size_t samc_random_below(samc_random *random, size_t n)
{
    uint64_t bits = samc_random_next(random);
    uint64_t a = bits >> 32, b = bits & 0xffffffff;
    uint64_t c = (uint64_t)n >> 32, d = (uint64_t)n & 0xffffffff;
    uint64_t middle = a * d + ((b * d) >> 32);
    uint64_t low = (middle & 0xffffffff) + b * c;

    return (size_t)(a * c + (middle >> 32) + (low >> 32));
}

int samc_random_chance(samc_random *random, float probability)
{
    return samc_random_unit(random) < probability;
}

/* Box and Muller's; 1 - unit keeps the logarithm finite. */
float samc_random_normal(samc_random *random)
{
    float radius = sqrtf(-2.0f * logf(1.0f - samc_random_unit(random)));

    return radius * cosf(TWO_PI * samc_random_unit(random));
}

size_t samc_random_weighted(samc_random *random, const double *weights, size_t n)
{
    double sum = 0, at;
    size_t last = 0;

    for (size_t i = 0; i < n; i++)
        sum += weights[i];
    at = sum * (double)samc_random_unit(random);
    for (size_t i = 0; i < n; i++) {
        if (weights[i] <= 0)
            continue;
        last = i; /* rounding may leave a rest: it falls to the last one */
        at -= weights[i];
        if (at < 0)
            break;
    }
    return last;
}
