/* SPDX-License-Identifier: Apache-2.0 */
#define _DEFAULT_SOURCE /* madvise */

#include "base/file.h"

#include "base/memory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

samc_status samc_file_map(const char *path, samc_mapping *mapping, samc_error *error)
{
    samc_status status = SAMC_OK;
    struct stat st;
    void *data = NULL;
    /* a pipe that nobody writes to would block */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        return samc_error_io(error, "open", path);
    if (fstat(fd, &st) != 0) {
        status = samc_error_io(error, "read", path);
    } else if (S_ISDIR(st.st_mode)) {
        errno = EISDIR;
        status = samc_error_io(error, "read", path);
    } else if (!S_ISREG(st.st_mode)) {
        status = SAMC_FAIL(error, IO, "cannot read %s: it is not a regular file", path);
    } else if (st.st_size > 0) {
        data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (data == MAP_FAILED)
            status = samc_error_io(error, "map", path);
    }
    (void)close(fd);
    if (status != SAMC_OK)
        return status;
    mapping->data = data;
    mapping->size = (size_t)st.st_size;
    return SAMC_OK;
}

/* munmap and madvise take a non-const pointer to memory that they do not write. */
static void *writable(const uint8_t *data)
{
    void *p;

    memcpy(&p, &data, sizeof p);
    return p;
}

void samc_file_forget(const samc_mapping *mapping, const uint8_t *data, size_t size)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), at = (size_t)(data - mapping->data);
    const size_t first = (at + page - 1) / page * page, end = (at + size) / page * page;

    if (first < end) /* a failure costs memory, nothing else */
        (void)madvise(writable(mapping->data + first), end - first, MADV_DONTNEED);
}

void samc_file_unmap(samc_mapping *mapping)
{
    if (mapping->data)
        (void)munmap(writable(mapping->data), mapping->size);
    mapping->data = NULL;
    mapping->size = 0;
}

/* Where the file is to be: behind a link, as renaming would replace the link itself. What is there
 * and is no file (a device, a pipe) stays. */
static samc_status find_target(const char *path, char **target, samc_error *error)
{
    struct stat info;

    if (stat(path, &info) != 0)
        return samc_alloc_string(path, target, error); /* what is wrong shows when it is opened */
    if (S_ISDIR(info.st_mode)) {
        errno = EISDIR;
        return samc_error_io(error, "write", path);
    }
    if (!S_ISREG(info.st_mode))
        return SAMC_FAIL(error, IO, "cannot write %s: it is not a regular file", path);
    *target = realpath(path, NULL);
    return *target ? SAMC_OK : samc_error_io(error, "write", path);
}

samc_status samc_file_begin(const char *path, samc_file_writer *writer, samc_error *error)
{
    samc_status status = SAMC_OK;
    samc_file_writer w = {NULL, NULL, NULL};
    size_t size;
    int fd = -1;

    SAMC_CHECK(find_target(path, &w.path, error));
    size = strlen(w.path) + 32;
    SAMC_CHECK(samc_alloc(size, 1, &w.temporary, error));
    /* Not mkstemp: it makes 0600, and asking for the umask to mend that is not thread-safe. */
    for (unsigned attempt = 0; fd < 0 && attempt < 1000; attempt++) {
        (void)snprintf(w.temporary, size, "%s.%ld-%u.tmp", w.path, (long)getpid(), attempt);
        fd = open(w.temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd < 0 && errno != EEXIST)
            break;
    }
    if (fd < 0) {
        status = samc_error_io(error, "write", path);
        w.temporary[0] = '\0';
        goto cleanup;
    }
    w.stream = fdopen(fd, "wb");
    if (!w.stream)
        status = samc_error_io(error, "write", path);
    else
        fd = -1;

cleanup:
    if (status == SAMC_OK) {
        *writer = w;
    } else {
        if (fd >= 0)
            (void)close(fd);
        samc_file_abort(&w);
    }
    return status;
}

