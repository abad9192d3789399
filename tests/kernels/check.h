/* SPDX-License-Identifier: Apache-2.0
 *
 * One trial of a kernel: buffers that notice what is written or read outside of them, random
 * numbers, and comparison with a reference in double.
 *
 * A trial runs three times with the same numbers and its buffers placed differently: at the very
 * begin of their pages (what reads before them faults), at the very end (what reads behind them
 * faults), and somewhere between. Pages without access lie on both sides; what belongs to nobody is
 * filled with a pattern that is looked at afterwards and that is a NaN for who computes with it.
 * The three answers must be the same bits.
 */
#ifndef SAMC_TESTS_KERNELS_CHECK_H
#define SAMC_TESTS_KERNELS_CHECK_H

#include "kernels/kernels.h"

#include <stddef.h>
#include <stdint.h>

#define SAMC_CHECK_BUFFERS 16
/* Drivers run with 1 to so many threads. */
#define SAMC_CHECK_THREADS 3
/* Half of the distance from 1 to the next float: the largest relative error of one rounding. */
#define SAMC_CHECK_HALF_ULP 5.9604644775390625e-8

typedef enum samc_check_place { SAMC_AT_BEGIN, SAMC_AT_END, SAMC_BETWEEN } samc_check_place;

typedef struct samc_check_buffer {
    unsigned char *map; /* a page without access, the buffer's pages, a page without access */
    size_t map_size;
    float *data;
    int64_t rows, width, stride; /* the floats that a kernel may write, stride >= width */
    int is_input;
} samc_check_buffer;

typedef struct samc_check {
    const char *entry;           /* what is tested: an entry of the table or a driver */
    const char *path;            /* and whose */
    const samc_kernels *kernels; /* the table of that path */
    uint64_t seed;               /* of this trial */
    uint64_t state;              /* of its random numbers */
    samc_threads *threads[SAMC_CHECK_THREADS]; /* pools of 1, 2, 3 */
    samc_arena arena;
    samc_check_place place;
    int failures;    /* of this trial */
    double worst;    /* largest |error| / tolerance of all trials */
    uint64_t hash;   /* of the results of this trial at this place */
    char shape[256]; /* sizes of this trial, for messages */
    size_t n_buffers;
    samc_check_buffer buffers[SAMC_CHECK_BUFFERS];
} samc_check;

/* The rounds of one trial: samc_check_begin, then what the trial wants, then samc_check_end, which
 * looks for writes outside and frees the buffers. */
void samc_check_begin(samc_check *check, uint64_t seed, samc_check_place place);
void samc_check_end(samc_check *check);

