#include "things.h"

#include <mot/base/buf.h>
#include <mot/base/clock.h>
#include <mot/model/patch.h>
#include <mot/model/yaml.h>

static const char schema_text[] =
    "type: object\n"
    "properties:\n"
    "  spec:\n"
    "    type: object\n"
    "    properties:\n"
    "      image: {type: string}\n"
    "      replicas: {type: integer, default: 1}\n"
    "      count: {type: integer}\n"
    "      bool: {type: boolean}\n"
    "      num: {type: number}\n"
    "      when: {type: string, format: date-time}\n"
    "      nul: {type: string, nullable: true}\n"
    "      strDef: {type: string, default: sd}\n"
    "      nulDef: {type: string, nullable: true, default: nd}\n"
    "      objDef: {type: object, default: {x: 3}, properties: {x: {type: integer}}}\n"
    "      ports:\n"
    "        type: array\n"
    "        x-kubernetes-list-type: map\n"
    "        x-kubernetes-list-map-keys: [port, protocol]\n"
    "        items:\n"
    "          type: object\n"
    "          required: [port]\n"
    "          properties:\n"
    "            port: {type: integer}\n"
    "            protocol: {type: string, default: TCP}\n"
    "            name: {type: string}\n"
    "            w: {type: integer, default: 7}\n"
    "      items:\n"
    "        type: array\n"
    "        x-kubernetes-list-type: map\n"
    "        x-kubernetes-list-map-keys: [name]\n"
    "        items:\n"
    "          type: object\n"
    "          required: [name]\n"
    "          properties:\n"
    "            name: {type: string}\n"
    "            v: {type: integer}\n"
    "            w: {type: integer}\n"
    "            sub: {type: array, x-kubernetes-list-type: set, items: {type: integer}}\n"
    "      setS: {type: array, x-kubernetes-list-type: set, items: {type: string}}\n"
    "      setI: {type: array, x-kubernetes-list-type: set, items: {type: integer}}\n"
    "      atom: {type: array, x-kubernetes-list-type: atomic, items: {type: string}}\n"
    "      labelsG: {type: object, additionalProperties: {type: string}}\n"
    "      labelsA: {type: object, x-kubernetes-map-type: atomic, additionalProperties: {type: "
    "string}}\n"
    "      structA: {type: object, x-kubernetes-map-type: atomic, properties: {a: {type: string}, "
    "b: {type: string}}}\n"
    "      nested: {type: object, properties: {a: {type: string}, b: {type: string}, c: {type: "
    "object, properties: {d: {type: string}}}}}\n"
    "      mapOfStruct: {type: object, additionalProperties: {type: object, properties: {a: {type: "
    "string}}}}\n"
    "      ios: {x-kubernetes-int-or-string: true}\n"
    "      free: {type: object, x-kubernetes-preserve-unknown-fields: true}\n"
    "      freeP:\n"
    "        type: object\n"
    "        x-kubernetes-preserve-unknown-fields: true\n"
    "        properties: {inner: {type: object, properties: {k: {type: string}}}}\n"
    "      any: {x-kubernetes-preserve-unknown-fields: true}\n"
    "      t: {type: object, additionalProperties: true}\n"
    "      f: {type: object, additionalProperties: false}\n"
    "  status:\n"
    "    type: object\n"
    "    properties:\n"
    "      phase: {type: string}\n"
    "      conditions:\n"
    "        type: array\n"
    "        x-kubernetes-list-type: map\n"
    "        x-kubernetes-list-map-keys: [type]\n"
    "        items: {type: object, required: [type], properties: {type: {type: string}, status: "
    "{type: string}}}\n";

int things_setup(void **state)
{
    struct yaml_documents documents;
    struct err err = {0};
    struct things *things = mem_zalloc(sizeof(*things));
    assert_int_equal(yaml_parse("schema", schema_text, strlen(schema_text), &documents, &err), 0);
    things->schema = schema_compile(documents.items[0].value, &err);
    things->types = field_types_compile(documents.items[0].value, &err);
    yaml_documents_release(&documents);
    if (!things->schema || !things->types)
        fail_msg("%s", err.message);
    *state = things;
    return 0;
}

int things_teardown(void **state)
{
    struct things *things = *state;
    json_decref(things->stored);
    schema_free(things->schema);
    field_types_free(things->types);
    free(things);
    return 0;
}

json_t *quoted(const char *text)
{
    AUTO_FREE char *copy = mem_strdup(text);
    struct err err = {0};
    for (char *c = copy; *c; c++)
        *c = *c == '\'' ? '"' : *c;
    json_t *value = json_parse(copy, strlen(copy), true, &err);
    if (!value)
        fail_msg("%s: %s", text, err.message);
    return value;
}

