/* SPDX-License-Identifier: Apache-2.0 */
#include "train/settings.h"

#include "base/memory.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum kind { WHOLE, WHOLE32, REAL, REAL32, SCHEDULE } kind;

static const char *const schedules[] = {"constant", "step", "cosine"};
#define N_SCHEDULES (sizeof schedules / sizeof schedules[0])

/* Which kind of training a setting means something to. */
typedef enum use { BOTH, MASKS, PIXELS } use;

typedef struct setting {
    const char *name;
    use use;
    kind kind;
    size_t offset;
    double least, most;
} setting;

#define AT(member) offsetof(samc_train_settings, member)
static const setting table[] = {
    {"pretrain", PIXELS, WHOLE, AT(pretrain), 0, 1},
    {"hide", PIXELS, REAL, AT(hide.share), 0.01, 0.95},
    {"hide-side", PIXELS, WHOLE, AT(hide.side), 1, 64},
    {"batch", BOTH, WHOLE, AT(batch), 1, 4096},
    {"masks", MASKS, WHOLE, AT(masks), 1, 256},
    {"rounds", MASKS, WHOLE32, AT(prompts.rounds), 1, 64},
    {"both", MASKS, WHOLE, AT(both), 0, 1},
    {"at-once", MASKS, WHOLE, AT(at_once), 0, 65536},
    {"recompute", BOTH, WHOLE, AT(recompute), 0, 1},
    {"bf16", BOTH, WHOLE, AT(bf16), 0, 1},
    {"freeze-encoder", MASKS, WHOLE, AT(freeze_encoder), 0, 1},
    {"box", MASKS, REAL32, AT(prompts.box), 0, 1},
    {"box-noise", MASKS, REAL32, AT(prompts.box_noise), 0, 1},
    {"centre", MASKS, REAL32, AT(prompts.centre), 0, 1},
    {"focal", MASKS, REAL32, AT(loss.focal), 0, 1e6},
    {"focal-alpha", MASKS, REAL32, AT(loss.alpha), 0, 1},
    {"dice", MASKS, REAL32, AT(loss.dice), 0, 1e6},
    {"iou", MASKS, REAL32, AT(loss.iou), 0, 1e6},
    {"bce", MASKS, REAL32, AT(loss.bce), 0, 1e6},
    {"bce-steps", MASKS, WHOLE, AT(bce_steps), 0, 1e15},
    {"drop-path", BOTH, REAL, AT(drop_path), 0, 0.9},
    {"rate", BOTH, REAL, AT(optimizer.rate), 0, 10},
    {"schedule", BOTH, SCHEDULE, AT(optimizer.schedule), 0, 0},
    {"warmup", BOTH, WHOLE, AT(optimizer.warmup), 0, 1e15},
    {"steps", BOTH, WHOLE, AT(optimizer.steps), 0, 1e15},
    {"beta1", BOTH, REAL, AT(optimizer.beta1), 0, 0.9999999},
    {"beta2", BOTH, REAL, AT(optimizer.beta2), 0, 0.9999999},
    {"weight-decay", BOTH, REAL, AT(optimizer.weight_decay), 0, 10},
    {"layer-decay", BOTH, REAL, AT(optimizer.layer_decay), 0.01, 1},
    {"clip", BOTH, REAL, AT(optimizer.clip), 0, 1e9},
    {"ema", BOTH, REAL, AT(optimizer.ema), 0, 0.9999999},
};
#define N_SETTINGS (sizeof table / sizeof table[0])

void samc_train_settings_begin(samc_train_settings *settings, int pretrain)
{
    const samc_prompt_options prompts = SAMC_PROMPT_OPTIONS_INIT;
    const samc_optimizer_options optimizer = SAMC_OPTIMIZER_OPTIONS_INIT;
    const samc_loss_weights loss = SAMC_LOSS_WEIGHTS_INIT;

    memset(settings, 0, sizeof *settings);
    settings->batch = 8;
    settings->masks = 4;
    settings->both = 1;
    settings->prompts = prompts;
    settings->prompts.rounds = 3;
    settings->loss = loss;
    settings->optimizer = optimizer;
    settings->optimizer.rate = 3e-4;
    settings->hide = (samc_mae_options){0.6, 2};
    settings->pretrain = pretrain;
    if (pretrain) {
        settings->optimizer.beta2 = 0.95;
        settings->optimizer.weight_decay = 0.05;
    }
}

const char *samc_train_settings_name(size_t index)
{
    return index < N_SETTINGS ? table[index].name : NULL;
}

