/* Events live for a while after they were seen last; then they are deleted, whoever wrote them. */
#ifndef MOT_CONTROLLER_EVENTS_EXPIRY_H
#define MOT_CONTROLLER_EVENTS_EXPIRY_H

#include <mot/store/store.h>

struct expiry;

struct expiry *expiry_start(struct store *store, int64_t ttl_ms, struct err *err) MOT_NODISCARD;
void expiry_stop(struct expiry *expiry);

#endif
