/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "boxes_photos.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *const suffixes[] = {".jpg",  ".jpeg", ".png",  ".webp", ".tif",
                                       ".tiff", ".JPG",  ".JPEG", ".PNG",  NULL};

typedef struct cli_photo_entry {
    const char *path;
    const char *name; /* the last part of it */
    size_t stem;      /* bytes of the name before its suffix */
    int64_t id;       /* -1: the stem ends in no number */
} entry;

static size_t stem_length(const char *name)
{
    const char *dot = strrchr(name, '.');

    return dot && dot != name ? (size_t)(dot - name) : strlen(name);
}

static int64_t number_at_end(const char *name, size_t stem)
{
    size_t from = stem;
    int64_t number = 0;

    while (from && name[from - 1] >= '0' && name[from - 1] <= '9')
        from--;
    if (from == stem)
        return -1;
    for (; from < stem; from++) {
        if (number > (INT64_MAX - 9) / 10)
            return -1;
        number = 10 * number + (name[from] - '0');
    }
    return number;
}

samc_status cli_photo_index_add(cli_photo_index *index, const char *folder, samc_error *error)
{
    const samc_files_filter filter = {suffixes, NULL};

    return samc_files_add(&index->files, folder, &filter, error);
}

/* Entries of one key stay in the order of their paths. */
static int by_path(const entry *a, const entry *b)
{
    return strcmp(a->path, b->path);
}

static int compare_names(const void *x, const void *y)
{
    const entry *a = x, *b = y;
    int order = strcmp(a->name, b->name);

    return order ? order : by_path(a, b);
}

static int compare_text(const char *a, size_t n, const char *b, size_t m)
{
    int order = memcmp(a, b, n < m ? n : m);

    return order ? order : n < m ? -1 : n > m;
}

static int compare_stems(const void *x, const void *y)
{
    const entry *a = x, *b = y;
    int order = compare_text(a->name, a->stem, b->name, b->stem);

    return order ? order : by_path(a, b);
}

static int compare_ids(const void *x, const void *y)
{
    const entry *a = x, *b = y;

    return a->id != b->id ? (a->id < b->id ? -1 : 1) : by_path(a, b);
}

samc_status cli_photo_index_sort(cli_photo_index *index, samc_error *error)
{
    size_t n = index->files.count;

    SAMC_TRY(samc_alloc(n, sizeof(entry), &index->by_name, error));
    SAMC_TRY(samc_alloc(n, sizeof(entry), &index->by_stem, error));
    SAMC_TRY(samc_alloc(n, sizeof(entry), &index->by_id, error));
    for (size_t i = 0; i < n; i++) {
        const char *name = samc_path_name(index->files.paths[i]);
        size_t stem = stem_length(name);

        index->by_name[i] = (entry){index->files.paths[i], name, stem, number_at_end(name, stem)};
    }
    if (!n)
        return SAMC_OK;
    memcpy(index->by_stem, index->by_name, n * sizeof(entry));
    memcpy(index->by_id, index->by_name, n * sizeof(entry));
    qsort(index->by_name, n, sizeof(entry), compare_names);
    qsort(index->by_stem, n, sizeof(entry), compare_stems);
    qsort(index->by_id, n, sizeof(entry), compare_ids);
    return SAMC_OK;
}

void cli_photo_index_free(cli_photo_index *index)
{
    free(index->by_name);
    free(index->by_stem);
    free(index->by_id);
    samc_files_free(&index->files);
    *index = (cli_photo_index){{0}, NULL, NULL, NULL};
}

/* The first entry of a sorted list whose key is the wanted one: by name, by stem or by id. */
static const char *look_up(const entry *list, size_t n, int (*compare)(const void *, const void *),
                           const entry *wanted)
{
    size_t low = 0, high = n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (compare(&list[middle], wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == n)
        return NULL;
    if (compare == compare_ids)
        return list[low].id == wanted->id ? list[low].path : NULL;
    if (compare == compare_names)
        return strcmp(list[low].name, wanted->name) == 0 ? list[low].path : NULL;
    return list[low].stem == wanted->stem && memcmp(list[low].name, wanted->name, wanted->stem) == 0
               ? list[low].path
               : NULL;
}

static const char *find_in_index(const cli_photo_index *index, const samc_detected_photo *photo)
{
    size_t n = index->files.count;
    const char *name = photo->name ? samc_path_name(photo->name) : "";
    entry wanted = {"", name, strlen(name), -1};
    const char *found = NULL;

    if (!photo->name) {
        wanted.id = strtoll(photo->key + 1, NULL, 10); /* "#17" */
        return wanted.id < 0 ? NULL : look_up(index->by_id, n, compare_ids, &wanted);
    }
    found = look_up(index->by_name, n, compare_names, &wanted);
    return found ? found : look_up(index->by_stem, n, compare_stems, &wanted);
}

static bool is_file(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* base, or base and the suffix of a photo: the first that is a file; NULL in *path: none. */
static samc_status try_file(const char *base, char **path, samc_error *error)
{
    const char *dot = strrchr(samc_path_name(base), '.');
    bool has_suffix = false;

    *path = NULL;
    for (size_t i = 0; dot && suffixes[i]; i++)
        has_suffix |= strcmp(dot, suffixes[i]) == 0;
    if (has_suffix && is_file(base))
        return samc_alloc_string(base, path, error);
    for (size_t i = 0; !has_suffix && suffixes[i]; i++) {
        SAMC_TRY(samc_path_replace(base, 0, suffixes[i], path, error));
        if (is_file(*path))
            return SAMC_OK;
        free(*path);
        *path = NULL;
    }
    return SAMC_OK;
}

/* The folder that the detections came from, and with `images` in place of the last `labels`. */
static samc_status try_beside(const samc_detected_photo *photo, char **path, samc_error *error)
{
    static const char labels[] = "labels", images[] = "images";
    samc_status status = SAMC_OK;
    const char *name = samc_path_name(photo->name);
    char *folder = NULL, *base = NULL, *last = NULL;

    *path = NULL;
    SAMC_TRY(samc_alloc_string(photo->source, &folder, error));
    folder[samc_path_name(folder) - folder] = '\0';
    if (!folder[0]) {
        free(folder);
        folder = NULL;
        SAMC_TRY(samc_alloc_string("./", &folder, error));
    }
    SAMC_CHECK(cli_path_join(folder, name, &base, error));
    SAMC_CHECK(try_file(base, path, error));
    for (char *p = folder; !*path && (p = strstr(p, labels)) != NULL; p++)
        last = p;
    if (last) {
        memcpy(last, images, strlen(images));
        free(base);
        base = NULL;
        SAMC_CHECK(cli_path_join(folder, name, &base, error));
        SAMC_CHECK(try_file(base, path, error));
    }

cleanup:
    free(folder);
    free(base);
    return status;
}

samc_status cli_photo_find(const cli_photo_index *index, const samc_detected_photo *photo,
                           char **path, samc_error *error)
{
    const char *found = find_in_index(index, photo);

    *path = NULL;
    if (found)
        return samc_alloc_string(found, path, error);
    if (photo->name && !index->files.count) {
        SAMC_TRY(try_file(photo->name, path, error));
        if (!*path && photo->source)
            SAMC_TRY(try_beside(photo, path, error));
        if (*path)
            return SAMC_OK;
    }
    return SAMC_FAIL(error, IO, "the photo %s of %s is not found%s",
                     photo->name ? photo->name : photo->key,
                     photo->source ? photo->source : "the detections",
                     index->files.count ? " in the folders of --photos" : "; --photos DIR helps");
}
