/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading photos: the files of tests/data/photos, made by tools/fixtures/make_photos.py, against
 * what Pillow reads in them (expected.txt); then the same files cut short and damaged.
 */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "image/orientation.h"

#include <samc_io.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#define FOLDER SAMC_TEST_DATA "/photos/"

struct expected {
    char name[64];
    int width, height;
    unsigned crc;
};

/* Calls `check` for each line of expected.txt. */
static void each_photo(void (*check)(const struct expected *expected))
{
    FILE *list = fopen(FOLDER "expected.txt", "r");
    struct expected expected;
    int count = 0;

    assert_non_null(list);
    while (fscanf(list, "%63s %d %d %x", expected.name, &expected.width, &expected.height,
                  &expected.crc) == 4) {
        check(&expected);
        count++;
    }
    assert_int_equal(fclose(list), 0);
    assert_true(count > 100);
}

static const char *path_of(const char *name)
{
    static char path[1024];

    (void)snprintf(path, sizeof path, FOLDER "%s", name);
    return path;
}

static unsigned crc_of(const samc_photo *photo)
{
    const size_t size = photo->view.stride * (size_t)photo->view.height;

    return (unsigned)crc32(0, photo->view.pixels, (uInt)size);
}

static void check_equals_pillow(const struct expected *expected)
{
    samc_photo photo;
    samc_error error = {SAMC_OK, ""};

    if (samc_photo_read(path_of(expected->name), NULL, &photo, &error) != SAMC_OK)
        fail_msg("%s", error.message);
    assert_int_equal(photo.view.width, expected->width);
    assert_int_equal(photo.view.height, expected->height);
    assert_int_equal(photo.view.format, SAMC_PIXELS_RGB);
    assert_int_equal(photo.view.stride, 3 * expected->width);
    assert_ptr_equal(photo.view.pixels, photo.pixels);
    if (crc_of(&photo) != expected->crc)
        fail_msg("%s has other pixels than Pillow's", expected->name);
    samc_photo_free(&photo);
    assert_null(photo.pixels);
}

static void test_equals_pillow(void **state)
{
    (void)state;
    each_photo(check_equals_pillow);
}

static void test_orientation_can_be_ignored(void **state)
{
    samc_read_options options = SAMC_READ_OPTIONS_INIT;
    samc_photo upright;
    samc_photo lying;

    (void)state;
    options.ignore_orientation = 1;
    assert_int_equal(samc_photo_read(path_of("turned_1.jpg"), NULL, &upright, NULL), SAMC_OK);
    assert_int_equal(samc_photo_read(path_of("turned_8.jpg"), &options, &lying, NULL), SAMC_OK);
    assert_int_equal(lying.view.width, 13);
    assert_int_equal(crc_of(&upright), crc_of(&lying));
    samc_photo_free(&upright);
    samc_photo_free(&lying);
}

/* A copy of exactly `size` bytes, so that a sanitizer sees every read past the end. */
static samc_status read_copy(const uint8_t *data, size_t size, unsigned *crc)
{
    samc_read_options options = SAMC_READ_OPTIONS_INIT;
    uint8_t *copy = malloc(size ? size : 1);
    samc_error error = {SAMC_OK, ""};
    samc_photo photo;
    samc_status status;

    assert_non_null(copy);
    if (size)
        memcpy(copy, data, size);
    options.max_pixels = 4096;
    status = samc_photo_read_memory(copy, size, &options, &photo, &error);
    free(copy);
    if (status == SAMC_OK) {
        *crc = crc_of(&photo);
        samc_photo_free(&photo);
    } else {
        assert_null(photo.pixels);
        assert_int_equal(error.status, status);
        assert_true(error.message[0] != '\0');
        assert_true(status == SAMC_ERROR_FORMAT || status == SAMC_ERROR_UNSUPPORTED ||
                    status == SAMC_ERROR_LIMIT);
    }
    return status;
}

/* Where the pixels come last in a file, nothing short of all of it is accepted. */
static int ends_with_pixels(const char *name)
{
    const char *kind = strrchr(name, '.');

    return strcmp(kind, ".png") == 0 || strcmp(kind, ".webp") == 0 ||
           (strcmp(kind, ".jpg") == 0 && strcmp(name, "trailing.jpg") != 0);
}

/* Cut at every length: refused, or (TIFF may keep its pixels before its tags) the same pixels. */
static void check_cut(const struct expected *expected)
{
    samc_mapping file;

    assert_int_equal(samc_file_map(path_of(expected->name), &file, NULL), SAMC_OK);
    for (size_t size = 0; size < file.size; size++) {
        unsigned crc = 0;

        if (read_copy(file.data, size, &crc) != SAMC_OK)
            continue;
        if (ends_with_pixels(expected->name))
            fail_msg("%s is accepted with %zu of its %zu bytes", expected->name, size, file.size);
    }
    samc_file_unmap(&file);
}

