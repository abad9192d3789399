/* SPDX-License-Identifier: Apache-2.0 */
#include "dataset/json_stream.h"

#include <string.h>

typedef struct cursor {
    const char *at, *end;
} cursor;

/* An empty file is mapped nowhere: there is nothing to add its size to. */
static cursor begin(const char *text, size_t size)
{
    text = text ? text : "";
    return (cursor){text, text + size};
}

static void skip_space(cursor *c)
{
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\n' || *c->at == '\r' || *c->at == '\t'))
        c->at++;
}

/* From the opening quote to behind the closing one. */
static void skip_string(cursor *c)
{
    for (c->at++; c->at < c->end && *c->at != '"'; c->at++)
        if (*c->at == '\\')
            c->at++;
    if (c->at < c->end)
        c->at++;
    else
        c->at = c->end; /* an escape may have stepped past it */
}

/* To behind the value that begins here: to its last bracket, or to the comma or bracket that ends a
 * number or a word. */
static void skip_value(cursor *c)
{
    size_t depth = 0;

    while (c->at < c->end) {
        char here = *c->at;

        if (here == '"') {
            skip_string(c);
            if (depth == 0)
                return;
            continue;
        }
        if (here == '[' || here == '{') {
            depth++;
        } else if (here == ']' || here == '}') {
            if (depth == 0)
                return;
            if (--depth == 0) {
                c->at++;
                return;
            }
        } else if (here == ',' && depth == 0) {
            return;
        }
        c->at++;
    }
}

/* Steps over `expected`; 0: something else is there. */
static int take(cursor *c, char expected)
{
    skip_space(c);
    if (c->at >= c->end || *c->at != expected)
        return 0;
    c->at++;
    return 1;
}

static samc_status cut_off(samc_error *error)
{
    return SAMC_FAIL(error, FORMAT, "no JSON object, or one that is damaged or cut off");
}

/* The elements of the array that begins here. */
static samc_status walk_array(cursor *c, samc_json_element_fn fn, void *user, samc_error *error)
{
    if (!take(c, '['))
        return SAMC_FAIL(error, FORMAT, "what should be a list is none");
    if (take(c, ']'))
        return SAMC_OK;
    do {
        const char *from, *to;

        skip_space(c);
        from = c->at;
        skip_value(c);
        to = c->at;
        if (from == to || to == c->end)
            return cut_off(error);
        SAMC_TRY(fn(user, from, (size_t)(to - from), error));
    } while (take(c, ','));
    return take(c, ']') ? SAMC_OK : cut_off(error);
}

/* Steps to the value that the object has under `key`; *found says whether there is one. */
static samc_status find_key(cursor *c, const char *key, int *found, samc_error *error)
{
    size_t length = strlen(key);

    *found = 0;
    if (!take(c, '{'))
        return cut_off(error);
    if (take(c, '}'))
        return SAMC_OK;
    do {
        const char *name;

        skip_space(c);
        if (c->at >= c->end || *c->at != '"')
            return cut_off(error);
        name = c->at + 1;
        skip_string(c);
        *found = (size_t)(c->at - name) == length + 1 && memcmp(name, key, length) == 0;
        if (!take(c, ':'))
            return cut_off(error);
        skip_space(c);
        if (*found)
            return SAMC_OK;
        skip_value(c);
    } while (take(c, ','));
    return take(c, '}') ? SAMC_OK : cut_off(error);
}

samc_status samc_json_array_walk(const char *text, size_t size, const char *key,
                                 samc_json_element_fn fn, void *user, samc_error *error)
{
    cursor c = begin(text, size);
    int found;

    SAMC_TRY(find_key(&c, key, &found, error));
    return found ? walk_array(&c, fn, user, error) : SAMC_OK;
}

samc_status samc_json_list_walk(const char *text, size_t size, samc_json_element_fn fn, void *user,
                                samc_error *error)
{
    cursor c = begin(text, size);

    return walk_array(&c, fn, user, error);
}

samc_status samc_json_keys_walk(const char *text, size_t size, samc_json_key_fn fn, void *user,
                                samc_error *error)
{
    cursor c = begin(text, size);

    if (!take(&c, '{'))
        return cut_off(error);
    if (take(&c, '}'))
        return SAMC_OK;
    do {
        const char *key, *value;
        size_t length;

        skip_space(&c);
        if (c.at >= c.end || *c.at != '"')
            return cut_off(error);
        key = c.at + 1;
        skip_string(&c);
        length = (size_t)(c.at - key) - 1;
        if (!take(&c, ':'))
            return cut_off(error);
        skip_space(&c);
        value = c.at;
        skip_value(&c);
        if (c.at == c.end || c.at == value)
            return cut_off(error);
        SAMC_TRY(fn(user, key, length, value, (size_t)(c.at - value), error));
    } while (take(&c, ','));
    return take(&c, '}') ? SAMC_OK : cut_off(error);
}

int samc_json_has_key(const char *text, size_t size, const char *key)
{
    cursor c = begin(text, size);
    int found;

    return find_key(&c, key, &found, NULL) == SAMC_OK && found;
}
