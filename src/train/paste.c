/* SPDX-License-Identifier: Apache-2.0 */
#include "train/paste.h"

#include "base/memory.h"
#include "train/colour.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SOLID 128 /* alpha from which a pixel is the object's */

typedef struct box {
    int32_t x0, y0, x1, y1; /* ends excluded */
} box;

samc_status samc_table_begin(samc_sample *sample, samc_table *table, samc_error *error)
{
    size_t n = (size_t)sample->size * (size_t)sample->size;

    table->sample = sample;
    SAMC_TRY(samc_alloc_zero(n, 1, &table->owner, error));
    SAMC_TRY(samc_alloc(n, 4, &table->layer, error));
    return samc_alloc(n, 1, &table->shadow, error);
}

void samc_table_free(samc_table *table)
{
    free(table->owner);
    free(table->layer);
    free(table->shadow);
    *table = (samc_table){0};
}

/* A projective map of the plane: (x, y) -> ((m0 x + m1 y + m2) / w, ...), w = m6 x + m7 y + m8. */
typedef struct map {
    float m[9];
} map;

static map multiply(const map *a, const map *b)
{
    map out;

    for (int r = 0; r < 3; r++)
        for (int c = 0; c < 3; c++)
            out.m[3 * r + c] = a->m[3 * r] * b->m[c] + a->m[3 * r + 1] * b->m[3 + c] +
                               a->m[3 * r + 2] * b->m[6 + c];
    return out;
}

/* Up to a factor, which a projective map does not feel. */
static map invert(const map *a)
{
    const float *m = a->m;

    return (map){{m[4] * m[8] - m[5] * m[7], m[2] * m[7] - m[1] * m[8], m[1] * m[5] - m[2] * m[4],
                  m[5] * m[6] - m[3] * m[8], m[0] * m[8] - m[2] * m[6], m[2] * m[3] - m[0] * m[5],
                  m[3] * m[7] - m[4] * m[6], m[1] * m[6] - m[0] * m[7], m[0] * m[4] - m[1] * m[3]}};
}

static void apply(const map *a, float x, float y, float out[2])
{
    float w = a->m[6] * x + a->m[7] * y + a->m[8];

    out[0] = (a->m[0] * x + a->m[1] * y + a->m[2]) / w;
    out[1] = (a->m[3] * x + a->m[4] * y + a->m[5]) / w;
}

/* From pixels of the cut-out's level 0 to pixels of the scene. */
static map map_of(const samc_cutout *cutout, const samc_pose *pose)
{
    float w = (float)cutout->levels[0].width, h = (float)cutout->levels[0].height;
    float longer = w > h ? w : h;
    float stretch = sqrtf(pose->stretch);
    float c = cosf(pose->angle), s = sinf(pose->angle);
    /* the longer side becomes -0.5..0.5, so that the tilt means the same for every size */
    map centre = {{1 / longer, 0, -0.5f * w / longer, 0, 1 / longer, -0.5f * h / longer, 0, 0, 1}};
    map tilt = {{1, 0, 0, 0, 1, 0, pose->tilt_x, pose->tilt_y, 1}};
    map shape = {
        {(pose->flip ? -1.0f : 1.0f) * stretch, pose->shear, 0, 0, 1 / stretch, 0, 0, 0, 1}};
    map turn = {{c, -s, 0, s, c, 0, 0, 0, 1}};
    map grow = {{pose->side, 0, pose->x, 0, pose->side, pose->y, 0, 0, 1}};
    map m = multiply(&tilt, &centre);

    m = multiply(&shape, &m);
    m = multiply(&turn, &m);
    return multiply(&grow, &m);
}

/* The part of the rectangle that the cut-out's corners span. */
static box span_of(const map *m, const samc_cutout *cutout, const samc_sample *sample)
{
    float lo[2] = {1e9f, 1e9f}, hi[2] = {-1e9f, -1e9f};
    box b;

    for (int corner = 0; corner < 4; corner++) {
        float at[2];

        apply(m, corner & 1 ? (float)cutout->levels[0].width : 0,
              corner & 2 ? (float)cutout->levels[0].height : 0, at);
        for (int i = 0; i < 2; i++) {
            lo[i] = at[i] < lo[i] ? at[i] : lo[i];
            hi[i] = at[i] > hi[i] ? at[i] : hi[i];
        }
    }
    b.x0 = lo[0] - 2 > 0 ? (int32_t)(lo[0] - 2) : 0;
    b.y0 = lo[1] - 2 > 0 ? (int32_t)(lo[1] - 2) : 0;
    b.x1 = hi[0] + 2 < (float)sample->width ? (int32_t)(hi[0] + 2) : sample->width;
    b.y1 = hi[1] + 2 < (float)sample->height ? (int32_t)(hi[1] + 2) : sample->height;
    return b;
}

