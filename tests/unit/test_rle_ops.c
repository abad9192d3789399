/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mask/rle.h"
#include "mask_report.h"

#include <zlib.h>

#define GROUP 8
#define GROUPS_A_SUM 50
#define SIDE 24

static const uint32_t goldens[][2] = {
#include "rle_ops_golden.h"
};
#define N_GOLDENS (sizeof goldens / sizeof goldens[0])

static uint32_t random_state;

static int32_t random_next(int32_t n)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (int32_t)((random_state >> 8) % (uint32_t)n);
}

/* As tools/fixtures/make_rle_ops_golden.py draws it. */
static void draw(uint8_t *mask, int32_t h, int32_t w)
{
    int32_t block = 1 + random_next(4), density = random_next(101);

    for (int32_t y = 0; y < h; y += block)
        for (int32_t x = 0; x < w; x += block) {
            uint8_t value = random_next(100) < density;

            for (int32_t i = y; i < y + block && i < h; i++)
                for (int32_t k = x; k < x + block && k < w; k++)
                    mask[i * w + k] = value;
        }
}

static uint64_t largest_region(const samc_rle *rle)
{
    samc_rle *list = NULL;
    size_t count = 0;
    uint64_t largest = 0, total = 0;

    assert_int_equal(samc_rle_regions(rle, &list, &count, NULL), SAMC_OK);
    for (size_t i = 0; i < count; i++) {
        uint64_t area = samc_rle_area(&list[i]);

        largest = area > largest ? area : largest;
        total += area;
        assert_true(area > 0 && samc_rle_intersection(rle, &list[i]) == area);
    }
    assert_true(total == samc_rle_area(rle));
    samc_rle_list_free(list, count);
    return largest;
}

static void report_regions(FILE *out, const samc_rle *rle, uint64_t area)
{
    samc_rle made = SAMC_RLE_INIT;
    char *text = NULL;

    assert_int_equal(samc_rle_fill_holes(rle, area, 1, &made, NULL, NULL), SAMC_OK);
    assert_int_equal(samc_rle_to_string(&made, &text, NULL), SAMC_OK);
    fprintf(out, "%s\n", text);
    free(text);
    samc_rle_free(&made);
    assert_int_equal(samc_rle_drop_islands(rle, area, &made, NULL, NULL), SAMC_OK);
    assert_int_equal(samc_rle_to_string(&made, &text, NULL), SAMC_OK);
    fprintf(out, "%s\n", largest_region(rle) < area ? "-" : text);
    free(text);
    samc_rle_free(&made);
}

static uint32_t sum_file(FILE *file)
{
    uint8_t bytes[4096];
    uLong sum = crc32(0, NULL, 0);
    size_t n;

    rewind(file);
    while ((n = fread(bytes, 1, sizeof bytes, file)) > 0)
        sum = crc32(sum, bytes, (uInt)n);
    assert_int_equal(fclose(file), 0);
    return (uint32_t)sum;
}

/* 20,000 masks; `make parity-rle` takes a million, with pycocotools beside them. */
static void test_answers_are_those_of_pycocotools(void **state)
{
    (void)state;
    random_state = 6;
    assert_int_equal(N_GOLDENS, 50);
    for (size_t i = 0; i < N_GOLDENS; i++) {
        FILE *reports = tmpfile(), *regions = tmpfile();

        assert_non_null(reports);
        assert_non_null(regions);
        for (int g = 0; g < GROUPS_A_SUM; g++) {
            int32_t h = 1 + random_next(SIDE), w = 1 + random_next(SIDE);
            uint64_t area = 1 + (uint64_t)random_next(20);
            uint8_t masks[GROUP * SIDE * SIDE], crowd[GROUP];
            samc_rle rles[GROUP] = {{0}};

            for (int k = 0; k < GROUP; k++)
                draw(masks + k * h * w, h, w);
            for (int k = 0; k < GROUP; k++)
                crowd[k] = (uint8_t)random_next(2);
            mask_round_trip(masks, GROUP, h, w, rles);
            mask_report(reports, rles, GROUP, crowd);
            for (int k = 0; k < GROUP; k++) {
                report_regions(regions, &rles[k], area);
                samc_rle_free(&rles[k]);
            }
        }
        assert_int_equal(sum_file(reports), goldens[i][0]);
        assert_int_equal(sum_file(regions), goldens[i][1]);
    }
}

