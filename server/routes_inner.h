/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of routes share.
 */
#ifndef SAMC_SERVER_ROUTES_INNER_H
#define SAMC_SERVER_ROUTES_INNER_H

#include "server/routes.h"
#include "server/state.h"

/* A request on its way through a route. */
typedef struct samc_visit {
    samc_server *server;
    const samc_http_request *request;
    const samc_session *session; /* or NULL */
    samc_picture *picture;       /* held; of a path with an ID that this session may see */
    samc_item *body;             /* or NULL */
    samc_http_reply *reply;
} samc_visit;

typedef void (*samc_route_fn)(samc_visit *visit);

/* The largest body of JSON: a mask prompt of low-res logits and room for points. */
#define SAMC_JSON_MOST ((size_t)1 << 20)

/* routes_site.c */
void samc_route_health(samc_visit *visit);
void samc_route_metrics(samc_visit *visit);
void samc_route_config(samc_visit *visit);
void samc_route_login(samc_visit *visit);
void samc_route_decoder(samc_visit *visit);
/* routes_photos.c */
void samc_route_list(samc_visit *visit);
void samc_route_upload(samc_visit *visit);
void samc_route_remove(samc_visit *visit);
void samc_route_thumbnail(samc_visit *visit);
void samc_route_image(samc_visit *visit);
/* routes_masks.c */
void samc_route_encode(samc_visit *visit);
void samc_route_cancel(samc_visit *visit);
void samc_route_events(samc_visit *visit);
void samc_route_embedding(samc_visit *visit);
void samc_route_predict(samc_visit *visit);
void samc_route_everything(samc_visit *visit);

/* Submits a job of this kind for the photo; the reply is the job's. */
void samc_visit_submit(samc_visit *visit, samc_job *job);
/* The session, made if there is none: its cookie goes with the reply. NULL where it fails; the
 * reply says so. */
const samc_session *samc_visit_session(samc_visit *visit, bool trusted);

#endif
