/* SPDX-License-Identifier: Apache-2.0
 *
 * Everything in a photo: the tiny model against what the reference's generator finds with it, and
 * the manners of samc_generate.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "auto_golden.h"
#include "mask/mask.h"
#include "mask/rle.h"
#include "unit/tiny.h"

#include <math.h>
#include <string.h>

#define MOST 128

/* What came of a call. */
typedef struct answer {
    size_t count;
    samc_mask_record records[MOST];
    samc_rle rles[MOST];
    size_t stop_after; /* masks; 0: never */
} answer;

static int keep(void *user, const samc_mask_record *record)
{
    answer *a = user;
    samc_rle *rle = &a->rles[a->count];
    samc_rle from_text = {0};
    uint64_t area = 0;

    assert_true(a->count < MOST);
    assert_int_equal(record->index, a->count);
    assert_int_equal(record->mask->height, record->height);
    assert_int_equal(record->mask->width, record->width);
    assert_int_equal(samc_rle_from_counts(record->mask->counts, record->mask->n_counts,
                                          record->height, record->width, rle, NULL),
                     SAMC_OK);
    /* both forms of the mask say the same */
    assert_int_equal(samc_rle_from_string(record->rle, strlen(record->rle), record->height,
                                          record->width, &from_text, NULL),
                     SAMC_OK);
    assert_int_equal(from_text.n_counts, rle->n_counts);
    assert_memory_equal(from_text.counts, rle->counts, rle->n_counts * sizeof *rle->counts);
    samc_rle_free(&from_text);
    for (size_t i = 1; i < rle->n_counts; i += 2)
        area += rle->counts[i];
    assert_int_equal(record->area, area);
    a->records[a->count] = *record;
    a->records[a->count].mask = NULL;
    a->records[a->count++].rle = NULL;
    return a->stop_after && a->count == a->stop_after;
}

static void forget(answer *a)
{
    for (size_t i = 0; i < a->count; i++)
        samc_rle_free(&a->rles[i]);
    memset(a, 0, sizeof *a);
}

/* ------------------------------------------------------------------------- golden data */

static const char *const cases[] = {"plain",  "all",    "spots",        "stable", "crops",
                                    "layers", "mended", "mended_crops", "strip",  "grid"};
#define CASES (sizeof cases / sizeof cases[0])

/* As photos.formula of tools/parity makes it; free the pixels. */
static samc_image formula(int32_t width, int32_t height)
{
    uint8_t *pixels = malloc((size_t)width * (size_t)height * 3), *p = pixels;

    assert_non_null(pixels);
    for (int64_t y = 0; y < height; y++)
        for (int64_t x = 0; x < width; x++)
            for (int64_t c = 0; c < 3; c++)
                *p++ = (uint8_t)(x * (3 + c) + y * (5 - c) + ((x * y * (c + 3)) >> 4) +
                                 ((x * x) >> (5 + c)));
    return (samc_image){pixels, width, height, (size_t)width * 3, SAMC_PIXELS_RGB};
}

static void drop(const samc_image *image)
{
    free((void *)(uintptr_t)image->pixels);
}

/* One case: its photo and its settings. */
typedef struct given {
    samc_image image;
    samc_generate_options options;
    samc_point_grid grid;
    double *points;
} given;

static given given_of(const char *name)
{
    int32_t *size = golden_values(name, "size", SAMC_DTYPE_I32);
    double *s = golden_values(name, "settings", SAMC_DTYPE_F64);
    given g = {.options = SAMC_GENERATE_OPTIONS_INIT};
    samc_generate_options *o = &g.options;

    assert_int_equal(golden_size(name, "settings"), 11);
    g.image = formula(size[0], size[1]);
    o->points_per_side = (int32_t)s[0];
    o->pred_iou_thresh = (float)s[1];
    o->stability_score_thresh = (float)s[2];
    o->stability_score_offset = (float)s[3];
    o->box_nms_thresh = s[4];
    o->crop_n_layers = (int32_t)s[5];
    o->crop_nms_thresh = s[6];
    o->crop_overlap_ratio = s[7];
    o->crop_n_points_downscale_factor = (int32_t)s[8];
    o->min_mask_region_area = (int64_t)s[9];
    o->mask_threshold = (float)s[10];
    g.points = golden_values(name, "grid.0", SAMC_DTYPE_F64);
    g.grid = (samc_point_grid){g.points, (size_t)golden_size(name, "grid.0") / 2};
    free(size);
    free(s);
    return g;
}

