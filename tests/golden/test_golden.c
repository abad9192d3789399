/* SPDX-License-Identifier: Apache-2.0
 *
 * The tiny model against what the reference makes of it, stage by stage on the reference's own
 * input and from photo to mask, under every kernel path of this CPU: within 1e-5 of the largest
 * value. tools/parity/make_golden.py writes tiny.pth and tiny_golden.safetensors, and says what the
 * names mean.
 */
#include "image/resize.h"
#include "kernels/context.h"
#include "segment/embedding.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

#define LIMIT 1e-5
#define MAX_PATHS 8
#define MAIN "landscape"
#define MAX_PROMPTS 4 /* objects in one golden prompt */

static const char *const photo_names[] = {"landscape", "portrait", "square",
                                          "dot",       "strip",    "tower"};
#define PHOTOS (sizeof photo_names / sizeof photo_names[0])

/* PHOTO/PROMPT: the main photo has one of every kind, of which `detailed` ones keep every array. */
static const struct {
    const char *name;
    int detailed;
} cases[] = {
    {"landscape/point", 1}, {"landscape/two_points", 0},
    {"landscape/box", 0},   {"landscape/box_points", 0},
    {"landscape/boxes", 0}, {"landscape/objects", 0},
    {"landscape/mask", 0},  {"landscape/point_mask", 1},
    {"portrait/point", 0},  {"square/point", 0},
    {"dot/point", 0},       {"strip/point", 0},
    {"tower/point", 0},
};
#define CASES (sizeof cases / sizeof cases[0])

/* One kernel path at a time. */
static struct {
    const char *path;
    samc_tensors *golden;
    samc_context *contexts[2]; /* of one and of two threads */
    samc_model *model;
    samc_arena arena;
    samc_call call;
    int64_t grid, tokens, e, c, masks, low;
} t;

/* ------------------------------------------------------------------------------------ helpers */

static void ok(samc_status status, const samc_error *error)
{
    if (status != SAMC_OK)
        fail_msg("%s", error->message);
}
#define OK(call)                                                                                   \
    do {                                                                                           \
        samc_error error = {SAMC_OK, ""};                                                          \
        ok((call), &error);                                                                        \
    } while (0)

static void *take(int64_t count, size_t size)
{
    void *memory = NULL;

    OK(samc_arena_take(&t.arena, (size_t)count, size, &memory, &error));
    return memory;
}

static float *take_floats(int64_t count)
{
    return take(count, sizeof(float));
}

static const samc_tensor *find(const char *prefix, const char *name)
{
    char full[128];

    (void)snprintf(full, sizeof full, "%s%s%s", prefix, *prefix ? "/" : "", name);
    return samc_tensors_find(t.golden, full);
}

static const samc_tensor *want(const char *prefix, const char *name)
{
    const samc_tensor *tensor = find(prefix, name);

    if (!tensor)
        fail_msg("the golden file lacks %s/%s", prefix, name);
    return tensor;
}

static float *floats(const samc_tensor *tensor)
{
    float *values = take_floats(samc_tensor_elements(tensor));

    samc_tensor_to_f32(tensor, 0, samc_tensor_elements(tensor), values);
    return values;
}

static int64_t whole(const char *prefix, const char *name, int64_t index)
{
    const samc_tensor *tensor = want(prefix, name);
    int64_t wide;
    int32_t narrow;

    assert_true(index < samc_tensor_elements(tensor));
    if (tensor->dtype == SAMC_DTYPE_I64) {
        memcpy(&wide, tensor->data + 8 * index, sizeof wide);
        return wide;
    }
    assert_int_equal(tensor->dtype, SAMC_DTYPE_I32);
    memcpy(&narrow, tensor->data + 4 * index, sizeof narrow);
    return narrow;
}

/* [channels][tokens] -> [tokens][channels]; `batch` of them. */
static float *channels_last(const samc_tensor *planes, int64_t batch, int64_t channels)
{
    const int64_t tokens = samc_tensor_elements(planes) / (batch * channels);
    const float *in = floats(planes);
    float *out = take_floats(batch * channels * tokens);

    for (int64_t b = 0; b < batch; b++)
        for (int64_t i = 0; i < channels; i++)
            for (int64_t j = 0; j < tokens; j++)
                out[(b * tokens + j) * channels + i] = in[(b * channels + i) * tokens + j];
    return out;
}

