/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "image/image.h"
#include "image/resize.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

struct golden {
    int32_t in_w, in_h, out_w, out_h;
    samc_pixel_format format;
    int32_t hard; /* noise of 0 and 255 only */
    uint32_t crc;
};

static const struct golden goldens[] = {
#include "resize_golden.h"
};

static const size_t channels[] = {3, 3, 4, 1};

/* The picture of tools/fixtures/make_resize_golden.py, each row followed by `gap` bytes of 0xee. */
static uint8_t *picture(const struct golden *g, size_t gap, samc_image *image)
{
    const size_t row = (size_t)g->in_w * channels[g->format];
    uint8_t *pixels = malloc((row + gap) * (size_t)g->in_h);
    uint32_t state = (uint32_t)g->in_w * 65536u + (uint32_t)g->in_h;

    assert_non_null(pixels);
    memset(pixels, 0xee, (row + gap) * (size_t)g->in_h);
    for (size_t y = 0; y < (size_t)g->in_h; y++) {
        for (size_t i = 0; i < row; i++) {
            state = state * 1664525u + 1013904223u;
            pixels[y * (row + gap) + i] = (uint8_t)(g->hard ? (state >> 31 ? 255 : 0)
                                                            : state >> 24);
        }
    }
    *image = (samc_image){pixels, g->in_w, g->in_h, row + gap, g->format};
    return pixels;
}

static void check(const struct golden *g, size_t gap)
{
    const size_t size = (size_t)g->out_w * (size_t)g->out_h * 3;
    samc_image image;
    uint8_t *pixels = picture(g, gap, &image);
    uint8_t *out = malloc(size + 64);
    samc_error error = {SAMC_OK, ""};

    assert_non_null(out);
    memset(out, 0xa5, size + 64);
    assert_int_equal(samc_resize_rgb(&image, g->out_w, g->out_h, out, &error), SAMC_OK);
    if (crc32(0, out, (uInt)size) != g->crc)
        fail_msg("%d x %d -> %d x %d, format %d, hard %d differs from Pillow", g->in_w, g->in_h,
                 g->out_w, g->out_h, (int)g->format, g->hard);
    for (size_t i = size; i < size + 64; i++)
        assert_int_equal(out[i], 0xa5);
    free(out);
    free(pixels);
}

static void test_equals_pillow(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof goldens / sizeof goldens[0]; i++)
        check(&goldens[i], 0);
}

static void test_stride_is_honoured(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof goldens / sizeof goldens[0]; i++)
        if (goldens[i].in_w * goldens[i].in_h <= 20000)
            check(&goldens[i], 5);
}

static void test_bad_arguments_are_refused(void **state)
{
    static const uint8_t pixels[4 * 4 * 4] = {0};
    uint8_t out[3];
    samc_image image = {pixels, 4, 4, 12, SAMC_PIXELS_RGB};
    samc_image bad;

    (void)state;
    assert_int_equal(samc_resize_rgb(&image, 1, 1, out, NULL), SAMC_OK);
    assert_int_equal(samc_resize_rgb(NULL, 1, 1, out, NULL), SAMC_ERROR_ARGUMENT);
    assert_int_equal(samc_resize_rgb(&image, 1, 1, NULL, NULL), SAMC_ERROR_ARGUMENT);
    assert_int_equal(samc_resize_rgb(&image, 0, 1, out, NULL), SAMC_ERROR_ARGUMENT);
    assert_int_equal(samc_resize_rgb(&image, 1, -1, out, NULL), SAMC_ERROR_ARGUMENT);
    assert_int_equal(samc_resize_rgb(&image, 65536, 1, out, NULL), SAMC_ERROR_ARGUMENT);
    assert_int_equal(samc_resize_rgb(&image, 1, 65536, out, NULL), SAMC_ERROR_ARGUMENT);
    bad = image;
    bad.pixels = NULL;
    assert_int_equal(samc_image_check(&bad, NULL), SAMC_ERROR_ARGUMENT);
    bad = image;
    bad.width = 0;
    assert_int_equal(samc_image_check(&bad, NULL), SAMC_ERROR_ARGUMENT);
    bad = image;
    bad.height = 65536;
    assert_int_equal(samc_image_check(&bad, NULL), SAMC_ERROR_ARGUMENT);
    bad = image;
    bad.stride = 11;
    assert_int_equal(samc_image_check(&bad, NULL), SAMC_ERROR_ARGUMENT);
    bad = image;
    bad.format = (samc_pixel_format)4;
    assert_int_equal(samc_image_check(&bad, NULL), SAMC_ERROR_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equals_pillow),
        cmocka_unit_test(test_stride_is_honoured),
        cmocka_unit_test(test_bad_arguments_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
