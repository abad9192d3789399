/* SPDX-License-Identifier: Apache-2.0 */
#include "train/metrics.h"

#include "base/file.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char header[] =
    "step,photos,seconds,cpu_seconds,loss,focal,dice,bce,iou_loss,box_iou,click_iou,"
    "best_of_three_iou,last_iou,gradient_norm,rate,photos_per_second\n";

/* Copies the header and the whole rows up to `step` of the old file. */
static samc_status copy_rows(const samc_mapping *old, int64_t step, samc_file_writer *writer,
                             samc_error *error)
{
    const char *at = (const char *)old->data, *end = at + old->size;

    while (at < end) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        char number[24] = "";

        if (!line_end)
            break;
        memcpy(number, at,
               (size_t)(line_end - at) < sizeof number - 1 ? (size_t)(line_end - at)
                                                           : sizeof number - 1);
        if (at == (const char *)old->data || strtoll(number, NULL, 10) <= step)
            SAMC_TRY(samc_file_write(writer, at, (size_t)(line_end + 1 - at), error));
        at = line_end + 1;
    }
    return SAMC_OK;
}

static samc_status rewrite(const char *path, int64_t step, samc_error *error)
{
    samc_file_writer writer = {NULL, NULL, NULL};
    samc_mapping old = {NULL, 0};
    samc_status status = SAMC_OK;
    struct stat info;
    const int exists = stat(path, &info) == 0;

    if (exists) {
        SAMC_TRY(samc_file_map(path, &old, error));
        if (old.size < sizeof header - 1 || memcmp(old.data, header, sizeof header - 1) != 0) {
            samc_file_unmap(&old);
            return SAMC_FAIL(
                error, FORMAT,
                "%s is not the metrics of a training run of this version; move it away", path);
        }
    }
    SAMC_CHECK(samc_file_begin(path, &writer, error));
    if (exists)
        SAMC_CHECK(copy_rows(&old, step, &writer, error));
    else
        SAMC_CHECK(samc_file_write(&writer, header, sizeof header - 1, error));
    status = samc_file_commit(&writer, error);

cleanup:
    samc_file_abort(&writer);
    samc_file_unmap(&old);
    return status;
}

samc_status samc_metrics_open(const char *path, int64_t step, FILE **stream, samc_error *error)
{
    *stream = NULL;
    samc_file_sweep(path);
    SAMC_TRY(rewrite(path, step, error));
    *stream = fopen(path, "a");
    return *stream ? SAMC_OK : samc_error_io(error, "open", path);
}

static void print_number(FILE *stream, int digits, double value)
{
    if (isnan(value))
        (void)fputc(',', stream);
    else
        (void)fprintf(stream, ",%.*f", digits, value);
}

samc_status samc_metrics_write(FILE *stream, const samc_metrics_row *row, const char *path,
                               samc_error *error)
{
    (void)fprintf(stream, "%" PRId64 ",%" PRId64 ",%.1f,%.1f,%.5f", row->step, row->photos,
                  row->seconds, row->cpu_seconds, row->loss);
    print_number(stream, 6, row->focal);
    print_number(stream, 5, row->dice);
    print_number(stream, 5, row->bce);
    print_number(stream, 5, row->iou);
    print_number(stream, 4, row->box_iou);
    print_number(stream, 4, row->click_iou);
    print_number(stream, 4, row->best_iou);
    print_number(stream, 4, row->last_iou);
    (void)fprintf(stream, ",%.4f,%.3e,%.2f\n", row->norm, row->rate, row->speed);
    if (fflush(stream) != 0 || ferror(stream))
        return samc_error_io(error, "write", path);
    return SAMC_OK;
}
