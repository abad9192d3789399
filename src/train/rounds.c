/* SPDX-License-Identifier: Apache-2.0 */
#include "train/rounds.h"

#include <string.h>

/* Image tokens of all prompts of a pass: enough rows for every product to keep the cores busy. A
 * row takes some 16 KiB of activations: a pass of a 1024-pixel model has 4 prompts and 256 MiB. */
#define PASS_ROWS 16384

/* The interactions of all prompts; N prompts, one a mask. */
typedef struct talk {
    const samc_rounds *rounds;
    int64_t n, most; /* prompts; the most clicks of one */
    int64_t low;     /* L * L */
    int32_t side;    /* L */
    int64_t at_once; /* prompts of one pass, at most */
    int32_t all;     /* masks that the model makes, the single one included */
    int32_t round;
    int64_t mean_over;
    samc_loss_weights weights;
    samc_prompt_first *first; /* [N] */
    float *clicks;            /* [N][most][2] */
    int32_t *labels;          /* [N][most] */
    int32_t *count;           /* [N]: clicks so far */
    float *carried;           /* [N][L][L]: logits that go into the next round */
    samc_status *status;      /* [N]: of drawing */
    samc_rounds_report *report;
} talk;

/* The prompts of one forward pass: those with the same number of positions. */
typedef struct group {
    int64_t n;
    int32_t *which;        /* [n]: of the N */
    float *points, *masks; /* as in samc_prompt_batch */
    int32_t *labels, *photo;
    samc_prompt_batch prompts;
    float *logits, *dlogits; /* [n][count][L][L] */
    float *iou, *diou;       /* [n][count] */
} group;

/* Some prompts' masks first .. first + count - 1, judged together. */
typedef struct verdict {
    int32_t first, count;
    int64_t n;
    int32_t *row;    /* [n]: of the group */
    float *true_iou; /* [n][count] */
} verdict;

void samc_rounds_report_add(samc_rounds_report *sum, const samc_rounds_report *report)
{
    sum->loss += report->loss;
    sum->focal += report->focal;
    sum->dice += report->dice;
    sum->bce += report->bce;
    sum->iou += report->iou;
    sum->boxes += report->boxes;
    sum->clicks += report->clicks;
    sum->box_iou += report->box_iou;
    sum->click_iou += report->click_iou;
    sum->best_iou += report->best_iou;
    sum->last_iou += report->last_iou;
}

static int64_t default_at_once(const samc_config *config)
{
    const int64_t tokens = (int64_t)config->grid * config->grid;

    return tokens < PASS_ROWS ? PASS_ROWS / tokens : 1;
}

static samc_status take(const samc_train_call *t, int64_t count, size_t size, void *memory)
{
    return samc_arena_take(t->call->arena, (size_t)count, size, memory, t->error);
}

/* ---------------------------------------------------------------------------- what is asked */

static void add_click(talk *k, int64_t i, const float point[2], int32_t label)
{
    const int64_t at = i * k->most + k->count[i]++;

    memcpy(k->clicks + 2 * at, point, 2 * sizeof *point);
    k->labels[at] = label;
}

/* The new prompt of mask i in this round. */
static void draw_tile(void *arg, int64_t i, int32_t lane)
{
    talk *k = arg;
    const samc_prompt_options *options = &k->rounds->settings->prompts;
    const samc_train_batch *b = k->rounds->batch;
    const samc_sample *s = &b->samples[b->photo[i]];
    const samc_prompt_key key = {k->rounds->seed, k->rounds->step, b->first + (uint64_t)b->photo[i],
                                 (uint64_t)b->number[i]};
    const samc_prompt_object object = {s->masks + (int64_t)b->number[i] * s->size * s->size,
                                       s->size, s->width, s->height};
    float point[2];
    int32_t label;

    (void)lane;
    k->status[i] = SAMC_OK;
    if (k->round == 0) {
        k->status[i] = samc_prompt_first_draw(options, &key, &object, &k->first[i], NULL);
        if (k->status[i] == SAMC_OK && !k->first[i].is_box)
            add_click(k, i, k->first[i].point, 1);
    } else if (samc_prompt_round_is_new(options, &key, k->round)) {
        k->status[i] = samc_prompt_click_draw(&key, k->round, &object, b->targets + i * k->low,
                                              k->carried + i * k->low, k->side, point, &label,
                                              NULL);
        if (k->status[i] == SAMC_OK)
            add_click(k, i, point, label);
    }
}

