/*
 * Whatever comes twice, late, or in whichever batches, with commits that fail and an archive that
 * is killed: the database is the one that the plain stream leads to.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <controller/archive/batch.h>
#include <mot/base/mem.h>
#include <mot/model/json.h>

#include "memory_store.h"

#define RECORDS   40
#define DELIVERED (4 * RECORDS)
#define AGENTS    4
#define REGION    "test-here"
#define CLUSTER   "cluster"

static struct topology_region region = {.name = REGION};
static const struct route routes[AGENTS] = {
    {.flow = "state", .region = &region},
    {.flow = "instance", .region = &region},
    {.flow = "complete", .region = &region},
    {.flow = "heartbeat", .region = &region},
};
static const enum archive_flow kinds[AGENTS] = {ARCHIVE_STATE, ARCHIVE_INSTANCE, ARCHIVE_COMPLETE,
                                                ARCHIVE_HEARTBEAT};

struct record {
    int agent;
    char key[32];
    char *value; /* NULL: a tombstone */
    int64_t epoch, sequence;
};

struct stream {
    struct record records[RECORDS];
    size_t count;
    size_t delivered[DELIVERED]; /* indexes; what stands at which offset */
    size_t delivered_count;
};

/* ------------------------------------------------------------------------------------------
 * streams */

static char *state_value(struct tape *tape, size_t i)
{
    static const char *const states[] = {"Converged", "Progressing", "Failed"};
    /* What an earlier incarnation says comes before what this one says. */
    const char *uid = i < 8 ? "earlier" : "u1";
    return mem_printf("{\"uid\":\"%s\",\"generation\":%zu,\"revision\":%zu,\"state\":\"%s\","
                      "\"gone\":false,\"desired\":1,\"running\":1,\"ready\":1,\"updated\":1,"
                      "\"message\":\"%zu\",\"zones\":[]}",
                      uid, i, i, tape_pick(tape, states, 3), i);
}

static void make_record(struct tape *tape, struct record *record, size_t i)
{
    record->agent = (int)tape_below(tape, AGENTS);
    size_t which = tape_below(tape, 3);
    switch (kinds[record->agent]) {
    case ARCHIVE_STATE:
        snprintf(record->key, sizeof(record->key), "shop/web%zu", which);
        record->value = tape_below(tape, 6) == 1 ? NULL : state_value(tape, i);
        break;
    case ARCHIVE_INSTANCE:
        snprintf(record->key, sizeof(record->key), "shop/i%zu", which);
        if (tape_below(tape, 3) != 1)
            record->value = mem_printf(
                "{\"namespace\":\"shop\",\"name\":\"i%zu\",\"deployment\":\"web0\",\"region\":"
                "\"" REGION "\",\"zone\":\"z\",\"phase\":\"Running\",\"restarts\":%zu}",
                which, tape_below(tape, 3));
        break;
    case ARCHIVE_COMPLETE:
        snprintf(record->key, sizeof(record->key), "shop/web%zu", which);
        record->value =
            mem_printf("{\"uid\":\"u1\",\"generation\":%zu,\"outcome\":\"Complete\"}", i);
        break;
    case ARCHIVE_HEARTBEAT:
        snprintf(record->key, sizeof(record->key), REGION);
        record->value = mem_printf(
            "{\"observedAt\":\"2026-11-23T12:%02zu:00Z\",\"convergedRevision\":%zu}", i, i);
        break;
    }
}

static void make_stream(struct tape *tape, struct stream *stream)
{
    *stream = (struct stream){.count = tape_below(tape, RECORDS + 1)};
    int64_t epoch = 1, sequence[AGENTS] = {0};
    for (size_t i = 0; i < stream->count; i++) {
        struct record *record = &stream->records[i];
        if (tape_below(tape, 10) == 1) {
            epoch++;
            memset(sequence, 0, sizeof(sequence));
        }
        make_record(tape, record, i);
        record->epoch = epoch;
        record->sequence = ++sequence[record->agent];
    }
}

