/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "unit/archive.h"
#include "weights/zip.h"

/* Two members, "a/one" (4 bytes) and "a/two" (6 bytes). */
static archive two_members(int zip64)
{
    archive a = {.count = 0};

    archive_add(&a, "a/one", "1111", 4, NULL);
    archive_add(&a, "a/two", "222222", 6, NULL);
    archive_end(&a, zip64);
    return a;
}

/* Opens a copy that is exactly as long as the archive, so that a sanitizer sees a byte too far. */
static samc_status try_open(const archive *a, size_t size, samc_error *error)
{
    uint8_t *copy = malloc(size ? size : 1);
    samc_zip zip = {NULL, 0, 0};
    samc_status status;

    assert_non_null(copy);
    memcpy(copy, a->file.data, size);
    error->message[0] = '\0';
    status = samc_zip_open(copy, size, &zip, error);
    samc_zip_close(&zip);
    free(copy);
    return status;
}

/* Opens the archive, expects a refusal whose message has `words`, and frees it. */
static void expect_refusal(archive *a, samc_status wanted, const char *words)
{
    samc_error error;

    assert_int_equal(try_open(a, a->file.size, &error), wanted);
    if (!strstr(error.message, words))
        fail_msg("\"%s\" does not say \"%s\"", error.message, words);
    archive_free(a);
}

static void test_members(void **state)
{
    (void)state;
    for (int zip64 = 0; zip64 < 2; zip64++) {
        archive a = two_members(zip64);
        samc_zip zip;
        const samc_zip_member *m;

        assert_int_equal(samc_zip_open(a.file.data, a.file.size, &zip, NULL), SAMC_OK);
        assert_int_equal(zip.count, 2);
        m = samc_zip_find(&zip, "a/two", 5);
        assert_non_null(m);
        assert_int_equal(m->size, 6);
        assert_memory_equal(m->data, "222222", 6);
        assert_int_equal(samc_zip_verify(&zip, m, NULL), SAMC_OK);
        assert_null(samc_zip_find(&zip, "a/tw", 4));
        assert_null(samc_zip_find(&zip, "a/two2", 6));
        samc_zip_close(&zip);
        archive_free(&a);
    }
}

/* Sizes and offset of an entry from its zip64 extra field (read_extra64). */
static void test_zip64_entry(void **state)
{
    archive a = {.count = 0};
    samc_zip zip;
    bytes extra = {NULL, 0};

    (void)state;
    archive_add(&a, "x", "12345", 5, NULL);
    put_number(&extra, 0x7777, 2); /* a field that is none of our business comes first */
    put_number(&extra, 2, 2);
    put_number(&extra, 0, 2);
    put_number(&extra, 1, 2);
    put_number(&extra, 24, 2);
    put_number(&extra, 5, 8);
    put_number(&extra, 5, 8);
    put_number(&extra, 0, 8);
    set_number(&a.directory, 20, UINT32_MAX, 4);
    set_number(&a.directory, 24, UINT32_MAX, 4);
    set_number(&a.directory, 30, extra.size, 2);
    set_number(&a.directory, 42, UINT32_MAX, 4);
    put(&a.directory, extra.data, extra.size);
    archive_end(&a, 1);
    assert_int_equal(samc_zip_open(a.file.data, a.file.size, &zip, NULL), SAMC_OK);
    assert_int_equal(zip.members[0].size, 5);
    assert_memory_equal(zip.members[0].data, "12345", 5);
    samc_zip_close(&zip);

    /* guard: plain > room - skip, in 64 bits. 2^64 - 1 would wrap past a sum. */
    for (int i = 0; i < 2; i++)
        set_number(&a.file, a.entry[0] + 46 + 1 + 10 + 8 * (size_t)i, UINT64_MAX, 8);
    {
        samc_error error;
        assert_int_equal(try_open(&a, a.file.size, &error), SAMC_ERROR_FORMAT);
        assert_non_null(strstr(error.message, "outside the file"));
    }
    /* guard: the field's own length, before eight bytes are read of it */
    set_number(&a.file, a.entry[0] + 46 + 1 + 8, 7, 2);
    expect_refusal(&a, SAMC_ERROR_FORMAT, "zip64 field is too short");
    free(extra.data);
}

