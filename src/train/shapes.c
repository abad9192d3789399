/* SPDX-License-Identifier: Apache-2.0 */
#include "train/shapes.h"

#include "base/memory.h"
#include "image/resize.h"
#include "mask/polygon.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TWO_PI 6.2831853f
#define LATTICE 16 /* noise: random values a side, repeated; a power of two */
#define OCTAVES 3
#define MAX_VERTICES 72

/* ---- textures ---- */

typedef enum pattern { FLAT, GRADIENT, STRIPES, CHECKS, NOISE, CLOUDS, RINGS, N_PATTERNS } pattern;

typedef struct texture {
    pattern kind;
    float colours[3][3];
    float ax, ay, a0; /* a position along the pattern: ax x + ay y + a0 */
    float bx, by, b0; /* and across */
    float sharp;      /* how hard stripes, checks and rings end */
    float grain;      /* how much noise lies over it, 0..1 */
    uint8_t lattice[LATTICE][LATTICE];
} texture;

/* Colours are drawn with even hue, and mostly not at full saturation, as in photos. */
static void draw_colour(samc_random *random, float out[3])
{
    float light = samc_random_range(random, 15, 245);
    float hue = samc_random_range(random, 0, TWO_PI);
    float chroma = samc_random_range(random, 0, 1);

    chroma = chroma * chroma * 110;
    for (int c = 0; c < 3; c++) {
        float v = light + chroma * cosf(hue + TWO_PI * (float)c / 3);

        out[c] = v < 0 ? 0 : v > 255 ? 255 : v;
    }
}

static texture draw_texture(samc_random *random, int32_t width, int32_t height)
{
    texture t;
    float side = (float)(width > height ? width : height);
    float waves = samc_random_log_range(random, 1.5f, 24) / side;
    float angle = samc_random_range(random, 0, TWO_PI);

    t.kind = (pattern)samc_random_below(random, N_PATTERNS);
    for (int i = 0; i < 3; i++)
        draw_colour(random, t.colours[i]);
    t.ax = waves * cosf(angle);
    t.ay = waves * sinf(angle);
    t.bx = -t.ay;
    t.by = t.ax;
    t.a0 = samc_random_range(random, 0, LATTICE);
    t.b0 = samc_random_range(random, 0, LATTICE);
    if (t.kind == GRADIENT) {
        t.ax /= waves * side;
        t.ay /= waves * side;
        t.a0 = 0.5f - 0.5f * (t.ax * (float)width + t.ay * (float)height);
    }
    if (t.kind == RINGS) { /* around a point in the picture */
        t.ax = waves;
        t.ay = 0;
        t.a0 = -waves * samc_random_range(random, 0, (float)width);
        t.bx = 0;
        t.by = waves;
        t.b0 = -waves * samc_random_range(random, 0, (float)height);
    }
    t.sharp = samc_random_log_range(random, 1, 12);
    t.grain = samc_random_chance(random, 0.6f) ? samc_random_range(random, 0.05f, 0.5f) : 0;
    for (size_t i = 0; i < LATTICE; i++)
        for (size_t j = 0; j < LATTICE; j++)
            t.lattice[i][j] = (uint8_t)samc_random_next(random);
    return t;
}

/* Smooth noise, 0..1: the lattice with cubic easing between its values. */
static float noise(const texture *t, float x, float y)
{
    float fx = floorf(x), fy = floorf(y);
    size_t x0 = (size_t)((int32_t)fx & (LATTICE - 1)), y0 = (size_t)((int32_t)fy & (LATTICE - 1));
    size_t x1 = (x0 + 1) & (LATTICE - 1), y1 = (y0 + 1) & (LATTICE - 1);
    float u = x - fx, v = y - fy, top, bottom;

    u *= u * (3 - 2 * u);
    v *= v * (3 - 2 * v);
    top = (float)t->lattice[y0][x0] * (1 - u) + (float)t->lattice[y0][x1] * u;
    bottom = (float)t->lattice[y1][x0] * (1 - u) + (float)t->lattice[y1][x1] * u;
    return (top * (1 - v) + bottom * v) / 255;
}

