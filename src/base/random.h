/* SPDX-License-Identifier: Apache-2.0
 *
 * Random: numbers that are a function of a key and of how many were drawn since (counter-based), so
 * that any of them can be had again without those before it. Not for secrets.
 *
 * Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (2014), whose
 * SplitMix64 this is: the mixed sum of a key and a counter times the golden ratio.
 */
#ifndef SAMC_BASE_RANDOM_H
#define SAMC_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* A stream of numbers; a plain value: a copy draws the same again. */
typedef struct samc_random {
    uint64_t state;
} samc_random;

/* The stream of three numbers; streams of different triples have nothing to do with one another. */
samc_random samc_random_keyed(uint64_t seed, uint64_t index, uint64_t stream);
/* 64 random bits. */
uint64_t samc_random_next(samc_random *random);
/* 0 <= value < 1, 24 bits of it random: exact in f32. */
float samc_random_unit(samc_random *random);
/* low <= value <= high, evenly. */
float samc_random_range(samc_random *random, float low, float high);
/* The same with even logarithms; both ends are positive. */
float samc_random_log_range(samc_random *random, float low, float high);
/* 0 <= value < n, n at least 1. Uneven by less than n / 2^64. */
size_t samc_random_below(samc_random *random, size_t n);
/* 1 with this probability. */
int samc_random_chance(samc_random *random, float probability);
/* The standard normal distribution. */
float samc_random_normal(samc_random *random);
/* The index of one of n weights, none negative and not all zero, each as often as it is heavy. */
size_t samc_random_weighted(samc_random *random, const double *weights, size_t n);

#endif
