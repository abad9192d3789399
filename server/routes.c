/* SPDX-License-Identifier: Apache-2.0 */
#include "server/routes.h"

#include "server/answer.h"
#include "server/assets.h"
#include "server/guard.h"
#include "server/routes_inner.h"

#include <stdio.h>
#include <string.h>

/* How a route takes its body. */
typedef enum body_kind { BODY_NONE, BODY_JSON, BODY_PHOTO } body_kind;

struct samc_route {
    const char *method; /* GET stands for HEAD too */
    const char *path;   /* '*' stands for an ID */
    body_kind body;
    bool loading; /* answered before there is a model */
    bool open;    /* answered without the token */
    samc_route_fn answer;
};

static const samc_route routes[] = {
    {"GET", "/health", BODY_NONE, true, true, samc_route_health},
    {"GET", "/metrics", BODY_NONE, true, false, samc_route_metrics},
    {"GET", "/api/config", BODY_NONE, false, false, samc_route_config},
    {"POST", "/api/login", BODY_JSON, true, true, samc_route_login},
    {"GET", "/api/model/decoder", BODY_NONE, false, false, samc_route_decoder},
    {"GET", "/api/photos", BODY_NONE, false, false, samc_route_list},
    {"POST", "/api/photos", BODY_PHOTO, false, false, samc_route_upload},
    {"DELETE", "/api/photos/*", BODY_NONE, false, false, samc_route_remove},
    {"GET", "/api/photos/*/thumbnail", BODY_NONE, false, false, samc_route_thumbnail},
    {"GET", "/api/photos/*/image", BODY_NONE, false, false, samc_route_image},
    {"POST", "/api/photos/*/encode", BODY_NONE, false, false, samc_route_encode},
    {"DELETE", "/api/photos/*/encode", BODY_NONE, false, false, samc_route_cancel},
    {"GET", "/api/photos/*/events", BODY_NONE, false, false, samc_route_events},
    {"GET", "/api/photos/*/embedding", BODY_NONE, false, false, samc_route_embedding},
    {"POST", "/api/photos/*/predict", BODY_JSON, false, false, samc_route_predict},
    {"POST", "/api/photos/*/everything", BODY_JSON, false, false, samc_route_everything},
};
#define N_ROUTES (sizeof routes / sizeof routes[0])

/* Whether `path` is of the form `pattern`; the ID in it, if there is one, into *id. */
static bool matches(const char *pattern, const char *path, samc_id *id)
{
    const char *star = strchr(pattern, '*');

    if (!star)
        return strcmp(pattern, path) == 0;
    return strncmp(pattern, path, (size_t)(star - pattern)) == 0 &&
           samc_id_read(path + (star - pattern), id) &&
           strcmp(star + 1, path + (star - pattern) + SAMC_ID_DIGITS) == 0;
}

static bool method_is(const samc_route *route, const samc_http_request *request)
{
    return strcmp(route->method, request->method) == 0 ||
           (strcmp(route->method, "GET") == 0 && samc_http_is_get(request));
}

/* The route; NULL: *allow names the methods of those that have this path (in a literal), or is NULL
 * where there are none. */
static const samc_route *find_route(const samc_http_request *request, const char **allow,
                                    samc_id *id)
{
    static const char *const sets[] = {
        NULL,     "GET, HEAD",         "POST",         "GET, HEAD, POST",
        "DELETE", "GET, HEAD, DELETE", "POST, DELETE", "GET, HEAD, POST, DELETE"};
    unsigned methods = 0;

    for (size_t i = 0; i < N_ROUTES; i++) {
        if (!matches(routes[i].path, request->path, id))
            continue;
        if (method_is(&routes[i], request))
            return &routes[i];
        methods |= routes[i].method[0] == 'G' ? 1u : routes[i].method[0] == 'P' ? 2u : 4u;
    }
    *allow = sets[methods];
    return NULL;
}

static void answer_asset(const samc_http_request *request, const samc_asset *asset,
                         samc_http_reply *reply)
{
    const char *known = samc_http_header(request, "If-None-Match");

    samc_asset_etag(asset, reply->etag);
    if (known && strcmp(known, reply->etag) == 0) {
        reply->status = 304;
        return;
    }
    reply->status = 200;
    reply->type = samc_asset_type(asset->path);
    reply->fixed = asset->data;
    reply->fixed_size = asset->size;
}

static bool is_json(const samc_http_request *request)
{
    const char *type = samc_http_header(request, "Content-Type");
    const size_t n = type ? strcspn(type, "; \t") : 0;

    return n == strlen("application/json") && strncmp(type, "application/json", n) == 0;
}