static samc_status draw_all(const samc_train_call *t, talk *k)
{
    samc_threads_run(t->call->threads, k->n, draw_tile, k);
    for (int64_t i = 0; i < k->n; i++)
        if (k->status[i] != SAMC_OK) {
            const samc_train_batch *b = k->rounds->batch;

            return samc_error_set(t->error, k->status[i], "mask %d of %s cannot be prompted",
                                  b->number[i], b->samples[b->photo[i]].identity);
        }
    return SAMC_OK;
}

/* Clicks come first; then the two corners of a box, or one padding point where there is none. */
static int64_t positions_of(const talk *k, int64_t i)
{
    return k->count[i] + (k->first[i].is_box ? 2 : 1);
}

static void fill_positions(const talk *k, int64_t i, float *points, int32_t *labels)
{
    const int64_t clicks = k->count[i];

    memcpy(points, k->clicks + 2 * i * k->most, (size_t)(2 * clicks) * sizeof *points);
    memcpy(labels, k->labels + i * k->most, (size_t)clicks * sizeof *labels);
    points += 2 * clicks;
    labels += clicks;
    if (k->first[i].is_box) {
        memcpy(points, k->first[i].box, 4 * sizeof *points);
        labels[0] = SAMC_POINT_TOP_LEFT;
        labels[1] = SAMC_POINT_BOTTOM_RIGHT;
    } else {
        points[0] = points[1] = 0.0f;
        labels[0] = SAMC_POINT_PADDING;
    }
}

/* Collects prompts that have so many positions, from number *next on and as many as one pass takes;
 * there may be none. *next becomes the first that was not looked at. */
static samc_status group_begin(const samc_train_call *t, const talk *k, int64_t positions,
                               int64_t *next, group *g)
{
    const int32_t count = k->round == 0 ? k->all : 1;

    memset(g, 0, sizeof *g);
    SAMC_TRY(take(t, k->n, sizeof *g->which, &g->which));
    for (; *next < k->n && g->n < k->at_once; ++*next)
        if (positions_of(k, *next) == positions)
            g->which[g->n++] = (int32_t)*next;
    SAMC_TRY(take(t, g->n * positions, 2 * sizeof *g->points, &g->points));
    SAMC_TRY(take(t, g->n * positions, sizeof *g->labels, &g->labels));
    SAMC_TRY(take(t, g->n, sizeof *g->photo, &g->photo));
    SAMC_TRY(take(t, g->n * count, (size_t)k->low * sizeof *g->logits, &g->logits));
    SAMC_TRY(take(t, g->n * count, (size_t)k->low * sizeof *g->dlogits, &g->dlogits));
    SAMC_TRY(take(t, g->n * count, sizeof *g->iou, &g->iou));
    SAMC_TRY(take(t, g->n * count, sizeof *g->diou, &g->diou));
    if (k->round > 0)
        SAMC_TRY(take(t, g->n, (size_t)k->low * sizeof *g->masks, &g->masks));
    for (int64_t j = 0; j < g->n; j++) {
        const int64_t i = g->which[j];

        fill_positions(k, i, g->points + 2 * j * positions, g->labels + j * positions);
        g->photo[j] = k->rounds->batch->photo[i];
        if (g->masks)
            memcpy(g->masks + j * k->low, k->carried + i * k->low,
                   (size_t)k->low * sizeof *g->masks);
    }
    g->prompts = (samc_prompt_batch){g->n,     positions, g->points, g->labels,
                                     g->photo, g->masks,  0,         count};
    return SAMC_OK;
}

/* ---------------------------------------------------------------------------- how it is judged */

