#include "recorder.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>

#include <mot/base/backoff.h>
#include <mot/base/clock.h>
#include <mot/base/cond.h>
#include <mot/base/log.h>
#include <mot/base/map.h>
#include <mot/base/mem.h>
#include <mot/base/queue.h>
#include <mot/model/object.h>

#include "complain.h"
#include "correlator.h"
#include "event.h"

#define QUEUE_MAX   1024
#define BATCH_MAX   128
#define KEEP_MS     60000 /* how long a batch is tried to be written */
#define MESSAGE_MAX 1024
#define GATHER_MS   100 /* between batches: Events never crowd out what they are about */
#define TRIES       4   /* of one batch, against others who change or remove its Events */

struct recorder {
    struct store *store;
    struct channel *queue;
    struct correlator *correlator;
    struct map *batch; /* struct event_note by key */
    struct writes *writes;
    unsigned serial;
    atomic_llong lost;
    int64_t lost_said;
    struct complaint complaint;
    pthread_mutex_t lock;
    pthread_cond_t stop;
    bool stopping;
    pthread_t thread;
};

/* ------------------------------------------------------------------------------------------ from
 * any thread */

void recorder_tell(struct recorder *recorder, const json_t *about, enum event_type type,
                   const char *reason, const char *format, ...)
{
    if (!recorder)
        return;
    struct buf text;
    va_list args;
    buf_init(&text, BUF_MAX_DEFAULT);
    va_start(args, format);
    buf_addv(&text, format, args);
    va_end(args);
    char *message = buf_take(&text);
    if (strlen(message) > MESSAGE_MAX)
        message[MESSAGE_MAX] = '\0';
    struct event_note *note = event_note_new(about, type, reason, message, clock_wall_ms());
    if (channel_send(recorder->queue, note, 0))
        return;
    event_note_free(note);
    atomic_fetch_add(&recorder->lost, 1);
}

/* ------------------------------------------------------------------------------------------ the
 * thread */

/* The same within a batch is told once, with its count. */
static void take(struct recorder *recorder, struct event_note *note)
{
    AUTO_FREE char *object = event_note_object(note);
    AUTO_FREE char *key = event_note_key(note);
    if (!correlator_admit(recorder->correlator, object, note->at_ms)) {
        atomic_fetch_add(&recorder->lost, 1);
        event_note_free(note);
        return;
    }
    const struct event_note *same = map_get(recorder->batch, key);
    if (same)
        note->count += same->count;
    map_put(recorder->batch, key, note);
}

static void take_batch(struct recorder *recorder)
{
    void *notes[BATCH_MAX];
    void *first = channel_receive(recorder->queue, -1);
    if (!first)
        return;
    take(recorder, first);
    size_t count = channel_drain(recorder->queue, notes, BATCH_MAX - 1);
    for (size_t i = 0; i < count; i++)
        take(recorder, notes[i]);
}

static void add_write(struct recorder *recorder, const char *key, const struct event_note *note)
{
    const struct known_event *known = correlator_find(recorder->correlator, key, note->at_ms);
    json_t *event = known ? event_again(known->object, note) : event_new(note, recorder->serial++);
    if (known)
        writes_update(recorder->writes, &event_kind, known->object, known->revision, event, key);
    else
        writes_create(recorder->writes, &event_kind, event, key);
    json_decref(event);
}

static void remember(struct recorder *recorder, const struct store_write *write, const char *key)
{
    const struct event_note *note = map_get(recorder->batch, key);
    struct err err;
    json_t *event = object_decode(write->body, write->body_len, write->revision, &err);
    if (event)
        correlator_keep(recorder->correlator, key, event, write->revision, note->at_ms);
    json_decref(event);
}

/* What could be written, or has no place to be, is done with. An Event that somebody has changed or
 * removed is begun anew. */
static void take_results(struct recorder *recorder)
{
    for (size_t i = 0; i < recorder->writes->count; i++) {
        const struct store_write *write = &recorder->writes->items[i];
        const char *key = recorder->writes->owners[i];
        if (write->result == ERR_NONE)
            remember(recorder, write, key);
        else
            correlator_forget(recorder->correlator, key);
        if (write->result == ERR_NONE || write->result == ERR_FORBIDDEN) {
            AUTO_FREE char *done = mem_strdup(key);
            map_remove(recorder->batch, done);
        }
    }
}

