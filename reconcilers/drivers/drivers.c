#include "drivers.h"

#include <string.h>

const struct driver_ops *const driver_table[] = {&local_driver, NULL};

const struct driver_ops *driver_find(const char *name)
{
    for (const struct driver_ops *const *ops = driver_table; *ops; ops++) {
        if (strcmp((*ops)->name, name) == 0)
            return *ops;
    }
    return NULL;
}

const char *instance_phase_name(enum instance_phase phase)
{
    switch (phase) {
    case INSTANCE_PENDING:
        return "Pending";
    case INSTANCE_STARTING:
        return "Starting";
    case INSTANCE_RUNNING:
        return "Running";
    case INSTANCE_STOPPING:
        return "Stopping";
    case INSTANCE_STOPPED:
        return "Stopped";
    case INSTANCE_FAILED:
        return "Failed";
    case INSTANCE_UNKNOWN:
        break;
    }
    return "Unknown";
}