void expect_text(const char *found, const char *expected, const char *what)
{
    if (!found || strcmp(found, expected) != 0)
        fail_msg("%s:\n%s\ninstead of\n%s", what, found ? found : "(null)", expected);
}

static void add_entry(struct buf *buf, const json_t *entry)
{
    const char *subresource = json_at_text(entry, "subresource");
    const char *version = json_at_text(entry, "apiVersion");
    const char *time = json_at_text(entry, "time");
    int64_t time_ms = 0;
    buf_addf(buf, "%s%s %s%s%s ", buf->len > 0 ? "\n" : "", json_at_text(entry, "manager"),
             json_at_text(entry, "operation"), subresource ? "/" : "",
             subresource ? subresource : "");
    if (time) {
        assert_int_equal(clock_parse(time, &time_ms, NULL), 0);
        buf_addf(buf, "%d ", (int)(time_ms / 1000));
    } else {
        buf_adds(buf, "- ");
    }
    if (strcmp(version, THING_VERSION) != 0)
        buf_addf(buf, "%s ", version);
    json_write(buf, json_object_get(entry, "fieldsV1"));
}

char *managers_text(const json_t *object)
{
    struct buf buf;
    size_t index;
    json_t *entry;
    buf_init(&buf, BUF_MAX_DEFAULT);
    json_array_foreach(json_at(object, "metadata.managedFields"), index, entry)
        add_entry(&buf, entry);
    for (size_t i = 0; i < buf.len; i++)
        buf.data[i] = buf.data[i] == '"' ? '\'' : buf.data[i];
    return buf_take(&buf);
}

/* ---- a request ---- */

/* What a read answers: the stored object by the schema of today, in the version of the request.
 * NULL when there is none. */
static json_t *read_live(struct things *things, const char *version)
{
    if (!things->stored)
        return NULL;
    json_t *live = json_deep_copy(things->stored);
    schema_prune(things->schema, live, NULL);
    schema_default(things->schema, live);
    json_put(live, "apiVersion", json_string(version));
    return live;
}

static json_t *whole_body(const struct step *step)
{
    json_t *body = quoted(step->body);
    json_put(body, "apiVersion", json_string(step->version ? step->version : THING_VERSION));
    json_put(body, "kind", json_string("Thing"));
    json_put(body, "metadata.name", json_string("x"));
    return body;
}

static struct managed_writer writer_of(const struct things *things, const struct step *step,
                                       struct managed_version *other)
{
    bool second = step->version && strcmp(step->version, THING_VERSION) != 0;
    bool status = step->verb == APPLY_STATUS || step->verb == MERGE_STATUS;
    *other = (struct managed_version){second ? THING_VERSION : "t.dev/v2", things->types};
    return (struct managed_writer){
        .types = things->types,
        .api_version = second ? step->version : THING_VERSION,
        .kind = "Thing",
        .manager = step->manager,
        .subresource = status ? "status" : "",
        .has_status = true,
        .now_s = things->second,
        .versions = other,
        .version_count = 1,
    };
}

static json_t *apply(struct things *things, const struct managed_writer *writer,
                     const struct step *step, const json_t *live, struct err *err)
{
    json_t *config = whole_body(step);
    json_t *before = json_pack("[O, O?]", config, live);
    json_t *copy = json_deep_copy(before);
    json_t *object = NULL;
    bool changed;
    struct managed_conflicts conflicts;
    if (managed_apply(writer, live, config, step->verb == FORCE, &object, &changed, &conflicts,
                      err) == 0 &&
        changed)
        schema_default(things->schema, object);
    if (err->code == ERR_CONFLICT)
        assert_true(conflicts.count > 0);
    managed_conflicts_release(&conflicts);
    assert_true(json_equal(before, copy)); /* its inputs are only read */
    json_decref(before);
    json_decref(copy);
    json_decref(config);
    return object;
}

static json_t *update(struct things *things, const struct managed_writer *writer,
                      const struct step *step, const json_t *live)
{
    json_t *body = whole_body(step);
    json_t *object = live ? patch_merge(live, body) : json_incref(body);
    json_decref(body);
    schema_prune(things->schema, object, NULL);
    schema_default(things->schema, object);
    managed_update(writer, live, object);
    return object;
}

static void take(json_t *object, const json_t *from, const char *path)
{
    const json_t *value = json_at(from, path);
    if (value)
        json_put(object, path, json_deep_copy(value));
}

/* What clients may not set; what the endpoint does not write. True when the generation is a new
 * one. */
