/* The inside of the hub: who owns a watcher when. */
#ifndef MOT_API_WATCH_WATCHER_H
#define MOT_API_WATCH_WATCHER_H

#include <pthread.h>
#include <stdatomic.h>

#include <mot/base/buf.h>

#include "../auth/permit.h"
#include "hub.h"
#include "window.h"

enum watcher_stage {
    STAGE_INITIAL, /* a loader lists what there is */
    STAGE_BEHIND,  /* a loader reads the change log up to the window */
    STAGE_LIVE,    /* a pump reads the window */
};

/*
 * A watcher is idle, queued, or busy in the hands of one thread. Idle and live means: everything in
 * the window was written. Lock order: the hub's lock, then watcher.lock.
 */
struct watcher {
    struct hub *hub;
    atomic_int refs; /* the stream's, and the hub's while it is registered */

    pthread_mutex_t lock; /* guards `stream` against closed() */
    struct http_stream *stream;

    struct renderer renderer;
    struct watch_filter filter;
    struct window_ring *ring;
    bool bookmarks;
    struct permit *permit; /* the guard's, once it is registered */

    /* Under the hub's lock. */
    struct watcher *next, *previous; /* of the same resource */
    struct watcher *next_queued;
    enum watcher_stage stage;
    bool registered, queued, busy, closed;
    bool again;      /* something happened while it was busy */
    bool room;       /* the stream got room while it was busy */
    bool full;       /* waits for room */
    bool ending;     /* its time is up */
    bool withdrawn;  /* it is not allowed any more, and nothing may be written */
    uint64_t vetted; /* the generation of the gate that it was allowed by */
    bool bookmark_due;
    int64_t cursor; /* everything up to this revision was written */
    int64_t full_at, ends_at, bookmark_at, retry_at;

    /* Whoever is busy with it. */
    bool columns_written; /* Table: the first event carries the column definitions */
    bool initial_end_due;
    int64_t initial_revision; /* of the snapshot that is being listed */
    struct buf after_ns, after_name;
    size_t batch; /* rows that a loader asks for at once; 0: not decided */
};

struct watcher_queue {
    struct watcher *first, *last;
    pthread_cond_t ready;
};

struct hub {
    struct api *api; /* for the gate */
    struct store *store;
    pthread_mutex_t lock;
    struct window *window;
    struct window_ring **rings; /* of all kinds */
    size_t ring_count;
    struct watcher_queue live, load;
    int64_t position; /* everything up to this revision is in the window, or was */
    int64_t heard_at;
    int64_t lag_ms; /* how old the last change was when it came; 0 when there is nothing new */
    size_t watchers;
    bool stopping;
    int64_t bookmark_ms, full_ms, window_ms;
    int64_t trim_at; /* when memory of forgotten events is given back; 0: there is none */

    hub_listener *listener; /* may be NULL */
    void *listener_context;

    uint64_t vetted; /* all watches that have begun were allowed by this generation of the gate */
    bool unvetted;   /* but for some */
    uint64_t withdrawn; /* watches that were ended for not being allowed any more */

    struct store_feed *feed;
    pthread_cond_t tick, guard;
    pthread_t feed_thread, tick_thread, guard_thread;
    pthread_t *threads;
    size_t thread_count, pump_count;
};

/* What a turn of a pump or a loader came to. */
enum turn {
    TURN_DRAINED, /* nothing left to write */
    TURN_MORE,    /* there is more: queue it again */
    TURN_FULL,    /* the stream refused */
    TURN_RETRY,   /* the database is away */
    TURN_END,     /* the stream was ended */
};

/* False when the stream is full, or gone. */
bool watcher_write(struct watcher *watcher, struct http_frame *frame);
void watcher_end(struct watcher *watcher);
/* An ERROR event, and the end: nothing comes between the two. */
void watcher_fail(struct watcher *watcher, const struct status *status);
struct watcher *watcher_ref(struct watcher *watcher);
void watcher_unref(struct watcher *watcher);
void watcher_abort(struct watcher *watcher);
/* Takes a reference of the caller's. */
bool watcher_write_once(struct watcher *watcher, struct http_frame *frame);
/* Counts an event that was written. */
void watcher_delivered(struct watcher *watcher);
bool watcher_bookmark(struct watcher *watcher, int64_t revision, bool initial_end);

/* One turn, without the hub's lock; they read and move watcher->cursor, which is theirs while busy.
 */
enum turn live_turn(struct hub *hub, struct watcher *watcher);
enum turn load_turn(struct hub *hub, struct watcher *watcher);

/* The thread that asks whether watches may go on; and, with the hub's lock held: one has begun. */
void *guard_run(void *hub);
void guard_registered(struct hub *hub, struct watcher *watcher);

/* With the hub's lock held. */
void hub_enqueue(struct hub *hub, struct watcher *watcher);
void hub_tick(struct hub *hub, int64_t now_ms);

#endif
