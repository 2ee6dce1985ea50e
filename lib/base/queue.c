/*
 * keyqueue: one record per known key, found through a map. A record is at most once in the list
 * of waiting keys and at most once in the heap of delayed ones; it goes away when it is in none of
 * them and no worker has it. Time is CLOCK_MONOTONIC, that of clock_ms().
 */
#include <mot/base/queue.h>

#include <assert.h>
#include <pthread.h>

#include <mot/base/clock.h>
#include <mot/base/cond.h>
#include <mot/base/map.h>
#include <mot/base/mem.h>

#define NEVER     COND_NEVER
#define NO_PLACE  SIZE_MAX
#define HEAP_SIZE sizeof(struct record *)

struct record {
    char *key;
    struct record *next; /* in the list of waiting keys */
    bool waiting;
    bool running;
    bool again;   /* added while it was running */
    size_t place; /* in the heap, or NO_PLACE */
    int64_t at_ms;
};

struct keyqueue {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct map *records;
    struct record *first;
    struct record *last;
    size_t length;
    struct record **heap; /* the earliest first */
    size_t heap_count;
    size_t heap_capacity;
    bool closed;
};

/* @timeout_ms from now, NEVER for -1. */
static int64_t deadline_of(int64_t timeout_ms)
{
    int64_t now = clock_ms();
    return timeout_ms < 0 || timeout_ms > NEVER - now ? NEVER : now + timeout_ms;
}

static void record_free(void *data)
{
    struct record *record = data;
    free(record->key);
    free(record);
}

static struct record *record_of(struct keyqueue *queue, const char *key)
{
    struct record *record = map_get(queue->records, key);
    if (!record) {
        record = mem_zalloc(sizeof(*record));
        record->key = mem_strdup(key);
        record->place = NO_PLACE;
        map_put(queue->records, key, record);
    }
    return record;
}

static void heap_set(struct keyqueue *queue, size_t place, struct record *record)
{
    queue->heap[place] = record;
    record->place = place;
}

