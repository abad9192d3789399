/* SPDX-License-Identifier: Apache-2.0 */
#include "weights/zip.h"

#include "base/memory.h"
#include "weights/bytes.h"
#include "weights/quote.h"

#include <stdlib.h>
#include <zlib.h>

/* Sizes of the fixed parts of the records. */
#define LOCAL_SIZE ((size_t)30)
#define ENTRY_SIZE ((size_t)46)
#define END_SIZE ((size_t)22)
#define LOCATOR64_SIZE ((size_t)20)
#define END64_SIZE ((size_t)56)

/* A checkpoint has a member a tensor; this bounds the memory that a directory can ask for. */
#define MEMBERS_MAX ((uint64_t)262144)

typedef struct directory {
    size_t begin, end; /* end: where the end records begin */
    uint64_t count;
} directory;

static int is_record(const uint8_t *p, const char *signature)
{
    return memcmp(p, signature, 4) == 0;
}

/* Finds the end record: the one whose comment reaches exactly to the archive's end. */
static samc_status find_end(const uint8_t *data, size_t size, size_t *at, samc_error *error)
{
    size_t furthest = END_SIZE + 65535; /* the longest comment */

    for (size_t back = END_SIZE; back <= size && back <= furthest; back++) {
        const uint8_t *p = data + size - back;

        if (is_record(p, "PK\5\6") && samc_load_u16(p + 20) == back - END_SIZE) {
            *at = size - back;
            return SAMC_OK;
        }
    }
    return SAMC_FAIL(error, FORMAT,
                     "the zip archive has no directory at its end: the file is cut short; fetch it "
                     "again");
}

/* With zip64 the true numbers stand in a record of their own, which a locator before the end record
 * points to. torch.save writes both always, so they are used whenever they are there. */
static samc_status read_end64(const uint8_t *data, size_t end, directory *dir, samc_error *error)
{
    const uint8_t *locator = data + end - LOCATOR64_SIZE;
    const uint8_t *p;
    uint64_t at = samc_load_u64(locator + 8);
    uint64_t begin, bytes;

    if (at > end - LOCATOR64_SIZE || end - LOCATOR64_SIZE - at < END64_SIZE)
        return SAMC_FAIL(error, FORMAT, "the zip archive's zip64 record lies outside the file");
    p = data + at;
    if (!is_record(p, "PK\6\6"))
        return SAMC_FAIL(error, FORMAT, "the zip archive's zip64 record is not where it should be");
    if (samc_load_u32(p + 16) || samc_load_u32(p + 20) || samc_load_u32(locator + 16) > 1)
        return SAMC_FAIL(error, UNSUPPORTED, "zip archives over several disks are not supported");
    dir->count = samc_load_u64(p + 32);
    bytes = samc_load_u64(p + 40);
    begin = samc_load_u64(p + 48);
    if (begin > at || bytes != at - begin)
        return SAMC_FAIL(error, FORMAT,
                         "the zip archive's directory does not reach to its end record");
    dir->begin = (size_t)begin;
    dir->end = (size_t)at;
    return SAMC_OK;
}

static samc_status read_end(const uint8_t *data, size_t size, directory *dir, samc_error *error)
{
    const uint8_t *p;
    size_t end = 0, begin, bytes;

    SAMC_TRY(find_end(data, size, &end, error));
    if (end >= LOCATOR64_SIZE && is_record(data + end - LOCATOR64_SIZE, "PK\6\7"))
        return read_end64(data, end, dir, error);
    p = data + end;
    if (samc_load_u16(p + 4) || samc_load_u16(p + 6))
        return SAMC_FAIL(error, UNSUPPORTED, "zip archives over several disks are not supported");
    dir->count = samc_load_u16(p + 10);
    bytes = samc_load_u32(p + 12);
    begin = samc_load_u32(p + 16);
    if (begin > end || bytes != end - begin)
        return SAMC_FAIL(error, FORMAT,
                         "the zip archive's directory does not reach to its end record");
    dir->begin = begin;
    dir->end = end;
    return SAMC_OK;
}

