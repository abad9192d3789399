/* SPDX-License-Identifier: Apache-2.0 */
#include "server/events.h"

#include "server/answer.h"
#include "server/state.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of a listener who takes nothing no more than this is kept; the last event comes in any case. */
#define UNREAD_MOST ((size_t)2048)

static size_t progress_text(const samc_server *server, const samc_job *job, char *text, size_t size)
{
    return (size_t)snprintf(text, size,
                            "event: progress\ndata: {\"done\": %.4f, \"queue\": %zu}\n\n",
                            job->progress, samc_jobs_before(&server->jobs, job));
}

/* Takes out of the photo's list who has left. */
static void forget_abandoned(samc_server *server, samc_picture *picture)
{
    for (samc_stream **at = &picture->listeners; *at;) {
        samc_stream *stream = *at;

        if (!stream->abandoned) {
            at = &stream->next;
            continue;
        }
        *at = stream->next;
        samc_stream_release(&server->cache, stream);
    }
}

static void tell(samc_server *server, samc_picture *picture, const char *text, size_t size)
{
    forget_abandoned(server, picture);
    for (samc_stream *s = picture->listeners; s; s = s->next)
        if (s->end - s->begin < UNREAD_MOST)
            (void)samc_stream_write(&server->cache, s, text, size, NULL);
}

/* The last event of a photo's encoding. */
static size_t end_text(const samc_picture *picture, char *text, size_t size)
{
    json_t *error;
    char *json;
    size_t length;
    const char *code = picture->encoding == SAMC_ENCODING_CANCELLED ? "cancelled"
                       : picture->encoding == SAMC_ENCODING_FAILED  ? "failed"
                                                                    : "not_encoding";
    const char *message = picture->encoding == SAMC_ENCODING_CANCELLED ? "encoding was cancelled"
                          : picture->encoding == SAMC_ENCODING_FAILED
                              ? picture->failure
                              : "nobody has asked to encode this photo";
    int n;

    if (picture->embedding)
        return (size_t)snprintf(text, size, "event: ready\ndata: {}\n\n");
    error = json_pack("{s:s, s:s}", "error", message, "code", code);
    json = samc_answer_dump(error, &length);
    n = snprintf(text, size, "event: error\ndata: %s\n\n",
                 json ? json : "{\"error\": \"out of memory\", \"code\": \"memory\"}");
    free(json);
    return (size_t)n < size ? (size_t)n : size - 1;
}

void samc_events_listen(samc_server *server, samc_picture *picture, samc_stream *stream)
{
    char text[4096];
    const bool waits = picture->job != NULL;
    const size_t size = waits ? progress_text(server, picture->job, text, sizeof text)
                              : end_text(picture, text, sizeof text);

    (void)samc_stream_write(&server->cache, stream, text, size, NULL);
    if (!waits) {
        samc_stream_close(stream);
        return;
    }
    forget_abandoned(server, picture);
    stream->next = picture->listeners;
    picture->listeners = samc_stream_hold(stream);
}

void samc_events_progress(samc_server *server, samc_job *job, double done)
{
    char text[128];

    job->progress = done;
    tell(server, job->picture, text, progress_text(server, job, text, sizeof text));
}

void samc_events_moved(samc_server *server)
{
    for (samc_job *job = server->jobs.first[SAMC_QUEUE_LONG]; job; job = job->next)
        if (job->kind == SAMC_JOB_ENCODE && job->picture->listeners)
            samc_events_progress(server, job, 0.0);
}

void samc_events_encoded(samc_server *server, samc_job *job)
{
    samc_picture *picture = job->picture;
    char text[4096];
    size_t size;

    if (picture->encoding == SAMC_ENCODING_WAITING)
        picture->encoding = atomic_load(&job->cancelled) ? SAMC_ENCODING_CANCELLED
                                                         : SAMC_ENCODING_NONE;
    picture->job = NULL;
    size = end_text(picture, text, sizeof text);
    while (picture->listeners) {
        samc_stream *stream = picture->listeners;

        picture->listeners = stream->next;
        (void)samc_stream_write(&server->cache, stream, text, size, NULL);
        samc_stream_close(stream);
        samc_stream_release(&server->cache, stream);
    }
}

void samc_events_beat(samc_server *server)
{
    static const char beat[] = ": \n\n";

    for (size_t i = 0; i < SAMC_ALBUM_BUCKETS; i++)
        for (samc_picture *p = server->album.buckets[i]; p; p = p->next)
            if (p->listeners)
                tell(server, p, beat, sizeof beat - 1);
}