/* A mask of text: rows of '#' and '.', separated by '/'. */
static samc_rle parse(const char *text)
{
    uint8_t mask[400];
    int32_t w = (int32_t)strcspn(text, "/"), h = 0, n = 0;
    samc_rle rle = SAMC_RLE_INIT;

    for (; *text; text++)
        if (*text != '/')
            mask[n++] = *text == '#';
    h = n / w;
    assert_int_equal(samc_rle_encode(mask, h, w, (size_t)w, &rle, NULL), SAMC_OK);
    return rle;
}

static void assert_mask(samc_rle *rle, const char *text)
{
    samc_rle want = parse(text);

    assert_int_equal(rle->n_counts, want.n_counts);
    assert_memory_equal(rle->counts, want.counts, want.n_counts * sizeof *want.counts);
    samc_rle_free(&want);
    samc_rle_free(rle);
}

static void test_holes_and_islands(void **state)
{
    samc_rle rle = parse("#####.#/#...#../#.#.#.#/#...#../#####.."), made = SAMC_RLE_INIT;
    size_t n = 0;

    (void)state;
    assert_int_equal(samc_rle_fill_holes(&rle, 8, 0, &made, &n, NULL), SAMC_OK);
    assert_int_equal(n, 0); /* the ring around the middle has 8 */
    samc_rle_free(&made);
    assert_int_equal(samc_rle_fill_holes(&rle, 9, 0, &made, &n, NULL), SAMC_OK);
    assert_int_equal(n, 1);
    assert_mask(&made, "#####.#/#####../#####.#/#####../#####..");
    assert_int_equal(samc_rle_fill_holes(&rle, UINT64_MAX, 0, &made, &n, NULL), SAMC_OK);
    assert_mask(&made, "#####.#/#####../#####.#/#####../#####.."); /* the edge is no hole */
    assert_int_equal(samc_rle_fill_holes(&rle, UINT64_MAX, 1, &made, &n, NULL), SAMC_OK);
    assert_mask(&made, "#######/#######/#######/#######/#######");
    assert_int_equal(samc_rle_drop_islands(&rle, 2, &made, &n, NULL), SAMC_OK);
    assert_int_equal(n, 3);
    assert_mask(&made, "#####../#...#../#...#../#...#../#####..");
    assert_int_equal(samc_rle_drop_islands(&rle, UINT64_MAX, &made, &n, NULL), SAMC_OK);
    assert_mask(&made, "#####../#...#../#...#../#...#../#####..");
    samc_rle_free(&rle);
    rle = parse("...");
    assert_int_equal(samc_rle_drop_islands(&rle, 5, &made, &n, NULL), SAMC_OK);
    assert_int_equal(n, 0);
    assert_mask(&made, "...");
    samc_rle_free(&rle);
}

static void test_difference_and_refusals(void **state)
{
    samc_rle pair[3] = {parse("##./##."), parse(".##/..."), parse("##/..")};
    samc_rle made = SAMC_RLE_INIT;
    samc_error error;

    (void)state;
    assert_int_equal(samc_rle_merge(pair, 2, SAMC_MERGE_DIFFERENCE, &made, NULL), SAMC_OK);
    assert_mask(&made, "#../##.");
    assert_int_equal(samc_rle_merge(pair, 3, SAMC_MERGE_UNION, &made, &error), SAMC_ERROR_ARGUMENT);
    assert_non_null(strstr(error.message, "mask 2 has 2 x 2"));
    assert_int_equal(samc_rle_merge(pair, 0, SAMC_MERGE_UNION, &made, NULL), SAMC_ERROR_ARGUMENT);
    assert_null(made.counts);
    assert_true(samc_rle_iou(&pair[0], &pair[2], 0) == -1.0);
    assert_int_equal(samc_rle_intersection(&pair[0], &pair[2]), 0);
    for (int i = 0; i < 3; i++)
        samc_rle_free(&pair[i]);
}

/* Greedy suppression, written out, on masks that overlap a lot. */
static void test_suppression(void **state)
{
    (void)state;
    random_state = 11;
    for (int round = 0; round < 300; round++) {
        samc_rle rles[12] = {{0}};
        double scores[12], threshold = random_next(100) / 100.0;
        uint8_t keep[12], want[12] = {0}, seen[12] = {0};

        for (int i = 0; i < 12; i++) {
            uint8_t mask[64];

            draw(mask, 8, 8);
            assert_int_equal(samc_rle_encode(mask, 8, 8, 8, &rles[i], NULL), SAMC_OK);
            scores[i] = random_next(5);
        }
        for (int n = 0; n < 12; n++) {
            int best = -1;

            for (int i = 0; i < 12; i++)
                if (!seen[i] && (best < 0 || scores[i] > scores[best]))
                    best = i;
            seen[best] = want[best] = 1;
            for (int i = 0; i < 12; i++)
                if (i != best && want[i] && samc_rle_iou(&rles[i], &rles[best], 0) > threshold)
                    want[best] = 0;
        }
        assert_int_equal(samc_rle_nms(rles, scores, 12, threshold, keep, NULL), SAMC_OK);
        assert_memory_equal(keep, want, sizeof want);
        for (int i = 0; i < 12; i++)
            samc_rle_free(&rles[i]);
    }
}

