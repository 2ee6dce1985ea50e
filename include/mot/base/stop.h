/*
 * The one way in which a process of ours is asked to end: SIGINT or SIGTERM (a second one ends it
 * at once), or stop_request() from any thread.
 */
#ifndef MOT_BASE_STOP_H
#define MOT_BASE_STOP_H

#include <stdbool.h>
#include <stdint.h>

/* Installs the handlers and ignores SIGPIPE. Call once, before threads are started. */
void stop_install(void);
void stop_request(void);
bool stop_requested(void);
/* Readable once a stop is requested; for poll(2). Never read from it. */
int stop_fd(void);
/* Waits until a stop is requested (true) or @timeout_ms passed (false; -1: for ever). */
bool stop_wait(int64_t timeout_ms);

#endif
