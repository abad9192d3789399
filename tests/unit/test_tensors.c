/* SPDX-License-Identifier: Apache-2.0
 *
 * Files of tensors, whole: those of torch.save and safetensors against what PyTorch reads from
 * them, and .pth archives that lie about their storages. tests/data/weights is made by
 * tools/fixtures/make_weights.py.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/archive.h"
#include "weights/tensors.h"

#include "unit/hf_names_golden.h"
#include "unit/weights_golden.h"

#include <math.h>
#include <stdio.h>

#define DATA SAMC_TEST_DATA "/weights/"
#define COUNT(array) (sizeof(array) / sizeof *(array))

static samc_tensors *open_fine(const char *path)
{
    samc_tensors *tensors = NULL;
    samc_error error;

    if (samc_tensors_open(path, &tensors, &error) != SAMC_OK)
        fail_msg("%s", error.message);
    return tensors;
}

static void expect_refusal(samc_status got, samc_status wanted, const samc_error *error,
                           const char *words)
{
    assert_int_equal(got, wanted);
    if (!strstr(error->message, words))
        fail_msg("\"%s\" does not say \"%s\"", error->message, words);
}

/* ------------------------------------------------------------------------------------------------
 * Files that are fine
 * --------------------------------------------------------------------------------------------- */

static void compare_with_golden(const samc_tensors *tensors)
{
    assert_int_equal(samc_tensors_count(tensors), COUNT(golden_tensors));
    for (size_t i = 0; i < COUNT(golden_tensors); i++) {
        const golden_tensor *g = &golden_tensors[i];
        const samc_tensor *t = samc_tensors_find(tensors, g->name);
        float values[24];

        assert_non_null(t);
        assert_int_equal(t->dtype, g->dtype);
        assert_int_equal(t->n_dims, g->n_dims);
        assert_memory_equal(t->shape, g->shape, (size_t)g->n_dims * sizeof *g->shape);
        assert_int_equal(samc_tensor_elements(t), g->count);
        samc_tensor_to_f32(t, 0, g->count, values);
        assert_memory_equal(values, g->values, (size_t)g->count * sizeof *values);
        for (int64_t first = 0; first < g->count; first++) { /* every part, in pieces of five */
            int64_t count = g->count - first < 5 ? g->count - first : 5;

            samc_tensor_to_f32(t, first, count, values);
            assert_memory_equal(values, g->values + first, (size_t)count * sizeof *values);
        }
    }
}

static void test_golden(void **state)
{
    static const char *const files[] = {"state.pth", "nested_protocol5.pth", "state.safetensors"};

    (void)state;
    for (size_t i = 0; i < COUNT(files); i++) {
        char path[512];
        samc_tensors *tensors;

        (void)snprintf(path, sizeof path, "%s%s", DATA, files[i]);
        tensors = open_fine(path);
        assert_int_equal(samc_tensors_file_format(tensors),
                         i < 2 ? SAMC_FORMAT_PTH : SAMC_FORMAT_SAFETENSORS);
        assert_false(samc_tensors_has_hf_names(tensors));
        assert_int_equal(samc_tensors_verify(tensors, NULL, NULL), SAMC_OK);
        compare_with_golden(tensors);
        assert_null(samc_tensors_find(tensors, "nothing"));
        samc_tensors_close(tensors);
    }
}

/* The pickle's order is kept, and views are views. */
static void test_views(void **state)
{
    samc_tensors *tensors = open_fine(DATA "state.pth");
    const samc_tensor *t = samc_tensors_find(tensors, "view.transposed");
    uint8_t copy[24 * sizeof(float)];
    float values[24];

    (void)state;
    assert_string_equal(samc_tensors_at(tensors, 0)->name, "dtype.f64");
    assert_false(samc_tensor_is_contiguous(t));
    samc_tensor_copy(t, 0, 24, copy);
    samc_tensor_to_f32(t, 0, 24, values);
    assert_memory_equal(copy, values, sizeof copy);
    assert_true(samc_tensor_is_contiguous(samc_tensors_find(tensors, "one.by.one")));
    assert_true(samc_tensor_is_contiguous(samc_tensors_find(tensors, "scalar")));
    samc_tensors_close(tensors);
}

