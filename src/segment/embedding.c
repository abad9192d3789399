/* SPDX-License-Identifier: Apache-2.0 */
#include "segment/embedding.h"

#include "base/memory.h"
#include "image/image.h"
#include "kernels/context.h"
#include "weights/safetensors.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT_NAME "samc image embedding"
#define FORMAT_VERSION "1"
#define TENSOR_NAME "image_embedding"

samc_status samc_embedding_new(const samc_model *model, int32_t width, int32_t height,
                               samc_embedding **embedding, samc_error *error)
{
    const samc_config *c = &model->config;
    const size_t floats = (size_t)c->grid * (size_t)c->grid * (size_t)c->embed_dim;
    samc_embedding *e = NULL;
    samc_status status = SAMC_OK;

    SAMC_CHECK(samc_alloc_zero(1, sizeof *e, &e, error));
    memcpy(e->identity, model->identity, sizeof e->identity);
    e->frame = samc_frame_of(width, height, c->image_size);
    e->channels = c->embed_dim;
    e->grid = c->grid;
    SAMC_CHECK(samc_alloc(floats, sizeof *e->planes, &e->planes, error));
    *embedding = e;

cleanup:
    if (status != SAMC_OK)
        samc_embedding_free(e);
    return status;
}

size_t samc_embedding_shrunk_bytes(const samc_model *model)
{
    const samc_config *c = &model->config;

    return sizeof(samc_embedding) +
           (size_t)c->grid * (size_t)c->grid * (size_t)c->embed_dim * sizeof(float);
}

void samc_embedding_shrink(samc_embedding *embedding)
{
    samc_shared_image_free(&embedding->photo);
}

samc_status samc_embedding_expand(samc_context *context, const samc_model *model,
                                  const samc_embedding *shrunk, samc_embedding **whole,
                                  samc_error *error)
{
    const size_t floats = (size_t)shrunk->grid * (size_t)shrunk->grid * (size_t)shrunk->channels;
    samc_arena spare = {NULL, NULL}, *arena = samc_context_take_arena(context, &spare);
    const samc_call call = {context->kernels, context->threads, arena, NULL};
    samc_embedding *e = NULL;
    samc_status status = SAMC_OK;

    SAMC_CHECK(samc_embedding_new(model, shrunk->frame.width, shrunk->frame.height, &e, error));
    memcpy(e->planes, shrunk->planes, floats * sizeof *e->planes);
    SAMC_CHECK(samc_embedding_finish(&call, model, e, error));
    *whole = e;

cleanup:
    samc_context_return_arena(context, arena);
    if (status != SAMC_OK)
        samc_embedding_free(e);
    return status;
}

void samc_embedding_free(samc_embedding *embedding)
{
    if (!embedding)
        return;
    samc_shared_image_free(&embedding->photo);
    free(embedding->planes);
    free(embedding);
}

samc_status samc_embedding_finish(const samc_call *call, const samc_model *model,
                                  samc_embedding *embedding, samc_error *error)
{
    embedding->photo.planes = embedding->planes;
    embedding->photo.no_mask = model->prompt_encoder.no_mask;
    return samc_shared_image_project(call, &model->mask_decoder.transformer,
                                     model->prompt_encoder.dense_pe, &embedding->photo, error);
}

void samc_embedding_photo_size(const samc_embedding *embedding, int32_t *width, int32_t *height)
{
    *width = embedding->frame.width;
    *height = embedding->frame.height;
}

const float *samc_embedding_data(const samc_embedding *embedding)
{
    return embedding->planes;
}

/* What a saved embedding holds. */
typedef struct saved {
    samc_tensor tensor;
    samc_dtype dtype;
    samc_metadata metadata[5];
    char width[16], height[16];
} saved;

enum { N_METADATA = sizeof((saved *)0)->metadata / sizeof(samc_metadata) };

static void describe(const samc_embedding *e, samc_float type, saved *s)
{
    const int64_t grid = e->grid;

    *s = (saved){.tensor = {.name = TENSOR_NAME,
                            .dtype = SAMC_DTYPE_F32,
                            .n_dims = 3,
                            .shape = {e->channels, grid, grid},
                            .strides = {grid * grid, grid, 1},
                            .data = (const uint8_t *)e->planes},
                 .dtype = type == SAMC_F16 ? SAMC_DTYPE_F16 : SAMC_DTYPE_F32,
                 .metadata = {{"format", FORMAT_NAME},
                              {"format_version", FORMAT_VERSION},
                              {"model_identity", e->identity},
                              {"photo_width", s->width},
                              {"photo_height", s->height}}};
    (void)snprintf(s->width, sizeof s->width, "%d", (int)e->frame.width);
    (void)snprintf(s->height, sizeof s->height, "%d", (int)e->frame.height);
}

samc_status samc_embedding_save(const samc_embedding *embedding, const char *path, samc_float type,
                                samc_error *error)
{
    saved s;
    const samc_tensor *list[] = {&s.tensor};

    if (!embedding || !path || (type != SAMC_F32 && type != SAMC_F16))
        return SAMC_FAIL(error, ARGUMENT,
                         "samc_embedding_save: give an embedding, a path and "
                         "SAMC_F32 or SAMC_F16");
    describe(embedding, type, &s);
    return samc_safetensors_write(path, list, 1, s.dtype, s.metadata, N_METADATA, error);
}