static bool settle(json_t *object, const json_t *live, bool is_status)
{
    if (is_status) {
        json_t *status = json_incref(json_object_get(object, "status"));
        json_t *managers = json_incref(json_at(object, "metadata.managedFields"));
        json_object_clear(object);
        json_object_update(object, (json_t *)(uintptr_t)live);
        json_object_set_new(object, "metadata", json_deep_copy(json_at(live, "metadata")));
        json_object_del(json_object_get(object, "metadata"), "managedFields");
        json_object_del(object, "status");
        if (managers)
            json_put(object, "metadata.managedFields", managers);
        if (status)
            json_object_set_new(object, "status", status);
        return false;
    }
    json_object_del(object, "status");
    take(object, live, "status");
    json_put(object, "metadata.generation", json_integer(1));
    json_put(object, "metadata.uid", json_string("7c1a"));
    json_put(object, "metadata.creationTimestamp", json_string("2026-01-01T00:00:00Z"));
    if (!live)
        return false;
    bool changed = !json_same(json_object_get(object, "spec"), json_object_get(live, "spec"));
    int64_t generation = json_at_int(live, "metadata.generation", 0) + changed;
    json_put(object, "metadata.generation", json_integer(generation));
    return changed;
}

static char *invalid(struct things *things, const json_t *object, const json_t *live)
{
    struct field_errors errors = {0};
    if (live)
        schema_validate_update(things->schema, object, live, &errors);
    else
        schema_validate(things->schema, object, &errors);
    char *text = NULL;
    if (errors.count > 0)
        text = mem_printf("invalid: %s: %s", errors.items[0].field, errors.items[0].message);
    field_errors_release(&errors);
    return text;
}

/* Stores @object, which is borrowed; what a client sees of it. */
static char *store(struct things *things, const json_t *live, json_t *object, bool is_status)
{
    bool changed = settle(object, live, is_status);
    char *problem = invalid(things, object, live);
    if (problem)
        return problem;
    managed_keep_times(live, object);
    json_put(object, "apiVersion", json_string(THING_VERSION));
    bool created = !things->stored;
    bool same = things->stored && json_equal(things->stored, object);
    json_decref(things->stored);
    things->stored = json_incref(object);
    if (created)
        return mem_strdup("created");
    if (same)
        return mem_strdup("same");
    return mem_strdup(changed ? "changed" : "written");
}

static char *write_step(struct things *things, const struct step *step)
{
    struct managed_version other;
    struct err err = {0};
    struct managed_writer writer = writer_of(things, step, &other);
    json_t *live = read_live(things, writer.api_version);
    bool is_apply = step->verb == APPLY || step->verb == FORCE || step->verb == APPLY_STATUS;
    json_t *object =
        is_apply ? apply(things, &writer, step, live, &err) : update(things, &writer, step, live);
    char *result;
    if (object)
        result = store(things, live, object, *writer.subresource != '\0');
    else
        result = mem_printf("%s: %s", err.code == ERR_CONFLICT ? "conflict" : "error", err.message);
    json_decref(object);
    json_decref(live);
    return result;
}

/* ---- cases ---- */

static void expect_spec(struct things *things, const char *expected, const char *what)
{
    json_t *live = read_live(things, THING_VERSION);
    const json_t *spec = json_object_get(live, "spec");
    json_t *wanted = json_object();
    if (*expected) {
        json_object_set_new(wanted, "spec", quoted(expected));
        schema_default(things->schema, wanted);
    }
    AUTO_FREE char *found = json_text(spec);
    AUTO_FREE char *text = json_text(json_object_get(wanted, "spec"));
    bool same = json_same(spec, json_object_get(wanted, "spec"));
    json_decref(wanted);
    json_decref(live);
    if (!same)
        fail_msg("%s: %s instead of %s", what, found, text);
}

static void run_step(struct things *things, const struct step *step, const char *what)
{
    things->second++;
    if (step->verb == STORED) {
        things->stored = whole_body(step);
        json_put(things->stored, "metadata.uid", json_string("7c1a"));
        json_put(things->stored, "metadata.generation", json_integer(1));
        json_put(things->stored, "metadata.creationTimestamp", json_string("2026-01-01T00:00:00Z"));
        schema_default(things->schema, things->stored);
        return;
    }
    AUTO_FREE char *result = write_step(things, step);
    expect_text(result, step->result, what);
    if (step->spec)
        expect_spec(things, step->spec, what);
    if (step->managers) {
        AUTO_FREE char *managers = managers_text(things->stored);
        expect_text(managers, step->managers, what);
    }
}

void things_run(struct things *things, const struct step *steps, size_t count)
{
    const char *name = "";
    int number = 0;
    for (size_t i = 0; i < count; i++) {
        if (steps[i].name) {
            name = steps[i].name;
            number = 0;
            things->second = 0;
            json_decref(things->stored);
            things->stored = NULL;
        }
        AUTO_FREE char *what = mem_printf("%s, step %d", name, ++number);
        run_step(things, &steps[i], what);
    }
}
