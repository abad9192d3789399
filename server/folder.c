/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "server/folder.h"

#include "base/memory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

static bool has_photo_suffix(const char *name)
{
    static const char *const suffixes[] = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff"};
    const char *dot = strrchr(name, '.');

    for (size_t i = 0; dot && dot != name && i < sizeof suffixes / sizeof suffixes[0]; i++)
        if (strcasecmp(dot, suffixes[i]) == 0)
            return true;
    return false;
}

static samc_status add_name(samc_folder *folder, size_t *room, const char *name, samc_error *error)
{
    samc_status status = SAMC_OK;
    samc_picture *picture = NULL;

    if (folder->count == *room) {
        samc_picture **more = NULL;

        *room = *room ? 2 * *room : 64;
        SAMC_TRY(samc_alloc(*room, sizeof *more, &more, error));
        if (folder->count)
            memcpy(more, folder->pictures, folder->count * sizeof *more);
        free(folder->pictures);
        folder->pictures = more;
    }
    SAMC_TRY(samc_picture_create(name, NULL, &picture, error));
    folder->pictures[folder->count++] = picture;
    status = samc_alloc_string(name, &picture->path, error);
    return status;
}

static samc_status read_names(samc_folder *folder, const char *path, DIR *dir, samc_error *error)
{
    size_t room = 0;
    struct dirent *entry;

    while (errno = 0, (entry = readdir(dir)) != NULL && folder->count < SAMC_FOLDER_MOST) {
        struct stat st;

        if (entry->d_name[0] == '.' || !has_photo_suffix(entry->d_name) ||
            fstatat(folder->fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
            !S_ISREG(st.st_mode))
            continue;
        SAMC_TRY(add_name(folder, &room, entry->d_name, error));
    }
    return errno ? samc_error_io(error, "read the folder", path) : SAMC_OK;
}

static int compare_pictures(const void *a, const void *b)
{
    const samc_picture *const *x = a;
    const samc_picture *const *y = b;

    return strcmp((*x)->path, (*y)->path);
}

samc_status samc_folder_open(samc_folder *folder, const char *path, samc_album *album,
                             samc_error *error)
{
    samc_status status;
    DIR *dir;
    int fd;

    folder->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    fd = folder->fd < 0 ? -1 : fcntl(folder->fd, F_DUPFD_CLOEXEC, 0); /* closedir closes one */
    dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        status = samc_error_io(error, "open the folder", path);
        if (fd >= 0)
            (void)close(fd);
        return status;
    }
    status = read_names(folder, path, dir, error);
    (void)closedir(dir);
    SAMC_TRY(status);
    if (folder->count)
        qsort(folder->pictures, folder->count, sizeof(samc_picture *), compare_pictures);
    for (size_t i = 0; i < folder->count; i++) {
        folder->pictures[i]->index = i;
        samc_album_add(album, folder->pictures[i]);
    }
    return SAMC_OK;
}

void samc_folder_close(samc_folder *folder, samc_cache *cache)
{
    for (size_t i = 0; i < folder->count; i++)
        samc_picture_release(cache, folder->pictures[i]);
    free(folder->pictures);
    if (folder->fd >= 0)
        (void)close(folder->fd);
    *folder = (samc_folder){.fd = -1};
}

samc_picture *samc_folder_at(const samc_folder *folder, size_t index)
{
    return index < folder->count ? folder->pictures[index] : NULL;
}

/* Reads to the end, which is where fstat has seen it: more is not taken, less is what is there. */
static samc_status read_all(int fd, const char *name, uint8_t *bytes, size_t *size,
                            samc_error *error)
{
    size_t got = 0;

    while (got < *size) {
        const ssize_t n = read(fd, bytes + got, *size - got);

        if (n == 0)
            break;
        if (n < 0 && errno != EINTR)
            return samc_error_io(error, "read", name);
        got += n > 0 ? (size_t)n : 0;
    }
    *size = got;
    return SAMC_OK;
}

samc_status samc_folder_read(const samc_folder *folder, const char *name, size_t most, size_t head,
                             uint8_t **bytes, size_t *size, samc_error *error)
{
    /* O_NONBLOCK: a pipe that took the file's place does not hang the thread */
    const int fd = openat(folder->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    samc_status status = SAMC_OK;
    uint8_t *data = NULL;
    struct stat st;

    if (fd < 0)
        return samc_error_io(error, "open", name);
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        SAMC_CHECK(SAMC_FAIL(error, IO, "%s is no file any more", name));
    if ((uint64_t)st.st_size > most)
        SAMC_CHECK(SAMC_FAIL(error, LIMIT, "%s has %lld bytes; at most %zu are read", name,
                             (long long)st.st_size, most));
    *size = (size_t)st.st_size < head ? (size_t)st.st_size : head;
    SAMC_CHECK(samc_alloc(*size, 1, &data, error));
    SAMC_CHECK(read_all(fd, name, data, size, error));
    *bytes = data;
    data = NULL;

cleanup:
    free(data);
    (void)close(fd);
    return status;
}
