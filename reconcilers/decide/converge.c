#include "converge.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_MIN_MS 500
#define RETRY_MAX_MS 60000
/* A scheduler may change its mind: a quota is raised, a permission given. */
#define RETRY_REFUSED_MS 300000

static const char *const state_names[] = {
    [ZONE_CONVERGED] = "Converged", [ZONE_PROGRESSING] = "Progressing",
    [ZONE_FAILED] = "Failed",       [ZONE_UNKNOWN] = "Unknown",
    [ZONE_GONE] = "Gone",
};

const char *zone_state_name(enum zone_state state)
{
    return state_names[state];
}

/* Reasons of instances that no waiting mends. */
static const char *const hopeless[] = {"NoCommand"};

struct turn {
    const struct converge_input *in;
    struct arena *arena;
    struct converge_plan *plan;
    const struct observed_app **seen; /* by index of desired; NULL: not there */
    bool *wanted;                     /* by index of observed */
    size_t removes_left;
};

static void look_at(struct turn *t, int64_t at)
{
    if (at > t->in->now && at < t->plan->next_look)
        t->plan->next_look = at;
}

/* ------------------------------------------------------------------ who is who */

struct indexed {
    const char *ns, *name;
    size_t index;
};

static int compare(const void *a, const void *b)
{
    const struct indexed *left = a, *right = b;
    int order = strcmp(left->ns, right->ns);
    return order ? order : strcmp(left->name, right->name);
}

static void match(struct turn *t)
{
    const struct observation *observation = t->in->observation;
    size_t count = observation ? observation->app_count : 0;
    struct indexed *sorted = arena_array(t->arena, count + 1, sizeof(*sorted));
    t->seen = arena_array(t->arena, t->in->desired_count + 1, sizeof(struct observed_app *));
    t->wanted = arena_array(t->arena, count + 1, sizeof(*t->wanted));
    for (size_t i = 0; i < count; i++)
        sorted[i] = (struct indexed){observation->apps[i].ns, observation->apps[i].name, i};
    if (count > 0)
        qsort(sorted, count, sizeof(*sorted), compare);
    for (size_t i = 0; i < t->in->desired_count && count > 0; i++) {
        struct indexed key = {t->in->desired[i].ns, t->in->desired[i].name, 0};
        const struct indexed *found = bsearch(&key, sorted, count, sizeof(*sorted), compare);
        if (!found)
            continue;
        t->seen[i] = &observation->apps[found->index];
        t->wanted[found->index] = true;
    }
}

static bool names_zone(const struct workload *workload, const char *zone)
{
    for (size_t i = 0; i < workload->zone_count; i++) {
        if (strcmp(workload->zones[i].name, zone) == 0)
            return true;
    }
    return false;
}

static bool wants_instances(const struct converge_desired *desired, const char *zone)
{
    return desired->workload && !desired->workload->deleting && names_zone(desired->workload, zone);
}

/* ------------------------------------------------------------------ calls */

/* Why the scheduler has something else than @workload; NULL when it has that. */
static const char *difference(const struct observed_app *seen, const struct workload *workload,
                              int replicas)
{
    if (!seen)
        return "it is not there";
    if (seen->revision > workload->revision)
        return NULL; /* what is desired is on its way here */
    if (seen->removing)
        return "it was being removed";
    if (strcmp(seen->uid, workload->uid) != 0)
        return "it is of another object";
    if (strcmp(seen->template_hash, workload->template_hash) != 0)
        return "its template changed";
    if (seen->replicas != replicas)
        return "its replicas changed";
    if (seen->revision != workload->revision || seen->generation != workload->generation)
        return "its revision changed";
    return NULL;
}

/* A new revision is tried at once, whatever came of the older one. */
static bool may_call(struct turn *t, const struct converge_desired *desired)
{
    const struct converge_memory *memory = &desired->memory;
    int64_t revision = desired->workload ? desired->workload->revision : 0;
    if (memory->failures == 0 || memory->revision != revision || memory->retry_at <= t->in->now)
        return true;
    look_at(t, memory->retry_at);
    return false;
}

static void act(struct turn *t, struct converge_action action)
{
    t->plan->actions[t->plan->action_count++] = action;
}

static void apply(struct turn *t, size_t i)
{
    const struct converge_desired *desired = &t->in->desired[i];
    int replicas = workload_replicas(desired->workload, t->in->zone);
    const char *why = difference(t->seen[i], desired->workload, replicas);
    if (why && may_call(t, desired))
        act(t, (struct converge_action){CONVERGE_APPLY, i, replicas, NULL, why});
}

/* When the window has room again. */
static int64_t next_remove(const struct converge_input *in)
{
    size_t max = in->removes_max > 0 ? (size_t)in->removes_max : 0;
    if (max == 0 || in->removed_count < max)
        return in->now + CONVERGE_WINDOW_MS;
    return in->removed_at[in->removed_count - max] + CONVERGE_WINDOW_MS;
}

