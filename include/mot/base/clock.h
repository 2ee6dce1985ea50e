/* Time. Durations and deadlines use the monotonic clock in milliseconds; what users see is UTC. */
#ifndef MOT_BASE_CLOCK_H
#define MOT_BASE_CLOCK_H

#include <stdint.h>

#include <mot/base/err.h>

#define CLOCK_TEXT_SIZE 32

int64_t clock_ms(void);      /* monotonic */
int64_t clock_us(void);      /* monotonic */
int64_t clock_wall_ms(void); /* since 1970, UTC */

/* "2026-11-23T12:57:31Z", as Kubernetes writes metav1.Time. Returns @text. */
char *clock_format(int64_t wall_ms, char text[CLOCK_TEXT_SIZE]);
/* "2026-11-23T12:57:31.201Z" */
char *clock_format_ms(int64_t wall_ms, char text[CLOCK_TEXT_SIZE]);
/* RFC 3339 with any offset and fraction. */
int clock_parse(const char *text, int64_t *ret_wall_ms, struct err *err) MOT_NODISCARD;
/* An age as kubectl prints it: "62s", "5m37s", "3d4h". Returns @text. */
char *clock_age(int64_t age_ms, char text[CLOCK_TEXT_SIZE]);
/* Go durations as in manifests: "300ms", "10s", "1h30m". */
int clock_parse_duration(const char *text, int64_t *ret_ms, struct err *err) MOT_NODISCARD;

/* Blocks this thread; for back-offs with a known end only, never to wait for a condition. */
void clock_sleep_ms(int64_t ms);

#endif
