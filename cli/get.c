/* `mot get`: objects as the server's tables, or as YAML, JSON or names; once, or as they change. */
#include <stdio.h>
#include <string.h>

#include <mot/base/mem.h>
#include <mot/model/json.h>
#include <mot/model/object.h>
#include <mot/model/yaml.h>

#include "cli/client/resource.h"
#include "cli/client/table.h"
#include "cli/client/watch.h"
#include "cli/commands.h"

#define TABLE_ACCEPT "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
#define OUTPUT_MAX   ((size_t)512 << 20)

enum output { OUTPUT_TABLE, OUTPUT_WIDE, OUTPUT_YAML, OUTPUT_JSON, OUTPUT_NAME };

static struct {
    struct session_options session;
    const char *output;
    const char *labels;
    const char *fields;
    bool watch;
    bool websocket;
    bool all_namespaces;
    bool no_headers;
    bool managed_fields;
} settings;

struct printer {
    enum output output;
    struct table table;
    const struct kind *kind;
    bool separate; /* a YAML document was printed before */
};

static int parse_output(enum output *output, struct err *err)
{
    static const char *const names[] = {"", "wide", "yaml", "json", "name"};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(names); i++) {
        if (strcmp(settings.output ? settings.output : "", names[i]) == 0) {
            *output = (enum output)i;
            return 0;
        }
    }
    return err_set(err, ERR_INVALID, "-o %s: it is one of wide, yaml, json, name", settings.output);
}

static bool is_table(const struct printer *printer)
{
    return printer->output == OUTPUT_TABLE || printer->output == OUTPUT_WIDE;
}

/* ---------------------------------------------------------------------------------- printing */

static void print_name(const struct printer *printer, const json_t *object)
{
    AUTO_FREE char *word = resource_word(printer->kind);
    printf("%s/%s\n", word, object_name(object));
}

/* Who owns which field interests few, and is longer than all the rest. */
static void hide_managed_fields(const json_t *object)
{
    size_t i;
    const json_t *item;
    json_t *metadata = json_object_get(object, "metadata");
    if (json_is_object(metadata))
        json_object_del(metadata, "managedFields");
    json_array_foreach(json_object_get(object, "items"), i, item) hide_managed_fields(item);
}

static void print_document(struct printer *printer, const json_t *object)
{
    if (!settings.managed_fields)
        hide_managed_fields(object);
    if (printer->output == OUTPUT_JSON) {
        AUTO_FREE char *text = json_dumps(object, JSON_INDENT(4) | JSON_SORT_KEYS);
        printf("%s\n", text);
        return;
    }
    AUTO_FREE char *text = yaml_write(object);
    printf("%s%s", printer->separate ? "---\n" : "", text);
    printer->separate = true;
}

static void print_table(struct printer *printer, const json_t *object)
{
    struct buf out;
    buf_init(&out, OUTPUT_MAX);
    table_add(&printer->table, object, &out);
    if (out.len > 0)
        fwrite(out.data, 1, out.len, stdout);
    buf_release(&out);
}

static void print_each(struct printer *printer, const json_t *list)
{
    size_t i;
    const json_t *item;
    json_array_foreach(json_object_get(list, "items"), i, item)
    {
        if (printer->output == OUTPUT_NAME)
            print_name(printer, item);
        else
            print_document(printer, item);
    }
}

/* One object, or a list of them. */
static void print_answer(struct printer *printer, const json_t *answer)
{
    bool is_list = json_object_get(answer, "items") != NULL;
    if (is_table(printer))
        print_table(printer, answer);
    else if (printer->output == OUTPUT_NAME && is_list)
        print_each(printer, answer);
    else if (printer->output == OUTPUT_NAME)
        print_name(printer, answer);
    else
        print_document(printer, answer);
}

static void say_nothing_found(const struct session *session, const struct kind *kind)
{
    const char *ns = settings.all_namespaces ? NULL : resource_namespace(session, kind);
    if (ns)
        fprintf(stderr, "No resources found in %s namespace.\n", ns);
    else
        fprintf(stderr, "No resources found\n");
}

/* ---------------------------------------------------------------------------------- asking */

static void add_query(struct buf *path, const char *name, const char *value)
{
    if (!value)
        return;
    buf_addc(path, memchr(path->data, '?', path->len) ? '&' : '?');
    buf_addf(path, "%s=", name);
    http_escape(path, value);
}

/* The path of what is asked for; for a watch of one object, that of its collection with a field
 * selector. */
