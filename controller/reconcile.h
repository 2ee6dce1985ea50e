/*
 * The level-triggered loop of the central controllers: for every deployment that something happened
 * to, its regional parts are placed and its status is put together; for every region, an overdue
 * heartbeat is noticed when it is due.
 */
#ifndef MOT_CONTROLLER_RECONCILE_H
#define MOT_CONTROLLER_RECONCILE_H

#include <mot/model/kind.h>
#include <mot/store/store.h>
#include <mot/topology/topology.h>

struct reconcile;
struct recorder;

struct reconcile_options {
    struct store *store;
    const struct topology *topology; /* its regions become Region objects */
    const struct kinds *kinds;
    int64_t stale_after_ms;    /* a heartbeat older than this makes its region Unknown */
    struct recorder *recorder; /* for the story of deployments and regions; may be NULL */
};

struct reconcile *reconcile_start(const struct reconcile_options *options,
                                  struct err *err) MOT_NODISCARD;
void reconcile_stop(struct reconcile *reconcile);

#endif
