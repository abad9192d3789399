/* SPDX-License-Identifier: Apache-2.0
 *
 * Jobs: what takes longer than a moment. Two threads work: one on the inference queue, where every
 * use of the model waits its turn, and one on pictures (reading uploads, thumbnails, bytes of
 * embeddings).
 *
 * In the inference queue predictions come first, then encodings and everything mode in their order,
 * then encodings ahead of need. A prediction does not even wait for the encoding that runs: it is
 * computed between two of its blocks (samc_jobs_run_quick).
 *
 * The server's lock is held around every call, unless it says otherwise.
 */
#ifndef SAMC_SERVER_JOBS_H
#define SAMC_SERVER_JOBS_H

#include "server/album.h"
#include "server/ask.h"
#include "server/http.h"
#include "server/server.h"

#include <pthread.h>
#include <stdatomic.h>

typedef enum samc_job_kind {
    SAMC_JOB_PREDICT,
    SAMC_JOB_ENCODE,
    SAMC_JOB_EVERYTHING,
    SAMC_JOB_UPLOAD,
    SAMC_JOB_THUMBNAIL,
    SAMC_JOB_IMAGE,
    SAMC_JOB_EMBEDDING,
    SAMC_JOB_LIST,
    SAMC_JOB_KINDS
} samc_job_kind;

/* The queues, those of inference in the order in which they are served. */
typedef enum samc_job_queue {
    SAMC_QUEUE_QUICK,
    SAMC_QUEUE_LONG,
    SAMC_QUEUE_AHEAD,
    SAMC_QUEUE_PICTURES,
    SAMC_QUEUES
} samc_job_queue;

struct samc_job {
    samc_job_kind kind;
    samc_job_queue queue;
    int64_t holders;
    samc_picture *picture; /* held; NULL: an upload that is none yet, or a list */
    samc_item *file;       /* upload: the bytes; predict: the request, which counts for `ask` */
    samc_id owner;         /* upload: of the session */
    char *name;            /* upload */
    samc_ask ask;          /* predict */
    samc_generate_options everything;
    samc_float type;     /* embedding */
    size_t from;         /* list: the first photo */
    samc_stream *stream; /* everything */
    double progress;     /* encode: the share done */
    atomic_bool cancelled;
    bool waiting, done;
    bool again;            /* encode: it made way, and stands in line anew */
    samc_http_reply reply; /* once done; not of encode and everything */
    samc_waiter *waiter;   /* of the client, or NULL */
    samc_job *next;
};

typedef struct samc_jobs {
    samc_job *first[SAMC_QUEUES], *last[SAMC_QUEUES];
    size_t waiting[SAMC_QUEUES];
    samc_job *running; /* the encoding or everything mode under way */
    pthread_cond_t inference_wanted, pictures_wanted;
    pthread_t inference, pictures;
    bool started, stopping;
} samc_jobs;

/* Waiting jobs at most, each queue. */
#define SAMC_QUEUE_LONGEST 512

/* Starts and ends the two threads. Stopping cancels what runs; what waits ends with 503. */
samc_status samc_jobs_start(samc_server *server, samc_error *error);
/* Without the lock. */
void samc_jobs_stop(samc_server *server);

/* A job held once by the caller, who fills in the rest. Errors: MEMORY. */
samc_status samc_job_create(samc_job_kind kind, samc_picture *picture, samc_job **job,
                            samc_error *error);
samc_job *samc_job_hold(samc_job *job);
void samc_job_release(samc_server *server, samc_job *job);
/* Puts it into its queue, which holds it. Errors: LIMIT (the queue is full, or the server
 * stops). */
samc_status samc_jobs_submit(samc_server *server, samc_job *job, samc_error *error);
/* Takes it out of the queue it waits in, and ends it as cancelled; asks it to stop if it runs. */
void samc_jobs_cancel(samc_server *server, samc_job *job);
/* Lets an encoding ahead of need stand in line with the others. */
void samc_jobs_promote(samc_server *server, samc_job *job);
/* How many encodings and everything modes come before a waiting one. */
size_t samc_jobs_before(const samc_jobs *jobs, const samc_job *job);

/* Without the lock: runs the predictions that wait. Called by the inference thread amid a long job:
 * the library calls back between two parallel regions, on the thread that made the call. */
void samc_jobs_run_quick(samc_server *server);
/* Without the lock: runs all that waits, on the caller's thread; for a server without threads. */
void samc_jobs_run_all(samc_server *server);

/* Without the lock: computes a job (inference.c, pictures.c) and fills in its reply. */
void samc_job_predict(samc_server *server, samc_job *job);
void samc_job_encode(samc_server *server, samc_job *job);
void samc_job_everything(samc_server *server, samc_job *job);
void samc_job_upload(samc_server *server, samc_job *job);
void samc_job_thumbnail(samc_server *server, samc_job *job);
void samc_job_image(samc_server *server, samc_job *job);
void samc_job_embedding(samc_server *server, samc_job *job);
void samc_job_list(samc_server *server, samc_job *job);

#endif