static float clouds(const texture *t, float x, float y)
{
    float sum = 0, weight = 0.5f;

    for (int i = 0; i < OCTAVES; i++, weight /= 2, x = 2 * x + 5, y = 2 * y + 3)
        sum += weight * noise(t, x, y);
    return sum / 0.875f;
}

/* A wave of -1..1 becomes 0..1, the harder the steeper. */
static float step(float wave, float sharp)
{
    float v = 0.5f + 0.5f * wave * sharp;

    return v < 0 ? 0 : v > 1 ? 1 : v;
}

static float value_at(const texture *t, float x, float y)
{
    float a = t->ax * x + t->ay * y + t->a0, b = t->bx * x + t->by * y + t->b0;

    switch (t->kind) {
    case GRADIENT: return a < 0 ? 0 : a > 1 ? 1 : a;
    case STRIPES: return step(sinf(3.14159f * a), t->sharp);
    case CHECKS: return step(sinf(3.14159f * a) * sinf(3.14159f * b), 2 * t->sharp);
    case NOISE: return step(2 * noise(t, a, b) - 1, t->sharp);
    case CLOUDS: return clouds(t, a, b);
    case RINGS: return step(sinf(6.28318f * sqrtf(a * a + b * b)), t->sharp);
    case FLAT:
    case N_PATTERNS: break;
    }
    return 0;
}

void samc_texture_paint(samc_random *random, uint8_t *pixels, int32_t width, int32_t height,
                        size_t stride, int32_t channels, const uint8_t *stencil)
{
    texture t = draw_texture(random, width, height);
    float fine = 40.0f / (float)(width > height ? width : height); /* grain: cells a pixel */

    for (int32_t y = 0; y < height; y++)
        for (int32_t x = 0; x < width; x++) {
            uint8_t *p = pixels + (size_t)y * stride + (size_t)x * (size_t)channels;
            float v, g;

            if (stencil && !stencil[(size_t)y * (size_t)width + (size_t)x])
                continue;
            v = value_at(&t, (float)x, (float)y);
            g = t.grain > 0 ? t.grain * clouds(&t, fine * (float)x, fine * (float)y) : 0;
            for (int c = 0; c < 3; c++) {
                float colour = t.colours[0][c] + (t.colours[1][c] - t.colours[0][c]) * v;

                p[c] = (uint8_t)(colour + (t.colours[2][c] - colour) * g);
            }
        }
}

/* ---- outlines ---- */

/* Vertices around (cx, cy) within `radius`: an oval to box, a blob, a polygon or a star. */
static size_t draw_outline(samc_random *random, float cx, float cy, float radius, double *xy)
{
    size_t kind = samc_random_below(random, 4);
    size_t n = kind < 2 ? MAX_VERTICES : 3 + samc_random_below(random, kind == 2 ? 5 : 12);
    float phase = samc_random_range(random, 0, TWO_PI), turn = samc_random_range(random, 0, TWO_PI);
    float flat = samc_random_log_range(random, 0.25f, 1),
          inner = samc_random_range(random, .3f, .8f);
    float power = samc_random_log_range(random, 0.25f, 1.2f);
    float bumps[5], phases[5];

    for (int k = 0; k < 5; k++) {
        bumps[k] = samc_random_range(random, 0, 0.45f) / (float)(k + 1);
        phases[k] = samc_random_range(random, 0, TWO_PI);
    }
    if (kind == 3)
        n = n / 2 * 2 + 2;
    for (size_t i = 0; i < n; i++) {
        float angle = phase + TWO_PI *
                                  ((float)i + (kind == 2 ? 0.7f * samc_random_unit(random) : 0)) /
                                  (float)n;
        float c = cosf(angle), s = sinf(angle), r = radius, x, y;

        if (kind == 0) { /* a superellipse: small powers are boxes, 1 is round */
            c = copysignf(powf(fabsf(c), power), c);
            s = copysignf(powf(fabsf(s), power), s);
            r *= 0.75f;
        } else if (kind == 1) {
            float sum = 1;

            for (int k = 0; k < 5; k++)
                sum += bumps[k] * cosf((float)(k + 1) * angle + phases[k]);
            r *= 0.6f * (sum > 0.15f ? sum : 0.15f);
        } else if (kind == 3 && i % 2) {
            r *= inner;
        }
        x = r * c;
        y = r * s * flat;
        xy[2 * i] = (double)(cx + x * cosf(turn) - y * sinf(turn));
        xy[2 * i + 1] = (double)(cy + x * sinf(turn) + y * cosf(turn));
    }
    return n;
}

