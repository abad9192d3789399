/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/archive.h"
#include "weights/safetensors.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* A file of that header and `size` zero bytes of data, opened. */
static samc_status try_open(const char *header, size_t size, samc_error *error)
{
    bytes file = {NULL, 0};
    samc_tensors *tensors = NULL;
    samc_status status;

    put_number(&file, strlen(header), 8);
    put(&file, header, strlen(header));
    for (size_t i = 0; i < size; i++)
        put(&file, "", 1);
    status = samc_tensors_open_memory(file.data, file.size, &tensors, error);
    samc_tensors_close(tensors);
    free(file.data);
    return status;
}

#define F32(name, shape, offsets)                                                                  \
    "\"" name "\":{\"dtype\":\"F32\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

static void test_accepted(void **state)
{
    static const struct {
        const char *header;
        size_t size;
    } cases[] = {
        {"{}", 0},
        {"{}   \n", 0},
        {"{" F32("a", "[2]", "[0,8]") "}", 8},
        {"{ " F32("a", "[ 2 , 1 ]", "[ 4 , 12 ]") " ,\t" F32("b", "[]", "[0,4]") " }", 12},
        {"{" F32("a", "[0,3]", "[0,0]") "," F32("b", "[1]", "[0,4]") "," F32("c", "[0]",
                                                                             "[4,4]") "}",
         4},
        {"{\"__metadata__\":{}," F32("\\u00e4\\ud83d\\ude00\\/", "[1]", "[0,4]") "}", 4},
        {"{\"__metadata__\":{\"a\":\"b\",\"c\":\"\"}}", 0},
        {"{\"a\":{\"data_offsets\":[0,2],\"shape\":[2],\"dtype\":\"BOOL\"}}", 2},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        samc_error error;

        if (try_open(cases[i].header, cases[i].size, &error) != SAMC_OK)
            fail_msg("%s: %s", cases[i].header, error.message);
    }
}

/* guards: check_coverage, add_entry's three comparisons, samc_table_set_shape, the "seen" marks of
 * read_entry, read_header and samc_table_finish, find_dtype, and the strictness of json_header.c */
