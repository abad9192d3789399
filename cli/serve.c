/* SPDX-License-Identifier: Apache-2.0
 *
 * samc serve: the page, and the model over HTTP.
 */
#define _XOPEN_SOURCE 700

#include "cli.h"

#include "server/server.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

enum {
    KEY_HOST = CLI_KEY_OWN,
    KEY_PORT,
    KEY_TOKEN,
    KEY_CACHE,
    KEY_UPLOAD,
    KEY_PIXELS,
    KEY_POINTS,
    KEY_CONNECTIONS,
    KEY_SECONDS
};

static int run(const cli_command *command, int argc, char **argv);

static const cli_option options[] = {
    CLI_OPTION_MODEL,
    {"host", KEY_HOST, "ADDRESS",
     "listen on ADDRESS (default: 127.0.0.1, this machine alone); any that\n"
     "other machines reach needs --token"},
    {"port", KEY_PORT, "N", "listen on port N (default: 8080; 0: any that is free)"},
    {"token", KEY_TOKEN, "TOKEN",
     "answer only who shows TOKEN, at least 16 characters. $SAMC_TOKEN\n"
     "is the same, and not seen in lists of processes"},
    {"cache-mib", KEY_CACHE, "N",
     "keep photos, embeddings and answers within N MiB (default: 512)"},
    {"upload-mib", KEY_UPLOAD, "N", "take photo files of at most N MiB (default: 64)"},
    {"megapixels", KEY_PIXELS, "N", "take photos of at most N million pixels (default: 64)"},
    {"points", KEY_POINTS, "N", "take at most N points, or N boxes, a request (default: 256)"},
    {"connections", KEY_CONNECTIONS, "N",
     "keep at most N connections (default: 512); for one more the one that\n"
     "has been silent longest is closed"},
    {"patience", KEY_SECONDS, "SECONDS",
     "wait this long for a request to begin (default: 15), and four times\n"
     "as long for its body and for the answer to be taken"},
    CLI_OPTION_THREADS,
    CLI_OPTION_KERNELS,
    {NULL, 0, NULL, NULL},
};

const cli_command cli_serve = {
    "serve",
    "open the page in a browser: click on anything; and the same over HTTP",
    "[DIR] [OPTION]...",
    "Serves a page on which a photo is dropped and everything in it answers to the\n"
    "pointer, and the same over HTTP for programs (docs/HTTP.md). With DIR its photos are\n"
    "there to pick from (those directly in it; links are not followed). The page's address\n"
    "is printed on standard output. Ctrl-C ends it.",
    "What it takes of memory: the model, --cache-mib, and what one photo needs on its way:\n"
    "the encoder's scratch, and its pixels up to four times in two places.\n"
    "\n"
    "Examples:\n"
    "  samc serve\n"
    "  samc serve photos/ -m vit_b --cache-mib 2048\n"
    "  SAMC_TOKEN=$(openssl rand -hex 16) samc serve --host 0.0.0.0",
    options,
    run,
};

typedef struct wishes {
    cli_session_options session;
    samc_server_options server;
} wishes;

static void take_number(cli_parser *parser, long least, long most, int64_t unit, int64_t *value)
{
    long number = 0;

    if (cli_parser_integer(parser, least, most, &number))
        *value = number * unit;
}

static void take_option(wishes *w, cli_parser *parser)
{
    samc_server_options *o = &w->server;
    int64_t port = o->port, cache = (int64_t)o->cache_bytes, upload = (int64_t)o->upload_bytes;
    int64_t points = o->points, connections = o->connections, seconds = o->client_seconds;

    switch (parser->key) {
    case KEY_HOST: o->host = parser->value; break;
    case KEY_PORT: take_number(parser, 0, 65535, 1, &port); break;
    case KEY_TOKEN: o->token = parser->value; break;
    case KEY_CACHE: take_number(parser, 1, 1 << 20, 1 << 20, &cache); break;
    case KEY_UPLOAD: take_number(parser, 1, 1 << 10, 1 << 20, &upload); break;
    case KEY_PIXELS: take_number(parser, 1, 1 << 10, 1000000, &o->photo_pixels); break;
    case KEY_POINTS: take_number(parser, 1, 1024, 1, &points); break;
    case KEY_CONNECTIONS: take_number(parser, 1, 100000, 1, &connections); break;
    case KEY_SECONDS: take_number(parser, 1, 3600, 1, &seconds); break;
    }
    o->port = (int32_t)port;
    o->cache_bytes = (size_t)cache;
    o->upload_bytes = (size_t)upload;
    o->points = (int32_t)points;
    o->connections = (int32_t)connections;
    o->client_seconds = (int32_t)seconds;
}

