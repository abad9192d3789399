/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "train/run.h"

#include "base/hash.h"
#include "base/memory.h"
#include "segment/transforms.h"
#include "train/feed.h"
#include "train/fresh.h"
#include "train/image_size.h"
#include "train/metrics.h"
#include "train/report.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define FROM_BYTES 256
#define REPORT_MASKS 8  /* that the report shows */
#define REPORT_PHOTOS 4 /* of pre-training */

typedef struct run {
    const samc_run_options *options;
    samc_params params;
    samc_train_settings settings;
    samc_checkpoint_state state;
    char from[FROM_BYTES];
    double seconds, cpu_seconds; /* in steps, of the whole run */
    int64_t photos;
    char *checkpoint, *metrics, *report; /* paths */
    FILE *stream;
    samc_trainer *trainer;
    samc_feed *feed;
    samc_train_batch batch, next; /* of the last step; of the one to come */
    float *shown;                 /* [REPORT_MASKS][L][L]: answers of the batch's first masks */
    const float *painted;         /* pre-training: of the last step (trainer.h) */
    const uint8_t *hidden;        /* the same */

    samc_run_tick sums; /* since the last row */
    int64_t steps;
    double row_seconds;
    double started, saved; /* by the clock: this call, the last checkpoint */
    int64_t saved_step;
} run;

