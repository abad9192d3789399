/* SPDX-License-Identifier: Apache-2.0
 *
 * samc.h - Segment Anything (SAM) in C: a photo and a prompt in, masks out.
 *
 * The life of a call:
 *
 *     samc_context     threads + kernels          one a program        samc_context_create
 *     samc_model       immutable weights          one a checkpoint     samc_model_load
 *     samc_embedding   immutable, one photo       one a photo          samc_encode
 *     samc_masks       the answer to prompts      one a call           samc_predict
 *
 * samc_segment does the last two steps for several photos at once; samc_generate asks at a grid of
 * points by itself, for everything in a photo.
 *
 * Conventions, true of every function unless it says otherwise:
 *
 *   status     Functions that can fail return samc_status; SAMC_OK is 0. The last parameter may be
 *              a samc_error of the caller's (or NULL); on failure it holds a sentence a user can
 *              act on. On failure every output parameter is left untouched, or set to NULL where
 *              it names a new object. The library never prints, never exits and keeps no global
 *              state.
 *   pixels     8 bits a channel, row 0 on top. A position is (x, y) in pixels of the photo as given
 *              to samc_encode, origin at the top left corner of the top left pixel.
 *   boxes      "xyxy": x0, y0, x1, y1 in pixels; "xywh": x, y, width, height.
 *   arrays     C order, the last index runs fastest; shapes are written [a][b][c].
 *   ownership  The caller frees what a samc_*_create / _load / samc_encode call gave it, with the
 *              free function of the same noun; free functions take NULL. Inputs are never kept
 *              after a call returns, except that an embedding must not outlive its model and a
 *              model or an embedding must not be used with a context that was freed.
 *   threads    Models and embeddings are immutable: any number of threads may use one at once. A
 *              context may be shared too: one call at a time gets its worker threads, the others
 *              run on their caller's own thread. Results do not depend on the number of threads,
 *              bit by bit. Freeing an object that another thread still uses is an error of the
 *              caller's.
 *   structs    Structs that may grow begin with struct_size; set it by the matching ..._INIT macro.
 *              In an array of them all have the same struct_size: it is the step from one to the
 *              next, so that a program built with a later, larger struct is understood too.
 *
 * Source of the model and its numerics: Kirillov et al., "Segment Anything" (2023), and Meta's
 * reference implementation `segment_anything`.
 */
#ifndef SAMC_H
#define SAMC_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(SAMC_STATIC)
#define SAMC_API
#elif defined(__GNUC__)
#define SAMC_API __attribute__((visibility("default")))
#else
#define SAMC_API
#endif

/* ------------------------------------------------------------------------------------------------
 * Version and errors
 * --------------------------------------------------------------------------------------------- */

#define SAMC_VERSION_MAJOR 0
#define SAMC_VERSION_MINOR 1
#define SAMC_VERSION_PATCH 0

/* The version of the library that runs, "major.minor.patch"; a constant string. */
SAMC_API const char *samc_version(void);

typedef enum samc_status {
    SAMC_OK = 0,
    SAMC_ERROR_ARGUMENT = 1, /* a parameter breaks its contract: NULL, a size, a struct_size */
    SAMC_ERROR_PROMPT = 2,   /* a prompt that means nothing: empty, outside the photo, bad label */
    SAMC_ERROR_MEMORY = 3,   /* an allocation failed */
    SAMC_ERROR_IO = 4,       /* a file could not be opened, read, written or renamed */
    SAMC_ERROR_FORMAT = 5,   /* a file is damaged, or not of the kind it claims to be */
    SAMC_ERROR_UNSUPPORTED = 6, /* well-formed, but something that samc does not do */
    SAMC_ERROR_LIMIT = 7,       /* larger than a stated limit (pixels, counts, bytes) */
    SAMC_ERROR_CANCELLED = 8,   /* the progress callback asked to stop */
    SAMC_ERROR_MODEL = 9        /* tensors missing, extra, misshapen or non-finite; or an embedding
                                   that another model made */
} samc_status;

/* A constant English name for a status, such as "prompt error"; never NULL. */
SAMC_API const char *samc_status_name(samc_status status);

/* Filled on failure only; the message is one sentence in UTF-8, always terminated. */
typedef struct samc_error {
    samc_status status;
    char message[508];
} samc_error;

