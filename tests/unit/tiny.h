/* SPDX-License-Identifier: Apache-2.0
 *
 * The tiny golden model and a small picture, for tests of the public calls.
 */
#ifndef SAMC_TESTS_UNIT_TINY_H
#define SAMC_TESTS_UNIT_TINY_H

#include <samc.h>

#include <stdlib.h>

static samc_context *context;
static samc_model *model;

/* A picture whose pixels depend on `seed`: u8 [height][width][3], malloc'ed (NULL: no memory). */
static inline samc_image tiny_photo(int32_t width, int32_t height, int seed)
{
    uint8_t *pixels = malloc((size_t)width * (size_t)height * 3), *p = pixels;

    for (int y = 0; pixels && y < height; y++)
        for (int x = 0; x < width; x++)
            for (int c = 0; c < 3; c++)
                *p++ = (uint8_t)(x * (2 + seed) + y * (c + 1) + (x / 20 + y / 20) % 2 * 70);
    return (samc_image){pixels, width, height, (size_t)width * 3, SAMC_PIXELS_RGB};
}

static int tiny_setup(void **state)
{
    (void)state;
    return samc_context_create(NULL, &context, NULL) != SAMC_OK ||
           samc_model_load(context, SAMC_TEST_GOLDEN "/tiny.pth", NULL, &model, NULL) != SAMC_OK;
}

static int tiny_teardown(void **state)
{
    (void)state;
    samc_model_free(model);
    samc_context_free(context);
    return 0;
}

#endif
