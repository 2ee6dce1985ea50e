/*
 * Deadlines of connections. Each sort has one fixed duration, so a list per sort stays sorted by
 * appending: setting, moving and clearing cost the same with ten connections and with ten thousand.
 */
#ifndef MOT_API_HTTP_DEADLINE_H
#define MOT_API_HTTP_DEADLINE_H

#include <stdint.h>

enum deadline_sort {
    DEADLINE_NONE,
    DEADLINE_IDLE,   /* between requests */
    DEADLINE_HEADER, /* first byte to the end of the headers */
    DEADLINE_BODY,   /* the whole body */
    DEADLINE_WRITE,  /* the peer takes nothing while an answer waits */
    DEADLINE_LINGER, /* a closed connection whose peer still sends */
    DEADLINE_PING,   /* of an idle WebSocket */
    DEADLINE_SORTS,
};

struct deadline {
    struct deadline *previous, *next;
    int64_t at_ms;
    enum deadline_sort sort;
};

struct deadlines {
    struct deadline *first[DEADLINE_SORTS], *last[DEADLINE_SORTS];
    int64_t duration_ms[DEADLINE_SORTS];
};

/* Starts @sort anew, whatever was set before; DEADLINE_NONE clears. */
void deadline_set(struct deadlines *all, struct deadline *deadline, enum deadline_sort sort,
                  int64_t now_ms);
/* One that is due, now cleared, with its sort in *@ret_sort; or NULL. */
struct deadline *deadline_due(struct deadlines *all, int64_t now_ms, enum deadline_sort *ret_sort);
/* When the next one is due, or -1. */
int64_t deadline_next(const struct deadlines *all);

#endif