/* Frees bytes that a function of the library gave where its contract says so; NULL is fine. */
SAMC_API void samc_bytes_free(void *bytes);

/* Called now and then from the thread that made the call, with the share done, 0..1, never falling.
 * Return 0 to go on; any other value makes the call stop soon with SAMC_ERROR_CANCELLED. */
typedef int (*samc_progress_fn)(void *user, double done);

/* ------------------------------------------------------------------------------------------------
 * Context: worker threads and the choice of kernels
 * --------------------------------------------------------------------------------------------- */

/* Worker threads and the kernels they run. */
typedef struct samc_context samc_context;

typedef struct samc_context_options {
    size_t struct_size;
    int32_t threads;     /* how many threads compute, the caller's included; 0: one a usable core */
    const char *kernels; /* NULL: the best this CPU has; else the name of a path, such as
                            "portable", "avx2", "avx512" */
} samc_context_options;
#define SAMC_CONTEXT_OPTIONS_INIT                                                                  \
    {                                                                                              \
        sizeof(samc_context_options), 0, NULL                                                      \
    }

/* Makes a context. `options` may be NULL for the defaults. Threads start with the first call that
 * needs them; after fork() the child's first call starts its own.
 * Errors: ARGUMENT (threads outside 0..1024), UNSUPPORTED (a path that this CPU or build lacks; the
 * message lists those it has), MEMORY. */
SAMC_API samc_status samc_context_create(const samc_context_options *options,
                                         samc_context **context, samc_error *error);
/* Ends the worker threads. No call may be running with this context. */
SAMC_API void samc_context_free(samc_context *context);
/* How many threads compute, the caller's included. */
SAMC_API int32_t samc_context_threads(const samc_context *context);
/* The name of the kernel path in use, such as "avx2"; lives as long as the library. */
SAMC_API const char *samc_context_kernels(const samc_context *context);

/* ------------------------------------------------------------------------------------------------
 * Model
 * --------------------------------------------------------------------------------------------- */

/* The weights of a checkpoint, ready to compute with; immutable. */
typedef struct samc_model samc_model;

typedef struct samc_model_options {
    size_t struct_size;
    samc_progress_fn progress; /* may be NULL */
    void *user;                /* handed to progress */
} samc_model_options;
#define SAMC_MODEL_OPTIONS_INIT                                                                    \
    {                                                                                              \
        sizeof(samc_model_options), NULL, NULL                                                     \
    }

/* Loads a checkpoint: Meta's official .pth, safetensors under the official names (as `samc convert`
 * writes them) or under those of Hugging Face's SamModel. The kind is told by the file's content
 * and the configuration is read from the tensors' shapes. The file is mapped, nothing in it is
 * executed, and it may be replaced (by rename) after the call. `options` may be NULL. Errors: IO,
 * FORMAT, UNSUPPORTED, MODEL (the message names the tensors), MEMORY, CANCELLED. */
SAMC_API samc_status samc_model_load(samc_context *context, const char *path,
                                     const samc_model_options *options, samc_model **model,
                                     samc_error *error);
/* The same from `size` bytes in memory, which may be freed after the call. */
SAMC_API samc_status samc_model_load_memory(samc_context *context, const void *data, size_t size,
                                            const samc_model_options *options, samc_model **model,
                                            samc_error *error);
/* Makes a checkpoint of the prompt encoder and the mask decoder alone, out of any checkpoint that
 * samc reads: 16 MB as f32 in every official model, for programs that get embeddings from elsewhere
 * (a page in a browser). It loads as a model with the identity of the whole one, so that embeddings
 * of either fit the other; samc_encode refuses it. *bytes are *size bytes of safetensors, numbers
 * as the checkpoint has them (f32, f16, bf16); free them with samc_bytes_free. Reads and checks the
 * whole checkpoint, a tensor at a time. Errors: IO, FORMAT, UNSUPPORTED, MODEL, MEMORY. */
SAMC_API samc_status samc_decoder_extract(const char *path, void **bytes, size_t *size,
                                          samc_error *error);
/* Frees the model; its embeddings must be gone, and no call may be running with it. */
SAMC_API void samc_model_free(samc_model *model);

