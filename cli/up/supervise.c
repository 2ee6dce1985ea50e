#include "cli/up/supervise.h"

#define BACKOFF_MIN_MS ((int64_t)100)
#define BACKOFF_MAX_MS ((int64_t)10000)
/* A part that answered for so long has recovered from what it died of before. */
#define STABLE_MS ((int64_t)60000)

static bool alive(const struct part_state *state)
{
    return state->phase == PART_STARTING || state->phase == PART_READY ||
           state->phase == PART_STOPPING || state->phase == PART_KILLED;
}

static bool needs_are_ready(const struct supervise_input *in, size_t part)
{
    for (size_t i = 0; i < in->rules[part].need_count; i++)
        if (!in->states[in->rules[part].needs[i]].was_ready)
            return false;
    return true;
}

static bool needed_by_a_living(const struct supervise_input *in, size_t part)
{
    for (size_t i = 0; i < in->count; i++)
        for (size_t j = 0; j < in->rules[i].need_count; j++)
            if (in->rules[i].needs[j] == part && alive(&in->states[i]))
                return true;
    return false;
}

static void wake_at(struct supervise_plan *out, int64_t at_ms)
{
    if (out->wake_at_ms < 0 || at_ms < out->wake_at_ms)
        out->wake_at_ms = at_ms;
}

static enum supervise_action decide_running(const struct supervise_input *in,
                                            struct supervise_plan *out, size_t part)
{
    const struct part_state *state = &in->states[part];
    if (state->phase != PART_WAITING || !needs_are_ready(in, part))
        return SUPERVISE_NONE;
    if (in->now_ms >= state->not_before_ms)
        return SUPERVISE_START;
    wake_at(out, state->not_before_ms);
    return SUPERVISE_NONE;
}

static enum supervise_action decide_stopping(const struct supervise_input *in,
                                             struct supervise_plan *out, size_t part)
{
    const struct part_state *state = &in->states[part];
    if (state->phase == PART_STARTING || state->phase == PART_READY)
        return needed_by_a_living(in, part) ? SUPERVISE_NONE : SUPERVISE_TERM;
    if (state->phase != PART_STOPPING)
        return SUPERVISE_NONE;
    int64_t patience_ends = state->since_ms + in->rules[part].grace_ms;
    if (in->now_ms >= patience_ends)
        return SUPERVISE_KILL;
    wake_at(out, patience_ends);
    return SUPERVISE_NONE;
}

void supervise_decide(const struct supervise_input *in, struct supervise_plan *out)
{
    out->wake_at_ms = -1;
    out->all_ready = true;
    out->all_ended = true;
    for (size_t i = 0; i < in->count; i++) {
        out->actions[i] = in->stopping ? decide_stopping(in, out, i) : decide_running(in, out, i);
        out->all_ready = out->all_ready && in->states[i].phase == PART_READY;
        out->all_ended = out->all_ended && !alive(&in->states[i]);
    }
}

static void set_phase(struct part_state *state, enum part_phase phase, int64_t now_ms)
{
    state->phase = phase;
    state->since_ms = now_ms;
}

void supervise_started(struct part_state *state, int64_t now_ms)
{
    set_phase(state, PART_STARTING, now_ms);
}

void supervise_answered(struct part_state *state, int64_t now_ms)
{
    if (state->phase != PART_STARTING)
        return;
    set_phase(state, PART_READY, now_ms);
    state->was_ready = true;
}

void supervise_asked_to_end(struct part_state *state, bool killed, int64_t now_ms)
{
    set_phase(state, killed ? PART_KILLED : PART_STOPPING, now_ms);
}

void supervise_died(struct part_state *state, bool stopping, int64_t now_ms)
{
    if (stopping) {
        set_phase(state, PART_ENDED, now_ms);
        return;
    }
    bool was_stable = state->phase == PART_READY && now_ms - state->since_ms >= STABLE_MS;
    state->failures = was_stable ? 1 : state->failures + 1;
    state->not_before_ms = now_ms + supervise_backoff_ms(state->failures);
    set_phase(state, PART_WAITING, now_ms);
}

int64_t supervise_backoff_ms(unsigned failures)
{
    int64_t wait = BACKOFF_MIN_MS;
    for (unsigned i = 1; i < failures && wait < BACKOFF_MAX_MS; i++)
        wait *= 2;
    return wait < BACKOFF_MAX_MS ? wait : BACKOFF_MAX_MS;
}
