/* What the servers themselves write, and whose it is then. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <mot/base/mem.h>
#include <mot/model/json.h>
#include <mot/model/writer.h>

static const char *const kind_text =
    "kind: CustomResourceDefinition\n"
    "spec:\n"
    "  group: t.dev\n"
    "  scope: Namespaced\n"
    "  names: {kind: Thing, listKind: ThingList, plural: things, singular: thing}\n"
    "  versions:\n"
    "  - name: v1\n"
    "    subresources: {status: {}}\n"
    "    schema:\n"
    "      openAPIV3Schema:\n"
    "        type: object\n"
    "        properties:\n"
    "          spec: {type: object, properties: {image: {type: string}}}\n"
    "          status: {type: object, properties: {seen: {type: integer}}}\n";

static struct kinds *kinds;

static int load(void **state)
{
    struct err err = {0};
    (void)state;
    kinds = kinds_parse(&kind_text, 1, &err);
    return kinds ? 0 : -1;
}

static int unload(void **state)
{
    (void)state;
    kinds_free(kinds);
    return 0;
}

/* JSON with ' for ". */
static json_t *quoted(const char *text)
{
    AUTO_FREE char *json = mem_strdup(text);
    for (char *c = json; *c; c++)
        *c = *c == '\'' ? '"' : *c;
    json_t *value = json_loads(json, 0, NULL);
    if (!value)
        fail_msg("no JSON: %s", json);
    return value;
}

static json_t *thing(const char *metadata, const char *rest)
{
    AUTO_FREE char *text = mem_printf(
        "{'apiVersion':'t.dev/v1','kind':'Thing','metadata':{'name':'a'%s}%s}", metadata, rest);
    return quoted(text);
}

/* "manager Operation[/subresource] {fields}" for each, a line each. */
static char *owners(const json_t *object)
{
    struct buf text;
    size_t index;
    json_t *entry;
    buf_init(&text, BUF_MAX_DEFAULT);
    json_array_foreach(json_at(object, "metadata.managedFields"), index, entry)
    {
        const char *part = json_at_text(entry, "subresource");
        AUTO_FREE char *fields = json_text(json_object_get(entry, "fieldsV1"));
        for (char *c = fields; *c; c++)
            *c = *c == '"' ? '\'' : *c;
        buf_addf(&text, "%s %s%s%s %s\n", json_at_text(entry, "manager"),
                 json_at_text(entry, "operation"), part ? "/" : "", part ? part : "", fields);
    }
    return buf_take(&text);
}

#define OWNER_REFERENCE                                                                            \
    ",'ownerReferences':[{'apiVersion':'v1','kind':'A','name':'x','uid':'u'}],'finalizers':["      \
    "'orphan']"
#define IMAGE ",'spec':{'image':'i'}"

/* @before, created by "user", becomes @after by the hand of "server". */
static const struct {
    const char *before_metadata, *before;
    const char *after_metadata, *after;
    const char *owners;
} writes[] = {
    /* The status is written as through its subresource. */
    {"", IMAGE, "", IMAGE ",'status':{'seen':1}",
     "user Update {'f:spec':{'.':{},'f:image':{}}}\n"
     "server Update/status {'f:status':{'.':{},'f:seen':{}}}\n"},
    /* A finalizer, and a status. */
    {"", IMAGE, ",'finalizers':['x/y']", IMAGE ",'status':{'seen':1}",
     "user Update {'f:spec':{'.':{},'f:image':{}}}\n"
     "server Update {'f:metadata':{'f:finalizers':{'.':{},'v:\\'x/y\\'':{}}}}\n"
     "server Update/status {'f:status':{'.':{},'f:seen':{}}}\n"},
    /* What the garbage collector takes away belongs to nobody any more. */
    {OWNER_REFERENCE, IMAGE, "", IMAGE, "user Update {'f:spec':{'.':{},'f:image':{}}}\n"},
    /* A value that it changes. */
    {"", IMAGE, "", ",'spec':{'image':'j'}",
     "user Update {'f:spec':{}}\nserver Update {'f:spec':{'f:image':{}}}\n"},
    /* Nothing. */
    {"", IMAGE, "", IMAGE, "user Update {'f:spec':{'.':{},'f:image':{}}}\n"},
    /* What does not fit its schema costs nobody what is theirs. */
    {"", IMAGE, ",'labels':{'a':'b'}", ",'spec':{'bogus':1}",
     "user Update {'f:spec':{'.':{},'f:image':{}}}\n"},
};

static void says_what_the_server_wrote(void **state)
{
    (void)state;
    const struct kind *kind = kinds_at(kinds, 0);
    for (size_t i = 0; i < MOT_ARRAY_SIZE(writes); i++) {
        json_t *before = thing(writes[i].before_metadata, writes[i].before);
        json_t *after = thing(writes[i].after_metadata, writes[i].after);
        writer_sign(kinds, kind, "user", 1, NULL, before);
        json_put(after, "metadata.managedFields",
                 json_deep_copy(json_at(before, "metadata.managedFields")));
        json_t *copy = json_deep_copy(before);
        writer_sign(kinds, kind, "server", 2, before, after);
        AUTO_FREE char *found = owners(after);
        assert_string_equal(found, writes[i].owners);
        assert_true(json_equal(before, copy)); /* it is only read */
        json_decref(copy);
        json_decref(before);
        json_decref(after);
    }
}

static void begins_nothing(void **state)
{
    (void)state;
    json_t *before = thing("", IMAGE);
    json_t *after = thing("", IMAGE ",'status':{'seen':1}");
    writer_sign(kinds, kinds_at(kinds, 0), "server", 2, before, after);
    assert_null(json_at(after, "metadata.managedFields"));
    json_decref(before);
    json_decref(after);
}

/* Both parts of what it creates. */
static void signs_what_it_creates(void **state)
{
    (void)state;
    json_t *object = thing("", IMAGE ",'status':{'seen':1}");
    writer_sign(kinds, kinds_at(kinds, 0), "server", 2, NULL, object);
    AUTO_FREE char *found = owners(object);
    assert_string_equal(found, "server Update {'f:spec':{'.':{},'f:image':{}}}\n"
                               "server Update/status {'f:status':{'.':{},'f:seen':{}}}\n");
    json_decref(object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_what_the_server_wrote),
        cmocka_unit_test(begins_nothing),
        cmocka_unit_test(signs_what_it_creates),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