/* What a model is; sizes in pixels or tokens as the names say. */
typedef struct samc_model_info {
    size_t struct_size;
    int32_t image_size;     /* side of the square the photo is fitted into: 1024 in vit_b/l/h */
    int32_t patch_size;     /* 16 */
    int32_t embedding_size; /* tokens a side, image_size / patch_size: 64 */
    int32_t embedding_dim;  /* channels of the image embedding: 256 */
    int32_t low_res_size;   /* side of low-res logits and mask input, 4 * embedding_size: 256 */
    int32_t encoder_dim;    /* ViT width: 768, 1024, 1280; 0 in a decoder alone, like the next
                               three (samc_decoder_extract) */
    int32_t encoder_depth;  /* ViT blocks: 12, 24, 32 */
    int32_t encoder_heads;  /* 12, 16, 16 */
    int32_t window_size;    /* tokens a side of an attention window: 14 */
    int32_t mask_tokens;    /* masks the decoder can give, the single one included: 4 */
    int64_t parameters;     /* 93735472 in vit_b; of a decoder alone its own */
    const char *name;       /* "vit_b", "vit_l", "vit_h" or "custom" */
    char identity[33];      /* 128-bit hash (hex) over configuration and weights; tells models
                               apart, is not cryptographic */
} samc_model_info;
#define SAMC_MODEL_INFO_INIT                                                                       \
    {                                                                                              \
        sizeof(samc_model_info), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL,                            \
        {                                                                                          \
            0                                                                                      \
        }                                                                                          \
    }

/* Fills `info`; its strings live as long as the model. Errors: ARGUMENT. */
SAMC_API samc_status samc_model_get_info(const samc_model *model, samc_model_info *info,
                                         samc_error *error);

/* ------------------------------------------------------------------------------------------------
 * Photo -> image embedding
 * --------------------------------------------------------------------------------------------- */

typedef enum samc_pixel_format {
    SAMC_PIXELS_RGB = 0,
    SAMC_PIXELS_BGR = 1,
    SAMC_PIXELS_RGBA = 2, /* alpha is ignored, as Pillow's convert("RGB") does */
    SAMC_PIXELS_GRAY = 3
} samc_pixel_format;

/* A view of pixels; it owns nothing. */
typedef struct samc_image {
    const uint8_t *pixels;
    int32_t width;  /* pixels, 1..65535 */
    int32_t height; /* pixels, 1..65535 */
    size_t stride;  /* bytes from one row to the next, at least width * bytes a pixel */
    samc_pixel_format format;
} samc_image;

/* What a model saw in one photo; immutable. */
typedef struct samc_embedding samc_embedding;

typedef struct samc_encode_options {
    size_t struct_size;
    samc_progress_fn progress; /* may be NULL */
    void *user;
} samc_encode_options;
#define SAMC_ENCODE_OPTIONS_INIT                                                                   \
    {                                                                                              \
        sizeof(samc_encode_options), NULL, NULL                                                    \
    }

/* Runs the image encoder: resize the longest side to image_size (Pillow's antialiased bilinear, bit
 * by bit), normalise, pad, ViT, neck. Pixels are taken as given: EXIF orientation is the reader's
 * business (samc_photo_read does it). Deterministic.
 * Source: SamPredictor.set_image, ImageEncoderViT.
 * Errors: ARGUMENT, MODEL (a decoder alone), MEMORY, CANCELLED. */
SAMC_API samc_status samc_encode(samc_context *context, const samc_model *model,
                                 const samc_image *image, const samc_encode_options *options,
                                 samc_embedding **embedding, samc_error *error);
/* Frees the embedding; no call may be running with it. */
SAMC_API void samc_embedding_free(samc_embedding *embedding);

/* The width and height of the photo, in pixels. */
SAMC_API void samc_embedding_photo_size(const samc_embedding *embedding, int32_t *width,
                                        int32_t *height);
/* The image embedding itself, f32 [embedding_dim][embedding_size][embedding_size]; it lives as long
 * as `embedding`. */
SAMC_API const float *samc_embedding_data(const samc_embedding *embedding);

/* How saved numbers are written. */
typedef enum samc_float { SAMC_F32 = 0, SAMC_F16 = 1 } samc_float;

/* Saves an embedding as a safetensors file: tensor "image_embedding" and, as metadata, the format's
 * version, the photo's size and the model's identity. The file appears whole or not at all.
 * Errors: ARGUMENT, IO, MEMORY. */
SAMC_API samc_status samc_embedding_save(const samc_embedding *embedding, const char *path,
                                         samc_float type, samc_error *error);