/* Photos and embeddings of megabytes come and go on several threads: each gets pages of its own,
 * which the system has back when it goes, and a thread no heap of its own. */
static void tame_malloc(void)
{
#ifdef __GLIBC__
    (void)mallopt(M_ARENA_MAX, 2);
    (void)mallopt(M_MMAP_THRESHOLD, 256 << 10);
    (void)mallopt(M_TRIM_THRESHOLD, 4 << 20);
#endif
}

/* Prints the address, loads the model while /health says so, and waits for a signal. The signals
 * that end it are blocked here and in all threads, so that none comes between looking and sleeping;
 * `before` is the mask that lets them through. */
static int serve(const wishes *w, samc_server *server, cli_session *session, const sigset_t *before)
{
    const bool v6 = strchr(w->server.host, ':') != NULL;
    samc_error error;
    sigset_t stops;
    char *path = NULL;
    int code;

    (void)printf("http://%s%s%s:%d/\n", v6 ? "[" : "", w->server.host, v6 ? "]" : "",
                 (int)samc_server_port(server));
    if (fflush(stdout) != 0)
        return CLI_OUTPUT;
    (void)pthread_sigmask(SIG_SETMASK, before, &stops); /* loading may be stopped too */
    code = cli_session_open(&w->session, session);
    (void)pthread_sigmask(SIG_SETMASK, &stops, NULL);
    if (code != CLI_OK)
        return code;
    if (cli_model_find(w->session.model, &path, &error) != SAMC_OK ||
        samc_server_set_model(server, session->context, session->model, path, &error) != SAMC_OK) {
        cli_error("%s", error.message);
        code = error.status == SAMC_ERROR_ARGUMENT ? CLI_USAGE : CLI_MODEL;
    }
    free(path);
    while (code == CLI_OK && !cli_stop_signal())
        (void)sigsuspend(before);
    return code;
}

static int start_and_serve(const wishes *w)
{
    cli_session session = {NULL, NULL};
    samc_server *server = NULL;
    samc_error error;
    sigset_t stops, before;
    int code;

    if (samc_server_create(&w->server, &server, &error) != SAMC_OK) {
        cli_error("%s", error.message);
        return error.status == SAMC_ERROR_ARGUMENT ? CLI_USAGE : CLI_FAILED;
    }
    if (w->server.folder && samc_server_folder_count(server) == 0)
        cli_note("samc: note: %s holds no photos", w->server.folder);
    tame_malloc();
    (void)sigemptyset(&stops);
    (void)sigaddset(&stops, SIGINT);
    (void)sigaddset(&stops, SIGTERM);
    (void)pthread_sigmask(SIG_BLOCK, &stops, &before);
    if (samc_server_start(server, &error) == SAMC_OK) {
        code = serve(w, server, &session, &before);
    } else {
        cli_error("%s", error.message);
        code = error.status == SAMC_ERROR_ARGUMENT ? CLI_USAGE : CLI_FAILED;
    }
    samc_server_free(server); /* before the model that it uses */
    cli_session_close(&session);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return code;
}

static int run(const cli_command *command, int argc, char **argv)
{
    wishes w = {.session = {NULL, 0, NULL}, .server = SAMC_SERVER_OPTIONS_INIT};
    cli_parser parser;

    w.server.token = getenv("SAMC_TOKEN");
    cli_parser_begin(&parser, command, argc, argv);
    while (cli_parser_next(&parser))
        if (!cli_session_option(&w.session, &parser))
            take_option(&w, &parser);
    if (parser.finished)
        return parser.exit_code;
    if (parser.n_operands > 1)
        return cli_refuse(command, "one folder at most");
    if (w.server.token && !w.server.token[0])
        w.server.token = NULL;
    if (parser.n_operands == 1)
        w.server.folder = parser.operands[0];
    return start_and_serve(&w);
}