/* Bilinear, at the position (x, y) of a level; what lies outside is transparent. */
static void sample_level(const struct samc_cutout_level *level, float x, float y, uint8_t out[4])
{
    float fx = floorf(x - 0.5f), fy = floorf(y - 0.5f);
    int32_t x0 = (int32_t)fx, y0 = (int32_t)fy;
    int32_t ax = (int32_t)((x - 0.5f - fx) * 256), ay = (int32_t)((y - 0.5f - fy) * 256);
    int32_t sum[4] = {0};

    memset(out, 0, 4);
    if (x0 < -1 || y0 < -1 || x0 >= level->width || y0 >= level->height)
        return;
    for (int32_t dy = 0; dy < 2; dy++)
        for (int32_t dx = 0; dx < 2; dx++) {
            int32_t px = x0 + dx, py = y0 + dy;
            int32_t weight = (dx ? ax : 256 - ax) * (dy ? ay : 256 - ay);
            const uint8_t *p;

            if (px < 0 || py < 0 || px >= level->width || py >= level->height)
                continue;
            p = level->pixels + 4 * ((size_t)py * (size_t)level->width + (size_t)px);
            for (int c = 0; c < 4; c++)
                sum[c] += weight * p[c];
        }
    for (int c = 0; c < 4; c++)
        out[c] = (uint8_t)((sum[c] + 32768) >> 16);
}

/* Draws the cut-out into the layer's box. The level is the one whose pixels are about as large as
 * the scene's, or smaller: bilinear sampling of a finer one would skip pixels. */
static void warp(samc_table *table, const samc_cutout *cutout, const samc_pose *pose, const map *m,
                 const box *b)
{
    int32_t w = cutout->levels[0].width, h = cutout->levels[0].height;
    float shrink = (float)(w > h ? w : h) / pose->side;
    int32_t n = shrink > 1 ? (int32_t)(log2f(shrink) + 0.3f) : 0;
    const struct samc_cutout_level *level =
        &cutout->levels[n < cutout->n_levels ? n : cutout->n_levels - 1];
    float sx = (float)level->width / (float)w, sy = (float)level->height / (float)h;
    map back = invert(m);
    size_t s = (size_t)table->sample->size;

    for (int32_t y = b->y0; y < b->y1; y++)
        for (int32_t x = b->x0; x < b->x1; x++) {
            float at[2];

            apply(&back, (float)x + 0.5f, (float)y + 0.5f, at);
            sample_level(level, at[0] * sx, at[1] * sy,
                         table->layer + 4 * ((size_t)y * s + (size_t)x));
        }
}

/* Moves the object's mean colour some way to what it is pasted over: the light of one scene. */
static void match_light(const samc_table *table, const box *b, float share)
{
    size_t s = (size_t)table->sample->size;
    uint64_t object[3] = {0}, around[3] = {0}, alpha = 0, n = 0;
    uint32_t gain[3];

    for (size_t y = (size_t)b->y0; y < (size_t)b->y1; y++)
        for (size_t x = (size_t)b->x0; x < (size_t)b->x1; x++) {
            const uint8_t *p = table->layer + 4 * (y * s + x);
            const uint8_t *q = table->sample->pixels + 3 * (y * s + x);

            for (int c = 0; c < 3; c++) {
                object[c] += p[c];
                around[c] += q[c];
            }
            alpha += p[3];
            n++;
        }
    if (!alpha)
        return;
    for (int c = 0; c < 3; c++) {
        float from = 255 * (float)object[c] / (float)alpha + 12;
        float to = (float)around[c] / (float)n + 12;
        float g = powf(to / from, share);

        gain[c] = (uint32_t)(256 * (g < 0.4f ? 0.4f : g > 2.0f ? 2.0f : g));
    }
    for (size_t y = (size_t)b->y0; y < (size_t)b->y1; y++)
        for (size_t x = (size_t)b->x0; x < (size_t)b->x1; x++) {
            uint8_t *p = table->layer + 4 * (y * s + x);

            for (int c = 0; c < 3; c++) {
                uint32_t v = (p[c] * gain[c]) >> 8;

                p[c] = (uint8_t)(v < p[3] ? v : p[3]); /* stays premultiplied */
            }
        }
}

