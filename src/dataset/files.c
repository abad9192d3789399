/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "dataset/files.h"

#include "base/memory.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

samc_status samc_path_join(const char *folder, const char *name, char **path, samc_error *error)
{
    size_t size = strlen(folder) + strlen(name) + 2;

    if (name[0] == '/')
        return samc_alloc_string(name, path, error);
    SAMC_TRY(samc_alloc(size, 1, path, error));
    (void)snprintf(*path, size, "%s/%s", folder, name);
    return SAMC_OK;
}

samc_status samc_path_replace(const char *path, size_t drop, const char *suffix, char **made,
                              samc_error *error)
{
    size_t length = strlen(path);
    size_t size;

    length -= drop < length ? drop : length;
    size = length + strlen(suffix) + 1;
    SAMC_TRY(samc_alloc(size, 1, made, error));
    (void)snprintf(*made, size, "%.*s%s", (int)length, path, suffix);
    return SAMC_OK;
}

const char *samc_path_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int is_wanted(const samc_files_filter *filter, const char *path)
{
    const char *name = samc_path_name(path);
    size_t length = strlen(name);
    int wanted = 0;

    for (size_t i = 0; filter->suffixes[i]; i++) {
        size_t n = strlen(filter->suffixes[i]);

        wanted |= length >= n && strcasecmp(name + length - n, filter->suffixes[i]) == 0;
    }
    for (size_t i = 0; filter->exclude && filter->exclude[i]; i++)
        wanted &= strstr(path, filter->exclude[i]) == NULL;
    return wanted;
}

/* Takes `path` over. */
static samc_status keep(samc_files *files, char *path, samc_error *error)
{
    if (files->count == files->capacity) {
        size_t capacity = files->capacity ? 2 * files->capacity : 256;
        char **more = NULL;
        samc_status status = capacity > SAMC_FILES_MAX
                                 ? SAMC_FAIL(error, LIMIT, "more than %zu files, up to %s",
                                             SAMC_FILES_MAX / 2, path)
                                 : samc_alloc(capacity, sizeof *more, &more, error);

        if (status != SAMC_OK) {
            free(path);
            return status;
        }
        if (files->count)
            memcpy(more, files->paths, files->count * sizeof *more);
        free(files->paths);
        files->paths = more;
        files->capacity = capacity;
    }
    files->paths[files->count++] = path;
    return SAMC_OK;
}

/* The folders above the one that is read: a link may lead back to one of them. */
typedef struct above {
    const struct above *next;
    dev_t device;
    ino_t inode;
    int depth;
} above;

static int is_above(const above *folder, const struct stat *info)
{
    for (; folder; folder = folder->next)
        if (folder->device == info->st_dev && folder->inode == info->st_ino)
            return 1;
    return 0;
}

static samc_status walk(samc_files *files, const char *folder, const samc_files_filter *filter,
                        const above *parent, samc_error *error)
{
    above here = {.next = parent, .depth = parent ? parent->depth + 1 : 0};
    samc_status status = SAMC_OK;
    struct dirent *entry;
    struct stat own;
    DIR *dir = opendir(folder);

    if (!dir)
        return samc_error_io(error, "read the folder", folder);
    if (fstat(dirfd(dir), &own) == 0) {
        here.device = own.st_dev;
        here.inode = own.st_ino;
    }
    while (errno = 0, (entry = readdir(dir)) != NULL) {
        struct stat info;
        char *path = NULL;

        if (entry->d_name[0] == '.')
            continue;
        SAMC_CHECK(samc_path_join(folder, entry->d_name, &path, error));
        if (stat(path, &info) == 0 && S_ISDIR(info.st_mode)) {
            if (here.depth < SAMC_FILES_MAX_DEPTH && !is_above(&here, &info))
                status = walk(files, path, filter, &here, error);
            free(path);
            if (status != SAMC_OK)
                goto cleanup;
        } else if (is_wanted(filter, path)) {
            SAMC_CHECK(keep(files, path, error));
        } else {
            free(path);
        }
    }
    if (errno)
        status = samc_error_io(error, "read the folder", folder);

cleanup:
    (void)closedir(dir);
    return status;
}

samc_status samc_files_add(samc_files *files, const char *folder, const samc_files_filter *filter,
                           samc_error *error)
{
    SAMC_TRY(walk(files, folder, filter, NULL, error));
    if (files->count)
        qsort(files->paths, files->count, sizeof *files->paths, compare);
    return SAMC_OK;
}

void samc_files_free(samc_files *files)
{
    for (size_t i = 0; i < files->count; i++)
        free(files->paths[i]);
    free(files->paths);
    *files = (samc_files){0};
}
