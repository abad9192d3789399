/* SPDX-License-Identifier: Apache-2.0 */
#include "image/draw.h"

#include "base/memory.h"
#include "image/font.h"
#include "image/image.h"

#include <math.h>
#include <string.h>

/* Of the notebooks' figure, in pixels at 100 dpi, 1000 of them along the longer side. */
#define STAR_RADIUS 13.4f /* scatter(s=375): a diameter of sqrt(375) points of 1/72 inch */
#define STAR_EDGE 1.74f   /* linewidth 1.25 points */
#define BOX_LINE 2.78f    /* linewidth 2 points */
#define TITLE_SIZE 25.0f  /* fontsize 18 points */
#define TITLE_LEAST 11.0f /* smaller ones cannot be read */
#define MARGIN 16.0f

#define STAR_CORNERS 10
/* The inner corners of a pentagram, as a share of the outer radius: 1 / golden ratio squared. */
#define STAR_INNER 0.381966f
#define PI 3.14159265f

static const samc_color white = {255, 255, 255};
static const samc_color green = {0, 128, 0}; /* matplotlib's "green" */
static const samc_color red = {255, 0, 0};
static const samc_color black = {0, 0, 0};

typedef struct point {
    float x, y;
} point;

/* Photo pixels for one pixel of the notebooks' figure. */
static float figure_scale(int32_t width, int32_t height)
{
    const int32_t side = width > height ? width : height;

    return side > 500 ? (float)side / 1000.0f : 0.5f;
}

static float clamp01(float v)
{
    return v < 0 ? 0 : v > 1 ? 1 : v;
}

/* -------------------------------------------------------------------------------------------------
 * Pixels
 * ---------------------------------------------------------------------------------------------- */

static void blend(uint8_t *pixel, samc_color color, float alpha)
{
    const uint8_t over[3] = {color.r, color.g, color.b};

    for (int i = 0; i < 3; i++)
        pixel[i] = (uint8_t)((float)over[i] * alpha + (float)pixel[i] * (1 - alpha) + 0.5f);
}

/* A rectangle of whole pixels within the canvas: [x0, x1) x [y0, y1). */
typedef struct window {
    int32_t x0, y0, x1, y1;
} window;

/* The pixels that [x0, x1] x [y0, y1] touches; none where a coordinate is not a number. */
static window window_of(const samc_canvas *canvas, float x0, float y0, float x1, float y1)
{
    const float w = (float)canvas->width;
    const float h = (float)canvas->height;

    if (!(x0 < w && y0 < h && x1 > 0 && y1 > 0))
        return (window){0, 0, 0, 0};
    return (window){x0 > 0 ? (int32_t)x0 : 0, y0 > 0 ? (int32_t)y0 : 0,
                    x1 < w ? (int32_t)ceilf(x1) : canvas->width,
                    y1 < h ? (int32_t)ceilf(y1) : canvas->height};
}

static uint8_t *pixel_at(const samc_canvas *canvas, int32_t x, int32_t y)
{
    return canvas->pixels + 3 * ((size_t)y * (size_t)canvas->width + (size_t)x);
}

/* A filled rectangle; a pixel gets the share of it that is covered. */
static void fill(const samc_canvas *canvas, float x0, float y0, float x1, float y1,
                 samc_color color)
{
    const window w = window_of(canvas, x0, y0, x1, y1);

    for (int32_t y = w.y0; y < w.y1; y++) {
        const float rows = fminf(y1, (float)y + 1) - fmaxf(y0, (float)y);

        for (int32_t x = w.x0; x < w.x1; x++) {
            const float columns = fminf(x1, (float)x + 1) - fmaxf(x0, (float)x);

            blend(pixel_at(canvas, x, y), color, clamp01(rows) * clamp01(columns));
        }
    }
}

static float distance_to_segment(point p, point a, point b)
{
    const float dx = b.x - a.x;
    const float dy = b.y - a.y;
    const float length2 = dx * dx + dy * dy;
    const float t = length2 > 0 ? clamp01(((p.x - a.x) * dx + (p.y - a.y) * dy) / length2) : 0.0f;

    return hypotf(p.x - a.x - t * dx, p.y - a.y - t * dy);
}

/* -------------------------------------------------------------------------------------------------
 * Masks, points, boxes
 * ---------------------------------------------------------------------------------------------- */

samc_color samc_draw_color(int32_t index)
{
    /* Hues a golden section of the circle apart: each new one falls into the largest gap. The first
     * is the blue's own, 210 degrees. */
    const float turn = 210.0f / 360.0f + 0.618034f * (float)(index < 0 ? 0 : index % 4096);
    const float hue = 6 * (turn - floorf(turn));
    const uint8_t low = 30;
    float level[3];

    if (index <= 0)
        return (samc_color){30, 144, 255};
    level[0] = fabsf(hue - 3) - 1;
    level[1] = 2 - fabsf(hue - 2);
    level[2] = 2 - fabsf(hue - 4);
    return (samc_color){(uint8_t)(low + clamp01(level[0]) * 225),
                        (uint8_t)(low + clamp01(level[1]) * 225),
                        (uint8_t)(low + clamp01(level[2]) * 225)};
}