static void use_grid(given *g)
{
    if (g->grid.n) {
        g->options.point_grids = &g->grid;
        g->options.n_point_grids = 1;
    }
}

static void drop_given(given *g)
{
    drop(&g->image);
    free(g->points);
}

/* IoU of a mask with one of `n` golden run lengths; two empty masks agree. */
static double iou_with(const samc_rle *rle, const int32_t *counts, int32_t n)
{
    const size_t width = (size_t)rle->width, pixels = (size_t)rle->height * width;
    uint64_t *wide = malloc((size_t)n * sizeof *wide);
    uint8_t *mine = malloc(pixels), *theirs = malloc(pixels);
    samc_rle other = {0};
    double iou;

    assert_true(wide && mine && theirs);
    for (int32_t i = 0; i < n; i++)
        wide[i] = (uint64_t)counts[i];
    assert_int_equal(samc_rle_from_counts(wide, (size_t)n, rle->height, rle->width, &other, NULL),
                     SAMC_OK);
    samc_rle_decode(rle, mine, width);
    samc_rle_decode(&other, theirs, width);
    iou = samc_mask_iou(mine, theirs, NULL, rle->height, rle->width);
    samc_rle_free(&other);
    free(wide);
    free(mine);
    free(theirs);
    return iou;
}

static void check_answer(const char *name, const answer *a, int exact)
{
    int32_t *bbox = golden_values(name, "bbox", SAMC_DTYPE_I32);
    int32_t *crop = golden_values(name, "crop", SAMC_DTYPE_I32);
    int32_t *counts = golden_values(name, "counts", SAMC_DTYPE_I32);
    int32_t *n_counts = golden_values(name, "n_counts", SAMC_DTYPE_I32);
    float *iou = golden_values(name, "iou", SAMC_DTYPE_F32);
    float *stability = golden_values(name, "stability", SAMC_DTYPE_F32);
    double *point = golden_values(name, "point", SAMC_DTYPE_F64);
    const int32_t *next = counts;

    assert_int_equal(a->count, golden_size(name, "iou"));
    for (size_t i = 0; i < a->count; i++) {
        const samc_mask_record *r = &a->records[i];

        if (!(iou_with(&a->rles[i], next, n_counts[i]) >= 0.99))
            fail_msg("%s, mask %zu is another one", name, i);
        next += n_counts[i];
        assert_memory_equal(r->box, bbox + 4 * i, sizeof r->box);
        assert_memory_equal(r->crop_box, crop + 4 * i, sizeof r->crop_box);
        assert_true(fabsf(r->predicted_iou - iou[i]) < 1e-4f);
        if (isnan(stability[i]))
            assert_true(exact ? isnan(r->stability_score) : r->stability_score == 0.0f);
        else
            assert_true(fabsf(r->stability_score - stability[i]) < 1e-3f);
        assert_true(fabs(r->point[0] - point[2 * i]) < 1e-9);
        assert_true(fabs(r->point[1] - point[2 * i + 1]) < 1e-9);
    }
    free(bbox);
    free(crop);
    free(counts);
    free(n_counts);
    free(iou);
    free(stability);
    free(point);
}

static void test_golden(void **state)
{
    static answer a;

    (void)state;
    for (size_t i = 0; i < CASES; i++)
        for (int exact = 0; exact < 2; exact++) {
            given g = given_of(cases[i]);
            samc_error error = {SAMC_OK, ""};

            use_grid(&g);
            g.options.exact = exact;
            if (samc_generate(context, model, &g.image, &g.options, keep, &a, &error) != SAMC_OK)
                fail_msg("%s: %s", cases[i], error.message);
            check_answer(cases[i], &a, exact);
            forget(&a);
            drop_given(&g);
        }
}

/* ------------------------------------------------------------------------- the same bits */

