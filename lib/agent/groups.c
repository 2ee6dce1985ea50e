#include "groups.h"

#include <string.h>

#include <mot/base/mem.h>

#define SCRATCH_MAX ((size_t)64 << 20)

/* Values may hold any byte. */
static char *copy_value(const char *value, size_t len)
{
    char *copy = mem_alloc(len + 1);
    memcpy(copy, value, len);
    copy[len] = '\0';
    return copy;
}

static void input_release(struct agent_input *input)
{
    union {
        const char *borrowed;
        char *owned;
    } key = {input->key}, value = {input->value}, trace = {input->trace};
    free(key.owned);
    free(value.owned);
    free(trace.owned);
}

static void output_release(struct agent_output *output)
{
    union {
        const char *borrowed;
        char *owned;
    } key = {output->key}, value = {output->value};
    free(key.owned);
    free(value.owned);
}

static void group_free(void *value)
{
    struct group *group = value;
    for (size_t i = 0; i < group->input_count; i++)
        input_release(&group->inputs[i]);
    for (size_t i = 0; i < group->output_count; i++)
        output_release(&group->outputs[i]);
    free(group->inputs);
    free(group->outputs);
    free(group->name);
    free(group);
}

void groups_init(struct groups *groups, const struct agent *agent)
{
    *groups = (struct groups){.agent = agent};
    groups->by_name = map_new(group_free);
    groups->group_of_input = map_new(NULL);
    groups->group_of_output = map_new(NULL);
    groups->newest = map_new(NULL);
    groups->dirty_tail = &groups->dirty;
    groups->scratch = arena_new(SCRATCH_MAX);
}

void groups_release(struct groups *groups)
{
    map_free(groups->group_of_input);
    map_free(groups->group_of_output);
    map_free(groups->newest);
    map_free(groups->by_name);
    arena_free(groups->scratch);
    *groups = (struct groups){0};
}

static struct group *group_named(struct groups *groups, const char *name)
{
    struct group *group = map_get(groups->by_name, name);
    if (!group) {
        group = mem_zalloc(sizeof(*group));
        group->name = mem_strdup(name);
        map_put(groups->by_name, name, group);
    }
    return group;
}

static int compare_input(const struct agent_input *input, const char *topic, const char *key)
{
    int order = strcmp(input->topic, topic);
    return order ? order : strcmp(input->key, key);
}