/* Every `step`-th row and column of ours [planes][height][width] against `golden`; `largest` is of
 * the whole, or 0: the golden array is the whole. */
static void same_sampled(const char *what, const char *name, const float *ours, int64_t height,
                         int64_t width, int64_t step, const samc_tensor *golden, float largest)
{
    const int64_t rows = (height + step - 1) / step, columns = (width + step - 1) / step;
    const int64_t count = samc_tensor_elements(golden);
    const float *right = floats(golden);
    double worst = 0;

    assert_int_equal(count % (rows * columns), 0);
    for (int64_t i = 0; i < count && largest == 0; i++)
        worst = fmax(worst, fabs((double)right[i]));
    largest = largest > 0 ? largest : (float)worst;
    worst = 0;
    for (int64_t i = 0; i < count; i++) {
        const int64_t plane = i / (rows * columns), y = i / columns % rows * step;
        const float value = ours[(plane * height + y) * width + i % columns * step];
        const double difference = fabs((double)value - (double)right[i]);

        worst = difference <= worst ? worst : difference; /* NaN becomes the worst */
    }
    if (!(worst <= LIMIT * (double)largest))
        fail_msg("%s, %s, %s: off by %.3g of the largest value", t.path, what, name,
                 worst / (double)largest);
}

static void same(const char *what, const char *name, const float *ours, const samc_tensor *golden)
{
    same_sampled(what, name, ours, 1, samc_tensor_elements(golden), 1, golden, 0);
}

/* [T][E] as blocks, and back. */
static float *blocks_of(const float *rows)
{
    const samc_blocks blocks = samc_blocks_of(&t.model->config);
    float *out = take_floats(samc_blocks_floats(&blocks, t.e));

    samc_blocks_fill(&t.call, &blocks, t.e, rows, NULL, out);
    return out;
}

static float *rows_of(const float *blocks)
{
    const samc_blocks b = samc_blocks_of(&t.model->config);
    float *out = take_floats(t.tokens * t.e);

    for (int64_t i = 0; i < t.tokens * t.e; i++) {
        const int64_t token = i / t.e, channel = i % t.e;

        out[i] = blocks[(token / b.width * t.e + channel) * b.pitch + token % b.width];
    }
    return out;
}

/* The picture of tools/parity/photos.py. */
static samc_image photo(const char *name)
{
    const int32_t width = (int32_t)whole(name, "size", 0), height = (int32_t)whole(name, "size", 1);
    uint8_t *pixels = take((int64_t)width * height * 3, 1), *p = pixels;

    for (int64_t y = 0; y < height; y++)
        for (int64_t x = 0; x < width; x++)
            for (int64_t c = 0; c < 3; c++)
                *p++ = (uint8_t)(x * (3 + c) + y * (5 - c) + ((x * y * (c + 3)) >> 4) +
                                 ((x * x) >> (5 + c)));
    return (samc_image){pixels, width, height, (size_t)width * 3, SAMC_PIXELS_RGB};
}

static float *patches_of(const samc_image *image)
{
    const samc_config *c = &t.model->config;
    const samc_frame frame = samc_frame_of(image->width, image->height, c->image_size);
    float *patches = take_floats(t.tokens * t.model->image_encoder.patch_embed.k);

    OK(samc_transform_patches(&t.call, c, image, &frame, patches, &error));
    return patches;
}

/* -------------------------------------------------------------------------------- the encoder */

static void test_preprocess(void **state)
{
    const samc_config *c = &t.model->config;
    const float *table = floats(want("", "normalised.table"));
    const int64_t p = c->patch_size;

    (void)state;
    for (size_t i = 0; i < PHOTOS; i++) {
        const samc_image image = photo(photo_names[i]);
        const samc_frame frame = samc_frame_of(image.width, image.height, c->image_size);
        const int64_t w = frame.resized_width, h = frame.resized_height;
        uint8_t *resized = take(w * h, 3);
        const float *patches = patches_of(&image);

        assert_int_equal(w, whole(photo_names[i], "resized.size", 0));
        assert_int_equal(h, whole(photo_names[i], "resized.size", 1));
        OK(samc_resize_rgb(&image, (int32_t)w, (int32_t)h, resized, &error));
        assert_int_equal(crc32(0, resized, (uInt)(w * h * 3)),
                         whole(photo_names[i], "resized.crc32", 0));
        for (int64_t at = 0; at < t.tokens * 3 * p * p; at++) {
            const int64_t token = at / (3 * p * p), channel = at / (p * p) % 3;
            const int64_t y = token / t.grid * p + at / p % p, x = token % t.grid * p + at % p;
            const int inside = y < h && x < w;
            const float right = inside ? table[channel * 256 + resized[(y * w + x) * 3 + channel]]
                                       : 0.0f;

            if (fabsf(patches[at] - right) > 1e-6f)
                fail_msg("%s: normalised pixel %g, not %g", photo_names[i], (double)patches[at],
                         (double)right);
        }
    }
}

