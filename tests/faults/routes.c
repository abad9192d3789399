/* SPDX-License-Identifier: Apache-2.0
 *
 * A script of requests through the routes of `samc serve` (tests/server/feed.h), for the test that
 * lets an allocation fail. Prints for each answer its status, path, hash and whether it says that
 * it failed. Ends with 99 where the cache's books are wrong.
 */
#include "feed.h"

#include "base/hash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define C "Cookie: samc_session_0={S}\n"
#define J C "Content-Type: application/json\n\n"

static const char script[] =
    "GET /api/config\n%%\n"
    "POST /api/photos\nX-Samc-Name: a.png\n\n{P}\n%%\n"
    "+POST /api/photos/{0}/encode\n" C "\n%%\n"
    "GET /api/photos/{0}/events\n" C "\n%%\n"
    "POST /api/photos/{0}/predict\n" J
    "{\"points\": [[3, 2, 1]], \"multimask\": true, \"wantLowRes\": true}\n%%\n"
    "POST /api/photos/{0}/predict\n" J "{\"boxes\": [[1, 1, 5, 3], [0, 0, 6, 4]]}\n%%\n"
    "POST /api/photos/{0}/everything\n" J
    "{\"pointsPerSide\": 2, \"predIouThresh\": -1, \"stabilityScoreThresh\": -1}\n%%\n"
    "GET /api/photos/{0}/embedding?dtype=f16\n" C "\n%%\n"
    "GET /api/photos/{0}/thumbnail\n" C "\n%%\n"
    "GET /api/photos/{0}/image\n" C "\n%%\n"
    "GET /api/photos\n" C "\n%%\n"
    "DELETE /api/photos/{0}\n" C "\n%%\n"
    "GET /metrics\n";

/* The name of what was asked, without the id. */
static void take(void *user, const feed_answer *answer)
{
    const char *what = strrchr(answer->path, '/') + 1;
    const bool random = answer->status == 201 || strcmp(answer->path, "/api/photos") == 0 ||
                        strcmp(what, "metrics") == 0 || strcmp(what, "events") == 0;
    const bool cut = answer->reply->stream && answer->reply->stream->broken;
    const bool said = answer->reply->stream && strstr((const char *)answer->body, "\"error\"");
    uint64_t hash[2] = {0, 0};

    (void)user;
    if (!random)
        samc_hash_bytes(hash, answer->body, answer->size);
    (void)printf("%d %s %016llx %s\n", answer->status, strlen(what) == SAMC_ID_DIGITS ? "" : what,
                 (unsigned long long)hash[0], cut || said ? "failed" : "");
}

static int run(const char *model_path, const char *folder)
{
    samc_context_options one = SAMC_CONTEXT_OPTIONS_INIT;
    samc_server_options options = SAMC_SERVER_OPTIONS_INIT;
    samc_context *context = NULL;
    samc_model *model = NULL;
    samc_server *server = NULL;
    int code = 1;

    one.threads = 1;
    options.folder = folder;
    if (samc_context_create(&one, &context, NULL) == SAMC_OK &&
        samc_model_load(context, model_path, NULL, &model, NULL) == SAMC_OK &&
        samc_server_create(&options, &server, NULL) == SAMC_OK &&
        samc_server_set_model(server, context, model, model_path, NULL) == SAMC_OK) {
        feed f = {.server = server, .take = take};

        feed_text(&f, script);
        samc_album_clear(&server->album, &server->cache);
        samc_folder_close(&server->folder, &server->cache);
        code = server->cache.used || server->cache.items ? 99 : 0;
    }
    samc_server_free(server);
    samc_model_free(model);
    samc_context_free(context);
    return code;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        (void)fprintf(stderr, "usage: samc_routes_once MODEL FOLDER\n");
        return 2;
    }
    return run(argv[1], argv[2]);
}
