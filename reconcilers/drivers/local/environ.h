/* What a process finds in its environment. */
#ifndef MOT_LOCAL_ENVIRON_H
#define MOT_LOCAL_ENVIRON_H

#include "expand.h"
#include "local.h"

void environment_of_task(struct environment *environment, struct arena *arena,
                         const struct task *task);

#endif
