/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "image/draw.h"
#include "image/font.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define GUARD 64

/* A gray canvas with guard bytes before and after its pixels. */
static samc_canvas canvas_make(int32_t width, int32_t height)
{
    const size_t size = (size_t)width * (size_t)height * 3;
    uint8_t *memory = malloc(size + 2 * GUARD);

    assert_non_null(memory);
    memset(memory, 0xa5, size + 2 * GUARD);
    memset(memory + GUARD, 100, size);
    return (samc_canvas){memory + GUARD, width, height};
}

static void canvas_free(const samc_canvas *canvas)
{
    const size_t size = (size_t)canvas->width * (size_t)canvas->height * 3;

    for (size_t i = 0; i < GUARD; i++) {
        assert_int_equal(canvas->pixels[size + i], 0xa5);
        assert_int_equal(canvas->pixels[(ptrdiff_t)i - GUARD], 0xa5);
    }
    free(canvas->pixels - GUARD);
}

static int has_color(const samc_canvas *canvas, int32_t x, int32_t y, int r, int g, int b)
{
    const uint8_t *p = canvas->pixels + 3 * (y * canvas->width + x);

    return p[0] == r && p[1] == g && p[2] == b;
}

static size_t count_changed(const samc_canvas *canvas)
{
    size_t count = 0;

    for (int32_t y = 0; y < canvas->height; y++)
        for (int32_t x = 0; x < canvas->width; x++)
            count += !has_color(canvas, x, y, 100, 100, 100);
    return count;
}

static void test_mask_is_blended(void **state)
{
    const uint8_t mask[6] = {0, 1, 1, 0, 255, 0};
    samc_canvas canvas = canvas_make(3, 2);

    (void)state;
    samc_draw_mask(&canvas, mask, samc_draw_color(0), SAMC_DRAW_ALPHA);
    for (int32_t i = 0; i < 6; i++) {
        /* 0.6 (30, 144, 255) + 0.4 * 100 */
        if (mask[i])
            assert_true(has_color(&canvas, i % 3, i / 3, 58, 126, 193));
        else
            assert_true(has_color(&canvas, i % 3, i / 3, 100, 100, 100));
    }
    canvas_free(&canvas);
}

static void test_colors_differ(void **state)
{
    (void)state;
    for (int32_t i = 0; i < 12; i++) {
        const samc_color a = samc_draw_color(i);

        for (int32_t j = 0; j < i; j++) {
            const samc_color b = samc_draw_color(j);

            assert_true(abs(a.r - b.r) + abs(a.g - b.g) + abs(a.b - b.b) > 40);
        }
    }
}

static void test_point_is_a_star(void **state)
{
    samc_canvas canvas = canvas_make(500, 300);

    (void)state;
    samc_draw_point(&canvas, 50.0f, 40.0f, 1);
    samc_draw_point(&canvas, 150.0f, 40.0f, 0);
    assert_true(has_color(&canvas, 49, 39, 0, 128, 0));
    assert_true(has_color(&canvas, 150, 40, 255, 0, 0));
    /* the figure is 500 pixels wide: a radius of 6.7, and an edge of 1 around it */
    assert_true(has_color(&canvas, 49, 31, 100, 100, 100));
    assert_false(has_color(&canvas, 49, 33, 100, 100, 100));
    assert_true(has_color(&canvas, 49, 47, 100, 100, 100)); /* between the lower two tips */
    assert_true(count_changed(&canvas) > 2 * 60 && count_changed(&canvas) < 2 * 150);
    canvas_free(&canvas);
}

static void test_box_is_hollow(void **state)
{
    const float box[4] = {100.0f, 200.0f, 300.0f, 400.0f};
    samc_canvas canvas = canvas_make(1000, 600);

    (void)state;
    samc_draw_box(&canvas, box);
    assert_true(has_color(&canvas, 100, 300, 0, 128, 0));
    assert_true(has_color(&canvas, 299, 300, 0, 128, 0));
    assert_true(has_color(&canvas, 200, 200, 0, 128, 0));
    assert_true(has_color(&canvas, 200, 399, 0, 128, 0));
    assert_true(has_color(&canvas, 200, 300, 100, 100, 100));
    assert_true(has_color(&canvas, 97, 300, 100, 100, 100));
    assert_int_equal(count_changed(&canvas), 204 * 204 - 196 * 196);
    canvas_free(&canvas);
}

/* At and beyond every edge: nothing is written outside, and nothing crashes. */
static void test_everything_is_clipped(void **state)
{
    static const float places[] = {-1e30f, -70.0f, -3.0f, 0.0f,     11.0f,    23.5f,
                                   26.0f,  99.0f,  1e30f, INFINITY, -INFINITY};
    const size_t n = sizeof places / sizeof places[0];
    const float nowhere[4] = {NAN, NAN, NAN, NAN};
    samc_canvas canvas = canvas_make(23, 17);
    const samc_color color = {1, 2, 3};

    (void)state;
    samc_draw_point(&canvas, NAN, 5, 1);
    samc_draw_box(&canvas, nowhere);
    samc_draw_text(&canvas, NAN, NAN, 10, color, "x");
    samc_draw_point(&canvas, -70, -70, 1);
    assert_int_equal(count_changed(&canvas), 0);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++) {
            const float box[4] = {places[i], places[j], places[j], places[i]};

            samc_draw_point(&canvas, places[i], places[j], 1);
            samc_draw_box(&canvas, box);
            samc_draw_text(&canvas, places[i], places[j], 14, color, "Score: 0.5");
        }
    }
    canvas_free(&canvas);
}

