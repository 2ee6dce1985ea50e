/*
 * Waiting for a part to answer: each wait has a thread of its own, because what it asks (a socket,
 * Kafka's admin API, a watch) blocks. Nothing here waits by the clock alone where something can
 * wake it: a part's log and files are watched with inotify.
 */
#ifndef MOT_CLI_UP_PROBE_H
#define MOT_CLI_UP_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mot/base/err.h>

struct probe;

/* One try: 0 when the part answers, -1 with a reason when not yet (it is called again). May block;
 * watches probe_cancelled() or probe_stop_fd() when it does so for long. */
typedef int probe_try(struct probe *probe, void *context, struct err *err);

/*
 * Starts trying. Once it succeeded, @index is written to @pipe_fd as a size_t. @watch: up to two
 * files or folders whose changes are a reason to try again at once, NULL-terminated.
 */
struct probe *part_probe_start(size_t index, probe_try *attempt, void *context,
                               const char *const *watch, int pipe_fd);
/* Ends it, whether it has succeeded or not, and frees it. NULL is fine. */
void probe_end(struct probe *probe);

bool probe_cancelled(const struct probe *probe);
/* Readable once it is cancelled. */
int probe_stop_fd(const struct probe *probe);
/* Why the last try failed; "" if none did. The copy is the caller's. */
void probe_last_error(struct probe *probe, char *text, size_t size);

#endif