/* All of them, some again or earlier than they should. */
static void disturb(struct tape *tape, struct stream *stream)
{
    for (size_t i = 0; i < stream->count; i++) {
        stream->delivered[stream->delivered_count++] = i;
        size_t again = tape_below(tape, 4);
        for (size_t n = 0; n < again && stream->delivered_count < DELIVERED - RECORDS; n++)
            stream->delivered[stream->delivered_count++] = tape_below(tape, stream->count);
    }
    for (size_t i = 1; i < stream->delivered_count; i++) {
        size_t other = i - tape_below(tape, i < 6 ? i + 1 : 6);
        size_t held = stream->delivered[i];
        stream->delivered[i] = stream->delivered[other];
        stream->delivered[other] = held;
    }
}

static void release_stream(struct stream *stream)
{
    for (size_t i = 0; i < stream->count; i++)
        free(stream->records[i].value);
}

/* ------------------------------------------------------------------------------------------ the
 * archive */

struct archiving {
    struct store *store;
    struct archive_agent agents[AGENTS];
    struct archive_batch batch;
};

static int nobody_knows(void *context, const char *where, const char *key, int64_t revision,
                        struct err *err)
{
    (void)context;
    (void)where;
    (void)key;
    (void)revision;
    (void)err;
    return 0;
}

static void begin(struct archiving *archiving)
{
    struct err err = {0};
    for (int i = 0; i < AGENTS; i++)
        assert_int_equal(archive_agent_open(&archiving->agents[i], kinds[i], &routes[i], 1,
                                            archiving->store, &err),
                         0);
    assert_int_equal(
        archive_batch_init(&archiving->batch, archiving->store, archiving->agents, AGENTS, &err),
        0);
    archiving->batch.heartbeats = (struct heartbeat_rules){1, INT64_MAX / 2};
    archiving->batch.unknown = nobody_knows;
}

static void end(struct archiving *archiving)
{
    archive_batch_release(&archiving->batch);
    for (int i = 0; i < AGENTS; i++)
        archive_agent_release(&archiving->agents[i]);
}

static void add(struct archiving *archiving, const struct record *record, size_t offset)
{
    const struct bus_record given = {
        .offset = (int64_t)offset,
        .key = record->key,
        .key_len = strlen(record->key),
        .value = record->value,
        .value_len = record->value ? strlen(record->value) : 0,
        .headers = {.region = REGION, .epoch = record->epoch, .sequence = record->sequence}};
    archive_batch_add(&archiving->batch, &archiving->agents[record->agent], &given);
}

/* False: start over from what the store says. */
static bool commit(struct archiving *archiving)
{
    struct err err = {0};
    if (archiving->batch.taken == 0)
        return true;
    for (int i = 0; i < 1000; i++) {
        if (archive_batch_commit(&archiving->batch, archiving->agents, AGENTS, CLUSTER, &err) == 0)
            return true;
        if (err.code != ERR_TRANSIENT)
            return false;
    }
    fail_msg("never committed: %s", err.message);
    return false;
}

static int64_t position_of(struct archiving *archiving, int agent)
{
    int64_t offset = archive_agent_offset(&archiving->agents[agent], 0, CLUSTER);
    return offset == BUS_OFFSET_BEGINNING ? 0 : offset;
}

/* Each agent goes on from its own position: one partition's offsets serve all of them here. */
static void deliver(struct archiving *archiving, const struct stream *stream, struct tape *tape)
{
    bool again = true;
    begin(archiving);
    while (again) {
        again = false;
        for (size_t at = 0; at < stream->delivered_count && !again; at++) {
            const struct record *record = &stream->records[stream->delivered[at]];
            if ((int64_t)at >= position_of(archiving, record->agent))
                add(archiving, record, at);
            if (tape && tape_below(tape, 3) != 1)
                continue;
            again = !commit(archiving) || (tape && tape_below(tape, 12) == 1);
        }
        again = again || !commit(archiving);
        if (again) {
            end(archiving);
            begin(archiving);
        }
    }
    end(archiving);
}

