/* Keeps the change log short: changes older than the history that is wanted are dropped, but for
 * what the launch publisher has not read yet. */
#ifndef MOT_CONTROLLER_HISTORY_H
#define MOT_CONTROLLER_HISTORY_H

#include <mot/store/store.h>

struct history;

struct history_options {
    struct store *store;
    int64_t max_age_ms; /* how far back watches may start, at most */
    int64_t max_bytes;  /* what the history may take in the database; 0: no bound */
};

struct history *history_start(const struct history_options *options, struct err *err) MOT_NODISCARD;
void history_stop(struct history *history);

#endif