static samc_status refuse(const setting *s, const char *value, samc_error *error)
{
    if (s->kind == SCHEDULE)
        return SAMC_FAIL(error, ARGUMENT, "%s is \"%s\"; it must be constant, step or cosine",
                         s->name, value);
    return SAMC_FAIL(error, ARGUMENT, "%s is \"%s\"; it must be a %snumber from %.10g to %.10g",
                     s->name, value, s->kind == WHOLE || s->kind == WHOLE32 ? "whole " : "",
                     s->least, s->most);
}

static samc_status set_one(samc_train_settings *settings, const setting *s, const char *value,
                           samc_error *error)
{
    char *at = (char *)settings + s->offset, *end;
    double number;

    if (s->kind == SCHEDULE) {
        for (size_t i = 0; i < N_SCHEDULES; i++)
            if (strcmp(value, schedules[i]) == 0) {
                settings->optimizer.schedule = (samc_schedule)i;
                return SAMC_OK;
            }
        return refuse(s, value, error);
    }
    number = strtod(value, &end);
    if (end == value || *end || !(number >= s->least && number <= s->most))
        return refuse(s, value, error);
    if ((s->kind == WHOLE || s->kind == WHOLE32) && number != floor(number))
        return refuse(s, value, error);
    switch (s->kind) {
    case WHOLE: memcpy(at, &(int64_t){(int64_t)number}, sizeof(int64_t)); break;
    case WHOLE32: memcpy(at, &(int32_t){(int32_t)number}, sizeof(int32_t)); break;
    case REAL: memcpy(at, &number, sizeof number); break;
    case REAL32:
    case SCHEDULE: memcpy(at, &(float){(float)number}, sizeof(float)); break;
    }
    return SAMC_OK;
}

samc_status samc_train_settings_set(samc_train_settings *settings, const char *name,
                                    const char *value, samc_error *error)
{
    for (size_t i = 0; i < N_SETTINGS; i++)
        if (strcmp(name, table[i].name) == 0)
            return set_one(settings, &table[i], value, error);
    return SAMC_FAIL(error, ARGUMENT, "training has no setting \"%s\"", name);
}

/* "name=value"; 9 and 17 digits tell any two f32, any two f64 apart. */
static int print_one(const samc_train_settings *settings, const setting *s, char *text, size_t size)
{
    const char *at = (const char *)settings + s->offset;
    int64_t whole;
    int32_t whole32;
    double real;
    float real32;

    switch (s->kind) {
    case WHOLE:
        memcpy(&whole, at, sizeof whole);
        return snprintf(text, size, "%s=%" PRId64, s->name, whole);
    case WHOLE32:
        memcpy(&whole32, at, sizeof whole32);
        return snprintf(text, size, "%s=%" PRId32, s->name, whole32);
    case REAL:
        memcpy(&real, at, sizeof real);
        return snprintf(text, size, "%s=%.17g", s->name, real);
    case REAL32:
        memcpy(&real32, at, sizeof real32);
        return snprintf(text, size, "%s=%.9g", s->name, (double)real32);
    case SCHEDULE: break;
    }
    return snprintf(text, size, "%s=%s", s->name, schedules[settings->optimizer.schedule]);
}

#define MOST_BYTES 48 /* of one setting: the longest name, '=', 24 of a number, ' ' */

samc_status samc_train_settings_text(const samc_train_settings *settings, char **text,
                                     samc_error *error)
{
    size_t used = 0;

    SAMC_TRY(samc_alloc_zero(N_SETTINGS, MOST_BYTES, text, error));
    for (size_t i = 0; i < N_SETTINGS; i++) {
        if (table[i].use == (settings->pretrain ? MASKS : PIXELS))
            continue;
        if (used)
            (*text)[used++] = ' ';
        used += (size_t)print_one(settings, &table[i], *text + used, MOST_BYTES - 1);
    }
    return SAMC_OK;
}

samc_status samc_train_settings_parse(samc_train_settings *settings, const char *text,
                                      samc_error *error)
{
    char *copy = NULL, *at, *word;
    samc_status status = SAMC_OK;

    SAMC_TRY(samc_alloc_string(text, &copy, error));
    for (at = copy; *at && status == SAMC_OK;) {
        char *value;

        at += strspn(at, " ");
        word = at;
        at += strcspn(at, " ");
        if (*at)
            *at++ = '\0';
        if (!*word)
            continue;
        value = strchr(word, '=');
        if (value)
            *value++ = '\0';
        status = samc_train_settings_set(settings, word, value ? value : "", error);
    }
    free(copy);
    return status;
}