static void check_same(const answer *a, const answer *b)
{
    assert_int_equal(a->count, b->count);
    for (size_t i = 0; i < a->count; i++) {
        const samc_mask_record *x = &a->records[i], *y = &b->records[i];

        assert_memory_equal(&x->predicted_iou, &y->predicted_iou, sizeof x->predicted_iou);
        assert_memory_equal(&x->stability_score, &y->stability_score, sizeof x->stability_score);
        assert_memory_equal(x->box, y->box, sizeof x->box);
        assert_memory_equal(x->point, y->point, sizeof x->point);
        assert_int_equal(a->rles[i].n_counts, b->rles[i].n_counts);
        assert_memory_equal(a->rles[i].counts, b->rles[i].counts,
                            a->rles[i].n_counts * sizeof *a->rles[i].counts);
    }
}

/* Threads, batches, the pixels' format and an embedding that was there do not change a bit. */
static void test_same_bits(void **state)
{
    samc_context_options many = SAMC_CONTEXT_OPTIONS_INIT;
    samc_context *other = NULL;
    samc_embedding *embedding = NULL;
    given g = given_of("all");
    static answer one, two;
    samc_image bgra = g.image;
    uint8_t *pixels;

    (void)state;
    many.threads = 5;
    assert_int_equal(samc_context_create(&many, &other, NULL), SAMC_OK);
    assert_int_equal(samc_generate(context, model, &g.image, &g.options, keep, &one, NULL),
                     SAMC_OK);
    g.options.points_per_batch = 2;
    assert_int_equal(samc_generate(other, model, &g.image, &g.options, keep, &two, NULL), SAMC_OK);
    check_same(&one, &two);
    forget(&two);
    assert_int_equal(samc_encode(context, model, &g.image, NULL, &embedding, NULL), SAMC_OK);
    assert_int_equal(
        samc_generate_from_embedding(other, model, embedding, &g.options, keep, &two, NULL),
        SAMC_OK);
    check_same(&one, &two);
    forget(&one);
    forget(&two);

    /* crops of rows that are longer than the photo, in another format */
    g.options.crop_n_layers = 1;
    g.options.mask_threshold = 0.5f;
    bgra.format = SAMC_PIXELS_RGBA;
    bgra.stride = (size_t)bgra.width * 4 + 12;
    pixels = calloc(bgra.stride, (size_t)bgra.height);
    assert_non_null(pixels);
    for (int32_t y = 0; y < bgra.height; y++)
        for (int32_t x = 0; x < bgra.width; x++)
            memcpy(pixels + (size_t)y * bgra.stride + 4 * (size_t)x,
                   g.image.pixels + (size_t)y * g.image.stride + 3 * (size_t)x, 3);
    bgra.pixels = pixels;
    g.options.box_nms_thresh = g.options.crop_nms_thresh = 0.5;
    assert_int_equal(samc_generate(context, model, &g.image, &g.options, keep, &one, NULL),
                     SAMC_OK);
    assert_int_equal(samc_generate(other, model, &bgra, &g.options, keep, &two, NULL), SAMC_OK);
    assert_true(one.count > 3);
    check_same(&one, &two);
    forget(&one);
    forget(&two);
    free(pixels);
    samc_embedding_free(embedding);
    samc_context_free(other);
    drop_given(&g);
}

