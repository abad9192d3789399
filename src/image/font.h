/* SPDX-License-Identifier: Apache-2.0
 *
 * Font: printable ASCII as strokes, for titles. Strokes scale to any size, and need no font file.
 *
 * A glyph lives on a grid of units: the top of capitals is y = 0, of small letters y = 5, the
 * baseline y = 14, the lowest descender y = 18. A size in pixels stands for 20 units, as a
 * typographic size does: capitals are 0.7 of it high.
 */
#ifndef SAMC_IMAGE_FONT_H
#define SAMC_IMAGE_FONT_H

#include <stddef.h>

/* Units of a size, between two glyphs, of a pen's radius, and of a
 * dot's: one as thin as a line looks thinner. */
#define SAMC_FONT_UNITS 20.0f
#define SAMC_FONT_GAP 4.0f
#define SAMC_FONT_PEN 0.95f
#define SAMC_FONT_DOT 1.25f

/* No glyph has more segments. */
#define SAMC_FONT_MAX_SEGMENTS 128

/* A straight stroke in units; a dot where both ends are one. */
typedef struct samc_stroke {
    float x0, y0, x1, y1;
} samc_stroke;

/* The strokes of a character, curves flattened; returns how many (0 for a space). A character
 * outside printable ASCII looks like '?'. `width`: units from the leftmost to the rightmost point.
 */
size_t samc_font_glyph(int character, samc_stroke strokes[SAMC_FONT_MAX_SEGMENTS], float *width);

#endif
