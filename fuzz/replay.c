/* SPDX-License-Identifier: Apache-2.0
 *
 * Stands in for libFuzzer where there is none: feeds a target the empty input and every file of the
 * folders named on the command line (one that is absent counts as empty).
 */
#define _POSIX_C_SOURCE 200809L

#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A path longer than this is no file of the repository. */
#define PATH_SIZE 4096

/* Returns 0, or -1 where the file could not be read. The copy is exactly as long as the file, so
 * that a sanitizer sees the first byte read past its end. */
static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = NULL;
    long size = -1;
    int result = -1;

    if (file && fseek(file, 0, SEEK_END) == 0)
        size = ftell(file);
    if (size >= 0 && fseek(file, 0, SEEK_SET) == 0)
        data = malloc(size ? (size_t)size : 1);
    if (data && fread(data, 1, (size_t)size, file) == (size_t)size) {
        (void)LLVMFuzzerTestOneInput(data, (size_t)size);
        result = 0;
    }
    free(data);
    if (file)
        (void)fclose(file);
    return result;
}

/* Returns how many files there were, or -1 after saying what is wrong. */
static int replay_folder(const char *folder)
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    char path[PATH_SIZE];
    int count = 0;

    if (!dir && errno == ENOENT)
        return 0;
    if (!dir) {
        fprintf(stderr, "cannot open %s: %s\n", folder, strerror(errno));
        return -1;
    }
    while (count >= 0 && (entry = readdir(dir))) {
        if (entry->d_name[0] == '.')
            continue;
        int length = snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (length < 0 || (size_t)length >= sizeof path || replay_file(path)) {
            fprintf(stderr, "cannot read %s/%s\n", folder, entry->d_name);
            count = -1;
        } else {
            count++;
        }
    }
    (void)closedir(dir);
    return count;
}

int main(int argc, char **argv)
{
    uint8_t *nothing = calloc(1, 1);
    int total = 0;

    if (!nothing)
        return 1;
    (void)LLVMFuzzerTestOneInput(nothing, 0);
    free(nothing);
    for (int i = 1; i < argc; i++) {
        int count = replay_folder(argv[i]);
        if (count < 0)
            return 1;
        total += count;
    }
    printf("%d inputs replayed\n", total + 1);
    return 0;
}
