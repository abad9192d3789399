/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "segment/prompts_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static samc_prompts read_good(const char *text)
{
    samc_prompts prompts = {0};
    samc_error error = {SAMC_OK, ""};

    if (samc_prompts_read_memory(text, strlen(text), "p.json", &prompts, &error) != SAMC_OK)
        fail_msg("%s", error.message);
    return prompts;
}

static void refused(const char *text, samc_status want, const char *message)
{
    samc_prompts prompts = {0};
    samc_error error = {SAMC_OK, ""};
    samc_status got = samc_prompts_read_memory(text, strlen(text), "p.json", &prompts, &error);

    if (got != want || strcmp(error.message, message) != 0)
        fail_msg("%s: %d '%s'", text, (int)got, error.message);
    assert_null(prompts.photos);
}

static void test_one_photo(void **state)
{
    samc_prompts prompts = read_good(
        "{\"objects\": [{\"points\": [[500, 375.5], [1125, 625]], \"labels\": [1, 0]},"
        " {\"box\": [425, 600, 700, 875], \"mask\": \"a.npy\"}, {\"points\": [[1e2, -0.5]]}]}");
    const samc_prompts_photo *photo = samc_prompts_find(&prompts, "any/photo.jpg");
    const samc_prompts_object *o;

    (void)state;
    assert_int_equal(prompts.n_photos, 1);
    assert_ptr_equal(photo, &prompts.photos[0]);
    assert_null(photo->name);
    assert_int_equal(photo->n_objects, 3);
    o = &photo->objects[0];
    assert_int_equal(o->n_points, 2);
    assert_memory_equal(o->points, ((float[]){500, 375.5f, 1125, 625}), 4 * sizeof(float));
    assert_memory_equal(o->labels, ((int32_t[]){1, 0}), 2 * sizeof(int32_t));
    assert_false(o->has_box);
    assert_null(o->mask);
    o = &photo->objects[1];
    assert_int_equal(o->n_points, 0);
    assert_true(o->has_box);
    assert_memory_equal(o->box, ((float[]){425, 600, 700, 875}), 4 * sizeof(float));
    assert_string_equal(o->mask, "a.npy");
    o = &photo->objects[2]; /* labels left out: all foreground */
    assert_int_equal(o->n_points, 1);
    assert_int_equal(o->labels[0], 1);
    samc_prompts_free(&prompts);
    assert_null(prompts.photos);
}

static void test_photos_are_found_by_name(void **state)
{
    samc_prompts prompts = read_good(
        "{\"photos\": {\"a.jpg\": {\"objects\": [{\"box\": [0,0,1,1]}]},"
        " \"x/a.jpg\": {\"objects\": [{\"box\": [0,0,2,2]}]}}}");
    const samc_prompts_photo *photo;

    (void)state;
    assert_int_equal(prompts.n_photos, 2);
    photo = samc_prompts_find(&prompts, "a.jpg");
    assert_string_equal(photo->name, "a.jpg");
    photo = samc_prompts_find(&prompts, "x/a.jpg");
    assert_string_equal(photo->name, "x/a.jpg");
    assert_true(photo->objects[0].box[2] == 2);
    photo = samc_prompts_find(&prompts, "y/a.jpg");
    assert_string_equal(photo->name, "a.jpg");
    assert_null(samc_prompts_find(&prompts, "b.jpg"));
    assert_null(samc_prompts_find(&prompts, "a.jpg/"));
    samc_prompts_free(&prompts);
}

#define OBJECT(members) "{\"objects\": [" members "]}"

static void test_structure_is_checked(void **state)
{
    const samc_status bad = SAMC_ERROR_FORMAT;

    (void)state;
    refused("[]", bad, "p.json: must be an object, not an array");
    refused("{}", bad, "p.json: lacks \"objects\"");
    refused("{\"objects\": {}}", bad, "p.json: objects must be an array, not an object");
    refused("{\"object\": []}", bad,
            "p.json: has an unknown key \"object\"; known are objects and photos");
    refused("{\"objects\": [], \"photos\": {}}", bad,
            "p.json: has both \"objects\" and \"photos\"; give one");
    refused("{\"photos\": []}", bad, "p.json: photos must be an object, not an array");
    refused("{\"photos\": {\"a\": []}}", bad,
            "p.json: photos[\"a\"] must be an object, not an array");
    refused("{\"photos\": {\"a\": {}}}", bad, "p.json: photos[\"a\"] lacks \"objects\"");
    refused("{\"photos\": {\"a\": {\"objects\": [null]}}}", bad,
            "p.json: photos[\"a\"].objects[0] must be an object, not null");
    refused("{\"photos\": {\"a\": {\"box\": []}}}", bad,
            "p.json: photos[\"a\"] has an unknown key \"box\"; known are objects");
    refused(OBJECT("{\"boxes\": []}"), bad,
            "p.json: objects[0] has an unknown key \"boxes\"; known are points, labels, box and "
            "mask");
    refused("{\"objects\": []}", SAMC_ERROR_PROMPT,
            "p.json: objects is empty: give at least one object");
    refused("{\"photos\": {}}", SAMC_ERROR_PROMPT,
            "p.json: photos is empty: give at least one photo");
}

