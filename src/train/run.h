/* SPDX-License-Identifier: Apache-2.0
 *
 * Run: a training run in a folder, from its beginning or from where it stopped: of a model on
 * masks, or of its image encoder on pixels (pre-training).
 *
 *   checkpoint.safetensors, checkpoint.safetensors.previous    train/checkpoint.h
 *   metrics.csv    a row every so many steps, its columns named in the first line. Rows of steps
 *                  that a killed run did and that are done again are dropped when it resumes.
 *   report.html    the same to look at (train/report.h), written with every checkpoint
 *
 * Beside what checkpoint.h lists, a checkpoint's metadata holds: settings (settings.h), seconds and
 * cpu_seconds that the steps took (all threads), photos seen, and from: the model it began with.
 * That of a pre-training run is a whole model too (prompt encoder and decoder are as it found
 * them), and has the head's tensors beside it (mae.h).
 *
 * Ranks (ranks.h) share the photos of every step; the run is the same one, on however many of them
 * it began, goes on or ends, up to the rounding of sums. Each reads the model or the checkpoint;
 * rank 0 writes all files. Where one stops, all stop after the same step.
 */
#ifndef SAMC_TRAIN_RUN_H
#define SAMC_TRAIN_RUN_H

#include "train/checkpoint.h"
#include "train/trainer.h"

/* Where the run stands, after a step. Means are over the steps since the row before. */
typedef struct samc_run_tick {
    int64_t step;            /* steps done */
    int64_t steps;           /* to do in all; 0: no end is set */
    double seconds;          /* in steps, of the whole run */
    double speed;            /* photos a second */
    double seconds_left;     /* negative: not known */
    int row;                 /* 1: the figures are new and were written to metrics.csv */
    samc_rounds_report mean; /* sums over prompts are divided too: box_iou … are means of 0..1 */
    double rate, norm;
    int64_t skipped; /* steps without update since the row before: their gradient was not finite */
} samc_run_tick;

/* Returns 1 to stop the run: it then saves its checkpoint and ends well. */
typedef int (*samc_run_tick_fn)(void *user, const samc_run_tick *tick);

typedef struct samc_run_options {
    const char *folder;  /* created if missing */
    int pretrain;        /* 1: on pixels (mae.h) instead of masks; its settings are the others' */
    const char *from;    /* model or checkpoint to start from; not looked at where `resume` */
    const char *fresh;   /* or NULL: in place of `from`, new weights of this size (fresh.h) */
    const char *encoder; /* or NULL: a model or checkpoint whose image encoder is taken instead */
    int32_t image_size;  /* or 0: what is started from sees photos of this size from now on
                            (image_size.h); not looked at where `resume` */
    int resume;          /* 1: go on from the folder's checkpoint */
    int ema;             /* 1: start from the average where `from` is a checkpoint */
    int other_recipe;    /* 1: resume although the recipe has changed */
    uint64_t seed;       /* not looked at where `resume` */
    const char *const *settings; /* "name=value"; what they do not name has its default, or the
                                    checkpoint's value */
    size_t n_settings;
    double save_minutes; /* a checkpoint that often; 0: at the end only */
    int64_t save_steps;  /* the same in steps; 0: by time only */
    int64_t row_steps;   /* a row of metrics.csv that often */
    double minutes;      /* stop after that many of this call; 0: no limit */
    /* With freeze-encoder: embeddings that are kept (embeddings.h; its note and user are those
     * below). Not a setting: it changes times and nothing else. Neither memory nor a folder:
     * none. */
    samc_embeddings_options keep;
    const char *recipe;        /* its text … */
    samc_samples *samples;     /* … and its samples */
    samc_run_tick_fn tick;     /* may be NULL */
    samc_samples_note_fn note; /* may be NULL: hears of a damaged checkpoint and the like */
    void *user;
    samc_ranks *ranks; /* NULL: this process trains alone */
} samc_run_options;

/* Trains until the settings' `steps` are done, the minutes are over, or `tick` says so, and saves.
 * With ranks: together, and all return the same, unless ranks->apart. Errors: MODEL (what
 * it begins with cannot be read or used), IO (a file of the run cannot be written), FORMAT (a
 * source of the recipe), ARGUMENT, MEMORY; the last checkpoint stays whole. */
samc_status samc_run(samc_context *context, const samc_run_options *options, samc_error *error);

/* "fnv1a:" and 16 hex digits: tells texts of recipes apart. */
void samc_run_recipe_hash(const char *text, char hash[SAMC_CHECKPOINT_RECIPE]);

#endif
