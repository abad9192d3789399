/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "server/metrics.h"

#include "server/state.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const kinds[SAMC_JOB_KINDS] = {"predict",   "encode", "everything", "upload",
                                                  "thumbnail", "image",  "embedding",  "list"};

static void head(FILE *out, const char *name, const char *type, const char *help)
{
    (void)fprintf(out, "# HELP samc_%s %s\n# TYPE samc_%s %s\n", name, help, name, type);
}

static void one(FILE *out, const char *name, const char *type, const char *help, uint64_t value)
{
    head(out, name, type, help);
    (void)fprintf(out, "samc_%s %" PRIu64 "\n", name, value);
}

static void print_jobs(FILE *out, const samc_server *server)
{
    const samc_server_counts *c = &server->counts;

    head(out, "jobs_total", "counter", "Jobs that ended.");
    for (size_t i = 0; i < SAMC_JOB_KINDS; i++)
        (void)fprintf(out, "samc_jobs_total{kind=\"%s\"} %" PRIu64 "\n", kinds[i], c->jobs[i]);
    head(out, "jobs_failed_total", "counter", "Those of them that failed or were cancelled.");
    for (size_t i = 0; i < SAMC_JOB_KINDS; i++)
        (void)fprintf(out, "samc_jobs_failed_total{kind=\"%s\"} %" PRIu64 "\n", kinds[i],
                      c->failed[i]);
    head(out, "job_seconds_total", "counter", "How long they ran.");
    for (size_t i = 0; i < SAMC_JOB_KINDS; i++)
        (void)fprintf(out, "samc_job_seconds_total{kind=\"%s\"} %.6f\n", kinds[i], c->seconds[i]);
    head(out, "jobs_waiting", "gauge", "Jobs in the queues.");
    (void)fprintf(out,
                  "samc_jobs_waiting{queue=\"predict\"} %zu\n"
                  "samc_jobs_waiting{queue=\"long\"} %zu\n"
                  "samc_jobs_waiting{queue=\"ahead\"} %zu\n"
                  "samc_jobs_waiting{queue=\"pictures\"} %zu\n",
                  server->jobs.waiting[SAMC_QUEUE_QUICK], server->jobs.waiting[SAMC_QUEUE_LONG],
                  server->jobs.waiting[SAMC_QUEUE_AHEAD],
                  server->jobs.waiting[SAMC_QUEUE_PICTURES]);
}

static void print_all(FILE *out, const samc_server *server)
{
    const samc_server_counts *c = &server->counts;
    const samc_cache *cache = &server->cache;

    one(out, "ready", "gauge", "1 once the model is loaded.", atomic_load(&server->ready) ? 1 : 0);
    head(out, "requests_total", "counter", "Requests by the first digit of their status.");
    for (int i = 1; i <= 5; i++)
        (void)fprintf(out, "samc_requests_total{status=\"%dxx\"} %" PRIu64 "\n", i, c->requests[i]);
    one(out, "requests_cut_total", "counter", "Requests that ended without an answer.",
        c->requests[0]);
    one(out, "requests_refused_total", "counter", "Requests refused for host, origin or token.",
        c->refused);
    one(out, "connections", "gauge", "Open connections.", c->connections);
    one(out, "connections_dropped_total", "counter",
        "Connections closed for being slow or to make room.", c->dropped);
    print_jobs(out, server);
    one(out, "cache_budget_bytes", "gauge", "What the cache may take.", cache->budget);
    one(out, "cache_bytes", "gauge", "What it takes.", cache->used);
    one(out, "cache_peak_bytes", "gauge", "The most it ever took.", cache->peak);
    one(out, "cache_items", "gauge", "Blocks in it.", cache->items);
    one(out, "cache_hits_total", "counter", "Blocks that were there when wanted.", cache->hits);
    one(out, "cache_misses_total", "counter", "Blocks that were not.", cache->misses);
    one(out, "cache_drops_total", "counter", "Blocks dropped to make room.", cache->drops);
    one(out, "uploads", "gauge", "Uploaded photos.", server->album.uploads);
    one(out, "folder_photos", "gauge", "Photos of the folder.", server->folder.count);
}

char *samc_metrics_text(const samc_server *server, size_t *size)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, size);

    if (!out)
        return NULL;
    print_all(out, server);
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}
