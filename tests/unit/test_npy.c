/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "image/npy.h"
#include "npy_golden.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static samc_npy read_good(const void *bytes, size_t size)
{
    samc_npy array = {SAMC_NPY_F32, 0, {0}, 0, NULL};
    samc_error error = {SAMC_OK, ""};

    if (samc_npy_read_memory(bytes, size, "x.npy", &array, &error) != SAMC_OK)
        fail_msg("%s", error.message);
    return array;
}
#define READ(name) read_good(npy_##name, sizeof npy_##name)

static void check_shape(const samc_npy *array, samc_npy_type type)
{
    assert_int_equal(array->type, type);
    assert_int_equal(array->n_dims, 2);
    assert_int_equal(array->shape[0], 2);
    assert_int_equal(array->shape[1], 3);
    assert_int_equal(array->n_elements, 6);
}

static void test_files_of_numpy_are_read(void **state)
{
    samc_npy f32 = READ(f32), v2 = READ(f32_v2), f64 = READ(f64), u8 = READ(u8), b = READ(bool);

    (void)state;
    check_shape(&f32, SAMC_NPY_F32);
    check_shape(&v2, SAMC_NPY_F32);
    check_shape(&f64, SAMC_NPY_F64);
    check_shape(&u8, SAMC_NPY_U8);
    check_shape(&b, SAMC_NPY_BOOL);
    for (int i = 0; i < 6; i++) {
        assert_true(((float *)f32.data)[i] == (float)i / 4);
        assert_true(((float *)v2.data)[i] == (float)i / 4);
        assert_true(((double *)f64.data)[i] == i / 4.0);
        assert_int_equal(((uint8_t *)u8.data)[i], i * 50);
        assert_int_equal(((uint8_t *)b.data)[i], i % 2);
    }
    samc_npy_free(&f32);
    samc_npy_free(&v2);
    samc_npy_free(&f64);
    samc_npy_free(&u8);
    samc_npy_free(&b);
}

static void test_odd_shapes_are_read(void **state)
{
    samc_npy scalar = READ(scalar), vector = READ(vector), nothing = READ(nothing);

    (void)state;
    assert_int_equal(scalar.n_dims, 0);
    assert_int_equal(scalar.n_elements, 1);
    assert_true(*(double *)scalar.data == 2.5);
    assert_int_equal(vector.n_dims, 1);
    assert_int_equal(vector.shape[0], 3);
    assert_int_equal(nothing.n_dims, 2);
    assert_int_equal(nothing.n_elements, 0);
    assert_non_null(nothing.data);
    samc_npy_free(&scalar);
    samc_npy_free(&vector);
    samc_npy_free(&nothing);
}

static void refused(const void *bytes, size_t size, samc_status want, const char *word)
{
    samc_npy array = {SAMC_NPY_F32, 0, {0}, 0, NULL};
    samc_error error = {SAMC_OK, ""};
    uint8_t *exact = malloc(size + 1); /* so that a sanitizer sees a read beyond the end */

    assert_non_null(exact);
    if (size)
        memcpy(exact, bytes, size);
    exact = realloc(exact, size ? size : 1);
    assert_non_null(exact);
    assert_int_equal(samc_npy_read_memory(exact, size, "x.npy", &array, &error), want);
    free(exact);
    if (!strstr(error.message, word) || strncmp(error.message, "x.npy", 5) != 0)
        fail_msg("'%s' lacks '%s' or the file's name", error.message, word);
    assert_null(array.data);
}

static void test_what_is_not_supported_is_said(void **state)
{
    (void)state;
    refused(npy_fortran, sizeof npy_fortran, SAMC_ERROR_UNSUPPORTED, "ascontiguousarray");
    refused(npy_big, sizeof npy_big, SAMC_ERROR_UNSUPPORTED, ">f4");
    refused(npy_i64, sizeof npy_i64, SAMC_ERROR_UNSUPPORTED, "<i8");
    refused(npy_record, sizeof npy_record, SAMC_ERROR_UNSUPPORTED, "float32");
    refused(npy_object, sizeof npy_object, SAMC_ERROR_UNSUPPORTED, "|O");
    refused(npy_f32_v3, sizeof npy_f32_v3, SAMC_ERROR_UNSUPPORTED, "version 3.0");
}

static void test_every_cut_is_refused(void **state)
{
    (void)state;
    for (size_t size = 0; size < sizeof npy_f32; size++)
        refused(npy_f32, size, SAMC_ERROR_FORMAT, "x.npy");
}

/* A version 1.0 file with this header and `bytes` zero bytes behind it. */
static void header_refused(const char *header, size_t bytes, samc_status want, const char *word)
{
    uint8_t file[512] = "\x93NUMPY\x01";
    size_t length = strlen(header);

    file[8] = (uint8_t)length;
    memcpy(file + 10, header, length);
    refused(file, 10 + length + bytes, want, word);
}

#define F4 "'descr':'<f4','fortran_order':False,"

/* More than any name of a header has. */
#define LONG "----------------------------------------------------------------"

