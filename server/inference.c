/* SPDX-License-Identifier: Apache-2.0
 *
 * The jobs of the inference queue: encode, predict, everything.
 */
#include "server/answer.h"
#include "server/events.h"
#include "server/jobs.h"
#include "server/pictures.h"
#include "server/state.h"

#include "segment/embedding.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------------- encode */

typedef struct encode_run {
    samc_server *server;
    samc_job *job;
    double told;
} encode_run;

/* Between two blocks: predictions first; an encoding ahead of need makes way for one that somebody
 * waits for. */
static int encode_step(void *user, double done)
{
    encode_run *run = user;
    samc_server *server = run->server;
    int stop;

    samc_jobs_run_quick(server);
    samc_server_lock(server);
    if (done - run->told >= 0.01) {
        run->told = done;
        samc_events_progress(server, run->job, done);
    }
    stop = atomic_load(&run->job->cancelled) ||
           (run->job->queue == SAMC_QUEUE_AHEAD && server->jobs.first[SAMC_QUEUE_LONG]);
    samc_server_unlock(server);
    return stop;
}

/* Pixels -> embedding, kept in the cache, shrunk. Room is made before memory is taken. */
static samc_status encode_pixels(encode_run *run, const samc_photo *photo, samc_error *error)
{
    samc_server *server = run->server;
    samc_encode_options options = SAMC_ENCODE_OPTIONS_INIT;
    const size_t bytes = samc_embedding_shrunk_bytes(server->model) + sizeof(samc_item);
    samc_item *item = NULL;
    samc_status status;

    samc_server_lock(server);
    status = samc_cache_reserve(&server->cache, bytes, error);
    if (status == SAMC_OK && (status = samc_item_create(bytes, &item, error)) != SAMC_OK)
        samc_cache_unreserve(&server->cache, bytes);
    samc_server_unlock(server);
    SAMC_TRY(status);
    options.progress = encode_step;
    options.user = run;
    status = samc_encode(server->context, server->model, &photo->view, &options, &item->embedding,
                         error);
    if (status == SAMC_OK)
        samc_embedding_shrink(item->embedding);
    samc_server_lock(server);
    if (status == SAMC_OK && run->job->picture->listed)
        samc_cache_put(&server->cache, item, &run->job->picture->embedding);
    samc_item_release(&server->cache, item);
    samc_server_unlock(server);
    return status;
}

/* The photo after this one in the folder, if there is room for it beside this one. */
static void encode_ahead(samc_server *server, size_t index)
{
    samc_picture *next = samc_folder_at(&server->folder, index);
    samc_job *job = NULL;

    if (!next || next->job || next->embedding || next->encoding == SAMC_ENCODING_FAILED ||
        server->cache.budget / 3 < samc_embedding_shrunk_bytes(server->model))
        return;
    if (samc_job_create(SAMC_JOB_ENCODE, next, &job, NULL) != SAMC_OK)
        return;
    job->queue = SAMC_QUEUE_AHEAD;
    if (samc_jobs_submit(server, job, NULL) == SAMC_OK) {
        next->job = job;
        next->encoding = SAMC_ENCODING_WAITING;
    }
    samc_job_release(server, job);
}

void samc_job_encode(samc_server *server, samc_job *job)
{
    samc_picture *picture = job->picture;
    encode_run run = {server, job, 0.0};
    samc_photo photo = {0};
    samc_error error = {SAMC_OK, ""};
    samc_status status = samc_picture_pixels(server, picture, &photo, &error);

    if (status == SAMC_OK)
        status = encode_pixels(&run, &photo, &error);
    samc_photo_free(&photo);
    samc_server_lock(server);
    job->again = status == SAMC_ERROR_CANCELLED && !atomic_load(&job->cancelled);
    if (status == SAMC_OK) {
        picture->encoding = SAMC_ENCODING_NONE;
    } else if (status == SAMC_ERROR_CANCELLED) {
        picture->encoding = job->again ? SAMC_ENCODING_WAITING : SAMC_ENCODING_CANCELLED;
    } else {
        picture->encoding = SAMC_ENCODING_FAILED;
        samc_http_clean_text(error.message, picture->failure, sizeof picture->failure);
        samc_answer_failure(server, &job->reply, &error, 503);
    }
    if (picture->path && status == SAMC_OK && job->queue == SAMC_QUEUE_LONG)
        encode_ahead(server, picture->index + 1);
    samc_server_unlock(server);
}

/* ------------------------------------------------------------------------- answers */

static void release_item(samc_server *server, samc_item *item)
{
    samc_server_lock(server);
    samc_item_release(&server->cache, item);
    samc_server_unlock(server);
}

