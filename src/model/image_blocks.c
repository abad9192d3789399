/* SPDX-License-Identifier: Apache-2.0 */
#include "model/image_blocks.h"

#include <string.h>

/* A block of the official size is 256 channels x 256 columns, 256 KiB: with what belongs to a
 * prompt (three matrices of 56 KiB, scores, sums) it stays in an L2 of 1 MiB, and 16 blocks are
 * enough to share among threads. Smaller images keep 16 blocks down to a width of 64. */
#define BLOCKS 16
#define LEAST_WIDTH 64
#define MOST_WIDTH 256
/* A pitch that is an odd number of cache lines spreads the rows of a panel over all sets of the
 * L1: at 1 KiB from row to row they would fall into 4 of its 64. */
#define PITCH_MORE 16

samc_blocks samc_blocks_of(const samc_config *config)
{
    samc_blocks b = {.tokens = (int64_t)config->grid * config->grid};

    b.width = (b.tokens / BLOCKS + LEAST_WIDTH - 1) / LEAST_WIDTH * LEAST_WIDTH;
    b.width = b.width < LEAST_WIDTH ? LEAST_WIDTH : b.width > MOST_WIDTH ? MOST_WIDTH : b.width;
    b.pitch = b.width + PITCH_MORE;
    b.count = (b.tokens + b.width - 1) / b.width;
    return b;
}

int64_t samc_blocks_floats(const samc_blocks *blocks, int64_t rows)
{
    return blocks->count * rows * blocks->pitch + SAMC_LEFT_SLACK;
}

int64_t samc_blocks_columns(const samc_blocks *blocks, int64_t index)
{
    const int64_t left = blocks->tokens - index * blocks->width;

    return left < blocks->width ? left : blocks->width;
}

typedef struct fill_job {
    const samc_kernels *kernels;
    const samc_blocks *blocks;
    int64_t n;
    const float *tokens, *planes;
    float *out;
} fill_job;

static void fill_tile(void *arg, int64_t index, int32_t lane)
{
    const fill_job *job = arg;
    const samc_blocks *b = job->blocks;
    const int64_t columns = samc_blocks_columns(b, index), n = job->n;
    float *block = job->out + index * n * b->pitch;

    (void)lane;
    job->kernels->transpose(job->tokens + index * b->width * n, n, columns, n, block, b->pitch);
    for (int64_t i = 0; job->planes && i < n; i++)
        job->kernels->epilogue(block + i * b->pitch, columns, NULL, SAMC_ACT_NONE,
                               job->planes + i * b->tokens + index * b->width);
}

void samc_blocks_fill(const samc_call *call, const samc_blocks *blocks, int64_t n,
                      const float *tokens, const float *planes, float *out)
{
    fill_job job = {call->kernels, blocks, n, tokens, planes, out};

    samc_threads_run(call->threads, blocks->count, fill_tile, &job);
}

void samc_blocks_from_planes(const samc_blocks *blocks, int64_t index, int64_t n,
                             const float *planes, const float *add, float *block)
{
    const int64_t columns = samc_blocks_columns(blocks, index);

    for (int64_t i = 0; i < n; i++, block += blocks->pitch) {
        const float *plane = planes + i * blocks->tokens + index * blocks->width;
        const float more = add ? add[i] : 0.0f;

        for (int64_t j = 0; j < columns; j++)
            block[j] = plane[j] + more;
    }
}