/* Loads it back for the same model. Errors: IO, FORMAT, MODEL (made by another model), MEMORY. */
SAMC_API samc_status samc_embedding_load(const samc_model *model, const char *path,
                                         samc_embedding **embedding, samc_error *error);
/* The bytes of the file that samc_embedding_save writes; free them with samc_bytes_free. Errors:
 * ARGUMENT, MODEL (a number that does not fit f16), MEMORY. */
SAMC_API samc_status samc_embedding_save_memory(const samc_embedding *embedding, samc_float type,
                                                void **bytes, size_t *size, samc_error *error);
/* Loads such bytes, which may be freed after the call. Errors: as samc_embedding_load, without IO.
 */
SAMC_API samc_status samc_embedding_load_memory(const samc_model *model, const void *bytes,
                                                size_t size, samc_embedding **embedding,
                                                samc_error *error);

/* ------------------------------------------------------------------------------------------------
 * Embedding + prompts -> masks
 * --------------------------------------------------------------------------------------------- */

/* What to segment: one object. At least one of points, box and mask_input must be there. */
typedef struct samc_prompt {
    size_t struct_size;
    const float *points;   /* [n_points][2] (x, y) in pixels, finite, 0 <= x <= width, same for y */
    const int32_t *labels; /* [n_points]: 1 this belongs to the object, 0 it does not */
    size_t n_points;       /* at most 1024 */
    const float *box;      /* xyxy, finite, x0 <= x1, y0 <= y1, inside the photo; or NULL */
    const float *mask_input; /* [low_res_size][low_res_size] logits, finite, in the frame of
                                samc_masks.low_res_logits; or NULL */
} samc_prompt;
#define SAMC_PROMPT_INIT                                                                           \
    {                                                                                              \
        sizeof(samc_prompt), NULL, NULL, 0, NULL, NULL                                             \
    }

typedef struct samc_predict_options {
    size_t struct_size;
    int32_t multimask;      /* 0: one mask a prompt (the decoder's mask 0); 1: three (masks 1..3) */
    int32_t want_masks;     /* fill masks and stability_score; default 1 */
    int32_t want_logits;    /* fill logits (full resolution, before the threshold); default 0 */
    float mask_threshold;   /* a pixel is in the mask if its logit is > this; default 0 */
    float stability_offset; /* default 1: see samc_masks.stability_score */
    samc_progress_fn progress;
    void *user;
} samc_predict_options;
#define SAMC_PREDICT_OPTIONS_INIT                                                                  \
    {                                                                                              \
        sizeof(samc_predict_options), 0, 1, 0, 0.0f, 1.0f, NULL, NULL                              \
    }

/* The answer. Begin with SAMC_MASKS_INIT. A pointer that is NULL before the call is allocated by
 * the call and freed by samc_masks_free; one that is not is the caller's buffer, large enough for
 * the shape given here, and stays the caller's. P prompts, M masks a prompt (1 or 3), S
 * low_res_size, H and W the photo's height and width. */
typedef struct samc_masks {
    size_t struct_size;
    int32_t n_prompts;      /* P */
    int32_t n_masks;        /* M */
    int32_t height;         /* H */
    int32_t width;          /* W */
    int32_t low_res_size;   /* S */
    float *predicted_iou;   /* [P][M] the decoder's own estimate; not clamped */
    float *stability_score; /* [P][M] area(logit > threshold + offset) / area(logit > threshold -
                               offset), 0 where the latter is empty; if want_masks */
    float *low_res_logits;  /* [P][M][S][S], the padded square frame; feed back as mask_input */
    uint8_t *masks;         /* [P][M][H][W], 0 or 1; if want_masks */
    float *logits;          /* [P][M][H][W]; if want_logits */
    uint32_t owned;         /* the library's own note of what it allocated */
} samc_masks;
#define SAMC_MASKS_INIT                                                                            \
    {                                                                                              \
        sizeof(samc_masks), 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, 0                         \
    }

/* Predicts masks for `n_prompts` objects of one photo; each prompt stands for itself, and the
 * answer for a prompt does not depend on the others of the call. Source:
 * SamPredictor.predict_torch, MaskDecoder, Sam.postprocess_masks. Errors: ARGUMENT, PROMPT (says
 * which prompt and which point), MEMORY, CANCELLED. */