/* Takes the reference to `value`; NULL stands for memory that ran out. */
static samc_status set_member(json_t *object, const char *key, json_t *value, samc_error *error)
{
    return json_object_set_new(object, key, value) == 0 ? SAMC_OK
                                                        : SAMC_FAIL(error, MEMORY, "out of memory");
}

static json_t *number_json(float number)
{
    return isfinite(number) ? json_real((double)number) : json_null();
}

/* {"size": [h, w], "counts": COCO's string} and what goes with it, of the mask in `rle`. */
static samc_status mask_json(const samc_rle *rle, json_t **mask, samc_error *error)
{
    int32_t box[4];
    char *counts = NULL;

    SAMC_TRY(samc_rle_to_string(rle, &counts, error));
    samc_rle_box(rle, box);
    *mask = json_pack("{s:{s:[i,i], s:s}, s:[i,i,i,i], s:I}", "rle", "size", (int)rle->height,
                      (int)rle->width, "counts", counts, "bbox", (int)box[0], (int)box[1],
                      (int)box[2], (int)box[3], "area", (json_int_t)samc_rle_area(rle));
    free(counts);
    return *mask ? SAMC_OK : SAMC_FAIL(error, MEMORY, "out of memory");
}

static samc_status add_low_res(json_t *mask, const float *logits, size_t count, samc_error *error)
{
    const size_t size = SAMC_HTTP_BASE64_SIZE(count * sizeof *logits);
    char *text = malloc(size);
    samc_status status;

    if (!text)
        return samc_error_memory(error, size);
    samc_http_base64_encode(logits, count * sizeof *logits, text);
    status = set_member(mask, "lowRes", json_string(text), error);
    free(text);
    return status;
}

/* Appends `before`, the value and, unless it is 0, `end` to the text of an answer; takes the
 * reference. */
static samc_status write_json(samc_server *server, samc_stream *text, const char *before,
                              json_t *value, char end, samc_error *error)
{
    size_t size = 0;
    char *json = samc_answer_dump(value, &size);
    samc_status status;

    if (!json)
        return SAMC_FAIL(error, MEMORY, "out of memory");
    if (end)
        json[size++] = end; /* in place of the NUL */
    samc_server_lock(server);
    status = samc_stream_write(&server->cache, text, before, strlen(before), error);
    if (status == SAMC_OK)
        status = samc_stream_write(&server->cache, text, json, size, error);
    samc_server_unlock(server);
    free(json);
    return status;
}

/* ------------------------------------------------------------------------- predict */

/* Appends mask `m` of one prompt's answer to the text. */
static samc_status add_mask(samc_server *server, const samc_ask *ask, const samc_masks *masks,
                            size_t prompt, int32_t m, samc_stream *text, samc_error *error)
{
    const size_t pixels = (size_t)masks->height * (size_t)masks->width;
    const size_t low = (size_t)masks->low_res_size * (size_t)masks->low_res_size;
    samc_status status = SAMC_OK;
    samc_rle rle = SAMC_RLE_INIT;
    json_t *mask = NULL;

    SAMC_CHECK(samc_rle_encode(masks->masks + (size_t)m * pixels, masks->height, masks->width,
                               (size_t)masks->width, &rle, error));
    SAMC_CHECK(mask_json(&rle, &mask, error));
    SAMC_CHECK(set_member(mask, "prompt", json_integer((json_int_t)prompt), error));
    SAMC_CHECK(set_member(mask, "score", number_json(masks->predicted_iou[m]), error));
    SAMC_CHECK(set_member(mask, "stability", number_json(masks->stability_score[m]), error));
    if (ask->want_low_res)
        SAMC_CHECK(add_low_res(mask, masks->low_res_logits + (size_t)m * low, low, error));
    SAMC_CHECK(write_json(server, text, prompt || m ? ", " : "{\"masks\": [", json_incref(mask), 0,
                          error));

cleanup:
    json_decref(mask);
    samc_rle_free(&rle);
    return status;
}

/* The photo's embedding, whole: that of the photo that was asked about last is kept, since clicks
 * come in series. On the inference thread, and until the next call. */
static samc_status expand(samc_server *server, const samc_picture *picture, const samc_item *item,
                          const samc_embedding **whole, samc_error *error)
{
    samc_expanded *last = &server->last;

    if (!last->whole || !samc_id_equal(&last->id, &picture->id)) {
        samc_embedding_free(last->whole);
        last->whole = NULL;
        SAMC_TRY(samc_embedding_expand(server->context, server->model, item->embedding,
                                       &last->whole, error));
        last->id = picture->id;
    }
    *whole = last->whole;
    return SAMC_OK;
}

/* One prompt at a time, so that masks of the photo's size exist for one; the text of those that are
 * done counts in the cache. */