/* Judges v->row's masks first .. first + count - 1 and puts the gradients where they belong. */
static samc_status judge(const samc_train_call *t, const talk *k, const group *g, verdict *v)
{
    const int32_t all = g->prompts.count;
    const size_t masks = (size_t)(v->count * k->low) * sizeof(float);
    const size_t each = (size_t)v->count * sizeof(float);
    float *logits, *dlogits, *iou, *diou, *targets;
    samc_loss_value value;
    samc_loss_batch batch;

    if (v->n == 0)
        return SAMC_OK;
    SAMC_TRY(take(t, v->n, masks, &logits));
    SAMC_TRY(take(t, v->n, masks, &dlogits));
    SAMC_TRY(take(t, v->n, each, &iou));
    SAMC_TRY(take(t, v->n, each, &diou));
    SAMC_TRY(take(t, v->n, each, &v->true_iou));
    SAMC_TRY(take(t, v->n, (size_t)k->low * sizeof *targets, &targets));
    for (int64_t j = 0; j < v->n; j++) {
        const int64_t at = (int64_t)v->row[j] * all + v->first;

        memcpy(logits + j * v->count * k->low, g->logits + at * k->low, masks);
        memcpy(iou + j * v->count, g->iou + at, each);
        memcpy(targets + j * k->low, k->rounds->batch->targets + g->which[v->row[j]] * k->low,
               (size_t)k->low * sizeof *targets);
    }
    batch = (samc_loss_batch){v->n, v->count, k->side, k->mean_over, logits, iou, targets};
    SAMC_TRY(samc_loss_run(t->call, &k->weights, &batch, &value, dlogits, diou, NULL, v->true_iou,
                           t->error));
    for (int64_t j = 0; j < v->n; j++) {
        const int64_t at = (int64_t)v->row[j] * all + v->first;

        memcpy(g->dlogits + at * k->low, dlogits + j * v->count * k->low, masks);
        memcpy(g->diou + at, diou + j * v->count, each);
    }
    k->report->loss += value.loss;
    k->report->focal += value.focal;
    k->report->dice += value.dice;
    k->report->bce += value.bce;
    k->report->iou += value.iou;
    return SAMC_OK;
}

/* Counts what round 0 answered to clicks: the mask ranked first, and the best one. */
static void count_clicks(const talk *k, const group *g, const verdict *three)
{
    for (int64_t j = 0; j < three->n; j++) {
        const int64_t row = three->row[j];
        const float *true_iou = three->true_iou + j * three->count;
        const int32_t ranked = samc_prompt_carried(g->iou + row * g->prompts.count + three->first,
                                                   three->count);
        float best = 0.0f;

        if (k->first[g->which[row]].is_box)
            continue;
        for (int32_t m = 0; m < three->count; m++)
            best = true_iou[m] > best ? true_iou[m] : best;
        k->report->clicks++;
        k->report->click_iou += (double)true_iou[ranked];
        k->report->best_iou += (double)best;
    }
}

static void count_singles(const talk *k, const group *g, const verdict *single)
{
    const int32_t last = k->rounds->settings->prompts.rounds - 1;

    for (int64_t j = 0; j < single->n; j++) {
        const int is_box = k->first[g->which[single->row[j]]].is_box;

        if (k->round == 0 && is_box) {
            k->report->boxes++;
            k->report->box_iou += (double)single->true_iou[j];
        }
        if (k->round == last)
            k->report->last_iou += (double)single->true_iou[j];
    }
}

/* Judges a group's answers; dlogits and diou are set. */
static samc_status judge_group(const samc_train_call *t, const talk *k, group *g)
{
    const int both = k->rounds->settings->both != 0, has_three = k->all > 1;
    verdict single = {0, 1, 0, NULL, NULL}, three = {1, k->all - 1, 0, NULL, NULL};
    const size_t masks = (size_t)(g->n * g->prompts.count);

    SAMC_TRY(take(t, g->n, sizeof *single.row, &single.row));
    SAMC_TRY(take(t, g->n, sizeof *three.row, &three.row));
    for (int64_t j = 0; j < g->n; j++) {
        const int is_box = k->first[g->which[j]].is_box;

        if (k->round > 0 || both || is_box || !has_three)
            single.row[single.n++] = (int32_t)j;
        if (k->round == 0 && has_three && (both || !is_box))
            three.row[three.n++] = (int32_t)j;
    }
    memset(g->dlogits, 0, masks * (size_t)k->low * sizeof *g->dlogits);
    memset(g->diou, 0, masks * sizeof *g->diou);
    SAMC_TRY(judge(t, k, g, &single));
    SAMC_TRY(judge(t, k, g, &three));
    count_singles(k, g, &single);
    count_clicks(k, g, &three);
    return SAMC_OK;
}

