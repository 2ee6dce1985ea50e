#include "store_private.h"

#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <mot/base/backoff.h>
#include <mot/base/clock.h>
#include <mot/base/mem.h>

#include <poll.h>

#define ROWS 512
/* Reading now and then without a notification shows a connection that died silently. */
#define SILENCE_MS 5000
/* A wake-up is not heard while connecting. */
#define CONNECT_TIME_MS 3000

struct store_feed {
    struct store *store;
    char *resource; /* NULL: all */
    bool brief;
    struct pg *pg;
    int wake_fd;
    int64_t position;
    bool unread; /* there may be something: just connected, notified, or more than one answer holds
                  */
    int64_t read_at;
    int64_t retry_at;
    struct backoff backoff;
};

struct store_feed *store_feed_open(struct store *store, const char *resource, int64_t after)
{
    struct store_feed *feed = mem_zalloc(sizeof(*feed));

    feed->store = store;
    feed->resource = resource != NULL ? mem_strdup(resource) : NULL;
    feed->position = after;
    feed->backoff = (struct backoff)BACKOFF_INIT(20, 2000);
    feed->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (feed->wake_fd < 0)
        abort();
    return feed;
}

struct store_feed *store_feed_open_brief(struct store *store, const char *resource, int64_t after)
{
    struct store_feed *feed = store_feed_open(store, resource, after);

    feed->brief = true;
    return feed;
}

void store_feed_close(struct store_feed *feed)
{
    if (feed == NULL)
        return;
    pg_close(feed->pg);
    (void)close(feed->wake_fd);
    free(feed->resource);
    free(feed);
}

int64_t store_feed_position(const struct store_feed *feed)
{
    return feed->position;
}

void store_feed_wake(struct store_feed *feed)
{
    uint64_t one = 1;

    if (write(feed->wake_fd, &one, sizeof(one)) < 0)
        return; /* full: it is readable already */
}

static void clear_wake(struct store_feed *feed)
{
    uint64_t count;

    if (read(feed->wake_fd, &count, sizeof(count)) < 0)
        return;
}

/* True when woken before @deadline. */
static bool wait_woken(struct store_feed *feed, int64_t deadline)
{
    struct pollfd pollfd = {.fd = feed->wake_fd, .events = POLLIN};
    int64_t left = deadline - clock_ms();

    if (left <= 0 || poll(&pollfd, 1, (int)left) <= 0)
        return false;
    clear_wake(feed);
    return true;
}

static void disconnect(struct store_feed *feed)
{
    pg_close(feed->pg);
    feed->pg = NULL;
    feed->retry_at = clock_ms() + backoff_next(&feed->backoff);
}

/* Listens before it reads: what is committed in between is read, or notified, or both. */
static int connect_feed(struct store_feed *feed, int64_t deadline, struct err *err)
{
    if (feed->pg != NULL)
        return 0;
    if (wait_woken(feed, feed->retry_at < deadline ? feed->retry_at : deadline) ||
        clock_ms() < feed->retry_at)
        return err_set(err, ERR_TRANSIENT, "postgresql is away");
    feed->pg = store_connect(feed->store, clock_ms() + CONNECT_TIME_MS, err);
    if (feed->pg == NULL ||
        pg_do(feed->pg, "LISTEN " CHANNEL, clock_ms() + feed->store->deadline_ms, err) < 0) {
        disconnect(feed);
        return -1;
    }
    feed->unread = true;
    return 0;
}

static int read_feed(struct store_feed *feed, store_change_visit *visit, void *context,
                     struct err *err)
{
    struct changes_query query = {.resource = feed->resource,
                                  .after = feed->position,
                                  .max = ROWS,
                                  .brief = feed->brief,
                                  .visit = visit,
                                  .context = context};
    int64_t before = feed->position;
    int result;

    (void)pg_notified(feed->pg);
    result = changes_read(feed->pg, &query, clock_ms() + feed->store->deadline_ms, err);
    feed->position = query.position;
    feed->read_at = clock_ms();
    if (result < 0) {
        if (!pg_usable(feed->pg))
            disconnect(feed);
        return -1;
    }
    backoff_reset(&feed->backoff);
    feed->unread = query.more;
    return feed->position > before ? 1 : 0;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int wait_feed(struct store_feed *feed, int64_t deadline, struct err *err)
{
    int woken =
        pg_wait(feed->pg, feed->wake_fd, earlier(deadline, feed->read_at + SILENCE_MS), err);

    if (woken < 0)
        disconnect(feed);
    if (woken == 2)
        clear_wake(feed);
    if (woken == 1 || clock_ms() >= feed->read_at + SILENCE_MS)
        feed->unread = true;
    return woken;
}

/* A deadline within a read has no effect that is unknown. */
static int failed(struct err *err)
{
    if (err != NULL && err->code == ERR_TIMEOUT)
        err->code = ERR_TRANSIENT;
    return -1;
}

int store_feed_next(struct store_feed *feed, int64_t timeout_ms, store_change_visit *visit,
                    void *context, struct err *err)
{
    int64_t deadline = clock_ms() + timeout_ms;

    if (connect_feed(feed, deadline, err) < 0)
        return failed(err);
    for (;;) {
        int result = 0;

        if (feed->unread || pg_notified(feed->pg))
            result = read_feed(feed, visit, context, err);
        if (result != 0)
            return result < 0 ? failed(err) : 1;
        if (feed->unread)
            continue;
        result = wait_feed(feed, deadline, err);
        if (result < 0)
            return failed(err);
        if (result == 2 || (result == 0 && clock_ms() >= deadline))
            return 0;
    }
}
