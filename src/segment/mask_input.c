/* SPDX-License-Identifier: Apache-2.0
 *
 * A drawn mask as a prompt: samc_mask_to_logits.
 */
#include "image/image.h"
#include "model/sam.h"
#include "segment/transforms.h"

/* Logits of a pixel wholly inside, and of one wholly outside. A trained SAM gives its low-res
 * logits about this size, so that the mask path sees what it was trained on. */
#define LOGIT_INSIDE 8.0f
#define LOGIT_OUTSIDE (-8.0f)

/* The share of a low-res pixel, [x0, x1) x [y0, y1) of the photo, that the mask covers. */
static float coverage(const uint8_t *mask, int32_t width, int32_t height, size_t stride, double x0,
                      double y0, double x1, double y1)
{
    double inside = 0.0, all = 0.0;

    for (int32_t y = (int32_t)y0; y < height && y < y1; y++) {
        const double dy = (y + 1 < y1 ? y + 1 : y1) - (y > y0 ? y : y0);

        for (int32_t x = (int32_t)x0; x < width && x < x1; x++) {
            const double dx = (x + 1 < x1 ? x + 1 : x1) - (x > x0 ? x : x0);

            all += dx * dy;
            inside += mask[(size_t)y * stride + (size_t)x] > 127 ? dx * dy : 0.0;
        }
    }
    return all > 0.0 ? (float)(inside / all) : 0.0f;
}

samc_status samc_mask_to_logits(const samc_model *model, const uint8_t *mask, int32_t width,
                                int32_t height, size_t stride, float *logits, samc_error *error)
{
    int32_t side;
    double step_x, step_y;
    samc_frame frame;

    if (!model || !mask || !logits || width < 1 || height < 1 || width > SAMC_IMAGE_MAX_SIDE ||
        height > SAMC_IMAGE_MAX_SIDE || stride < (size_t)width)
        return SAMC_FAIL(error, ARGUMENT,
                         "samc_mask_to_logits: give a model, a mask of 1..%d pixels "
                         "a side, a stride of at least its width, and room for "
                         "the logits",
                         SAMC_IMAGE_MAX_SIDE);
    side = samc_config_low_res(&model->config);
    frame = samc_frame_of(width, height, model->config.image_size);
    /* pixels of the photo a low-res pixel, through the square */
    step_x = (double)model->config.image_size / side * width / frame.resized_width;
    step_y = (double)model->config.image_size / side * height / frame.resized_height;
    for (int32_t y = 0; y < side; y++)
        for (int32_t x = 0; x < side; x++) {
            const float share = coverage(mask, width, height, stride, x * step_x, y * step_y,
                                         (x + 1) * step_x, (y + 1) * step_y);
            logits[(int64_t)y * side + x] = LOGIT_OUTSIDE + share * (LOGIT_INSIDE - LOGIT_OUTSIDE);
        }
    return SAMC_OK;
}
