#include "heartbeat.h"

#include <pthread.h>
#include <string.h>

#include <mot/base/clock.h>
#include <mot/base/cond.h>
#include <mot/base/log.h>
#include <mot/base/map.h>
#include <mot/base/mem.h>
#include <mot/base/random.h>
#include <mot/model/json.h>
#include <mot/model/object.h>

#include "agents/agents.h"
#include "decide/watermark.h"

#define SPACING_MS      200
#define PRODUCE_WAIT_MS 1000

struct entry {
    struct watermark_entry mark;
    char *uid;
};

struct heartbeat {
    struct heartbeat_options options;
    struct agent agent;
    struct bundle *state, *launch;
    pthread_t thread;
    bool started;

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t wake;
    struct map *entries; /* struct entry by "<ns>/<name>" */
    int64_t read;
    bool news;
    bool stopping;
};

static void entry_free(void *value)
{
    struct entry *entry = value;
    free(entry->uid);
    free(entry);
}

/* ------------------------------------------------------------------------------------------ what
 * the agent reads */

static void take_desired(struct entry *entry, const json_t *object, int64_t revision)
{
    entry->mark.desired = true;
    entry->mark.revision = revision;
    entry->mark.generation = object_generation(object);
    entry->mark.deleting = object_deleting(object);
    free(entry->uid);
    entry->uid = mem_strdup(object_uid(object));
}

static void take_state(struct entry *entry, const json_t *state)
{
    const char *word = json_at_text(state, "state");
    entry->mark.state_revision = json_at_int(state, "revision", 0);
    entry->mark.state_generation = json_at_int(state, "generation", 0);
    entry->mark.state_converged =
        (word && strcmp(word, "Converged") == 0) || json_at_bool(state, "gone", false);
    entry->mark.instances = (int)json_at_int(state, "running", 0);
}

/* From the state bundle's thread. */
static void changed(void *context, const struct agent_group *group)
{
    struct heartbeat *heartbeat = context;
    bool marker = strcmp(group->name, MARKER_KEY) == 0;
    struct entry *entry = mem_zalloc(sizeof(*entry));
    int64_t read = 0;
    for (size_t i = 0; i < group->input_count; i++) {
        const struct agent_input *input = &group->inputs[i];
        bool desired = strcmp(input->topic, TOPIC_DESIRED) == 0;
        if (desired && input->revision > read)
            read = input->revision;
        struct err err;
        json_t *value = marker ? NULL : json_parse(input->value, input->value_len, false, &err);
        if (value && desired)
            take_desired(entry, value, input->revision);
        else if (value)
            take_state(entry, value);
        json_decref(value);
    }
    pthread_mutex_lock(&heartbeat->lock);
    if (read > heartbeat->read)
        heartbeat->read = read;
    if (marker || group->input_count == 0) {
        map_remove(heartbeat->entries, group->name);
        entry_free(entry);
    } else {
        map_put(heartbeat->entries, group->name, entry);
    }
    heartbeat->news = true;
    pthread_cond_signal(&heartbeat->wake);
    pthread_mutex_unlock(&heartbeat->lock);
}

/* ------------------------------------------------------------------------------------------ what
 * is published */

/* Under the lock. */
static struct watermark watermark_now(const struct heartbeat *heartbeat)
{
    size_t count = 0;
    void *memory = mem_array(map_count(heartbeat->entries) + 1, sizeof(struct watermark_entry *));
    const struct watermark_entry **entries = memory;
    for (struct map_iter it = {0}; map_next(heartbeat->entries, &it);)
        entries[count++] = &((struct entry *)it.value)->mark;
    struct watermark mark = watermark_decide(entries, count, heartbeat->read);
    free(memory);
    return mark;
}

/* Under the lock: FNV-1a over the sorted lines "<ns>/<name> <uid> <generation>". */
static uint64_t digest_now(const struct heartbeat *heartbeat)
{
    uint64_t digest = HASH_SEED;
    const char **keys = map_sorted_keys(heartbeat->entries);
    for (size_t i = 0; i < map_count(heartbeat->entries); i++) {
        const struct entry *entry = map_get(heartbeat->entries, keys[i]);
        if (!entry->mark.desired)
            continue;
        AUTO_FREE char *line =
            mem_printf("%s %s %lld\n", keys[i], entry->uid, (long long)entry->mark.generation);
        digest = hash_bytes(line, strlen(line), digest);
    }
    free(keys);
    return digest;
}

static json_t *zones_json(const struct heartbeat *heartbeat)
{
    json_t *zones = json_array();
    for (size_t i = 0; i < heartbeat->options.zone_count; i++) {
        const struct heartbeat_zone *zone = &heartbeat->options.zones[i];
        struct zone_stats stats = {0};
        if (zone->zone)
            zone_stats(zone->zone, &stats);
        json_t *item = json_pack("{s:s, s:s, s:s%}", "name", zone->name, "driver", zone->driver,
                                 "error", stats.error, strlen(stats.error));
        char at[CLOCK_TEXT_SIZE];
        if (stats.observed_at)
            json_object_set_new(item, "observedAt",
                                json_string(clock_format_ms(stats.observed_at, at)));
        json_array_append_new(zones, item);
    }
    return zones;
}