/* Replaces those of the three numbers that are all ones by what the zip64 extra field says; they
 * stand there in this order, each only where it is needed. */
static samc_status read_extra64(const uint8_t *extra, size_t size, uint64_t *numbers[3],
                                samc_error *error)
{
    while (size >= 4) {
        uint16_t id = samc_load_u16(extra);
        size_t length = samc_load_u16(extra + 2);

        extra += 4;
        size -= 4;
        if (length > size)
            break;
        for (int i = 0; i < 3 && id == 1; i++) {
            if (*numbers[i] != UINT32_MAX)
                continue;
            if (length < 8)
                return SAMC_FAIL(error, FORMAT, "a zip64 field is too short");
            *numbers[i] = samc_load_u64(extra);
            extra += 8;
            size -= 8;
            length -= 8;
        }
        extra += length;
        size -= length;
    }
    return SAMC_OK;
}

/* Reads the directory's entry at `p`, of `left` bytes at most; `used` is its length. `limit` is
 * where the directory begins: members end before it. */
static samc_status read_entry(const uint8_t *data, size_t limit, const uint8_t *p, size_t left,
                              samc_zip_member *member, size_t *used, samc_error *error)
{
    size_t name_size, extra_size, room, skip;
    uint64_t packed, plain, offset;
    uint64_t *numbers[3] = {&plain, &packed, &offset};
    const uint8_t *local;
    samc_quote name;

    if (left < ENTRY_SIZE || !is_record(p, "PK\1\2"))
        return SAMC_FAIL(error, FORMAT, "the zip archive's directory is damaged");
    name_size = samc_load_u16(p + 28);
    extra_size = samc_load_u16(p + 30);
    *used = ENTRY_SIZE + name_size + extra_size + samc_load_u16(p + 32);
    if (*used > left)
        return SAMC_FAIL(error, FORMAT, "the zip archive's directory is damaged");
    packed = samc_load_u32(p + 20);
    plain = samc_load_u32(p + 24);
    offset = samc_load_u32(p + 42);
    SAMC_TRY(read_extra64(p + ENTRY_SIZE + name_size, extra_size, numbers, error));
    name = samc_quote_text((const char *)p + ENTRY_SIZE, name_size);
    if (samc_load_u16(p + 8) & 1)
        return SAMC_FAIL(error, UNSUPPORTED, "%s is encrypted", name.text);
    if (samc_load_u16(p + 10) != 0)
        return SAMC_FAIL(
            error, UNSUPPORTED,
            "%s is compressed, which torch.save never does: load the file in PyTorch "
            "(a TorchScript archive with torch.jit.load) and save its state dict again "
            "with torch.save",
            name.text);
    if (packed != plain)
        return SAMC_FAIL(error, FORMAT, "%s is stored but has two different sizes", name.text);
    if (offset > limit || limit - offset < LOCAL_SIZE)
        return SAMC_FAIL(error, FORMAT, "%s lies outside the file", name.text);
    local = data + offset;
    room = limit - (size_t)offset - LOCAL_SIZE;
    if (!is_record(local, "PK\3\4"))
        return SAMC_FAIL(error, FORMAT, "%s has no header where the directory says", name.text);
    skip = (size_t)samc_load_u16(local + 26) + samc_load_u16(local + 28);
    if (skip > room || plain > room - skip)
        return SAMC_FAIL(error, FORMAT, "%s lies outside the file", name.text);
    if (samc_load_u16(local + 26) != name_size ||
        memcmp(local + LOCAL_SIZE, p + ENTRY_SIZE, name_size) != 0)
        return SAMC_FAIL(error, FORMAT, "%s has another name in its own header", name.text);
    *member = (samc_zip_member){(const char *)p + ENTRY_SIZE, name_size,
                                local + LOCAL_SIZE + skip,    (size_t)plain,
                                samc_load_u32(p + 16),        (size_t)offset};
    return SAMC_OK;
}

static int compare_headers(const void *a, const void *b)
{
    const samc_zip_member *left = a, *right = b;

    return left->header < right->header ? -1 : left->header > right->header;
}

