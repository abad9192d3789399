/* SPDX-License-Identifier: Apache-2.0 */
#include "train/loss.h"

#include <math.h>
#include <string.h>

/* Pixels computed at a time, and how many of them are summed side by side: sixteen sums in a fixed
 * order are what the compiler turns into vector additions. */
#define CHUNK 256
#define LANES 16

#define SMOOTH 1.0   /* of dice */
#define IOU_EPS 1e-6 /* of the true IoU */

/* One pixel's numbers, for a chunk. */
typedef struct pixels {
    float p[CHUNK];  /* sigmoid */
    float ce[CHUNK]; /* cross-entropy */
    float g[CHUNK];  /* target, 0 where unknown */
    float w[CHUNK];  /* 1 known, 0 unknown */
    float in[CHUNK]; /* 1 where the mask is thresholded to inside */
} pixels;

/* What a mask's pixels sum to. */
typedef struct mask_sums {
    double focal, ce; /* over known pixels, not yet divided */
    double pg, p, g;
    double known;
    double inter, both; /* pixels in the intersection, and in the union */
} mask_sums;

typedef struct loss_job {
    const samc_loss_weights *weights;
    const samc_loss_batch *batch;
    mask_sums *sums; /* [n][M] */
    int32_t *lowest; /* [n] */
    float *dlogits, *diou;
    double scale; /* 1 / mean_over */
} loss_job;

/* exp(x) for x in -87..0, relative error below 2e-7: 2^k e^r with |r| <= ln(2) / 2, and e^r by its
 * Taylor series to r^6 (the next term is at most 1.2e-7). Lower x count as -87. The sum with 1.5
 * * 2^23 rounds x / ln 2 to a whole number that stands in the low bits. */
static inline float exp_of_negative(float x)
{
    const float magic = 0x1.8p23f;
    const float clipped = x < -87.0f ? -87.0f : x;
    const float shifted = clipped * 0x1.715476p0f + magic;
    const float k = shifted - magic;
    const float r = (clipped - k * 0x1.62e4p-1f) - k * 0x1.7f7d1cp-20f;
    uint32_t bits;
    float power;

    memcpy(&bits, &shifted, sizeof bits);
    bits = (bits + 127u) << 23; /* what magic had above the low bits is shifted out */
    memcpy(&power, &bits, sizeof power);
    return power *
           (1.0f + r * (1.0f + r * (1.0f / 2 +
                                    r * (1.0f / 6 +
                                         r * (1.0f / 24 + r * (1.0f / 120 + r * (1.0f / 720)))))));
}

/* ln(1 + t) for t in 0..1: 2 artanh(s), s = t / (2 + t) <= 1/3; the series to s^13, whose next term
 * is below 1e-8. */
static inline float log_of_one_plus(float t)
{
    const float s = t / (2.0f + t), q = s * s;

    return 2.0f * s *
           (1.0f + q * (1.0f / 3 +
                        q * (1.0f / 5 +
                             q * (1.0f / 7 + q * (1.0f / 9 + q * (1.0f / 11 + q * (1.0f / 13)))))));
}

/* Fills a chunk from `n` logits and targets; what lies beyond `n` counts as unknown. */
static void fill_pixels(const float *restrict logits, const float *restrict targets, int n,
                        pixels *restrict c)
{
    float x[CHUNK], t[CHUNK];

    memcpy(x, logits, (size_t)n * sizeof *x);
    memcpy(t, targets, (size_t)n * sizeof *t);
    for (int i = n; i < CHUNK; i++) {
        x[i] = 0.0f;
        t[i] = SAMC_LOSS_IGNORE;
    }
    for (int i = 0; i < CHUNK; i++) {
        const float e = exp_of_negative(-fabsf(x[i]));
        const float q = 1.0f / (1.0f + e);
        const float g = t[i] < 0.0f ? 0.0f : t[i];

        c->p[i] = x[i] < 0.0f ? e * q : q;
        c->w[i] = t[i] < 0.0f ? 0.0f : 1.0f;
        c->in[i] = x[i] > 0.0f ? 1.0f : 0.0f;
        c->g[i] = g;
        c->ce[i] = (x[i] > 0.0f ? x[i] : 0.0f) - x[i] * g + log_of_one_plus(e);
    }
}

/* 1 minus the probability of the truth, and the class weight. */
static inline float miss_of(float p, float g)
{
    return 1.0f - (p * g + (1.0f - p) * (1.0f - g));
}

static inline float class_weight(float alpha, float g)
{
    return alpha * g + (1.0f - alpha) * (1.0f - g);
}

