/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "train/checkpoint.h"

#include "base/file.h"
#include "base/memory.h"
#include "model/loader.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FORMAT "samc training"
#define FORMAT_VERSION "1"

/* The arrays of a checkpoint: what stands before a name, and where it lies in samc_params. */
static const struct {
    const char *prefix;
    size_t array;
} parts[] = {
    {"", offsetof(samc_params, values)},
    {"ema.", offsetof(samc_params, ema)},
    {"optimizer.m.", offsetof(samc_params, moment1)},
    {"optimizer.v.", offsetof(samc_params, moment2)},
};
#define N_PARTS (sizeof parts / sizeof parts[0])
#define PREFIX_MAX 16

static float *array_of(const samc_params *params, size_t part)
{
    float *array;

    memcpy(&array, (const char *)params + parts[part].array, sizeof array);
    return array;
}

/* "<path><ending>"; free(). */
static samc_status path_with(const char *path, const char *ending, char **out, samc_error *error)
{
    const size_t size = strlen(path) + strlen(ending) + 1;

    SAMC_TRY(samc_alloc(size, 1, out, error));
    (void)snprintf(*out, size, "%s%s", path, ending);
    return SAMC_OK;
}

/* The index of the first number that is infinite or NaN; -1: all are finite. */
static int64_t find_bad(const float *values, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        uint32_t bits;

        memcpy(&bits, &values[i], sizeof bits);
        if ((bits & 0x7F800000u) == 0x7F800000u)
            return i;
    }
    return -1;
}

/* ------------------------------------------------------------------------------------------------
 * Save
 * --------------------------------------------------------------------------------------------- */

/* The tensors of a file, and room for their names. */
typedef struct tensor_list {
    samc_tensor *tensors;
    const samc_tensor **pointers;
    char *names;
} tensor_list;

static void free_list(tensor_list *list)
{
    free(list->tensors);
    free(list->pointers);
    free(list->names);
}

/* A tensor over one param of one part. */
static samc_status make_tensor(const samc_params *params, const samc_param *p, size_t part,
                               samc_tensor *tensor, char **name, samc_error *error)
{
    const float *values = array_of(params, part) + p->offset;
    int64_t stride = 1, bad = find_bad(values, p->count);

    if (bad >= 0)
        return SAMC_FAIL(error, MODEL,
                         "%s%s has become infinite or NaN (number %lld): nothing was saved; go on "
                         "from the last checkpoint with a lower rate",
                         parts[part].prefix, p->name, (long long)bad);
    *tensor = (samc_tensor){.name = *name,
                            .dtype = SAMC_DTYPE_F32,
                            .n_dims = p->n_dims,
                            .data = (const uint8_t *)values};
    for (int32_t i = p->n_dims - 1; i >= 0; i--) {
        tensor->shape[i] = p->shape[i];
        tensor->strides[i] = stride;
        stride *= p->shape[i];
    }
    *name += sprintf(*name, "%s%s", parts[part].prefix, p->name) + 1;
    return SAMC_OK;
}

static samc_status list_tensors(const samc_params *params, tensor_list *list, samc_error *error)
{
    const size_t count = N_PARTS * params->n_params;
    size_t room = 0;
    char *name;

    for (size_t i = 0; i < params->n_params; i++)
        room += N_PARTS * (strlen(params->list[i].name) + PREFIX_MAX);
    SAMC_TRY(samc_alloc(count, sizeof *list->tensors, &list->tensors, error));
    SAMC_TRY(samc_alloc(count, sizeof *list->pointers, &list->pointers, error));
    SAMC_TRY(samc_alloc(room, 1, &list->names, error));
    name = list->names;
    for (size_t i = 0; i < count; i++) {
        SAMC_TRY(make_tensor(params, &params->list[i % params->n_params], i / params->n_params,
                             &list->tensors[i], &name, error));
        list->pointers[i] = &list->tensors[i];
    }
    return SAMC_OK;
}

/* Writes PATH.new with the metadata of the state and the trainer's own. */
static samc_status write_fresh(const char *fresh, const samc_params *params,
                               const samc_checkpoint_state *state, const samc_metadata *more,
                               size_t n_more, samc_error *error)
{
    char step[24], seed[24], size[16], heads[16];
    const samc_metadata own[] = {{"format", FORMAT},
                                 {"format_version", FORMAT_VERSION},
                                 {"samc_version", samc_version()},
                                 {"model", samc_config_name(&params->config)},
                                 {"image_size", size},
                                 {"decoder_heads", heads},
                                 {"step", step},
                                 {"seed", seed},
                                 {"recipe", state->recipe}};
    const size_t n_own = sizeof own / sizeof own[0];
    tensor_list list = {NULL, NULL, NULL};
    samc_metadata *metadata = NULL;
    samc_status status = SAMC_OK;

    (void)snprintf(size, sizeof size, "%d", (int)params->config.image_size);
    (void)snprintf(heads, sizeof heads, "%d", (int)params->config.decoder_heads);
    (void)snprintf(step, sizeof step, "%" PRId64, state->step);
    (void)snprintf(seed, sizeof seed, "%" PRIu64, state->seed);
    SAMC_CHECK(samc_alloc(n_own + n_more, sizeof *metadata, &metadata, error));
    memcpy(metadata, own, sizeof own);
    if (n_more)
        memcpy(metadata + n_own, more, n_more * sizeof *more);
    SAMC_CHECK(list_tensors(params, &list, error));
    status = samc_safetensors_write(fresh, list.pointers, N_PARTS * params->n_params,
                                    SAMC_DTYPE_F32, metadata, n_own + n_more, error);

cleanup:
    free(metadata);
    free_list(&list);
    return status;
}