static void test_values_are_checked(void **state)
{
    const samc_status bad = SAMC_ERROR_FORMAT;

    (void)state;
    refused(OBJECT("{\"points\": 1}"), bad,
            "p.json: objects[0].points must be an array, not a number");
    refused(OBJECT("{\"points\": [1, 2]}"), bad,
            "p.json: objects[0].points[0] must be a point [x, y]");
    refused(OBJECT("{\"points\": [[1, 2, 3]]}"), bad,
            "p.json: objects[0].points[0] must be a point [x, y]");
    refused(OBJECT("{\"points\": [[1, 2], [1, \"2\"]]}"), bad,
            "p.json: objects[0].points[1][1] must be a number, not a string");
    refused(OBJECT("{\"points\": [[1e39, 2]]}"), bad,
            "p.json: objects[0].points[0][0] is too large a number");
    refused(OBJECT("{\"points\": [[1, 2]], \"labels\": [1, 1]}"), bad,
            "p.json: objects[0].labels has 2 labels for 1 points");
    refused(OBJECT("{\"points\": [[1, 2]], \"labels\": []}"), bad,
            "p.json: objects[0].labels has 0 labels for 1 points");
    refused(OBJECT("{\"labels\": [1]}"), bad,
            "p.json: objects[0].labels has 1 labels for 0 points");
    refused(OBJECT("{\"points\": [[1, 2]], \"labels\": 1}"), bad,
            "p.json: objects[0].labels must be an array, not a number");
    refused(OBJECT("{\"points\": [[1, 2]], \"labels\": [true]}"), bad,
            "p.json: objects[0].labels[0] must be the whole number 0 or 1, not true");
    refused(OBJECT("{\"points\": [[1, 2]], \"labels\": [1.0]}"), bad,
            "p.json: objects[0].labels[0] must be the whole number 0 or 1, not a decimal number");
    refused(OBJECT("{\"box\": [1, 2, 3]}"), bad,
            "p.json: objects[0].box must be a box [x0, y0, x1, y1]");
    refused(OBJECT("{\"box\": [1, 2, 3, null]}"), bad,
            "p.json: objects[0].box[3] must be a number, not null");
    refused(OBJECT("{\"mask\": 1}"), bad,
            "p.json: objects[0].mask must be the name of a file, not a number");
    refused(OBJECT("{\"mask\": \"\"}"), bad,
            "p.json: objects[0].mask is empty; it must name a file");
}

static void test_prompts_are_checked(void **state)
{
    const samc_status bad = SAMC_ERROR_PROMPT;

    (void)state;
    refused(OBJECT("{\"box\": [0, 0, 1, 1]}, {}"), bad,
            "p.json: objects[1] says nothing: give it points, a box or a mask");
    refused(OBJECT("{\"points\": [], \"labels\": []}"), bad,
            "p.json: objects[0] says nothing: give it points, a box or a mask");
    refused(OBJECT("{\"points\": [[1, 2]], \"labels\": [2]}"), bad,
            "p.json: objects[0].labels[0] is 2; a label is 1 (the object) or 0 (not it); corners "
            "are given as \"box\"");
    refused(OBJECT("{\"points\": [[1, 2]], \"labels\": [-1]}"), bad,
            "p.json: objects[0].labels[0] is -1; a label is 1 (the object) or 0 (not it)");
}