static void remove_app(struct turn *t, size_t i)
{
    const struct converge_desired *desired = &t->in->desired[i];
    const struct observed_app *seen = t->seen[i];
    const struct workload *workload = desired->workload;
    /* What was made anew since is not what was to be removed. */
    if (!seen || seen->removing || (workload && seen->revision > workload->revision))
        return;
    if (!may_call(t, desired))
        return;
    if (t->removes_left == 0) {
        look_at(t, next_remove(t->in));
        return;
    }
    t->removes_left--;
    const char *why = !workload            ? "its tombstone came"
                      : workload->deleting ? "it is being deleted"
                                           : "it is not for this zone any more";
    act(t, (struct converge_action){CONVERGE_REMOVE, i, 0, seen->uid, why});
}

static void count_removes(struct turn *t)
{
    size_t recent = 0;
    for (size_t i = 0; i < t->in->removed_count; i++)
        recent += t->in->removed_at[i] > t->in->now - CONVERGE_WINDOW_MS;
    size_t max = t->in->removes_max > 0 ? (size_t)t->in->removes_max : 0;
    t->removes_left = max > recent ? max - recent : 0;
}

/* ------------------------------------------------------------------ reports */

struct tally {
    int updated, ready, old, stopping, failed;
    const struct observed_instance *worst; /* one that failed */
    bool hopeless;
};

static bool is_hopeless(const struct observed_instance *instance)
{
    for (size_t i = 0; i < sizeof(hopeless) / sizeof(hopeless[0]); i++) {
        if (strcmp(instance->reason, hopeless[i]) == 0)
            return true;
    }
    return false;
}

static struct tally count(const struct observed_app *seen, const char *hash)
{
    struct tally tally = {0};
    for (size_t i = 0; i < seen->instance_count; i++) {
        const struct observed_instance *one = &seen->instances[i];
        if (one->phase == INSTANCE_STOPPING || one->phase == INSTANCE_STOPPED) {
            tally.stopping++;
        } else if (strcmp(one->template_hash, hash) != 0) {
            tally.old++;
        } else {
            tally.updated++;
            tally.ready += one->ready && one->phase == INSTANCE_RUNNING;
            if (one->phase != INSTANCE_FAILED)
                continue;
            tally.failed++;
            tally.worst = tally.worst ? tally.worst : one;
            tally.hopeless = tally.hopeless || is_hopeless(one);
        }
    }
    return tally;
}

static const char *describe(struct turn *t, const struct tally *tally, int replicas)
{
    const char *text = arena_printf(t->arena, "%d of %d ready", tally->ready, replicas);
    if (tally->old > 0)
        text = arena_printf(t->arena, "%s, %d of the old template", text, tally->old);
    if (tally->stopping > 0)
        text = arena_printf(t->arena, "%s, %d stopping", text, tally->stopping);
    if (tally->worst)
        text = arena_printf(t->arena, "%s, %d failed: %s: %s", text, tally->failed,
                            tally->worst->reason, tally->worst->message);
    return text;
}

static void judge(struct turn *t, struct converge_report *report, const struct observed_app *seen,
                  const struct workload *workload)
{
    int replicas = workload_replicas(workload, t->in->zone);
    struct tally tally = count(seen, workload->template_hash);
    bool done = tally.updated == replicas && tally.ready == replicas && tally.old == 0 &&
                tally.stopping == 0;
    int64_t deadline = seen->progress_at + workload->progress_deadline_ms;
    report->message = done ? "" : describe(t, &tally, replicas);
    report->state = ZONE_PROGRESSING;
    if (done) {
        report->state = ZONE_CONVERGED;
    } else if (tally.hopeless) {
        report->state = ZONE_FAILED;
    } else if (t->in->wall > deadline) {
        report->state = ZONE_FAILED;
        report->message = arena_printf(t->arena, "no progress within %" PRId64 " s: %s",
                                       workload->progress_deadline_ms / 1000, report->message);
    } else {
        look_at(t, t->in->now + (deadline - t->in->wall) + 1);
    }
}

/* The error of the newest call, if it was for what is desired now. */
static const char *error_of(const struct converge_desired *desired)
{
    const struct converge_memory *memory = &desired->memory;
    int64_t revision = desired->workload ? desired->workload->revision : 0;
    if (*desired->invalid)
        return desired->invalid;
    return memory->failures > 0 && memory->revision == revision ? memory->error : "";
}