/* ------------------------------------------------------------------------------------------
 * comparing */

static void fill_store(struct store *store)
{
    memory_store_init(store);
    for (int i = 0; i < 2; i++) {
        AUTO_FREE char *name = mem_printf("web%d." REGION, i);
        const struct store_key key = {"regionaldeployments.mot.dev", "shop", name};
        AUTO_FREE char *body = mem_printf(
            "{\"apiVersion\":\"mot.dev/v1alpha1\",\"kind\":\"RegionalDeployment\",\"metadata\":"
            "{\"name\":\"%s\",\"namespace\":\"shop\",\"uid\":\"u1\"},\"spec\":{}}",
            name);
        memory_store_put(store, &key, body, "{}");
    }
    const struct store_key key = {"regions.mot.dev", "", REGION};
    memory_store_put(store, &key,
                     "{\"apiVersion\":\"mot.dev/v1alpha1\",\"kind\":\"Region\","
                     "\"metadata\":{\"name\":\"" REGION "\",\"generation\":1},\"spec\":{}}",
                     "{}");
}

/* Without what each run makes up itself. */
static char *essence(const struct store_object *object)
{
    struct err err;
    json_t *value = json_parse(object->body, object->body_len, true, &err);
    json_object_del(json_object_get(value, "metadata"), "uid");
    json_object_del(json_object_get(value, "metadata"), "creationTimestamp");
    json_object_del(json_array_get(json_at(value, "status.conditions"), 0), "lastTransitionTime");
    char *text = json_text(value);
    json_decref(value);
    return text;
}

static int compare(const struct store *plain, const struct store *disturbed)
{
    if (map_count(plain->objects) != map_count(disturbed->objects) ||
        map_count(plain->marks) != map_count(disturbed->marks)) {
        fprintf(stderr, "%zu objects and %zu marks, instead of %zu and %zu\n",
                map_count(disturbed->objects), map_count(disturbed->marks),
                map_count(plain->objects), map_count(plain->marks));
        return -1;
    }
    for (struct map_iter it = {0}; map_next(plain->objects, &it);) {
        const struct store_object *object = map_get(disturbed->objects, it.key);
        AUTO_FREE char *wanted = essence(it.value);
        AUTO_FREE char *got = object ? essence(object) : mem_strdup("nothing");
        if (strcmp(wanted, got) != 0) {
            fprintf(stderr, "%s:\n  %s\ninstead of\n  %s\n", it.key, got, wanted);
            return -1;
        }
    }
    return 0;
}

/* The whole stream once more changes nothing at all. */
static int replay(struct store *store, const struct stream *stream)
{
    struct archiving archiving = {.store = store};
    int before = store->writes;
    map_clear(store->positions);
    store->faults = NULL;
    deliver(&archiving, stream, NULL);
    if (store->writes == before)
        return 0;
    fprintf(stderr, "a replay wrote %d objects\n", store->writes - before);
    return -1;
}

static int archive_keeps_the_newest(struct tape *tape)
{
    struct stream plain, disturbed;
    struct store expected, store;
    make_stream(tape, &plain);
    for (size_t i = 0; i < plain.count; i++)
        plain.delivered[plain.delivered_count++] = i;
    disturbed = plain;
    disturbed.delivered_count = 0;
    disturb(tape, &disturbed);
    fill_store(&expected);
    fill_store(&store);
    store.faults = tape;
    struct archiving archiving = {.store = &expected};
    deliver(&archiving, &plain, NULL);
    archiving = (struct archiving){.store = &store};
    deliver(&archiving, &disturbed, tape);
    int rc = compare(&expected, &store);
    if (rc == 0)
        rc = replay(&store, &disturbed);
    memory_store_release(&store);
    memory_store_release(&expected);
    release_stream(&plain);
    return rc;
}

static void properties_hold(void **state)
{
    (void)state;
    assert_int_equal(tape_run("the archive keeps the newest", archive_keeps_the_newest, 1000), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(properties_hold)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
