#include "expiry.h"

#include <pthread.h>
#include <string.h>

#include <mot/base/clock.h>
#include <mot/base/cond.h>
#include <mot/base/log.h>
#include <mot/base/mem.h>
#include <mot/model/object.h>

#include "complain.h"
#include "event.h"

#define EVERY_MAX_MS 60000
#define EVERY_MIN_MS 200
#define PAGE         500

struct expiry {
    struct store *store;
    int64_t ttl_ms;
    struct writes *writes;
    struct complaint complaint;
    pthread_mutex_t lock;
    pthread_cond_t stop;
    bool stopping;
    pthread_t thread;
};

/* A page of the list of all Events. */
struct page {
    struct expiry *expiry;
    int64_t now_ms;
    size_t count;
    char *ns, *name; /* the last one */
};

static int visit(void *context, const struct store_object *stored, struct err *err)
{
    struct page *page = context;
    free(page->ns);
    free(page->name);
    page->ns = mem_strdup(stored->key.ns);
    page->name = mem_strdup(stored->key.name);
    json_t *event = object_decode(stored->body, stored->body_len, stored->revision, err);
    if (!event)
        return -1;
    if (event_seen(event, page->now_ms) + page->expiry->ttl_ms <= page->now_ms)
        writes_delete(page->expiry->writes, &event_kind, event, stored->revision, NULL);
    json_decref(event);
    return ++page->count == PAGE;
}

/* One that is counted up meanwhile stays: the deletion is for the revision that was read. */
static int run_page(struct expiry *expiry, struct page *page, struct err *err)
{
    AUTO_FREE char *ns = mem_take(&page->ns);
    AUTO_FREE char *name = mem_take(&page->name);
    struct store_list_query query = {.resource = event_kind.resource,
                                     .after_ns = name ? ns : NULL,
                                     .after_name = name,
                                     .batch = PAGE};
    int64_t revision;
    page->count = 0;
    int rc = store_list(expiry->store, &query, &revision, visit, page, err);
    struct store_commit commit = {.writes = expiry->writes->items,
                                  .write_count = expiry->writes->count};
    if (rc == 0 && commit.write_count)
        rc = store_commit(expiry->store, &commit, err);
    if (rc == 0 && commit.write_count)
        log_debug("events expired", LOG_I("count", commit.write_count));
    writes_clear(expiry->writes);
    return rc;
}

static void expire(struct expiry *expiry)
{
    struct page page = {.expiry = expiry, .now_ms = clock_wall_ms()};
    struct err err = {0};
    int rc;
    do
        rc = run_page(expiry, &page, &err);
    while (rc == 0 && page.count == PAGE);
    free(page.ns);
    free(page.name);
    if (rc)
        complain(&expiry->complaint, "events do not expire", NULL, &err);
    else
        expiry->complaint.next_ms = 0;
}

/* True when it is time; false to stop. */
static bool wait_until(struct expiry *expiry, int64_t due_ms)
{
    pthread_mutex_lock(&expiry->lock);
    while (!expiry->stopping && clock_ms() < due_ms)
        (void)cond_wait(&expiry->stop, &expiry->lock, due_ms);
    bool stopping = expiry->stopping;
    pthread_mutex_unlock(&expiry->lock);
    return !stopping;
}

static int64_t interval(int64_t ttl_ms)
{
    int64_t every_ms = ttl_ms / 10;
    if (every_ms > EVERY_MAX_MS)
        return EVERY_MAX_MS;
    return every_ms < EVERY_MIN_MS ? EVERY_MIN_MS : every_ms;
}

static void *run(void *argument)
{
    struct expiry *expiry = argument;
    int64_t due = clock_ms() + interval(expiry->ttl_ms);
    while (wait_until(expiry, due)) {
        due = clock_ms() + interval(expiry->ttl_ms);
        expire(expiry);
    }
    return NULL;
}

static void release(struct expiry *expiry)
{
    pthread_cond_destroy(&expiry->stop);
    pthread_mutex_destroy(&expiry->lock);
    writes_clear(expiry->writes);
    free(expiry->writes);
    free(expiry);
}

struct expiry *expiry_start(struct store *store, int64_t ttl_ms, struct err *err)
{
    struct expiry *expiry = mem_zalloc(sizeof(*expiry));
    expiry->store = store;
    expiry->ttl_ms = ttl_ms;
    expiry->writes = mem_zalloc(sizeof(*expiry->writes));
    pthread_mutex_init(&expiry->lock, NULL);
    cond_init(&expiry->stop);
    int rc = pthread_create(&expiry->thread, NULL, run, expiry);
    if (rc) {
        err_set(err, ERR_INTERNAL, "no thread for the expiry of events: %s", strerror(rc));
        release(expiry);
        return NULL;
    }
    return expiry;
}

void expiry_stop(struct expiry *expiry)
{
    if (!expiry)
        return;
    pthread_mutex_lock(&expiry->lock);
    expiry->stopping = true;
    pthread_cond_broadcast(&expiry->stop);
    pthread_mutex_unlock(&expiry->lock);
    pthread_join(expiry->thread, NULL);
    release(expiry);
}
