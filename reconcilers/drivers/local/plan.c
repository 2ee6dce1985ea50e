#include "plan.h"

#include <string.h>

/* The input sorted into numbers, kept up to date as actions are added. */
struct tally {
    const struct plan_input *in;
    struct plan *plan;
    bool *stopped; /* by this plan */
    int existing;  /* those being stopped included */
    int standing;  /* not being stopped */
    int updated;   /* standing, of the newest template */
    int available;
    int updated_unavailable;
    int floor;   /* available instances that must stay */
    int ceiling; /* instances that may exist */
};

static bool standing(const struct tally *t, size_t i)
{
    return t->in->instances[i].state != PLAN_STOPPING && !t->stopped[i];
}

static bool available(const struct tally *t, size_t i)
{
    const struct plan_instance *one = &t->in->instances[i];
    return one->state == PLAN_UP && one->ready &&
           t->in->now - one->ready_since >= t->in->min_ready_ms;
}

static void act(struct tally *t, enum plan_kind kind, size_t instance, const char *why)
{
    t->plan->actions[t->plan->count++] = (struct plan_action){kind, instance, why};
}

static void stop(struct tally *t, size_t i, const char *why)
{
    act(t, PLAN_STOP, i, why);
    t->standing--;
    if (t->in->instances[i].updated)
        t->updated--;
    if (available(t, i))
        t->available--;
    else if (t->in->instances[i].updated)
        t->updated_unavailable--;
    t->stopped[i] = true;
}

static void count(struct tally *t)
{
    const struct plan_input *in = t->in;
    for (size_t i = 0; i < in->count; i++) {
        t->existing++;
        if (!standing(t, i))
            continue;
        t->standing++;
        t->updated += in->instances[i].updated;
        t->available += available(t, i);
        t->updated_unavailable += in->instances[i].updated && !available(t, i);
    }
    int unavailable = int_or_percent_of(in->max_unavailable, in->replicas, false);
    int surge = int_or_percent_of(in->max_surge, in->replicas, true);
    if (unavailable == 0 && surge == 0)
        unavailable = 1; /* as Kubernetes does: otherwise nothing could ever change */
    t->floor = in->replicas > unavailable ? in->replicas - unavailable : 0;
    t->ceiling = surge > INT32_MAX - in->replicas ? INT32_MAX : in->replicas + surge;
}

/* How much of a loss it would be to stop it; the least goes first, and of equals the newest. */
static int worth(const struct tally *t, size_t i)
{
    const struct plan_instance *one = &t->in->instances[i];
    if (one->state == PLAN_DOWN)
        return 0;
    return !one->ready ? 1 : !available(t, i) ? 2 : 3;
}

/* The standing instance of that kind that is worth least; in->count when there is none. */
static size_t least(const struct tally *t, bool updated, bool oldest_first)
{
    const struct plan_instance *all = t->in->instances;
    size_t best = t->in->count;
    for (size_t i = 0; i < t->in->count; i++) {
        if (!standing(t, i) || all[i].updated != updated)
            continue;
        if (best == t->in->count || worth(t, i) < worth(t, best) ||
            (worth(t, i) == worth(t, best) &&
             (oldest_first ? all[i].created_at < all[best].created_at
                           : all[i].created_at > all[best].created_at)))
            best = i;
    }
    return best;
}

static void stop_all(struct tally *t)
{
    for (size_t i = 0; i < t->in->count; i++) {
        if (standing(t, i))
            stop(t, i, "none is wanted");
    }
}

static void stop_surplus(struct tally *t)
{
    while (t->updated > t->in->replicas) {
        size_t i = least(t, true, false);
        if (available(t, i) && t->available <= t->floor)
            return;
        stop(t, i, "more than asked for");
    }
}

/*
 * Old instances that ended by themselves serve nobody and go at once. One that runs but isn't ready
 * may come back, so it goes only when enough others stand; one that is available only when enough
 * others are available.
 */
static void stop_old(struct tally *t)
{
    for (;;) {
        size_t i = least(t, false, true);
        if (i == t->in->count)
            return;
        if (t->in->instances[i].state == PLAN_DOWN)
            stop(t, i, "old and failed");
        else if (available(t, i) && t->available > t->floor)
            stop(t, i, "replaced by the new template");
        else if (!available(t, i) && t->standing - t->floor - t->updated_unavailable > 0)
            stop(t, i, "old and not ready");
        else
            return;
    }
}

static void start_missing(struct tally *t)
{
    bool rolling = t->standing > t->updated;
    while (t->updated < t->in->replicas && t->existing < t->ceiling) {
        act(t, PLAN_START, 0, rolling ? "the new template" : "fewer than asked for");
        t->updated++;
        t->updated_unavailable++;
        t->standing++;
        t->existing++;
    }
}

static void look_at(struct plan *plan, int64_t at)
{
    if (at < plan->next_look)
        plan->next_look = at;
}

static void restart_ended(struct tally *t)
{
    for (size_t i = 0; i < t->in->count; i++) {
        const struct plan_instance *one = &t->in->instances[i];
        if (one->state != PLAN_DOWN || t->stopped[i] || one->retry_at == PLAN_NEVER)
            continue;
        if (one->retry_at <= t->in->now)
            act(t, PLAN_RESTART, i, "it ended");
        else
            look_at(t->plan, one->retry_at);
    }
}

static void conclude(struct tally *t)
{
    const struct plan_input *in = t->in;
    struct plan *plan = t->plan;
    plan->done = plan->count == 0 && t->existing == in->replicas && t->updated == in->replicas &&
                 t->available == in->replicas;
    for (size_t i = 0; i < in->count; i++) {
        const struct plan_instance *one = &in->instances[i];
        if (standing(t, i) && one->state == PLAN_UP && one->ready && !available(t, i))
            look_at(plan, one->ready_since + in->min_ready_ms);
    }
    if (plan->done)
        return;
    plan->stalled = in->now - in->progress_at > in->progress_deadline_ms;
    if (!plan->stalled)
        look_at(plan, in->progress_at + in->progress_deadline_ms + 1);
}

void plan_decide(const struct plan_input *input, struct arena *arena, struct plan *ret_plan)
{
    size_t wanted = input->replicas > 0 ? (size_t)input->replicas : 0;
    *ret_plan = (struct plan){.next_look = PLAN_NEVER};
    /* Each instance is stopped or restarted at most once, and at most as many are started as asked
     * for. */
    ret_plan->actions = arena_array(arena, input->count + wanted + 1, sizeof(*ret_plan->actions));
    struct tally t = {.in = input, .plan = ret_plan};
    t.stopped = arena_array(arena, input->count + 1, sizeof(*t.stopped));
    count(&t);
    if (input->replicas <= 0) {
        stop_all(&t);
    } else {
        stop_surplus(&t);
        stop_old(&t);
        start_missing(&t);
        restart_ended(&t);
    }
    conclude(&t);
}
