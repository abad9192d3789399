/* SPDX-License-Identifier: Apache-2.0
 *
 * Pictures: a photo's file and its pixels, wherever they lie. Without the server's lock.
 */
#ifndef SAMC_SERVER_PICTURES_H
#define SAMC_SERVER_PICTURES_H

#include "server/jobs.h"
#include "server/server.h"

/* Decodes the photo, upright, and notes what is learnt of it (size, type). Free with
 * samc_photo_free. Errors: those of reading; messages name no file of an upload. */
samc_status samc_picture_pixels(samc_server *server, samc_picture *picture, samc_photo *photo,
                                samc_error *error);
/* The embedding of the job's photo, held; NULL where there is none: the job's reply says so. */
samc_item *samc_picture_embedding(samc_server *server, samc_job *job);

#endif
