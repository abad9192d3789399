/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "server/jobs.h"

#include "base/memory.h"
#include "server/answer.h"
#include "server/events.h"
#include "server/state.h"

#include <signal.h>
#include <stdlib.h>
#include <time.h>

static void (*const run_kind[SAMC_JOB_KINDS])(samc_server *server, samc_job *job) = {
    samc_job_predict,   samc_job_encode, samc_job_everything, samc_job_upload,
    samc_job_thumbnail, samc_job_image,  samc_job_embedding,  samc_job_list,
};

static samc_job_queue queue_of(samc_job_kind kind)
{
    if (kind == SAMC_JOB_PREDICT)
        return SAMC_QUEUE_QUICK;
    return kind == SAMC_JOB_ENCODE || kind == SAMC_JOB_EVERYTHING ? SAMC_QUEUE_LONG
                                                                  : SAMC_QUEUE_PICTURES;
}

/* ------------------------------------------------------------------------- jobs */

samc_status samc_job_create(samc_job_kind kind, samc_picture *picture, samc_job **job,
                            samc_error *error)
{
    SAMC_TRY(samc_alloc_zero(1, sizeof **job, job, error));
    (*job)->kind = kind;
    (*job)->queue = queue_of(kind);
    (*job)->holders = 1;
    (*job)->picture = picture ? samc_picture_hold(picture) : NULL;
    return SAMC_OK;
}

samc_job *samc_job_hold(samc_job *job)
{
    job->holders++;
    return job;
}

void samc_job_release(samc_server *server, samc_job *job)
{
    if (!job || --job->holders > 0)
        return;
    samc_ask_free(&job->ask);
    samc_picture_release(&server->cache, job->picture);
    samc_item_release(&server->cache, job->file);
    samc_stream_release(&server->cache, job->stream);
    samc_answer_free(server, &job->reply);
    free(job->name);
    free(job);
}

/* ------------------------------------------------------------------------- queues */

static void append(samc_jobs *jobs, samc_job *job)
{
    const samc_job_queue q = job->queue;

    job->next = NULL;
    *(jobs->last[q] ? &jobs->last[q]->next : &jobs->first[q]) = job;
    jobs->last[q] = job;
    jobs->waiting[q]++;
    job->waiting = true;
}

static void take_out(samc_jobs *jobs, samc_job *job)
{
    const samc_job_queue q = job->queue;
    samc_job *before = NULL;

    for (samc_job *at = jobs->first[q]; at != job; at = at->next)
        before = at;
    *(before ? &before->next : &jobs->first[q]) = job->next;
    if (jobs->last[q] == job)
        jobs->last[q] = before;
    jobs->waiting[q]--;
    job->next = NULL;
    job->waiting = false;
}

/* The last line of an answer that failed on its way says why; where there is no room for it the
 * answer is cut off, so that nobody takes it for whole. */
static void end_stream(samc_server *server, samc_job *job)
{
    const samc_http_reply *reply = &job->reply;
    const char *text = reply->item ? (const char *)reply->item->data : reply->fixed;
    const size_t size = reply->item ? reply->item->size : reply->fixed_size;

    if (reply->status >= 400 &&
        (samc_stream_write(&server->cache, job->stream, text, size, NULL) != SAMC_OK ||
         samc_stream_write(&server->cache, job->stream, "\n", 1, NULL) != SAMC_OK))
        job->stream->broken = true;
    samc_stream_close(job->stream);
}

/* Ends a job, run or not: whoever waits for it is told. Lets go of the queue's hold. */
static void end_job(samc_server *server, samc_job *job)
{
    samc_waiter *waiter = job->waiter;

    job->done = true;
    job->waiter = NULL;
    if (job->kind == SAMC_JOB_ENCODE)
        samc_events_encoded(server, job);
    if (job->stream)
        end_stream(server, job);
    if (waiter)
        waiter->wake(waiter);
    samc_job_release(server, job);
}

samc_status samc_jobs_submit(samc_server *server, samc_job *job, samc_error *error)
{
    samc_jobs *jobs = &server->jobs;

    if (jobs->stopping)
        return SAMC_FAIL(error, LIMIT, "the server stops");
    if (jobs->waiting[job->queue] >= SAMC_QUEUE_LONGEST)
        return SAMC_FAIL(error, LIMIT, "%d requests wait already; try again later",
                         SAMC_QUEUE_LONGEST);
    append(jobs, samc_job_hold(job));
    (void)pthread_cond_signal(job->queue == SAMC_QUEUE_PICTURES ? &jobs->pictures_wanted
                                                                : &jobs->inference_wanted);
    return SAMC_OK;
}

void samc_jobs_cancel(samc_server *server, samc_job *job)
{
    atomic_store(&job->cancelled, true);
    if (!job->waiting)
        return;
    take_out(&server->jobs, job);
    samc_answer_error(server, &job->reply, 503, "cancelled", "the request was cancelled");
    end_job(server, job);
    samc_events_moved(server);
}

void samc_jobs_promote(samc_server *server, samc_job *job)
{
    if (job->queue != SAMC_QUEUE_AHEAD)
        return;
    if (job->waiting) {
        take_out(&server->jobs, job);
        job->queue = SAMC_QUEUE_LONG;
        append(&server->jobs, job);
    }
    job->queue = SAMC_QUEUE_LONG;
}

