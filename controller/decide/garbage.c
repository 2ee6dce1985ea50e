#include "garbage.h"

static size_t count_owners(const struct garbage_input *in, enum owner_state state)
{
    size_t count = 0;
    for (size_t i = 0; i < in->owner_count; i++)
        count += in->owners[i] == state;
    return count;
}

static struct garbage_plan plan(enum garbage_verb verb)
{
    return (struct garbage_plan){.verb = verb};
}

static struct garbage_plan release(unsigned states)
{
    return (struct garbage_plan){.verb = GARBAGE_RELEASE, .drop = states};
}

/* What waits for its dependents. The others only wait for whoever holds a finalizer of theirs. */
static struct garbage_plan decide_deleting(const struct garbage_input *in)
{
    if (in->orphan)
        return plan(in->dependents > 0 ? GARBAGE_WAIT : GARBAGE_FINISH_ORPHAN);
    if (!in->foreground)
        return plan(GARBAGE_KEEP);
    if (in->blocking == 0)
        return plan(GARBAGE_FINISH_FOREGROUND);
    return plan(in->circle ? GARBAGE_UNBLOCK : GARBAGE_WAIT);
}

struct garbage_plan garbage_decide(const struct garbage_input *in)
{
    size_t waiting = count_owners(in, OWNER_WAITS);
    if (count_owners(in, OWNER_ORPHANS) > 0)
        return release(OWNER_ORPHANS);
    if (in->deleting)
        return decide_deleting(in);
    if (in->owner_count == 0)
        return plan(GARBAGE_KEEP);
    if (count_owners(in, OWNER_THERE) > 0)
        return count_owners(in, OWNER_THERE) < in->owner_count ? release(OWNER_GONE | OWNER_WAITS)
                                                               : plan(GARBAGE_KEEP);
    if (waiting == 0 || in->dependents == 0)
        return plan(GARBAGE_DELETE);
    return (struct garbage_plan){.verb = GARBAGE_DELETE_FOREGROUND, .unblock = in->circle};
}
