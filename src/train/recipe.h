/* SPDX-License-Identifier: Apache-2.0
 *
 * Recipe: which sources samples are drawn from, read from JSON (docs/TRAINING.md), with the
 * files of each source listed.
 */
#ifndef SAMC_TRAIN_RECIPE_H
#define SAMC_TRAIN_RECIPE_H

#include "base/random.h"
#include "dataset/coco.h"
#include "dataset/files.h"
#include "dataset/labelmap.h"
#include "train/samples.h"

typedef enum samc_source_type {
    SAMC_SOURCE_LABELMAP,  /* files: the photos */
    SAMC_SOURCE_SA1B,      /* files: the JSONs */
    SAMC_SOURCE_COCO,      /* no files: the index */
    SAMC_SOURCE_COMPOSITE, /* no files of its own: see below */
    SAMC_SOURCE_PHOTOS,    /* a composite's background, or samples without masks; files: photos */
    SAMC_SOURCE_CUTOUTS,   /* a composite's object; files: PNGs */
    SAMC_SOURCE_SHAPES     /* a composite's object; no files */
} samc_source_type;

typedef struct samc_source samc_source;
struct samc_source {
    samc_source_type type;
    double weight;
    char *name; /* its type and folder, for messages */
    samc_files files;
    int64_t max_pixels; /* larger files are refused */

    uint8_t *bad; /* [samc_source_files] 1: was found to be unusable, and said so */

    samc_label_names names;               /* label map */
    uint8_t ignore[SAMC_LABELMAP_VALUES]; /* label map: 1: the value means unknown */
    char *whole;                          /* label map: what all labels together are; or NULL */
    double whole_weight;                  /* how gladly that is drawn (train/parts.h) */
    samc_coco coco;
    char *folder; /* COCO: of the photos */

    size_t n_objects, n_backgrounds; /* composite: what is pasted, and on what (may be 0) */
    samc_source *objects, *backgrounds;
    int32_t count[2]; /* composite: fewest and most objects */
    double groups;    /* composite: how gladly all of one label are asked for, an object being 1 */
    double side_by_side; /* composite: share of the scenes whose objects stand in a row */
    int32_t pool;        /* composite: so many scenes, which come again; 0: ever new ones */
    int32_t plain;       /* 1: its photos are shown whole and as they are */
};

/* The most sources of one list. */
#define SAMC_RECIPE_MAX_SOURCES 64

typedef struct samc_recipe {
    double min_area; /* share of the photo's rectangle that a mask has at least */
    size_t cache_bytes;
    size_t n_sources;
    samc_source *sources;
} samc_recipe;

/* Reads the recipe's text; `name` stands for it in messages, relative paths start at `folder`. A
 * source that is optional and cannot be opened is left out, and `note` (may be NULL) hears of it.
 * Errors: IO, FORMAT, LIMIT, MEMORY. */
samc_status samc_recipe_read(const char *text, const char *name, const char *folder,
                             samc_samples_note_fn note, void *user, samc_recipe *recipe,
                             samc_error *error);
void samc_recipe_free(samc_recipe *recipe);

/* Draws one of a list by weight. */
samc_source *samc_source_draw(samc_source *sources, size_t n, samc_random *random);
/* How many files a source can draw from. */
size_t samc_source_files(const samc_source *source);

#endif
