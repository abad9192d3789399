/* SPDX-License-Identifier: Apache-2.0
 *
 * What the automatic mask generator is made of, against the reference's own functions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "auto_golden.h"
#include "drawn_masks.h"
#include "mask/box_nms.h"
#include "mask/mask.h"
#include "mask/rle_rows.h"
#include "segment/crops.h"
#include "segment/postprocess.h"

#include <math.h>
#include <string.h>

static void test_crops(void **state)
{
    char name[32];
    int cases = 0;

    (void)state;
    for (;; cases++) {
        samc_crop *crops = NULL;
        size_t n = 0;
        double *given;
        int32_t *boxes;

        (void)snprintf(name, sizeof name, "crops.%d", cases);
        if (!golden_size(name, "given"))
            break;
        given = golden_values(name, "given", SAMC_DTYPE_F64);
        boxes = golden_values(name, "boxes", SAMC_DTYPE_I32);
        assert_int_equal(samc_crops_make((int32_t)given[0], (int32_t)given[1], (int32_t)given[2],
                                         given[3], &crops, &n, NULL),
                         SAMC_OK);
        assert_int_equal(n * 5, golden_size(name, "boxes"));
        for (size_t i = 0; i < n; i++) {
            assert_memory_equal(crops[i].box, boxes + 5 * i, sizeof crops[i].box);
            assert_int_equal(crops[i].layer, boxes[5 * i + 4]);
        }
        free(crops);
        free(given);
        free(boxes);
    }
    assert_int_equal(cases, 5);
}

static void test_points(void **state)
{
    const int sides[] = {1, 2, 3, 32};
    char name[32];

    (void)state;
    for (size_t i = 0; i < sizeof sides / sizeof sides[0]; i++) {
        const size_t n = 2 * (size_t)sides[i] * (size_t)sides[i];
        double *want, *got = NULL;

        (void)snprintf(name, sizeof name, "points.%d", sides[i]);
        want = golden_values(name, "", SAMC_DTYPE_F64);
        assert_int_equal(golden_size(name, ""), n);
        assert_int_equal(samc_point_grid_make(sides[i], &got, NULL), SAMC_OK);
        for (size_t j = 0; j < n; j++)
            assert_true(fabs(got[j] - want[j]) < 1e-15);
        free(want);
        free(got);
    }
}

static void test_suppression(void **state)
{
    char name[32];

    (void)state;
    for (int i = 0; i < 5; i++) {
        float *boxes, *scores;
        double *threshold;
        int32_t *want;
        size_t n, kept = 99, *keep;

        (void)snprintf(name, sizeof name, "nms.%d", i);
        n = (size_t)golden_size(name, "scores");
        boxes = golden_values(name, "boxes", SAMC_DTYPE_F32);
        scores = golden_values(name, "scores", SAMC_DTYPE_F32);
        threshold = golden_values(name, "threshold", SAMC_DTYPE_F64);
        want = golden_values(name, "keep", SAMC_DTYPE_I32);
        keep = malloc((n + 1) * sizeof *keep);
        assert_non_null(keep);
        assert_int_equal(samc_box_nms((const float(*)[4])(void *)boxes, scores, n, *threshold, keep,
                                      &kept, NULL),
                         SAMC_OK);
        assert_int_equal(kept, golden_size(name, "keep"));
        for (size_t j = 0; j < kept; j++)
            assert_int_equal(keep[j], want[j]);
        free(boxes);
        free(scores);
        free(threshold);
        free(want);
        free(keep);
    }
}

/* A score that is not a number has a place in the order, so that sorting ends. */
static void test_suppression_of_nan(void **state)
{
    const float boxes[3][4] = {{0, 0, 1, 1}, {5, 5, 6, 6}, {0, 0, 1, 1}};
    const float scores[3] = {1, 2, NAN};
    size_t keep[3], kept = 0;

    (void)state;
    assert_int_equal(samc_box_nms(boxes, scores, 3, 0.5, keep, &kept, NULL), SAMC_OK);
    assert_int_equal(kept, 2);
    assert_int_equal(keep[0], 2);
    assert_int_equal(keep[1], 1);
}

