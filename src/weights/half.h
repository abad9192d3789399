/* SPDX-License-Identifier: Apache-2.0
 *
 * IEEE half and bfloat16 as bits, to and from f32; both round to nearest, ties to even. Infinities
 * stay infinite and a NaN stays a NaN.
 */
#ifndef SAMC_WEIGHTS_HALF_H
#define SAMC_WEIGHTS_HALF_H

#include <stddef.h>
#include <stdint.h>

float samc_f16_to_f32(uint16_t half);
uint16_t samc_f16_from_f32(float value); /* from 65520 on: infinity */
float samc_bf16_to_f32(uint16_t brain);
uint16_t samc_bf16_from_f32(float value);

/* The same for `count` numbers. The 16-bit ones are little-endian at any alignment; the arrays must
 * not overlap. */
void samc_f16_array_to_f32(const uint8_t *half, size_t count, float *out);
void samc_f16_array_from_f32(const float *values, size_t count, uint8_t *out);
void samc_bf16_array_to_f32(const uint8_t *brain, size_t count, float *out);
void samc_bf16_array_from_f32(const float *values, size_t count, uint8_t *out);

#endif
