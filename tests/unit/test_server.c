/* SPDX-License-Identifier: Apache-2.0
 *
 * The server without sockets and threads: what is answered while the model is loaded, who comes
 * after whom, cancelling amid an encoding, answers that are cut, the cache.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/tiny.h"

#include "feed.h"
#include "server/answer.h"
#include "server/events.h"

#include <string.h>

#define PHOTOS SAMC_TEST_DATA "/photos"

/* A server of the tiny model and the folder of test photos, with a stream that listens to one. */
typedef struct scene {
    samc_waiter waiter; /* first: a waiter is its scene */
    samc_server *server;
    samc_stream *heard;
    samc_picture *heard_of;
    int wakes;
    void (*on_wake)(struct scene *scene); /* the second time, which is amid the encoding */
    int statuses[16];
    size_t answers;
} scene;

static void make_server(scene *s, size_t cache_bytes)
{
    samc_server_options options = SAMC_SERVER_OPTIONS_INIT;

    memset(s, 0, sizeof *s);
    options.folder = PHOTOS;
    options.cache_bytes = cache_bytes;
    assert_int_equal(samc_server_create(&options, &s->server, NULL), SAMC_OK);
}

static void give_model(const scene *s)
{
    assert_int_equal(
        samc_server_set_model(s->server, context, model, SAMC_TEST_GOLDEN "/tiny.pth", NULL),
        SAMC_OK);
}

static void end(scene *s)
{
    samc_server *server = s->server;

    samc_stream_release(&server->cache, s->heard);
    samc_album_clear(&server->album, &server->cache);
    samc_folder_close(&server->folder, &server->cache);
    assert_int_equal(server->cache.used, 0);
    samc_server_free(server);
}

static void wake(samc_waiter *waiter)
{
    scene *s = (scene *)waiter;

    if (s->heard && !s->heard->closed)
        s->heard->waiter = waiter;
    if (++s->wakes == 2 && s->on_wake)
        s->on_wake(s);
}

static bool is_gone(samc_waiter *waiter)
{
    (void)waiter;
    return false;
}

static void listen_to(scene *s, samc_picture *picture)
{
    s->waiter = (samc_waiter){wake, is_gone};
    s->heard_of = picture;
    assert_int_equal(samc_stream_create(&s->heard, NULL), SAMC_OK);
    s->heard->waiter = &s->waiter;
    samc_events_listen(s->server, picture, s->heard);
}

/* What was heard, NUL-terminated. */
static const char *heard(const scene *s)
{
    static char text[8192];
    const size_t n = samc_stream_read(s->heard, text, sizeof text - 1);

    assert_true(s->heard->closed);
    text[n] = '\0';
    return text;
}

static samc_picture *photo(const scene *s, const char *name)
{
    for (size_t i = 0; i < s->server->folder.count; i++)
        if (strcmp(samc_folder_at(&s->server->folder, i)->name, name) == 0)
            return samc_folder_at(&s->server->folder, i);
    fail_msg("no photo %s", name);
    return NULL;
}

static void want_encoded(samc_server *server, samc_picture *picture, samc_job_queue queue)
{
    samc_job *job = NULL;

    assert_int_equal(samc_job_create(SAMC_JOB_ENCODE, picture, &job, NULL), SAMC_OK);
    job->queue = queue;
    assert_int_equal(samc_jobs_submit(server, job, NULL), SAMC_OK);
    picture->job = job;
    picture->encoding = SAMC_ENCODING_WAITING;
    samc_job_release(server, job);
}

static void note_status(void *user, const feed_answer *answer)
{
    scene *s = user;

    assert_true(s->answers < 16);
    assert_true(answer->status != 503 || answer->reply->retry);
    s->statuses[s->answers++] = answer->status;
}

static void test_loading_then_ready(void **state)
{
    static const char script[] = "GET /health\n%%\nGET /api/config\n%%\nGET /metrics\n%%\nPOST "
                                 "/api/photos\n\n{P}";
    const int before[] = {503, 503, 200, 503}, after[] = {200, 200, 200, 201};
    scene s;

    (void)state;
    make_server(&s, 1 << 20);
    feed f = {.server = s.server, .take = note_status, .user = &s};
    feed_text(&f, script);
    assert_memory_equal(s.statuses, before, sizeof before);
    assert_int_equal(s.server->album.uploads, 0);
    give_model(&s);
    s.answers = 0;
    feed_text(&f, script);
    assert_memory_equal(s.statuses, after, sizeof after);
    end(&s);
}