SAMC_API samc_status samc_predict(samc_context *context, const samc_model *model,
                                  const samc_embedding *embedding, const samc_prompt *prompts,
                                  size_t n_prompts, const samc_predict_options *options,
                                  samc_masks *masks, samc_error *error);
/* Frees what the library allocated in `masks` and sets those pointers to NULL. */
SAMC_API void samc_masks_free(samc_masks *masks);

/* One photo of a samc_segment call, and what to find in it. */
typedef struct samc_request {
    size_t struct_size;
    const samc_image *image;    /* the photo */
    const samc_prompt *prompts; /* [n_prompts]: as samc_predict takes them */
    size_t n_prompts;
} samc_request;
#define SAMC_REQUEST_INIT                                                                          \
    {                                                                                              \
        sizeof(samc_request), NULL, NULL, 0                                                        \
    }

/* Several photos in one call, each with prompts of its own: for requests[i] fills masks[i], which
 * begins with SAMC_MASKS_INIT like that of samc_predict, and is freed the same way. `options` hold
 * for every photo; their progress runs from 0 to 1 over all of them. Photos are worked on one after
 * the other, all threads at each, so that one embedding is held at a time; the answers are those of
 * samc_encode and samc_predict, bit by bit. Whoever wants a second round on a photo keeps its
 * embedding and calls these two. All requests are looked at before the first photo is encoded; on
 * failure no masks[i] was changed. Source: Sam.forward. Errors: those of samc_encode and
 * samc_predict; the message says which photo. */
SAMC_API samc_status samc_segment(samc_context *context, const samc_model *model,
                                  const samc_request *requests, size_t n_requests,
                                  const samc_predict_options *options, samc_masks *masks,
                                  samc_error *error);

/* Turns a drawn mask (pixels > 127 are inside) of the photo's size into logits that can stand as
 * samc_prompt.mask_input: f32 [low_res_size][low_res_size] into `logits`.
 * `stride` is in bytes. Errors: ARGUMENT. */
SAMC_API samc_status samc_mask_to_logits(const samc_model *model, const uint8_t *mask,
                                         int32_t width, int32_t height, size_t stride,
                                         float *logits, samc_error *error);

/* ------------------------------------------------------------------------------------------------
 * Masks as data
 *
 * A binary mask as the lengths of its runs, in COCO's order: down the columns, the left one first,
 * runs of zeros and ones in turn and zeros first (a mask that begins inside has 0 there). Nothing
 * here needs a context or a model; sides are 1 to 65535 pixels. Answers are those of
 * pycocotools.mask, over which `make parity-rle` compares a million masks.
 * --------------------------------------------------------------------------------------------- */

/* Begin with SAMC_RLE_INIT; free with samc_rle_free. The counts sum to height * width: functions
 * that fill an samc_rle see to it, the others rely on it. Runs are of 64 bits. */
typedef struct samc_rle {
    int32_t height;
    int32_t width;
    size_t n_counts;
    uint64_t *counts;
} samc_rle;
#define SAMC_RLE_INIT                                                                              \
    {                                                                                              \
        0, 0, 0, NULL                                                                              \
    }

/* Encodes mask [height][width], rows `stride` bytes apart, any byte but 0 is inside. What comes out
 * is canonical: only the first count may be 0. Errors: ARGUMENT (a side outside 1..65535, a stride
 * below the width), MEMORY. */
SAMC_API samc_status samc_rle_encode(const uint8_t *mask, int32_t height, int32_t width,
                                     size_t stride, samc_rle *rle, samc_error *error);
/* Copies `n_counts` counts of a file. Errors: ARGUMENT (a side), FORMAT (their sum is not height *
 * width), MEMORY. */
SAMC_API samc_status samc_rle_from_counts(const uint64_t *counts, size_t n_counts, int32_t height,
                                          int32_t width, samc_rle *rle, samc_error *error);
/* Reads COCO's compressed string ("counts" of an annotation), in which a count is its difference to
 * the one two before it, 5 bits a character. `length` characters are looked at; no NUL is needed.
 * Errors: ARGUMENT (a side), FORMAT (a foreign character, a count that is cut off, too long or
 * negative, counts that do not sum to height * width), MEMORY. */
SAMC_API samc_status samc_rle_from_string(const char *text, size_t length, int32_t height,
                                          int32_t width, samc_rle *rle, samc_error *error);
