/* SPDX-License-Identifier: Apache-2.0
 *
 * From a photo to its masks: encode, its events, the embedding, predict, everything.
 */
#include "server/answer.h"
#include "server/events.h"
#include "server/routes_inner.h"

#include <string.h>

static void reply_accepted(samc_visit *visit)
{
    const samc_picture *picture = visit->picture;

    samc_answer_json(visit->server, visit->reply, 202,
                     json_pack("{s:s}", "state", picture->job ? "waiting" : "ready"));
}

void samc_route_encode(samc_visit *visit)
{
    samc_server *server = visit->server;
    samc_picture *picture = visit->picture;
    samc_job *job = NULL;
    samc_error error;
    samc_status status;

    if (picture->job)
        samc_jobs_promote(server, picture->job);
    if (picture->job || picture->embedding) {
        reply_accepted(visit);
        return;
    }
    status = samc_job_create(SAMC_JOB_ENCODE, picture, &job, &error);
    if (status == SAMC_OK)
        status = samc_jobs_submit(server, job, &error);
    if (status == SAMC_OK) {
        picture->job = job; /* until it is done; the queue holds it */
        picture->encoding = SAMC_ENCODING_WAITING;
        reply_accepted(visit);
    } else {
        samc_answer_failure(server, visit->reply, &error, 503);
    }
    samc_job_release(server, job);
}

void samc_route_cancel(samc_visit *visit)
{
    if (visit->picture->job)
        samc_jobs_cancel(visit->server, visit->picture->job);
    visit->reply->status = 204;
}

void samc_route_events(samc_visit *visit)
{
    samc_server *server = visit->server;
    samc_stream *stream = NULL;
    samc_error error;

    if (samc_stream_create(&stream, &error) != SAMC_OK) {
        samc_answer_failure(server, visit->reply, &error, 503);
        return;
    }
    samc_events_listen(server, visit->picture, stream);
    visit->reply->status = 200;
    visit->reply->type = "text/event-stream";
    visit->reply->stream = stream;
}

/* Whether the photo is encoded; else the reply says so. */
static bool is_encoded(samc_visit *visit)
{
    if (visit->picture->embedding)
        return true;
    samc_answer_error(visit->server, visit->reply, 409, "not_encoded",
                      "the photo is not encoded, or its embedding had to make room: POST encode "
                      "first");
    return false;
}

void samc_route_embedding(samc_visit *visit)
{
    const char *type = samc_http_query(visit->request, "dtype");
    samc_job *job = NULL;
    samc_error error;

    if (type && strcmp(type, "f32") != 0 && strcmp(type, "f16") != 0) {
        samc_answer_error(visit->server, visit->reply, 400, "dtype", "dtype is f32 or f16");
        return;
    }
    if (!is_encoded(visit))
        return;
    if (samc_job_create(SAMC_JOB_EMBEDDING, visit->picture, &job, &error) != SAMC_OK) {
        samc_answer_failure(visit->server, visit->reply, &error, 503);
        return;
    }
    job->type = type && strcmp(type, "f16") == 0 ? SAMC_F16 : SAMC_F32;
    samc_visit_submit(visit, job);
}

static const char *body_text(const samc_visit *visit)
{
    return visit->body ? (const char *)visit->body->data : "";
}

static size_t body_size(const samc_visit *visit)
{
    return visit->body ? visit->body->size : 0;
}

void samc_route_predict(samc_visit *visit)
{
    samc_server *server = visit->server;
    samc_job *job = NULL;
    samc_error error;
    samc_status status;

    status = samc_job_create(SAMC_JOB_PREDICT, visit->picture, &job, &error);
    if (status == SAMC_OK)
        status = samc_ask_read(body_text(visit), body_size(visit), server->info.low_res_size,
                               server->options.points, &job->ask, &error);
    if (status != SAMC_OK || !is_encoded(visit)) {
        samc_job_release(server, job);
        if (status != SAMC_OK)
            samc_answer_failure(server, visit->reply, &error, 413);
        return;
    }
    job->file = visit->body ? samc_item_hold(visit->body) : NULL;
    samc_visit_submit(visit, job);
}

void samc_route_everything(samc_visit *visit)
{
    static const samc_generate_options defaults = SAMC_GENERATE_OPTIONS_INIT;
    samc_server *server = visit->server;
    samc_job *job = NULL;
    samc_error error;
    samc_status status;

    status = samc_job_create(SAMC_JOB_EVERYTHING, visit->picture, &job, &error);
    if (status == SAMC_OK) {
        job->everything = defaults;
        (void)samc_model_recommend(server->model, &job->everything, NULL);
        status = samc_ask_read_everything(body_text(visit), body_size(visit), &job->everything,
                                          &error);
    }
    if (status == SAMC_OK)
        status = samc_stream_create(&job->stream, &error);
    if (status != SAMC_OK || !is_encoded(visit)) {
        samc_job_release(server, job);
        if (status != SAMC_OK)
            samc_answer_failure(server, visit->reply, &error, 413);
        return;
    }
    if (samc_jobs_submit(server, job, &error) == SAMC_OK) {
        visit->reply->status = 200;
        visit->reply->type = "application/jsonl";
        visit->reply->stream = samc_stream_hold(job->stream);
    } else {
        samc_answer_failure(server, visit->reply, &error, 503);
    }
    samc_job_release(server, job);
}