/* Puts @record at @place or further up, where its time belongs. */
static void heap_up(struct keyqueue *queue, size_t place, struct record *record)
{
    while (place > 0 && queue->heap[(place - 1) / 2]->at_ms > record->at_ms) {
        heap_set(queue, place, queue->heap[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    heap_set(queue, place, record);
}

static void heap_down(struct keyqueue *queue, size_t place, struct record *record)
{
    for (;;) {
        size_t child = 2 * place + 1;
        if (child + 1 < queue->heap_count &&
            queue->heap[child + 1]->at_ms < queue->heap[child]->at_ms)
            child++;
        if (child >= queue->heap_count || queue->heap[child]->at_ms >= record->at_ms)
            break;
        heap_set(queue, place, queue->heap[child]);
        place = child;
    }
    heap_set(queue, place, record);
}

static void heap_add(struct keyqueue *queue, struct record *record, int64_t at_ms)
{
    if (record->place != NO_PLACE && record->at_ms <= at_ms)
        return;
    record->at_ms = at_ms;
    if (record->place == NO_PLACE) {
        mem_grow((void **)&queue->heap, &queue->heap_capacity, queue->heap_count, HEAP_SIZE);
        record->place = queue->heap_count++;
    }
    heap_up(queue, record->place, record);
}

static struct record *heap_take(struct keyqueue *queue)
{
    struct record *record = queue->heap[0];
    struct record *last = queue->heap[--queue->heap_count];
    if (queue->heap_count > 0)
        heap_down(queue, 0, last);
    record->place = NO_PLACE;
    return record;
}

static void make_wait(struct keyqueue *queue, struct record *record)
{
    if (record->waiting)
        return;
    if (record->running) {
        record->again = true;
        return;
    }
    record->waiting = true;
    record->next = NULL;
    if (queue->last)
        queue->last->next = record;
    else
        queue->first = record;
    queue->last = record;
    queue->length++;
}

static void promote_due(struct keyqueue *queue)
{
    int64_t now = clock_ms();
    while (queue->heap_count > 0 && queue->heap[0]->at_ms <= now)
        make_wait(queue, heap_take(queue));
}

struct keyqueue *keyqueue_new(void)
{
    struct keyqueue *queue = mem_zalloc(sizeof(*queue));
    pthread_mutex_init(&queue->lock, NULL);
    cond_init(&queue->changed);
    queue->records = map_new(record_free);
    return queue;
}

void keyqueue_free(struct keyqueue *queue)
{
    if (!queue)
        return;
    map_free(queue->records);
    free(queue->heap);
    pthread_cond_destroy(&queue->changed);
    pthread_mutex_destroy(&queue->lock);
    free(queue);
}

void keyqueue_add(struct keyqueue *queue, const char *key)
{
    pthread_mutex_lock(&queue->lock);
    if (!queue->closed) {
        make_wait(queue, record_of(queue, key));
        pthread_cond_signal(&queue->changed);
    }
    pthread_mutex_unlock(&queue->lock);
}

void keyqueue_add_at(struct keyqueue *queue, const char *key, int64_t at_ms)
{
    pthread_mutex_lock(&queue->lock);
    if (!queue->closed) {
        struct record *record = record_of(queue, key);
        heap_add(queue, record, at_ms);
        /* All who wait have a later end in mind now. */
        if (record->place == 0)
            pthread_cond_broadcast(&queue->changed);
    }
    pthread_mutex_unlock(&queue->lock);
}

static char *take_first(struct keyqueue *queue)
{
    struct record *record = queue->first;
    queue->first = record->next;
    if (!queue->first)
        queue->last = NULL;
    queue->length--;
    record->waiting = false;
    record->running = true;
    return mem_strdup(record->key);
}

char *keyqueue_get(struct keyqueue *queue, int64_t timeout_ms)
{
    int64_t deadline = deadline_of(timeout_ms);
    char *key = NULL;
    pthread_mutex_lock(&queue->lock);
    while (!queue->closed) {
        promote_due(queue);
        if (queue->first) {
            key = take_first(queue);
            break;
        }
        if (deadline != NEVER && clock_ms() >= deadline)
            break;
        int64_t next = queue->heap_count > 0 ? queue->heap[0]->at_ms : NEVER;
        cond_wait(&queue->changed, &queue->lock, next < deadline ? next : deadline);
    }
    pthread_mutex_unlock(&queue->lock);
    return key;
}

void keyqueue_done(struct keyqueue *queue, const char *key)
{
    pthread_mutex_lock(&queue->lock);
    struct record *record = map_get(queue->records, key);
    if (record && record->running) {
        record->running = false;
        if (record->again && !queue->closed) {
            make_wait(queue, record);
            pthread_cond_signal(&queue->changed);
        }
        record->again = false;
        if (!record->waiting && record->place == NO_PLACE)
            map_remove(queue->records, key);
    }
    pthread_mutex_unlock(&queue->lock);
}

void keyqueue_close(struct keyqueue *queue)
{
    pthread_mutex_lock(&queue->lock);
    queue->closed = true;
    pthread_cond_broadcast(&queue->changed);
    pthread_mutex_unlock(&queue->lock);
}

bool keyqueue_closed(struct keyqueue *queue)
{
    pthread_mutex_lock(&queue->lock);
    bool closed = queue->closed;
    pthread_mutex_unlock(&queue->lock);
    return closed;
}

size_t keyqueue_length(struct keyqueue *queue)
{
    pthread_mutex_lock(&queue->lock);
    promote_due(queue);
    size_t length = queue->length;
    pthread_mutex_unlock(&queue->lock);
    return length;
}

struct channel {
    pthread_mutex_t lock;
    pthread_cond_t not_empty;
    pthread_cond_t not_full;
    void **items; /* a ring */
    size_t capacity;
    size_t first;
    size_t count;
    bool closed;
};

struct channel *channel_new(size_t capacity)
{
    assert(capacity > 0);
    struct channel *channel = mem_zalloc(sizeof(*channel));
    pthread_mutex_init(&channel->lock, NULL);
    cond_init(&channel->not_empty);
    cond_init(&channel->not_full);
    channel->items = mem_array(capacity, sizeof(*channel->items));
    channel->capacity = capacity;
    return channel;
}

static void *ring_take(struct channel *channel)
{
    void *item = channel->items[channel->first];
    channel->first = (channel->first + 1) % channel->capacity;
    channel->count--;
    return item;
}

void channel_free(struct channel *channel, void (*free_item)(void *))
{
    if (!channel)
        return;
    while (channel->count > 0) {
        void *item = ring_take(channel);
        if (free_item)
            free_item(item);
    }
    pthread_cond_destroy(&channel->not_empty);
    pthread_cond_destroy(&channel->not_full);
    pthread_mutex_destroy(&channel->lock);
    free(channel->items);
    free(channel);
}

bool channel_send(struct channel *channel, void *item, int64_t timeout_ms)
{
    assert(item);
    int64_t deadline = deadline_of(timeout_ms);
    pthread_mutex_lock(&channel->lock);
    while (!channel->closed && channel->count == channel->capacity)
        if (timeout_ms == 0 || !cond_wait(&channel->not_full, &channel->lock, deadline))
            break;
    bool sent = !channel->closed && channel->count < channel->capacity;
    if (sent) {
        channel->items[(channel->first + channel->count) % channel->capacity] = item;
        channel->count++;
        pthread_cond_signal(&channel->not_empty);
    }
    pthread_mutex_unlock(&channel->lock);
    return sent;
}

void *channel_receive(struct channel *channel, int64_t timeout_ms)
{
    int64_t deadline = deadline_of(timeout_ms);
    void *item = NULL;
    pthread_mutex_lock(&channel->lock);
    while (!channel->closed && channel->count == 0)
        if (timeout_ms == 0 || !cond_wait(&channel->not_empty, &channel->lock, deadline))
            break;
    if (channel->count > 0) {
        item = ring_take(channel);
        pthread_cond_signal(&channel->not_full);
    }
    pthread_mutex_unlock(&channel->lock);
    return item;
}

size_t channel_drain(struct channel *channel, void **items, size_t max)
{
    size_t n = 0;
    pthread_mutex_lock(&channel->lock);
    while (n < max && channel->count > 0)
        items[n++] = ring_take(channel);
    if (n > 0)
        pthread_cond_broadcast(&channel->not_full);
    pthread_mutex_unlock(&channel->lock);
    return n;
}

void channel_close(struct channel *channel)
{
    pthread_mutex_lock(&channel->lock);
    channel->closed = true;
    pthread_cond_broadcast(&channel->not_empty);
    pthread_cond_broadcast(&channel->not_full);
    pthread_mutex_unlock(&channel->lock);
}

bool channel_closed(struct channel *channel)
{
    pthread_mutex_lock(&channel->lock);
    bool closed = channel->closed;
    pthread_mutex_unlock(&channel->lock);
    return closed;
}

size_t channel_length(struct channel *channel)
{
    pthread_mutex_lock(&channel->lock);
    size_t length = channel->count;
    pthread_mutex_unlock(&channel->lock);
    return length;
}