static int write_once(struct recorder *recorder, struct err *err)
{
    for (struct map_iter it = {0}; map_next(recorder->batch, &it);)
        add_write(recorder, it.key, it.value);
    struct store_commit commit = {.writes = recorder->writes->items,
                                  .write_count = recorder->writes->count};
    int rc = store_commit(recorder->store, &commit, err);
    if (rc == 0)
        take_results(recorder);
    writes_clear(recorder->writes);
    return rc;
}

static void lose_batch(struct recorder *recorder)
{
    atomic_fetch_add(&recorder->lost, (long long)map_count(recorder->batch));
    map_clear(recorder->batch);
}

/* False when the recorder is to stop. */
static bool pause_until(struct recorder *recorder, int64_t due_ms)
{
    pthread_mutex_lock(&recorder->lock);
    while (!recorder->stopping && clock_ms() < due_ms)
        (void)cond_wait(&recorder->stop, &recorder->lock, due_ms);
    bool stopping = recorder->stopping;
    pthread_mutex_unlock(&recorder->lock);
    return !stopping;
}

static void write_batch(struct recorder *recorder)
{
    struct backoff backoff = BACKOFF_INIT(50, 5000);
    int64_t until = clock_ms() + KEEP_MS;
    int refused = 0;
    while (map_count(recorder->batch) && refused < TRIES) {
        struct err err = {0};
        if (write_once(recorder, &err) == 0) {
            refused++;
            recorder->complaint.next_ms = 0;
            continue;
        }
        complain(&recorder->complaint, "events are not written", NULL, &err);
        if (clock_ms() > until || !pause_until(recorder, clock_ms() + backoff_next(&backoff)))
            break;
    }
    lose_batch(recorder);
}

static void tell_lost(struct recorder *recorder)
{
    int64_t lost = atomic_load(&recorder->lost);
    if (lost > recorder->lost_said)
        log_debug("events were not told", LOG_I("count", lost - recorder->lost_said),
                  LOG_I("total", lost));
    recorder->lost_said = lost;
}

static void *run(void *argument)
{
    struct recorder *recorder = argument;
    while (!channel_closed(recorder->queue) || channel_length(recorder->queue)) {
        take_batch(recorder);
        write_batch(recorder);
        tell_lost(recorder);
        (void)pause_until(recorder, clock_ms() + GATHER_MS);
    }
    return NULL;
}

static void release(struct recorder *recorder)
{
    channel_free(recorder->queue, event_note_free);
    correlator_free(recorder->correlator);
    map_free(recorder->batch);
    writes_clear(recorder->writes);
    free(recorder->writes);
    pthread_cond_destroy(&recorder->stop);
    pthread_mutex_destroy(&recorder->lock);
    free(recorder);
}

struct recorder *recorder_start(struct store *store, struct err *err)
{
    struct recorder *recorder = mem_zalloc(sizeof(*recorder));
    recorder->store = store;
    recorder->queue = channel_new(QUEUE_MAX);
    recorder->correlator = correlator_new(EVENT_KNOWN_MAX);
    recorder->batch = map_new(event_note_free);
    recorder->writes = mem_zalloc(sizeof(*recorder->writes));
    pthread_mutex_init(&recorder->lock, NULL);
    cond_init(&recorder->stop);
    int rc = pthread_create(&recorder->thread, NULL, run, recorder);
    if (rc) {
        err_set(err, ERR_INTERNAL, "no thread for the events: %s", strerror(rc));
        release(recorder);
        return NULL;
    }
    return recorder;
}

void recorder_stop(struct recorder *recorder)
{
    if (!recorder)
        return;
    pthread_mutex_lock(&recorder->lock);
    recorder->stopping = true;
    pthread_cond_broadcast(&recorder->stop);
    pthread_mutex_unlock(&recorder->lock);
    channel_close(recorder->queue);
    pthread_join(recorder->thread, NULL);
    release(recorder);
}