static void test_image_encoder(void **state)
{
    const samc_image_encoder *encoder = &t.model->image_encoder;
    const samc_image image = photo(MAIN);
    float *x = take_floats(t.tokens * t.c), *neck = take_floats(t.tokens * t.e);
    const samc_tensor *last = want(MAIN, "patch_embed");
    char name[32];

    (void)state;
    OK(samc_image_encoder_patch_embed(&t.call, encoder, patches_of(&image), x, &error));
    same(MAIN, "patch_embed", x, last);
    for (int32_t i = 0; i < t.model->config.depth; i++) {
        samc_tensor_to_f32(last, 0, t.tokens * t.c, x);
        OK(samc_image_encoder_block(&t.call, encoder, i, x, &error));
        (void)snprintf(name, sizeof name, "blocks.%d", i);
        last = want(MAIN, name);
        same(MAIN, name, x, last);
    }
    OK(samc_image_encoder_neck(&t.call, encoder, floats(last), neck, &error));
    float *planes = take_floats(t.tokens * t.e);
    for (int64_t i = 0; i < t.tokens * t.e; i++)
        planes[i % t.e * t.tokens + i / t.e] = neck[i];
    same(MAIN, "neck", planes, want(MAIN, "neck"));
}

/* --------------------------------------------------------------------------------- the prompt */

/* How many objects a golden prompt has. */
static int64_t object_count(const char *name)
{
    const samc_tensor *iou = want(name, "iou");

    assert_true(iou->shape[0] <= MAX_PROMPTS);
    return iou->shape[0];
}

static void test_dense_pe(void **state)
{
    const float *right = channels_last(want("", "dense_pe"), 1, t.e);
    const float *ours = rows_of(t.model->prompt_encoder.dense_pe);

    (void)state;
    for (int64_t i = 0; i < t.tokens * t.e; i++)
        if (!(fabsf(ours[i] - right[i]) <= (float)LIMIT))
            fail_msg("position encoding: %g, not %g", (double)ours[i], (double)right[i]);
}

static void test_sparse(void **state)
{
    (void)state;
    for (size_t i = 0; i < CASES; i++) {
        const char *name = cases[i].name;
        const samc_tensor *sparse = find(name, "sparse"), *given = find(name, "points_model");
        const samc_tensor *boxes = find(name, "boxes_model");

        if (!sparse)
            continue; /* a mask alone */
        const int64_t n = sparse->shape[1], points = given ? given->shape[1] : 0;
        const float *xy = given ? floats(given) : NULL, *corners = boxes ? floats(boxes) : NULL;
        float *positions = take_floats(2 * n), *tokens = take_floats(sparse->shape[0] * n * t.e);
        int32_t *labels = take(n, sizeof *labels);

        assert_int_equal(n, points + (boxes ? 2 : 1));
        for (int64_t p = 0; p < sparse->shape[0]; p++) {
            for (int64_t j = 0; j < points; j++)
                labels[j] = (int32_t)whole(name, "labels", p * points + j);
            if (given)
                memcpy(positions, xy + p * points * 2, (size_t)points * 2 * sizeof *xy);
            if (boxes) {
                memcpy(positions + points * 2, corners + p * 4, 4 * sizeof *corners);
                labels[points] = SAMC_POINT_TOP_LEFT;
                labels[points + 1] = SAMC_POINT_BOTTOM_RIGHT;
            } else {
                labels[points] = SAMC_POINT_PADDING;
            }
            samc_prompt_encoder_sparse(&t.model->prompt_encoder, positions, labels, n,
                                       tokens + p * n * t.e);
        }
        same(name, "sparse", tokens, sparse);
    }
}

