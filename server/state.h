/* SPDX-License-Identifier: Apache-2.0
 *
 * State: what the server's files share. `lock` is held around every use of anything in here but
 * `options` and, once `ready` is set, the model: those do not change.
 *
 * Threads: one receives requests, routes them and sends answers (listen.c); one runs the inference
 * queue and one reads and writes pictures (jobs.c); one looks at the clock (listen.c).
 */
#ifndef SAMC_SERVER_STATE_H
#define SAMC_SERVER_STATE_H

#include "server/album.h"
#include "server/cache.h"
#include "server/folder.h"
#include "server/jobs.h"
#include "server/server.h"
#include "server/sessions.h"

#include <pthread.h>
#include <stdatomic.h>

/* What /metrics counts. */
typedef struct samc_server_counts {
    uint64_t requests[6]; /* by the first digit of their status; 0: cut off before an answer */
    uint64_t refused;     /* by the guard: host, origin, token */
    uint64_t dropped;     /* connections closed for being slow, or for making room */
    uint64_t connections; /* open now */
    uint64_t jobs[SAMC_JOB_KINDS];
    uint64_t failed[SAMC_JOB_KINDS];
    double seconds[SAMC_JOB_KINDS]; /* of computing */
} samc_server_counts;

/* The embedding of the photo that was asked about last, whole; of the inference thread. */
typedef struct samc_expanded {
    samc_id id;
    samc_embedding *whole; /* or NULL */
} samc_expanded;

typedef struct samc_listener samc_listener;

struct samc_server {
    samc_server_options options;
    pthread_mutex_t lock;
    samc_cache cache;
    samc_album album;
    samc_folder folder;
    samc_sessions sessions;
    samc_jobs jobs;
    samc_server_counts counts;
    int32_t port;            /* that is bound; 0: no sockets (yet, or in a fuzz target) */
    samc_listener *listener; /* or NULL */
    void (*stop_listener)(samc_server *server);

    atomic_bool ready; /* the model is there */
    samc_context *context;
    const samc_model *model;
    samc_model_info info;
    samc_expanded last;
    uint8_t *decoder; /* [decoder_size] safetensors for GET /api/model/decoder */
    size_t decoder_size;
};

void samc_server_lock(samc_server *server);
void samc_server_unlock(samc_server *server);

#endif
