/*
 * Two queues between threads; any thread may call any function.
 *
 * keyqueue: keys waiting for a worker, as in client-go's workqueue. A key that is already waiting
 * is not added twice; one that is being worked on runs again afterwards. It holds each key once, so
 * its size is bounded by the number of objects.
 */
#ifndef MOT_BASE_QUEUE_H
#define MOT_BASE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct keyqueue;
struct keyqueue *keyqueue_new(void);
void keyqueue_free(struct keyqueue *queue);
void keyqueue_add(struct keyqueue *queue, const char *key);
/* Adds @key when clock_ms() reaches @at_ms, also if it ran before that; an earlier time for the
 * same key wins. */
void keyqueue_add_at(struct keyqueue *queue, const char *key, int64_t at_ms);
/*
 * Blocks until a key is due, the queue is closed (NULL), or @timeout_ms passed (NULL; -1: no
 * timeout). The caller frees the key after keyqueue_done(queue, key).
 */
char *keyqueue_get(struct keyqueue *queue, int64_t timeout_ms);
void keyqueue_done(struct keyqueue *queue, const char *key);
void keyqueue_close(struct keyqueue *queue);
bool keyqueue_closed(struct keyqueue *queue);
/* How many keys are due; those a worker has and those for later do not count. */
size_t keyqueue_length(struct keyqueue *queue);

/* channel: a bounded FIFO of pointers. */
struct channel;
struct channel *channel_new(size_t capacity);
/* What is still inside is handed to @free_item (may be NULL). */
void channel_free(struct channel *channel, void (*free_item)(void *));
/* False when full for @timeout_ms (0: do not wait, -1: for ever) or closed: the item stays the
 * caller's. */
bool channel_send(struct channel *channel, void *item, int64_t timeout_ms);
/* NULL when empty for @timeout_ms, or closed and empty. */
void *channel_receive(struct channel *channel, int64_t timeout_ms);
/* Up to @max items that are there now, without waiting; returns how many. */
size_t channel_drain(struct channel *channel, void **items, size_t max);
void channel_close(struct channel *channel);
bool channel_closed(struct channel *channel);
size_t channel_length(struct channel *channel);

#endif
