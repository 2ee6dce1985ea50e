/* Roles whose code is not there yet. */
#include "cli/commands.h"
#include <stdio.h>
#define PENDING(f)                                                                                 \
    int f(int argc, char **argv);                                                                  \
    __attribute__((weak)) int f(int argc, char **argv)                                             \
    {                                                                                              \
        (void)argc;                                                                                \
        (void)argv;                                                                                \
        fprintf(stderr, #f " is not there yet\n");                                                 \
        return 1;                                                                                  \
    }
PENDING(api_main)
PENDING(controller_main) PENDING(reconciler_main) PENDING(mirror_main) PENDING(topology_main)
    PENDING(apply_main) PENDING(get_main) PENDING(delete_main) PENDING(status_main)
        PENDING(wait_main) PENDING(kinds_main) PENDING(version_main)