static void test_dense(void **state)
{
    const char *const names[] = {"landscape/mask", "landscape/point_mask"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        float *dense = take_floats(t.tokens * t.e), *planes = take_floats(t.tokens * t.e);

        OK(samc_prompt_encoder_mask(&t.call, &t.model->prompt_encoder,
                                    floats(want(names[i], "mask_input")), dense, &error));
        for (int64_t j = 0; j < t.tokens * t.e; j++)
            planes[j % t.e * t.tokens + j / t.e] = dense[j];
        same(names[i], "dense", planes, want(names[i], "dense"));
    }
    same("landscape/point", "dense", t.model->prompt_encoder.no_mask,
         want("landscape/point", "dense"));
}

/* -------------------------------------------------------------------------------- the decoder */

/* [T][E] = the reference's embedding + its dense prompt of object p. */
static float *image_of(const char *name, int64_t p)
{
    const size_t slash = strcspn(name, "/");
    const samc_tensor *dense = want(name, "dense");
    char photo_name[32];

    (void)snprintf(photo_name, sizeof photo_name, "%.*s", (int)slash, name);
    float *image = channels_last(want(photo_name, "neck"), 1, t.e);
    const float *add = dense->n_dims == 1 ? floats(dense)
                                          : channels_last(dense, dense->shape[0], t.e);
    for (int64_t i = 0; i < t.tokens * t.e; i++)
        image[i] += dense->n_dims == 1 ? add[i % t.e] : add[p * t.tokens * t.e + i];
    return image;
}

/* The photo of a golden prompt without a mask, its projections made; free with
 * samc_shared_image_free. */
static samc_shared_image photo_of(const char *name)
{
    char photo_name[32];
    samc_shared_image shared = {.no_mask = t.model->prompt_encoder.no_mask};

    (void)snprintf(photo_name, sizeof photo_name, "%.*s", (int)strcspn(name, "/"), name);
    shared.planes = floats(want(photo_name, "neck"));
    OK(samc_shared_image_project(&t.call, &t.model->mask_decoder.transformer,
                                 t.model->prompt_encoder.dense_pe, &shared, &error));
    return shared;
}

/* Mixed images have no "src" to look at: their masks are. */
static void check_mixed(const char *name, const samc_shared_image *shared, int64_t count,
                        int64_t sparse, const samc_two_way_prompt *prompts)
{
    const int64_t map = t.masks * t.low * t.low;
    float *logits = take_floats(count * map), *hyper = floats(want(name, "hyper"));

    for (int64_t p = 0; p < count; p++) {
        const samc_decoding one = {.n = sparse, .kind = prompts[p].kind, .image = prompts[p].image};

        OK(samc_mask_decoder_upscale(&t.call, &t.model->mask_decoder, shared, 1,
                                     &(samc_upscaling){(int32_t)t.masks, &one,
                                                       hyper + p * t.masks * (t.e / 8),
                                                       logits + p * map},
                                     &error));
    }
    same(name, "low_res", logits, want(name, "low_res"));
}

/* All prompts of one golden case in one call, with their images given, taken from the photo or
 * mixed. */
static void check_transformer(const char *name, int detailed, samc_image_kind kind,
                              const samc_shared_image *shared)
{
    const samc_mask_decoder *decoder = &t.model->mask_decoder;
    const samc_tensor *hs = want(name, "hs"), *sparse = find(name, "sparse");
    const int64_t n = hs->shape[1], given = n - 1 - t.masks, count = hs->shape[0];
    const float *prompt = sparse ? floats(sparse) : NULL;
    float *all = take_floats(count * n * t.e);
    samc_two_way_prompt prompts[MAX_PROMPTS];

    for (int64_t p = 0; p < count; p++) {
        float *tokens = all + p * n * t.e;

        prompts[p] = (samc_two_way_prompt){n, kind, NULL};
        prompts[p].image = kind == SAMC_IMAGE_GIVEN
                               ? blocks_of(image_of(name, p))
                               : take_floats(samc_image_floats(&decoder->transformer, kind, n));
        memcpy(tokens, decoder->iou_token, (size_t)t.e * sizeof *tokens);
        memcpy(tokens + t.e, decoder->mask_tokens, (size_t)(t.masks * t.e) * sizeof *tokens);
        if (prompt)
            memcpy(tokens + (1 + t.masks) * t.e, prompt + p * given * t.e,
                   (size_t)(given * t.e) * sizeof *tokens);
    }
    OK(samc_transformer_run(&t.call, &decoder->transformer, t.model->prompt_encoder.dense_pe,
                            shared, count, prompts, all, &error));
    same(name, "hs", all, hs);
    if (detailed && kind == SAMC_IMAGE_MIXED)
        check_mixed(name, shared, count, given, prompts);
    else if (detailed)
        same(name, "src", rows_of(prompts[count - 1].image), want(name, "src"));
}

