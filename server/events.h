/* SPDX-License-Identifier: Apache-2.0
 *
 * Events: what clients are told of a photo's encoding, as server-sent events: any number of
 * "progress" {"done", "queue"}, then one "ready" {} or "error" {"error", "code"}, which is the
 * last. The server's lock is held around every call.
 */
#ifndef SAMC_SERVER_EVENTS_H
#define SAMC_SERVER_EVENTS_H

#include "server/album.h"
#include "server/jobs.h"

/* Where the photo's encoding stands now, and what comes of it: the photo holds the stream too. */
void samc_events_listen(samc_server *server, samc_picture *picture, samc_stream *stream);
/* An encoding has come to this share. */
void samc_events_progress(samc_server *server, samc_job *job, double done);
/* The queue has moved: those who wait in it are told. */
void samc_events_moved(samc_server *server);
/* An encoding has ended; picture->encoding and the cache say how. */
void samc_events_encoded(samc_server *server, samc_job *job);
/* A comment to everybody who listens, so that those who left are noticed. */
void samc_events_beat(samc_server *server);

#endif
