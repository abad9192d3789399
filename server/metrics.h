/* SPDX-License-Identifier: Apache-2.0
 *
 * Metrics: what /metrics says, in Prometheus' text format.
 */
#ifndef SAMC_SERVER_METRICS_H
#define SAMC_SERVER_METRICS_H

#include "server/server.h"

/* The text, from malloc, or NULL where memory ran out. The server's lock is held. */
char *samc_metrics_text(const samc_server *server, size_t *size);

#endif