/* Runs past 2^24 and 2^31, where counts kept in floats or in 32 bits with a sign go wrong. */
static void test_long_runs(void **state)
{
    const uint64_t all = UINT64_C(65535) * 65535, past = (UINT64_C(1) << 31) + 5;
    const uint64_t a[] = {(1 << 24) + 1, past, all - past - (1 << 24) - 1};
    const uint64_t b[] = {(1 << 24) + 3, all - (1 << 24) - 3};
    samc_rle rles[2] = {{0}}, made = SAMC_RLE_INIT;
    char *text = NULL;

    (void)state;
    assert_int_equal(samc_rle_from_counts(a, 3, 65535, 65535, &rles[0], NULL), SAMC_OK);
    assert_int_equal(samc_rle_from_counts(b, 2, 65535, 65535, &rles[1], NULL), SAMC_OK);
    assert_int_equal(samc_rle_to_string(&rles[0], &text, NULL), SAMC_OK);
    assert_int_equal(samc_rle_from_string(text, strlen(text), 65535, 65535, &made, NULL), SAMC_OK);
    assert_memory_equal(made.counts, a, sizeof a);
    samc_rle_free(&made);
    free(text);
    assert_true(samc_rle_area(&rles[0]) == past);
    assert_true(samc_rle_intersection(&rles[0], &rles[1]) == past - 2);
    assert_true(samc_rle_iou(&rles[0], &rles[1], 0) ==
                (double)(past - 2) / (double)(all - (1 << 24) - 1));
    assert_int_equal(samc_rle_merge(rles, 2, SAMC_MERGE_DIFFERENCE, &made, NULL), SAMC_OK);
    assert_true(samc_rle_area(&made) == 2);
    samc_rle_free(&made);
    assert_int_equal(samc_rle_fill_holes(&rles[0], UINT64_MAX, 1, &made, NULL, NULL), SAMC_OK);
    assert_true(samc_rle_area(&made) == all);
    samc_rle_free(&made);
    samc_rle_free(&rles[0]);
    samc_rle_free(&rles[1]);
}

static double ring_area(const samc_polygons *p, size_t ring)
{
    double twice = 0;

    for (size_t i = p->starts[ring]; i < p->starts[ring + 1]; i++) {
        size_t k = i + 1 < p->starts[ring + 1] ? i + 1 : p->starts[ring];

        twice += p->xy[2 * i] * p->xy[2 * k + 1] - p->xy[2 * i + 1] * p->xy[2 * k];
    }
    return twice / 2;
}

static void test_outline_with_a_hole(void **state)
{
    const double want[] = {1, 0, 4, 0, 4, 3, 1, 3, 2, 1, 2, 2, 3, 2, 3, 1, 5, 3, 6, 3, 6, 4, 5, 4};
    samc_rle rle = parse(".###../.#.#../.###../.....#");
    samc_polygons rings = SAMC_POLYGONS_INIT, joined = SAMC_POLYGONS_INIT;
    samc_rle filled = SAMC_RLE_INIT;

    (void)state;
    assert_int_equal(samc_polygons_trace(&rle, 0, &rings, NULL), SAMC_OK);
    assert_int_equal(rings.n_rings, 3);
    assert_memory_equal(rings.outer, ((size_t[]){0, 0, 2}), 3 * sizeof *rings.outer);
    assert_memory_equal(rings.starts, ((size_t[]){0, 4, 8, 12}), 4 * sizeof *rings.starts);
    assert_true(ring_area(&rings, 0) == 9 && ring_area(&rings, 1) == -1);
    for (int i = 0; i < 24; i += 2) { /* each corner is there, whichever comes first */
        int found = 0;

        for (int k = 0; k < 24; k += 2)
            found |= rings.xy[k] == want[i] && rings.xy[k + 1] == want[i + 1];
        assert_true(found);
    }
    assert_int_equal(samc_polygons_join(&rings, &joined, NULL), SAMC_OK);
    assert_int_equal(joined.n_rings, 2);
    assert_true(ring_area(&joined, 0) == 8 && ring_area(&joined, 1) == 1);
    assert_int_equal(samc_polygons_fill(&joined, 4, 6, &filled, NULL), SAMC_OK);
    assert_mask(&filled, ".###../.#.#../.###../.....#");
    samc_polygons_free(&rings);
    samc_polygons_free(&joined);
    samc_rle_free(&rle);
}

