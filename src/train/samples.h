/* SPDX-License-Identifier: Apache-2.0
 *
 * Samples: what the trainer learns from. A recipe (a small JSON file, docs/TRAINING.md) names
 * sources and their weights; every sample is a photo in the model's square with masks of what is in
 * it. Real photos are cropped, flipped and re-coloured, unless the recipe says that they are shown
 * as they are; composites are made of cut-outs on backgrounds, ever new ones or a pool of so many.
 *
 * Sample `index` of seed `seed` is a function of the recipe's files and of these two numbers alone:
 * no order of calls, no number of threads and no cache changes a byte of it. So a run that resumes
 * sees what an unbroken one sees, and ranks (ranks.h) share the indices of a step among them.
 */
#ifndef SAMC_TRAIN_SAMPLES_H
#define SAMC_TRAIN_SAMPLES_H

#include "base/status.h"

/* What a pixel of a mask holds: 1 the object, 0 not it, or this: unknown, counts for nothing. */
#define SAMC_SAMPLE_IGNORE 255

/* Limits of samc_samples_get. */
#define SAMC_SAMPLE_MIN_SIZE 32
#define SAMC_SAMPLE_MAX_SIZE 2048
#define SAMC_SAMPLE_MAX_MASKS 256

/* Begin with {0}; owned, free with samc_sample_free. */
typedef struct samc_sample {
    int32_t size;          /* S: the side of the square, the model's image_size */
    int32_t width, height; /* of the photo's rectangle at the top left; the longer one is S */
    int32_t n_masks;       /* 1..max_masks; 0: a photo without masks */
    uint8_t *pixels;       /* [S][S][3] RGB; zero outside the rectangle */
    uint8_t *masks;        /* [n_masks][S][S] 0, 1 or SAMC_SAMPLE_IGNORE; zero outside it */
    char **labels;         /* [n_masks] a class ("shirt") or a few words ("A cat."), UTF-8; NULL:
                              the source does not say */
    char *caption;         /* of the whole photo, or NULL */
    char *identity;        /* which files it is made of, for messages; never NULL */
    int32_t repeats;       /* 1: other samples have the very same pixels (masks may differ) */
} samc_sample;

void samc_sample_free(samc_sample *sample);

/* Hears of every file that cannot be used, once a file; may be called from any thread that is in
 * samc_samples_get, by one at a time. `message` is a sentence that names the file. */
typedef void (*samc_samples_note_fn)(void *user, const char *message);

/* A mixture of sources. Immutable to the caller: any number of threads may draw at once. */
typedef struct samc_samples samc_samples;

/* Reads the recipe and lists the files of its sources; no photo is decoded yet. ${NAME} in a path
 * is the environment's variable, a relative path starts at the recipe's folder. `note` may be NULL.
 * Errors: IO (the recipe or a folder cannot be read), FORMAT (the message names the value), LIMIT,
 * MEMORY. */
samc_status samc_samples_open(const char *recipe, samc_samples_note_fn note, void *user,
                              samc_samples **samples, samc_error *error);
/* The same from JSON text; relative paths start at `folder`. `name` stands for it in messages. */
samc_status samc_samples_open_text(const char *text, const char *name, const char *folder,
                                   samc_samples_note_fn note, void *user, samc_samples **samples,
                                   samc_error *error);
/* No thread may be drawing. */
void samc_samples_free(samc_samples *samples);

/* 1: some source shows the same pixels again and again (samc_sample.repeats). */
int samc_samples_repeat(const samc_samples *samples);
/* 1: every sample has masks; 0: some source is of photos without any. */
int samc_samples_have_masks(const samc_samples *samples);

/* Makes sample `index` for a model of image size `size`, with at least one (but for photos without
 * masks) and at most `max_masks` masks; none covers more than 90 % of the photo, none is tiny (the
 * recipe's min_area). Where there are more, some are drawn. A file that cannot be used is named
 * through `note` and another one is drawn in its place. Errors: ARGUMENT (size outside
 * SAMC_SAMPLE_MIN_SIZE..MAX_SIZE, max_masks outside 1..SAMC_SAMPLE_MAX_MASKS), FORMAT (a source has
 * no file that can be used), MEMORY. */
samc_status samc_samples_get(samc_samples *samples, uint64_t seed, uint64_t index, int32_t size,
                             int32_t max_masks, samc_sample *sample, samc_error *error);

#endif
