/* SPDX-License-Identifier: Apache-2.0 */
#define _DEFAULT_SOURCE
#include "check.h"

#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* What fills memory that belongs to nobody: as a float a quiet NaN. */
#define PATTERN 0x7fc5a5a5u
/* Bytes of pattern that a buffer has on its free side at least: more than the widest vector. */
#define MARGIN 256

/* ------------------------------------------------------------------------- messages */

/* The trial that runs, for the handler of faults. */
static samc_check *running;

void samc_check_fail(samc_check *check, const char *format, ...)
{
    va_list list;

    if (check->failures++ == 0)
        (void)printf("FAIL %s of %s, %s\n     again: kernel_check --entry %s --path %s --seed %llu "
                     "--trials 1\n",
                     check->entry, check->path, check->shape, check->entry, check->path,
                     (unsigned long long)check->seed);
    if (check->failures > 4)
        return;
    (void)fputs("     ", stdout);
    va_start(list, format);
    (void)vprintf(format, list);
    va_end(list);
    (void)fputc('\n', stdout);
    (void)fflush(stdout);
}

void samc_check_shape(samc_check *check, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    (void)vsnprintf(check->shape, sizeof check->shape, format, list);
    va_end(list);
}

void samc_check_need(samc_status status, const samc_error *error)
{
    if (status == SAMC_OK)
        return;
    (void)fprintf(stderr, "kernel_check: %s\n", error->message);
    exit(2);
}

static void on_fault(int number, siginfo_t *info, void *context)
{
    static const char *const places[] = {"begin", "end", "middle"};

    (void)number;
    (void)context;
    /* not safe in a handler in general; here the fault is in a kernel, never in stdio */
    if (running)
        samc_check_fail(running,
                        "touched memory outside its buffers, at %p (buffers at the %s of "
                        "their pages)",
                        info->si_addr, places[running->place]);
    for (size_t i = 0; running && i < running->n_buffers; i++)
        (void)printf("     buffer %zu (%s): %lld x %lld floats, stride %lld, at %p\n", i,
                     running->buffers[i].is_input ? "read only" : "written",
                     (long long)running->buffers[i].rows, (long long)running->buffers[i].width,
                     (long long)running->buffers[i].stride, (void *)running->buffers[i].data);
    (void)fflush(stdout);
    _exit(1);
}

void samc_check_catch_faults(void)
{
    struct sigaction action = {0};

    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO;
    (void)sigaction(SIGSEGV, &action, NULL);
    (void)sigaction(SIGBUS, &action, NULL);
}

/* ------------------------------------------------------------------------- random numbers */