void samc_draw_mask(const samc_canvas *canvas, const uint8_t *mask, samc_color color, float alpha)
{
    const size_t count = (size_t)canvas->width * (size_t)canvas->height;

    for (size_t i = 0; i < count; i++)
        if (mask[i])
            blend(canvas->pixels + 3 * i, color, alpha);
}

/* The distance from `p` to the polygon's outline, negative inside. */
static float signed_distance(point p, const point *corners, int count)
{
    float nearest = INFINITY;
    int inside = 0;

    for (int i = 0; i < count; i++) {
        const point a = corners[i];
        const point b = corners[(i + 1) % count];

        nearest = fminf(nearest, distance_to_segment(p, a, b));
        if ((a.y > p.y) != (b.y > p.y) && p.x < a.x + (p.y - a.y) / (b.y - a.y) * (b.x - a.x))
            inside = !inside;
    }
    return inside ? -nearest : nearest;
}

void samc_draw_point(const samc_canvas *canvas, float x, float y, int32_t label)
{
    const float scale = figure_scale(canvas->width, canvas->height);
    const float radius = STAR_RADIUS * scale;
    const float edge = fmaxf(STAR_EDGE * scale, 1.0f) / 2;
    const float reach = radius + edge + 1;
    const window w = window_of(canvas, x - reach, y - reach, x + reach, y + reach);
    point corners[STAR_CORNERS];

    for (int i = 0; i < STAR_CORNERS; i++) {
        const float angle = (float)i * (2 * PI / STAR_CORNERS);
        const float r = i % 2 ? radius * STAR_INNER : radius;

        corners[i] = (point){x + r * sinf(angle), y - r * cosf(angle)};
    }
    for (int32_t py = w.y0; py < w.y1; py++) {
        for (int32_t px = w.x0; px < w.x1; px++) {
            const point center = {(float)px + 0.5f, (float)py + 0.5f};
            const float distance = signed_distance(center, corners, STAR_CORNERS);
            uint8_t *pixel = pixel_at(canvas, px, py);

            blend(pixel, label == 1 ? green : red, clamp01(0.5f - distance));
            blend(pixel, white, clamp01(0.5f + edge - fabsf(distance)));
        }
    }
}

void samc_draw_box(const samc_canvas *canvas, const float xyxy[4])
{
    const float line = BOX_LINE * figure_scale(canvas->width, canvas->height);
    const float x0 = xyxy[0] - line / 2;
    const float y0 = xyxy[1] - line / 2;
    const float x1 = xyxy[2] + line / 2;
    const float y1 = xyxy[3] + line / 2;

    fill(canvas, x0, y0, x1, y0 + line, green);
    fill(canvas, x0, y1 - line, x1, y1, green);
    fill(canvas, x0, y0 + line, x0 + line, y1 - line, green);
    fill(canvas, x1 - line, y0 + line, x1, y1 - line, green);
}

/* -------------------------------------------------------------------------------------------------
 * Text
 * ---------------------------------------------------------------------------------------------- */

/* The next character of UTF-8 text, which moves on; 0 at the end. Those outside ASCII are 127. */
static int next_character(const char **text)
{
    const unsigned char c = (unsigned char)**text;

    if (c == 0)
        return 0;
    (*text)++;
    if (c < 128)
        return c;
    while (((unsigned char)**text & 0xc0) == 0x80)
        (*text)++;
    return 127;
}

static void draw_glyph(const samc_canvas *canvas, float left, float top, float unit,
                       samc_color color, const samc_stroke *strokes, size_t count, float width)
{
    const float reach = SAMC_FONT_DOT * unit + 1;
    const window w = window_of(canvas, left - reach, top - reach, left + width * unit + reach,
                               top + 18 * unit + reach);

    for (int32_t y = w.y0; y < w.y1; y++) {
        for (int32_t x = w.x0; x < w.x1; x++) {
            const point p = {((float)x + 0.5f - left) / unit, ((float)y + 0.5f - top) / unit};
            float nearest = INFINITY; /* outline of a stroke, in units; negative inside */

            for (size_t i = 0; i < count; i++) {
                const point a = {strokes[i].x0, strokes[i].y0};
                const point b = {strokes[i].x1, strokes[i].y1};
                const int dot = a.x == b.x && a.y == b.y;

                nearest = fminf(nearest, distance_to_segment(p, a, b) -
                                             (dot ? SAMC_FONT_DOT : SAMC_FONT_PEN));
            }
            blend(pixel_at(canvas, x, y), color, clamp01(0.5f - nearest * unit));
        }
    }
}

