/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "inputs.h"

#include "base/memory.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

/* What is read from a pipe is kept in memory: larger than any photo within the pixel budget that is
 * not padded on purpose. */
#define STDIN_MAX ((size_t)1 << 30)

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static bool has_photo_suffix(const char *name)
{
    static const char *const suffixes[] = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff"};
    const char *dot = strrchr(name, '.');

    for (size_t i = 0; dot && dot != name && i < sizeof suffixes / sizeof suffixes[0]; i++)
        if (strcasecmp(dot, suffixes[i]) == 0)
            return true;
    return false;
}

static bool stem_taken(const cli_photos *photos, const char *stem)
{
    for (size_t i = 0; i < photos->count; i++)
        if (strcmp(photos->items[i].stem, stem) == 0)
            return true;
    return false;
}

/* The name without folder and suffix; with -2, -3, ... behind it if an earlier photo has it. */
static samc_status make_stem(const cli_photos *photos, const char *path, char **stem,
                             samc_error *error)
{
    const char *name = strcmp(path, "-") == 0 ? "stdin" : base_name(path);
    const char *dot = strrchr(name, '.');
    size_t length = dot && dot != name ? (size_t)(dot - name) : strlen(name);
    size_t size = length + 24;

    SAMC_TRY(samc_alloc(size, 1, stem, error));
    (void)snprintf(*stem, size, "%.*s", (int)length, name);
    for (unsigned n = 2; stem_taken(photos, *stem); n++)
        (void)snprintf(*stem, size, "%.*s-%u", (int)length, name, n);
    if (strlen(*stem) != length)
        cli_note("samc: note: the files of %s are called %s, another photo has its name", path,
                 *stem);
    return SAMC_OK;
}

/* Takes `path` (freed with the list; on failure at once). */
static samc_status add_photo(cli_photos *photos, char *path, samc_error *error)
{
    samc_status status = SAMC_OK;
    char *stem = NULL;

    if (photos->count == photos->capacity) {
        size_t capacity = photos->capacity ? 2 * photos->capacity : 16;
        cli_photo *items = NULL;

        SAMC_CHECK(samc_alloc(capacity, sizeof *items, &items, error));
        if (photos->count)
            memcpy(items, photos->items, photos->count * sizeof *items);
        free(photos->items);
        photos->items = items;
        photos->capacity = capacity;
    }
    SAMC_CHECK(make_stem(photos, path, &stem, error));
    photos->items[photos->count++] = (cli_photo){path, stem};
    return SAMC_OK;

cleanup:
    free(path);
    return status;
}

static int compare_names(const void *a, const void *b)
{
    const char *const *x = a;
    const char *const *y = b;

    return strcmp(*x, *y);
}

/* The paths of the photos in a folder, in no order: *paths and each of it are the caller's, on
 * failure too. */
static samc_status list_folder(const char *folder, DIR *dir, char ***paths, size_t *count,
                               samc_error *error)
{
    size_t capacity = 0;
    struct dirent *entry;

    while (errno = 0, (entry = readdir(dir)) != NULL) {
        struct stat st;

        if (entry->d_name[0] == '.' || !has_photo_suffix(entry->d_name))
            continue;
        if (*count == capacity) {
            char **more = NULL;

            capacity = capacity ? 2 * capacity : 64;
            SAMC_TRY(samc_alloc(capacity, sizeof *more, &more, error));
            if (*count)
                memcpy(more, *paths, *count * sizeof *more);
            free(*paths);
            *paths = more;
        }
        SAMC_TRY(cli_path_join(folder, entry->d_name, &(*paths)[*count], error));
        if (stat((*paths)[*count], &st) == 0 && S_ISDIR(st.st_mode))
            free((*paths)[*count]);
        else
            (*count)++;
    }
    return errno ? samc_error_io(error, "read the folder", folder) : SAMC_OK;
}

static samc_status add_folder(cli_photos *photos, const char *folder, samc_error *error)
{
    samc_status status = SAMC_OK;
    char **paths = NULL;
    size_t count = 0;
    DIR *dir = opendir(folder);

    if (!dir)
        return samc_error_io(error, "read the folder", folder);
    SAMC_CHECK(list_folder(folder, dir, &paths, &count, error));
    if (count == 0)
        status = SAMC_FAIL(error, IO,
                           "there is no photo in the folder %s (jpg, jpeg, png, webp, tif, tiff)",
                           folder);
    else
        qsort(paths, count, sizeof *paths, compare_names);
    for (size_t i = 0; i < count && status == SAMC_OK; i++) {
        char *path = paths[i];

        paths[i] = NULL; /* add_photo takes it */
        status = add_photo(photos, path, error);
    }

cleanup:
    (void)closedir(dir);
    for (size_t i = 0; i < count; i++)
        free(paths[i]);
    free(paths);
    return status;
}

