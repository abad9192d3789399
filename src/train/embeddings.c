/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "train/embeddings.h"

#include "base/file.h"
#include "base/hash.h"
#include "base/memory.h"
#include "dataset/files.h"
#include "train/cache.h"
#include "weights/safetensors.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_BYTES 96 /* four times 16 digits, '-', the suffix, NUL */
#define HASH_BYTES 33

struct samc_embeddings {
    samc_embeddings_options options;
    uint64_t encoder[2];
    int64_t shape[2];
    samc_cache *cache;
    char *folder;
    uint64_t folder_bytes; /* of the files that are there */
    int closed;            /* 1: nothing more is written to the folder */
};

/* One photo's embedding that is to be had. */
typedef struct order {
    samc_embeddings *embeddings;
    const uint64_t *photo;
    samc_embedding_make_fn make;
    void *user;
} order;

static size_t bytes_of(const samc_embeddings *e)
{
    return (size_t)e->shape[0] * (size_t)e->shape[1] * sizeof(float);
}

static void tell(const samc_embeddings *e, const char *message)
{
    if (e->options.note)
        e->options.note(e->options.user, message);
}

/* ---------------------------------------------------------------------------- the folder */

/* Sums up what lies in the folder; files that a killed process was writing go. */
static samc_status look_around(samc_embeddings *e, samc_error *error)
{
    static const char *const suffixes[] = {".safetensors", ".tmp", NULL};
    const samc_files_filter filter = {suffixes, NULL};
    samc_files files = {0};
    samc_status status = samc_files_add(&files, e->folder, &filter, error);

    for (size_t i = 0; status == SAMC_OK && i < files.count; i++) {
        char *torn = strstr(files.paths[i], ".safetensors.");
        struct stat info;

        if (torn) {
            torn[strlen(".safetensors")] = '\0';
            samc_file_sweep(files.paths[i]);
        } else if (stat(files.paths[i], &info) == 0) {
            e->folder_bytes += (uint64_t)info.st_size;
        }
    }
    samc_files_free(&files);
    return status;
}

static samc_status open_folder(samc_embeddings *e, samc_error *error)
{
    if (!e->options.folder)
        return SAMC_OK;
    SAMC_TRY(samc_alloc_string(e->options.folder, &e->folder, error));
    if (mkdir(e->folder, 0777) != 0 && errno != EEXIST)
        return samc_error_io(error, "create", e->folder);
    return look_around(e, error);
}

static samc_status path_of(const samc_embeddings *e, const uint64_t photo[2], char **path,
                           samc_error *error)
{
    char name[NAME_BYTES];

    (void)snprintf(name, sizeof name,
                   "%016" PRIx64 "%016" PRIx64 "-%016" PRIx64 "%016" PRIx64 ".safetensors",
                   e->encoder[0], e->encoder[1], photo[0], photo[1]);
    return samc_path_join(e->folder, name, path, error);
}

static void print_hash(const samc_embeddings *e, const float *values, char text[HASH_BYTES])
{
    uint64_t hash[2] = {0, 0};

    samc_hash_bytes(hash, values, bytes_of(e));
    (void)snprintf(text, HASH_BYTES, "%016" PRIx64 "%016" PRIx64, hash[0], hash[1]);
}

/* Reads the file at `path` if it is whole. Errors: FORMAT, IO, MEMORY: there is none to be had. */
static samc_status read_file(const samc_embeddings *e, const char *path, float *values,
                             samc_error *error)
{
    samc_tensors *tensors = NULL;
    const char *wanted;
    const samc_tensor *t;
    char hash[HASH_BYTES] = "";
    samc_status status = SAMC_OK;

    SAMC_TRY(samc_tensors_open(path, &tensors, error));
    t = samc_tensors_find(tensors, "embedding");
    wanted = samc_tensors_metadata(tensors, "hash");
    if (t && t->n_dims == 2 && t->shape[0] == e->shape[0] && t->shape[1] == e->shape[1]) {
        samc_tensor_to_f32(t, 0, e->shape[0] * e->shape[1], values);
        print_hash(e, values, hash);
    }
    if (!wanted || strcmp(wanted, hash) != 0)
        status = SAMC_FAIL(error, FORMAT, "%s is damaged: the photo is encoded again", path);
    samc_tensors_close(tensors);
    return status;
}