/* The farthest any pixel corner of the exact outline is from the simplified one. */
static double worst_distance(const samc_polygons *exact, const samc_polygons *simple)
{
    double worst = 0;

    for (size_t i = 0; i < exact->starts[exact->n_rings]; i++) {
        double nearest = 1e9;

        for (size_t r = 0; r < simple->n_rings; r++)
            for (size_t k = simple->starts[r]; k < simple->starts[r + 1]; k++) {
                size_t next = k + 1 < simple->starts[r + 1] ? k + 1 : simple->starts[r];
                const double *a = simple->xy + 2 * k, *b = simple->xy + 2 * next;
                double ux = b[0] - a[0], uy = b[1] - a[1];
                double vx = exact->xy[2 * i] - a[0], vy = exact->xy[2 * i + 1] - a[1];
                double length = ux * ux + uy * uy;
                double t = length > 0 ? (ux * vx + uy * vy) / length : 0;
                double d;

                t = t < 0 ? 0 : t > 1 ? 1 : t;
                d = (vx - t * ux) * (vx - t * ux) + (vy - t * uy) * (vy - t * uy);
                nearest = d < nearest ? d : nearest;
            }
        worst = nearest > worst ? nearest : worst;
    }
    return worst;
}

static void test_simplified_within_the_tolerance(void **state)
{
    enum { N = 100 };
    uint8_t mask[N * N];
    samc_rle rle = SAMC_RLE_INIT;
    samc_polygons exact = SAMC_POLYGONS_INIT;
    size_t before;

    (void)state;
    for (int y = 0; y < N; y++)
        for (int x = 0; x < N; x++) {
            int d = (x - 50) * (x - 50) + (y - 50) * (y - 50);

            mask[y * N + x] = d < 45 * 45 && d >= 20 * 20;
        }
    assert_int_equal(samc_rle_encode(mask, N, N, N, &rle, NULL), SAMC_OK);
    assert_int_equal(samc_polygons_trace(&rle, 0, &exact, NULL), SAMC_OK);
    assert_int_equal(exact.n_rings, 2);
    before = exact.starts[2];
    for (double tolerance = 0.5; tolerance < 9; tolerance *= 2) {
        samc_polygons simple = SAMC_POLYGONS_INIT;
        samc_rle filled = SAMC_RLE_INIT;
        double worst;

        assert_int_equal(samc_polygons_trace(&rle, tolerance, &simple, NULL), SAMC_OK);
        assert_int_equal(simple.n_rings, 2);
        assert_true(simple.starts[2] < before);
        before = simple.starts[2];
        worst = worst_distance(&exact, &simple);
        assert_true(worst <= tolerance * tolerance);
        assert_int_equal(samc_polygons_fill(&simple, N, N, &filled, NULL), SAMC_OK);
        assert_true(samc_rle_iou(&filled, &rle, 0) > 1 - tolerance / 20);
        samc_rle_free(&filled);
        samc_polygons_free(&simple);
    }
    assert_int_equal(samc_polygons_trace(&rle, -1, &exact, NULL), SAMC_ERROR_ARGUMENT);
    samc_polygons_free(&exact);
    samc_rle_free(&rle);
    rle = parse("#..#/..../...."); /* regions never vanish, holes may */
    assert_int_equal(samc_polygons_trace(&rle, 50, &exact, NULL), SAMC_OK);
    assert_int_equal(exact.n_rings, 2);
    samc_polygons_free(&exact);
    samc_rle_free(&rle);
    rle = parse("....");
    assert_int_equal(samc_polygons_trace(&rle, 0, &exact, NULL), SAMC_OK);
    assert_int_equal(exact.n_rings, 0);
    samc_polygons_free(&exact);
    samc_rle_free(&rle);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers_are_those_of_pycocotools),
        cmocka_unit_test(test_holes_and_islands),
        cmocka_unit_test(test_difference_and_refusals),
        cmocka_unit_test(test_suppression),
        cmocka_unit_test(test_long_runs),
        cmocka_unit_test(test_outline_with_a_hole),
        cmocka_unit_test(test_simplified_within_the_tolerance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
