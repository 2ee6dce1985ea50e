/* Events: what is told, counted, and let go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <controller/events/correlator.h>
#include <controller/events/event.h>
#include <mot/base/mem.h>
#include <mot/model/json.h>
#include <mot/model/kind.h>
#include <mot/model/object.h>

#define NOW INT64_C(1795439851000)

static json_t *about(const char *ns)
{
    return json_pack("{s:s, s:s, s:{s:s, s:s*, s:s, s:s}}", "apiVersion", "mot.dev/v1alpha1",
                     "kind", "Deployment", "metadata", "name", "web", "namespace", ns, "uid", "u1",
                     "resourceVersion", "7");
}

static struct event_note *note_of(const char *ns, const char *message, int64_t at_ms)
{
    json_t *object = about(ns);
    struct event_note *note =
        event_note_new(object, EVENT_WARNING, "Trouble", mem_strdup(message), at_ms);
    json_decref(object);
    return note;
}

static void makes_events(void **state)
{
    (void)state;
    struct event_note *note = note_of("shop", "it broke", NOW);
    json_t *event = event_new(note, 3);
    assert_string_equal(object_namespace(event), "shop");
    assert_int_equal(strncmp(object_name(event), "web.", 4), 0);
    assert_null(json_at(event, "metadata.generation"));
    assert_string_equal(json_at_text(event, "involvedObject.name"), "web");
    assert_string_equal(json_at_text(event, "involvedObject.resourceVersion"), "7");
    assert_string_equal(json_at_text(event, "firstTimestamp"), "2026-11-23T13:17:31Z");
    assert_int_equal(json_at_int(event, "count", 0), 1);
    note->at_ms += 60000;
    note->count = 2;
    json_t *again = event_again(event, note);
    assert_int_equal(json_at_int(again, "count", 0), 3);
    assert_string_equal(json_at_text(again, "firstTimestamp"), "2026-11-23T13:17:31Z");
    assert_string_equal(json_at_text(again, "lastTimestamp"), "2026-11-23T13:18:31Z");
    assert_string_equal(object_name(again), object_name(event));
    json_decref(again);
    json_decref(event);
    event_note_free(note);
    note = note_of(NULL, "it broke", NOW);
    event = event_new(note, 0);
    assert_string_equal(object_namespace(event), "default");
    assert_null(json_at(event, "involvedObject.namespace"));
    json_decref(event);
    event_note_free(note);
}

static void tells_notes_apart(void **state)
{
    (void)state;
    struct event_note *a = note_of("shop", "x", NOW);
    struct event_note *b = note_of("shop", "x", NOW + 5);
    struct event_note *c = note_of("shop", "y", NOW);
    AUTO_FREE char *key_a = event_note_key(a);
    AUTO_FREE char *key_b = event_note_key(b);
    AUTO_FREE char *key_c = event_note_key(c);
    AUTO_FREE char *object_a = event_note_object(a);
    AUTO_FREE char *object_c = event_note_object(c);
    assert_string_equal(key_a, key_b);
    assert_string_not_equal(key_a, key_c);
    assert_string_equal(object_a, object_c);
    event_note_free(a);
    event_note_free(b);
    event_note_free(c);
}

static void says_when_it_was_seen(void **state)
{
    (void)state;
    static const struct {
        const char *event;
        int64_t seconds; /* before NOW */
    } table[] = {
        {"{\"metadata\":{\"creationTimestamp\":\"2026-11-23T13:17:21Z\"}}", 10},
        {"{\"metadata\":{\"creationTimestamp\":\"2026-11-23T13:17:21Z\"},\"lastTimestamp\":"
         "\"2026-11-23T13:17:29Z\"}",
         2},
        {"{\"metadata\":{\"creationTimestamp\":\"2026-11-23T13:17:21Z\"},\"lastTimestamp\":null,"
         "\"eventTime\":\"2026-11-23T13:17:26.000000Z\",\"series\":{\"lastObservedTime\":"
         "\"2026-11-23T13:17:28.000000Z\"}}",
         3},
        {"{\"metadata\":{\"creationTimestamp\":\"2026-11-23T13:17:21Z\"},\"lastTimestamp\":"
         "\"2099-11-23T13:17:29Z\"}",
         10},
        {"{\"lastTimestamp\":\"rubbish\"}", NOW / 1000},
    };
    for (size_t i = 0; i < MOT_ARRAY_SIZE(table); i++) {
        json_t *event = json_loads(table[i].event, 0, NULL);
        assert_int_equal(NOW - event_seen(event, NOW), table[i].seconds * 1000);
        json_decref(event);
    }
}

