/* SPDX-License-Identifier: Apache-2.0 */
#include "image/orientation.h"
#include "image/photo.h"

#include <string.h>

#include <webp/decode.h>
#include <webp/demux.h>

static samc_status decode_failed(VP8StatusCode code, samc_error *error)
{
    switch (code) {
    case VP8_STATUS_OUT_OF_MEMORY: return SAMC_FAIL(error, MEMORY, "out of memory in libwebp");
    case VP8_STATUS_NOT_ENOUGH_DATA: return SAMC_FAIL(error, FORMAT, "the WebP is truncated");
    case VP8_STATUS_UNSUPPORTED_FEATURE:
        return SAMC_FAIL(error, UNSUPPORTED, "the WebP has a feature that libwebp does not know");
    default: /* libwebp gives these where memory ran out in some places, too */
        return SAMC_FAIL(error, FORMAT, "damaged WebP, or too little memory: libwebp's status %d",
                         (int)code);
    }
}

/* Decodes one bitstream into the photo, its top left corner at (x, y); it is `width` x `height`.
 * Alpha is decoded by libwebp and dropped: colours are not premultiplied. */
static samc_status decode_frame(const WebPData *frame, samc_photo *photo, int x, int y, int width,
                                int height, samc_error *error)
{
    const size_t stride = photo->view.stride;
    const size_t offset = (size_t)y * stride + 3 * (size_t)x;
    WebPDecoderConfig config;
    VP8StatusCode code;

    if (!WebPInitDecoderConfig(&config))
        return SAMC_FAIL(error, UNSUPPORTED, "libwebp has another version than its header");
    code = WebPGetFeatures(frame->bytes, frame->size, &config.input);
    if (code != VP8_STATUS_OK)
        return decode_failed(code, error);
    if (config.input.width != width || config.input.height != height)
        return SAMC_FAIL(error, FORMAT, "damaged WebP: its headers disagree about its size");
    /* straight into our pixels, between those of the rest of the canvas */
    config.output.colorspace = MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = photo->pixels + offset;
    config.output.u.RGBA.stride = (int)stride;
    config.output.u.RGBA.size = stride * (size_t)photo->view.height - offset;
    code = WebPDecode(frame->bytes, frame->size, &config);
    WebPFreeDecBuffer(&config.output);
    return code == VP8_STATUS_OK ? SAMC_OK : decode_failed(code, error);
}

/* Canvas, orientation, first frame. A WebP that is no animation has one frame, as large as its
 * canvas. */
static samc_status read_photo(samc_photo_job *job, const WebPDemuxer *demuxer, samc_error *error)
{
    const uint32_t width = WebPDemuxGetI(demuxer, WEBP_FF_CANVAS_WIDTH);
    const uint32_t height = WebPDemuxGetI(demuxer, WEBP_FF_CANVAS_HEIGHT);
    WebPChunkIterator exif;
    WebPIterator frame;
    samc_status status = SAMC_OK;

    if (WebPDemuxGetChunk(demuxer, "EXIF", 1, &exif)) {
        status = samc_orientation_read(exif.chunk.bytes, exif.chunk.size, &job->orientation, error);
        WebPDemuxReleaseChunkIterator(&exif);
        SAMC_TRY(status);
    }
    SAMC_TRY(samc_photo_begin(job, width, height, error));
    if (!WebPDemuxGetFrame(demuxer, 1, &frame))
        return SAMC_FAIL(error, FORMAT, "the WebP holds no picture");
    /* An animation's first frame may cover a part of the canvas; the rest is transparent black. The
     * demuxer has proved that the frame lies within the canvas. */
    if ((uint32_t)frame.width != width || (uint32_t)frame.height != height)
        memset(job->photo.pixels, 0, job->photo.view.stride * height);
    status = decode_frame(&frame.fragment, &job->photo, frame.x_offset, frame.y_offset, frame.width,
                          frame.height, error);
    WebPDemuxReleaseIterator(&frame);
    return status;
}

samc_status samc_webp_decode(samc_photo_job *job, samc_error *error)
{
    const WebPData file = {job->data, job->size};
    WebPDemuxState state = WEBP_DEMUX_PARSE_ERROR;
    /* partial: unlike WebPDemux it tells a short file from a broken one */
    WebPDemuxer *demuxer = WebPDemuxPartial(&file, &state);
    samc_status status;

    if (state == WEBP_DEMUX_PARSE_ERROR)
        status = SAMC_FAIL(error, FORMAT, "damaged WebP: its chunks make no sense");
    else if (state != WEBP_DEMUX_DONE)
        status = SAMC_FAIL(error, FORMAT, "the WebP is truncated");
    else if (!demuxer)
        status = SAMC_FAIL(error, MEMORY, "out of memory in libwebp");
    else
        status = read_photo(job, demuxer, error);
    WebPDemuxDelete(demuxer);
    return status;
}