static void test_truncated(void **state)
{
    (void)state;
    each_photo(check_cut);
}

/* Every byte changed in turn, twice: an error, or the same pixels on each reading. */
static void check_damaged(const struct expected *expected)
{
    samc_mapping file;
    uint8_t *copy;

    assert_int_equal(samc_file_map(path_of(expected->name), &file, NULL), SAMC_OK);
    copy = malloc(file.size);
    assert_non_null(copy);
    memcpy(copy, file.data, file.size);
    for (size_t i = 0; i < file.size; i++) {
        const uint8_t byte = copy[i];

        for (int round = 0; round < 2; round++) {
            unsigned first = 0;
            unsigned second = 0;

            copy[i] = round ? (uint8_t)(byte ^ 0x80) : (uint8_t)(byte + 1);
            if (read_copy(copy, file.size, &first) == SAMC_OK) {
                assert_int_equal(read_copy(copy, file.size, &second), SAMC_OK);
                if (first != second)
                    fail_msg("%s, byte %zu changed: undefined pixels", expected->name, i);
            }
        }
        copy[i] = byte;
    }
    free(copy);
    samc_file_unmap(&file);
}

static void test_damaged(void **state)
{
    (void)state;
    each_photo(check_damaged);
}

static void refused(const char *name, int64_t max_pixels, samc_status status, const char *words)
{
    samc_read_options options = SAMC_READ_OPTIONS_INIT;
    samc_error error = {SAMC_OK, ""};
    samc_photo photo;

    if (max_pixels)
        options.max_pixels = max_pixels;
    assert_int_equal(samc_photo_read(path_of(name), &options, &photo, &error), status);
    assert_null(photo.pixels);
    if (!strstr(error.message, words) || !strstr(error.message, name))
        fail_msg("%s: unexpected message \"%s\"", name, error.message);
}

static void test_bombs_are_refused(void **state)
{
    static const char *const kinds[] = {"rgb.png", "rgb_444.jpg", "lossy.webp", "strips.tif"};
    samc_read_options options = SAMC_READ_OPTIONS_INIT;
    samc_photo photo;

    (void)state;
    refused("bomb.png", 0, SAMC_ERROR_LIMIT, "60000 x 60000");
    refused("bomb.jpg", 0, SAMC_ERROR_LIMIT, "60000 x 60000");
    refused("bomb.webp", 0, SAMC_ERROR_LIMIT, "60000 x 60000");
    refused("bomb.tif", 0, SAMC_ERROR_LIMIT, "60000 x 60000");
    refused("bomb_tile.tif", 0, SAMC_ERROR_LIMIT, "tiles");
    refused("bomb_side.png", 0, SAMC_ERROR_LIMIT, "70000 x 1");
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        refused(kinds[i], 13 * 9 - 1, SAMC_ERROR_LIMIT, "13 x 9");
        options.max_pixels = 13 * 9;
        assert_int_equal(samc_photo_read(path_of(kinds[i]), &options, &photo, NULL), SAMC_OK);
        samc_photo_free(&photo);
    }
}

static void test_other_files_are_refused(void **state)
{
    samc_error error = {SAMC_OK, ""};
    samc_photo photo;

    (void)state;
    refused("expected.txt", 0, SAMC_ERROR_FORMAT, "no JPEG, PNG, WebP or TIFF");
    refused("missing.jpg", 0, SAMC_ERROR_IO, "No such file");
    assert_int_equal(samc_photo_read(FOLDER, NULL, &photo, NULL), SAMC_ERROR_IO);
    assert_int_equal(samc_photo_read_memory("", 0, NULL, &photo, &error), SAMC_ERROR_FORMAT);
    assert_non_null(strstr(error.message, "empty"));
    assert_int_equal(samc_photo_read_memory("GIF89a", 6, NULL, &photo, &error),
                     SAMC_ERROR_UNSUPPORTED);
    assert_non_null(strstr(error.message, "GIF"));
    assert_int_equal(samc_photo_read_memory("\0\0\0\x1c"
                                            "ftypheic",
                                            12, NULL, &photo, &error),
                     SAMC_ERROR_UNSUPPORTED);
    assert_non_null(strstr(error.message, "HEIF"));
}

static void test_bad_arguments_are_refused(void **state)
{
    samc_read_options options = SAMC_READ_OPTIONS_INIT;
    const char *path = path_of("rgb.png");
    samc_photo photo;

    (void)state;
    assert_int_equal(samc_photo_read(NULL, NULL, &photo, NULL), SAMC_ERROR_ARGUMENT);
    assert_int_equal(samc_photo_read(path, NULL, NULL, NULL), SAMC_ERROR_ARGUMENT);
    assert_int_equal(samc_photo_read_memory(NULL, 1, NULL, &photo, NULL), SAMC_ERROR_ARGUMENT);
    options.max_pixels = 0;
    assert_int_equal(samc_photo_read(path, &options, &photo, NULL), SAMC_ERROR_ARGUMENT);
    options.max_pixels = 1000;
    options.struct_size = 0;
    assert_int_equal(samc_photo_read(path, &options, &photo, NULL), SAMC_ERROR_ARGUMENT);
    options = (samc_read_options)SAMC_READ_OPTIONS_INIT;
    options.struct_size += 8; /* of a later header */
    assert_int_equal(samc_photo_read(path, &options, &photo, NULL), SAMC_OK);
    samc_photo_free(&photo);
    samc_photo_free(NULL);
}

