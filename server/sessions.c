/* SPDX-License-Identifier: Apache-2.0 */
#include "server/sessions.h"

const samc_session *samc_session_find(const samc_sessions *sessions, const samc_id *id)
{
    const size_t n = sessions->count < SAMC_SESSIONS ? sessions->count : SAMC_SESSIONS;

    for (size_t i = 0; i < n; i++)
        if (samc_id_equal(&sessions->list[i].id, id))
            return &sessions->list[i];
    return NULL;
}

samc_status samc_session_make(samc_sessions *sessions, bool trusted, const samc_session **session,
                              samc_error *error)
{
    samc_session fresh = {.trusted = trusted};
    samc_session *place = &sessions->list[sessions->count % SAMC_SESSIONS];

    SAMC_TRY(samc_id_make(&fresh.id, error));
    *place = fresh;
    sessions->count++;
    *session = place;
    return SAMC_OK;
}
