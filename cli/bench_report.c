/* SPDX-License-Identifier: Apache-2.0
 *
 * What `samc bench` prints.
 */
#include "bench.h"

static double rate(double flops, double seconds)
{
    return seconds > 0.0 ? flops / seconds : 0.0;
}

/* A line of the table: seconds, and where there is arithmetic, its rate. */
static void print_line(const char *name, double seconds, double flops, double peak)
{
    (void)printf("%-28s %11.3f ms", name, 1e3 * seconds);
    if (flops > 0.0)
        (void)printf(" %9.3f GFLOP %7.1f GFLOP/s %5.1f%%", 1e-9 * flops,
                     1e-9 * rate(flops, seconds), 100.0 * rate(flops, seconds) / peak);
    (void)printf("\n");
}

static void print_work(const char *name, const bench_work *work, double peak)
{
    char indented[64];
    double rest = work->seconds;

    print_line(name, work->seconds, bench_work_flops(work), peak);
    for (int i = 0; i < work->n_stages; i++) {
        const bench_stage *stage = &work->stages[i];

        rest -= stage->seconds;
        (void)snprintf(indented, sizeof indented, "  %s", stage->name);
        print_line(indented, stage->seconds, stage->flops, peak);
    }
    print_line("  the rest", rest, 0.0, peak);
}

void bench_print(const bench_result *r)
{
    (void)printf("f32, kernels %s, threads: %d; the peak of the FMA units is %.1f GFLOP/s\n\n",
                 r->kernels, r->threads, 1e-9 * r->peak);
    print_work("encode one photo", &r->encode, r->peak);
    if (r->encode_alone.seconds > 0.0)
        (void)printf("%-28s %11.3f ms: %d threads are faster by %.2f x\n", "  on one thread",
                     1e3 * r->encode_alone.seconds, r->threads,
                     r->encode_alone.seconds / r->encode.seconds);
    print_work("decode one prompt", &r->decode1, r->peak);
    print_work("decode 64 prompts", &r->decode64, r->peak);
    (void)printf("\n%-28s %11.3f ms\n", "load the model", 1e3 * r->load);
    (void)printf("%-28s %11.1f MiB\n", "weights in f32", r->weights);
    (void)printf("%-28s %11.1f MiB\n", "peak memory after loading", r->after_load);
    (void)printf("%-28s %11.1f MiB\n", "  after the first photo", r->after_encode);
    (void)printf("%-28s %11.1f MiB\n", "  after everything", r->peak_size);
}

static void print_json_work(const char *name, const bench_work *work, double peak)
{
    const double flops = bench_work_flops(work);

    (void)printf("\"%s\":{\"gflop\":%.6f,\"gflops\":%.3f,\"share\":%.4f,\"stages\":[", name,
                 1e-9 * flops, 1e-9 * rate(flops, work->seconds),
                 rate(flops, work->seconds) / peak);
    for (int i = 0; i < work->n_stages; i++) {
        const bench_stage *s = &work->stages[i];

        (void)printf("%s{\"stage\":\"%s\",\"s\":%.6f,\"gflop\":%.6f,\"gflops\":%.3f,"
                     "\"share\":%.4f}",
                     i ? "," : "", s->name, s->seconds, 1e-9 * s->flops,
                     1e-9 * rate(s->flops, s->seconds), rate(s->flops, s->seconds) / peak);
    }
    (void)printf("]}");
}

void bench_print_json(const bench_result *r)
{
    (void)printf("{\"encode_s\":%.6f,\"decode1_s\":%.6f,\"decode64_s\":%.6f,\"load_s\":%.6f,"
                 "\"peak_rss_mib\":%.1f,\"threads\":%d,\"kernels\":\"%s\",\"precision\":\"f32\","
                 "\"peak_gflops\":%.3f,\"weights_mib\":%.1f,\"load_rss_mib\":%.1f,"
                 "\"encode_rss_mib\":%.1f,",
                 r->encode.seconds, r->decode1.seconds, r->decode64.seconds, r->load, r->peak_size,
                 r->threads, r->kernels, 1e-9 * r->peak, r->weights, r->after_load,
                 r->after_encode);
    if (r->encode_alone.seconds > 0.0)
        (void)printf("\"encode_1thread_s\":%.6f,", r->encode_alone.seconds);
    print_json_work("encode", &r->encode, r->peak);
    (void)printf(",");
    print_json_work("decode1", &r->decode1, r->peak);
    (void)printf(",");
    print_json_work("decode64", &r->decode64, r->peak);
    (void)printf("}\n");
}