size_t samc_jobs_before(const samc_jobs *jobs, const samc_job *job)
{
    size_t count = jobs->running ? 1 : 0;

    if (!job->waiting)
        return 0;
    for (const samc_job *at = jobs->first[SAMC_QUEUE_LONG]; at && at != job; at = at->next)
        count++;
    return count;
}

/* ------------------------------------------------------------------------- running */

static double seconds_now(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Takes the first job out of queue `q` and runs it; called and left with the lock held. */
static void run_first(samc_server *server, samc_job_queue q)
{
    samc_job *job = server->jobs.first[q];
    const bool is_long = q == SAMC_QUEUE_LONG || q == SAMC_QUEUE_AHEAD;
    const double began = seconds_now();

    take_out(&server->jobs, job);
    if (is_long) {
        server->jobs.running = job;
        samc_events_moved(server);
    }
    if (job->waiter && job->waiter->is_gone(job->waiter))
        atomic_store(&job->cancelled, true);
    if (atomic_load(&job->cancelled)) {
        samc_answer_error(server, &job->reply, 503, "cancelled", "the request was cancelled");
    } else {
        samc_server_unlock(server);
        run_kind[job->kind](server, job);
        samc_server_lock(server);
    }
    server->counts.seconds[job->kind] += seconds_now() - began;
    if (is_long)
        server->jobs.running = NULL;
    if (job->again && !server->jobs.stopping) {
        job->again = false;
        job->progress = 0.0;
        append(&server->jobs, job);
        return;
    }
    server->counts.jobs[job->kind]++;
    server->counts.failed[job->kind] += job->reply.status >= 400 ? 1 : 0;
    end_job(server, job);
}

/* The queue of inference to serve next, or SAMC_QUEUES. */
static samc_job_queue next_queue(const samc_jobs *jobs)
{
    for (samc_job_queue q = SAMC_QUEUE_QUICK; q <= SAMC_QUEUE_AHEAD; q++)
        if (jobs->first[q])
            return q;
    return SAMC_QUEUES;
}

void samc_jobs_run_quick(samc_server *server)
{
    samc_server_lock(server);
    while (server->jobs.first[SAMC_QUEUE_QUICK] && !server->jobs.stopping)
        run_first(server, SAMC_QUEUE_QUICK);
    samc_server_unlock(server);
}

void samc_jobs_run_all(samc_server *server)
{
    samc_server_lock(server);
    for (;;) {
        if (next_queue(&server->jobs) != SAMC_QUEUES)
            run_first(server, next_queue(&server->jobs));
        else if (server->jobs.first[SAMC_QUEUE_PICTURES])
            run_first(server, SAMC_QUEUE_PICTURES);
        else
            break;
    }
    samc_server_unlock(server);
}

static void *inference_thread(void *argument)
{
    samc_server *server = argument;
    samc_jobs *jobs = &server->jobs;

    samc_server_lock(server);
    while (!jobs->stopping) {
        const samc_job_queue q = next_queue(jobs);

        if (q == SAMC_QUEUES)
            (void)pthread_cond_wait(&jobs->inference_wanted, &server->lock);
        else
            run_first(server, q);
    }
    samc_server_unlock(server);
    return NULL;
}

static void *pictures_thread(void *argument)
{
    samc_server *server = argument;
    samc_jobs *jobs = &server->jobs;

    samc_server_lock(server);
    while (!jobs->stopping) {
        if (!jobs->first[SAMC_QUEUE_PICTURES])
            (void)pthread_cond_wait(&jobs->pictures_wanted, &server->lock);
        else
            run_first(server, SAMC_QUEUE_PICTURES);
    }
    samc_server_unlock(server);
    return NULL;
}

samc_status samc_jobs_start(samc_server *server, samc_error *error)
{
    samc_jobs *jobs = &server->jobs;

    (void)pthread_cond_init(&jobs->inference_wanted, NULL);
    (void)pthread_cond_init(&jobs->pictures_wanted, NULL);
    if (pthread_create(&jobs->inference, NULL, inference_thread, server) != 0)
        return SAMC_FAIL(error, MEMORY, "cannot start a thread");
    if (pthread_create(&jobs->pictures, NULL, pictures_thread, server) != 0) {
        samc_server_lock(server);
        jobs->stopping = true;
        (void)pthread_cond_broadcast(&jobs->inference_wanted);
        samc_server_unlock(server);
        (void)pthread_join(jobs->inference, NULL);
        return SAMC_FAIL(error, MEMORY, "cannot start a thread");
    }
    jobs->started = true;
    return SAMC_OK;
}

void samc_jobs_stop(samc_server *server)
{
    samc_jobs *jobs = &server->jobs;

    samc_server_lock(server);
    jobs->stopping = true;
    if (jobs->running)
        atomic_store(&jobs->running->cancelled, true);
    (void)pthread_cond_broadcast(&jobs->inference_wanted);
    (void)pthread_cond_broadcast(&jobs->pictures_wanted);
    samc_server_unlock(server);
    if (jobs->started) {
        (void)pthread_join(jobs->inference, NULL);
        (void)pthread_join(jobs->pictures, NULL);
    }
    jobs->started = false;
    samc_server_lock(server);
    for (samc_job_queue q = SAMC_QUEUE_QUICK; q < SAMC_QUEUES; q++)
        while (jobs->first[q])
            samc_jobs_cancel(server, jobs->first[q]);
    samc_server_unlock(server);
}
