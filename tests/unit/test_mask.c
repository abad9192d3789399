/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "drawn_masks.h"
#include "mask/mask.h"
#include "mask/regions.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static const struct golden {
    int32_t height, width;
    enum drawn_kind kind;
    uint32_t outside, unknown;
    int32_t x, y;
    int64_t squared;
} goldens[] = {
#include "distance_golden.h"
};
#define N_GOLDENS (sizeof goldens / sizeof goldens[0])

/* The CRC-32 of the squared distances as 32-bit little-endian numbers. */
static uint32_t sum_of(const uint8_t *mask, const struct golden *g, samc_border border)
{
    size_t n = (size_t)g->height * (size_t)g->width;
    int64_t *squared = malloc(n * sizeof *squared);
    uLong sum = crc32(0, NULL, 0);

    assert_non_null(squared);
    assert_int_equal(samc_distance_squared(mask, g->height, g->width, border, squared, NULL),
                     SAMC_OK);
    for (size_t i = 0; i < n; i++) {
        Bytef bytes[4];

        for (int k = 0; k < 4; k++)
            bytes[k] = (Bytef)(squared[i] >> (8 * k) & 0xff);
        sum = crc32(sum, bytes, 4);
    }
    free(squared);
    return (uint32_t)sum;
}

static void test_distances_are_those_of_scipy(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_GOLDENS; i++) {
        const struct golden *g = &goldens[i];
        uint8_t *mask = drawn_mask(g->kind, g->height, g->width, (size_t)g->width, 255);
        int32_t x = -1, y = -1;
        int64_t squared = -1;

        assert_int_equal(sum_of(mask, g, SAMC_BORDER_OUTSIDE), g->outside);
        if (g->unknown)
            assert_int_equal(sum_of(mask, g, SAMC_BORDER_UNKNOWN), g->unknown);
        assert_int_equal(samc_region_peak(mask, g->height, g->width, &x, &y, &squared, NULL),
                         SAMC_OK);
        assert_int_equal(x, g->x);
        assert_int_equal(y, g->y);
        assert_int_equal(squared, g->squared);
        free(mask);
    }
}

static void test_no_background_is_said(void **state)
{
    const uint8_t mask[6] = {1, 1, 1, 1, 1, 1};
    int64_t squared[6];

    (void)state;
    assert_int_equal(samc_distance_squared(mask, 2, 3, SAMC_BORDER_UNKNOWN, squared, NULL),
                     SAMC_OK);
    for (int i = 0; i < 6; i++)
        assert_true(squared[i] == SAMC_DISTANCE_NONE);
}

/* The longest sides: distances whose squares need more than 32 bits. */
static void test_a_strip_of_the_longest_side(void **state)
{
    enum { N = 65535 };
    uint8_t *mask = malloc(N);
    int64_t *squared = malloc(N * sizeof *squared);

    (void)state;
    assert_non_null(mask);
    assert_non_null(squared);
    memset(mask, 1, N);
    mask[0] = 0;
    for (int turn = 0; turn < 2; turn++) {
        assert_int_equal(samc_distance_squared(mask, turn ? N : 1, turn ? 1 : N,
                                               SAMC_BORDER_UNKNOWN, squared, NULL),
                         SAMC_OK);
        for (int64_t i = 0; i < N; i++)
            assert_int_equal(squared[i], i * i);
    }
    free(mask);
    free(squared);
}

static void test_box_and_area(void **state)
{
    const uint8_t mask[4][6] = {
        {0, 0, 0, 0, 0, 9}, {0, 0, 1, 0, 0, 9}, {0, 2, 0, 0, 0, 9}, {0, 0, 0, 0, 0, 9}};
    int32_t box[4] = {7, 7, 7, 7};

    (void)state;
    assert_int_equal(samc_mask_box(mask[0], 4, 5, 6, box), 1);
    assert_memory_equal(box, ((int32_t[]){1, 1, 2, 2}), sizeof box);
    assert_int_equal(samc_mask_area(mask[0], 4, 5, 6), 2);
    assert_int_equal(samc_mask_box(mask[0], 4, 6, 6, box), 1);
    assert_memory_equal(box, ((int32_t[]){1, 0, 5, 3}), sizeof box);
    assert_int_equal(samc_mask_box(mask[0], 1, 5, 6, box), 0);
    assert_memory_equal(box, ((int32_t[]){0, 0, 0, 0}), sizeof box);
}

static void test_iou(void **state)
{
    const uint8_t a[6] = {1, 255, 0, 0, 1, 0};
    const uint8_t b[6] = {1, 1, 1, 0, 0, 0};
    const uint8_t ignore[6] = {0, 0, 1, 0, 0, 0};
    const uint8_t none[6] = {0};

    (void)state;
    assert_true(samc_mask_iou(a, b, NULL, 2, 3) == 0.5);
    assert_true(samc_mask_iou(a, b, ignore, 3, 2) == 2.0 / 3.0);
    assert_true(samc_mask_iou(a, none, NULL, 2, 3) == 0);
    assert_true(samc_mask_iou(none, none, NULL, 2, 3) == 1);
    assert_true(samc_mask_iou(none, ignore, ignore, 2, 3) == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_distances_are_those_of_scipy),
        cmocka_unit_test(test_no_background_is_said),
        cmocka_unit_test(test_a_strip_of_the_longest_side),
        cmocka_unit_test(test_box_and_area),
        cmocka_unit_test(test_iou),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