/* guard: compare_names of neighbours in check_members */
static void test_duplicate_names(void **state)
{
    archive a = {.count = 0};

    (void)state;
    archive_add(&a, "a/one", "1", 1, NULL);
    archive_add(&a, "b", "2", 1, NULL);
    archive_add(&a, "a/one", "3", 1, NULL);
    archive_end(&a, 0);
    expect_refusal(&a, SAMC_ERROR_FORMAT, "two members named a/one");
}

/* guard: the comparison of neighbouring places in check_members */
static void test_overlap(void **state)
{
    archive a = two_members(0);
    samc_error error;

    (void)state;
    /* the first member grows over the second one's header */
    set_number(&a.file, a.entry[0] + 20, 5, 4);
    set_number(&a.file, a.entry[0] + 24, 5, 4);
    assert_int_equal(try_open(&a, a.file.size, &error), SAMC_ERROR_FORMAT);
    assert_non_null(strstr(error.message, "a/one and a/two overlap"));
    /* exactly up to it is fine */
    set_number(&a.file, a.entry[0] + 20, 4, 4);
    set_number(&a.file, a.entry[0] + 24, 4, 4);
    assert_int_equal(try_open(&a, a.file.size, &error), SAMC_OK);
    archive_free(&a);
}

/* guard: `plain > room - skip`: the room ends where the directory begins */
static void test_into_directory(void **state)
{
    archive a = two_members(0);

    (void)state;
    set_number(&a.file, a.entry[1] + 20, 7, 4);
    set_number(&a.file, a.entry[1] + 24, 7, 4);
    expect_refusal(&a, SAMC_ERROR_FORMAT, "a/two lies outside the file");
}

/* guard: limit - offset < LOCAL_SIZE, before the local header is read */
static void test_offset_outside(void **state)
{
    archive a = two_members(0);

    (void)state;
    set_number(&a.file, a.entry[1] + 42, a.entry[0] - 29, 4);
    expect_refusal(&a, SAMC_ERROR_FORMAT, "a/two lies outside the file");
    a = two_members(0);
    set_number(&a.file, a.entry[1] + 42, 0xfffffffe, 4);
    expect_refusal(&a, SAMC_ERROR_FORMAT, "a/two lies outside the file");
}

/* guards: the local header's signature, and its name against the directory's */
static void test_local_header(void **state)
{
    archive a = two_members(0);

    (void)state;
    a.file.data[a.header[1]] = 'Q';
    expect_refusal(&a, SAMC_ERROR_FORMAT, "no header");
    a = two_members(0);
    a.file.data[a.header[1] + 30] = 'b';
    expect_refusal(&a, SAMC_ERROR_FORMAT, "another name");
    a = two_members(0);
    set_number(&a.file, a.header[1] + 28, 0xffff, 2);
    expect_refusal(&a, SAMC_ERROR_FORMAT, "outside the file");
}

/* guards: method, encryption flag, equal sizes, disks */
static void test_unsupported(void **state)
{
    archive a = two_members(0);

    (void)state;
    set_number(&a.file, a.entry[0] + 10, 8, 2);
    expect_refusal(&a, SAMC_ERROR_UNSUPPORTED, "a/one is compressed");
    a = two_members(0);
    set_number(&a.file, a.entry[0] + 8, 1, 2);
    expect_refusal(&a, SAMC_ERROR_UNSUPPORTED, "a/one is encrypted");
    a = two_members(0);
    set_number(&a.file, a.entry[0] + 20, 3, 4);
    expect_refusal(&a, SAMC_ERROR_FORMAT, "two different sizes");
    a = two_members(0);
    set_number(&a.file, a.file.size - 18, 1, 2);
    expect_refusal(&a, SAMC_ERROR_UNSUPPORTED, "several disks");
}

