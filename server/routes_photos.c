/* SPDX-License-Identifier: Apache-2.0
 *
 * Photos: lists, uploads, pictures of them.
 */
#include "server/answer.h"
#include "server/routes_inner.h"

#include "base/memory.h"

#include <string.h>

/* Submits a job that needs nothing but its kind and photo. */
static void submit_plain(samc_visit *visit, samc_job_kind kind)
{
    samc_job *job = NULL;
    samc_error error;

    if (samc_job_create(kind, visit->picture, &job, &error) == SAMC_OK)
        samc_visit_submit(visit, job);
    else
        samc_answer_failure(visit->server, visit->reply, &error, 503);
}

void samc_route_list(samc_visit *visit)
{
    samc_server *server = visit->server;
    const char *after = samc_http_query(visit->request, "after");
    samc_picture *last = NULL;
    samc_job *job = NULL;
    samc_error error;
    samc_id id;

    if (after) {
        if (strlen(after) == SAMC_ID_DIGITS && samc_id_read(after, &id))
            last = samc_album_find(&server->album, &server->cache, &id);
        if (!last || !last->path) {
            samc_picture_release(&server->cache, last);
            samc_answer_error(server, visit->reply, 404, "not_found",
                              "\"after\" is no photo of the folder");
            return;
        }
    }
    if (samc_job_create(SAMC_JOB_LIST, NULL, &job, &error) == SAMC_OK) {
        job->from = last ? last->index + 1 : 0;
        samc_visit_submit(visit, job);
    } else {
        samc_answer_failure(server, visit->reply, &error, 503);
    }
    samc_picture_release(&server->cache, last);
}

/* The photo's name comes percent-encoded in X-Samc-Name; it is shown, and never a path. */
static samc_status read_name(const samc_visit *visit, char **name, samc_error *error)
{
    const char *given = samc_http_header(visit->request, "X-Samc-Name");
    char text[SAMC_NAME_SIZE];

    if (!given)
        return samc_alloc_string("photo", name, error);
    if (!samc_http_percent_decode(given, text, sizeof text))
        return SAMC_FAIL(error, FORMAT,
                         "X-Samc-Name is no percent-encoded UTF-8 of fewer than %d bytes",
                         SAMC_NAME_SIZE);
    return samc_alloc_string(text, name, error);
}

void samc_route_upload(samc_visit *visit)
{
    samc_server *server = visit->server;
    const samc_session *session;
    samc_job *job = NULL;
    samc_error error;
    samc_status status;

    if (!visit->body) {
        samc_answer_error(server, visit->reply, 400, "format", "the body is the photo's file");
        return;
    }
    session = samc_visit_session(visit, false);
    if (!session)
        return;
    status = samc_job_create(SAMC_JOB_UPLOAD, NULL, &job, &error);
    if (status == SAMC_OK)
        status = read_name(visit, &job->name, &error);
    if (status != SAMC_OK) {
        samc_job_release(server, job);
        samc_answer_failure(server, visit->reply, &error, 503);
        return;
    }
    job->owner = session->id;
    job->file = samc_item_hold(visit->body);
    samc_visit_submit(visit, job);
}

void samc_route_remove(samc_visit *visit)
{
    samc_server *server = visit->server;
    samc_picture *picture = visit->picture;

    if (picture->path) {
        samc_answer_error(server, visit->reply, 403, "folder",
                          "photos of the folder are not removed from here");
        return;
    }
    if (picture->job)
        samc_jobs_cancel(server, picture->job);
    samc_album_remove(&server->album, &server->cache, picture);
    visit->reply->status = 204;
}

void samc_route_thumbnail(samc_visit *visit)
{
    submit_plain(visit, SAMC_JOB_THUMBNAIL);
}

void samc_route_image(samc_visit *visit)
{
    submit_plain(visit, SAMC_JOB_IMAGE);
}
