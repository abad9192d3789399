/* SPDX-License-Identifier: Apache-2.0
 *
 * No branches in the conversions themselves, only selections, so that a compiler turns the array
 * loops into vectors without any F16C.
 */
#include "weights/half.h"

#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "tensors are read as little-endian");

static inline uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Half: sign 1, exponent 5 (bias 15), mantissa 10. f32: 1, 8 (bias 127), 23. */
static inline float f16_to_f32(uint16_t half)
{
    uint32_t sign = ((uint32_t)half & 0x8000u) << 16;
    uint32_t rest = (uint32_t)half & 0x7fffu;
    /* a subnormal is mantissa * 2^-24; in f32 it is a normal number */
    uint32_t small = bits_of((float)(int32_t)rest * 0x1p-24f);
    uint32_t normal = (rest << 13) + ((127u - 15u) << 23);
    uint32_t special = (rest << 13) | 0x7f800000u;
    uint32_t bits = rest < 0x0400u ? small : rest >= 0x7c00u ? special : normal;

    return float_of(sign | bits);
}

static inline uint16_t f16_from_f32(float value)
{
    uint32_t bits = bits_of(value);
    uint32_t sign = (bits >> 16) & 0x8000u;
    uint32_t rest = bits & 0x7fffffffu;
    /* Normal result: drop 13 bits; half of the last place less one, plus the last kept bit, rounds
     * ties to even, and a carry runs into the exponent as it should (65520 becomes infinity). */
    uint32_t normal = (rest - ((127u - 15u) << 23) + 0xfffu + ((rest >> 13) & 1u)) >> 13;
    /* Below 2^-14: adding 0.5, whose last place is 2^-24, makes the FPU round for us. */
    uint32_t small = bits_of(float_of(rest) + 0.5f) - 0x3f000000u;
    uint32_t special = rest > 0x7f800000u ? 0x7e00u : 0x7c00u;
    uint32_t half = rest < 0x38800000u ? small : rest >= 0x477ff000u ? special : normal;

    return (uint16_t)(sign | half);
}

static inline float bf16_to_f32(uint16_t brain)
{
    return float_of((uint32_t)brain << 16);
}

static inline uint16_t bf16_from_f32(float value)
{
    uint32_t bits = bits_of(value);
    uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
    uint32_t quiet = (bits >> 16) | 0x40u; /* a NaN must not lose its whole mantissa */

    return (uint16_t)((bits & 0x7fffffffu) > 0x7f800000u ? quiet : rounded);
}

float samc_f16_to_f32(uint16_t half)
{
    return f16_to_f32(half);
}

uint16_t samc_f16_from_f32(float value)
{
    return f16_from_f32(value);
}

float samc_bf16_to_f32(uint16_t brain)
{
    return bf16_to_f32(brain);
}

uint16_t samc_bf16_from_f32(float value)
{
    return bf16_from_f32(value);
}

void samc_f16_array_to_f32(const uint8_t *restrict half, size_t count, float *restrict out)
{
    for (size_t i = 0; i < count; i++) {
        uint16_t bits;
        memcpy(&bits, half + 2 * i, sizeof bits);
        out[i] = f16_to_f32(bits);
    }
}

void samc_f16_array_from_f32(const float *restrict values, size_t count, uint8_t *restrict out)
{
    for (size_t i = 0; i < count; i++) {
        uint16_t bits = f16_from_f32(values[i]);
        memcpy(out + 2 * i, &bits, sizeof bits);
    }
}

void samc_bf16_array_to_f32(const uint8_t *restrict brain, size_t count, float *restrict out)
{
    for (size_t i = 0; i < count; i++) {
        uint16_t bits;
        memcpy(&bits, brain + 2 * i, sizeof bits);
        out[i] = bf16_to_f32(bits);
    }
}

void samc_bf16_array_from_f32(const float *restrict values, size_t count, uint8_t *restrict out)
{
    for (size_t i = 0; i < count; i++) {
        uint16_t bits = bf16_from_f32(values[i]);
        memcpy(out + 2 * i, &bits, sizeof bits);
    }
}