/* The masks and scores are those that samc_predict gives for the point. */
static void test_as_predict(void **state)
{
    samc_predict_options predict = SAMC_PREDICT_OPTIONS_INIT;
    samc_masks masks = SAMC_MASKS_INIT;
    samc_embedding *embedding = NULL;
    given g = given_of("all");
    const size_t pixels = (size_t)g.image.width * (size_t)g.image.height;
    uint8_t *mask = malloc(pixels);
    static answer a;

    (void)state;
    assert_non_null(mask);
    predict.multimask = 1;
    predict.stability_offset = g.options.stability_score_offset;
    predict.mask_threshold = g.options.mask_threshold = 0.25f;
    assert_int_equal(samc_encode(context, model, &g.image, NULL, &embedding, NULL), SAMC_OK);
    assert_int_equal(
        samc_generate_from_embedding(context, model, embedding, &g.options, keep, &a, NULL),
        SAMC_OK);
    assert_true(a.count > 5);
    for (size_t i = 0; i < a.count; i++) {
        const float point[2] = {(float)a.records[i].point[0], (float)a.records[i].point[1]};
        const int32_t label = 1;
        samc_prompt prompt = SAMC_PROMPT_INIT;
        int found = 0;

        prompt.points = point;
        prompt.labels = &label;
        prompt.n_points = 1;
        assert_int_equal(
            samc_predict(context, model, embedding, &prompt, 1, &predict, &masks, NULL), SAMC_OK);
        samc_rle_decode(&a.rles[i], mask, (size_t)g.image.width);
        for (size_t m = 0; m < 3; m++)
            found += masks.predicted_iou[m] == a.records[i].predicted_iou &&
                     masks.stability_score[m] == a.records[i].stability_score &&
                     memcmp(masks.masks + m * pixels, mask, pixels) == 0;
        assert_int_equal(found, 1);
        samc_masks_free(&masks);
    }
    forget(&a);
    samc_embedding_free(embedding);
    free(mask);
    drop_given(&g);
}

/* ------------------------------------------------------------------------- manners */

static void test_small_masks_are_left_out(void **state)
{
    given g = given_of("stable");
    static answer all, some;
    size_t j = 0;

    (void)state;
    assert_int_equal(samc_generate(context, model, &g.image, &g.options, keep, &all, NULL),
                     SAMC_OK);
    g.options.min_mask_area = 60;
    assert_int_equal(samc_generate(context, model, &g.image, &g.options, keep, &some, NULL),
                     SAMC_OK);
    for (size_t i = 0; i < all.count; i++)
        if (all.records[i].area >= 60) {
            assert_int_equal(some.records[j].area, all.records[i].area);
            j++;
        }
    assert_int_equal(j, some.count);
    assert_true(some.count > 0 && some.count < all.count);
    forget(&all);
    forget(&some);
    drop_given(&g);
}

typedef struct watch {
    double last;
    int calls, stop_at;
} watch;

static int look(void *user, double done)
{
    watch *w = user;

    assert_true(done >= w->last && done <= 1.0);
    w->last = done;
    return ++w->calls == w->stop_at;
}

static void test_progress_and_cancel(void **state)
{
    given g = given_of("crops");
    samc_error error = {SAMC_OK, ""};
    static answer a;
    watch w = {0, 0, 0};
    int calls;

    (void)state;
    g.options.progress = look;
    g.options.user = &w;
    assert_int_equal(samc_generate(context, model, &g.image, &g.options, keep, &a, NULL), SAMC_OK);
    assert_true(w.last == 1.0);
    calls = w.calls;
    assert_true(calls > 10);
    forget(&a);
    for (int stop = 1; stop <= calls; stop++) {
        w = (watch){0, 0, stop};
        assert_int_equal(samc_generate(context, model, &g.image, &g.options, keep, &a, &error),
                         SAMC_ERROR_CANCELLED);
        assert_int_equal(a.count, 0);
        assert_int_equal(w.calls, stop);
    }
    w = (watch){0, 0, 0};
    a.stop_after = 3;
    assert_int_equal(samc_generate(context, model, &g.image, &g.options, keep, &a, &error),
                     SAMC_ERROR_CANCELLED);
    assert_int_equal(a.count, 3);
    forget(&a);
    drop_given(&g);
}

static samc_status try_with(const given *g, const samc_generate_options *o, samc_error *error)
{
    static answer a;
    const samc_status status = samc_generate(context, model, &g->image, o, keep, &a, error);

    forget(&a);
    return status;
}