static void publish(struct heartbeat *heartbeat)
{
    const struct heartbeat_options *options = &heartbeat->options;
    pthread_mutex_lock(&heartbeat->lock);
    struct watermark mark = watermark_now(heartbeat);
    uint64_t digest = digest_now(heartbeat);
    int64_t read = heartbeat->read;
    heartbeat->news = false;
    pthread_mutex_unlock(&heartbeat->lock);
    int64_t lag = heartbeat->launch ? bundle_lag(heartbeat->launch, TOPIC_LAUNCH) : -1;
    char at[CLOCK_TEXT_SIZE], digest_text[17];
    snprintf(digest_text, sizeof(digest_text), "%016llx", (unsigned long long)digest);
    json_t *value = json_pack("{s:s, s:I, s:s, s:I, s:I, s:i, s:i, s:s, s:o}", "region",
                              options->region, "epoch", (json_int_t)options->epoch, "observedAt",
                              clock_format_ms(clock_wall_ms(), at), "launchRevision",
                              (json_int_t)read, "convergedRevision", (json_int_t)mark.converged,
                              "deployments", mark.deployments, "instances", mark.instances,
                              "digest", digest_text, "zones", zones_json(heartbeat));
    if (lag >= 0)
        json_object_set_new(value, "lag", json_integer(lag));
    AUTO_FREE char *text = json_text(value);
    json_decref(value);
    struct bus_message message = {.topic = options->topic,
                                  .partition = -1,
                                  .key = options->region,
                                  .value = text,
                                  .value_len = strlen(text),
                                  .revision = read};
    struct err err = {0};
    if (bus_produce(options->producer, &message, PRODUCE_WAIT_MS, NULL, NULL, &err))
        log_warn("heartbeat not sent", LOG_S("error", err.message));
}

/* Under the lock: until there is news or the interval is over, whichever is first, but not before
 * the spacing. */
static void wait_for_news(struct heartbeat *heartbeat, int64_t sent_at)
{
    while (!heartbeat->stopping) {
        int64_t due = sent_at + (heartbeat->news ? SPACING_MS : heartbeat->options.interval_ms);
        if (clock_ms() >= due)
            return;
        cond_wait(&heartbeat->wake, &heartbeat->lock, due);
    }
}

static void *run(void *context)
{
    struct heartbeat *heartbeat = context;
    int64_t sent_at = 0;
    bool busy = true;
    pthread_mutex_lock(&heartbeat->lock);
    while (!heartbeat->stopping) {
        pthread_mutex_unlock(&heartbeat->lock);
        if (bundle_restored(heartbeat->state))
            publish(heartbeat);
        sent_at = clock_ms();
        pthread_mutex_lock(&heartbeat->lock);
        wait_for_news(heartbeat, sent_at);
        if (busy && !heartbeat->news)
            mem_trim(); /* it has become quiet */
        busy = heartbeat->news;
    }
    pthread_mutex_unlock(&heartbeat->lock);
    return NULL;
}

/* ------------------------------------------------------------------------------------------ life
 */

struct heartbeat *heartbeat_new(const struct heartbeat_options *options)
{
    static const char *const sources[] = {TOPIC_DESIRED, TOPIC_DEPLOYMENT_STATE, NULL};
    struct heartbeat *heartbeat = mem_zalloc(sizeof(*heartbeat));
    heartbeat->options = *options;
    heartbeat->agent = (struct agent){
        .name = "heartbeat", .sources = sources, .changed = changed, .context = heartbeat};
    heartbeat->entries = map_new(entry_free);
    pthread_mutex_init(&heartbeat->lock, NULL);
    cond_init(&heartbeat->wake);
    return heartbeat;
}

const struct agent *heartbeat_agent(struct heartbeat *heartbeat)
{
    return &heartbeat->agent;
}

int heartbeat_start(struct heartbeat *heartbeat, struct bundle *state, struct bundle *launch,
                    struct err *err)
{
    heartbeat->state = state;
    heartbeat->launch = launch;
    int rc = pthread_create(&heartbeat->thread, NULL, run, heartbeat);
    if (rc)
        return err_set(err, ERR_INTERNAL, "no thread for the heartbeat: %s", strerror(rc));
    heartbeat->started = true;
    return 0;
}

void heartbeat_stop(struct heartbeat *heartbeat)
{
    if (!heartbeat || !heartbeat->started)
        return;
    pthread_mutex_lock(&heartbeat->lock);
    heartbeat->stopping = true;
    pthread_cond_signal(&heartbeat->wake);
    pthread_mutex_unlock(&heartbeat->lock);
    pthread_join(heartbeat->thread, NULL);
    heartbeat->started = false;
}

void heartbeat_free(struct heartbeat *heartbeat)
{
    if (!heartbeat)
        return;
    map_free(heartbeat->entries);
    pthread_cond_destroy(&heartbeat->wake);
    pthread_mutex_destroy(&heartbeat->lock);
    free(heartbeat);
}
