/* Condition variables that wait until a time of clock_ms(). */
#ifndef MOT_BASE_COND_H
#define MOT_BASE_COND_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define COND_NEVER INT64_MAX

/* pthread_cond_destroy() it. */
void cond_init(pthread_cond_t *cond);
/* Waits for a signal; false once @until_ms (COND_NEVER: no end) is over. Wakes early at will:
 * callers loop. */
bool cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t until_ms);

#endif