/* One part: an outline, on `stencil` [side][side] (0, 1), within those bits of `within`. */
static samc_status draw_stencil(samc_random *random, int32_t side, const uint8_t *within,
                                uint8_t *stencil, samc_error *error)
{
    double xy[2 * (MAX_VERTICES + 2)];
    float half = 0.5f * (float)side;
    float radius = within ? half * samc_random_range(random, 0.2f, 0.8f) : half;
    float away = within ? 0.6f * half : 0;
    float cx = half + samc_random_range(random, -away, away);
    float cy = half + samc_random_range(random, -away, away);
    size_t n = draw_outline(random, cx, cy, radius, xy);

    memset(stencil, 0, (size_t)side * (size_t)side);
    SAMC_TRY(samc_polygon_fill(xy, n, side, side, stencil, error));
    for (size_t i = 0; within && i < (size_t)side * (size_t)side; i++)
        stencil[i] &= within[i];
    return SAMC_OK;
}

/* Part of a photo as texture. */
static samc_status paint_photo(samc_random *random, const samc_image *photo, int32_t side,
                               const uint8_t *stencil, uint8_t *rgba, samc_error *error)
{
    size_t n = (size_t)side * (size_t)side;
    samc_image part = *photo;
    uint8_t *rgb = NULL;
    samc_status status;

    part.width = 1 + (int32_t)samc_random_below(random, (size_t)photo->width);
    part.height = 1 + (int32_t)samc_random_below(random, (size_t)photo->height);
    part.pixels += samc_random_below(random, (size_t)(photo->height - part.height) + 1) *
                   part.stride;
    part.pixels += 3 * samc_random_below(random, (size_t)(photo->width - part.width) + 1);
    SAMC_TRY(samc_alloc(n, 3, &rgb, error));
    status = samc_resize_rgb(&part, side, side, rgb, error);
    for (size_t i = 0; status == SAMC_OK && i < n; i++)
        if (stencil[i])
            memcpy(rgba + 4 * i, rgb + 3 * i, 3);
    free(rgb);
    return status;
}

samc_status samc_shape_make(samc_random *random, int32_t side, const samc_image *photo,
                            samc_cutout *cutout, samc_error *error)
{
    size_t n = (size_t)side * (size_t)side;
    size_t parts = 1 + samc_random_below(random, 4);
    samc_rgba picture = {side, side, NULL};
    uint8_t *outline = NULL, *stencil = NULL;
    samc_status status = SAMC_OK;

    SAMC_CHECK(samc_alloc_zero(n, 4, &picture.pixels, error));
    SAMC_CHECK(samc_alloc(n, 1, &outline, error));
    SAMC_CHECK(samc_alloc(n, 1, &stencil, error));
    SAMC_CHECK(draw_stencil(random, side, NULL, outline, error));
    if (samc_random_chance(random, 0.15f)) { /* a hole */
        SAMC_CHECK(draw_stencil(random, side, outline, stencil, error));
        for (size_t i = 0; i < n; i++)
            outline[i] &= (uint8_t)!stencil[i];
    }
    memcpy(stencil, outline, n);
    for (size_t part = 0; part < parts; part++) {
        if (part > 0)
            SAMC_CHECK(draw_stencil(random, side, outline, stencil, error));
        if (photo && samc_random_chance(random, 0.4f))
            SAMC_CHECK(paint_photo(random, photo, side, stencil, picture.pixels, error));
        else
            samc_texture_paint(random, picture.pixels, side, side, 4 * (size_t)side, 4, stencil);
    }
    for (size_t i = 0; i < n; i++)
        picture.pixels[4 * i + 3] = outline[i] ? 255 : 0;
    status = samc_cutout_make(&picture, side, cutout, error);

cleanup:
    free(picture.pixels);
    free(outline);
    free(stencil);
    return status;
}