/* The index of the input, or where it belongs. */
static size_t input_index(const struct group *group, const char *topic, const char *key,
                          bool *ret_found)
{
    size_t low = 0, high = group->input_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare_input(&group->inputs[middle], topic, key);
        if (order == 0) {
            *ret_found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *ret_found = false;
    return low;
}

static void group_remove_input(struct groups *groups, struct group *group, const char *topic,
                               const char *key)
{
    bool found;
    size_t at = input_index(group, topic, key, &found);
    if (!found)
        return;
    groups->memory -= strlen(group->inputs[at].key) + group->inputs[at].value_len;
    input_release(&group->inputs[at]);
    group->input_count--;
    memmove(&group->inputs[at], &group->inputs[at + 1],
            (group->input_count - at) * sizeof(group->inputs[0]));
}

static void group_set_input(struct groups *groups, struct group *group, const char *topic,
                            const struct bus_record *record)
{
    bool found;
    size_t at = input_index(group, topic, record->key, &found);
    if (found) {
        groups->memory -= strlen(group->inputs[at].key) + group->inputs[at].value_len;
        input_release(&group->inputs[at]);
    } else {
        void *array = group->inputs;
        mem_grow(&array, &group->input_cap, group->input_count, sizeof(group->inputs[0]));
        group->inputs = array;
        memmove(&group->inputs[at + 1], &group->inputs[at],
                (group->input_count - at) * sizeof(group->inputs[0]));
        group->input_count++;
    }
    group->inputs[at] = (struct agent_input){
        .topic = topic,
        .key = mem_strdup(record->key),
        .value = copy_value(record->value, record->value_len),
        .value_len = record->value_len,
        .revision = record->headers.revision,
        .timestamp_ms = record->timestamp_ms,
        .trace = record->headers.trace ? mem_strdup(record->headers.trace) : NULL,
    };
    groups->memory += strlen(record->key) + record->value_len;
}

static void group_note(struct group *group, const struct bus_record *record)
{
    if (record->headers.revision > group->revision)
        group->revision = record->headers.revision;
    group->trace[0] = '\0';
    if (record->headers.trace && strlen(record->headers.trace) < sizeof(group->trace))
        strcpy(group->trace, record->headers.trace);
}

/* Notes the revision of a record; false when a newer one was read before. */
static bool is_news(struct groups *groups, const char *id, const struct bus_record *record)
{
    if (!groups->agent->ordered)
        return true;
    void *known = map_get(groups->newest, id);
    if (record->headers.revision < (int64_t)(intptr_t)known)
        return false;
    if (!known)
        groups->memory += strlen(id);
    map_put(groups->newest, id, (void *)(intptr_t)record->headers.revision);
    return true;
}

static const char *name_of_group(struct groups *groups, const char *topic,
                                 const struct bus_record *record)
{
    if (!groups->agent->group_of)
        return record->key;
    arena_clear(groups->scratch);
    return groups->agent->group_of(groups->scratch, topic, record->key, record->value,
                                   record->value ? record->value_len : 0);
}

static void note_and_mark(struct groups *groups, struct group *group,
                          const struct bus_record *record)
{
    group_note(group, record);
    groups_mark(groups, group);
}

void groups_input(struct groups *groups, const char *topic, const struct bus_record *record)
{
    AUTO_FREE char *id = mem_printf("%s\n%s", topic, record->key);
    if (!is_news(groups, id, record))
        return;
    struct group *before = map_get(groups->group_of_input, id);
    const char *name = record->value || !before ? name_of_group(groups, topic, record) : NULL;
    if (!record->value && !before) {
        /* It was not an input since start, but the sink, or who acts on the group, may still have
         * what came of it. */
        struct group *group = NULL;
        if (name)
            group =
                groups->agent->changed ? group_named(groups, name) : map_get(groups->by_name, name);
        if (group)
            note_and_mark(groups, group, record);
        return;
    }
    struct group *now = name ? group_named(groups, name) : NULL;
    if (before && before != now) {
        group_remove_input(groups, before, topic, record->key);
        map_remove(groups->group_of_input, id);
        note_and_mark(groups, before, record);
    }
    if (now) {
        group_set_input(groups, now, topic, record);
        map_put(groups->group_of_input, id, now);
        note_and_mark(groups, now, record);
    }
}

/* What the sink holds, or held until it was deleted, was read once: a source that was wiped and is
 * filled again from its beginning must not undo it. */
static void note_newest(struct groups *groups, const struct bus_record *record)
{
    const struct agent *agent = groups->agent;
    bool by_key = !agent->group_of && !agent->group_of_output;
    for (size_t i = 0; agent->ordered && by_key && agent->sources[i]; i++) {
        AUTO_FREE char *id = mem_printf("%s\n%s", agent->sources[i], record->key);
        is_news(groups, id, record);
    }
}

void groups_output(struct groups *groups, const struct bus_record *record)
{
    note_newest(groups, record);
    struct group *before = map_get(groups->group_of_output, record->key);
    struct group *now = NULL;
    if (record->value) {
        arena_clear(groups->scratch);
        const char *name = record->key;
        if (groups->agent->group_of_output)
            name = groups->agent->group_of_output(groups->scratch, record->key, record->value,
                                                  record->value_len);
        now = name ? group_named(groups, name) : NULL;
    }
    if (before && before != now)
        group_set_output(groups, before, record->key, NULL, 0, 0);
    if (now)
        group_set_output(groups, now, record->key, record->value, record->value_len,
                         record->headers.revision);
}

void groups_mark(struct groups *groups, struct group *group)
{
    if (group->dirty)
        return;
    group->dirty = true;
    group->next_dirty = NULL;
    *groups->dirty_tail = group;
    groups->dirty_tail = &group->next_dirty;
}

void groups_mark_name(struct groups *groups, const char *name)
{
    struct group *group = map_get(groups->by_name, name);
    if (group)
        groups_mark(groups, group);
}

struct group *groups_next(struct groups *groups)
{
    struct group *group = groups->dirty;
    if (!group)
        return NULL;
    groups->dirty = group->next_dirty;
    if (!groups->dirty)
        groups->dirty_tail = &groups->dirty;
    group->dirty = false;
    group->next_dirty = NULL;
    return group;
}

void groups_drop_empty(struct groups *groups, struct group *group)
{
    if (group->input_count == 0 && group->output_count == 0 && !group->dirty) {
        AUTO_FREE char *name = mem_strdup(group->name);
        map_remove(groups->by_name, name);
    }
}

/* The index of the output, or where it belongs. */
static size_t output_index(const struct group *group, const char *key, bool *ret_found)
{
    size_t low = 0, high = group->output_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(group->outputs[middle].key, key);
        if (order == 0) {
            *ret_found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *ret_found = false;
    return low;
}

struct agent_output *group_find_output(struct group *group, const char *key)
{
    bool found;
    size_t at = output_index(group, key, &found);
    return found ? &group->outputs[at] : NULL;
}

const struct agent_output *groups_find_output(const struct groups *groups, const char *key)
{
    struct group *group = map_get(groups->group_of_output, key);
    return group ? group_find_output(group, key) : NULL;
}

static void output_remove(struct groups *groups, struct group *group, size_t at)
{
    groups->memory -= strlen(group->outputs[at].key) + group->outputs[at].value_len;
    output_release(&group->outputs[at]);
    group->output_count--;
    memmove(&group->outputs[at], &group->outputs[at + 1],
            (group->output_count - at) * sizeof(group->outputs[0]));
}

void group_set_output(struct groups *groups, struct group *group, const char *key,
                      const char *value, size_t len, int64_t revision)
{
    bool found;
    size_t at = output_index(group, key, &found);
    /* Copied first: @key and @value may be what is about to be replaced. */
    struct agent_output output = {.revision = revision, .value_len = len};
    if (value) {
        output.key = mem_strdup(key);
        output.value = copy_value(value, len);
    }
    /* Another group may have the key by now. */
    if (!value && map_get(groups->group_of_output, key) == group)
        map_remove(groups->group_of_output, key);
    if (found)
        output_remove(groups, group, at);
    if (!value)
        return;
    map_put(groups->group_of_output, output.key, group);
    void *array = group->outputs;
    mem_grow(&array, &group->output_cap, group->output_count, sizeof(group->outputs[0]));
    group->outputs = array;
    memmove(&group->outputs[at + 1], &group->outputs[at],
            (group->output_count - at) * sizeof(group->outputs[0]));
    group->outputs[at] = output;
    group->output_count++;
    groups->memory += strlen(output.key) + len;
}

void agent_emit(struct agent_emit *emit, const char *key, const char *value, size_t len,
                int64_t revision)
{
    if (emit->count == emit->cap) {
        size_t cap = emit->cap ? emit->cap * 2 : 8;
        struct agent_output *items = arena_array(emit->arena, cap, sizeof(*items));
        if (emit->count)
            memcpy(items, emit->items, emit->count * sizeof(*items));
        emit->items = items;
        emit->cap = cap;
    }
    char *copy = arena_alloc(emit->arena, len + 1);
    memcpy(copy, value, len);
    emit->items[emit->count++] = (struct agent_output){
        .key = arena_strdup(emit->arena, key),
        .value = copy,
        .value_len = len,
        .revision = revision,
    };
}

static int compare_output(const void *a, const void *b)
{
    return strcmp(((const struct agent_output *)a)->key, ((const struct agent_output *)b)->key);
}

int emit_finish(struct agent_emit *emit, struct err *err)
{
    if (emit->count == 0)
        return 0;
    qsort(emit->items, emit->count, sizeof(emit->items[0]), compare_output);
    for (size_t i = 1; i < emit->count; i++) {
        if (strcmp(emit->items[i - 1].key, emit->items[i].key) == 0)
            return err_set(err, ERR_INTERNAL, "the step emitted the key %s twice",
                           emit->items[i].key);
    }
    return 0;
}

static bool same_output(const struct agent_output *a, const struct agent_output *b)
{
    return a->value_len == b->value_len && memcmp(a->value, b->value, a->value_len) == 0;
}

static bool emit_has(const struct agent_emit *emit, const char *key)
{
    const struct agent_output wanted = {.key = key};
    return emit->count && bsearch(&wanted, emit->items, emit->count, sizeof(emit->items[0]),
                                  compare_output) != NULL;
}

static bool publish_outputs(struct groups *groups, struct group *group,
                            const struct agent_emit *emit, publish_change *publish, void *context)
{
    for (size_t i = 0; i < emit->count; i++) {
        const struct agent_output *output = &emit->items[i];
        const struct agent_output *held = group_find_output(group, output->key);
        if (held && same_output(held, output))
            continue;
        group_set_output(groups, group, output->key, output->value, output->value_len,
                         output->revision);
        const struct change change = {output->key, output->value, output->value_len,
                                      output->revision, group->trace[0] ? group->trace : NULL};
        if (!publish(context, &change))
            return false;
    }
    return true;
}

static void publish_deletions(struct groups *groups, struct group *group,
                              const struct agent_emit *emit, publish_change *publish, void *context)
{
    for (size_t i = group->output_count; i-- > 0;) {
        if (emit_has(emit, group->outputs[i].key))
            continue;
        AUTO_FREE char *key = mem_strdup(group->outputs[i].key);
        /* Not if it has moved to another group, which has published it. */
        bool ours = map_get(groups->group_of_output, key) == group;
        group_set_output(groups, group, key, NULL, 0, 0);
        const struct change change = {.key = key,
                                      .revision = group->revision,
                                      .trace = group->trace[0] ? group->trace : NULL};
        if (ours && !publish(context, &change))
            return;
    }
}

int group_decide(struct groups *groups, struct group *group, struct arena *arena,
                 publish_change *publish, void *context, struct err *err)
{
    const struct agent_group view = {
        .name = group->name,
        .inputs = group->inputs,
        .input_count = group->input_count,
        .previous = group->outputs,
        .previous_count = group->output_count,
    };
    if (groups->agent->changed)
        groups->agent->changed(groups->agent->context, &view);
    if (!groups->agent->step)
        return 0;
    arena_clear(arena);
    struct agent_emit emit = {.arena = arena};
    if (groups->agent->step(&view, arena, &emit, err) || emit_finish(&emit, err))
        return -1;
    if (publish_outputs(groups, group, &emit, publish, context))
        publish_deletions(groups, group, &emit, publish, context);
    return 0;
}
