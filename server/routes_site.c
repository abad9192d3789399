/* SPDX-License-Identifier: Apache-2.0
 *
 * What is asked of the server as a whole: health, metrics, configuration, login, the decoder.
 */
#include "server/answer.h"
#include "server/assets.h"
#include "server/metrics.h"
#include "server/routes_inner.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void samc_route_health(samc_visit *visit)
{
    const bool ready = atomic_load(&visit->server->ready);

    samc_answer_json(visit->server, visit->reply, ready ? 200 : 503,
                     json_pack("{s:s}", "status", ready ? "ok" : "loading"));
    visit->reply->retry = !ready;
}

void samc_route_metrics(samc_visit *visit)
{
    size_t size = 0;
    char *text = samc_metrics_text(visit->server, &size);

    if (text)
        samc_answer_bytes(visit->server, visit->reply, 200,
                          "text/plain; version=0.0.4; charset=utf-8", text, size);
    else
        samc_answer_error(visit->server, visit->reply, 503, "memory", "out of memory");
}

/* 0.6f as 0.6. */
static json_t *threshold_json(float value)
{
    return json_real(round((double)value * 1e6) / 1e6);
}

/* What everything mode does where a request gives no thresholds. */
static json_t *everything_json(const samc_model *model)
{
    samc_generate_options options = SAMC_GENERATE_OPTIONS_INIT;

    (void)samc_model_recommend(model, &options, NULL);
    return json_pack("{s:o, s:o}", "predIouThresh", threshold_json(options.pred_iou_thresh),
                     "stabilityScoreThresh", threshold_json(options.stability_score_thresh));
}

/* Paths of the photos that the page offers to begin with; NULL: out of memory. */
static json_t *list_samples(void)
{
    static const char folder[] = "samples/";
    json_t *list = json_array();

    for (const samc_asset *asset = samc_assets; list && asset->path; asset++)
        if (strncmp(asset->path, folder, sizeof folder - 1) == 0 &&
            json_array_append_new(list, json_string(asset->path)) != 0) {
            json_decref(list);
            list = NULL;
        }
    return list;
}

void samc_route_config(samc_visit *visit)
{
    samc_server *server = visit->server;
    const samc_model_info *info = &server->info;
    json_t *model = json_pack("{s:s, s:s, s:i, s:i, s:o}", "name", info->name, "identity",
                              info->identity, "imageSize", (int)info->image_size, "lowResSize",
                              (int)info->low_res_size, "everything",
                              everything_json(server->model));
    json_t *limits = json_pack("{s:I, s:I, s:i}", "bytes", (json_int_t)server->options.upload_bytes,
                               "pixels", (json_int_t)server->options.photo_pixels, "points",
                               (int)server->options.points);

    samc_answer_json(server, visit->reply, 200,
                     json_pack("{s:s, s:o, s:b, s:b, s:o, s:o}", "version", samc_version(), "model",
                               model, "folder", server->options.folder ? 1 : 0, "wasm",
                               samc_asset_find("/samc.wasm") ? 1 : 0, "samples", list_samples(),
                               "limits", limits));
}

/* The page asks for the token once; from then on its cookie stands for it. */
void samc_route_login(samc_visit *visit)
{
    samc_server *server = visit->server;
    const samc_item *body = visit->body;
    char *token = NULL;
    samc_error error;

    if (samc_ask_read_login(body ? (const char *)body->data : "", body ? body->size : 0, &token,
                            &error) != SAMC_OK) {
        samc_answer_failure(server, visit->reply, &error, 413);
        return;
    }
    if (!server->options.token || samc_http_same_secret(token, server->options.token)) {
        if (samc_visit_session(visit, true))
            samc_answer_json(server, visit->reply, 200, json_pack("{s:b}", "ok", 1));
    } else {
        server->counts.refused++;
        samc_answer_error(server, visit->reply, 403, "token", "this is not the token");
    }
    free(token);
}

void samc_route_decoder(samc_visit *visit)
{
    samc_server *server = visit->server;
    const char *known = samc_http_header(visit->request, "If-None-Match");
    samc_http_reply *reply = visit->reply;

    (void)snprintf(reply->etag, sizeof reply->etag, "\"%s\"", server->info.identity);
    if (known && strcmp(known, reply->etag) == 0) {
        reply->status = 304;
        return;
    }
    reply->status = 200;
    reply->type = "application/octet-stream";
    reply->fixed = server->decoder;
    reply->fixed_size = server->decoder_size;
}