static void test_transformer(void **state)
{
    (void)state;
    for (size_t i = 0; i < CASES; i++) {
        check_transformer(cases[i].name, cases[i].detailed, SAMC_IMAGE_GIVEN, NULL);
        if (want(cases[i].name, "dense")->n_dims == 1) {
            samc_shared_image shared = photo_of(cases[i].name);

            check_transformer(cases[i].name, cases[i].detailed, SAMC_IMAGE_OF_PHOTO, &shared);
            check_transformer(cases[i].name, cases[i].detailed, SAMC_IMAGE_MIXED, &shared);
            samc_shared_image_free(&shared);
        }
    }
}

static void test_heads(void **state)
{
    const samc_mask_decoder *decoder = &t.model->mask_decoder;

    (void)state;
    for (size_t i = 0; i < CASES; i++) {
        const char *name = cases[i].name;
        const int64_t count = object_count(name), width = t.e / 8;
        const samc_tensor *hs = want(name, "hs");
        const float *tokens = floats(hs);
        float *hyper = take_floats(count * t.masks * width), *iou = take_floats(count * t.masks);

        for (int64_t p = 0; p < count; p++) {
            const float *own = tokens + p * hs->shape[1] * t.e;

            OK(samc_mlp_run(&t.call, &decoder->iou_head, 1, own, iou + p * t.masks, &error));
            for (int64_t m = 0; m < t.masks; m++)
                OK(samc_mlp_run(&t.call, &decoder->hyper[m], 1, own + (1 + m) * t.e,
                                hyper + (p * t.masks + m) * width, &error));
        }
        same(name, "iou", iou, want(name, "iou"));
        same(name, "hyper", hyper, want(name, "hyper"));
    }
}

static void test_upscale(void **state)
{
    const samc_mask_decoder *decoder = &t.model->mask_decoder;
    const int64_t width = t.e / 8;

    (void)state;
    for (size_t i = 0; i < CASES; i++) {
        const char *name = cases[i].name;

        if (!cases[i].detailed)
            continue;
        const samc_decoding src = {.kind = SAMC_IMAGE_GIVEN,
                                   .image = blocks_of(floats(want(name, "src")))};
        float *logits = take_floats((width > t.masks ? width : t.masks) * t.low * t.low);
        float *identity = take_floats(width * width);

        /* the identity in place of the hyper-networks' answer gives the upscaled map itself */
        for (int64_t j = 0; j < width * width; j++)
            identity[j] = j / width == j % width ? 1.0f : 0.0f;
        OK(samc_mask_decoder_upscale(&t.call, decoder, NULL, 1,
                                     &(samc_upscaling){(int32_t)width, &src, identity, logits},
                                     &error));
        same(name, "upscaled", logits, want(name, "upscaled"));
        OK(samc_mask_decoder_upscale(
            &t.call, decoder, NULL, 1,
            &(samc_upscaling){(int32_t)t.masks, &src, floats(want(name, "hyper")), logits},
            &error));
        same(name, "low_res", logits, want(name, "low_res"));
    }
}

/* -------------------------------------------------------------------------- from photo to mask */

static samc_embedding *encode(int threads, const char *name)
{
    const samc_image image = photo(name);
    samc_embedding *embedding = NULL;

    OK(samc_encode(t.contexts[threads - 1], t.model, &image, NULL, &embedding, &error));
    return embedding;
}

static void test_encode(void **state)
{
    (void)state;
    for (size_t i = 0; i < PHOTOS; i++) {
        samc_embedding *embedding = encode(1, photo_names[i]);

        same(photo_names[i], "embedding", samc_embedding_data(embedding),
             want(photo_names[i], "neck"));
        samc_embedding_free(embedding);
    }
}