static void test_mending(void **state)
{
    char name[32];
    int cases = 0;

    (void)state;
    for (;; cases++) {
        samc_rle rle = SAMC_RLE_INIT, filled = SAMC_RLE_INIT, mended = SAMC_RLE_INIT;
        uint8_t *mask, *want, *got;
        int32_t *area, height, width;
        const samc_tensor *tensor;

        (void)snprintf(name, sizeof name, "mend.%d/mask", cases);
        tensor = samc_tensors_find(golden, name);
        if (!tensor)
            break;
        height = (int32_t)tensor->shape[0];
        width = (int32_t)tensor->shape[1];
        (void)snprintf(name, sizeof name, "mend.%d", cases);
        mask = golden_values(name, "mask", SAMC_DTYPE_U8);
        want = golden_values(name, "mended", SAMC_DTYPE_U8);
        area = golden_values(name, "area", SAMC_DTYPE_I32);
        got = malloc((size_t)height * (size_t)width);
        assert_non_null(got);
        assert_int_equal(samc_rle_encode(mask, height, width, (size_t)width, &rle, NULL), SAMC_OK);
        assert_int_equal(samc_rle_fill_holes(&rle, (uint64_t)area[0], 1, &filled, NULL, NULL),
                         SAMC_OK);
        assert_int_equal(samc_rle_drop_islands(&filled, (uint64_t)area[0], &mended, NULL, NULL),
                         SAMC_OK);
        samc_rle_decode(&mended, got, (size_t)width);
        assert_memory_equal(got, want, (size_t)height * (size_t)width);
        samc_rle_free(&rle);
        samc_rle_free(&filled);
        samc_rle_free(&mended);
        free(mask);
        free(want);
        free(area);
        free(got);
    }
    assert_int_equal(cases, 24);
}

/* Rows of a window of the mask, empty outside: the RLE, box and area of the whole mask. */
static void check_rows(samc_rle_rows *rows, const uint8_t *mask, int32_t height, int32_t width,
                       const samc_window *w)
{
    samc_rle want = {0}, got = {0};
    int32_t box[4];
    int any;

    samc_rle_rows_begin(rows, height, width, w->x0, w->x1);
    for (int32_t y = w->y0; y < w->y1; y++)
        if ((y + width) % 3 || y % 2 == 0) /* rows that are left out are empty, see below */
            samc_rle_rows_add(rows, y, mask + (size_t)y * (size_t)width + w->x0);
    assert_int_equal(samc_rle_rows_end(rows, &got, NULL), SAMC_OK);
    assert_int_equal(samc_rle_encode(mask, height, width, (size_t)width, &want, NULL), SAMC_OK);
    assert_int_equal(got.n_counts, want.n_counts);
    assert_memory_equal(got.counts, want.counts, want.n_counts * sizeof *want.counts);
    assert_int_equal(rows->area, samc_rle_area(&want));
    any = samc_mask_box(mask, height, width, (size_t)width, box);
    if (any)
        assert_memory_equal(rows->box, box, sizeof box);
    else
        assert_true(rows->box[0] > rows->box[2]);
    samc_rle_free(&want);
    samc_rle_free(&got);
}

static void test_rows_to_rle(void **state)
{
    static const int32_t sizes[][2] = {{1, 1}, {1, 40}, {40, 1}, {7, 9}, {23, 64}, {30, 131}};
    samc_rle_rows rows = {0};

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        for (int kind = NOISE; kind <= FULL; kind++)
            for (int cut = 0; cut < 3; cut++) {
                const int32_t h = sizes[i][0], w = sizes[i][1];
                const samc_window window = {cut * w / 4, cut * h / 4, w - cut / 2 * w / 5, h};
                uint8_t *mask = calloc((size_t)h, (size_t)w);
                uint32_t random = (uint32_t)(i + 1);

                assert_non_null(mask);
                for (int32_t y = 0; y < h; y++)
                    for (int32_t x = 0; x < w; x++) {
                        const int inside = drawn_pixel((enum drawn_kind)kind, h, w, y, x, &random);

                        mask[y * w + x] = inside && x >= window.x0 && x < window.x1 &&
                                          y >= window.y0 && ((y + w) % 3 || y % 2 == 0);
                    }
                check_rows(&rows, mask, h, w, &window);
                free(mask);
            }
    samc_rle_rows_free(&rows);
}