static void cancel_heard(scene *s)
{
    samc_jobs_cancel(s->server, s->heard_of->job);
}

static void test_cancelling_amid_an_encoding(void **state)
{
    scene s;
    samc_picture *picture;

    (void)state;
    make_server(&s, 1 << 20);
    give_model(&s);
    picture = photo(&s, "gray.png");
    want_encoded(s.server, picture, SAMC_QUEUE_LONG);
    listen_to(&s, picture);
    s.on_wake = cancel_heard;
    samc_jobs_run_all(s.server);
    assert_true(s.wakes >= 2);
    assert_null(picture->embedding);
    assert_null(picture->job);
    assert_non_null(strstr(heard(&s), "\"code\": \"cancelled\""));
    end(&s);
}

static void want_another(scene *s)
{
    want_encoded(s->server, photo(s, "gray_1.png"), SAMC_QUEUE_LONG);
}

/* guard: an encoding ahead of need makes way, keeps its place, and is still the photo's. */
static void test_an_encoding_ahead_makes_way(void **state)
{
    scene s;
    samc_picture *ahead;

    (void)state;
    make_server(&s, 1 << 20);
    give_model(&s);
    ahead = photo(&s, "gray.png");
    want_encoded(s.server, ahead, SAMC_QUEUE_AHEAD);
    listen_to(&s, ahead);
    s.on_wake = want_another;
    samc_jobs_run_all(s.server);
    assert_non_null(photo(&s, "gray_1.png")->embedding);
    assert_non_null(ahead->embedding);
    assert_non_null(strstr(heard(&s), "event: ready"));
    assert_int_equal(s.server->counts.failed[SAMC_JOB_ENCODE], 0);
    end(&s);
}

/* Everything mode over a cache that is full; returns its stream. */
static samc_stream *run_everything(scene *s, samc_picture *picture)
{
    static const samc_generate_options defaults = SAMC_GENERATE_OPTIONS_INIT;
    samc_stream *stream = NULL;
    samc_job *job = NULL;

    assert_int_equal(samc_job_create(SAMC_JOB_EVERYTHING, picture, &job, NULL), SAMC_OK);
    job->everything = defaults;
    job->everything.points_per_side = 2;
    job->everything.pred_iou_thresh = job->everything.stability_score_thresh = -1.0f;
    assert_int_equal(samc_stream_create(&job->stream, NULL), SAMC_OK);
    stream = samc_stream_hold(job->stream);
    assert_int_equal(samc_jobs_submit(s->server, job, NULL), SAMC_OK);
    samc_job_release(s->server, job);
    samc_jobs_run_all(s->server);
    return stream;
}

/* guard: an answer of which something is missing must not look whole. */
static void test_an_answer_that_is_cut_looks_cut(void **state)
{
    scene s;
    samc_picture *picture;
    samc_stream *stream;
    samc_item *held;
    size_t rest;

    (void)state;
    make_server(&s, 1 << 20);
    give_model(&s);
    picture = photo(&s, "gray.png");
    want_encoded(s.server, picture, SAMC_QUEUE_LONG);
    samc_jobs_run_all(s.server);
    stream = run_everything(&s, picture);
    assert_true(stream->closed && !stream->broken && stream->end > 0);
    samc_stream_release(&s.server->cache, stream);
    held = samc_cache_take(&s.server->cache, &picture->embedding);
    rest = s.server->cache.budget - held->bytes; /* the one encoded ahead goes */
    assert_int_equal(samc_cache_reserve(&s.server->cache, rest, NULL), SAMC_OK);
    stream = run_everything(&s, picture);
    assert_true(stream->closed && stream->broken);
    samc_stream_release(&s.server->cache, stream);
    samc_cache_unreserve(&s.server->cache, rest);
    samc_item_release(&s.server->cache, held);
    end(&s);
}

