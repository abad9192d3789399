/* SPDX-License-Identifier: Apache-2.0 */
#include "segment/transforms.h"

#include "image/resize.h"

/* ImageNet's mean and standard deviation times 255, as build_sam.py has them. */
static const float pixel_mean[3] = {123.675f, 116.28f, 103.53f};
static const float pixel_std[3] = {58.395f, 57.12f, 57.375f};

samc_frame samc_frame_of(int32_t width, int32_t height, int32_t side)
{
    const double scale = side * 1.0 / (width > height ? width : height);
    const int32_t w = (int32_t)(width * scale + 0.5), h = (int32_t)(height * scale + 0.5);

    return (samc_frame){width, height, w > 0 ? w : 1, h > 0 ? h : 1};
}

void samc_frame_apply(const samc_frame *frame, const float xy[2], float out[2])
{
    out[0] = (float)(xy[0] * ((double)frame->resized_width / frame->width));
    out[1] = (float)(xy[1] * ((double)frame->resized_height / frame->height));
}

typedef struct patch_job {
    const samc_config *config;
    const samc_frame *frame;
    const uint8_t *pixels; /* [resized_height][resized_width][3] */
    float *patches;
} patch_job;

/* One row of patches. */
static void patch_tile(void *arg, int64_t tile, int32_t lane)
{
    const patch_job *job = arg;
    const int64_t p = job->config->patch_size, grid = job->config->grid;
    const int64_t width = job->frame->resized_width, height = job->frame->resized_height;

    (void)lane;
    for (int64_t gx = 0; gx < grid; gx++)
        for (int64_t c = 0; c < 3; c++)
            for (int64_t py = 0; py < p; py++) {
                const int64_t y = tile * p + py, x0 = gx * p;
                const int64_t inside = y >= height ? 0 : width - x0 < p ? width - x0 : p;
                float *out = job->patches + (((tile * grid + gx) * 3 + c) * p + py) * p;
                int64_t px = 0;

                for (; px < inside; px++)
                    out[px] = ((float)job->pixels[(y * width + x0 + px) * 3 + c] - pixel_mean[c]) /
                              pixel_std[c];
                for (; px < p; px++)
                    out[px] = 0.0f;
            }
}

samc_status samc_transform_patches(const samc_call *call, const samc_config *config,
                                   const samc_image *image, const samc_frame *frame, float *patches,
                                   samc_error *error)
{
    const samc_arena_mark mark = samc_arena_here(call->arena);
    patch_job job = {config, frame, NULL, patches};
    samc_status status = SAMC_OK;
    uint8_t *pixels;

    SAMC_CHECK(samc_arena_take(call->arena, (size_t)frame->resized_width * 3,
                               (size_t)frame->resized_height, &pixels, error));
    SAMC_CHECK(samc_resize_rgb(image, frame->resized_width, frame->resized_height, pixels, error));
    job.pixels = pixels;
    samc_threads_run(call->threads, config->grid, patch_tile, &job);

cleanup:
    samc_arena_give_back(call->arena, mark);
    return status;
}

void samc_transform_pixels(const samc_config *config, const float *patches, uint8_t *pixels)
{
    const int64_t p = config->patch_size, grid = config->grid, side = config->image_size;

    for (int64_t y = 0; y < side; y++)
        for (int64_t x = 0; x < side; x++)
            for (int64_t c = 0; c < 3; c++) {
                const int64_t patch = y / p * grid + x / p;
                const float v = patches[((patch * 3 + c) * p + y % p) * p + x % p] * pixel_std[c] +
                                pixel_mean[c];

                pixels[(y * side + x) * 3 + c] = (uint8_t)(v < 0.0f     ? 0.0f
                                                           : v > 255.0f ? 255.0f
                                                                        : v + 0.5f);
            }
}