/* Writes COCO's string, NUL-terminated, into *text; free with free(). Errors: MEMORY. */
SAMC_API samc_status samc_rle_to_string(const samc_rle *rle, char **text, samc_error *error);
/* Writes 0 and 1 into mask [height][width], rows `stride` bytes apart. */
SAMC_API void samc_rle_decode(const samc_rle *rle, uint8_t *mask, size_t stride);
/* Frees the counts and clears the struct; a cleared one is fine. */
SAMC_API void samc_rle_free(samc_rle *rle);
/* Frees a list of `count` masks and the list; NULL is fine. */
SAMC_API void samc_rle_list_free(samc_rle *list, size_t count);

/* How many pixels are inside. */
SAMC_API uint64_t samc_rle_area(const samc_rle *rle);
/* The bounding box x, y, w, h in pixels, w and h counting pixels; four zeros for an empty mask. */
SAMC_API void samc_rle_box(const samc_rle *rle, int32_t box[4]);
/* How many pixels are inside both; 0 where the sizes differ. */
SAMC_API uint64_t samc_rle_intersection(const samc_rle *a, const samc_rle *b);
/* Intersection over union, 0..1, without decoding; 0 if nothing is shared, -1 where the sizes
 * differ. If `b` is a crowd (COCO's iscrowd), `a` need only lie in it: over the area of `a`. */
SAMC_API double samc_rle_iou(const samc_rle *a, const samc_rle *b, int crowd);

/* How masks become one. */
typedef enum samc_merge {
    SAMC_MERGE_UNION = 1,        /* inside any */
    SAMC_MERGE_INTERSECTION = 2, /* inside all */
    SAMC_MERGE_DIFFERENCE = 3    /* inside the first and none of the others */
} samc_merge;

/* Merges `n` masks of one size, at least one, into `merged`, which is none of them. Errors:
 * ARGUMENT (no mask, sizes that differ), MEMORY. */
SAMC_API samc_status samc_rle_merge(const samc_rle *rles, size_t n, samc_merge how,
                                    samc_rle *merged, samc_error *error);
/* Suppression of near-duplicates: from the highest score down (scores NULL, or equal: in their
 * order), keep[i] [n] becomes 1 where mask i has IoU <= threshold with all that were kept before,
 * else 0. Errors: ARGUMENT (sizes that differ), MEMORY. */
SAMC_API samc_status samc_rle_nms(const samc_rle *rles, const double *scores, size_t n,
                                  double threshold, uint8_t *keep, samc_error *error);

/* The connected regions of a mask (pixels that touch by a side or a corner), each a mask, in the
 * order of their first pixel in COCO's order; free with samc_rle_list_free. Errors: MEMORY. */
SAMC_API samc_status samc_rle_regions(const samc_rle *rle, samc_rle **list, size_t *count,
                                      samc_error *error);
/* Fills the holes, regions of the background, of less than `area` pixels (UINT64_MAX: all); those
 * that touch the picture's edge, and so are no true holes, only if `at_edge` (the reference does).
 * `changed` (may be NULL) is how many. `filled` is not `rle`. Source: remove_small_regions.
 * Errors: MEMORY. */
SAMC_API samc_status samc_rle_fill_holes(const samc_rle *rle, uint64_t area, int at_edge,
                                         samc_rle *filled, size_t *changed, samc_error *error);
/* Drops the regions of less than `area` pixels; if all are, the largest stays (UINT64_MAX: only the
 * largest stays). `changed` (may be NULL) is how many went. `left` is not `rle`. Source:
 * remove_small_regions. Errors: MEMORY. */
SAMC_API samc_status samc_rle_drop_islands(const samc_rle *rle, uint64_t area, samc_rle *left,
                                           size_t *changed, samc_error *error);

/* What lies beyond the picture, for distances. */
typedef enum samc_border {
    SAMC_BORDER_OUTSIDE, /* the pixels just beyond the picture are background */
    SAMC_BORDER_UNKNOWN  /* there is nothing beyond the picture */
} samc_border;
/* The distance where there is no background at all. */
#define SAMC_DISTANCE_NONE INT64_MAX