static void test_refused(void **state)
{
    static const struct {
        const char *header;
        size_t size;
        samc_status status;
        const char *words;
    } cases[] = {
        /* coverage */
        {"{" F32("a", "[1]", "[0,4]") "," F32("b", "[1]", "[2,6]") "}", 6, SAMC_ERROR_FORMAT,
         "overlap at byte 4"},
        {"{" F32("a", "[1]", "[0,4]") "," F32("b", "[1]", "[0,4]") "}", 4, SAMC_ERROR_FORMAT,
         "overlap"},
        {"{" F32("a", "[1]", "[0,4]") "," F32("b", "[1]", "[5,9]") "}", 9, SAMC_ERROR_FORMAT,
         "hole at byte 4"},
        {"{" F32("a", "[1]", "[4,8]") "}", 8, SAMC_ERROR_FORMAT, "hole at byte 0"},
        {"{" F32("a", "[1]", "[0,4]") "}", 5, SAMC_ERROR_FORMAT, "has 5"},
        {"{}", 1, SAMC_ERROR_FORMAT, "need 0 bytes"},
        {"{" F32("a", "[0]", "[2,2]") "," F32("b", "[1]", "[0,4]") "}", 4, SAMC_ERROR_FORMAT,
         "overlap"},
        /* one entry */
        {"{" F32("a", "[2]", "[0,8]") "}", 7, SAMC_ERROR_FORMAT, "outside the file"},
        {"{" F32("a", "[1]", "[8,4]") "}", 8, SAMC_ERROR_FORMAT, "outside the file"},
        {"{" F32("a", "[2]", "[0,4]") "}", 4, SAMC_ERROR_FORMAT, "do not fit"},
        {"{" F32("a", "[4294967296,4294967296]", "[0,0]") "}", 0, SAMC_ERROR_FORMAT, "63 bits"},
        {"{" F32("a", "[4611686018427387904]", "[0,0]") "}", 0, SAMC_ERROR_FORMAT, "63 bits"},
        {"{" F32("a", "[4611686018427387904,2,0]", "[0,0]") "}", 0, SAMC_ERROR_FORMAT, "63 bits"},
        {"{" F32("a", "[1,1,1,1,1,1,1,1,1]", "[0,4]") "}", 4, SAMC_ERROR_UNSUPPORTED, "dimensions"},
        {"{\"a\":{\"dtype\":\"F8_E4M3\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1,
         SAMC_ERROR_UNSUPPORTED, "F8_E4M3"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, SAMC_ERROR_FORMAT, "missing"},
        {"{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
         SAMC_ERROR_FORMAT, "twice"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"more\":1}}", 4,
         SAMC_ERROR_FORMAT, "does not know"},
        /* keys */
        {"{" F32("a", "[1]", "[0,4]") "," F32("a", "[1]", "[4,8]") "}", 8, SAMC_ERROR_FORMAT,
         "a occurs twice"},
        {"{" F32("a", "[1]", "[0,4]") "," F32("\\u0061", "[1]", "[4,8]") "}", 8, SAMC_ERROR_FORMAT,
         "a occurs twice"},
        {"{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"}}", 0, SAMC_ERROR_FORMAT, "twice"},
        {"{\"__metadata__\":{},\"__metadata__\":{}}", 0, SAMC_ERROR_FORMAT, "twice"},
        {"{\"__metadata__\":{\"a\":1}}", 0, SAMC_ERROR_FORMAT, "'\"' should follow"},
        {"{" F32("", "[1]", "[0,4]") "}", 4, SAMC_ERROR_FORMAT, "empty"},
        {"{" F32("\\n", "[1]", "[0,4]") "}", 4, SAMC_ERROR_FORMAT, "plain"},
        /* JSON */
        {"{", 0, SAMC_ERROR_FORMAT, "ends where"},
        {"{}x", 0, SAMC_ERROR_FORMAT, "follows the JSON header's end"},
        {"{" F32("a", "[1]", "[0,4]") ",}", 4, SAMC_ERROR_FORMAT, "should follow"},
        {"{" F32("a", "[1,]", "[0,4]") "}", 4, SAMC_ERROR_FORMAT, "whole number"},
        {"{" F32("a", "[01]", "[0,4]") "}", 4, SAMC_ERROR_FORMAT, "whole number"},
        {"{" F32("a", "[-1]", "[0,4]") "}", 4, SAMC_ERROR_FORMAT, "whole number"},
        {"{" F32("a", "[1.0]", "[0,4]") "}", 4, SAMC_ERROR_FORMAT, "should follow"},
        {"{" F32("a", "[1e0]", "[0,4]") "}", 4, SAMC_ERROR_FORMAT, "should follow"},
        {"{" F32("a", "[9223372036854775808]", "[0,4]") "}", 4, SAMC_ERROR_FORMAT, "63 bits"},
        {"{" F32("a", "[1]", "[0,4,5]") "}", 4, SAMC_ERROR_FORMAT, "should follow"},
        {"{" F32("a\\", "[1]", "[0,4]") "}", 4, SAMC_ERROR_FORMAT, ""},
        {"{" F32("a\\x", "[1]", "[0,4]") "}", 4, SAMC_ERROR_FORMAT, "broken string"},
        {"{" F32("a\\u00", "[1]", "[0,4]") "}", 4, SAMC_ERROR_FORMAT, "broken string"},
        {"{" F32("a\\u0000", "[1]", "[0,4]") "}", 4, SAMC_ERROR_FORMAT, "broken string"},
        {"{" F32("a\\ud83d", "[1]", "[0,4]") "}", 4, SAMC_ERROR_FORMAT, "broken string"},
        {"{" F32("a\\ude00", "[1]", "[0,4]") "}", 4, SAMC_ERROR_FORMAT, "broken string"},
        {"{" F32("a\xff", "[1]", "[0,4]") "}", 4, SAMC_ERROR_FORMAT, "broken string"},
        {"{" F32("a\n", "[1]", "[0,4]") "}", 4, SAMC_ERROR_FORMAT, "broken string"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        samc_error error = {SAMC_OK, ""};
        samc_status status = try_open(cases[i].header, cases[i].size, &error);

        if (status != cases[i].status || !strstr(error.message, cases[i].words))
            fail_msg("%s: status %d, \"%s\" instead of \"%s\"", cases[i].header, (int)status,
                     error.message, cases[i].words);
    }
}