static samc_status predict_all(samc_server *server, const samc_job *job,
                               const samc_embedding *embedding, samc_stream *text,
                               samc_error *error)
{
    samc_predict_options options = SAMC_PREDICT_OPTIONS_INIT;

    options.multimask = job->ask.multimask;
    for (size_t i = 0; i < job->ask.n_prompts; i++) {
        samc_masks masks = SAMC_MASKS_INIT;
        samc_status status = samc_predict(server->context, server->model, embedding,
                                          &job->ask.prompts[i], 1, &options, &masks, error);

        for (int32_t m = 0; status == SAMC_OK && m < masks.n_masks; m++)
            status = add_mask(server, &job->ask, &masks, i, m, text, error);
        samc_masks_free(&masks);
        SAMC_TRY(status);
        if (atomic_load(&job->cancelled))
            return SAMC_FAIL(error, CANCELLED, "the request was cancelled");
    }
    return SAMC_OK;
}

void samc_job_predict(samc_server *server, samc_job *job)
{
    samc_item *item = samc_picture_embedding(server, job);
    samc_error error = {SAMC_OK, ""};
    const samc_embedding *whole = NULL;
    samc_stream *text = NULL;
    samc_status status;

    if (!item)
        return;
    status = samc_stream_create(&text, &error);
    if (status == SAMC_OK)
        status = expand(server, job->picture, item, &whole, &error);
    if (status == SAMC_OK)
        status = predict_all(server, job, whole, text, &error);
    release_item(server, item);
    samc_server_lock(server);
    if (status == SAMC_OK)
        status = samc_stream_write(&server->cache, text, "]}", 2, &error);
    if (status == SAMC_OK)
        samc_answer_text(server, &job->reply, "application/json", text);
    else
        samc_answer_failure(server, &job->reply, &error, 503);
    samc_stream_release(&server->cache, text);
    samc_server_unlock(server);
}

/* ------------------------------------------------------------------------- everything */

typedef struct everything_run {
    samc_server *server;
    samc_job *job;
    samc_error *error;
    samc_status status; /* of what take_record failed with */
} everything_run;

static int everything_step(void *user, double done)
{
    everything_run *run = user;
    int stop;

    (void)done;
    samc_jobs_run_quick(run->server);
    samc_server_lock(run->server);
    stop = atomic_load(&run->job->cancelled) || samc_stream_is_left(run->job->stream);
    samc_server_unlock(run->server);
    return stop;
}

static samc_status write_record(everything_run *run, const samc_mask_record *record)
{
    samc_status status = SAMC_OK;
    json_t *line = NULL;
    bool spared;

    samc_server_lock(run->server);
    spared = samc_cache_spares(&run->server->cache, run->job->stream->room);
    samc_server_unlock(run->server);
    if (!spared)
        return SAMC_FAIL(run->error, LIMIT, "the client does not take its masks");
    SAMC_CHECK(mask_json(record->mask, &line, run->error));
    SAMC_CHECK(set_member(line, "id", json_integer((json_int_t)record->index), run->error));
    SAMC_CHECK(set_member(line, "predictedIou", number_json(record->predicted_iou), run->error));
    SAMC_CHECK(set_member(line, "stability", number_json(record->stability_score), run->error));
    SAMC_CHECK(set_member(line, "point", json_pack("[f,f]", record->point[0], record->point[1]),
                          run->error));
    SAMC_CHECK(write_json(run->server, run->job->stream, "", json_incref(line), '\n', run->error));

cleanup:
    json_decref(line);
    return status;
}

static int take_record(void *user, const samc_mask_record *record)
{
    everything_run *run = user;

    run->status = write_record(run, record);
    return run->status != SAMC_OK;
}

void samc_job_everything(samc_server *server, samc_job *job)
{
    samc_item *item = samc_picture_embedding(server, job);
    samc_error error = {SAMC_OK, ""}, reason = {SAMC_OK, ""};
    everything_run run = {server, job, &reason, SAMC_OK};
    samc_generate_options options = job->everything;
    samc_embedding *whole = NULL; /* of its own: predictions come between */
    samc_status status;

    if (!item)
        return;
    options.progress = everything_step;
    options.user = &run;
    status = samc_embedding_expand(server->context, server->model, item->embedding, &whole, &error);
    release_item(server, item);
    if (status == SAMC_OK)
        status = samc_generate_from_embedding(server->context, server->model, whole, &options,
                                              take_record, &run, &error);
    samc_embedding_free(whole);
    if (status == SAMC_OK)
        return;
    samc_server_lock(server);
    samc_answer_failure(server, &job->reply, run.status == SAMC_OK ? &error : &reason, 503);
    samc_server_unlock(server);
}