/* Where the reference fails the exact way says so, and the other one finds what there is. */
static void test_mistakes_of_the_reference(void **state)
{
    given g = given_of("crops"), dot = given_of("crops");
    samc_error error = {SAMC_OK, ""};

    (void)state;
    g.options.pred_iou_thresh = 1e6f; /* no masks at all */
    assert_int_equal(try_with(&g, &g.options, &error), SAMC_OK);
    g.options.exact = 1;
    assert_int_equal(try_with(&g, &g.options, &error), SAMC_ERROR_UNSUPPORTED);
    assert_non_null(strstr(error.message, "no crop"));
    g.options.crop_n_layers = 0;
    assert_int_equal(try_with(&g, &g.options, &error), SAMC_OK);

    dot.image.width = dot.image.height = 1;
    dot.options.crop_n_layers = 2;
    dot.options.points_per_side = 1;
    assert_int_equal(try_with(&dot, &dot.options, &error), SAMC_OK);
    dot.options.exact = 1;
    assert_int_equal(try_with(&dot, &dot.options, &error), SAMC_ERROR_UNSUPPORTED);
    assert_non_null(strstr(error.message, "without pixels"));
    drop_given(&g);
    drop_given(&dot);
}

static void test_refusals(void **state)
{
    given g = given_of("plain");
    const samc_generate_options good = g.options;
    samc_generate_options o = good;
    const double outside[2] = {0.5, 1.5};
    samc_point_grid grid = {outside, 1};
    samc_embedding *embedding = NULL;
    samc_error error = {SAMC_OK, ""};
    static answer a;

    (void)state;
#define REFUSED(field, value, word)                                                                \
    do {                                                                                           \
        o = good;                                                                                  \
        o.field = (value);                                                                         \
        assert_int_equal(try_with(&g, &o, &error), SAMC_ERROR_ARGUMENT);                           \
        assert_non_null(strstr(error.message, word));                                              \
    } while (0)
    REFUSED(struct_size, 8, "SAMC_GENERATE_OPTIONS_INIT");
    REFUSED(points_per_side, 0, "points_per_side is 0");
    REFUSED(points_per_side, 1025, "1024");
    REFUSED(points_per_batch, 0, "points_per_batch");
    REFUSED(crop_n_layers, -1, "crop_n_layers");
    REFUSED(crop_n_layers, 9, "0 to 8");
    REFUSED(crop_n_points_downscale_factor, 0, "downscale");
    REFUSED(crop_overlap_ratio, 1.5, "overlap");
    REFUSED(pred_iou_thresh, NAN, "not a number");
    REFUSED(stability_score_offset, INFINITY, "not a number");
    REFUSED(point_grids, &grid, "not both");
    o = good;
    o.points_per_side = 0;
    o.point_grids = &grid;
    o.n_point_grids = 1;
    assert_int_equal(try_with(&g, &o, &error), SAMC_ERROR_ARGUMENT);
    assert_non_null(strstr(error.message, "1.5 is outside"));
    o.crop_n_layers = 1;
    assert_int_equal(try_with(&g, &o, &error), SAMC_ERROR_ARGUMENT);
    assert_non_null(strstr(error.message, "too few"));
    o = good;
    o.crop_n_layers = 4;
    o.crop_n_points_downscale_factor = 2; /* 6 points a side, then 3, 1, 0 */
    assert_int_equal(try_with(&g, &o, &error), SAMC_ERROR_ARGUMENT);
    assert_non_null(strstr(error.message, "layer 3"));
    assert_int_equal(samc_generate(context, model, &g.image, &good, NULL, NULL, &error),
                     SAMC_ERROR_ARGUMENT);
    assert_int_equal(samc_encode(context, model, &g.image, NULL, &embedding, NULL), SAMC_OK);
    o = good;
    o.crop_n_layers = 1;
    assert_int_equal(samc_generate_from_embedding(context, model, embedding, &o, keep, &a, &error),
                     SAMC_ERROR_ARGUMENT);
    assert_non_null(strstr(error.message, "no pixels"));
    assert_int_equal(samc_generate_from_embedding(context, model, NULL, &good, keep, &a, &error),
                     SAMC_ERROR_ARGUMENT);
    samc_embedding_free(embedding);
    drop_given(&g);
}

static int setup(void **state)
{
    return auto_golden_open(state) || tiny_setup(state);
}

static int teardown(void **state)
{
    return tiny_teardown(state) || auto_golden_close(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_as_predict),
        cmocka_unit_test(test_small_masks_are_left_out),
        cmocka_unit_test(test_progress_and_cancel),
        cmocka_unit_test(test_mistakes_of_the_reference),
        cmocka_unit_test(test_refusals),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