/* The exact Euclidean distance transform, squared so that it stays a whole number: squared [height]
 * [width] is the squared distance in pixels, centre to centre, from each pixel of mask [height]
 * [width] (rows without gaps, any byte but 0 is inside) to the nearest one of the background; 0
 * outside the mask. Linear in the number of pixels. Source: Felzenszwalb & Huttenlocher, "Distance
 * Transforms of Sampled Functions" (2012): 1-D transforms by the lower envelope of parabolas; in
 * whole numbers as Meijster, Roerdink and Hesselink, "A General Algorithm for Computing Distance
 * Transforms in Linear Time" (2000). The root equals OpenCV's distanceTransform(DIST_L2,
 * DIST_MASK_PRECISE) and SciPy's distance_transform_edt. Errors: ARGUMENT (a side), MEMORY. */
SAMC_API samc_status samc_distance_squared(const uint8_t *mask, int32_t height, int32_t width,
                                           samc_border border, int64_t *squared, samc_error *error);

/* Outlines: closed rings of points in pixels, the origin at the top left corner of the top left
 * pixel. An outer ring goes clockwise, its holes follow it and go the other way. Begin with
 * SAMC_POLYGONS_INIT; free with samc_polygons_free. */
typedef struct samc_polygons {
    size_t n_rings;
    size_t *starts; /* [n_rings + 1] ring i has the points starts[i] to starts[i + 1] - 1 */
    size_t *outer;  /* [n_rings] i itself, or for a hole the ring that it lies in */
    double *xy;     /* [starts[n_rings]][2] */
} samc_polygons;
#define SAMC_POLYGONS_INIT                                                                         \
    {                                                                                              \
        0, NULL, NULL, NULL                                                                        \
    }

/* Traces a mask along the edges of its pixels. With tolerance 0 filling the rings gives the same
 * mask again; with a larger one rings lose points (Douglas & Peucker) as long as no part of the
 * exact outline is farther than `tolerance` pixels from what is left; holes that vanish so are left
 * out, regions never. Errors: ARGUMENT (tolerance), LIMIT (2^31 pixels or more in the mask's box),
 * MEMORY. */
SAMC_API samc_status samc_polygons_trace(const samc_rle *rle, double tolerance,
                                         samc_polygons *polygons, samc_error *error);
/* Makes one ring of each outer ring and its holes, by cuts without width that lead over and back:
 * COCO's polygons know no holes. Filled by the even-odd rule, or by winding, the area is the same.
 * Errors: MEMORY. */
SAMC_API samc_status samc_polygons_join(const samc_polygons *polygons, samc_polygons *joined,
                                        samc_error *error);
/* Fills the rings, all together by the even-odd rule, as pycocotools' frPyObjects fills one: points
 * are rounded to fifths of a pixel. They may lie outside the picture. Errors: ARGUMENT (a side),
 * FORMAT (a ring of less than three points, a coordinate that is not finite or over 10^6), MEMORY.
 */
SAMC_API samc_status samc_polygons_fill(const samc_polygons *polygons, int32_t height,
                                        int32_t width, samc_rle *rle, samc_error *error);
/* Frees what the struct holds and clears it; a cleared one is fine. */
SAMC_API void samc_polygons_free(samc_polygons *polygons);

/* ------------------------------------------------------------------------------------------------
 * Everything in a photo
 * --------------------------------------------------------------------------------------------- */

/* One mask that samc_generate found. It and what it points to live until the callback returns. */
typedef struct samc_mask_record {
    size_t struct_size;
    size_t index, count;   /* this is mask `index` of `count` that come in all */
    int32_t width, height; /* of the photo */
    const samc_rle *mask;  /* as run lengths; samc_rle_decode makes pixels of it */
    const char *rle;       /* the same as COCO's compressed string */
    int64_t area;          /* pixels inside */
    int32_t box[4];        /* xywh; w and h are the last column and row minus the first, as the
                              reference has it; zeros for an empty mask */
    float predicted_iou;   /* the decoder's own estimate */
    float stability_score; /* see samc_masks.stability_score */
    double point[2];       /* (x, y) of the prompt, in pixels of the photo */
    int32_t crop_box[4];   /* xywh of the crop it was found in */
} samc_mask_record;

/* Takes one mask, on the thread that made the call. Return 0 for the next one; any other value ends
 * the call with SAMC_ERROR_CANCELLED. */
typedef int (*samc_mask_fn)(void *user, const samc_mask_record *record);

/* Points to ask at, in the unit square: (0, 0) is the crop's top left corner, (1, 1) the other. */
typedef struct samc_point_grid {
    const double *points; /* [n][2] (x, y), 0..1 */
    size_t n;             /* at most 2^20 */
} samc_point_grid;

