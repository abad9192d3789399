/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "weights/half.h"

#include <math.h>
#include <string.h>

static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* The value of a half, from its definition. */
static double slow_half(uint16_t half)
{
    int exponent = half >> 10 & 31, mantissa = half & 1023;
    double value = exponent == 0 ? ldexp(mantissa, -24) : ldexp(1024 + mantissa, exponent - 25);

    if (exponent == 31)
        value = mantissa ? (double)NAN : (double)INFINITY;
    return half & 0x8000 ? -value : value;
}

/* Every half is what its definition says, and comes back from f32 as it was. */
static void test_f16_all(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 65536; h++) {
        float value = samc_f16_to_f32((uint16_t)h);
        double wanted = slow_half((uint16_t)h);

        if (isnan(wanted)) {
            assert_true(isnan(value));
            assert_true(isnan(samc_f16_to_f32(samc_f16_from_f32(value))));
            continue;
        }
        assert_true((double)value == wanted && !signbit(value) == !signbit(wanted));
        assert_int_equal(samc_f16_from_f32(value), h);
    }
}

/* Between two neighbouring halves: below the middle goes down, above up, the middle to the even
 * one. The last step, 65504 to 65536, is where infinity begins. */
static void test_f16_rounding(void **state)
{
    (void)state;
    for (uint16_t h = 0; h < 0x7c00; h++) {
        double low = slow_half(h), high = h == 0x7bff ? 65536.0 : slow_half((uint16_t)(h + 1));
        float middle = (float)((low + high) / 2); /* exact: one bit more than a half has */

        assert_int_equal(samc_f16_from_f32(nextafterf(middle, 0.0f)), h);
        assert_int_equal(samc_f16_from_f32(middle), h % 2 ? h + 1 : h);
        assert_int_equal(samc_f16_from_f32(nextafterf(middle, INFINITY)), h + 1);
        assert_int_equal(samc_f16_from_f32(-middle), 0x8000 | (h % 2 ? h + 1 : h));
    }
    assert_int_equal(samc_f16_from_f32(3e38f), 0x7c00);
    assert_int_equal(samc_f16_from_f32(1e-45f), 0);
}

static void test_bf16(void **state)
{
    (void)state;
    for (uint32_t b = 0; b < 65536; b++) {
        float value = samc_bf16_to_f32((uint16_t)b);

        assert_int_equal(bits_of(value), b << 16);
        if (isnan(value))
            assert_true(isnan(samc_bf16_to_f32(samc_bf16_from_f32(value))));
        else
            assert_int_equal(samc_bf16_from_f32(value), b);
    }
    assert_int_equal(samc_bf16_from_f32(0x1.010p0f), 0x3f80); /* the middle: to the even one */
    assert_int_equal(samc_bf16_from_f32(0x1.030p0f), 0x3f82);
    assert_int_equal(samc_bf16_from_f32(0x1.011p0f), 0x3f81);
    assert_int_equal(samc_bf16_from_f32(3.4e38f), 0x7f80);
    uint32_t nan_bits = 0x7f800001; /* its mantissa would be lost */
    float nan_value;
    memcpy(&nan_value, &nan_bits, sizeof nan_value);
    assert_true(isnan(samc_bf16_to_f32(samc_bf16_from_f32(nan_value))));
}

/* The array loops, at an odd address, do what the single conversions do. */
static void test_arrays(void **state)
{
    uint8_t packed[1 + 2 * 100];
    float values[100];

    (void)state;
    for (int i = 0; i < 100; i++)
        values[i] = (float)(i - 50) * 0.37f;
    samc_f16_array_from_f32(values, 100, packed + 1);
    samc_f16_array_to_f32(packed + 1, 100, values);
    for (int i = 0; i < 100; i++)
        assert_true(values[i] == samc_f16_to_f32(samc_f16_from_f32((float)(i - 50) * 0.37f)));
    for (int i = 0; i < 100; i++)
        values[i] = (float)(i - 50) * 0.37f;
    samc_bf16_array_from_f32(values, 100, packed + 1);
    samc_bf16_array_to_f32(packed + 1, 100, values);
    for (int i = 0; i < 100; i++)
        assert_true(values[i] == samc_bf16_to_f32(samc_bf16_from_f32((float)(i - 50) * 0.37f)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_f16_all),
        cmocka_unit_test(test_f16_rounding),
        cmocka_unit_test(test_bf16),
        cmocka_unit_test(test_arrays),
    };
    return cmocka_run_group_tests_name("half", tests, NULL, NULL);
}