samc_status samc_file_write(samc_file_writer *writer, const void *data, size_t size,
                            samc_error *error)
{
    if (size && fwrite(data, 1, size, writer->stream) != size)
        return samc_error_io(error, "write", writer->path);
    return SAMC_OK;
}

/* Makes the rename itself durable; a file system that cannot sync a folder is not an error. */
static void sync_folder(char *path)
{
    int fd = open(dirname(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd >= 0) {
        (void)fsync(fd);
        (void)close(fd);
    }
}

samc_status samc_file_commit(samc_file_writer *writer, samc_error *error)
{
    samc_status status = SAMC_OK;
    FILE *stream = writer->stream;

    writer->stream = NULL;
    if (ferror(stream) || fflush(stream) != 0 || fsync(fileno(stream)) != 0)
        status = samc_error_io(error, "write", writer->path);
    if (fclose(stream) != 0 && status == SAMC_OK)
        status = samc_error_io(error, "write", writer->path);
    if (status == SAMC_OK && rename(writer->temporary, writer->path) != 0)
        status = samc_error_io(error, "rename to", writer->path);
    if (status == SAMC_OK) {
        sync_folder(writer->path);
        writer->temporary[0] = '\0';
    }
    samc_file_abort(writer);
    return status;
}

void samc_file_abort(samc_file_writer *writer)
{
    if (writer->stream)
        (void)fclose(writer->stream);
    if (writer->temporary && writer->temporary[0])
        (void)unlink(writer->temporary);
    free(writer->path);
    free(writer->temporary);
    *writer = (samc_file_writer){NULL, NULL, NULL};
}

/* Makes `previous` another name of `path`, in one step: a link under a third name is renamed. Two
 * names of one file already (a rotation that was cut short) are left alone by rename, the third one
 * then has to go. */
static int link_previous(const char *path, const char *previous, const char *third)
{
    int done;

    (void)unlink(third);
    if (link(path, third) != 0)
        return errno == ENOENT;
    done = rename(third, previous) == 0;
    (void)unlink(third);
    return done;
}

samc_status samc_file_rotate(const char *fresh, const char *path, const char *previous,
                             samc_error *error)
{
    const size_t size = strlen(previous) + 8;
    samc_status status = SAMC_OK;
    char *third = NULL, *copy = NULL;
    int moved;

    SAMC_CHECK(samc_alloc(size, 1, &third, error));
    SAMC_CHECK(samc_alloc_string(path, &copy, error)); /* dirname writes in it */
    (void)snprintf(third, size, "%s.link", previous);
    moved = !link_previous(path, previous, third);
    if (moved && rename(path, previous) != 0) {
        status = samc_error_io(error, "rename to", previous);
    } else if (rename(fresh, path) != 0) {
        status = samc_error_io(error, "rename to", path);
        if (moved)
            (void)rename(previous, path);
    } else {
        sync_folder(copy);
    }

cleanup:
    free(third);
    free(copy);
    return status;
}

void samc_file_sweep(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash ? slash + 1 : path;
    const size_t length = strlen(base);
    char *folder = NULL;
    const struct dirent *entry;
    DIR *dir;

    if (samc_alloc_string(path, &folder, NULL) != SAMC_OK)
        return;
    folder[base - path] = '\0';
    dir = opendir(folder[0] ? folder : ".");
    while (dir && (entry = readdir(dir)) != NULL) {
        const char *rest = entry->d_name + length;
        char *end;
        long pid;

        if (strncmp(entry->d_name, base, length) != 0 || *rest != '.')
            continue;
        pid = strtol(rest + 1, &end, 10);
        if (*end != '-' || pid <= 0 || kill((pid_t)pid, 0) == 0 || errno != ESRCH)
            continue;
        end += 1 + strspn(end + 1, "0123456789");
        if (strcmp(end, ".tmp") == 0)
            (void)unlinkat(dirfd(dir), entry->d_name, 0);
    }
    if (dir)
        (void)closedir(dir);
    free(folder);
}