static double sum_lanes(const float sums[LANES])
{
    double total = 0.0;

    for (int i = 0; i < LANES; i++)
        total += (double)sums[i];
    return total;
}

/* Adds a chunk to the sums. */
static void add_pixels(const pixels *restrict c, float alpha, mask_sums *sums)
{
    float focal[LANES] = {0}, ce[LANES] = {0}, pg[LANES] = {0}, p[LANES] = {0}, g[LANES] = {0};
    float known[LANES] = {0}, inter[LANES] = {0}, both[LANES] = {0};

    for (int at = 0; at < CHUNK; at += LANES)
        for (int i = 0; i < LANES; i++) {
            const float w = c->w[at + i], pi = c->p[at + i], gi = c->g[at + i];
            const float miss = miss_of(pi, gi);
            const float a = w * c->in[at + i], b = gi > 0.5f ? w : 0.0f;

            focal[i] += w * (class_weight(alpha, gi) * (miss * miss) * c->ce[at + i]);
            ce[i] += w * c->ce[at + i];
            pg[i] += pi * gi;
            p[i] += w * pi;
            g[i] += gi;
            known[i] += w;
            inter[i] += a * b;
            both[i] += a + b - a * b;
        }
    sums->focal += sum_lanes(focal);
    sums->ce += sum_lanes(ce);
    sums->pg += sum_lanes(pg);
    sums->p += sum_lanes(p);
    sums->g += sum_lanes(g);
    sums->known += sum_lanes(known);
    sums->inter += sum_lanes(inter);
    sums->both += sum_lanes(both);
}

static double true_iou_of(const mask_sums *s)
{
    return s->inter / (s->both + IOU_EPS);
}

static double dice_of(const mask_sums *s)
{
    return 1.0 - (2.0 * s->pg + SMOOTH) / (s->p + s->g + SMOOTH);
}

static double mask_loss(const samc_loss_weights *w, const mask_sums *s)
{
    return (double)w->focal * s->focal / s->known + (double)w->dice * dice_of(s) +
           (double)w->bce * s->ce / s->known;
}

/* The gradient of a mask's loss with respect to its logits, times `scale`. */
static void mask_gradient(const samc_loss_weights *weights, const mask_sums *s, double scale,
                          const float *restrict logits, const float *restrict targets,
                          int64_t pixels_total, float *restrict dlogits)
{
    const double d = s->p + s->g + SMOOTH, u = 2.0 * s->pg + SMOOTH;
    const float focal = (float)((double)weights->focal / s->known * scale);
    const float bce = (float)((double)weights->bce / s->known * scale);
    const float alpha = weights->alpha;
    /* d dice / d p = -(2 g d - u) / d^2 */
    const float dice_g = (float)(-2.0 * (double)weights->dice / d * scale);
    const float dice_1 = (float)((double)weights->dice * u / (d * d) * scale);
    pixels c;

    for (int64_t at = 0; at < pixels_total; at += CHUNK) {
        const int n = (int)(pixels_total - at < CHUNK ? pixels_total - at : CHUNK);
        float out[CHUNK];

        fill_pixels(logits + at, targets + at, n, &c);
        for (int i = 0; i < CHUNK; i++) {
            const float p = c.p[i], g = c.g[i], slope = p * (1.0f - p), miss = miss_of(p, g);
            /* d miss / d x = -(2 g - 1) p (1 - p), d ce / d x = p - g */
            const float by_miss = 2.0f * miss * (1.0f - 2.0f * g) * slope * c.ce[i];
            const float by_ce = miss * miss * (p - g);

            out[i] = c.w[i] * (focal * class_weight(alpha, g) * (by_miss + by_ce) + bce * (p - g) +
                               (dice_g * g + dice_1) * slope);
        }
        memcpy(dlogits + at, out, (size_t)n * sizeof *out);
    }
}

