/* SPDX-License-Identifier: Apache-2.0 */
#include "image/image.h"

samc_status samc_image_check(const samc_image *image, samc_error *error)
{
    static const uint8_t bytes_a_pixel[] = {3, 3, 4, 1}; /* by samc_pixel_format */

    if (!image || !image->pixels)
        return SAMC_FAIL(error, ARGUMENT, "there is no image: the pointer to its pixels is NULL");
    if (image->width < 1 || image->width > SAMC_IMAGE_MAX_SIDE || image->height < 1 ||
        image->height > SAMC_IMAGE_MAX_SIDE)
        return SAMC_FAIL(error, ARGUMENT, "an image of %d x %d pixels: each side must be 1 to %d",
                         image->width, image->height, SAMC_IMAGE_MAX_SIDE);
    if ((unsigned)image->format >= sizeof bytes_a_pixel)
        return SAMC_FAIL(error, ARGUMENT, "%d is no pixel format", (int)image->format);
    if (image->stride < (size_t)image->width * bytes_a_pixel[image->format])
        return SAMC_FAIL(error, ARGUMENT,
                         "a stride of %zu bytes is too small for %d pixels of %d bytes",
                         image->stride, image->width, bytes_a_pixel[image->format]);
    return SAMC_OK;
}

const uint8_t *samc_image_row_rgb(const samc_image *image, int32_t y, uint8_t *scratch)
{
    const uint8_t *in = image->pixels + (size_t)y * image->stride;
    uint8_t *out = scratch;

    switch (image->format) {
    case SAMC_PIXELS_RGB: return in;
    case SAMC_PIXELS_BGR:
        for (int32_t x = 0; x < image->width; x++, in += 3, out += 3) {
            out[0] = in[2];
            out[1] = in[1];
            out[2] = in[0];
        }
        break;
    case SAMC_PIXELS_RGBA:
        for (int32_t x = 0; x < image->width; x++, in += 4, out += 3) {
            out[0] = in[0];
            out[1] = in[1];
            out[2] = in[2];
        }
        break;
    case SAMC_PIXELS_GRAY:
        for (int32_t x = 0; x < image->width; x++, in += 1, out += 3)
            out[0] = out[1] = out[2] = in[0];
        break;
    }
    return scratch;
}
