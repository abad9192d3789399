/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "drawn_masks.h"
#include "mask/rle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct golden {
    int32_t height, width;
    enum drawn_kind kind;
    uint64_t area;
    int32_t box[4];
    const char *text;
} goldens[] = {
#include "rle_golden.h"
};
#define N_GOLDENS (sizeof goldens / sizeof goldens[0])

static void test_answers_are_those_of_pycocotools(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_GOLDENS; i++) {
        const struct golden *g = &goldens[i];
        size_t stride = (size_t)g->width + i % 3;
        uint8_t *mask = drawn_mask(g->kind, g->height, g->width, stride, i % 2 ? 255 : 1);
        samc_rle rle = {0};
        char *text = NULL;
        int32_t box[4];

        assert_int_equal(samc_rle_encode(mask, g->height, g->width, stride, &rle, NULL), SAMC_OK);
        assert_int_equal(samc_rle_to_string(&rle, &text, NULL), SAMC_OK);
        assert_string_equal(text, g->text);
        assert_int_equal(samc_rle_area(&rle), g->area);
        samc_rle_box(&rle, box);
        assert_memory_equal(box, g->box, sizeof box);
        free(text);
        samc_rle_free(&rle);
        free(mask);
    }
}

static void test_strings_of_pycocotools_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_GOLDENS; i++) {
        const struct golden *g = &goldens[i];
        size_t stride = (size_t)g->width + 5;
        size_t size = (size_t)g->height * stride;
        uint8_t *want = drawn_mask(g->kind, g->height, g->width, stride, 1);
        uint8_t *got = malloc(size);
        samc_rle rle = {0};

        assert_non_null(got);
        memset(got, 1, size); /* as in `want` between the rows: must stay */
        assert_int_equal(
            samc_rle_from_string(g->text, strlen(g->text), g->height, g->width, &rle, NULL),
            SAMC_OK);
        samc_rle_decode(&rle, got, stride);
        assert_memory_equal(got, want, size);
        samc_rle_free(&rle);
        free(got);
        free(want);
    }
}

static void test_random_masks_come_back(void **state)
{
    uint32_t seed = 7;

    (void)state;
    for (int i = 0; i < 400; i++) {
        uint8_t mask[40 * 40], back[40 * 40];
        samc_rle rle = {0}, again = {0};
        char *text = NULL;
        int32_t h, w;
        uint64_t inside = 0;

        seed = seed * 1664525u + 1013904223u;
        h = (int32_t)(seed >> 8) % 40 + 1;
        w = (int32_t)(seed >> 16) % 40 + 1;
        for (int32_t k = 0; k < h * w; k++) {
            seed = seed * 1664525u + 1013904223u;
            mask[k] = (uint8_t)((int)(seed >> 24) < i % 256);
            inside += mask[k];
        }
        assert_int_equal(samc_rle_encode(mask, h, w, (size_t)w, &rle, NULL), SAMC_OK);
        assert_int_equal(samc_rle_area(&rle), inside);
        for (size_t k = 1; k < rle.n_counts; k++)
            assert_true(rle.counts[k] > 0);
        assert_int_equal(samc_rle_to_string(&rle, &text, NULL), SAMC_OK);
        assert_int_equal(samc_rle_from_string(text, strlen(text), h, w, &again, NULL), SAMC_OK);
        assert_int_equal(again.n_counts, rle.n_counts);
        assert_memory_equal(again.counts, rle.counts, rle.n_counts * sizeof *rle.counts);
        samc_rle_decode(&again, back, (size_t)w);
        assert_memory_equal(back, mask, (size_t)(h * w));
        free(text);
        samc_rle_free(&rle);
        samc_rle_free(&again);
    }
}

/* Empty runs mean nothing, wherever they stand: files have them. */
static void test_empty_runs_are_passed_over(void **state)
{
    const uint64_t counts[] = {2, 0, 1, 2, 0, 3, 1, 0, 0};
    const uint8_t want[] = {0, 1, 1, 0, 1, 1, 0, 1, 0};
    uint8_t got[9];
    int32_t box[4];
    samc_rle rle = {0};

    (void)state;
    assert_int_equal(samc_rle_from_counts(counts, 9, 3, 3, &rle, NULL), SAMC_OK);
    samc_rle_decode(&rle, got, 3);
    assert_memory_equal(got, want, sizeof want);
    assert_int_equal(samc_rle_area(&rle), 5);
    samc_rle_box(&rle, box);
    assert_memory_equal(box, ((int32_t[]){1, 0, 2, 3}), sizeof box);
    samc_rle_free(&rle);
}