/* guards: the header's length against the file (in 64 bits: 8 + length would wrap) and the limit */
static void test_header_length(void **state)
{
    static const uint64_t lengths[] = {3, 1000, UINT64_MAX, UINT64_MAX - 7, (uint64_t)1 << 63};
    size_t large = 100000001;
    uint8_t *data = calloc(1, large + 8);
    samc_tensors *tensors = NULL;
    samc_error error;

    (void)state;
    for (size_t i = 0; i < COUNT(lengths); i++) {
        bytes file = {NULL, 0};

        put_number(&file, lengths[i], 8);
        put(&file, "{}", 2);
        assert_int_equal(samc_tensors_open_memory(file.data, file.size, &tensors, &error),
                         SAMC_ERROR_FORMAT);
        assert_non_null(strstr(error.message, "cut short"));
        free(file.data);
    }
    assert_non_null(data);
    memcpy(data, &large, sizeof large);
    data[8] = '{';
    assert_int_equal(samc_tensors_open_memory(data, large + 8, &tensors, &error), SAMC_ERROR_LIMIT);
    free(data);
}

/* ------------------------------------------------------------------------------------------------
 * Writing
 * --------------------------------------------------------------------------------------------- */

/* A 2 x 3 view with strides of a buffer of numbers. */
static samc_tensor tensor_of(const char *name, samc_dtype dtype, const void *data)
{
    return (samc_tensor){name, dtype, 2, {2, 3}, {1, 2}, data}; /* transposed */
}

static void path_in_folder(char *path, size_t size)
{
    (void)snprintf(path, size, "test_safetensors.%ld.safetensors", (long)getpid());
}

/* What is written is read again: dtypes, strides resolved, metadata with every kind of escape. */
static void test_round_trip(void **state)
{
    static const float floats[6] = {1.0f, 0.1f, -2.0f, 1e-8f, 65504.0f, INFINITY};
    static const int64_t whole[6] = {1, -1, INT64_MAX, 4, 5, 6};
    static const uint8_t tiny[6] = {1, 2, 3, 4, 5, 6};
    const samc_tensor items[] = {tensor_of("tiny", SAMC_DTYPE_U8, tiny),
                                 tensor_of("x\"\\", SAMC_DTYPE_F32, (const uint8_t *)floats),
                                 tensor_of("whole", SAMC_DTYPE_I64, (const uint8_t *)whole)};
    const samc_tensor *list[] = {&items[0], &items[1], &items[2]};
    const samc_metadata metadata[] = {{"format", "samc"}, {"odd", "\"\\\n\x01\xc3\xa4"}};
    char path[64];

    (void)state;
    path_in_folder(path, sizeof path);
    for (samc_dtype dtype = SAMC_DTYPE_F32; dtype <= SAMC_DTYPE_BF16; dtype++) {
        samc_tensors *tensors = NULL;
        const samc_tensor *t;
        float values[6], wanted[6];

        assert_int_equal(samc_safetensors_write(path, list, 3, dtype, metadata, 2, NULL), SAMC_OK);
        assert_int_equal(samc_tensors_open(path, &tensors, NULL), SAMC_OK);
        assert_string_equal(samc_tensors_metadata(tensors, "odd"), metadata[1].value);
        assert_string_equal(samc_tensors_at(tensors, 0)->name, "whole"); /* wider ones first */
        assert_string_equal(samc_tensors_at(tensors, 2)->name, "tiny");
        t = samc_tensors_find(tensors, "x\"\\");
        assert_int_equal(t->dtype, dtype);
        assert_int_equal(((uintptr_t)t->data & 1), 0);
        samc_tensor_to_f32(t, 0, 6, values);
        samc_tensor_to_f32(&items[1], 0, 6, wanted);
        for (int i = 0; i < 6; i++)
            if (dtype == SAMC_DTYPE_F32 || isinf(wanted[i]))
                assert_true(values[i] == wanted[i]);
            else
                assert_true(fabsf(values[i] - wanted[i]) <= fabsf(wanted[i]) / 256 + 0x1p-25f);
        t = samc_tensors_find(tensors, "whole");
        assert_int_equal(t->dtype, SAMC_DTYPE_I64);
        assert_true(samc_tensor_is_contiguous(t));
        assert_memory_equal(t->data + 8, &whole[2], 8); /* [0][1] is the third number */
        samc_tensors_close(tensors);
    }
    assert_int_equal(samc_safetensors_write(path, NULL, 0, SAMC_DTYPE_F32, metadata, 2, NULL),
                     SAMC_OK);
    samc_tensors *none = NULL;
    assert_int_equal(samc_tensors_open(path, &none, NULL), SAMC_OK);
    assert_int_equal(samc_tensors_count(none), 0);
    samc_tensors_close(none);
    (void)remove(path);
}