static void test_every_character_has_a_glyph(void **state)
{
    samc_stroke strokes[SAMC_FONT_MAX_SEGMENTS];
    samc_stroke question[SAMC_FONT_MAX_SEGMENTS];
    float width;

    (void)state;
    assert_int_equal(samc_font_glyph(' ', strokes, &width), 0);
    assert_true(width > 0);
    for (int c = '!'; c <= '~'; c++) {
        const size_t count = samc_font_glyph(c, strokes, &width);

        assert_true(count > 0 && count < SAMC_FONT_MAX_SEGMENTS);
        for (size_t i = 0; i < count; i++) {
            assert_true(strokes[i].x0 >= 0 && strokes[i].x0 <= width);
            assert_true(strokes[i].x1 >= 0 && strokes[i].x1 <= width);
            assert_true(strokes[i].y0 >= 0 && strokes[i].y0 <= 18);
            assert_true(strokes[i].y1 >= 0 && strokes[i].y1 <= 18);
        }
    }
    const size_t count = samc_font_glyph('?', question, &width);
    assert_int_equal(samc_font_glyph(200, strokes, &width), count);
    assert_memory_equal(strokes, question, count * sizeof *strokes);
    assert_int_equal(samc_font_glyph(-1, strokes, &width), count);
}

static void test_text(void **state)
{
    samc_canvas canvas = canvas_make(120, 40);
    const samc_color black = {0, 0, 0};

    (void)state;
    /* H: 10 units wide; a gap of 4; I: 0 wide */
    assert_float_equal(samc_draw_text_width(20, "HI"), 14.0f, 1e-4f);
    assert_float_equal(samc_draw_text_width(40, "HI"), 28.0f, 1e-4f);
    assert_float_equal(samc_draw_text_width(20, ""), 0.0f, 0.0f);
    /* a character of two bytes is one '?' */
    assert_float_equal(samc_draw_text_width(20, "\xc3\xa9"), samc_draw_text_width(20, "?"), 1e-4f);
    samc_draw_text(&canvas, 10.0f, 8.0f, 20.0f, black, "HI");
    assert_true(has_color(&canvas, 10, 12, 100, 100, 100) == 0);
    assert_true(has_color(&canvas, 15, 11, 100, 100, 100));  /* above the bar of the H */
    assert_false(has_color(&canvas, 15, 15, 100, 100, 100)); /* the bar */
    assert_false(has_color(&canvas, 23, 15, 100, 100, 100)); /* the I */
    assert_true(has_color(&canvas, 60, 15, 100, 100, 100));
    canvas_free(&canvas);
}

static void test_sheet(void **state)
{
    const samc_canvas pictures[3] = {canvas_make(600, 50), canvas_make(600, 50),
                                     canvas_make(600, 50)};
    samc_panel panels[3] = {
        {pictures[0], "Mask 1, Score: 0.9"}, {pictures[1], NULL}, {pictures[2], ""}};
    const int32_t margin = 10; /* 16 of 1000, by 600 */
    const int32_t title = 18;  /* 25 of 1000, by 600, and a seventh more */
    samc_photo sheet;
    samc_canvas canvas;
    int dark = 0;

    (void)state;
    assert_int_equal(samc_draw_sheet(panels, 3, 2, &sheet, NULL), SAMC_OK);
    assert_int_equal(sheet.view.width, 2 * 600 + 3 * margin);
    assert_int_equal(sheet.view.height, 2 * (50 + title) + 3 * margin);
    canvas = (samc_canvas){sheet.pixels, sheet.view.width, sheet.view.height};
    assert_true(has_color(&canvas, margin, margin + title, 100, 100, 100));
    assert_true(has_color(&canvas, margin - 1, margin + title, 255, 255, 255));
    assert_true(has_color(&canvas, 2 * margin + 600 + 599, margin + title + 49, 100, 100, 100));
    assert_true(has_color(&canvas, 2 * margin + 600, 2 * margin + 50 + 2 * title, 255, 255, 255));
    for (int32_t x = 0; x < canvas.width; x++)
        for (int32_t y = margin; y < margin + title; y++)
            dark += has_color(&canvas, x, y, 0, 0, 0) && x < 600;
    assert_true(dark > 20);
    samc_photo_free(&sheet);

    panels[0].title = NULL;
    assert_int_equal(samc_draw_sheet(panels, 3, 9, &sheet, NULL), SAMC_OK);
    assert_int_equal(sheet.view.width, 3 * 600 + 4 * margin);
    assert_int_equal(sheet.view.height, 50 + 2 * margin);
    samc_photo_free(&sheet);

    panels[1].picture.height = 49;
    assert_int_equal(samc_draw_sheet(panels, 3, 2, &sheet, NULL), SAMC_ERROR_ARGUMENT);
    assert_int_equal(samc_draw_sheet(panels, 0, 2, &sheet, NULL), SAMC_ERROR_ARGUMENT);
    assert_int_equal(samc_draw_sheet(panels, 1, 0, &sheet, NULL), SAMC_ERROR_ARGUMENT);
    for (size_t i = 0; i < 3; i++)
        canvas_free(&pictures[i]);
}

static void test_sheet_of_a_side_too_long(void **state)
{
    const samc_canvas picture = canvas_make(22000, 1);
    const samc_panel panels[3] = {{picture, NULL}, {picture, NULL}, {picture, NULL}};
    samc_photo sheet;

    (void)state;
    assert_int_equal(samc_draw_sheet(panels, 3, 3, &sheet, NULL), SAMC_ERROR_LIMIT);
    canvas_free(&picture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mask_is_blended),
        cmocka_unit_test(test_colors_differ),
        cmocka_unit_test(test_point_is_a_star),
        cmocka_unit_test(test_box_is_hollow),
        cmocka_unit_test(test_everything_is_clipped),
        cmocka_unit_test(test_every_character_has_a_glyph),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_sheet),
        cmocka_unit_test(test_sheet_of_a_side_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