/* Says once which trial failed and how to run it again, then the printf-like text. */
void samc_check_fail(samc_check *check, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The text that stands for the trial in messages. */
void samc_check_shape(samc_check *check, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Ends the program where the test's own needs (memory, a context) are not met. */
void samc_check_need(samc_status status, const samc_error *error);
/* Lets a fault in a kernel be reported as a failure of the running trial. */
void samc_check_catch_faults(void);

/* Whole numbers first..last, and floats low..high, evenly. */
int64_t samc_check_whole(samc_check *check, int64_t first, int64_t last);
float samc_check_real(samc_check *check, double low, double high);
/* A size 0..most: often small, often next to a multiple of 4, 6, 8, 14, 16 or 32. */
int64_t samc_check_size(samc_check *check, int64_t most);
/* A distance from row to row, `width` or up to 37 more. */
int64_t samc_check_stride(samc_check *check, int64_t width);

/* rows x width floats with `stride` from row to row; the last row ends where the buffer ends.
 * input: random -1..1, write-protected by samc_check_seal, which comes before the kernel.
 * inout: random -1..1. output: undefined, so a NaN. */
float *samc_check_input(samc_check *check, int64_t rows, int64_t width, int64_t stride);
float *samc_check_inout(samc_check *check, int64_t rows, int64_t width, int64_t stride);
float *samc_check_output(samc_check *check, int64_t rows, int64_t width, int64_t stride);
void samc_check_seal(samc_check *check);
/* Plain memory of `count` values of `size` bytes, of the test itself; free() it. */
void *samc_check_scratch(int64_t count, size_t size);

/* got[i] against reference and, where not NULL, against the portable answer (twice the tolerance,
 * as both may err). One message a call: the first difference. `what` names the result. */
typedef struct samc_check_values {
    const char *what;
    const float *got;
    const double *reference;
    const float *portable;
    const double *tolerance;
    int64_t rows, width, stride; /* of got and portable; the others are dense */
} samc_check_values;
void samc_check_near(samc_check *check, const samc_check_values *values);
/* The same bits. */
void samc_check_same(samc_check *check, const char *what, const float *got, const float *expected,
                     int64_t count);
/* Takes a result into the hash that must not depend on the place of the buffers. */
void samc_check_result(samc_check *check, const float *got, int64_t rows, int64_t width,
                       int64_t stride);

/* What the program tests: `trial` is run over and over with seeds, `once` a single time. One of the
 * two may be NULL. */
typedef struct samc_check_entry {
    const char *name;
    void (*trial)(samc_check *check);
    void (*once)(samc_check *check);
    int rounds; /* trials of a normal run */
} samc_check_entry;

/* products.c */
void samc_check_pack_a(samc_check *check);
void samc_check_gemm(samc_check *check);
void samc_check_gemm_rows(samc_check *check);
/* rows.c */
void samc_check_epilogue(samc_check *check);
/* The activation in double, and what kernels.h grants its f32: GELU 1e-6 of max(1, |x|). */
double samc_check_activated(double x, samc_activation act);
double samc_check_activation_error(double x, samc_activation act);
void samc_check_gelu_scan(samc_check *check);
void samc_check_layer_norm(samc_check *check);
void samc_check_layer_norm_constant(samc_check *check);
/* LayerNorm of one row in double, and how far f32 may be from it. */
void samc_check_norm(int64_t n, const float *x, const float *weight, const float *bias, float eps,
                     double *reference, double *tolerance);
void samc_check_scale(samc_check *check);
void samc_check_fma_loop(samc_check *check);
/* grads.c */
void samc_check_slope(samc_check *check);
void samc_check_layer_norm_grad(samc_check *check);
void samc_check_bf16_product(samc_check *check);
/* softmax.c */
void samc_check_softmax_step(samc_check *check);
void samc_check_softmax_grid(samc_check *check);
void samc_check_softmax_limits(samc_check *check);
/* linear.c; the call has the pool of which + 1 threads */
samc_call samc_check_call(samc_check *check, int which);
void samc_check_linear(samc_check *check);
void samc_check_linear_pack(samc_check *check);
void samc_check_linear_normed(samc_check *check);
void samc_check_layer_norm_run(samc_check *check);
/* threaded_product.c */
void samc_check_product(samc_check *check);
/* attention.c */
void samc_check_attention(samc_check *check);
void samc_check_window_attention(samc_check *check);
void samc_check_window_shapes(samc_check *check);

/* columns.c */
void samc_check_softmax_columns(samc_check *check);
void samc_check_norm_columns(samc_check *check);
void samc_check_gelu_product(samc_check *check);
void samc_check_transpose(samc_check *check);
void samc_check_interpolate(samc_check *check);
void samc_check_left(samc_check *check);

/* scaled_columns.c */
void samc_check_dot_columns(samc_check *check);
void samc_check_scale_columns(samc_check *check);
void samc_check_blend_columns(samc_check *check);

/* bench.c: times every entry, or the one named, of one path, and prints a line each. */
void samc_check_bench(const char *entry, const char *path, const samc_kernels *kernels);
/* Whether it times that entry. */
int samc_check_bench_has(const char *entry);

#endif
