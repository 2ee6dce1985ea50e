/* Roles whose code is not there yet. */
#include <stdio.h>

#include "cli/commands.h"

#define PENDING(name_)                                                                             \
    int name_(int argc, char **argv)                                                               \
    {                                                                                              \
        (void)argc;                                                                                \
        (void)argv;                                                                                \
        fprintf(stderr, #name_ " is not there yet\n");                                             \
        return 1;                                                                                  \
    }
#ifdef PENDING_api
PENDING(api_main)
#endif
#ifdef PENDING_controller
PENDING(controller_main)
#endif
#ifdef PENDING_reconciler
PENDING(reconciler_main)
#endif