static void loss_tile(void *arg, int64_t prompt, int32_t lane)
{
    const loss_job *job = arg;
    const samc_loss_batch *b = job->batch;
    const int64_t area = (int64_t)b->side * b->side;
    const float *logits = b->logits + prompt * b->masks * area;
    const float *targets = b->targets + prompt * area;
    mask_sums *sums = job->sums + prompt * b->masks;
    double least = INFINITY;
    int32_t lowest = 0;
    pixels c;

    (void)lane;
    for (int32_t m = 0; m < b->masks; m++) {
        double loss;

        memset(&sums[m], 0, sizeof sums[m]);
        for (int64_t at = 0; at < area; at += CHUNK) {
            fill_pixels(logits + m * area + at, targets + at,
                        (int)(area - at < CHUNK ? area - at : CHUNK), &c);
            add_pixels(&c, job->weights->alpha, &sums[m]);
        }
        loss = sums[m].known > 0.0 ? mask_loss(job->weights, &sums[m]) : 0.0;
        if (loss < least) {
            least = loss;
            lowest = m;
        }
    }
    job->lowest[prompt] = lowest;
    for (int32_t m = 0; m < b->masks; m++) {
        const int64_t i = prompt * b->masks + m;
        const double off = (double)b->iou[i] - true_iou_of(&sums[m]);
        float *dlogits = job->dlogits + i * area;

        job->diou[i] = sums[m].known > 0.0
                           ? (float)(2.0 * off * (double)job->weights->iou * job->scale / b->masks)
                           : 0.0f;
        if (m == lowest && sums[m].known > 0.0)
            mask_gradient(job->weights, &sums[m], job->scale, logits + m * area, targets, area,
                          dlogits);
        else
            memset(dlogits, 0, (size_t)area * sizeof *dlogits);
    }
}

/* Adds one prompt's terms to the means. */
static void add_prompt(const loss_job *job, int64_t prompt, samc_loss_value *value)
{
    const samc_loss_batch *b = job->batch;
    const mask_sums *sums = job->sums + prompt * b->masks, *s = sums + job->lowest[prompt];
    double iou = 0.0;

    if (!(s->known > 0.0))
        return;
    for (int32_t m = 0; m < b->masks; m++) {
        const double off = (double)b->iou[prompt * b->masks + m] - true_iou_of(&sums[m]);

        iou += off * off / b->masks;
    }
    value->focal += job->scale * s->focal / s->known;
    value->dice += job->scale * dice_of(s);
    value->bce += job->scale * s->ce / s->known;
    value->iou += job->scale * iou;
    value->true_iou += job->scale * true_iou_of(s);
    value->loss += job->scale * (mask_loss(job->weights, s) + (double)job->weights->iou * iou);
}

samc_status samc_loss_run(const samc_call *call, const samc_loss_weights *weights,
                          const samc_loss_batch *batch, samc_loss_value *value, float *dlogits,
                          float *diou, int32_t *lowest, float *true_iou, samc_error *error)
{
    const samc_arena_mark mark = samc_arena_here(call->arena);
    const int64_t n = batch->prompts;
    loss_job job = {.weights = weights, .batch = batch, .dlogits = dlogits, .diou = diou};
    samc_status status = SAMC_OK;

    if (n < 0 || batch->masks < 1 || batch->masks > SAMC_LOSS_MAX_MASKS || batch->side < 1 ||
        batch->mean_over < 0)
        return SAMC_FAIL(error, ARGUMENT, "a loss over %lld prompts with %d masks of side %d",
                         (long long)n, batch->masks, batch->side);
    memset(value, 0, sizeof *value);
    if (n == 0)
        return SAMC_OK;
    job.scale = 1.0 / (double)(batch->mean_over ? batch->mean_over : n);
    SAMC_CHECK(samc_arena_take(call->arena, (size_t)n * (size_t)batch->masks, sizeof *job.sums,
                               &job.sums, error));
    SAMC_CHECK(samc_arena_take(call->arena, (size_t)n, sizeof *job.lowest, &job.lowest, error));
    samc_threads_run(call->threads, n, loss_tile, &job);
    for (int64_t i = 0; i < n; i++)
        add_prompt(&job, i, value);
    if (lowest)
        memcpy(lowest, job.lowest, (size_t)n * sizeof *lowest);
    for (int64_t i = 0; true_iou && i < n * batch->masks; i++)
        true_iou[i] = (float)true_iou_of(&job.sums[i]);

cleanup:
    samc_arena_give_back(call->arena, mark);
    return status;
}

void samc_loss_target(const uint8_t *mask, int32_t size, int32_t width, int32_t height,
                      int32_t side, float *target)
{
    const int32_t step = size / side;

    for (int32_t y = 0; y < side; y++)
        for (int32_t x = 0; x < side; x++) {
            int32_t inside = 0, known = 0;

            for (int32_t v = y * step; v < (y + 1) * step && v < height; v++)
                for (int32_t u = x * step; u < (x + 1) * step && u < width; u++) {
                    const uint8_t pixel = mask[(int64_t)v * size + u];

                    inside += pixel == 1;
                    known += pixel <= 1;
                }
            target[(int64_t)y * side + x] = known ? (float)inside / (float)known : SAMC_LOSS_IGNORE;
        }
}