/* The largest picture: counts and differences that need all seven characters. */
static void test_the_largest_mask(void **state)
{
    const uint64_t all = UINT64_C(65535) * 65535;
    const uint64_t counts[] = {1, 1, 1, all - 6, 1, 2};
    samc_rle rle = {0}, again = {0};
    char *text = NULL;
    int32_t box[4];

    (void)state;
    assert_int_equal(samc_rle_from_counts(counts, 6, 65535, 65535, &rle, NULL), SAMC_OK);
    assert_int_equal(samc_rle_to_string(&rle, &text, NULL), SAMC_OK);
    assert_int_equal(samc_rle_from_string(text, strlen(text), 65535, 65535, &again, NULL), SAMC_OK);
    assert_int_equal(again.n_counts, 6);
    assert_memory_equal(again.counts, counts, sizeof counts);
    samc_rle_box(&again, box);
    assert_memory_equal(box, ((int32_t[]){0, 0, 65535, 65535}), sizeof box);
    free(text);
    samc_rle_free(&rle);
    samc_rle_free(&again);
}

static void refused(const char *text, size_t length, int32_t h, int32_t w, const char *word)
{
    samc_error error = {SAMC_OK, ""};
    samc_rle rle = {0};

    assert_int_equal(samc_rle_from_string(text, length, h, w, &rle, &error), SAMC_ERROR_FORMAT);
    if (!strstr(error.message, word))
        fail_msg("'%s' lacks '%s'", error.message, word);
    assert_null(rle.counts);
}

/* guard: counts beyond h * w, a string without its end, a huge count, a missing NUL. The well-known
 * C reader of this format writes or reads outside of its memory on each. */
static void test_bad_strings_are_refused(void **state)
{
    /* no NUL behind it: only `length` says where the text ends */
    char *bare = malloc(3);

    (void)state;
    assert_non_null(bare);
    memcpy(bare, "1PP", 3);
    refused(bare, 3, 40, 40, "ends within a count");
    free(bare);
    refused("", 0, 3, 3, "9 pixels short");
    refused("8", 1, 3, 3, "1 pixels short");
    refused("81", 2, 2, 4, "exceed 4 x 2 pixels at count 1"); /* 8 + 1 */
    refused(":", 1, 3, 3, "is 10, outside");                  /* more than there is */
    refused("ooooooo", 7, 65535, 65535, "longer than 7");
    refused("PPPPPPPPPPPP0", 13, 65535, 65535, "longer than 7");
    refused("oooooo?", 7, 3, 3, "outside 0 to 3 x 3"); /* 2^34 - 1 */
    refused("O:", 2, 3, 3, "count 0 is -1");
    refused("1111K", 5, 3, 3, "count 4 is -4"); /* a difference that goes below 0 */
    refused("1 8", 3, 3, 3, "0x20");
    refused("\x80", 1, 3, 3, "0x80");
    refused("p9", 2, 3, 3, "0x70");
    refused("\0", 1, 3, 3, "0x00");
}

static void test_bad_counts_and_sizes_are_refused(void **state)
{
    const uint64_t wraps[] = {UINT64_MAX, 10}; /* sums to 9 in 64 bits */
    const uint64_t nine = 9;
    const uint8_t mask[9] = {0};
    samc_error error = {SAMC_OK, ""};
    samc_rle rle = {0};

    (void)state;
    assert_int_equal(samc_rle_from_counts(wraps, 2, 3, 3, &rle, &error), SAMC_ERROR_FORMAT);
    assert_int_equal(samc_rle_from_counts(&nine, 0, 3, 3, &rle, &error), SAMC_ERROR_FORMAT);
    assert_int_equal(samc_rle_from_counts(&nine, 1, 0, 3, &rle, &error), SAMC_ERROR_ARGUMENT);
    assert_int_equal(samc_rle_from_counts(&nine, 1, -3, -3, &rle, &error), SAMC_ERROR_ARGUMENT);
    assert_int_equal(samc_rle_from_string("9", 1, 65536, 1, &rle, &error), SAMC_ERROR_ARGUMENT);
    assert_non_null(strstr(error.message, "65536"));
    assert_int_equal(samc_rle_encode(mask, 3, 3, 2, &rle, &error), SAMC_ERROR_ARGUMENT);
    assert_int_equal(samc_rle_encode(mask, 3, 0, 3, &rle, &error), SAMC_ERROR_ARGUMENT);
    assert_null(rle.counts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers_are_those_of_pycocotools),
        cmocka_unit_test(test_strings_of_pycocotools_are_read),
        cmocka_unit_test(test_random_masks_come_back),
        cmocka_unit_test(test_empty_runs_are_passed_over),
        cmocka_unit_test(test_the_largest_mask),
        cmocka_unit_test(test_bad_strings_are_refused),
        cmocka_unit_test(test_bad_counts_and_sizes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