/* ------------------------------------------------------------------------- windows of logits */

typedef struct copy {
    const samc_window *window;
    float *out;
    int32_t width;
} copy;

static void take_row(void *arg, int32_t y, const float *row)
{
    const copy *c = arg;

    memcpy(c->out + (size_t)y * (size_t)c->width + c->window->x0, row + c->window->x0,
           (size_t)(c->window->x1 - c->window->x0) * sizeof *row);
}

/* Spots on a low ground: the window of those above the floor has the numbers of the whole photo,
 * and there is none above it outside. */
static void check_window(const samc_call *call, int32_t width, int32_t height, uint32_t seed,
                         float floor)
{
    enum { LOW = 32, SIDE = 128 };
    const samc_postprocess post = {samc_frame_of(width, height, SIDE), LOW, SIDE, 0.0f, 1.0f};
    const size_t pixels = (size_t)width * (size_t)height;
    const samc_arena_mark mark = samc_arena_here(call->arena);
    float low_res[LOW * LOW], *whole, *part, *scratch = NULL;
    samc_post_plan plan;
    samc_window all, window;
    size_t above = 0;

    for (int i = 0; i < LOW * LOW; i++) {
        seed = seed * 1664525u + 1013904223u;
        low_res[i] = floor - 1.0f - (float)(seed >> 28) - (seed >> 26 & 1 ? 0.0f : 40.0f);
        if (i / LOW > 8 && i / LOW < 20 && i % LOW > 20 && i % LOW < 27 && seed >> 30 == 3)
            low_res[i] = floor + 3.0f;
    }
    assert_int_equal(samc_post_plan_make(call, &post, &plan, NULL), SAMC_OK);
    assert_int_equal(samc_arena_take(call->arena, (size_t)samc_post_scratch(&plan), sizeof(float),
                                     &scratch, NULL),
                     SAMC_OK);
    whole = calloc(pixels, sizeof *whole);
    part = calloc(pixels, sizeof *part);
    assert_true(whole && part);
    all = samc_post_whole(&plan);
    window = samc_post_window(&plan, low_res, floor);
    samc_post_rows(&plan, low_res, &all, scratch, take_row, &(copy){&all, whole, width});
    samc_post_rows(&plan, low_res, &window, scratch, take_row, &(copy){&window, part, width});
    for (int32_t y = 0; y < height; y++)
        for (int32_t x = 0; x < width; x++) {
            const size_t i = (size_t)y * (size_t)width + (size_t)x;

            above += whole[i] > floor;
            if (x >= window.x0 && x < window.x1 && y >= window.y0 && y < window.y1)
                assert_memory_equal(&whole[i], &part[i], sizeof whole[i]);
            else
                assert_false(whole[i] > floor);
        }
    if (width >= 128 && height >= 128) { /* it is worth something */
        assert_true(above > 0);
        assert_true((window.x1 - window.x0) * 2 < width);
    }
    free(whole);
    free(part);
    samc_arena_give_back(call->arena, mark);
}

static void test_windows(void **state)
{
    static const int32_t sizes[][2] = {{128, 128}, {300, 200}, {61, 111},
                                       {100, 17},  {1, 1},     {9, 200}};
    samc_arena arena = {NULL, NULL};

    (void)state;
    for (size_t path = 0; samc_kernels_at(path); path++) {
        const samc_call call = {samc_kernels_at(path), NULL, &arena, NULL};

        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
            for (uint32_t seed = 0; seed < 5; seed++) {
                check_window(&call, sizes[i][0], sizes[i][1], seed, -1.0f);
                check_window(&call, sizes[i][0], sizes[i][1], seed, 0.0f);
                check_window(&call, sizes[i][0], sizes[i][1], seed, 2.0f);
            }
    }
    samc_arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crops),       cmocka_unit_test(test_points),
        cmocka_unit_test(test_suppression), cmocka_unit_test(test_suppression_of_nan),
        cmocka_unit_test(test_mending),     cmocka_unit_test(test_rows_to_rle),
        cmocka_unit_test(test_windows),
    };

    return cmocka_run_group_tests(tests, auto_golden_open, auto_golden_close);
}