/* Keeps the logits that go into the next round. */
static void carry(const talk *k, const group *g)
{
    const int32_t count = g->prompts.count;

    for (int64_t j = 0; j < g->n; j++) {
        const int64_t i = g->which[j];
        int32_t mask = 0;

        if (count > 1 && !k->first[i].is_box)
            mask = 1 + samc_prompt_carried(g->iou + j * count + 1, count - 1);
        memcpy(k->carried + i * k->low, g->logits + (j * count + mask) * k->low,
               (size_t)k->low * sizeof *k->carried);
    }
}

/* ---------------------------------------------------------------------------- rounds */

static samc_status run_group(const samc_train_call *t, const samc_train_decoder *decoder, talk *k,
                             int64_t positions, int64_t *next)
{
    const samc_rounds *r = k->rounds;
    const samc_arena_mark mark = samc_arena_here(t->call->arena);
    samc_status status = SAMC_OK;
    samc_decoder_pass pass;
    group g;

    SAMC_CHECK(group_begin(t, k, positions, next, &g));
    if (g.n == 0)
        goto cleanup;
    SAMC_CHECK(
        samc_train_decoder_forward(t, decoder, &g.prompts, r->embedding, &pass, g.logits, g.iou));
    SAMC_CHECK(judge_group(t, k, &g));
    if (r->record) {
        const samc_rounds_record record = {k->round, &g.prompts, g.which, g.logits, g.iou};

        SAMC_CHECK(r->record(r->user, &record, t->error));
    }
    SAMC_CHECK(samc_train_decoder_backward(t, decoder, &pass, g.dlogits, g.diou, r->dembedding));
    carry(k, &g);

cleanup:
    samc_arena_give_back(t->call->arena, mark);
    return status;
}

static samc_status begin(const samc_train_call *t, talk *k)
{
    SAMC_TRY(take(t, k->n, sizeof *k->first, &k->first));
    SAMC_TRY(take(t, k->n * k->most, 2 * sizeof *k->clicks, &k->clicks));
    SAMC_TRY(take(t, k->n * k->most, sizeof *k->labels, &k->labels));
    SAMC_TRY(take(t, k->n, sizeof *k->count, &k->count));
    SAMC_TRY(take(t, k->n, sizeof *k->status, &k->status));
    SAMC_TRY(take(t, k->n, (size_t)k->low * sizeof *k->carried, &k->carried));
    memset(k->count, 0, (size_t)k->n * sizeof *k->count);
    return SAMC_OK;
}

samc_status samc_train_rounds(const samc_train_call *t, const samc_train_decoder *decoder,
                              const samc_rounds *rounds, samc_rounds_report *report)
{
    const samc_train_settings *set = rounds->settings;
    const samc_arena_mark mark = samc_arena_here(t->call->arena);
    const int32_t side = samc_config_low_res(decoder->config);
    talk k = {.rounds = rounds,
              .n = rounds->batch->masks,
              .most = set->prompts.rounds,
              .low = (int64_t)side * side,
              .side = side,
              .all = decoder->config->mask_tokens,
              .weights = set->loss,
              .report = report};
    samc_status status = SAMC_OK;

    k.at_once = set->at_once ? set->at_once : default_at_once(decoder->config);
    k.mean_over = rounds->batch->step_masks * (set->prompts.rounds + (set->both != 0));
    if (rounds->step >= (uint64_t)set->bce_steps)
        k.weights.bce = 0.0f;
    memset(report, 0, sizeof *report);
    SAMC_CHECK(begin(t, &k));
    for (; k.round < set->prompts.rounds; k.round++) {
        SAMC_CHECK(draw_all(t, &k));
        for (int64_t positions = 1; positions <= k.most + 2; positions++)
            for (int64_t next = 0; next < k.n;)
                SAMC_CHECK(run_group(t, decoder, &k, positions, &next));
    }

cleanup:
    samc_arena_give_back(t->call->arena, mark);
    return status;
}
