/* SPDX-License-Identifier: Apache-2.0
 *
 * Checkpoint: the whole state of a training run in one safetensors file, and the model taken out of
 * it.
 *
 *   NAME              the values, under the official names: the file is a model that loads anywhere
 *   ema.NAME          their moving average
 *   optimizer.m.NAME, optimizer.v.NAME    AdamW's means
 *   __metadata__      format "samc training", format_version "1", samc_version, model, image_size,
 *                     decoder_heads, step, seed, recipe; and what the trainer adds
 *
 * All numbers are f32, bit by bit: a run that resumes goes on as if it had never stopped. (The
 * random numbers of training are functions of seed and step, so there is no state of theirs to
 * keep.)
 */
#ifndef SAMC_TRAIN_CHECKPOINT_H
#define SAMC_TRAIN_CHECKPOINT_H

#include "model/thresholds.h"
#include "train/params.h"
#include "weights/safetensors.h"

/* The longest name of a recipe, with its NUL. */
#define SAMC_CHECKPOINT_RECIPE 72

/* Where a run stands. */
typedef struct samc_checkpoint_state {
    int64_t step; /* steps of the optimiser that are done */
    uint64_t seed;
    /* What tells recipes apart, such as a hash of the text: a run must not silently resume with
     * another one. */
    char recipe[SAMC_CHECKPOINT_RECIPE];
} samc_checkpoint_state;

/* Writes PATH: at first as PATH.new, synced, then by renaming, so that at any moment of a kill or a
 * power cut PATH or PATH.previous (what PATH was before) is whole; `metadata` is written beside
 * what is listed above. Temporary files that dead processes have left are removed. Values that are
 * not finite are refused: the files stay as they were. Errors: IO, MODEL (names the tensor),
 * MEMORY. */
samc_status samc_checkpoint_save(const char *path, const samc_params *params,
                                 const samc_checkpoint_state *state, const samc_metadata *metadata,
                                 size_t n_metadata, samc_error *error);

/* Opens PATH, or, where that is missing or damaged, PATH.previous: then `note` (may be NULL) says
 * why; its status is SAMC_OK otherwise. Errors: those of samc_tensors_open for PATH. */
samc_status samc_checkpoint_open(const char *path, samc_tensors **tensors, samc_error *note,
                                 samc_error *error);
/* 1 if the file is one that samc_checkpoint_save wrote, not just a model. */
int samc_checkpoint_is_training(const samc_tensors *tensors);
/* Loads the run; `more` as in samc_params_load. Errors: FORMAT (no training checkpoint, or its
 * metadata is damaged), MODEL (names the tensors that are missing, misshapen or not finite),
 * MEMORY. */
samc_status samc_checkpoint_restore(const samc_tensors *tensors, const char *more,
                                    samc_params *params, samc_checkpoint_state *state,
                                    samc_error *error);

/* Which of a checkpoint's weights. */
typedef enum samc_checkpoint_weights {
    SAMC_CHECKPOINT_BEST, /* the average where there is one, else the values */
    SAMC_CHECKPOINT_RAW,  /* the values */
    SAMC_CHECKPOINT_EMA   /* the average */
} samc_checkpoint_weights;

/* What kind of file a model becomes. */
typedef enum samc_checkpoint_format {
    SAMC_CHECKPOINT_SAFETENSORS, /* with the configuration as metadata */
    SAMC_CHECKPOINT_PTH /* Meta's layout, which PyTorch loads; it has no place for metadata */
} samc_checkpoint_format;

/* How a model is written. */
typedef struct samc_checkpoint_output {
    const char *path;
    samc_checkpoint_format format;
    samc_dtype dtype;                  /* F32, F16 or BF16 */
    const samc_thresholds *thresholds; /* what it recommends; NULL: what the checkpoint does */
} samc_checkpoint_output;

/* Writes the plain model of a checkpoint, whether of a run or not, in its order. Everything is
 * checked as when a model loads. Errors: MODEL, IO, UNSUPPORTED, ARGUMENT, MEMORY. */
samc_status samc_checkpoint_export(const samc_tensors *tensors, samc_checkpoint_weights weights,
                                   const samc_checkpoint_output *output, samc_error *error);

#endif
