/* SPDX-License-Identifier: Apache-2.0 */
#include "train/colour.h"

#include "base/memory.h"
#include "image/recompress.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FIXED 1024 /* 1.0 of a matrix */

static uint8_t clip(int32_t value)
{
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

samc_colour samc_colour_draw(samc_random *random, float strength)
{
    static const float gray[3] = {0.299f, 0.587f, 0.114f};
    samc_colour colour;
    float contrast = expf(strength * samc_random_range(random, -0.3f, 0.25f));
    float light = strength * samc_random_range(random, -0.1f, 0.1f);
    float saturation = 1 + strength * samc_random_range(random, -0.5f, 0.3f);
    float turn = strength * samc_random_range(random, -0.12f, 0.12f); /* of hue, radians * sqrt 3 */

    if (samc_random_chance(random, 0.06f * strength))
        saturation = 0; /* a gray photo */
    for (int c = 0; c < 3; c++) {
        float gamma = expf(strength * samc_random_range(random, -0.25f, 0.25f));
        float gain = expf(strength * samc_random_range(random, -0.06f, 0.06f));

        for (int i = 0; i < 256; i++) {
            float v = powf((float)i / 255, gamma);

            v = ((v - 0.5f) * contrast + 0.5f + light) * gain;
            colour.curve[c][i] = clip((int32_t)lrintf(255 * v));
        }
    }
    for (int to = 0; to < 3; to++)
        for (int from = 0; from < 3; from++) {
            /* saturation moves between gray and the colour; small hue turns are a cross product */
            float m = (1 - saturation) * gray[from] + (to == from ? saturation : 0);

            if (from == (to + 1) % 3)
                m -= saturation * turn;
            if (from == (to + 2) % 3)
                m += saturation * turn;
            colour.matrix[to][from] = (int32_t)lrintf(FIXED * m);
        }
    return colour;
}

static void change(const samc_colour *colour, uint8_t *p)
{
    int32_t in[3];

    for (int c = 0; c < 3; c++)
        in[c] = colour->curve[c][p[c]];
    for (int c = 0; c < 3; c++) {
        const int32_t *m = colour->matrix[c];

        p[c] = clip((m[0] * in[0] + m[1] * in[1] + m[2] * in[2] + FIXED / 2) / FIXED);
    }
}

/* A premultiplied pixel is divided by its alpha for the change. */
static void change_premultiplied(const samc_colour *colour, uint8_t *p)
{
    uint32_t alpha = p[3];

    if (alpha == 255) {
        change(colour, p);
    } else if (alpha) {
        for (int c = 0; c < 3; c++)
            p[c] = clip((int32_t)((p[c] * 255u + alpha / 2) / alpha));
        change(colour, p);
        for (int c = 0; c < 3; c++)
            p[c] = (uint8_t)((p[c] * alpha + 127) / 255);
    }
}

void samc_colour_apply(const samc_colour *colour, uint8_t *pixels, int32_t width, int32_t height,
                       size_t stride, int32_t channels)
{
    for (size_t y = 0; y < (size_t)height; y++)
        for (size_t x = 0; x < (size_t)width; x++) {
            uint8_t *p = pixels + y * stride + x * (size_t)channels;

            if (channels == 4)
                change_premultiplied(colour, p);
            else
                change(colour, p);
        }
}

/* One line of `n` values, `step` bytes apart; `line` [n] holds a copy. */
static void blur_line(uint8_t *values, int32_t n, size_t step, int32_t radius, uint8_t *line)
{
    uint32_t size = 2 * (uint32_t)radius + 1, sum = 0;
    uint32_t inverse = (1u << 16) / size;

    for (int32_t i = 0; i < n; i++)
        line[i] = values[(size_t)i * step];
    for (int32_t i = -radius; i <= radius; i++)
        sum += line[i < 0 ? 0 : i < n ? i : n - 1];
    for (int32_t i = 0; i < n; i++) {
        int32_t leaves = i - radius, joins = i + radius + 1;

        values[(size_t)i * step] = (uint8_t)((sum * inverse + (1u << 15)) >> 16);
        sum += line[joins < n ? joins : n - 1];
        sum -= line[leaves > 0 ? leaves : 0];
    }
}

samc_status samc_box_blur(uint8_t *pixels, int32_t width, int32_t height, size_t stride,
                          int32_t channels, int32_t radius, int32_t passes, samc_error *error)
{
    size_t step = (size_t)channels;
    uint8_t *line = NULL;

    if (radius < 1)
        return SAMC_OK;
    SAMC_TRY(samc_alloc((size_t)(width > height ? width : height), 1, &line, error));
    for (int32_t pass = 0; pass < passes; pass++) {
        for (size_t y = 0; y < (size_t)height; y++)
            for (size_t c = 0; c < step; c++)
                blur_line(pixels + y * stride + c, width, step, radius, line);
        for (size_t x = 0; x < (size_t)width * step; x++)
            blur_line(pixels + x, height, stride, radius, line);
    }
    free(line);
    return SAMC_OK;
}

#define GRAINS 2048 /* normal numbers that noise is put together of */

/* Adds noise, the same to all channels (film) or to each its own (a dark sensor). */
static void add_noise(samc_random *random, float sigma, uint8_t *pixels, int32_t width,
                      int32_t height, size_t stride)
{
    int8_t grains[GRAINS];
    int own = samc_random_chance(random, 0.5f);

    for (int i = 0; i < GRAINS; i++) {
        float grain = sigma * samc_random_normal(random);

        grains[i] = (int8_t)lrintf(grain < -127 ? -127 : grain > 127 ? 127 : grain);
    }
    for (size_t y = 0; y < (size_t)height; y++)
        for (size_t x = 0; x < (size_t)width; x++) {
            uint8_t *p = pixels + y * stride + 3 * x;
            uint64_t bits = samc_random_next(random);

            for (int c = 0; c < 3; c++) {
                p[c] = clip(p[c] + grains[bits % GRAINS]);
                bits >>= own ? 11 : 0; /* log2 GRAINS */
            }
        }
}

samc_status samc_degrade(samc_random *random, float strength, uint8_t *pixels, int32_t width,
                         int32_t height, size_t stride, samc_error *error)
{
    if (samc_random_chance(random, 0.8f)) {
        samc_colour colour = samc_colour_draw(random, strength);

        samc_colour_apply(&colour, pixels, width, height, stride, 3);
    }
    if (samc_random_chance(random, 0.12f * strength))
        SAMC_TRY(samc_box_blur(pixels, width, height, stride, 3, 1,
                               samc_random_chance(random, 0.3f) ? 2 : 1, error));
    if (samc_random_chance(random, 0.25f * strength))
        add_noise(random, strength * samc_random_log_range(random, 1.5f, 10), pixels, width, height,
                  stride);
    if (samc_random_chance(random, 0.35f * strength))
        SAMC_TRY(samc_jpeg_recompress(pixels, width, height, stride,
                                      (int32_t)samc_random_range(random, 35, 95), error));
    return SAMC_OK;
}