static void test_bad_json_is_placed(void **state)
{
    samc_prompts prompts = {0};
    samc_error error;
    static const char *const texts[] = {"",
                                        "{",
                                        "{\"objects\": [NaN]}",
                                        "{\"objects\": [1e999]}",
                                        "{\"objects\": [], \"objects\": []}",
                                        "{\"objects\": []} x",
                                        "\"a\"",
                                        "{\"\\u0000\": 1}",
                                        "{\"\xff\": 1}",
                                        "\xef\xbb\xbf{}"};

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_int_equal(
            samc_prompts_read_memory(texts[i], strlen(texts[i]), "p.json", &prompts, &error),
            SAMC_ERROR_FORMAT);
        if (strncmp(error.message, "p.json, line 1, column ", 23) != 0)
            fail_msg("%s: %s", texts[i], error.message);
    }
}

/* A file with `n` times `element` between `head` and `tail`. */
static samc_status read_many(const char *head, const char *element, size_t n, const char *tail,
                             samc_prompts *prompts, samc_error *error)
{
    size_t size = strlen(head) + (strlen(element) + 1) * n + strlen(tail) + 1;
    char *text = malloc(size), *at = text;
    samc_status status;

    assert_non_null(text);
    at += sprintf(at, "%s", head);
    for (size_t i = 0; i < n; i++)
        at += sprintf(at, "%s%s", i ? "," : "", element);
    at += sprintf(at, "%s", tail);
    status = samc_prompts_read_memory(text, (size_t)(at - text), "p.json", prompts, error);
    free(text);
    return status;
}

static void test_limits(void **state)
{
    samc_prompts prompts = {0};
    samc_error error;

    (void)state;
    assert_int_equal(
        read_many("{\"objects\":[{\"points\":[", "[1,2]", 1024, "]}]}", &prompts, &error), SAMC_OK);
    samc_prompts_free(&prompts);
    assert_int_equal(
        read_many("{\"objects\":[{\"points\":[", "[1,2]", 1025, "]}]}", &prompts, &error),
        SAMC_ERROR_LIMIT);
    assert_string_equal(error.message,
                        "p.json: objects[0].points has 1025 points; at most 1024 are allowed");
    assert_int_equal(read_many("{\"objects\":[", "{\"mask\":\"m\"}", 65536, "]}", &prompts, &error),
                     SAMC_OK);
    assert_int_equal(prompts.photos[0].n_objects, 65536);
    samc_prompts_free(&prompts);
    assert_int_equal(read_many("{\"objects\":[", "0", 65537, "]}", &prompts, &error),
                     SAMC_ERROR_LIMIT);
    assert_int_equal(read_many("", "[", 5000, "", &prompts, &error), SAMC_ERROR_FORMAT);
    assert_int_equal(
        samc_prompts_read_memory("", SAMC_PROMPTS_MAX_BYTES + 1, "p.json", &prompts, &error),
        SAMC_ERROR_LIMIT);
}

/* A long name is cut; the message stays within its buffer. */
static void test_long_names(void **state)
{
    samc_prompts prompts = {0};
    samc_error error;

    (void)state;
    assert_int_equal(read_many("{\"photos\":{\"", "abcdefg", 1000,
                               "\":{\"objects\":[{\"box\":0}]}}}", &prompts, &error),
                     SAMC_ERROR_FORMAT);
    assert_true(strlen(error.message) < sizeof error.message);
    assert_non_null(strstr(error.message, "must be a box"));
    assert_int_equal(read_many("{\"", "abcdefg", 1000, "\":1}", &prompts, &error),
                     SAMC_ERROR_FORMAT);
    assert_non_null(strstr(error.message, "known are"));
}

static void test_files(void **state)
{
    char path[] = "test_prompts_XXXXXX";
    samc_prompts prompts = {0};
    samc_error error;
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(samc_prompts_read(path, &prompts, &error), SAMC_ERROR_FORMAT); /* empty */
    assert_int_equal(write(fd, OBJECT("{\"mask\": \"m\"}"), 28), 28);
    assert_int_equal(samc_prompts_read(path, &prompts, &error), SAMC_OK);
    assert_string_equal(prompts.photos[0].objects[0].mask, "m");
    samc_prompts_free(&prompts);
    (void)close(fd);
    (void)unlink(path);
    assert_int_equal(samc_prompts_read("no/such.json", &prompts, &error), SAMC_ERROR_IO);
    assert_non_null(strstr(error.message, "no/such.json"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_photo),
        cmocka_unit_test(test_photos_are_found_by_name),
        cmocka_unit_test(test_structure_is_checked),
        cmocka_unit_test(test_values_are_checked),
        cmocka_unit_test(test_prompts_are_checked),
        cmocka_unit_test(test_bad_json_is_placed),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_long_names),
        cmocka_unit_test(test_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