/* The golden prompt as the public call takes it. */
static size_t prompts_of(const char *name, samc_prompt *prompts)
{
    const samc_tensor *points = find(name, "points"), *boxes = find(name, "boxes");
    const samc_tensor *mask = find(name, "mask_input");
    const int64_t count = object_count(name), n = points ? points->shape[1] : 0;
    const float *xy = points ? floats(points) : NULL, *corners = boxes ? floats(boxes) : NULL;
    const float *logits = mask ? floats(mask) : NULL;
    int32_t *labels = take(count * n, sizeof *labels);

    for (int64_t p = 0; p < count; p++) {
        prompts[p] = (samc_prompt)SAMC_PROMPT_INIT;
        for (int64_t j = p * n; j < (p + 1) * n; j++)
            labels[j] = (int32_t)whole(name, "labels", j);
        prompts[p].n_points = (size_t)n;
        prompts[p].points = points ? xy + p * n * 2 : NULL;
        prompts[p].labels = points ? labels + p * n : NULL;
        prompts[p].box = boxes ? corners + p * 4 : NULL;
        prompts[p].mask_input = mask ? logits + p * t.low * t.low : NULL;
    }
    return (size_t)count;
}

static samc_masks predict(int threads, const samc_embedding *embedding, const char *name,
                          int multimask)
{
    samc_predict_options options = SAMC_PREDICT_OPTIONS_INIT;
    samc_prompt prompts[MAX_PROMPTS];
    samc_masks masks = SAMC_MASKS_INIT;
    const size_t count = prompts_of(name, prompts);

    options.multimask = multimask;
    options.want_logits = 1;
    OK(samc_predict(t.contexts[threads - 1], t.model, embedding, prompts, count, &options, &masks,
                    &error));
    return masks;
}

/* Of the golden [P][M][...] the columns that a call with or without multimask gives. */
static samc_tensor columns_of(const samc_tensor *golden, int multimask, int64_t object)
{
    samc_tensor part = *golden;

    part.shape[0] = 1;
    part.shape[1] = multimask ? golden->shape[1] - 1 : 1;
    part.data += (object * golden->strides[0] + multimask * golden->strides[1]) * 4;
    return part;
}

/* Masks may differ only where our own logit, within the limit, is zero. */
static void same_bits(const char *name, const char *kind, const samc_masks *ours, float largest)
{
    char key[32];
    const int64_t count = (int64_t)ours->n_prompts * ours->n_masks * ours->height *
                          (int64_t)ours->width;

    (void)snprintf(key, sizeof key, "masks.%s", kind);
    const samc_tensor *golden = want(name, key);
    assert_int_equal(samc_tensor_elements(golden), (count + 7) / 8);
    for (int64_t i = 0; i < count; i++) {
        const int bit = golden->data[i / 8] >> (7 - i % 8) & 1;

        assert_int_equal(ours->masks[i], ours->logits[i] > 0);
        if (ours->masks[i] != bit && fabs((double)ours->logits[i]) > LIMIT * (double)largest)
            fail_msg("%s, %s %s: pixel %lld differs", t.path, name, kind, (long long)i);
    }
}

static void check_answer(const char *name, int detailed, int multimask, const samc_masks *ours)
{
    const char *kind = multimask ? "multi" : "single";
    const int64_t low = t.low * t.low, m = ours->n_masks;
    char key[32];

    (void)snprintf(key, sizeof key, "largest.%s", kind);
    const float largest = *floats(want(name, key));
    const float largest_low = detailed ? 0.0f : *floats(want(name, "largest.low_res"));
    for (int64_t p = 0; p < ours->n_prompts; p++) {
        const samc_tensor iou = columns_of(want(name, "iou"), multimask, p);
        const samc_tensor low_res = columns_of(want(name, "low_res"), multimask, p);

        same(name, "predicted IoU", ours->predicted_iou + p * m, &iou);
        same_sampled(name, "low-res logits", ours->low_res_logits + p * m * low, t.low, t.low,
                     detailed ? 1 : 2, &low_res, largest_low);
    }
    (void)snprintf(key, sizeof key, "logits.%s", kind);
    same_sampled(name, key, ours->logits, ours->height, ours->width, 8, want(name, key), largest);
    same_bits(name, kind, ours, largest);
}

static void test_predict(void **state)
{
    (void)state;
    for (size_t photo_index = 0; photo_index < PHOTOS; photo_index++) {
        const char *name = photo_names[photo_index];
        samc_embedding *embedding = encode(1, name);

        for (size_t i = 0; i < CASES; i++) {
            if (strncmp(cases[i].name, name, strlen(name)) != 0)
                continue;
            for (int multimask = 0; multimask < 2; multimask++) {
                samc_masks masks = predict(1, embedding, cases[i].name, multimask);

                check_answer(cases[i].name, cases[i].detailed, multimask, &masks);
                samc_masks_free(&masks);
            }
        }
        samc_embedding_free(embedding);
    }
}