samc_status samc_checkpoint_save(const char *path, const samc_params *params,
                                 const samc_checkpoint_state *state, const samc_metadata *metadata,
                                 size_t n_metadata, samc_error *error)
{
    char *fresh = NULL, *previous = NULL;
    samc_status status = SAMC_OK;

    SAMC_CHECK(path_with(path, ".new", &fresh, error));
    SAMC_CHECK(path_with(path, ".previous", &previous, error));
    samc_file_sweep(fresh);
    SAMC_CHECK(write_fresh(fresh, params, state, metadata, n_metadata, error));
    status = samc_file_rotate(fresh, path, previous, error);
    if (status != SAMC_OK)
        (void)unlink(fresh);

cleanup:
    free(fresh);
    free(previous);
    return status;
}

/* ------------------------------------------------------------------------------------------------
 * Load
 * --------------------------------------------------------------------------------------------- */

samc_status samc_checkpoint_open(const char *path, samc_tensors **tensors, samc_error *note,
                                 samc_error *error)
{
    samc_error first = {SAMC_OK, ""};
    samc_status status = samc_tensors_open(path, tensors, &first);
    char *previous = NULL;

    if (note)
        *note = (samc_error){SAMC_OK, ""};
    if (status == SAMC_OK)
        return SAMC_OK;
    if (status != SAMC_ERROR_MEMORY && path_with(path, ".previous", &previous, NULL) == SAMC_OK &&
        samc_tensors_open(previous, tensors, NULL) == SAMC_OK) {
        free(previous);
        (void)samc_error_set(note, status, "%s; going on with %s.previous", first.message, path);
        return SAMC_OK;
    }
    free(previous);
    return samc_error_set(error, status, "%s", first.message);
}

int samc_checkpoint_is_training(const samc_tensors *tensors)
{
    const char *format = samc_tensors_metadata(tensors, "format");

    return format && strcmp(format, FORMAT) == 0;
}

/* A whole number of the metadata, digits only. */
static samc_status read_number(const samc_tensors *tensors, const char *key, uint64_t most,
                               uint64_t *number, samc_error *error)
{
    const char *text = samc_tensors_metadata(tensors, key);

    errno = 0;
    *number = text ? strtoull(text, NULL, 10) : 0;
    if (!text || !*text || strspn(text, "0123456789") != strlen(text) || errno || *number > most)
        return SAMC_FAIL(error, FORMAT, "the checkpoint's \"%s\" is missing or no number", key);
    return SAMC_OK;
}

static samc_status read_state(const samc_tensors *tensors, samc_checkpoint_state *state,
                              samc_error *error)
{
    const char *version = samc_tensors_metadata(tensors, "format_version");
    const char *recipe = samc_tensors_metadata(tensors, "recipe");
    uint64_t step, seed;

    if (!samc_checkpoint_is_training(tensors))
        return SAMC_FAIL(error, FORMAT,
                         "this is a model, not the checkpoint of a training run: there is nothing "
                         "to resume, but training can start from it");
    if (!version || strcmp(version, FORMAT_VERSION) != 0)
        return SAMC_FAIL(error, UNSUPPORTED,
                         "this checkpoint's version is not " FORMAT_VERSION
                         ": a newer samc wrote it");
    SAMC_TRY(read_number(tensors, "step", INT64_MAX, &step, error));
    SAMC_TRY(read_number(tensors, "seed", UINT64_MAX, &seed, error));
    if (!recipe || strlen(recipe) >= sizeof state->recipe)
        return SAMC_FAIL(error, FORMAT, "the checkpoint does not say which recipe it follows");
    *state = (samc_checkpoint_state){.step = (int64_t)step, .seed = seed};
    memcpy(state->recipe, recipe, strlen(recipe) + 1);
    return SAMC_OK;
}

/* Reads one part's tensor of a param. */
static samc_status read_part(const samc_tensors *tensors, const samc_param *p, const char *prefix,
                             float *values, samc_error *error)
{
    char name[256]; /* official names have at most 75 bytes */
    const samc_tensor *t;

    (void)snprintf(name, sizeof name, "%s%s", prefix, p->name);
    t = samc_tensors_find(tensors, name);
    if (!t)
        return SAMC_FAIL(error, MODEL, "the checkpoint lacks %s", name);
    if (t->n_dims != p->n_dims ||
        memcmp(t->shape, p->shape, (size_t)p->n_dims * sizeof p->shape[0]) != 0)
        return SAMC_FAIL(error, MODEL, "%s has another shape than its weights", name);
    samc_tensor_to_f32(t, 0, p->count, values);
    if (find_bad(values, p->count) >= 0)
        return SAMC_FAIL(error, MODEL, "%s has infinite or NaN values", name);
    return SAMC_OK;
}

samc_status samc_checkpoint_restore(const samc_tensors *tensors, const char *more,
                                    samc_params *params, samc_checkpoint_state *state,
                                    samc_error *error)
{
    samc_status status = SAMC_OK;

    memset(params, 0, sizeof *params);
    SAMC_TRY(read_state(tensors, state, error));
    SAMC_TRY(samc_params_load(tensors, more, params, error));
    for (size_t part = 1; part < N_PARTS; part++)
        for (size_t i = 0; i < params->n_params; i++)
            SAMC_CHECK(read_part(tensors, &params->list[i], parts[part].prefix,
                                 array_of(params, part) + params->list[i].offset, error));

cleanup:
    if (status != SAMC_OK)
        samc_params_free(params);
    return status;
}