/* guards: the directory's place and count in the end record, with and without zip64 */
static void test_directory_lies(void **state)
{
    archive a;

    (void)state;
    a = two_members(0);
    set_number(&a.file, a.file.size - 12, 1, 2); /* one entry fewer than there are */
    expect_refusal(&a, SAMC_ERROR_FORMAT, "longer than its count");
    a = two_members(0);
    set_number(&a.file, a.file.size - 12, 3, 2);
    expect_refusal(&a, SAMC_ERROR_FORMAT, "shorter than its count");
    a = two_members(0);
    set_number(&a.file, a.file.size - 6, a.entry[0] + 1, 4);
    expect_refusal(&a, SAMC_ERROR_FORMAT, "does not reach");
    a = two_members(1);
    set_number(&a.file, a.file.size - 22 - 20 - 56 + 48, UINT64_MAX - 8, 8);
    expect_refusal(&a, SAMC_ERROR_FORMAT, "does not reach");
    a = two_members(1); /* the count bounds the memory that is asked for */
    set_number(&a.file, a.file.size - 22 - 20 - 56 + 32, UINT64_MAX / 8, 8);
    expect_refusal(&a, SAMC_ERROR_LIMIT, "members");
    a = two_members(1);
    set_number(&a.file, a.file.size - 22 - 20 + 8, UINT64_MAX - 4, 8);
    expect_refusal(&a, SAMC_ERROR_FORMAT, "outside the file");
    a = two_members(1);
    set_number(&a.file, a.file.size - 22 - 20 + 8, 1, 8);
    expect_refusal(&a, SAMC_ERROR_FORMAT, "not where it should be");
    a = two_members(0);
    a.file.data[a.entry[1]] = 'Q';
    expect_refusal(&a, SAMC_ERROR_FORMAT, "directory is damaged");
    a = two_members(0); /* a name longer than the directory */
    set_number(&a.file, a.entry[1] + 28, 0xffff, 2);
    expect_refusal(&a, SAMC_ERROR_FORMAT, "directory is damaged");
}

/* guard: the comment's length in find_end; without it bytes after the archive would pass */
static void test_bytes_after(void **state)
{
    archive a = two_members(0);
    samc_error error;

    (void)state;
    put(&a.file, "more", 4);
    assert_int_equal(try_open(&a, a.file.size, &error), SAMC_ERROR_FORMAT);
    set_number(&a.file, a.file.size - 4 - 2, 4, 2); /* as a comment they may stay */
    assert_int_equal(try_open(&a, a.file.size, &error), SAMC_OK);
    archive_free(&a);
}

/* guard: every read of a fixed part is preceded by a look at what is left (run under ASan) */
static void test_truncated(void **state)
{
    (void)state;
    for (int zip64 = 0; zip64 < 2; zip64++) {
        archive a = two_members(zip64);
        samc_error error;

        for (size_t size = 0; size < a.file.size; size++)
            assert_int_not_equal(try_open(&a, size, &error), SAMC_OK);
        archive_free(&a);
    }
}

/* guard: the comparison in samc_zip_verify; and no comparison where no member has a checksum */
static void test_checksums(void **state)
{
    const uint32_t zero = 0;
    archive a = two_members(0);
    samc_zip zip;
    samc_error error;

    (void)state;
    a.file.data[a.header[1] + 30 + 5] ^= 1;
    assert_int_equal(samc_zip_open(a.file.data, a.file.size, &zip, NULL), SAMC_OK);
    assert_int_equal(samc_zip_verify(&zip, samc_zip_find(&zip, "a/one", 5), NULL), SAMC_OK);
    assert_int_equal(samc_zip_verify(&zip, samc_zip_find(&zip, "a/two", 5), &error),
                     SAMC_ERROR_FORMAT);
    assert_non_null(strstr(error.message, "damaged: a/two"));
    samc_zip_close(&zip);
    archive_free(&a);

    archive_add(&a, "x", "12345", 5, &zero);
    archive_add(&a, "y", "12345", 5, &zero);
    archive_end(&a, 1);
    assert_int_equal(samc_zip_open(a.file.data, a.file.size, &zip, NULL), SAMC_OK);
    assert_int_equal(zip.has_crcs, 0);
    assert_int_equal(samc_zip_verify(&zip, &zip.members[0], NULL), SAMC_OK);
    samc_zip_close(&zip);
    archive_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members),         cmocka_unit_test(test_zip64_entry),
        cmocka_unit_test(test_duplicate_names), cmocka_unit_test(test_overlap),
        cmocka_unit_test(test_into_directory),  cmocka_unit_test(test_offset_outside),
        cmocka_unit_test(test_local_header),    cmocka_unit_test(test_unsupported),
        cmocka_unit_test(test_directory_lies),  cmocka_unit_test(test_bytes_after),
        cmocka_unit_test(test_truncated),       cmocka_unit_test(test_checksums),
    };
    return cmocka_run_group_tests_name("zip", tests, NULL, NULL);
}