void samc_draw_text(const samc_canvas *canvas, float x, float y, float size, samc_color color,
                    const char *text)
{
    const float unit = size / SAMC_FONT_UNITS;
    samc_stroke strokes[SAMC_FONT_MAX_SEGMENTS];
    int character;

    while ((character = next_character(&text)) != 0) {
        float width;
        const size_t count = samc_font_glyph(character, strokes, &width);

        if (count)
            draw_glyph(canvas, x, y, unit, color, strokes, count, width);
        x += (width + SAMC_FONT_GAP) * unit;
    }
}

float samc_draw_text_width(float size, const char *text)
{
    samc_stroke strokes[SAMC_FONT_MAX_SEGMENTS];
    float units = 0;
    int character;

    while ((character = next_character(&text)) != 0) {
        float width;

        (void)samc_font_glyph(character, strokes, &width);
        units += width + SAMC_FONT_GAP;
    }
    return units > 0 ? (units - SAMC_FONT_GAP) * size / SAMC_FONT_UNITS : 0;
}

/* -------------------------------------------------------------------------------------------------
 * Sheets
 * ---------------------------------------------------------------------------------------------- */

/* The measures of a sheet, in pixels. */
typedef struct layout {
    int32_t columns, rows;
    int32_t margin; /* around and between the panels */
    int32_t title;  /* the height of a title with the space below it; 0: no titles */
    float size;     /* of the titles' text */
} layout;

/* Titles shrink where the widest is wider than the picture, as far as they can still be read. */
static layout measure(const samc_panel *panels, int32_t count, int32_t columns)
{
    const samc_canvas *first = &panels[0].picture;
    const float scale = figure_scale(first->width, first->height);
    layout l = {columns < count ? columns : count, 0, (int32_t)(MARGIN * scale + 0.5f), 0, 0};
    float widest = 0;

    l.rows = (count + l.columns - 1) / l.columns;
    l.size = fmaxf(TITLE_SIZE * scale, TITLE_LEAST);
    for (int32_t i = 0; i < count; i++)
        if (panels[i].title && panels[i].title[0])
            widest = fmaxf(widest, samc_draw_text_width(l.size, panels[i].title));
    if (widest > 0) {
        if (widest > (float)first->width)
            l.size = fmaxf(l.size * (float)first->width / widest, TITLE_LEAST);
        l.title = (int32_t)ceilf(l.size * 1.15f);
    }
    return l;
}

static void put_panel(const samc_canvas *sheet, const layout *l, const samc_panel *panel,
                      int32_t left, int32_t top)
{
    const samc_canvas *picture = &panel->picture;

    if (panel->title && panel->title[0]) {
        const float width = samc_draw_text_width(l->size, panel->title);
        const float start = (float)left + fmaxf(((float)picture->width - width) / 2, 0);

        samc_draw_text(sheet, start, (float)top, l->size, black, panel->title);
    }
    for (int32_t y = 0; y < picture->height; y++)
        memcpy(pixel_at(sheet, left, top + l->title + y), pixel_at(picture, 0, y),
               3 * (size_t)picture->width);
}

samc_status samc_draw_sheet(const samc_panel *panels, int32_t count, int32_t columns,
                            samc_photo *sheet, samc_error *error)
{
    layout l;
    int64_t width;
    int64_t height;
    int64_t cell_width;
    int64_t cell_height;
    samc_canvas canvas = {NULL, 0, 0};

    if (!panels || count < 1 || columns < 1 || !sheet)
        return SAMC_FAIL(error, ARGUMENT, "a sheet needs at least one picture and one column");
    for (int32_t i = 0; i < count; i++)
        if (panels[i].picture.width != panels[0].picture.width ||
            panels[i].picture.height != panels[0].picture.height)
            return SAMC_FAIL(error, ARGUMENT, "the pictures of a sheet must be of one size");
    l = measure(panels, count, columns);
    cell_width = (int64_t)panels[0].picture.width + l.margin;
    cell_height = (int64_t)panels[0].picture.height + l.title + l.margin;
    width = cell_width * l.columns + l.margin;
    height = cell_height * l.rows + l.margin;
    if (width > SAMC_IMAGE_MAX_SIDE || height > SAMC_IMAGE_MAX_SIDE)
        return SAMC_FAIL(error, LIMIT,
                         "a sheet of %lld x %lld pixels is too large; no side may be over %d",
                         (long long)width, (long long)height, SAMC_IMAGE_MAX_SIDE);
    SAMC_TRY(samc_alloc((size_t)(width * height), 3, &canvas.pixels, error));
    memset(canvas.pixels, 255, (size_t)(width * height) * 3);
    canvas.width = (int32_t)width;
    canvas.height = (int32_t)height;
    for (int32_t i = 0; i < count; i++)
        put_panel(&canvas, &l, &panels[i], l.margin + (int32_t)(i % l.columns * cell_width),
                  l.margin + (int32_t)(i / l.columns * cell_height));
    sheet->pixels = canvas.pixels;
    sheet->view = (samc_image){canvas.pixels, canvas.width, canvas.height, 3 * (size_t)width,
                               SAMC_PIXELS_RGB};
    return SAMC_OK;
}