samc_status samc_embedding_save_memory(const samc_embedding *embedding, samc_float type,
                                       void **bytes, size_t *size, samc_error *error)
{
    saved s;
    const samc_tensor *list[] = {&s.tensor};
    uint8_t *made;

    if (!embedding || !bytes || !size || (type != SAMC_F32 && type != SAMC_F16))
        return SAMC_FAIL(error, ARGUMENT,
                         "samc_embedding_save_memory: give an embedding, SAMC_F32 or SAMC_F16, and "
                         "places for the bytes and their number");
    describe(embedding, type, &s);
    SAMC_TRY(samc_safetensors_bytes(list, 1, s.dtype, s.metadata, N_METADATA, &made, size, error));
    *bytes = made;
    return SAMC_OK;
}

/* A side of the photo from the metadata; 0: there is none, or it is no size. */
static int32_t read_side(const samc_tensors *file, const char *key)
{
    const char *text = samc_tensors_metadata(file, key);
    char *end;
    long value;

    if (!text || !*text)
        return 0;
    value = strtol(text, &end, 10);
    return *end || value < 1 || value > SAMC_IMAGE_MAX_SIDE ? 0 : (int32_t)value;
}

/* Finds the tensor and proves that it is an embedding by `model`. */
static samc_status check_file(const samc_model *model, const char *path, const samc_tensors *file,
                              const samc_tensor **tensor, samc_error *error)
{
    const samc_config *c = &model->config;
    const char *format = samc_tensors_metadata(file, "format");
    const char *version = samc_tensors_metadata(file, "format_version");
    const char *identity = samc_tensors_metadata(file, "model_identity");
    const samc_tensor *t = samc_tensors_find(file, TENSOR_NAME);

    if (!format || strcmp(format, FORMAT_NAME) != 0 || !version || !identity || !t)
        return SAMC_FAIL(error, FORMAT, "%s is not an image embedding that samc saved", path);
    if (strcmp(version, FORMAT_VERSION) != 0)
        return SAMC_FAIL(error, UNSUPPORTED,
                         "%s has version %.20s of the embedding format, this samc reads version %s",
                         path, version, FORMAT_VERSION);
    if (strcmp(identity, model->identity) != 0)
        return SAMC_FAIL(error, MODEL,
                         "%s was made by another model (%.32s, not %s): encode the "
                         "photo again, or load that model",
                         path, identity, model->identity);
    if (t->n_dims != 3 || t->shape[0] != c->embed_dim || t->shape[1] != c->grid ||
        t->shape[2] != c->grid || !read_side(file, "photo_width") ||
        !read_side(file, "photo_height"))
        return SAMC_FAIL(error, FORMAT, "%s: the embedding's shape or the photo's size is damaged",
                         path);
    *tensor = t;
    return SAMC_OK;
}

/* `path` is what messages call the file. */
static samc_status load(const samc_model *model, const char *path, const samc_tensors *file,
                        samc_embedding **embedding, samc_error *error)
{
    samc_status status = SAMC_OK;
    samc_embedding *e = NULL;
    const samc_tensor *t = NULL;
    samc_arena arena = {NULL, NULL};
    const samc_call call = {model->kernels, NULL, &arena, NULL};
    const int64_t tokens = (int64_t)model->config.grid * model->config.grid;

    SAMC_CHECK(check_file(model, path, file, &t, error));
    SAMC_CHECK(samc_embedding_new(model, read_side(file, "photo_width"),
                                  read_side(file, "photo_height"), &e, error));
    samc_tensor_to_f32(t, 0, tokens * e->channels, e->planes);
    for (int64_t i = 0; i < tokens * e->channels; i++)
        if (!isfinite(e->planes[i])) {
            status = SAMC_FAIL(error, FORMAT, "%s: value %lld is not finite", path, (long long)i);
            goto cleanup;
        }
    SAMC_CHECK(samc_embedding_finish(&call, model, e, error));
    *embedding = e;

cleanup:
    samc_arena_free(&arena);
    if (status != SAMC_OK)
        samc_embedding_free(e);
    return status;
}

samc_status samc_embedding_load(const samc_model *model, const char *path,
                                samc_embedding **embedding, samc_error *error)
{
    samc_tensors *file = NULL;
    samc_status status;

    if (!model || !path || !embedding)
        return SAMC_FAIL(error, ARGUMENT,
                         "samc_embedding_load: give a model, a path and a place "
                         "for the embedding");
    SAMC_TRY(samc_tensors_open(path, &file, error));
    status = load(model, path, file, embedding, error);
    samc_tensors_close(file);
    return status;
}

samc_status samc_embedding_load_memory(const samc_model *model, const void *bytes, size_t size,
                                       samc_embedding **embedding, samc_error *error)
{
    samc_tensors *file = NULL;
    samc_error reason = {SAMC_OK, ""};
    samc_status status;

    if (!model || !bytes || !embedding)
        return SAMC_FAIL(error, ARGUMENT,
                         "samc_embedding_load_memory: give a model, bytes and a place for the "
                         "embedding");
    status = samc_tensors_open_memory(bytes, size, &file, &reason);
    if (status != SAMC_OK)
        return samc_error_set(error, status, "the bytes: %s", reason.message);
    status = load(model, "the data", file, embedding, error);
    samc_tensors_close(file);
    return status;
}