static void test_metadata(void **state)
{
    samc_tensors *tensors = open_fine(DATA "state.safetensors");

    (void)state;
    assert_string_equal(samc_tensors_metadata(tensors, "format"), "pt");
    assert_string_equal(samc_tensors_metadata(tensors, "quote"), "\"\xc3\xa4\\\n");
    assert_null(samc_tensors_metadata(tensors, "nothing"));
    samc_tensors_close(tensors);
}

/* Saved after torch.serialization.set_crc32_options(False): every checksum is zero. */
static void test_without_checksums(void **state)
{
    samc_tensors *tensors = open_fine(DATA "no_crc.pth");

    (void)state;
    assert_int_equal(samc_tensors_verify(tensors, NULL, NULL), SAMC_OK);
    samc_tensors_close(tensors);
}

/* ------------------------------------------------------------------------------------------------
 * Files that are refused
 * --------------------------------------------------------------------------------------------- */

/* guards: the list of names (system.pth runs a command when Python unpickles it), the method,
 * the byte order, and the kinds told apart in read_any */
static void test_refused_files(void **state)
{
    static const struct {
        const char *file;
        samc_status status;
        const char *words;
    } files[] = {
        {"system.pth", SAMC_ERROR_UNSUPPORTED, "system, which no plain state dict needs"},
        {"deflated.pth", SAMC_ERROR_UNSUPPORTED, "is compressed"},
        {"big_endian.pth", SAMC_ERROR_UNSUPPORTED, "byte order is \"big\""},
        {"legacy.pth", SAMC_ERROR_UNSUPPORTED, "before PyTorch 1.6"},
        {"torchscript.pth", SAMC_ERROR_UNSUPPORTED, "torch.jit.load"},
        {"absent.pth", SAMC_ERROR_IO, "absent.pth"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(files); i++) {
        char path[512];
        samc_tensors *tensors = NULL;
        samc_error error;

        (void)snprintf(path, sizeof path, "%s%s", DATA, files[i].file);
        expect_refusal(samc_tensors_open(path, &tensors, &error), files[i].status, &error,
                       files[i].words);
        assert_non_null(strstr(error.message, path));
        assert_null(tensors);
    }
    assert_null(fopen("samc-was-here", "r")); /* what system.pth would make */
}

static void test_unknown_bytes(void **state)
{
    static const struct {
        const char *data;
        size_t size;
        const char *words;
    } cases[] = {
        {"", 0, "neither"},
        {"<html>not found</html>", 22, "neither"},
        {"version https://git-lfs.github.com/spec/v1\n", 43, "git lfs pull"},
        {"PK\3\4", 4, "no directory"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        samc_tensors *tensors = NULL;
        samc_error error;

        expect_refusal(samc_tensors_open_memory(cases[i].data, cases[i].size, &tensors, &error),
                       SAMC_ERROR_FORMAT, &error, cases[i].words);
    }
}

static bytes read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    bytes b = {NULL, 0};
    uint8_t buffer[4096];
    size_t size;

    assert_non_null(file);
    while ((size = fread(buffer, 1, sizeof buffer, file)) > 0)
        put(&b, buffer, size);
    (void)fclose(file);
    return b;
}

/* A file cut short anywhere is refused, and no byte past its end is read (run under ASan). */
static void test_truncated(void **state)
{
    static const char *const files[] = {DATA "small.pth", DATA "state.safetensors"};

    (void)state;
    for (size_t i = 0; i < COUNT(files); i++) {
        bytes b = read_file(files[i]);

        for (size_t size = 0; size < b.size; size++) {
            uint8_t *copy = malloc(size ? size : 1);
            samc_tensors *tensors = NULL;

            assert_non_null(copy);
            memcpy(copy, b.data, size);
            assert_int_not_equal(samc_tensors_open_memory(copy, size, &tensors, NULL), SAMC_OK);
            free(copy);
        }
        free(b.data);
    }
}

/* guard: the comparison in samc_tensors_verify, over several tiles and with threads */
static void test_damage(void **state)
{
    static const char pickle[] =
        "}X\1\0\0\0wctorch._utils\n_rebuild_tensor_v2\n((X\7\0\0\0storagectorch\nByteStorage\n"
        "X\1\0\0\0"
        "0X\3\0\0\0cpuJ\x05\0\xa0\0tQK\0J\x05\0\xa0\0\x85K\1\x85\x89}tRs.";
    size_t size = ((size_t)10 << 20) + 5;
    uint8_t *data = malloc(size);
    archive a = {.count = 0};
    samc_tensors *tensors = NULL;
    samc_threads *threads = NULL;
    samc_error error;

    (void)state;
    assert_non_null(data);
    for (size_t i = 0; i < size; i++)
        data[i] = (uint8_t)(i * 2654435761u >> 13);
    archive_add(&a, "m/data.pkl", pickle, sizeof pickle - 1, NULL);
    archive_add(&a, "m/data/0", data, size, NULL);
    archive_end(&a, 1);
    free(data);
    assert_int_equal(samc_threads_create(2, &threads, NULL), SAMC_OK);
    assert_int_equal(samc_tensors_open_memory(a.file.data, a.file.size, &tensors, NULL), SAMC_OK);
    assert_int_equal(samc_tensors_verify(tensors, threads, NULL), SAMC_OK);
    assert_int_equal(samc_tensors_verify(tensors, NULL, NULL), SAMC_OK);
    a.file.data[a.header[1] + 38 + size - 1] ^= 0x80; /* the last byte, of the last tile */
    expect_refusal(samc_tensors_verify(tensors, threads, &error), SAMC_ERROR_FORMAT, &error,
                   "damaged: m/data/0");
    samc_tensors_close(tensors);
    /* guard: samc_zip_verify of the pickle when the file is opened */
    a.file.data[a.header[0] + 30 + 10 + 6] ^= 1;
    expect_refusal(samc_tensors_open_memory(a.file.data, a.file.size, &tensors, &error),
                   SAMC_ERROR_FORMAT, &error, "damaged: m/data.pkl");
    samc_threads_free(threads);
    archive_free(&a);
}

/* ------------------------------------------------------------------------------------------------
 * Tensors that do not fit their storage
 * --------------------------------------------------------------------------------------------- */

static void put_text(bytes *b, const char *text)
{
    put(b, "X", 1);
    put_number(b, strlen(text), 4);
    put(b, text, strlen(text));
}

static void put_integers(bytes *b, const int64_t *numbers, int count)
{
    put(b, "(", 1);
    for (int i = 0; i < count; i++) {
        put(b, "\x8a\x08", 2);
        put_number(b, (uint64_t)numbers[i], 8);
    }
    put(b, "t", 1);
}

/* A tensor of floats named "w": what the pickle says of it. */
typedef struct claim {
    const char *key;
    int64_t elements; /* of the storage */
    int64_t offset;
    int n_dims;
    int64_t shape[3], strides[3];
} claim;

/* Opens an archive whose pickle makes that claim of a storage "0" with 12 floats. */
static samc_status open_claim(const claim *c, samc_error *error)
{
    static const char call[] = "ctorch._utils\n_rebuild_tensor_v2\n((";
    static const char type[] = "ctorch\nFloatStorage\n";
    static const float storage[12] = {1.0f};
    bytes p = {NULL, 0};
    archive a = {.count = 0};
    samc_tensors *tensors = NULL;
    samc_status status;

    put(&p, "}", 1);
    put_text(&p, "w");
    put(&p, call, sizeof call - 1);
    put_text(&p, "storage");
    put(&p, type, sizeof type - 1);
    put_text(&p, c->key ? c->key : "0");
    put_text(&p, "cpu");
    put(&p, "\x8a\x08", 2);
    put_number(&p, (uint64_t)c->elements, 8);
    put(&p, "tQ\x8a\x08", 4);
    put_number(&p, (uint64_t)c->offset, 8);
    put_integers(&p, c->shape, c->n_dims);
    put_integers(&p, c->strides, c->n_dims);
    put(&p, "\x89}tRs.", 6);
    archive_add(&a, "m/data.pkl", p.data, p.size, NULL);
    archive_add(&a, "m/data/0", storage, sizeof storage, NULL);
    archive_end(&a, 0);
    status = samc_tensors_open_memory(a.file.data, a.file.size, &tensors, error);
    samc_tensors_close(tensors);
    archive_free(&a);
    free(p.data);
    return status;
}

/* guards: each line of check_bounds and find_storage in pth.c, and samc_table_set_shape */
static void test_bounds(void **state)
{
    static const int64_t huge = (int64_t)1 << 40, most = INT64_MAX;
    const claim fine[] = {
        {NULL, 12, 0, 2, {3, 4, 0}, {4, 1, 0}},    {NULL, 12, 11, 1, {1, 0, 0}, {1, 0, 0}},
        {NULL, 12, 1, 2, {2, 2, 0}, {8, 2, 0}},    {NULL, 12, 12, 1, {0, 0, 0}, {1, 0, 0}},
        {NULL, 4, 3, 0, {0, 0, 0}, {0, 0, 0}},     {NULL, 12, 0, 3, {0, 5, 7}, {35, 7, 1}},
        {NULL, 12, 0, 2, {1, 3, 0}, {most, 1, 0}}, /* a side of one is never stepped along */
    };
    const struct {
        claim claim;
        samc_status status;
        const char *words;
    } bad[] = {
        {{NULL, 12, 1, 2, {3, 4, 0}, {4, 1, 0}}, SAMC_ERROR_FORMAT, "outside its storage"},
        {{NULL, 12, 12, 0, {0, 0, 0}, {0, 0, 0}}, SAMC_ERROR_FORMAT, "outside its storage"},
        {{NULL, 12, 13, 1, {0, 0, 0}, {1, 0, 0}}, SAMC_ERROR_FORMAT, "outside its storage"},
        {{NULL, 12, 0, 2, {3, 4, 0}, {5, 1, 0}}, SAMC_ERROR_FORMAT, "outside its storage"},
        {{NULL, 12, 0, 1, {3, 0, 0}, {most / 2 + 1, 0, 0}}, SAMC_ERROR_FORMAT, "outside its"},
        {{NULL, 12, 0, 2, {3, 3, 0}, {most / 2, most / 2, 0}}, SAMC_ERROR_FORMAT, "outside"},
        {{NULL, 12, most, 1, {3, 0, 0}, {1, 0, 0}}, SAMC_ERROR_FORMAT, "outside its storage"},
        {{NULL, 12, -1, 1, {3, 0, 0}, {1, 0, 0}}, SAMC_ERROR_FORMAT, "offset is negative"},
        {{NULL, 12, 11, 1, {12, 0, 0}, {-1, 0, 0}}, SAMC_ERROR_FORMAT, "stride is negative"},
        {{NULL, 12, 0, 1, {-3, 0, 0}, {1, 0, 0}}, SAMC_ERROR_FORMAT, "a size of -3"},
        {{NULL, 12, 0, 2, {-3, -4, 0}, {4, 1, 0}}, SAMC_ERROR_FORMAT, "a size of"},
        {{NULL, 12, 0, 2, {huge, huge, 0}, {0, 0, 0}}, SAMC_ERROR_FORMAT, "63 bits"},
        {{NULL, 12, 0, 3, {huge, huge, 0}, {0, 0, 0}}, SAMC_ERROR_FORMAT, "63 bits"},
        {{NULL, 12, 0, 1, {most / 2, 0, 0}, {0, 0, 0}}, SAMC_ERROR_FORMAT, "63 bits"},
        {{NULL, 12, 0, 1, {13, 0, 0}, {0, 0, 0}}, SAMC_ERROR_UNSUPPORTED, "repeats its storage"},
        {{NULL, 13, 0, 1, {3, 0, 0}, {1, 0, 0}}, SAMC_ERROR_FORMAT, "has 48 bytes, too few"},
        {{NULL, huge * (huge / 262144), 0, 1, {3, 0, 0}, {1, 0, 0}}, SAMC_ERROR_FORMAT, "too few"},
        {{NULL, most, 0, 1, {3, 0, 0}, {1, 0, 0}}, SAMC_ERROR_FORMAT, "too few"},
        {{"1", 12, 0, 1, {3, 0, 0}, {1, 0, 0}}, SAMC_ERROR_FORMAT, "data/1 is missing"},
        {{"../data.pkl", 12, 0, 1, {3, 0, 0}, {1, 0, 0}}, SAMC_ERROR_FORMAT, "is missing"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(fine); i++)
        assert_int_equal(open_claim(&fine[i], NULL), SAMC_OK);
    for (size_t i = 0; i < COUNT(bad); i++) {
        samc_error error;

        expect_refusal(open_claim(&bad[i].claim, &error), bad[i].status, &error, bad[i].words);
        assert_non_null(strstr(error.message, "the tensor w: "));
    }
}

/* Opens an archive with only a pickle. */
static samc_status open_pickle(const char *pickle, size_t size, samc_error *error)
{
    archive a = {.count = 0};
    samc_tensors *tensors = NULL;
    samc_status status;

    archive_add(&a, "m/data.pkl", pickle, size, NULL);
    archive_add(&a, "m/data/0", "1234", 4, NULL);
    archive_end(&a, 0);
    status = samc_tensors_open_memory(a.file.data, a.file.size, &tensors, error);
    samc_tensors_close(tensors);
    archive_free(&a);
    return status;
}

#define W                                                                                          \
    "ctorch._utils\n_rebuild_tensor_v2\n((X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0"         \
    "0X\3\0\0\0cpuK\1tQK\0)"                                                                       \
    ")\x89}tR"
#define OPEN(pickle, error) open_pickle((pickle), sizeof(pickle) - 1, (error))

/* guards: samc_table_finish (a name twice), name_is_fine, and what add_tensors expects of a dict */
static void test_state_dicts(void **state)
{
    samc_error error;

    (void)state;
    assert_int_equal(OPEN("}X\1\0\0\0w" W "s.", &error), SAMC_OK);
    assert_int_equal(OPEN("}X\5\0\0\0model}X\1\0\0\0w" W "ss.", &error), SAMC_OK);
    assert_int_equal(OPEN("}X\x0a\0\0\0state_dict}X\1\0\0\0w" W "ss.", &error), SAMC_OK);
    expect_refusal(OPEN("}(X\1\0\0\0w" W "X\1\0\0\0w" W "u.", &error), SAMC_ERROR_FORMAT, &error,
                   "w occurs twice");
    expect_refusal(OPEN("}X\0\0\0\0" W "s.", &error), SAMC_ERROR_FORMAT, &error, "name");
    expect_refusal(OPEN("}X\2\0\0\0a\nN"
                        "s.",
                        &error),
                   SAMC_ERROR_UNSUPPORTED, &error, "no tensors");
    expect_refusal(OPEN("}X\2\0\0\0a\n" W "s.", &error), SAMC_ERROR_FORMAT, &error, "\"a?\"");
    expect_refusal(OPEN("}X\2\0\0\0\xc0\x80" W "s.", &error), SAMC_ERROR_FORMAT, &error, "UTF-8");
    expect_refusal(OPEN("}X\3\0\0\0\xed\xa0\x80" W "s.", &error), SAMC_ERROR_FORMAT, &error,
                   "UTF-8");
    expect_refusal(OPEN("}K\1" W "s.", &error), SAMC_ERROR_FORMAT, &error, "not text");
    expect_refusal(OPEN("].", &error), SAMC_ERROR_UNSUPPORTED, &error, "no dict");
    expect_refusal(OPEN(W ".", &error), SAMC_ERROR_UNSUPPORTED, &error, "no dict");
}

/* guard: `if (*pickle)` in find_pickle; and a zip of something else is named as such */
static void test_records(void **state)
{
    archive a = {.count = 0};
    samc_tensors *tensors = NULL;
    samc_error error;

    (void)state;
    archive_add(&a, "m/data.pkl", "}.", 2, NULL);
    archive_add(&a, "n/data.pkl", "}.", 2, NULL);
    archive_end(&a, 0);
    expect_refusal(samc_tensors_open_memory(a.file.data, a.file.size, &tensors, &error),
                   SAMC_ERROR_FORMAT, &error, "more than one data.pkl");
    archive_free(&a);
    archive_add(&a, "word/document.xml", "<>", 2, NULL);
    archive_end(&a, 0);
    expect_refusal(samc_tensors_open_memory(a.file.data, a.file.size, &tensors, &error),
                   SAMC_ERROR_FORMAT, &error, "not made by torch.save");
    archive_free(&a);
}

/* ------------------------------------------------------------------------------------------------
 * Hugging Face's names
 * --------------------------------------------------------------------------------------------- */

/* A safetensors file of one-byte tensors under the golden names; `values` gives the bytes. */
static bytes hf_file(size_t count, const uint8_t *values)
{
    bytes header = {NULL, 0}, file = {NULL, 0};
    char entry[512];

    put(&header, "{", 1);
    for (size_t i = 0; i < count; i++) {
        int length = snprintf(
            entry, sizeof entry,
            "%s\"%s\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[%zu,%zu]}", i ? "," : "",
            hf_names_golden[i].hf, i, i + 1);
        put(&header, entry, (size_t)length);
    }
    put(&header, "}", 1);
    put_number(&file, header.size, 8);
    put(&file, header.data, header.size);
    put(&file, values, count);
    free(header.data);
    return file;
}

static int is_positional(size_t i)
{
    return strstr(hf_names_golden[i].hf, "positional_embedding") != NULL;
}

/* Every name of a SamModel becomes the official one, and the positional matrix is kept once.
 * guard: are_equal in drop_duplicate: where the two differ, the file is refused. */
static void test_hf_names(void **state)
{
    uint8_t values[COUNT(hf_names_golden)];
    samc_tensors *tensors = NULL;
    samc_error error;
    bytes file;

    (void)state;
    for (size_t i = 0; i < COUNT(values); i++)
        values[i] = is_positional(i) ? 7 : (uint8_t)(i + 8);
    file = hf_file(COUNT(values), values);
    if (samc_tensors_open_memory(file.data, file.size, &tensors, &error) != SAMC_OK)
        fail_msg("%s", error.message);
    assert_true(samc_tensors_has_hf_names(tensors));
    assert_int_equal(samc_tensors_count(tensors), COUNT(values) - 1);
    for (size_t i = 0; i < COUNT(values); i++) {
        const samc_tensor *t = samc_tensors_find(tensors, hf_names_golden[i].official);

        if (!t)
            fail_msg("%s did not become %s", hf_names_golden[i].hf, hf_names_golden[i].official);
        assert_int_equal(t->data[0], values[i]);
    }
    samc_tensors_close(tensors);
    free(file.data);

    for (size_t i = COUNT(values); i-- > 0;)
        if (is_positional(i)) {
            values[i] = 99;
            break;
        }
    file = hf_file(COUNT(values), values);
    expect_refusal(samc_tensors_open_memory(file.data, file.size, &tensors, &error),
                   SAMC_ERROR_FORMAT, &error, "differ");
    free(file.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),        cmocka_unit_test(test_views),
        cmocka_unit_test(test_metadata),      cmocka_unit_test(test_without_checksums),
        cmocka_unit_test(test_refused_files), cmocka_unit_test(test_unknown_bytes),
        cmocka_unit_test(test_truncated),     cmocka_unit_test(test_damage),
        cmocka_unit_test(test_bounds),        cmocka_unit_test(test_state_dicts),
        cmocka_unit_test(test_records),       cmocka_unit_test(test_hf_names),
    };
    return cmocka_run_group_tests_name("tensors", tests, NULL, NULL);
}