/* guard: check_range. A refused file leaves nothing behind. */
static void test_does_not_fit(void **state)
{
    float floats[6] = {0, 0, 0, 0, 0, 65519.996f};
    double doubles[6] = {0, 1e300, 0, 0, 0, 0};
    const samc_tensor single = tensor_of("w", SAMC_DTYPE_F32, (const uint8_t *)floats);
    const samc_tensor wide = tensor_of("v", SAMC_DTYPE_F64, (const uint8_t *)doubles);
    const samc_tensor *list = &single;
    samc_error error;
    char path[64];

    (void)state;
    path_in_folder(path, sizeof path);
    assert_int_equal(samc_safetensors_write(path, &list, 1, SAMC_DTYPE_F16, NULL, 0, NULL),
                     SAMC_OK);
    (void)remove(path);
    floats[5] = -65520.0f;
    assert_int_equal(samc_safetensors_write(path, &list, 1, SAMC_DTYPE_F16, NULL, 0, &error),
                     SAMC_ERROR_MODEL);
    assert_non_null(strstr(error.message, "the tensor w has the value -65520 at index 5"));
    assert_int_not_equal(access(path, F_OK), 0);
    list = &wide;
    assert_int_equal(samc_safetensors_write(path, &list, 1, SAMC_DTYPE_F32, NULL, 0, &error),
                     SAMC_ERROR_MODEL);
    assert_int_not_equal(access(path, F_OK), 0);
}

static void test_write_arguments(void **state)
{
    const uint8_t data[6] = {0};
    const samc_tensor one = tensor_of("w", SAMC_DTYPE_U8, data);
    const samc_tensor *list[] = {&one, &one};
    const samc_metadata twice[] = {{"a", "1"}, {"a", "2"}};
    samc_error error;

    (void)state;
    assert_int_equal(samc_safetensors_write("x", list, 2, SAMC_DTYPE_F32, NULL, 0, &error),
                     SAMC_ERROR_ARGUMENT);
    assert_int_equal(samc_safetensors_write("x", list, 1, SAMC_DTYPE_I8, NULL, 0, &error),
                     SAMC_ERROR_ARGUMENT);
    assert_int_equal(samc_safetensors_write("x", list, 1, SAMC_DTYPE_F32, twice, 2, &error),
                     SAMC_ERROR_ARGUMENT);
    assert_int_equal(
        samc_safetensors_write("absent/folder/x", list, 1, SAMC_DTYPE_F32, NULL, 0, &error),
        SAMC_ERROR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepted),      cmocka_unit_test(test_refused),
        cmocka_unit_test(test_header_length), cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_does_not_fit),  cmocka_unit_test(test_write_arguments),
    };
    return cmocka_run_group_tests_name("safetensors", tests, NULL, NULL);
}