static void test_threads(void **state)
{
    (void)state;
    samc_embedding *one = encode(1, MAIN), *two = encode(2, MAIN);

    assert_memory_equal(samc_embedding_data(one), samc_embedding_data(two),
                        (size_t)(t.tokens * t.e) * sizeof(float));
    for (size_t i = 0; i < CASES; i++) {
        if (strncmp(cases[i].name, MAIN, strlen(MAIN)) != 0)
            continue;
        samc_masks a = predict(1, one, cases[i].name, 1), b = predict(2, two, cases[i].name, 1);
        const size_t count = (size_t)a.n_prompts * (size_t)a.n_masks;
        const size_t pixels = count * (size_t)a.height * (size_t)a.width;

        assert_memory_equal(a.predicted_iou, b.predicted_iou, count * sizeof(float));
        assert_memory_equal(a.stability_score, b.stability_score, count * sizeof(float));
        assert_memory_equal(a.low_res_logits, b.low_res_logits,
                            count * (size_t)(t.low * t.low) * sizeof(float));
        assert_memory_equal(a.logits, b.logits, pixels * sizeof(float));
        assert_memory_equal(a.masks, b.masks, pixels);
        samc_masks_free(&a);
        samc_masks_free(&b);
    }
    samc_embedding_free(one);
    samc_embedding_free(two);
}

/* --------------------------------------------------------------------------------- the program */

static int begin(void **state)
{
    samc_context_options options = SAMC_CONTEXT_OPTIONS_INIT;
    samc_error error = {SAMC_OK, ""};
    samc_status status = SAMC_OK;

    (void)state;
    options.kernels = t.path;
    SAMC_CHECK(samc_tensors_open(SAMC_GOLDEN_DIR "/tiny_golden.safetensors", &t.golden, &error));
    for (int32_t i = 0; i < 2; i++) {
        options.threads = i + 1;
        SAMC_CHECK(samc_context_create(&options, &t.contexts[i], &error));
    }
    SAMC_CHECK(samc_model_load(t.contexts[0], SAMC_GOLDEN_DIR "/tiny.pth", NULL, &t.model, &error));
    t.call = (samc_call){t.model->kernels, t.contexts[0]->threads, &t.arena, NULL};
    t.grid = t.model->config.grid;
    t.tokens = t.grid * t.grid;
    t.e = t.model->config.embed_dim;
    t.c = t.model->config.encoder_dim;
    t.masks = t.model->config.mask_tokens;
    t.low = samc_config_low_res(&t.model->config);

cleanup:
    if (status != SAMC_OK)
        print_error("%s: %s\n", t.path, error.message);
    return status == SAMC_OK ? 0 : -1;
}

static int end(void **state)
{
    const char *path = t.path;

    (void)state;
    samc_tensors_close(t.golden);
    samc_model_free(t.model);
    samc_context_free(t.contexts[0]);
    samc_context_free(t.contexts[1]);
    samc_arena_free(&t.arena);
    memset(&t, 0, sizeof t);
    t.path = path;
    return 0;
}

static int drop_scratch(void **state)
{
    (void)state;
    samc_arena_free(&t.arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_preprocess, drop_scratch),
        cmocka_unit_test_teardown(test_image_encoder, drop_scratch),
        cmocka_unit_test_teardown(test_dense_pe, drop_scratch),
        cmocka_unit_test_teardown(test_sparse, drop_scratch),
        cmocka_unit_test_teardown(test_dense, drop_scratch),
        cmocka_unit_test_teardown(test_transformer, drop_scratch),
        cmocka_unit_test_teardown(test_heads, drop_scratch),
        cmocka_unit_test_teardown(test_upscale, drop_scratch),
        cmocka_unit_test_teardown(test_encode, drop_scratch),
        cmocka_unit_test_teardown(test_predict, drop_scratch),
        cmocka_unit_test_teardown(test_threads, drop_scratch),
    };
    int failed = 0;

    for (size_t i = 0; i < MAX_PATHS && samc_kernels_at(i); i++) {
        t.path = samc_kernels_at(i)->name;
        failed += cmocka_run_group_tests_name(t.path, tests, begin, end);
    }
    return failed;
}
