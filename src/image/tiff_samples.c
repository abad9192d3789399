/* SPDX-License-Identifier: Apache-2.0 */
#include "image/tiff_samples.h"

#include "image/photo.h"

#include <string.h>

int32_t samc_tiff_base_samples(samc_tiff_colors colors)
{
    switch (colors) {
    case SAMC_TIFF_RGB: return 3;
    case SAMC_TIFF_CMYK: return 4;
    default: return 1;
    }
}

void samc_tiff_unpack(const samc_tiff_kind *kind, const uint8_t *packed, size_t count, uint8_t *out,
                      size_t step)
{
    if (kind->bits == 8) {
        for (size_t i = 0; i < count; i++)
            out[i * step] = packed[i];
    } else if (kind->bits == 16) {
        for (size_t i = 0; i < count; i++) {
            uint16_t sample;

            memcpy(&sample, packed + 2 * i, sizeof sample);
            out[i * step] = (uint8_t)(sample >> 8);
        }
    } else {
        /* the first sample stands in the highest bits */
        const unsigned bits = (unsigned)kind->bits;
        const unsigned largest = (1u << bits) - 1;
        const unsigned scale = kind->colors == SAMC_TIFF_PALETTE ? 1 : 255 / largest;
        const size_t a_byte = 8 / bits;

        for (size_t i = 0; i < count; i++) {
            const unsigned shift = 8 - bits * (unsigned)(i % a_byte + 1);

            out[i * step] = (uint8_t)((packed[i / a_byte] >> shift & largest) * scale);
        }
    }
}

/* Rounded down and clipped, as Pillow does. */
static uint8_t divide_by_alpha(uint8_t value, uint8_t alpha)
{
    const int32_t plain = alpha ? value * 255 / alpha : 0;

    return (uint8_t)(plain > 255 ? 255 : plain);
}

static void pixel_to_rgb(const samc_tiff_kind *kind, const uint8_t *in, uint8_t *rgb)
{
    switch (kind->colors) {
    case SAMC_TIFF_GRAY: rgb[0] = rgb[1] = rgb[2] = in[0]; break;
    case SAMC_TIFF_INVERTED_GRAY: rgb[0] = rgb[1] = rgb[2] = (uint8_t)(255 - in[0]); break;
    case SAMC_TIFF_PALETTE:
        for (size_t i = 0; i < 3; i++)
            rgb[i] = (uint8_t)(kind->palette[i][in[0]] >> 8);
        break;
    case SAMC_TIFF_RGB: memcpy(rgb, in, 3); break;
    case SAMC_TIFF_CMYK: samc_cmyk_to_rgb(in, rgb); break;
    }
}

void samc_tiff_to_rgb(const samc_tiff_kind *kind, const uint8_t *in, size_t width, uint8_t *rgb)
{
    const size_t base = (size_t)samc_tiff_base_samples(kind->colors);

    for (size_t x = 0; x < width; x++, in += kind->samples, rgb += 3) {
        pixel_to_rgb(kind, in, rgb);
        if (kind->premultiplied)
            for (size_t i = 0; i < 3; i++)
                rgb[i] = divide_by_alpha(rgb[i], in[base]);
    }
}