static void test_a_queue_has_an_end(void **state)
{
    scene s;
    samc_error error;
    samc_status status = SAMC_OK;

    (void)state;
    make_server(&s, 1 << 20);
    for (int i = 0; i <= SAMC_QUEUE_LONGEST; i++) {
        samc_job *job = NULL;

        assert_int_equal(status, SAMC_OK);
        assert_int_equal(samc_job_create(SAMC_JOB_LIST, NULL, &job, NULL), SAMC_OK);
        status = samc_jobs_submit(s.server, job, &error);
        samc_job_release(s.server, job);
    }
    assert_int_equal(status, SAMC_ERROR_LIMIT);
    samc_jobs_stop(s.server); /* what waits is answered, not run */
    assert_int_equal(s.server->counts.jobs[SAMC_JOB_LIST], 0);
    assert_int_equal(s.server->jobs.waiting[SAMC_QUEUE_PICTURES], 0);
    end(&s);
}

static void put(samc_cache *cache, size_t bytes, samc_item **slot)
{
    samc_item *item = NULL;

    assert_int_equal(samc_cache_reserve(cache, bytes, NULL), SAMC_OK);
    assert_int_equal(samc_item_create(bytes, &item, NULL), SAMC_OK);
    samc_cache_put(cache, item, slot);
    samc_item_release(cache, item);
}

static void test_the_cache_drops_what_was_used_longest_ago(void **state)
{
    samc_cache cache = {.budget = 1000};
    samc_item *slots[4] = {NULL}, *held;

    (void)state;
    for (int i = 0; i < 3; i++)
        put(&cache, 300, &slots[i]);
    samc_cache_touch(&cache, &slots[0]);
    put(&cache, 300, &slots[3]);
    assert_true(slots[0] && !slots[1] && slots[2] && slots[3]);
    held = samc_cache_take(&cache, &slots[2]);
    assert_int_equal(samc_cache_reserve(&cache, 701, NULL), SAMC_ERROR_LIMIT);
    assert_true(slots[0] && slots[2] && slots[3]); /* nothing was dropped in vain */
    assert_true(samc_cache_spares(&cache, 450) && !samc_cache_spares(&cache, 451));
    assert_int_equal(samc_cache_reserve(&cache, 700, NULL), SAMC_OK);
    assert_true(!slots[0] && slots[2] && !slots[3]);
    assert_int_equal(cache.used, 1000);
    samc_cache_drop(&cache, &slots[2]);
    assert_int_equal(cache.used, 1000); /* somebody holds it */
    samc_item_release(&cache, held);
    samc_cache_unreserve(&cache, 700);
    assert_int_equal(cache.used, 0);
    assert_int_equal(cache.peak, 1000);
    assert_int_equal(samc_cache_reserve(&cache, SIZE_MAX, NULL), SAMC_ERROR_LIMIT);
    assert_false(samc_cache_spares(&cache, SIZE_MAX));
}

static void test_text_of_others(void **state)
{
    char text[16];

    (void)state;
    assert_true(samc_http_percent_decode("a%2Fb%c3%A9", text, sizeof text));
    assert_string_equal(text, "a/b\xc3\xa9");
    assert_false(samc_http_percent_decode("%00", text, sizeof text));
    assert_false(samc_http_percent_decode("%c3", text, sizeof text));
    assert_false(samc_http_percent_decode("0123456789abcdef", text, sizeof text));
    assert_true(samc_http_percent_decode("0123456789abcde", text, sizeof text));
    samc_http_clean_text("a\x1b\xff\xd8\x9c.", text, sizeof text);
    assert_string_equal(text, "a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd.");
    samc_http_clean_text("0123456789abcd\xc3\xa9", text, sizeof text);
    assert_string_equal(text, "0123456789abcd"); /* no half a character */
    assert_true(samc_http_same_secret("abc", "abc"));
    assert_false(samc_http_same_secret("abc", "abd") || samc_http_same_secret("ab", "abc") ||
                 samc_http_same_secret("abcabc", "abc") || samc_http_same_secret("", ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loading_then_ready),
        cmocka_unit_test(test_cancelling_amid_an_encoding),
        cmocka_unit_test(test_an_encoding_ahead_makes_way),
        cmocka_unit_test(test_an_answer_that_is_cut_looks_cut),
        cmocka_unit_test(test_a_queue_has_an_end),
        cmocka_unit_test(test_the_cache_drops_what_was_used_longest_ago),
        cmocka_unit_test(test_text_of_others),
    };
    return cmocka_run_group_tests(tests, tiny_setup, tiny_teardown);
}
