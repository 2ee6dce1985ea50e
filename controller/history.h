/* Keeps the change log short: changes older than the history that is wanted are dropped, but for
 * what the launch publisher has not read yet. */
#ifndef MOT_CONTROLLER_HISTORY_H
#define MOT_CONTROLLER_HISTORY_H

#include <mot/store/store.h>

struct history;

/* @keep_ms: how far back watches may start. */
struct history *history_start(struct store *store, int64_t keep_ms, struct err *err) MOT_NODISCARD;
void history_stop(struct history *history);

#endif
