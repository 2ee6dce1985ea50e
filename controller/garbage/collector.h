/*
 * The garbage collector: deletes what has lost its owners, and lets owners that wait for their
 * dependents go. One thread; what it knows of ownership follows the change feed, and every decision
 * is taken on live reads and written under the revision that was read.
 *
 * Nothing is deleted because of an answer that did not come: an owner is gone when a read says so.
 */
#ifndef MOT_CONTROLLER_GARBAGE_COLLECTOR_H
#define MOT_CONTROLLER_GARBAGE_COLLECTOR_H

#include <mot/model/kind.h>
#include <mot/store/store.h>

#include "../events/recorder.h"

struct collector;

struct collector_options {
    struct store *store;
    const struct kinds *kinds;
    struct recorder *recorder; /* may be NULL */
    int64_t check_every_ms;    /* everything is looked through; 0: 600000 */
};

struct collector *collector_start(const struct collector_options *options,
                                  struct err *err) MOT_NODISCARD;
void collector_stop(struct collector *collector);

#endif
