#include "deadline.h"

#include <stddef.h>

static void unlink_deadline(struct deadlines *all, struct deadline *d)
{
    if (d->sort == DEADLINE_NONE)
        return;
    if (d->previous)
        d->previous->next = d->next;
    else
        all->first[d->sort] = d->next;
    if (d->next)
        d->next->previous = d->previous;
    else
        all->last[d->sort] = d->previous;
    d->previous = d->next = NULL;
    d->sort = DEADLINE_NONE;
}

void deadline_set(struct deadlines *all, struct deadline *d, enum deadline_sort sort,
                  int64_t now_ms)
{
    unlink_deadline(all, d);
    if (sort == DEADLINE_NONE)
        return;
    d->sort = sort;
    d->at_ms = now_ms + all->duration_ms[sort];
    d->previous = all->last[sort];
    if (d->previous)
        d->previous->next = d;
    else
        all->first[sort] = d;
    all->last[sort] = d;
}

struct deadline *deadline_due(struct deadlines *all, int64_t now_ms, enum deadline_sort *ret_sort)
{
    for (int sort = DEADLINE_NONE + 1; sort < DEADLINE_SORTS; sort++) {
        struct deadline *d = all->first[sort];
        if (d && d->at_ms <= now_ms) {
            *ret_sort = (enum deadline_sort)sort;
            unlink_deadline(all, d);
            return d;
        }
    }
    return NULL;
}

int64_t deadline_next(const struct deadlines *all)
{
    int64_t next = -1;
    for (int sort = DEADLINE_NONE + 1; sort < DEADLINE_SORTS; sort++) {
        const struct deadline *d = all->first[sort];
        if (d && (next < 0 || d->at_ms < next))
            next = d->at_ms;
    }
    return next;
}