/* Everything that can refuse a request to a route. */
static bool may_enter(samc_server *server, const samc_route *route,
                      const samc_http_request *request, samc_http_reply *reply)
{
    const char *token = server->options.token;
    const samc_session *session = samc_guard_session(request, samc_server_port(server),
                                                     &server->sessions);

    if (strncmp(request->path, "/api/", 5) == 0 && !samc_guard_same_site(request)) {
        server->counts.refused++;
        samc_answer_error(server, reply, 403, "origin", "a page of another site may not ask this");
        return false;
    }
    if (token && !route->open && !samc_guard_token(request, token, session)) {
        server->counts.refused++;
        samc_answer_error(server, reply, 401, "token",
                          "show the token: Authorization: Bearer TOKEN");
        reply->authenticate = true;
        return false;
    }
    if (!route->loading && !atomic_load(&server->ready)) {
        samc_answer_error(server, reply, 503, "loading", "the model is being loaded");
        return false;
    }
    if (route->body == BODY_JSON && !is_json(request)) {
        samc_answer_error(server, reply, 415, "content_type",
                          "the body is JSON: send Content-Type: application/json");
        return false;
    }
    return true;
}

const samc_route *samc_routes_admit(samc_server *server, const samc_http_request *request,
                                    size_t *body_most, samc_http_reply *reply)
{
    const samc_route *route;
    const samc_asset *asset;
    const char *allow = NULL;
    samc_id id;

    if (!samc_guard_host(samc_http_header(request, "Host"), server->options.host)) {
        server->counts.refused++;
        samc_answer_error(server, reply, 403, "host", "this server does not go by that name");
        return NULL;
    }
    asset = samc_asset_find(request->path);
    if (asset && samc_http_is_get(request)) {
        answer_asset(request, asset, reply);
        return NULL;
    }
    route = find_route(request, &allow, &id);
    if (!route) {
        if (allow || asset)
            samc_answer_error(server, reply, 405, "method", "not with this method");
        else
            samc_answer_error(server, reply, 404, "not_found", "there is nothing here");
        reply->allow = allow ? allow : asset ? "GET, HEAD" : NULL;
        return NULL;
    }
    if (!may_enter(server, route, request, reply))
        return NULL;
    *body_most = route->body == BODY_PHOTO  ? server->options.upload_bytes
                 : route->body == BODY_JSON ? SAMC_JSON_MOST
                                            : 0;
    return route;
}

/* The photo of the path, if this session may see it. To others it is not there. */
static bool find_picture(samc_visit *visit, const samc_id *id)
{
    samc_server *server = visit->server;
    samc_picture *picture = samc_album_find(&server->album, &server->cache, id);

    if (picture && !picture->path &&
        !(visit->session && samc_id_equal(&visit->session->id, &picture->owner))) {
        samc_picture_release(&server->cache, picture);
        picture = NULL;
    }
    visit->picture = picture;
    if (picture) /* who clicks on its masks needs the file too: without it the photo is gone */
        samc_cache_touch(&server->cache, &picture->file);
    return picture != NULL;
}

void samc_routes_answer(samc_server *server, const samc_route *route,
                        const samc_http_request *request, samc_item *body, samc_http_reply *reply)
{
    samc_visit visit = {
        .server = server,
        .request = request,
        .session = samc_guard_session(request, samc_server_port(server), &server->sessions),
        .body = body,
        .reply = reply};
    samc_id id;

    (void)matches(route->path, request->path, &id);
    if (strchr(route->path, '*') && !find_picture(&visit, &id)) {
        samc_answer_error(server, reply, 404, "not_found",
                          "there is no such photo: it was never here, it is somebody else's, or it "
                          "had to make room");
        return;
    }
    route->answer(&visit);
    samc_picture_release(&server->cache, visit.picture);
}

void samc_routes_finish(samc_server *server, samc_http_reply *reply)
{
    samc_job *job = reply->job;
    char cookie[SAMC_HTTP_COOKIE_SIZE];

    memcpy(cookie, reply->cookie, sizeof cookie);
    *reply = job->reply;
    job->reply = (samc_http_reply){0};
    memcpy(reply->cookie, cookie, sizeof cookie);
    samc_job_release(server, job);
}

void samc_visit_submit(samc_visit *visit, samc_job *job)
{
    samc_error error;

    if (samc_jobs_submit(visit->server, job, &error) == SAMC_OK)
        visit->reply->job = job;
    else {
        samc_job_release(visit->server, job);
        samc_answer_failure(visit->server, visit->reply, &error, 503);
    }
}

const samc_session *samc_visit_session(samc_visit *visit, bool trusted)
{
    const int32_t port = samc_server_port(visit->server);
    const samc_session *session = visit->session;
    char name[SAMC_GUARD_COOKIE_SIZE];
    samc_error error;

    if (session && (session->trusted || !trusted))
        return session;
    if (samc_session_make(&visit->server->sessions, trusted, &session, &error) != SAMC_OK) {
        samc_answer_failure(visit->server, visit->reply, &error, 503);
        return NULL;
    }
    samc_guard_cookie_name(port, name);
    (void)snprintf(visit->reply->cookie, sizeof visit->reply->cookie,
                   "%s=%s; Path=/; HttpOnly; SameSite=Strict", name, session->id.text);
    return session;
}