static void report_wanted(struct turn *t, size_t i, struct converge_report *report)
{
    const struct converge_desired *desired = &t->in->desired[i];
    int replicas = workload_replicas(desired->workload, t->in->zone);
    const char *waits = difference(t->seen[i], desired->workload, replicas);
    report->error = error_of(desired);
    if (*desired->invalid || (waits && *report->error && desired->memory.refused)) {
        report->state = ZONE_FAILED;
        report->message = report->error;
    } else if (waits) {
        report->state = ZONE_PROGRESSING;
        report->message = *report->error ? report->error : "waiting for the scheduler";
    } else if (t->seen[i]->revision > desired->workload->revision) {
        report->state = ZONE_PROGRESSING;
        report->message = "the scheduler has a newer revision";
    } else {
        report->error = *desired->invalid ? desired->invalid : "";
        judge(t, report, t->seen[i], desired->workload);
    }
}

static void report_unwanted(struct turn *t, size_t i, struct converge_report *report)
{
    const struct converge_desired *desired = &t->in->desired[i];
    report->error = error_of(desired);
    if (t->seen[i]) {
        report->state = ZONE_PROGRESSING;
        report->message =
            arena_printf(t->arena, "%zu still to be stopped", t->seen[i]->instance_count);
    } else if (desired->workload && desired->workload->deleting) {
        report->state = ZONE_GONE;
        report->error = "";
    } else {
        report->news = CONVERGE_NONE;
    }
}

static struct converge_report *add_report(struct turn *t, const char *ns, const char *name)
{
    struct converge_report *report = &t->plan->reports[t->plan->report_count++];
    *report = (struct converge_report){.ns = ns,
                                       .name = name,
                                       .news = CONVERGE_REPORT,
                                       .state = ZONE_UNKNOWN,
                                       .message = "",
                                       .error = ""};
    return report;
}

/* Without an observation: the last reports stand for a while, then nothing is known. */
static void report_unseen(struct turn *t, struct converge_report *report)
{
    int64_t bound = t->in->observed_at + t->in->unknown_after_ms;
    if (t->in->now < bound) {
        report->news = CONVERGE_KEEP;
        look_at(t, bound);
        return;
    }
    report->message = arena_printf(t->arena, "the zone can't be observed: %s",
                                   *t->in->observe_error ? t->in->observe_error : "no answer yet");
}

static void report_desired(struct turn *t, size_t i)
{
    const struct converge_desired *desired = &t->in->desired[i];
    struct converge_report *report = add_report(t, desired->ns, desired->name);
    report->workload = desired->workload;
    report->observed = t->seen[i];
    if (!t->in->observation) {
        report_unseen(t, report);
    } else if (!desired->workload && *desired->invalid) {
        report->state = ZONE_FAILED;
        report->message = report->error = desired->invalid;
    } else if (wants_instances(desired, t->in->zone)) {
        report_wanted(t, i, report);
    } else {
        report_unwanted(t, i, report);
    }
}

static void report_orphans(struct turn *t)
{
    const struct observation *observation = t->in->observation;
    for (size_t i = 0; observation && i < observation->app_count; i++) {
        if (t->wanted[i] || !t->in->restored)
            continue;
        struct converge_report *report =
            add_report(t, observation->apps[i].ns, observation->apps[i].name);
        report->observed = &observation->apps[i];
        report->message = "it runs here, and no launch event asks for it";
        t->plan->orphan_count++;
    }
}

void converge_decide(const struct converge_input *input, struct arena *arena,
                     struct converge_plan *ret_plan)
{
    struct turn t = {.in = input, .arena = arena, .plan = ret_plan};
    size_t apps = input->observation ? input->observation->app_count : 0;
    *ret_plan = (struct converge_plan){.next_look = CONVERGE_NEVER};
    ret_plan->actions = arena_array(arena, input->desired_count + 1, sizeof(*ret_plan->actions));
    ret_plan->reports =
        arena_array(arena, input->desired_count + apps + 1, sizeof(*ret_plan->reports));
    match(&t);
    count_removes(&t);
    for (size_t i = 0; i < input->desired_count; i++) {
        if (!input->observation)
            continue;
        if (wants_instances(&input->desired[i], input->zone))
            apply(&t, i);
        else if (!*input->desired[i].invalid)
            remove_app(&t, i);
    }
    for (size_t i = 0; i < input->desired_count; i++)
        report_desired(&t, i);
    report_orphans(&t);
}

void converge_remember(struct converge_memory *memory, int64_t now, int64_t revision,
                       enum err_code code, const char *error)
{
    if (memory->revision != revision)
        memory->failures = 0;
    memory->revision = revision;
    memory->refused = code == ERR_INVALID || code == ERR_FORBIDDEN || code == ERR_TOO_LARGE ||
                      code == ERR_UNSUPPORTED;
    memory->error = code == ERR_NONE ? "" : error;
    memory->failures = code == ERR_NONE ? 0 : memory->failures + 1;
    int64_t delay =
        memory->failures > 8 ? RETRY_MAX_MS : (int64_t)RETRY_MIN_MS << memory->failures >> 1;
    if (delay > RETRY_MAX_MS)
        delay = RETRY_MAX_MS;
    memory->retry_at = code == ERR_NONE ? 0 : now + (memory->refused ? RETRY_REFUSED_MS : delay);
}