static int compare_names(const void *a, const void *b)
{
    const samc_zip_member *left = a, *right = b;
    size_t common = left->name_size < right->name_size ? left->name_size : right->name_size;
    int order = memcmp(left->name, right->name, common);

    if (order != 0)
        return order;
    return left->name_size < right->name_size ? -1 : left->name_size > right->name_size;
}

/* Sorts by place and looks at neighbours, then sorts by name and does the same. */
static samc_status check_members(samc_zip *zip, const uint8_t *data, samc_error *error)
{
    samc_zip_member *m = zip->members;

    qsort(m, zip->count, sizeof *m, compare_headers);
    for (size_t i = 1; i < zip->count; i++)
        if (m[i].header < (size_t)(m[i - 1].data - data) + m[i - 1].size)
            return SAMC_FAIL(error, FORMAT, "the zip archive's members %s and %s overlap",
                             samc_quote_text(m[i - 1].name, m[i - 1].name_size).text,
                             samc_quote_text(m[i].name, m[i].name_size).text);
    qsort(m, zip->count, sizeof *m, compare_names);
    for (size_t i = 1; i < zip->count; i++)
        if (compare_names(&m[i - 1], &m[i]) == 0)
            return SAMC_FAIL(error, FORMAT, "the zip archive has two members named %s",
                             samc_quote_text(m[i].name, m[i].name_size).text);
    return SAMC_OK;
}

samc_status samc_zip_open(const uint8_t *data, size_t size, samc_zip *zip, samc_error *error)
{
    samc_status status = SAMC_OK;
    samc_zip z = {NULL, 0, 0};
    directory dir = {0, 0, 0};
    size_t at;

    SAMC_TRY(read_end(data, size, &dir, error));
    if (dir.count > MEMBERS_MAX)
        return SAMC_FAIL(error, LIMIT, "the zip archive has more than %llu members",
                         (unsigned long long)MEMBERS_MAX);
    if (dir.count > (dir.end - dir.begin) / ENTRY_SIZE)
        return SAMC_FAIL(error, FORMAT, "the zip archive's directory is shorter than its count");
    SAMC_TRY(samc_alloc((size_t)dir.count, sizeof *z.members, &z.members, error));
    at = dir.begin;
    while (z.count < dir.count) {
        samc_zip_member *member = &z.members[z.count];
        size_t used = 0;

        SAMC_CHECK(read_entry(data, dir.begin, data + at, dir.end - at, member, &used, error));
        z.has_crcs |= member->crc != 0;
        z.count++;
        at += used;
    }
    if (at != dir.end) {
        status = SAMC_FAIL(error, FORMAT, "the zip archive's directory is longer than its count");
        goto cleanup;
    }
    SAMC_CHECK(check_members(&z, data, error));

cleanup:
    if (status == SAMC_OK)
        *zip = z;
    else
        samc_zip_close(&z);
    return status;
}

void samc_zip_close(samc_zip *zip)
{
    free(zip->members);
    *zip = (samc_zip){NULL, 0, 0};
}

const samc_zip_member *samc_zip_find(const samc_zip *zip, const char *name, size_t name_size)
{
    samc_zip_member key = {.name = name, .name_size = name_size};

    if (zip->count == 0)
        return NULL;
    return bsearch(&key, zip->members, zip->count, sizeof *zip->members, compare_names);
}

samc_status samc_zip_verify(const samc_zip *zip, const samc_zip_member *member, samc_error *error)
{
    uint32_t crc;

    if (!zip->has_crcs)
        return SAMC_OK;
    crc = (uint32_t)crc32_z(0, member->data, member->size);
    if (crc != member->crc)
        return SAMC_FAIL(
            error, FORMAT,
            "the file is damaged: %s has the checksum %08lx instead of %08lx; fetch it "
            "again",
            samc_quote_text(member->name, member->name_size).text, (unsigned long)crc,
            (unsigned long)member->crc);
    return SAMC_OK;
}
