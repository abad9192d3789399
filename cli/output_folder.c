/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "output_folder.h"

#include "base/memory.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Removes a folder and the files in it; folders in it stay, and it with them. */
static int remove_folder(const char *path)
{
    DIR *dir = opendir(path);
    const struct dirent *entry;

    if (!dir)
        return 0;
    while ((entry = readdir(dir)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            (void)unlinkat(dirfd(dir), entry->d_name, 0);
    (void)closedir(dir);
    return rmdir(path) == 0;
}

/* PATH.PID-N.tmp for the first N that nothing has; `make` it a folder, or only find the name. */
static samc_status other_name(const char *path, bool make, char **name, samc_error *error)
{
    const size_t size = strlen(path) + 48;
    char *text = NULL;

    SAMC_TRY(samc_alloc(size, 1, &text, error));
    for (unsigned n = 0; n < 1000; n++) {
        struct stat st;

        (void)snprintf(text, size, "%s.%ld-%u.tmp", path, (long)getpid(), n);
        errno = 0;
        if (make ? mkdir(text, 0777) == 0 : lstat(text, &st) != 0 && errno == ENOENT) {
            *name = text;
            return SAMC_OK;
        }
        if (make && errno != EEXIST)
            break;
    }
    free(text);
    return samc_error_io(error, "create the folder", path);
}

samc_status cli_output_folder_begin(const char *path, cli_output_folder *folder, samc_error *error)
{
    SAMC_TRY(samc_alloc_string(path, &folder->path, error));
    return other_name(path, true, &folder->temporary, error);
}

/* Whether a folder holds nothing but what was written by an earlier run. */
static samc_status check_old(const char *path, int (*ours)(const char *name), samc_error *error)
{
    DIR *dir = opendir(path);
    samc_status status = SAMC_OK;
    const struct dirent *entry;

    if (!dir)
        return samc_error_io(error, "read the folder", path);
    while (status == SAMC_OK && (entry = readdir(dir)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            !ours(entry->d_name))
            status = SAMC_FAIL(error, IO,
                               "cannot replace the folder %s: it holds %s, which is no mask of an "
                               "earlier run",
                               path, entry->d_name);
    (void)closedir(dir);
    return status;
}

static void sync_folder(const char *path)
{
    DIR *dir = opendir(path);

    if (dir) {
        (void)fsync(dirfd(dir));
        (void)closedir(dir);
    }
}

samc_status cli_output_folder_commit(cli_output_folder *folder, int (*ours)(const char *name),
                                     bool fresh, samc_error *error)
{
    samc_status status = SAMC_OK;
    char *old = NULL;
    struct stat st;

    sync_folder(folder->temporary);
    if (lstat(folder->path, &st) == 0) {
        if (fresh) {
            errno = EEXIST;
            return samc_error_io(error, "create the folder", folder->path);
        }
        SAMC_TRY(check_old(folder->path, ours, error));
        SAMC_TRY(other_name(folder->path, false, &old, error));
        if (rename(folder->path, old) != 0)
            status = samc_error_io(error, "rename", folder->path);
    }
    if (status == SAMC_OK && rename(folder->temporary, folder->path) != 0) {
        status = samc_error_io(error, "rename to", folder->path);
        if (old)
            (void)rename(old, folder->path);
    } else if (status == SAMC_OK) {
        folder->temporary[0] = '\0';
        if (old)
            (void)remove_folder(old);
    }
    free(old);
    return status;
}

void cli_output_folder_abort(cli_output_folder *folder)
{
    if (folder->temporary && folder->temporary[0])
        (void)remove_folder(folder->temporary);
    free(folder->path);
    free(folder->temporary);
    *folder = (cli_output_folder){NULL, NULL};
}

/* The length of what stands before ".PID-N.tmp" in a name, if that process is gone; else 0. */
static size_t abandoned(const char *name)
{
    const size_t length = strlen(name);
    size_t at = length > 4 ? length - 4 : 0;
    long pid;

    if (strcmp(name + at, ".tmp") != 0)
        return 0;
    while (at > 0 && name[at - 1] >= '0' && name[at - 1] <= '9')
        at--;
    if (at == 0 || name[--at] != '-')
        return 0;
    while (at > 0 && name[at - 1] >= '0' && name[at - 1] <= '9')
        at--;
    pid = strtol(name + at, NULL, 10);
    if (at < 2 || name[at - 1] != '.' || pid <= 0 || kill((pid_t)pid, 0) == 0 || errno != ESRCH)
        return 0;
    return at - 1;
}

void cli_output_sweep(const char *folder, bool (*mine)(void *user, const char *name, size_t length),
                      void *user)
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;

    while (dir && (entry = readdir(dir)) != NULL) {
        const size_t length = abandoned(entry->d_name);
        char *path = NULL;

        if (!length || !mine(user, entry->d_name, length) ||
            cli_path_join(folder, entry->d_name, &path, NULL) != SAMC_OK)
            continue;
        if (unlink(path) != 0)
            (void)remove_folder(path);
        free(path);
    }
    if (dir)
        (void)closedir(dir);
}
