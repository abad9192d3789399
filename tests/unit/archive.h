/* SPDX-License-Identifier: Apache-2.0
 *
 * Zip archives built in memory, byte by byte, so that a test can break them where it wants.
 */
#ifndef SAMC_TESTS_ARCHIVE_H
#define SAMC_TESTS_ARCHIVE_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define ARCHIVE_MEMBERS 16

typedef struct bytes {
    uint8_t *data;
    size_t size;
} bytes;

static inline void put(bytes *b, const void *data, size_t size)
{
    uint8_t *grown = realloc(b->data, b->size + size + 1);

    if (!grown)
        abort();
    if (size)
        memcpy(grown + b->size, data, size);
    b->data = grown;
    b->size += size;
}

/* The low `size` bytes of a number, little-endian. */
static inline void put_number(bytes *b, uint64_t number, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        uint8_t byte = (uint8_t)(i < 8 ? number >> 8 * i : 0);
        put(b, &byte, 1);
    }
}

static inline void set_number(bytes *b, size_t at, uint64_t number, size_t size)
{
    for (size_t i = 0; i < size; i++)
        b->data[at + i] = (uint8_t)(number >> 8 * i);
}

typedef struct archive {
    bytes file;
    bytes directory;
    size_t count;
    size_t header[ARCHIVE_MEMBERS]; /* where local headers begin in the file */
    size_t
        entry[ARCHIVE_MEMBERS]; /* where entries begin: in the directory, after end in the file */
} archive;

/* Adds a stored member; a NULL `crc` means the true one. */
static inline void archive_add(archive *a, const char *name, const void *data, size_t size,
                               const uint32_t *crc)
{
    uint32_t sum = crc ? *crc : (uint32_t)crc32_z(0, data, size);
    size_t length = strlen(name);

    a->header[a->count] = a->file.size;
    a->entry[a->count] = a->directory.size;
    put(&a->file, "PK\3\4\0\0\0\0\0\0\0\0\0\0", 14);
    put_number(&a->file, sum, 4);
    put_number(&a->file, size, 4);
    put_number(&a->file, size, 4);
    put_number(&a->file, length, 2);
    put_number(&a->file, 0, 2);
    put(&a->file, name, length);
    put(&a->file, data, size);

    put(&a->directory, "PK\1\2\0\0\0\0\0\0\0\0\0\0\0\0", 16);
    put_number(&a->directory, sum, 4);
    put_number(&a->directory, size, 4);
    put_number(&a->directory, size, 4);
    put_number(&a->directory, length, 2);
    put_number(&a->directory, 0, 2);
    put_number(&a->directory, 0, 2 + 2 + 2 + 4);
    put_number(&a->directory, a->header[a->count], 4);
    put(&a->directory, name, length);
    a->count++;
}

/* Appends directory and end records; `zip64` adds those that torch.save writes too. */
static inline void archive_end(archive *a, int zip64)
{
    size_t begin = a->file.size, end;

    for (size_t i = 0; i < a->count; i++)
        a->entry[i] += begin;
    put(&a->file, a->directory.data, a->directory.size);
    end = a->file.size;
    if (zip64) {
        put(&a->file, "PK\6\6", 4);
        put_number(&a->file, 44, 8);
        put_number(&a->file, 0, 2 + 2 + 4 + 4);
        put_number(&a->file, a->count, 8);
        put_number(&a->file, a->count, 8);
        put_number(&a->file, a->directory.size, 8);
        put_number(&a->file, begin, 8);
        put(&a->file, "PK\6\7\0\0\0\0", 8);
        put_number(&a->file, end, 8);
        put_number(&a->file, 1, 4);
    }
    put(&a->file, "PK\5\6\0\0\0\0", 8);
    put_number(&a->file, a->count, 2);
    put_number(&a->file, a->count, 2);
    put_number(&a->file, a->directory.size, 4);
    put_number(&a->file, begin, 4);
    put_number(&a->file, 0, 2);
}

static inline void archive_free(archive *a)
{
    free(a->file.data);
    free(a->directory.data);
    memset(a, 0, sizeof *a);
}

#endif