/* Darkens what lies under the object, moved and blurred. */
static samc_status cast_shadow(samc_table *table, samc_random *random, const box *b, float side,
                               samc_error *error)
{
    samc_sample *sample = table->sample;
    size_t s = (size_t)sample->size;
    float reach = 0.12f * side + 1;
    int32_t dx = (int32_t)samc_random_range(random, -reach, reach);
    int32_t dy = (int32_t)samc_random_range(random, -0.3f * reach, reach);
    int32_t radius = 1 + (int32_t)(side * samc_random_range(random, 0.01f, 0.06f));
    uint32_t depth = (uint32_t)samc_random_range(random, 50, 180);
    int32_t margin = 2 * radius;
    box t = {b->x0 + dx - margin, b->y0 + dy - margin, b->x1 + dx + margin, b->y1 + dy + margin};

    t.x0 = t.x0 > 0 ? t.x0 : 0;
    t.y0 = t.y0 > 0 ? t.y0 : 0;
    t.x1 = t.x1 < sample->width ? t.x1 : sample->width;
    t.y1 = t.y1 < sample->height ? t.y1 : sample->height;
    if (t.x0 >= t.x1 || t.y0 >= t.y1)
        return SAMC_OK;
    for (int32_t y = t.y0; y < t.y1; y++)
        for (int32_t x = t.x0; x < t.x1; x++) {
            int32_t fx = x - dx, fy = y - dy;
            int inside = fx >= b->x0 && fx < b->x1 && fy >= b->y0 && fy < b->y1;

            table->shadow[(size_t)y * s + (size_t)x] =
                inside ? table->layer[4 * ((size_t)fy * s + (size_t)fx) + 3] : 0;
        }
    SAMC_TRY(samc_box_blur(table->shadow + (size_t)t.y0 * s + (size_t)t.x0, t.x1 - t.x0,
                           t.y1 - t.y0, s, 1, radius, 2, error));
    for (size_t y = (size_t)t.y0; y < (size_t)t.y1; y++)
        for (size_t x = (size_t)t.x0; x < (size_t)t.x1; x++) {
            uint32_t left = 255 - table->shadow[y * s + x] * depth / 255;
            uint8_t *p = sample->pixels + 3 * (y * s + x);

            for (int c = 0; c < 3; c++)
                p[c] = (uint8_t)(p[c] * left / 255);
        }
    return SAMC_OK;
}

/* Lays the layer over the photo; returns how many pixels are the object's. */
static int64_t blend(samc_table *table, const box *b, uint8_t number)
{
    size_t s = (size_t)table->sample->size;
    int64_t area = 0;

    for (size_t y = (size_t)b->y0; y < (size_t)b->y1; y++)
        for (size_t x = (size_t)b->x0; x < (size_t)b->x1; x++) {
            const uint8_t *p = table->layer + 4 * (y * s + x);
            uint8_t *q = table->sample->pixels + 3 * (y * s + x);

            if (!p[3])
                continue;
            for (int c = 0; c < 3; c++)
                q[c] = (uint8_t)(p[c] + (q[c] * (255u - p[3]) + 127) / 255);
            if (p[3] >= SOLID) {
                table->owner[y * s + x] = number;
                area++;
            }
        }
    return area;
}

samc_status samc_table_paste(samc_table *table, samc_random *random, const samc_cutout *cutout,
                             const samc_pose *pose, uint8_t number, int64_t *area,
                             samc_error *error)
{
    map m = map_of(cutout, pose);
    box b = span_of(&m, cutout, table->sample);
    size_t s = (size_t)table->sample->size;
    uint8_t *first;

    *area = 0;
    if (b.x0 >= b.x1 || b.y0 >= b.y1)
        return SAMC_OK;
    first = table->layer + 4 * ((size_t)b.y0 * s + (size_t)b.x0);
    warp(table, cutout, pose, &m, &b);
    if (samc_random_chance(random, 0.6f)) {
        samc_colour colour = samc_colour_draw(random, 0.8f);

        samc_colour_apply(&colour, first, b.x1 - b.x0, b.y1 - b.y0, 4 * s, 4);
    }
    if (samc_random_chance(random, 0.6f))
        match_light(table, &b, samc_random_range(random, 0, 0.8f));
    if (samc_random_chance(random, 0.3f))
        SAMC_TRY(samc_box_blur(first, b.x1 - b.x0, b.y1 - b.y0, 4 * s, 4, 1, 1, error));
    if (samc_random_chance(random, 0.4f))
        SAMC_TRY(cast_shadow(table, random, &b, pose->side, error));
    *area = blend(table, &b, number);
    return SAMC_OK;
}