static void allows_so_many(void **state)
{
    (void)state;
    struct correlator *correlator = correlator_new(4);
    for (int i = 0; i < EVENT_BURST; i++)
        assert_true(correlator_admit(correlator, "a", NOW + i));
    assert_false(correlator_admit(correlator, "a", NOW + 1000));
    assert_true(correlator_admit(correlator, "b", NOW + 1000));
    assert_false(correlator_admit(correlator, "a", NOW + EVENT_REFILL_MS - 1));
    assert_true(correlator_admit(correlator, "a", NOW + EVENT_REFILL_MS));
    assert_false(correlator_admit(correlator, "a", NOW + EVENT_REFILL_MS));
    correlator_free(correlator);
}

static void remembers_for_a_while(void **state)
{
    (void)state;
    struct correlator *correlator = correlator_new(2);
    json_t *event = json_pack("{s:i}", "count", 1);
    correlator_keep(correlator, "a", event, 5, NOW);
    assert_int_equal(correlator_find(correlator, "a", NOW + EVENT_TOGETHER_MS)->revision, 5);
    assert_null(correlator_find(correlator, "a", NOW + EVENT_TOGETHER_MS + 1));
    correlator_keep(correlator, "a", event, 6, NOW);
    correlator_keep(correlator, "a", event, 7, NOW);
    assert_int_equal(correlator_find(correlator, "a", NOW)->revision, 7);
    /* The least recently used are forgotten: no more than twice two are kept. */
    static const char *const others[] = {"b", "c", "d", "e", "f"};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(others); i++)
        correlator_keep(correlator, others[i], event, 1, NOW);
    assert_null(correlator_find(correlator, "a", NOW));
    assert_non_null(correlator_find(correlator, "f", NOW));
    correlator_forget(correlator, "f");
    assert_null(correlator_find(correlator, "f", NOW));
    json_decref(event);
    correlator_free(correlator);
}

/* The controllers write Events that the API selects by the fields of the kind. */
static void has_the_fields_of_the_kind(void **state)
{
    (void)state;
    struct err err = {0};
    struct kinds *kinds = kinds_load(&err);
    assert_non_null(kinds);
    const struct kind *kind = kinds_find(kinds, "", "v1", "events");
    size_t i = 0;
    for (; kind->selectable_fields[i] && event_kind.fields[i]; i++)
        assert_string_equal(kind->selectable_fields[i], event_kind.fields[i]);
    assert_null(kind->selectable_fields[i]);
    assert_null(event_kind.fields[i]);
    struct event_note *note = note_of("shop", "it broke", NOW);
    json_t *event = event_new(note, 0);
    struct field_errors errors = {0};
    schema_validate(kind->schema, event, &errors);
    assert_int_equal(errors.count, 0);
    field_errors_release(&errors);
    json_decref(event);
    event_note_free(note);
    kinds_free(kinds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_events),          cmocka_unit_test(tells_notes_apart),
        cmocka_unit_test(says_when_it_was_seen), cmocka_unit_test(allows_so_many),
        cmocka_unit_test(remembers_for_a_while), cmocka_unit_test(has_the_fields_of_the_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