/* Steele, Lea, Flood: "Fast splittable pseudorandom number generators" (2014), SplitMix64. */
static uint64_t next_random(samc_check *check)
{
    uint64_t z = check->state += 0x9e3779b97f4a7c15u;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

int64_t samc_check_whole(samc_check *check, int64_t first, int64_t last)
{
    return first + (int64_t)(next_random(check) % (uint64_t)(last - first + 1));
}

float samc_check_real(samc_check *check, double low, double high)
{
    const double unit = (double)(next_random(check) >> 11) * 0x1p-53;

    return (float)(low + unit * (high - low));
}

int64_t samc_check_size(samc_check *check, int64_t most)
{
    static const int64_t steps[] = {4, 6, 8, 14, 16, 32};
    int64_t size;

    switch (samc_check_whole(check, 0, 4)) {
    case 0: size = samc_check_whole(check, 0, 3); break;
    case 1: size = samc_check_whole(check, 0, 40); break;
    case 2: size = samc_check_whole(check, 0, most); break;
    default:
        size = steps[samc_check_whole(check, 0, 5)];
        size = size * samc_check_whole(check, 0, most / size) + samc_check_whole(check, -1, 1);
    }
    return size < 0 ? 0 : size > most ? most : size;
}

int64_t samc_check_stride(samc_check *check, int64_t width)
{
    return width + (samc_check_whole(check, 0, 1) ? samc_check_whole(check, 1, 37) : 0);
}

/* ------------------------------------------------------------------------- buffers */

static size_t page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

static int64_t floats_of(const samc_check_buffer *b)
{
    return b->rows > 0 && b->width > 0 ? (b->rows - 1) * b->stride + b->width : 0;
}

static samc_check_buffer *take(samc_check *check, int64_t rows, int64_t width, int64_t stride)
{
    samc_check_buffer *b = &check->buffers[check->n_buffers];
    const uint32_t pattern = PATTERN;
    size_t bytes, inner, offset = 0;

    if (check->n_buffers == SAMC_CHECK_BUFFERS || stride < width) {
        (void)fprintf(stderr, "kernel_check: a trial asks for a buffer that cannot be\n");
        abort();
    }
    *b = (samc_check_buffer){.rows = rows, .width = width, .stride = stride};
    bytes = (size_t)floats_of(b) * sizeof(float);
    inner = (bytes + 2 * MARGIN + page_size() - 1) / page_size() * page_size();
    b->map_size = inner + 2 * page_size();
    b->map = mmap(NULL, b->map_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (b->map == MAP_FAILED || mprotect(b->map, page_size(), PROT_NONE) != 0 ||
        mprotect(b->map + page_size() + inner, page_size(), PROT_NONE) != 0) {
        perror("kernel_check: cannot map guarded memory");
        exit(2);
    }
    /* between: any multiple of a float, from the seed, but not from the trial's random numbers */
    if (check->place == SAMC_AT_END)
        offset = inner - bytes;
    else if (check->place == SAMC_BETWEEN)
        offset = MARGIN / 2 + (check->seed + 5 * check->n_buffers) % 16 * sizeof(float);
    for (size_t i = 0; i < inner; i += sizeof pattern)
        memcpy(b->map + page_size() + i, &pattern, sizeof pattern);
    b->data = (float *)(void *)(b->map + page_size() + offset);
    check->n_buffers++;
    return b;
}

float *samc_check_output(samc_check *check, int64_t rows, int64_t width, int64_t stride)
{
    return take(check, rows, width, stride)->data;
}

float *samc_check_inout(samc_check *check, int64_t rows, int64_t width, int64_t stride)
{
    float *data = take(check, rows, width, stride)->data;

    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < width; j++)
            data[i * stride + j] = samc_check_real(check, -1.0, 1.0);
    return data;
}

float *samc_check_input(samc_check *check, int64_t rows, int64_t width, int64_t stride)
{
    float *data = samc_check_inout(check, rows, width, stride);

    check->buffers[check->n_buffers - 1].is_input = 1;
    return data;
}

void samc_check_seal(samc_check *check)
{
    for (size_t i = 0; i < check->n_buffers; i++) {
        const samc_check_buffer *b = &check->buffers[i];

        if (b->is_input)
            (void)mprotect(b->map + page_size(), b->map_size - 2 * page_size(), PROT_READ);
    }
}

void *samc_check_scratch(int64_t count, size_t size)
{
    void *memory = calloc(count > 0 ? (size_t)count : 1, size);

    if (!memory) {
        (void)fprintf(stderr, "kernel_check: out of memory\n");
        exit(2);
    }
    return memory;
}

/* The first float that is no longer the pattern and may not be written; -1: none. The index counts
 * from the begin of the pages. */
static int64_t first_stray(const samc_check_buffer *b)
{
    const uint32_t pattern = PATTERN;
    const unsigned char *pages = b->map + page_size();
    const int64_t inner = (int64_t)((b->map_size - 2 * page_size()) / sizeof(float));
    const int64_t begin = b->data - (const float *)(const void *)pages;
    const int64_t end = begin + floats_of(b);

    for (int64_t i = 0; i < inner; i++) {
        if (i >= begin && i < end && (i - begin) % b->stride < b->width)
            continue;
        if (memcmp(pages + (size_t)i * sizeof pattern, &pattern, sizeof pattern) != 0)
            return i;
    }
    return -1;
}

void samc_check_begin(samc_check *check, uint64_t seed, samc_check_place place)
{
    check->seed = check->state = seed;
    check->place = place;
    check->n_buffers = 0;
    check->hash = 0xcbf29ce484222325u;
    check->shape[0] = '\0';
    running = check;
}

void samc_check_end(samc_check *check)
{
    for (size_t i = 0; i < check->n_buffers; i++) {
        samc_check_buffer *b = &check->buffers[i];
        const int64_t stray = first_stray(b);

        if (stray >= 0)
            samc_check_fail(
                check,
                "wrote outside of buffer %zu (%lld x %lld floats, stride %lld): "
                "float %lld from its begin",
                i, (long long)b->rows, (long long)b->width, (long long)b->stride,
                (long long)(stray -
                            (b->data - (const float *)(const void *)(b->map + page_size()))));
        (void)munmap(b->map, b->map_size);
    }
    check->n_buffers = 0;
    running = NULL;
}

/* ------------------------------------------------------------------------- comparison */

void samc_check_near(samc_check *check, const samc_check_values *v)
{
    for (int64_t i = 0; i < v->rows * v->width; i++) {
        const int64_t at = i / v->width * v->stride + i % v->width;
        const double error = fabs((double)v->got[at] - v->reference[i]);
        const double apart = v->portable ? fabs((double)v->got[at] - (double)v->portable[at]) : 0.0;

        if (error / v->tolerance[i] > check->worst)
            check->worst = error / v->tolerance[i];
        if (!(error <= v->tolerance[i]) || !(apart <= 2.0 * v->tolerance[i])) {
            samc_check_fail(check, "%s[%lld][%lld] is %.9g; in double %.9g, portable %.9g, %.3g %s",
                            v->what, (long long)(i / v->width), (long long)(i % v->width),
                            (double)v->got[at], v->reference[i],
                            v->portable ? (double)v->portable[at] : (double)NAN, v->tolerance[i],
                            "allowed");
            return;
        }
    }
}

void samc_check_same(samc_check *check, const char *what, const float *got, const float *expected,
                     int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        if (memcmp(got + i, expected + i, sizeof *got) != 0) {
            samc_check_fail(check, "%s[%lld] is %.9g instead of exactly %.9g", what, (long long)i,
                            (double)got[i], (double)expected[i]);
            return;
        }
}

void samc_check_result(samc_check *check, const float *got, int64_t rows, int64_t width,
                       int64_t stride)
{
    for (int64_t i = 0; i < rows * width; i++) {
        uint32_t bits;

        memcpy(&bits, got + i / width * stride + i % width, sizeof bits);
        check->hash = (check->hash ^ bits) * 0x100000001b3u; /* FNV-1a, a float at a time */
    }
}
