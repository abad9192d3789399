/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "train/feed.h"

#include "base/memory.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* Batches ahead: samples differ in how long they take, steps do not. */
#define AHEAD 4

struct samc_feed {
    samc_feed_options options;
    pthread_t thread;
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t changed;
    samc_train_batch ring[AHEAD];
    int64_t made, taken; /* batches; made - taken are in the ring */
    int stop;
    samc_status status; /* of the maker: it has ended */
    samc_error error;
};

static samc_status make(samc_feed *feed, int64_t step, samc_train_batch *batch)
{
    const samc_feed_options *o = &feed->options;

    return samc_train_batch_make(o->config, o->samples, o->seed,
                                 (uint64_t)(step * o->stride + o->skip), o->photos, o->max_masks,
                                 batch, &feed->error);
}

static void *run(void *arg)
{
    samc_feed *feed = arg;

    (void)pthread_mutex_lock(&feed->lock);
    while (!feed->stop && feed->status == SAMC_OK) {
        const int64_t at = feed->made;
        samc_train_batch batch = {0};
        samc_status status;

        if (at - feed->taken == AHEAD) {
            (void)pthread_cond_wait(&feed->changed, &feed->lock);
            continue;
        }
        (void)pthread_mutex_unlock(&feed->lock);
        status = make(feed, feed->options.first + at, &batch);
        (void)pthread_mutex_lock(&feed->lock);
        feed->status = status;
        if (status == SAMC_OK) {
            feed->ring[at % AHEAD] = batch;
            feed->made++;
        }
        (void)pthread_cond_broadcast(&feed->changed);
    }
    (void)pthread_mutex_unlock(&feed->lock);
    return NULL;
}

samc_status samc_feed_create(const samc_feed_options *options, samc_feed **feed, samc_error *error)
{
    sigset_t all, before;
    samc_feed *made;
    int failed;

    *feed = NULL;
    SAMC_TRY(samc_alloc_zero(1, sizeof *made, &made, error));
    made->options = *options;
    (void)pthread_mutex_init(&made->lock, NULL);
    (void)pthread_cond_init(&made->changed, NULL);
    (void)sigfillset(&all); /* signals are the main thread's */
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    failed = pthread_create(&made->thread, NULL, run, made);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed) {
        (void)pthread_cond_destroy(&made->changed);
        (void)pthread_mutex_destroy(&made->lock);
        free(made);
        return SAMC_FAIL(error, MEMORY, "no thread can be started to make samples: %s",
                         strerror(failed));
    }
    *feed = made;
    return SAMC_OK;
}

void samc_feed_free(samc_feed *feed)
{
    if (!feed)
        return;
    (void)pthread_mutex_lock(&feed->lock);
    feed->stop = 1;
    (void)pthread_cond_broadcast(&feed->changed);
    (void)pthread_mutex_unlock(&feed->lock);
    (void)pthread_join(feed->thread, NULL);
    for (int i = 0; i < AHEAD; i++)
        samc_train_batch_free(&feed->ring[i]);
    (void)pthread_cond_destroy(&feed->changed);
    (void)pthread_mutex_destroy(&feed->lock);
    free(feed);
}

samc_status samc_feed_next(samc_feed *feed, samc_train_batch *batch, samc_error *error)
{
    samc_train_batch *slot;
    samc_status status = SAMC_OK;

    samc_train_batch_free(batch);
    (void)pthread_mutex_lock(&feed->lock);
    while (feed->made == feed->taken && feed->status == SAMC_OK)
        (void)pthread_cond_wait(&feed->changed, &feed->lock);
    if (feed->made > feed->taken) {
        slot = &feed->ring[feed->taken++ % AHEAD];
        *batch = *slot;
        memset(slot, 0, sizeof *slot);
        (void)pthread_cond_broadcast(&feed->changed);
    } else {
        status = samc_error_set(error, feed->status, "%s", feed->error.message);
    }
    (void)pthread_mutex_unlock(&feed->lock);
    return status;
}