static double clock_of(clockid_t id)
{
    struct timespec time;

    (void)clock_gettime(id, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

void samc_run_recipe_hash(const char *text, char hash[SAMC_CHECKPOINT_RECIPE])
{
    uint64_t sum = UINT64_C(0xcbf29ce484222325);

    for (; *text; text++)
        sum = (sum ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
    (void)snprintf(hash, SAMC_CHECKPOINT_RECIPE, "fnv1a:%016" PRIx64, sum);
}

/* ---------------------------------------------------------------------------- begin and resume */

static samc_status join(const char *folder, const char *name, char **path, samc_error *error)
{
    const size_t size = strlen(folder) + strlen(name) + 2;

    SAMC_TRY(samc_alloc(size, 1, path, error));
    (void)snprintf(*path, size, "%s/%s", folder, name);
    return SAMC_OK;
}

static samc_status apply_settings(run *r, samc_error *error)
{
    for (size_t i = 0; i < r->options->n_settings; i++)
        SAMC_TRY(samc_train_settings_parse(&r->settings, r->options->settings[i], error));
    if (r->settings.optimizer.schedule != SAMC_SCHEDULE_CONSTANT &&
        r->settings.optimizer.steps <= r->settings.optimizer.warmup)
        return SAMC_FAIL(error, ARGUMENT,
                         "with a schedule that ends, say how many steps the run has: more than the "
                         "warm-up's %lld",
                         (long long)r->settings.optimizer.warmup);
    return SAMC_OK;
}

static double number_of(const samc_tensors *tensors, const char *key)
{
    const char *text = samc_tensors_metadata(tensors, key);
    const double number = text ? strtod(text, NULL) : 0.0;

    return number >= 0.0 && number < 1e15 ? number : 0.0;
}

/* What belongs to the run beside the model's tensors. */
static const char *more_of(const run *r)
{
    return r->options->pretrain ? SAMC_MAE : NULL;
}

static samc_status resume(run *r, samc_error *error)
{
    const samc_run_options *o = r->options;
    const char *settings, *from;
    char hash[SAMC_CHECKPOINT_RECIPE];
    samc_tensors *tensors = NULL;
    samc_status status = SAMC_OK;
    samc_error note;

    SAMC_TRY(samc_checkpoint_open(r->checkpoint, &tensors, &note, error));
    if (note.status != SAMC_OK && o->note && samc_ranks_is_first(o->ranks))
        o->note(o->user, note.message);
    SAMC_CHECK(samc_tensors_verify(tensors, NULL, error));
    settings = samc_tensors_metadata(tensors, "settings");
    r->settings.pretrain = 0;
    if (settings)
        SAMC_CHECK(samc_train_settings_parse(&r->settings, settings, error));
    if (r->settings.pretrain != o->pretrain) {
        status = SAMC_FAIL(error, ARGUMENT, "%s is a run of `samc %s`: go on with that", o->folder,
                           o->pretrain ? "train" : "pretrain");
        goto cleanup;
    }
    SAMC_CHECK(samc_checkpoint_restore(tensors, more_of(r), &r->params, &r->state, error));
    from = samc_tensors_metadata(tensors, "from");
    (void)snprintf(r->from, sizeof r->from, "%s", from ? from : "");
    r->seconds = number_of(tensors, "seconds");
    r->cpu_seconds = number_of(tensors, "cpu_seconds");
    r->photos = (int64_t)number_of(tensors, "photos");
    samc_run_recipe_hash(o->recipe, hash);
    if (strcmp(hash, r->state.recipe) != 0 && !o->other_recipe)
        status = SAMC_FAIL(error, ARGUMENT,
                           "the recipe is not the one that this run began with; if it shall go on "
                           "with the new one, say so (--new-recipe)");
    memcpy(r->state.recipe, hash, sizeof hash);

cleanup:
    samc_tensors_close(tensors);
    return status;
}

/* Loads a model, or a checkpoint's values or average, with fresh moments. */
static samc_status load(const run *r, const char *path, samc_params *params, samc_error *error)
{
    samc_checkpoint_state state;
    samc_tensors *tensors = NULL;
    samc_status status = SAMC_OK;
    size_t bytes;

    SAMC_TRY(samc_tensors_open(path, &tensors, error));
    SAMC_CHECK(samc_tensors_verify(tensors, NULL, error));
    if (!samc_checkpoint_is_training(tensors)) {
        status = samc_params_load(tensors, more_of(r), params, error);
        goto cleanup;
    }
    SAMC_CHECK(samc_checkpoint_restore(tensors, more_of(r), params, &state, error));
    bytes = (size_t)params->total * sizeof(float);
    if (r->options->ema)
        memcpy(params->values, params->ema, bytes);
    else
        memcpy(params->ema, params->values, bytes);
    memset(params->moment1, 0, bytes);
    memset(params->moment2, 0, bytes);

cleanup:
    samc_tensors_close(tensors);
    return status;
}

/* Takes the image encoder of another model, which must be of the same shape. */
static samc_status take_encoder(run *r, const char *path, samc_error *error)
{
    samc_params other = {.list = NULL};
    samc_status status;

    status = load(r, path, &other, error);
    for (size_t i = 0; status == SAMC_OK && i < r->params.n_params; i++) {
        const samc_param *p = &r->params.list[i], *q = samc_params_find(&other, p->name);
        const size_t bytes = (size_t)p->count * sizeof(float);

        if (strncmp(p->name, "image_encoder.", strlen("image_encoder.")) != 0)
            continue;
        if (!q || memcmp(p->shape, q->shape, sizeof p->shape) != 0) {
            status = SAMC_FAIL(error, MODEL, "the image encoder of %s has another shape: %s", path,
                               p->name);
            break;
        }
        memcpy(r->params.values + p->offset, other.values + q->offset, bytes);
        memcpy(r->params.ema + p->offset, other.values + q->offset, bytes);
    }
    samc_params_free(&other);
    return status;
}

/* Starts from a model, with fresh moments. */
static samc_status start(run *r, samc_error *error)
{
    const samc_run_options *o = r->options;
    struct stat info;

    if (samc_ranks_is_first(o->ranks) && stat(r->checkpoint, &info) == 0)
        return SAMC_FAIL(error, ARGUMENT,
                         "%s is there already: resume it (--resume), or take another folder",
                         r->checkpoint);
    if (o->fresh)
        SAMC_TRY(samc_params_fresh(o->fresh, o->seed, &r->params, error));
    else
        SAMC_TRY(load(r, o->from, &r->params, error));
    if (o->encoder)
        SAMC_TRY(take_encoder(r, o->encoder, error));
    if (o->image_size)
        SAMC_TRY(samc_params_set_image_size(&r->params, o->image_size, error));
    if (o->pretrain)
        SAMC_TRY(samc_mae_add(&r->params, o->seed, error));
    r->state = (samc_checkpoint_state){.step = 0, .seed = o->seed};
    samc_run_recipe_hash(o->recipe, r->state.recipe);
    (void)snprintf(r->from, sizeof r->from, "%s%s", o->fresh ? "fresh " : "",
                   o->fresh ? o->fresh : o->from);
    return SAMC_OK;
}

static int64_t area_of(const run *r)
{
    const int64_t side = samc_config_low_res(&r->params.config);

    return side * side;
}

static samc_status keep_embeddings(run *r, samc_error *error)
{
    const samc_run_options *o = r->options;
    samc_embeddings_options keep = o->keep;

    if (!r->settings.freeze_encoder || (keep.memory_bytes == 0 && !keep.folder))
        return SAMC_OK;
    if (!samc_samples_repeat(o->samples)) {
        if (o->note && samc_ranks_is_first(o->ranks))
            o->note(o->user, "no source of the recipe shows a photo twice as it is (\"augment\": "
                             "false, or a composite's \"pool\"): every photo is encoded anew");
        return SAMC_OK;
    }
    keep.note = o->note;
    keep.user = o->user;
    return samc_trainer_keep(r->trainer, &keep, error);
}

/* Keeps what the last round answers to the first masks, for the report. */
static samc_status keep_answers(void *user, const samc_rounds_record *record, samc_error *error)
{
    run *r = user;
    const samc_prompt_batch *p = record->prompts;

    (void)error;
    if (record->round != r->settings.prompts.rounds - 1)
        return SAMC_OK;
    for (int64_t i = 0; i < p->prompts; i++)
        if (record->mask[i] < REPORT_MASKS)
            memcpy(r->shown + record->mask[i] * area_of(r),
                   record->logits + i * p->count * area_of(r),
                   (size_t)area_of(r) * sizeof *r->shown);
    return SAMC_OK;
}

/* What the run begins with is a model: one that cannot be read is one that cannot be used. */
static samc_status unusable(samc_status status, samc_error *error)
{
    if (status != SAMC_ERROR_IO && status != SAMC_ERROR_FORMAT && status != SAMC_ERROR_LIMIT)
        return status;
    if (error)
        error->status = SAMC_ERROR_MODEL;
    return SAMC_ERROR_MODEL;
}

/* What this rank alone does to begin. */
static samc_status begin_own(run *r, samc_context *context, samc_error *error)
{
    const samc_run_options *o = r->options;
    const int is_first = samc_ranks_is_first(o->ranks);

    samc_train_settings_begin(&r->settings, o->pretrain);
    if (!o->pretrain && !samc_samples_have_masks(o->samples))
        return SAMC_FAIL(error, ARGUMENT,
                         "the recipe has a source of photos without masks: `samc pretrain` learns "
                         "from these");
    if (is_first && mkdir(o->folder, 0777) != 0 && errno != EEXIST)
        return samc_error_io(error, "create", o->folder);
    SAMC_TRY(join(o->folder, "checkpoint.safetensors", &r->checkpoint, error));
    SAMC_TRY(join(o->folder, "metrics.csv", &r->metrics, error));
    SAMC_TRY(join(o->folder, "report.html", &r->report, error));
    SAMC_TRY(unusable(o->resume ? resume(r, error) : start(r, error), error));
    SAMC_TRY(apply_settings(r, error));
    SAMC_TRY(samc_trainer_create(context, &r->params, &r->settings, r->state.seed, o->ranks,
                                 &r->trainer, error));
    SAMC_TRY(keep_embeddings(r, error));
    if (!is_first)
        return SAMC_OK;
    SAMC_TRY(samc_metrics_open(r->metrics, r->state.step, &r->stream, error));
    if (o->pretrain)
        return samc_trainer_paint(r->trainer, &r->painted, &r->hidden, error);
    SAMC_TRY(
        samc_alloc_zero(REPORT_MASKS, (size_t)area_of(r) * sizeof *r->shown, &r->shown, error));
    samc_trainer_record(r->trainer, keep_answers, r);
    return SAMC_OK;
}

/* A hash of all that must be the same on every rank for their steps to be one run. */
static samc_status hash_all(const run *r, uint64_t hash[2], samc_error *error)
{
    const samc_params *p = &r->params;
    const float *const arrays[] = {p->values, p->moment1, p->moment2, p->ema};
    char *settings = NULL;

    SAMC_TRY(samc_train_settings_text(&r->settings, &settings, error));
    samc_hash_bytes(hash, settings, strlen(settings));
    free(settings);
    samc_hash_bytes(hash, &r->state.step, sizeof r->state.step);
    samc_hash_bytes(hash, &r->state.seed, sizeof r->state.seed);
    samc_hash_bytes(hash, r->state.recipe, strlen(r->state.recipe));
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++)
        samc_hash_bytes(hash, arrays[i], (size_t)p->total * sizeof *arrays[i]);
    return SAMC_OK;
}

static samc_status begin_together(run *r, samc_status status, samc_error *error)
{
    samc_ranks *ranks = r->options->ranks;
    uint64_t hash[2] = {0, 0};
    int same;

    if (status == SAMC_OK && ranks)
        status = hash_all(r, hash, error);
    SAMC_TRY(samc_ranks_meet(ranks, status, NULL, 0, error));
    SAMC_TRY(samc_ranks_compare(ranks, hash, &same, error));
    return same ? SAMC_OK
                : SAMC_FAIL(error, ARGUMENT,
                            "the ranks do not begin alike: each must get the same options and see "
                            "the same recipe and model, or checkpoint to resume");
}

static samc_status begin(run *r, samc_context *context, samc_error *error)
{
    const samc_run_options *o = r->options;
    const samc_status status = begin_own(r, context, error);
    int64_t share;
    samc_feed_options feed;

    SAMC_TRY(begin_together(r, status, error));
    share = r->settings.batch / samc_ranks_size(o->ranks);
    feed = (samc_feed_options){&r->params.config,
                               o->samples,
                               r->state.seed,
                               share,
                               r->settings.batch,
                               o->ranks ? o->ranks->rank * share : 0,
                               (int32_t)r->settings.masks,
                               r->state.step};
    SAMC_TRY(samc_ranks_meet(o->ranks, samc_feed_create(&feed, &r->feed, error), NULL, 0, error));
    r->started = r->saved = clock_of(CLOCK_MONOTONIC);
    r->saved_step = r->state.step;
    return SAMC_OK;
}

static void end(run *r)
{
    samc_feed_free(r->feed);
    samc_train_batch_free(&r->batch);
    samc_train_batch_free(&r->next);
    samc_trainer_free(r->trainer);
    samc_params_free(&r->params);
    if (r->stream)
        (void)fclose(r->stream);
    free(r->checkpoint);
    free(r->metrics);
    free(r->report);
    free(r->shown);
}

/* ---------------------------------------------------------------------------- while it runs */

/* The first photos of the last step: with gray where they were hidden, and as the model has it. */
static samc_status report_photos(const run *r, const char *settings, samc_error *error)
{
    const samc_config *c = &r->params.config;
    const int64_t p = c->patch_size, side = c->image_size, tokens = (int64_t)c->grid * c->grid;
    const size_t bytes = 3 * (size_t)side * (size_t)side;
    samc_report_pair pairs[REPORT_PHOTOS];
    samc_status status = SAMC_OK;
    uint8_t *pixels;
    size_t n = 0;

    SAMC_TRY(samc_alloc(2 * REPORT_PHOTOS, bytes, &pixels, error));
    for (; n < REPORT_PHOTOS && (int64_t)n < r->batch.photos; n++) {
        uint8_t *seen = pixels + 2 * n * bytes, *made = seen + bytes;

        memcpy(seen, r->batch.samples[n].pixels, bytes);
        for (int64_t i = 0; i < side * side; i++)
            if (r->hidden[(int64_t)n * tokens + i / side / p * c->grid + i % side / p])
                memset(seen + 3 * i, 128, 3);
        samc_transform_pixels(c, r->painted + (int64_t)n * tokens * 3 * p * p, made);
        pairs[n] = (samc_report_pair){seen, made, (int32_t)side};
    }
    status = samc_report_write(r->report, r->metrics, settings, NULL, 0, pairs, n, error);
    free(pixels);
    return status;
}

static samc_status write_report(const run *r, const char *settings, samc_error *error)
{
    samc_report_mask masks[REPORT_MASKS];
    size_t n = 0;

    if (r->options->pretrain)
        return report_photos(r, settings, error);
    for (; n < REPORT_MASKS && (int64_t)n < r->batch.masks; n++)
        masks[n] = (samc_report_mask){&r->batch.samples[r->batch.photo[n]], r->batch.number[n],
                                      r->shown + (int64_t)n * area_of(r),
                                      samc_config_low_res(&r->params.config)};
    return samc_report_write(r->report, r->metrics, settings, masks, n, NULL, 0, error);
}

static samc_status save(run *r, samc_error *error)
{
    char seconds[32], cpu[32], photos[32], *settings = NULL;
    samc_status status;

    if (!samc_ranks_is_first(r->options->ranks))
        return SAMC_OK;
    SAMC_TRY(samc_train_settings_text(&r->settings, &settings, error));
    (void)snprintf(seconds, sizeof seconds, "%.1f", r->seconds);
    (void)snprintf(cpu, sizeof cpu, "%.1f", r->cpu_seconds);
    (void)snprintf(photos, sizeof photos, "%" PRId64, r->photos);
    {
        const samc_metadata metadata[] = {{"settings", settings},
                                          {"seconds", seconds},
                                          {"cpu_seconds", cpu},
                                          {"photos", photos},
                                          {"from", r->from}};

        status = samc_checkpoint_save(r->checkpoint, &r->params, &r->state, metadata,
                                      sizeof metadata / sizeof metadata[0], error);
    }
    if (status == SAMC_OK)
        status = write_report(r, settings, error);
    free(settings);
    r->saved = clock_of(CLOCK_MONOTONIC);
    r->saved_step = r->state.step;
    return status;
}

static int is_due(const run *r)
{
    const samc_run_options *o = r->options;
    const double since = clock_of(CLOCK_MONOTONIC) - r->saved;

    return (o->save_steps > 0 && r->state.step - r->saved_step >= o->save_steps) ||
           (o->save_minutes > 0 && since >= 60.0 * o->save_minutes);
}

/* Turns the sums into means. */
static void make_means(const run *r, samc_run_tick *tick)
{
    samc_rounds_report *m = &tick->mean;
    const double n = (double)r->steps, prompts = (double)(m->boxes + m->clicks);

    tick->norm /= n;
    m->loss /= n;
    if (r->options->pretrain)
        m->focal = m->dice = m->bce = m->iou = (double)NAN;
    m->focal /= n;
    m->dice /= n;
    m->bce /= n;
    m->iou /= n;
    m->box_iou /= (double)m->boxes; /* 0 / 0 is NaN: there was none */
    m->click_iou /= (double)m->clicks;
    m->best_iou /= (double)m->clicks;
    m->last_iou /= prompts;
    tick->speed = n * (double)r->settings.batch / r->row_seconds;
}

static samc_status write_row(run *r, const samc_run_tick *tick, samc_error *error)
{
    const samc_rounds_report *m = &tick->mean;
    const samc_metrics_row row = {r->state.step, r->photos,  r->seconds,   r->cpu_seconds,
                                  m->loss,       m->focal,   m->dice,      m->bce,
                                  m->iou,        m->box_iou, m->click_iou, m->best_iou,
                                  m->last_iou,   tick->norm, tick->rate,   tick->speed};

    return samc_metrics_write(r->stream, &row, r->metrics, error);
}

/* Adds what all ranks have to tell of a step. */
static samc_status add_ranks(samc_ranks *ranks, samc_rounds_report *m, double *cpu,
                             samc_error *error)
{
    double *const reals[] = {&m->loss,    &m->focal,     &m->dice,     &m->bce,      &m->iou,
                             &m->box_iou, &m->click_iou, &m->best_iou, &m->last_iou, cpu};
    const size_t n = sizeof reals / sizeof reals[0];
    double all[sizeof reals / sizeof reals[0] + 2];

    if (!ranks)
        return SAMC_OK;
    for (size_t i = 0; i < n; i++)
        all[i] = *reals[i];
    all[n] = (double)m->boxes;
    all[n + 1] = (double)m->clicks;
    SAMC_TRY(samc_ranks_sum(ranks, all, (int32_t)n + 2, error));
    for (size_t i = 0; i < n; i++)
        *reals[i] = all[i];
    m->boxes = (int64_t)all[n];
    m->clicks = (int64_t)all[n + 1];
    return SAMC_OK;
}

/* Counts a step; *stop becomes 1 where somebody wants the run to end. */
static samc_status count_step(run *r, const samc_step_report *report, double seconds, int *stop,
                              samc_error *error)
{
    const samc_run_options *o = r->options;
    const int64_t steps = r->settings.optimizer.steps;
    samc_run_tick tick;

    samc_rounds_report_add(&r->sums.mean, &report->rounds);
    r->sums.norm += report->optimizer.skipped ? 0.0 : report->optimizer.norm;
    r->sums.skipped += report->optimizer.skipped;
    r->sums.rate = report->optimizer.rate;
    r->steps++;
    r->row_seconds += seconds;
    tick = r->sums;
    make_means(r, &tick);
    tick.step = r->state.step;
    tick.steps = steps;
    tick.seconds = r->seconds;
    tick.seconds_left = -1.0;
    if (steps > 0)
        tick.seconds_left = (double)(steps - r->state.step) * (double)r->settings.batch /
                            tick.speed;
    tick.row = r->state.step % o->row_steps == 0;
    if (tick.row) {
        if (r->stream)
            SAMC_TRY(write_row(r, &tick, error));
        memset(&r->sums, 0, sizeof r->sums);
        r->steps = 0;
        r->row_seconds = 0.0;
    }
    if (o->tick && o->tick(o->user, &tick))
        *stop = 1;
    if (o->minutes > 0 && clock_of(CLOCK_MONOTONIC) - r->started >= 60.0 * o->minutes)
        *stop = 1;
    return SAMC_OK;
}

/* The next batch, where no rank has failed and none wants to stop (then *stop becomes 1). */
static samc_status begin_step(run *r, samc_status status, int *stop, samc_error *error)
{
    const int64_t steps = r->settings.optimizer.steps;
    double all[2];

    if (steps > 0 && r->state.step >= steps)
        *stop = 1;
    if (status == SAMC_OK && !*stop)
        status = samc_feed_next(r->feed, &r->next, error);
    all[0] = *stop;
    all[1] = (double)r->next.masks;
    SAMC_TRY(samc_ranks_meet(r->options->ranks, status, all, 2, error));
    *stop = all[0] > 0.0;
    if (*stop)
        return SAMC_OK; /* `batch` stays that of the last step, for the report */
    samc_train_batch_free(&r->batch);
    r->batch = r->next;
    memset(&r->next, 0, sizeof r->next);
    r->batch.step_masks = (int64_t)all[1];
    return SAMC_OK;
}

/* One step. What fails in it on this rank alone is in *own: the others hear of it when they meet
 * next. */
static samc_status take_step(run *r, double at, double cpu, int *stop, samc_status *own,
                             samc_error *error)
{
    samc_step_report report;
    double seconds;

    SAMC_TRY(samc_trainer_step(r->trainer, r->state.step, &r->batch, &report, error));
    cpu = clock_of(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    SAMC_TRY(add_ranks(r->options->ranks, &report.rounds, &cpu, error));
    seconds = clock_of(CLOCK_MONOTONIC) - at;
    r->seconds += seconds;
    r->cpu_seconds += cpu;
    r->photos += r->settings.batch;
    r->state.step++;
    *own = count_step(r, &report, seconds, stop, error);
    if (*own == SAMC_OK && is_due(r))
        *own = save(r, error);
    return SAMC_OK;
}

static samc_status train(run *r, samc_error *error)
{
    samc_status own = SAMC_OK;
    int stop = 0;

    for (;;) {
        const double at = clock_of(CLOCK_MONOTONIC), cpu = clock_of(CLOCK_PROCESS_CPUTIME_ID);

        SAMC_TRY(begin_step(r, own, &stop, error));
        if (stop)
            break;
        SAMC_TRY(take_step(r, at, cpu, &stop, &own, error));
    }
    if (r->saved_step != r->state.step || !r->options->resume)
        own = save(r, error);
    return samc_ranks_meet(r->options->ranks, own, NULL, 0, error);
}

samc_status samc_run(samc_context *context, const samc_run_options *options, samc_error *error)
{
    run r;
    samc_status status;

    memset(&r, 0, sizeof r);
    r.options = options;
    status = begin(&r, context, error);
    if (status == SAMC_OK)
        status = train(&r, error);
    end(&r);
    return status;
}