typedef struct samc_generate_options {
    size_t struct_size;
    int32_t points_per_side;  /* n x n points in the photo; 1..1024, or 0 with point_grids */
    int32_t points_per_batch; /* prompts between two calls of `progress`; the masks do not depend on
                                 it. 1..2^20 */
    float pred_iou_thresh;    /* masks with a higher predicted IoU stay; <= 0: all do */
    float stability_score_thresh; /* masks with at least this stability score stay; <= 0: all do */
    float stability_score_offset;
    double box_nms_thresh;     /* of two masks of one crop whose boxes have a higher IoU, that
                                    with the lower predicted IoU goes */
    int32_t crop_n_layers;     /* 0..8: layer i > 0 is asked in 4^i overlapping crops besides */
    double crop_nms_thresh;    /* of two masks of different crops: that of the larger crop goes */
    double crop_overlap_ratio; /* 0..1, of the photo's shorter side in layer 1 */
    int32_t
        crop_n_points_downscale_factor; /* layer i has points_per_side / factor^i a side; >= 1 */
    const samc_point_grid *point_grids; /* [n_point_grids], one a layer, instead of
                                               points_per_side; or NULL */
    size_t n_point_grids;
    int64_t min_mask_region_area; /* > 0: smaller holes are filled and smaller islands dropped, then
                                     duplicates once more */
    int64_t min_mask_area; /* > 0: masks of fewer pixels are left out. Not in the reference */
    float mask_threshold;  /* a pixel is in the mask if its logit is higher */
    int32_t
        exact; /* 1: the reference's mistakes too. A photo without masks fails if it was cut into
                      crops; a crop without pixels fails (else it is passed over); an empty mask has
                      stability NaN instead of 0 and fails the threshold; a row of more than 32767
                      pixels inside counts as negative in the stability score */
    samc_progress_fn progress;
    void *user; /* handed to progress */
} samc_generate_options;
#define SAMC_GENERATE_OPTIONS_INIT                                                                 \
    {                                                                                              \
        sizeof(samc_generate_options), 32, 64, 0.88f, 0.95f, 1.0f, 0.7, 0, 0.7, 512.0 / 1500.0, 1, \
            NULL, 0, 0, 0, 0.0f, 0, NULL, NULL                                                     \
    }

/* Sets those of `options` that the model's own file recommends instead of the reference's; the
 * others stay as they are. These are pred_iou_thresh and stability_score_thresh, of a file that
 * `samc convert --thresholds` or `samc export --thresholds` wrote (the model that samc comes with:
 * it is less sure of itself than Meta's). Of any other file, Meta's own among them, nothing is
 * recommended, and nothing changes. Call it between SAMC_GENERATE_OPTIONS_INIT and what you set
 * yourself. Errors: ARGUMENT. */
SAMC_API samc_status samc_model_recommend(const samc_model *model, samc_generate_options *options,
                                          samc_error *error);

/* Finds the masks of everything in a photo: asks the model at a grid of points, drops what it is
 * not sure of, what is not stable, what is cut off by a crop's edge, and duplicates; hands what is
 * left to `take`, best first (of several crops, the smallest first). `options` may be NULL for the
 * defaults: the reference's, but what samc_model_recommend sets. Masks come when all are found;
 * until then the call holds their run lengths, and of pixels never more than some rows. Order and
 * numbers do not depend on threads or batches. Source: SamAutomaticMaskGenerator.
 * Errors: ARGUMENT, MEMORY, CANCELLED (by `progress` or `take`), UNSUPPORTED (a model without three
 * masks a prompt; a mistake of the reference that was asked for). */
SAMC_API samc_status samc_generate(samc_context *context, const samc_model *model,
                                   const samc_image *image, const samc_generate_options *options,
                                   samc_mask_fn take, void *take_user, samc_error *error);
/* The same from an embedding that is there already. Without pixels there are no crops: ARGUMENT if
 * options->crop_n_layers is not 0. */
SAMC_API samc_status samc_generate_from_embedding(samc_context *context, const samc_model *model,
                                                  const samc_embedding *embedding,
                                                  const samc_generate_options *options,
                                                  samc_mask_fn take, void *take_user,
                                                  samc_error *error);

#ifdef __cplusplus
}
#endif

#endif /* SAMC_H */