static void test_bad_headers_are_refused(void **state)
{
    const samc_status bad = SAMC_ERROR_FORMAT;

    (void)state;
    header_refused("", 8, bad, "begin with {");
    header_refused("{" F4 "'shape':(2,)", 8, bad, "comma");
    header_refused("{" F4 "'shape':(2,)} x", 8, bad, "follows");
    header_refused("{" F4 "'shape':(2)}", 8, bad, "a number, not a tuple");
    header_refused("{" F4 "'shape':2}", 8, bad, "not a tuple");
    header_refused("{" F4 "'shape':(,2)}", 8, bad, "whole numbers");
    header_refused("{" F4 "'shape':(2 1)}", 8, bad, "whole numbers");
    header_refused("{" F4 "'shape':(-2,)}", 8, bad, "whole numbers");
    header_refused("{" F4 "'shape':(2.0,)}", 8, bad, "whole numbers");
    header_refused("{" F4 "'shape':(99999999999999999999,)}", 8, bad, "too large");
    header_refused("{" F4 "'shape':(4611686018427387905,4)}", 16, bad, "overflows");
    header_refused("{" F4 "'shape':(4611686018427387904,)}", 0, bad, "overflows");
    header_refused("{" F4 "'shape':(4294967296,4294967296)}", 0, bad, "overflows");
    header_refused("{" F4 "'shape':(0,9223372036854775807)}", 1, bad, "asks for 0 bytes");
    header_refused("{" F4 "'shape':(1,1,1,1,1,1,1,1,1)}", 4, SAMC_ERROR_UNSUPPORTED, "8 dim");
    header_refused("{" F4 "'shape':(3,)}", 8, bad, "asks for 12 bytes, the file has 8");
    header_refused("{" F4 "'shape':(1,)}", 8, bad, "asks for 4 bytes, the file has 8");
    header_refused("{" F4 "}", 8, bad, "missing");
    header_refused("{'descr':'<f4','shape':(2,)}", 8, bad, "missing");
    header_refused("{'descr':'<f4' 'shape':(2,)}", 8, bad, "comma");
    header_refused("{" F4 "'descr':'<f4','shape':(2,)}", 8, bad, "'descr' twice");
    header_refused("{" F4 "'shape':(2,),'more':1}", 8, bad, "'more'");
    header_refused("{'descr':'<f4','fortran_order':0,'shape':(2,)}", 8, bad, "neither");
    header_refused("{'descr':'<f4" LONG "','fortran_order':False,'shape':(2,)}", 8,
                   SAMC_ERROR_UNSUPPORTED, "float32");
    header_refused("{'" LONG "':1,'fortran_order':False,'shape':(2,)}", 8, bad, "not a dict");
    header_refused("{'descr':'<f4\\'','fortran_order':False,'shape':(2,)}", 8,
                   SAMC_ERROR_UNSUPPORTED, "float32");
}

/* NumPy's own bytes come back from the writer. */
static void test_written_files_are_numpys(void **state)
{
    const float values[6] = {0, 0.25f, 0.5f, 0.75f, 1, 1.25f};
    const uint8_t bits[6] = {0, 1, 0, 1, 0, 1};
    const float ramp[3] = {0, 1, 2};
    const double one = 2.5;
    const struct {
        samc_npy_type type;
        const void *data;
        int32_t n_dims;
        int64_t shape[2];
        const unsigned char *want;
        size_t size;
    } files[] = {
        {SAMC_NPY_F32, values, 2, {2, 3}, npy_f32, sizeof npy_f32},
        {SAMC_NPY_BOOL, bits, 2, {2, 3}, npy_bool, sizeof npy_bool},
        {SAMC_NPY_F32, ramp, 1, {3, 0}, npy_vector, sizeof npy_vector},
        {SAMC_NPY_F64, &one, 0, {0, 0}, npy_scalar, sizeof npy_scalar},
        {SAMC_NPY_F32, NULL, 2, {0, 4}, npy_nothing, sizeof npy_nothing},
    };
    char path[] = "test_npy_XXXXXX";

    (void)state;
    assert_non_null(mkdtemp(path));
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char name[64];
        uint8_t got[512];
        size_t size;
        FILE *file;
        samc_npy array;

        (void)snprintf(name, sizeof name, "%s/%zu.npy", path, i);
        assert_int_equal(samc_npy_write(name, files[i].type, files[i].data, files[i].n_dims,
                                        files[i].shape, NULL),
                         SAMC_OK);
        file = fopen(name, "rb");
        assert_non_null(file);
        size = fread(got, 1, sizeof got, file);
        (void)fclose(file);
        assert_int_equal(size, files[i].size);
        assert_memory_equal(got, files[i].want, size);
        assert_int_equal(samc_npy_read(name, &array, NULL), SAMC_OK);
        samc_npy_free(&array);
        (void)unlink(name);
    }
    (void)rmdir(path);
}

static void test_bad_calls_are_refused(void **state)
{
    const int64_t negative[1] = {-1};
    const int64_t huge[2] = {INT64_MAX, 4};
    const int64_t nine[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
    const float value = 0;
    samc_error error = {SAMC_OK, ""};
    samc_npy array;

    (void)state;
    assert_int_equal(samc_npy_write("x.npy", SAMC_NPY_F32, &value, 1, negative, &error),
                     SAMC_ERROR_ARGUMENT);
    assert_int_equal(samc_npy_write("x.npy", SAMC_NPY_F32, &value, 2, huge, &error),
                     SAMC_ERROR_ARGUMENT);
    assert_int_equal(samc_npy_write("x.npy", SAMC_NPY_F32, &value, 9, nine, &error),
                     SAMC_ERROR_ARGUMENT);
    assert_int_equal(samc_npy_write("no/such/x.npy", SAMC_NPY_F32, &value, 1, nine, &error),
                     SAMC_ERROR_IO);
    assert_non_null(strstr(error.message, "no/such/x.npy"));
    assert_int_equal(samc_npy_read("no/such/x.npy", &array, &error), SAMC_ERROR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files_of_numpy_are_read),
        cmocka_unit_test(test_odd_shapes_are_read),
        cmocka_unit_test(test_what_is_not_supported_is_said),
        cmocka_unit_test(test_every_cut_is_refused),
        cmocka_unit_test(test_bad_headers_are_refused),
        cmocka_unit_test(test_written_files_are_numpys),
        cmocka_unit_test(test_bad_calls_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