static samc_status write_file(const samc_embeddings *e, const char *path, const float *values,
                              samc_error *error)
{
    char hash[HASH_BYTES];
    const samc_metadata metadata[] = {{"format", "samc kept embedding"}, {"hash", hash}};
    const samc_tensor tensor = {.name = "embedding",
                                .dtype = SAMC_DTYPE_F32,
                                .n_dims = 2,
                                .shape = {e->shape[0], e->shape[1]},
                                .strides = {e->shape[1], 1},
                                .data = (const uint8_t *)values};
    const samc_tensor *const list[] = {&tensor};

    print_hash(e, values, hash);
    return samc_safetensors_write(path, list, 1, SAMC_DTYPE_F32, metadata,
                                  sizeof metadata / sizeof metadata[0], error);
}

/* Writes a new embedding, unless the folder is full. A folder that fails costs time later on, not
 * the run. */
static void store(samc_embeddings *e, const char *path, const float *values)
{
    char message[600];
    struct stat info;
    samc_error why;

    if (e->closed)
        return;
    if (e->folder_bytes + bytes_of(e) > e->options.folder_bytes) {
        e->closed = 1;
        (void)snprintf(message, sizeof message,
                       "%.400s is full (%" PRIu64 " MiB): no more embeddings are written to it",
                       e->folder, e->folder_bytes >> 20);
        tell(e, message);
    } else if (write_file(e, path, values, &why) != SAMC_OK) {
        e->closed = 1;
        (void)snprintf(message, sizeof message, "%s: no more embeddings are written there",
                       why.message);
        tell(e, message);
    } else if (stat(path, &info) == 0) {
        e->folder_bytes += (uint64_t)info.st_size;
    }
}

/* ---------------------------------------------------------------------------- one embedding */

/* Reads it from the folder, or has it made and writes it there. */
static samc_status find_or_make(const order *o, float *values, samc_error *error)
{
    samc_embeddings *e = o->embeddings;
    char *path = NULL;
    samc_error why = {SAMC_OK, ""};
    samc_status status = SAMC_OK;

    if (!e->folder)
        return o->make(o->user, values, error);
    SAMC_TRY(path_of(e, o->photo, &path, error));
    if (access(path, F_OK) == 0) {
        if (read_file(e, path, values, &why) == SAMC_OK)
            goto cleanup;
        tell(e, why.message);
    }
    SAMC_CHECK(o->make(o->user, values, error));
    store(e, path, values);

cleanup:
    free(path);
    return status;
}

static samc_status load(void *user, void **item, size_t *bytes, samc_error *error)
{
    const order *o = user;
    float *values;
    samc_status status;

    *bytes = bytes_of(o->embeddings);
    SAMC_TRY(samc_alloc(*bytes, 1, &values, error));
    status = find_or_make(o, values, error);
    if (status == SAMC_OK)
        *item = values;
    else
        free(values);
    return status;
}

samc_status samc_embeddings_get(samc_embeddings *e, const uint64_t photo[2],
                                samc_embedding_make_fn make, void *user, float *out,
                                samc_error *error)
{
    const samc_cache_key key = {{photo[0], photo[1]}};
    order o = {e, photo, make, user};
    samc_cache_entry *entry;

    SAMC_TRY(samc_cache_hold(e->cache, &key, load, &o, &entry, error));
    memcpy(out, samc_cache_item(entry), bytes_of(e));
    samc_cache_release(e->cache, entry);
    return SAMC_OK;
}

samc_status samc_embeddings_create(const samc_embeddings_options *options,
                                   const uint64_t encoder[2], int64_t rows, int64_t columns,
                                   samc_embeddings **embeddings, samc_error *error)
{
    samc_embeddings *made;
    samc_status status;

    *embeddings = NULL;
    SAMC_TRY(samc_alloc_zero(1, sizeof *made, &made, error));
    made->options = *options;
    memcpy(made->encoder, encoder, sizeof made->encoder);
    made->shape[0] = rows;
    made->shape[1] = columns;
    status = samc_cache_create(options->memory_bytes, free, &made->cache, error);
    if (status == SAMC_OK)
        status = open_folder(made, error);
    if (status == SAMC_OK)
        *embeddings = made;
    else
        samc_embeddings_free(made);
    return status;
}

void samc_embeddings_free(samc_embeddings *embeddings)
{
    if (!embeddings)
        return;
    samc_cache_free(embeddings->cache);
    free(embeddings->folder);
    free(embeddings);
}