static int32_t orientation_of(const uint8_t *exif, size_t size)
{
    int32_t orientation = 0;

    assert_int_equal(samc_orientation_read(exif, size, &orientation, NULL), SAMC_OK);
    return orientation;
}

static void test_orientation_of_odd_exif(void **state)
{
    /* big-endian TIFF, one entry: 0x0112, SHORT, 1, value 6 */
    static const uint8_t exif[] = {'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0,
                                   3,   0,   0, 0,  1, 0, 6, 0, 0, 0, 0, 0,    0};
    uint8_t copy[sizeof exif];

    (void)state;
    assert_int_equal(orientation_of(exif, sizeof exif), 6);
    for (size_t size = 0; size < 20; size++)
        assert_int_equal(orientation_of(exif, size), 1);
    memcpy(copy, exif, sizeof exif);
    copy[19] = 9;
    assert_int_equal(orientation_of(copy, sizeof copy), 1);
    copy[19] = 0;
    assert_int_equal(orientation_of(copy, sizeof copy), 1);
    copy[19] = 6;
    copy[13] = 2; /* a string */
    assert_int_equal(orientation_of(copy, sizeof copy), 1);
}

/* -------------------------------------------------------------------------------------------------
 * Writing
 * ---------------------------------------------------------------------------------------------- */

static void test_png_round_trip(void **state)
{
    enum { W = 7, H = 5, STRIDE = 40 };
    uint8_t pixels[H * STRIDE];
    char path[] = "/tmp/samc-photo-XXXXXX";
    const int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(close(fd), 0);
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i * 37 + i / 7);
    for (int32_t channels = 1; channels <= 4; channels++) {
        samc_photo photo;

        if (channels == 2) {
            assert_int_equal(samc_png_write(path, pixels, W, H, channels, STRIDE, NULL),
                             SAMC_ERROR_ARGUMENT);
            continue;
        }
        assert_int_equal(samc_png_write(path, pixels, W, H, channels, STRIDE, NULL), SAMC_OK);
        assert_int_equal(samc_photo_read(path, NULL, &photo, NULL), SAMC_OK);
        assert_int_equal(photo.view.width, W);
        assert_int_equal(photo.view.height, H);
        for (int32_t i = 0; i < W * H * 3; i++) {
            const int32_t pixel = i / 3;
            const int32_t channel = channels == 1 ? 0 : i % 3;

            assert_int_equal(photo.pixels[i],
                             pixels[pixel / W * STRIDE + pixel % W * channels + channel]);
        }
        samc_photo_free(&photo);
    }
    assert_int_equal(unlink(path), 0);
}

static void test_png_write_refuses(void **state)
{
    static const uint8_t pixels[12] = {0};
    samc_error error = {SAMC_OK, ""};

    (void)state;
    assert_int_equal(samc_png_write(NULL, pixels, 1, 1, 3, 3, NULL), SAMC_ERROR_ARGUMENT);
    assert_int_equal(samc_png_write("/tmp/x.png", NULL, 1, 1, 3, 3, NULL), SAMC_ERROR_ARGUMENT);
    assert_int_equal(samc_png_write("/tmp/x.png", pixels, 0, 1, 3, 3, NULL), SAMC_ERROR_ARGUMENT);
    assert_int_equal(samc_png_write("/tmp/x.png", pixels, 2, 1, 3, 5, NULL), SAMC_ERROR_ARGUMENT);
    assert_int_equal(samc_png_write("/nowhere/x.png", pixels, 1, 1, 3, 3, &error), SAMC_ERROR_IO);
    assert_non_null(strstr(error.message, "/nowhere/x.png"));
    if (access("/dev/full", W_OK) == 0) /* not a place for a temporary: refused, nothing left */
        assert_int_equal(samc_png_write("/dev/full/x.png", pixels, 1, 1, 3, 3, NULL),
                         SAMC_ERROR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equals_pillow),
        cmocka_unit_test(test_orientation_can_be_ignored),
        cmocka_unit_test(test_orientation_of_odd_exif),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_bombs_are_refused),
        cmocka_unit_test(test_other_files_are_refused),
        cmocka_unit_test(test_bad_arguments_are_refused),
        cmocka_unit_test(test_png_round_trip),
        cmocka_unit_test(test_png_write_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
