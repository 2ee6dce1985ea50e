/* Signals to processes that a test started. */
#ifndef MOT_TESTS_LIB_SIGNALS_H
#define MOT_TESTS_LIB_SIGNALS_H

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>

/* kill(), but never with the ids that mean more than one process: 0 would take the test runner too,
 * and -1 everything. */
static inline void signal_process(pid_t pid, int number)
{
    if (pid <= 1) {
        fprintf(stderr, "signal %d was meant for a process that is not there (%d)\n", number,
                (int)pid);
        abort();
    }
    kill(pid, number);
}

#endif