samc_status cli_photos_find(char *const *operands, int n_operands, cli_photos *photos,
                            samc_error *error)
{
    for (int i = 0; i < n_operands; i++) {
        struct stat st;
        samc_status status;

        if (strcmp(operands[i], "-") != 0 && stat(operands[i], &st) == 0 && S_ISDIR(st.st_mode)) {
            status = add_folder(photos, operands[i], error);
        } else {
            char *path = NULL;

            SAMC_TRY(samc_alloc_string(operands[i], &path, error));
            status = add_photo(photos, path, error);
        }
        if (status == SAMC_ERROR_IO) {
            cli_error("%s", error->message);
            photos->failed++;
        } else if (status != SAMC_OK) {
            return status;
        }
    }
    return SAMC_OK;
}

void cli_photos_free(cli_photos *photos)
{
    for (size_t i = 0; i < photos->count; i++) {
        free(photos->items[i].path);
        free(photos->items[i].stem);
    }
    free(photos->items);
    *photos = (cli_photos){NULL, 0, 0, 0};
}

/* Reads stdin to its end into *data, the caller's to free(). */
static samc_status read_stdin(uint8_t **data, size_t *size, samc_error *error)
{
    size_t capacity = (size_t)1 << 16;
    uint8_t *bytes = NULL;
    size_t used = 0;

    SAMC_TRY(samc_alloc(capacity, 1, &bytes, error));
    for (;;) {
        uint8_t *more;

        errno = 0;
        used += fread(bytes + used, 1, capacity - used, stdin);
        if (ferror(stdin)) {
            free(bytes);
            return samc_error_io(error, "read", "standard input");
        }
        if (used < capacity)
            break;
        if (capacity >= STDIN_MAX) {
            free(bytes);
            return SAMC_FAIL(error, LIMIT, "the photo on standard input is larger than 1 GiB");
        }
        more = realloc(bytes, 2 * capacity);
        if (!more) {
            free(bytes);
            return samc_error_memory(error, 2 * capacity);
        }
        bytes = more;
        capacity *= 2;
    }
    *data = bytes;
    *size = used;
    return SAMC_OK;
}

samc_status cli_photo_load(const cli_photo *item, samc_photo *photo, samc_error *error)
{
    samc_status status;
    uint8_t *data = NULL;
    size_t size = 0;

    if (strcmp(item->path, "-") != 0)
        return samc_photo_read(item->path, NULL, photo, error);
    SAMC_TRY(read_stdin(&data, &size, error));
    if (size == 0)
        status = SAMC_FAIL(error, FORMAT, "there is no photo on standard input: it is empty");
    else
        status = samc_photo_read_memory(data, size, NULL, photo, error);
    free(data);
    return status;
}

void cli_photo_report(const cli_photo *item, const samc_error *error)
{
    const char *name = strcmp(item->path, "-") == 0 ? "standard input" : item->path;

    if (error->status == SAMC_ERROR_CANCELLED)
        return;
    if (strstr(error->message, name)) /* most messages about files name them */
        cli_error("%s", error->message);
    else
        cli_error("%s: %s", name, error->message);
}

samc_status cli_output_path(const char *folder, const char *stem, const char *suffix, char **path,
                            samc_error *error)
{
    size_t size = strlen(folder) + strlen(stem) + strlen(suffix) + 2;

    SAMC_TRY(samc_alloc(size, 1, path, error));
    (void)snprintf(*path, size, "%s/%s%s", folder, stem, suffix);
    return SAMC_OK;
}

samc_status cli_folder_create(const char *path, samc_error *error)
{
    samc_status status = SAMC_OK;
    struct stat st;
    char *part = NULL;

    SAMC_TRY(samc_alloc_string(path, &part, error));
    for (char *p = part + 1; *part; p++) {
        bool last = *p == '\0';

        if (!last && *p != '/')
            continue;
        *p = '\0';
        if (mkdir(part, 0777) != 0 && errno != EEXIST) {
            status = samc_error_io(error, "create the folder", part);
            break;
        }
        if (last)
            break;
        *p = '/';
    }
    free(part);
    if (status == SAMC_OK && (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)))
        status = SAMC_FAIL(error, IO, "cannot write into %s: it is not a folder", path);
    return status;
}