static char *path_of(const struct session *session, const struct resource_item *item)
{
    const char *ns = settings.all_namespaces ? NULL : resource_namespace(session, item->kind);
    AUTO_FREE char *base = settings.watch && item->name
                               ? resource_path_named(item->kind, ns, item->name)
                               : resource_path(item->kind, ns, item->name);
    struct buf path;
    buf_init(&path, 65536);
    buf_adds(&path, base);
    add_query(&path, "labelSelector", settings.labels);
    add_query(&path, "fieldSelector", item->name ? NULL : settings.fields);
    return buf_take(&path);
}

static bool is_empty(const json_t *answer)
{
    const json_t *items = json_object_get(answer, "items");
    const json_t *rows = json_object_get(answer, "rows");
    return (items && json_array_size(items) == 0) || (rows && json_array_size(rows) == 0);
}

static int get_once(struct session *session, struct printer *printer,
                    const struct resource_item *item, struct err *err)
{
    AUTO_FREE char *path = path_of(session, item);
    struct call call = {.path = path, .accept = is_table(printer) ? TABLE_ACCEPT : NULL};
    json_t *answer = NULL;
    int rc = session_call(session, &call, &answer, err);
    if (rc == 0 && is_empty(answer) && (is_table(printer) || printer->output == OUTPUT_NAME))
        say_nothing_found(session, item->kind);
    else if (rc == 0)
        print_answer(printer, answer);
    json_decref(answer);
    return rc;
}

static int on_change(void *context, const char *type, const json_t *object, struct err *err)
{
    (void)err;
    struct printer *printer = context;
    if (strcmp(type, "LIST") == 0 && !is_table(printer))
        print_each(printer, object);
    else
        print_answer(printer, object);
    fflush(stdout);
    return ferror(stdout) ? 1 : 0;
}

static int get_item(struct session *session, struct printer *printer,
                    const struct resource_item *item, struct err *err)
{
    printer->kind = item->kind;
    if (!settings.watch)
        return get_once(session, printer, item, err);
    AUTO_FREE char *path = path_of(session, item);
    struct watch_query query = {.path = path,
                                .accept = is_table(printer) ? TABLE_ACCEPT : NULL,
                                .websocket = settings.websocket};
    return watch_run(session, &query, on_change, printer, err);
}

static int run(struct session *session, int argc, char **argv, struct err *err)
{
    struct printer printer = {0};
    struct resource_list list = {0};
    settings.watch |= settings.websocket;
    int rc = parse_output(&printer.output, err);
    if (rc == 0)
        rc = resource_arguments(session, argc, argv, &list, err);
    if (rc == 0 && settings.watch && list.count > 1)
        rc = err_set(err, ERR_INVALID, "-w watches one kind or one object at a time");
    printer.table.wide = printer.output == OUTPUT_WIDE;
    printer.table.no_headers = settings.no_headers;
    for (size_t i = 0; rc == 0 && i < list.count; i++) {
        printer.table.with_namespace = settings.all_namespaces && list.items[i].kind->namespaced;
        rc = get_item(session, &printer, &list.items[i], err);
    }
    resource_list_release(&list);
    table_release(&printer.table);
    return rc;
}

int get_main(int argc, char **argv)
{
    const struct option_spec options[] = {
        {"output|o", "FORMAT", OPTION_STRING, &settings.output, "wide, yaml, json or name"},
        {"watch|w", NULL, OPTION_FLAG, &settings.watch, "go on with every change until Ctrl-C"},
        {"websocket", NULL, OPTION_FLAG, &settings.websocket,
         "watch over a WebSocket, as browsers do; implies --watch"},
        {"selector|l", "LABELS", OPTION_STRING, &settings.labels,
         "only objects with these labels: app=a,env!=test"},
        {"field-selector", "FIELDS", OPTION_STRING, &settings.fields,
         "only objects with these fields: spec.region=…"},
        {"all-namespaces|A", NULL, OPTION_FLAG, &settings.all_namespaces, "of all namespaces"},
        {"show-managed-fields", NULL, OPTION_FLAG, &settings.managed_fields,
         "in YAML and JSON also who owns which field"},
        {"no-headers", NULL, OPTION_FLAG, &settings.no_headers, "no header line"},
        SESSION_OPTIONS(&settings.session),
        {0}};
    const struct verb verb = {
        .command = {.name = "mot get",
                    .arguments = "KIND [NAME…] | KIND/NAME…",
                    .summary = "Shows objects.",
                    .details =
                        "    mot get deployments\n"
                        "    mot get dep checkout -n payments -o yaml\n"
                        "    mot get instances -A -w --field-selector spec.region=test-us-east-1",
                    .options = options},
        .options = &settings.session,
        .run = run};
    return verb_main(&verb, argc, argv);
}
