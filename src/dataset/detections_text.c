/* SPDX-License-Identifier: Apache-2.0
 *
 * Detections in YOLO's text files, and the names of YOLO's classes.
 */
#include "dataset/detections.h"

#include "base/file.h"
#include "base/memory.h"
#include "dataset/files.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES 512
#define NAMES_MAX 65536

/* The next line of text, without its end and the blanks around it, cut to LINE_MAX_BYTES; 0: there
 * is none. */
static int next_line(const char *text, size_t size, size_t *at, char line[LINE_MAX_BYTES])
{
    const char *from, *newline;
    size_t length;

    if (*at >= size) /* also of an empty file, which has no text at all */
        return 0;
    from = text + *at;
    newline = memchr(from, '\n', size - *at);
    length = newline ? (size_t)(newline - from) : size - *at;
    *at += length + 1;
    while (length && strchr(" \t\r", from[length - 1]))
        length--;
    while (length && (*from == ' ' || *from == '\t')) {
        from++;
        length--;
    }
    length = length < LINE_MAX_BYTES ? length : LINE_MAX_BYTES - 1;
    memcpy(line, from, length);
    line[length] = '\0';
    return 1;
}

/* Up to 7 numbers; how many there are, or -1 where something else stands. "nan" is a number here:
 * the box is refused later, with its photo's name. */
static int read_numbers(const char *line, double numbers[7])
{
    int n = 0;

    while (n < 7) {
        char *end;

        line += strspn(line, " \t,");
        if (!*line)
            return n;
        numbers[n++] = strtod(line, &end);
        if (end == line || (*end && !strchr(" \t,", *end)))
            return -1;
        line = end;
    }
    return n;
}

static samc_status add_line(samc_detections *d, size_t photo, const double *v, int n, size_t number,
                            samc_error *error)
{
    samc_detection box = {.score = n == 6 ? v[5] : NAN, .photo = photo, .number = number};
    size_t class = (size_t)v[0];
    char text[24];

    box.shares = 1;
    box.box[0] = v[1] - v[3] / 2;
    box.box[1] = v[2] - v[4] / 2;
    box.box[2] = v[1] + v[3] / 2;
    box.box[3] = v[2] + v[4] / 2;
    (void)snprintf(text, sizeof text, "%zu", class);
    SAMC_TRY(samc_detections_class(d, class < d->n_names ? d->names[class] : text,
                                   (int64_t) class + 1, &box.class, error));
    return samc_detections_add(d, &box, error);
}

samc_status samc_detections_yolo(samc_detections *d, const char *text, size_t size,
                                 samc_error *error)
{
    const char *path = d->source ? d->source : "labels.txt";
    size_t at = 0, number = 0, photo = 0;
    char line[LINE_MAX_BYTES];
    int known = 0;
    char *stem = NULL;

    /* The photo's name but for its suffix, which whoever looks for it finds out; where a folder of
     * labels holds none for a photo, nothing was found in it. */
    while (next_line(text, size, &at, line)) {
        double v[7];
        int n = read_numbers(line, v);
        samc_status status = SAMC_OK;

        number++;
        if (n == 0)
            continue;
        if ((n != 5 && n != 6) || !(v[0] >= 0 && v[0] < NAMES_MAX) || v[0] != floor(v[0])) {
            samc_detections_skip(d,
                                 "%s: line %zu is no box of YOLO's (class, centre x, centre y, "
                                 "width, height, and perhaps a score): %.60s",
                                 path, number, line);
            continue;
        }
        if (!known) {
            SAMC_TRY(samc_path_replace(path, strlen(".txt"), "", &stem, error));
            status = samc_detections_photo(d, stem, stem, &photo, error);
            free(stem);
            SAMC_TRY(status);
            known = 1;
        }
        SAMC_TRY(add_line(d, photo, v, n, number, error));
    }
    return SAMC_OK;
}

static samc_status set_name(samc_detections *d, size_t index, const char *name, samc_error *error)
{
    if (index >= NAMES_MAX)
        return SAMC_FAIL(error, LIMIT, "more than %d names of classes", NAMES_MAX);
    for (; d->n_names <= index; d->n_names++)
        SAMC_TRY(samc_alloc_string("", &d->names[d->n_names], error));
    free(d->names[index]);
    d->names[index] = NULL;
    return samc_alloc_string(name, &d->names[index], error);
}

/* A name without quotes and blanks around it; written into `line`. */
static char *unquote(char *line)
{
    size_t n;

    line += strspn(line, " \t");
    n = strlen(line);
    while (n && strchr(" \t,", line[n - 1]))
        line[--n] = '\0';
    if (n >= 2 && (line[0] == '"' || line[0] == '\'') && line[n - 1] == line[0]) {
        line[n - 1] = '\0';
        line++;
    }
    return line;
}

/* A line of `names:` in YAML, "- person", "0: person" or "names: [a, b]"; 0: it is none. */
static samc_status yaml_line(samc_detections *d, char *line, int *inside, samc_error *error)
{
    char *end;
    unsigned long index;

    if (strncmp(line, "names:", 6) == 0) {
        char *piece = line + 6 + strspn(line + 6, " \t");

        *inside = *piece != '[';
        if (*inside)
            return SAMC_OK;
        for (piece++; *piece && *piece != ']'; piece = end) {
            end = piece + strcspn(piece, ",]");
            if (*end == ']')
                *end = '\0';
            else if (*end)
                *end++ = '\0';
            SAMC_TRY(set_name(d, d->n_names, unquote(piece), error));
        }
        return SAMC_OK;
    }
    if (!*inside || !*line || *line == '#')
        return SAMC_OK;
    if (line[0] == '-')
        return set_name(d, d->n_names, unquote(line + 1), error);
    index = strtoul(line, &end, 10);
    if (end == line || *end != ':') {
        *inside = 0; /* the next key */
        return SAMC_OK;
    }
    return set_name(d, (size_t)index, unquote(end + 1), error);
}

samc_status samc_detections_names(samc_detections *d, const char *path, samc_error *error)
{
    samc_status status = SAMC_OK;
    samc_mapping file = {NULL, 0};
    size_t length = strlen(path), at = 0;
    int inside = 0;
    int yaml = length > 5 &&
               (strcmp(path + length - 5, ".yaml") == 0 || strcmp(path + length - 4, ".yml") == 0);
    char line[LINE_MAX_BYTES];

    SAMC_TRY(samc_file_map(path, &file, error));
    if (!d->names)
        SAMC_CHECK(samc_alloc_zero(NAMES_MAX, sizeof *d->names, &d->names, error));
    while (next_line((const char *)file.data, file.size, &at, line)) {
        if (yaml)
            SAMC_CHECK(yaml_line(d, line, &inside, error));
        else
            SAMC_CHECK(set_name(d, d->n_names, line, error));
    }
    while (d->n_names && !d->names[d->n_names - 1][0]) /* empty lines at the end */
        free(d->names[--d->n_names]);
    if (!d->n_names)
        status = SAMC_FAIL(error, FORMAT, "there are no names of classes in %s", path);

cleanup:
    samc_file_unmap(&file);
    return status;
}
