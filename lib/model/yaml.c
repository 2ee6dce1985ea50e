/* The only file that uses libyaml. Its events become JSON values directly: no document tree in
 * between. */
#include <mot/model/yaml.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include <mot/base/buf.h>
#include <mot/base/map.h>
#include <mot/base/mem.h>
#include <mot/model/json.h>

#include "base64.h"
#include "internal.h"

#define ALIAS_NODES_MAX 10000
#define DUPLICATES_MAX  100
#define SHOWN_KEY_MAX   200
#define TAG_PREFIX      "tag:yaml.org,2002:"

struct reader {
    const char *name;         /* NULL: errors are those of Go's decoder */
    struct texts *duplicates; /* NULL: duplicate keys are an error; else they are noted here */
    yaml_parser_t parser;
    struct map *anchors; /* name → json_t, a reference each */
    size_t alias_nodes;
    int depth;
    struct err *err;
};

static void free_anchor(void *value)
{
    json_decref(value);
}

static int fail_at(const struct reader *reader, yaml_mark_t mark, const char *what)
{
    if (!reader->name)
        return err_set(reader->err, ERR_INVALID, "yaml: line %zu: %s", mark.line + 1, what);
    return err_set(reader->err, ERR_INVALID, "%s:%zu:%zu: %s", reader->name, mark.line + 1,
                   mark.column + 1, what);
}

/* go-yaml is a translation of libyaml, with its own idea of where a problem is. */
static int fail_as_go(const struct reader *reader)
{
    const yaml_parser_t *parser = &reader->parser;
    size_t line = parser->problem_mark.line;
    if (line == 0)
        line = parser->context_mark.line;
    else if (parser->error == YAML_SCANNER_ERROR)
        line++;
    const char *problem =
        parser->problem ? parser->problem : "unknown problem parsing YAML content";
    if (line == 0)
        return err_set(reader->err, ERR_INVALID, "yaml: %s", problem);
    return err_set(reader->err, ERR_INVALID, "yaml: line %zu: %s", line, problem);
}

static int fail_parser(const struct reader *reader)
{
    const yaml_parser_t *parser = &reader->parser;
    if (!reader->name)
        return fail_as_go(reader);
    yaml_mark_t mark = parser->problem_mark;
    if (parser->error == YAML_READER_ERROR)
        mark = parser->mark;
    return fail_at(reader, mark, parser->problem ? parser->problem : "broken YAML");
}

static int next_event(struct reader *reader, yaml_event_t *event)
{
    if (!yaml_parser_parse(&reader->parser, event))
        return fail_parser(reader);
    return 0;
}

static const char *text_of(const yaml_char_t *text)
{
    return (const char *)text;
}

static bool has_tag(const yaml_event_t *event, const char *tag)
{
    return event->data.scalar.tag && strcmp(text_of(event->data.scalar.tag), tag) == 0;
}

static json_t *decode_binary(const struct reader *reader, const yaml_event_t *event)
{
    const char *text = text_of(event->data.scalar.value);
    struct buf out;
    buf_init(&out, BUF_MAX_DEFAULT);
    json_t *value = NULL;
    if (base64_decode(text, event->data.scalar.length, &out) != 0)
        fail_at(reader, event->start_mark, "!!binary value contains invalid base64 data");
    else if (out.len > 0 && memchr(out.data, '\0', out.len))
        fail_at(reader, event->start_mark, "a NUL in a string is not supported");
    else
        value = json_stringn(out.data ? out.data : "", out.len);
    if (!value && out.len > 0 && reader->err && reader->err->code == ERR_NONE)
        fail_at(reader, event->start_mark, "!!binary value is not UTF-8");
    buf_release(&out);
    return value;
}

/* .inf and .nan, which JSON does not have. */
static void fail_number(const struct reader *reader, yaml_mark_t mark, const char *text)
{
    const char *name = strpbrk(text, "aA") ? "NaN" : *text == '-' ? "-Inf" : "+Inf";
    if (reader->name)
        fail_at(reader, mark, "json: unsupported value: not a finite number");
    else
        err_set(reader->err, ERR_INVALID, "json: unsupported value: %s", name);
}

/* A new reference; NULL with the error set. */
static json_t *scalar_value(const struct reader *reader, const yaml_event_t *event)
{
    const char *text = text_of(event->data.scalar.value);
    size_t len = event->data.scalar.length;
    if (memchr(text, '\0', len)) {
        fail_at(reader, event->start_mark, "a NUL in a string is not supported");
        return NULL;
    }
    if (has_tag(event, TAG_PREFIX "binary"))
        return decode_binary(reader, event);
    bool typed = has_tag(event, YAML_INT_TAG) || has_tag(event, YAML_FLOAT_TAG) ||
                 has_tag(event, YAML_BOOL_TAG) || has_tag(event, YAML_NULL_TAG);
    bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && !event->data.scalar.tag;
    if (!plain && !typed)
        return json_stringn_nocheck(text, len);
    json_t *value = yaml_resolve_plain(text, len);
    if (!value)
        fail_number(reader, event->start_mark, text);
    return value;
}

static void remember_anchor(struct reader *reader, const yaml_char_t *anchor, json_t *value)
{
    if (anchor)
        map_put(reader->anchors, text_of(anchor), json_deep_copy(value));
}

static json_t *alias_value(struct reader *reader, const yaml_event_t *event)
{
    const json_t *value = map_get(reader->anchors, text_of(event->data.alias.anchor));
    if (!value) {
        char text[128];
        snprintf(text, sizeof(text), "unknown anchor '%.80s' referenced",
                 text_of(event->data.alias.anchor));
        fail_at(reader, event->start_mark, text);
        return NULL;
    }
    reader->alias_nodes += json_count_within(value, ALIAS_NODES_MAX);
    if (reader->alias_nodes > ALIAS_NODES_MAX ||
        !json_depth_within(value, MODEL_DEPTH_MAX - reader->depth)) {
        fail_at(reader, event->start_mark, "document contains excessive aliasing");
        return NULL;
    }
    return json_deep_copy(value);
}

static json_t *node_value(struct reader *reader, yaml_event_t *event);

static bool read_items(struct reader *reader, json_t *array)
{
    for (;;) {
        yaml_event_t event;
        if (next_event(reader, &event) != 0)
            return false;
        if (event.type == YAML_SEQUENCE_END_EVENT) {
            yaml_event_delete(&event);
            return true;
        }
        json_t *item = node_value(reader, &event);
        yaml_event_delete(&event);
        if (!item)
            return false;
        json_array_append_new(array, item);
    }
}

/* Go reads a null key, and fails where it makes JSON of it. */
static void fail_null_key(struct reader *reader, yaml_mark_t mark)
{
    yaml_event_t event;
    if (reader->name) {
        fail_at(reader, mark, "a key must be a string");
        return;
    }
    if (next_event(reader, &event) != 0)
        return;
    json_t *value = node_value(reader, &event);
    yaml_event_delete(&event);
    if (!value)
        return;
    struct buf shown;
    buf_init(&shown, BUF_MAX_DEFAULT);
    /* As the top-level value that is printed, null is no interface's. */
    if (json_is_null(value))
        buf_adds(&shown, "<nil>");
    else
        write_as_go(&shown, value, GO_YAML_SOURCE);
    err_set(reader->err, ERR_INVALID,
            "unsupported map key of type: %%!s(<nil>), key: <nil>, value: %s", shown.data);
    buf_release(&shown);
    json_decref(value);
}

/* The text of a key, free() it; NULL with the error set. *ret_is_text: it is no number or boolean.
 */
static char *key_text(struct reader *reader, yaml_event_t *event, bool *ret_is_text)
{
    yaml_mark_t mark = event->start_mark;
    json_t *key = node_value(reader, event);
    if (!key)
        return NULL;
    char *text = NULL;
    *ret_is_text = json_is_string(key);
    if (json_is_string(key))
        text = mem_strdup(json_string_value(key));
    else if (json_is_number(key) || json_is_boolean(key)) {
        struct buf buf;
        buf_init(&buf, 512);
        json_write_style(&buf, key, JSON_STYLE_GO);
        text = buf_take(&buf);
    } else if (json_is_null(key)) {
        fail_null_key(reader, mark);
    } else {
        fail_at(reader, mark, "a key must be a string");
    }
    json_decref(key);
    return text;
}

/* "<<: *base" or a list of them: what is there already wins. */
static bool merge_into(const struct reader *reader, json_t *object, const json_t *merged,
                       yaml_mark_t mark)
{
    if (json_is_object(merged)) {
        json_object_update_missing(object, json_mutable(merged));
        return true;
    }
    size_t index;
    json_t *item;
    bool ok = json_is_array(merged);
    json_array_foreach(merged, index, item)
    {
        ok = ok && json_is_object(item);
        if (ok)
            json_object_update_missing(object, item);
    }
    if (!ok)
        fail_at(reader, mark, "map merge requires map or sequence of maps as the value");
    return ok;
}

static bool is_merge_key(const yaml_event_t *event)
{
    return event->type == YAML_SCALAR_EVENT &&
           event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           strcmp(text_of(event->data.scalar.value), "<<") == 0 &&
           (!event->data.scalar.tag || has_tag(event, TAG_PREFIX "merge"));
}

/* False when duplicates are not allowed. */
static bool note_duplicate(struct reader *reader, yaml_mark_t mark, const char *key, bool is_text)
{
    size_t len = strlen(key) < SHOWN_KEY_MAX ? strlen(key) : SHOWN_KEY_MAX;
    struct buf text;
    buf_init(&text, BUF_MAX_DEFAULT);
    buf_adds(&text, "key ");
    if (is_text)
        write_go_quoted(&text, key, len);
    else
        buf_add(&text, key, len);
    buf_adds(&text, " already set in map");
    if (!reader->duplicates)
        fail_at(reader, mark, text.data);
    else if (reader->duplicates->count < DUPLICATES_MAX)
        texts_addf(reader->duplicates, "line %zu: %s", mark.line + 1, text.data);
    buf_release(&text);
    return reader->duplicates != NULL;
}

static bool read_member(struct reader *reader, json_t *object, json_t **merges,
                        yaml_event_t *key_event)
{
    yaml_mark_t mark = key_event->start_mark;
    bool merge = is_merge_key(key_event);
    bool is_text = false;
    AUTO_FREE char *key = key_text(reader, key_event, &is_text);
    if (!key)
        return false;
    if (!merge && json_object_get(object, key) && !note_duplicate(reader, mark, key, is_text))
        return false;
    yaml_event_t event;
    if (next_event(reader, &event) != 0)
        return false;
    json_t *value = node_value(reader, &event);
    yaml_event_delete(&event);
    if (!value)
        return false;
    if (!merge) {
        json_object_set_new_nocheck(object, key, value);
        return true;
    }
    if (!*merges)
        *merges = json_object();
    bool ok = merge_into(reader, *merges, value, mark);
    json_decref(value);
    return ok;
}

static bool read_members(struct reader *reader, json_t *object)
{
    json_t *merges = NULL;
    bool ok = true;
    while (ok) {
        yaml_event_t event;
        if (next_event(reader, &event) != 0) {
            ok = false;
            break;
        }
        bool end = event.type == YAML_MAPPING_END_EVENT;
        if (!end)
            ok = read_member(reader, object, &merges, &event);
        yaml_event_delete(&event);
        if (end)
            break;
    }
    if (ok && merges)
        json_object_update_missing(object, merges);
    json_decref(merges);
    return ok;
}

static json_t *container_value(struct reader *reader, yaml_event_t *event)
{
    if (reader->depth >= MODEL_DEPTH_MAX) {
        fail_at(reader, event->start_mark, "exceeded max depth");
        return NULL;
    }
    bool is_map = event->type == YAML_MAPPING_START_EVENT;
    reader->depth++;
    json_t *value = is_map ? json_object() : json_array();
    bool ok = is_map ? read_members(reader, value) : read_items(reader, value);
    reader->depth--;
    if (!ok) {
        json_decref(value);
        return NULL;
    }
    remember_anchor(reader,
                    is_map ? event->data.mapping_start.anchor : event->data.sequence_start.anchor,
                    value);
    return value;
}

/* The value that @event begins: a new reference; NULL with the error set. */
static json_t *node_value(struct reader *reader, yaml_event_t *event)
{
    json_t *value;
    if (event->type == YAML_ALIAS_EVENT)
        return alias_value(reader, event);
    if (event->type != YAML_SCALAR_EVENT)
        return container_value(reader, event);
    value = scalar_value(reader, event);
    if (value)
        remember_anchor(reader, event->data.scalar.anchor, value);
    return value;
}

static void add_document(struct yaml_documents *documents, json_t *value, int line)
{
    documents->items =
        mem_resize(documents->items, documents->count + 1, sizeof(*documents->items));
    documents->items[documents->count++] = (struct yaml_document){value, line};
}

/* A document whose whole content is nothing (not even a written null) is left out. */
static bool is_empty_document(const yaml_event_t *event)
{
    return event->type == YAML_SCALAR_EVENT && event->data.scalar.length == 0 &&
           event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && !event->data.scalar.tag;
}

static int read_document(struct reader *reader, struct yaml_documents *documents)
{
    yaml_event_t event;
    if (next_event(reader, &event) != 0)
        return -1;
    bool empty = is_empty_document(&event);
    int line = (int)event.start_mark.line + 1;
    json_t *value = node_value(reader, &event);
    yaml_event_delete(&event);
    map_clear(reader->anchors);
    if (!value)
        return -1;
    if (empty || json_is_null(value))
        json_decref(value);
    else
        add_document(documents, value, line);
    return 0;
}

static int read_stream(struct reader *reader, struct yaml_documents *documents)
{
    for (;;) {
        yaml_event_t event;
        if (next_event(reader, &event) != 0)
            return -1;
        yaml_event_type_t type = event.type;
        yaml_event_delete(&event);
        if (type == YAML_STREAM_END_EVENT || type == YAML_NO_EVENT)
            return 0;
        if (type == YAML_DOCUMENT_START_EVENT && read_document(reader, documents) != 0)
            return -1;
    }
}

static void start_parser(yaml_parser_t *parser, const char *text, size_t len)
{
    if (!yaml_parser_initialize(parser))
        abort();
    yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(parser, (const unsigned char *)(text ? text : ""), text ? len : 0);
}

int yaml_parse(const char *name, const char *text, size_t len, struct yaml_documents *ret_documents,
               struct err *err)
{
    struct reader reader = {.name = name, .err = err};
    *ret_documents = (struct yaml_documents){0};
    if (err)
        *err = (struct err){0};
    start_parser(&reader.parser, text, len);
    reader.anchors = map_new(free_anchor);
    int result = read_stream(&reader, ret_documents);
    map_free(reader.anchors);
    yaml_parser_delete(&reader.parser);
    if (result != 0)
        yaml_documents_release(ret_documents);
    return result;
}

/* Up to the end of the first document's value. */
static json_t *read_first(struct reader *reader)
{
    for (bool started = false;;) {
        yaml_event_t event;
        if (next_event(reader, &event) != 0)
            return NULL;
        json_t *value = started ? node_value(reader, &event) : NULL;
        bool end = event.type == YAML_STREAM_END_EVENT || event.type == YAML_NO_EVENT;
        bool done = started || end;
        started = event.type == YAML_DOCUMENT_START_EVENT;
        yaml_event_delete(&event);
        if (done)
            return end ? json_null() : value;
    }
}

json_t *yaml_parse_first(const char *text, size_t len, struct texts *duplicates, struct err *err)
{
    struct reader reader = {.duplicates = duplicates, .err = err};
    *err = (struct err){0};
    start_parser(&reader.parser, text, len);
    reader.anchors = map_new(free_anchor);
    json_t *value = read_first(&reader);
    map_free(reader.anchors);
    yaml_parser_delete(&reader.parser);
    return value;
}

void yaml_documents_release(struct yaml_documents *documents)
{
    for (size_t i = 0; i < documents->count; i++)
        json_decref(documents->items[i].value);
    free(documents->items);
    *documents = (struct yaml_documents){0};
}

/* ---- lines ---- */

/* Follows one path through the events. */
struct finder {
    yaml_parser_t parser;
    const char *rest; /* of the path; at its end the next node is the one */
};

static bool finder_next(struct finder *finder, yaml_event_t *event)
{
    return yaml_parser_parse(&finder->parser, event) && event->type != YAML_NO_EVENT;
}

/* Skips the rest of the node that a start event began. */
static bool skip_node(struct finder *finder, yaml_event_type_t type)
{
    int depth = type == YAML_MAPPING_START_EVENT || type == YAML_SEQUENCE_START_EVENT;
    while (depth > 0) {
        yaml_event_t event;
        if (!finder_next(finder, &event))
            return false;
        depth += event.type == YAML_MAPPING_START_EVENT || event.type == YAML_SEQUENCE_START_EVENT;
        depth -= event.type == YAML_MAPPING_END_EVENT || event.type == YAML_SEQUENCE_END_EVENT;
        yaml_event_delete(&event);
    }
    return true;
}

/* The next step of the path: a key, or (NULL) an index. */
static const char *next_step(struct finder *finder, size_t *ret_len, size_t *ret_index)
{
    if (*finder->rest == '.')
        finder->rest++;
    const char *step = finder->rest;
    if (*step == '[') {
        char *end;
        *ret_index = (size_t)strtoul(step + 1, &end, 10);
        finder->rest = *end == ']' ? end + 1 : end;
        return NULL;
    }
    *ret_len = strcspn(step, ".[");
    finder->rest = step + *ret_len;
    return step;
}

/* Moves to the value of a key (or the item of an index) of the container that was just entered; its
 * line, or 0. */
static int find_child(struct finder *finder, yaml_event_type_t container,
                      yaml_event_type_t *ret_type)
{
    size_t len = 0;
    size_t wanted = 0;
    const char *step = next_step(finder, &len, &wanted);
    bool is_map = container == YAML_MAPPING_START_EVENT;
    if (is_map != (step != NULL))
        return 0;
    for (size_t index = 0;; index++) {
        yaml_event_t event;
        if (!finder_next(finder, &event))
            return 0;
        bool end = event.type == YAML_MAPPING_END_EVENT || event.type == YAML_SEQUENCE_END_EVENT;
        bool found = is_map ? event.type == YAML_SCALAR_EVENT && event.data.scalar.length == len &&
                                  memcmp(event.data.scalar.value, step, len) == 0
                            : index == wanted;
        int line = (int)event.start_mark.line + 1;
        yaml_event_type_t type = event.type;
        yaml_event_delete(&event);
        if (end || !skip_node(finder, is_map || !found ? type : YAML_NO_EVENT))
            return 0;
        if (is_map) {
            if (!finder_next(finder, &event))
                return 0;
            type = event.type;
            yaml_event_delete(&event);
            if (!found && !skip_node(finder, type))
                return 0;
        }
        if (found) {
            *ret_type = type;
            return line;
        }
    }
}

static int find_in_document(struct finder *finder, yaml_event_type_t type, int line)
{
    while (*finder->rest && line > 0)
        line = find_child(finder, type, &type);
    return line;
}

int yaml_line_of(const char *text, size_t len, size_t document_line, const char *path)
{
    struct finder finder = {.rest = path};
    int result = 0;
    bool at_root = false;
    start_parser(&finder.parser, text, len);
    yaml_event_t event;
    while (finder_next(&finder, &event)) {
        yaml_event_type_t type = event.type;
        size_t line = event.start_mark.line + 1;
        yaml_event_delete(&event);
        if (at_root && line >= document_line) {
            result = find_in_document(&finder, type, (int)line);
            break;
        }
        if (type == YAML_STREAM_END_EVENT)
            break;
        at_root = type == YAML_DOCUMENT_START_EVENT;
    }
    yaml_parser_delete(&finder.parser);
    return result;
}

/* ---- writing ---- */

static int collect(void *data, unsigned char *buffer, size_t size)
{
    buf_add(data, buffer, size);
    return 1;
}

static bool write_node(yaml_emitter_t *emitter, const json_t *value);

static bool emit(yaml_emitter_t *emitter, yaml_event_t *event)
{
    return yaml_emitter_emit(emitter, event) != 0;
}

static bool write_scalar(yaml_emitter_t *emitter, const char *text, size_t len,
                         yaml_scalar_style_t style)
{
    yaml_event_t event;
    bool plain = style == YAML_PLAIN_SCALAR_STYLE || style == YAML_ANY_SCALAR_STYLE;
    const yaml_char_t *bytes = (const yaml_char_t *)text;
    return yaml_scalar_event_initialize(&event, NULL, NULL, bytes, (int)len, plain, true, style) &&
           emit(emitter, &event);
}

static bool looks_like_base60(const char *text)
{
    const char *at = text + (*text == '-' || *text == '+');
    size_t digits = strspn(at, "0123456789_");
    bool colons = false;
    for (at += digits; digits > 0 && *at == ':'; colons = true) {
        digits = strspn(++at, "0123456789");
        at += digits;
    }
    return colons && (*at == '\0' || *at == '.');
}

/* One of the forms that go-yaml takes for a time: a date, and maybe the time of the day. */
static bool looks_like_time(const char *text)
{
    int parts[6] = {2000, 1, 1, 0, 0, 0};
    int end = 0;
    if (strspn(text, "0123456789") != 4 || text[4] != '-' ||
        sscanf(text, "%4d-%2d-%2d%n", &parts[0], &parts[1], &parts[2], &end) != 3 || end == 0)
        return false;
    bool day = parts[1] >= 1 && parts[1] <= 12 && parts[2] >= 1 && parts[2] <= 31;
    if (!text[end])
        return day;
    end = 0;
    if (sscanf(text, "%4d-%2d-%2d%*[Tt ]%2d:%2d:%2d%n", &parts[0], &parts[1], &parts[2], &parts[3],
               &parts[4], &parts[5], &end) != 6 ||
        end == 0)
        return false;
    return day && parts[3] <= 23 && parts[4] <= 59 && parts[5] <= 59 &&
           strspn(text + end, "0123456789.:+-Z") == strlen(text + end);
}

static bool write_string(yaml_emitter_t *emitter, const char *text, size_t len)
{
    json_t *plain = yaml_resolve_plain(text, len);
    bool quote = !json_is_string(plain) || looks_like_base60(text) || looks_like_time(text) ||
                 strcmp(text, "<<") == 0;
    json_decref(plain);
    yaml_scalar_style_t style = YAML_PLAIN_SCALAR_STYLE;
    if (quote)
        style = YAML_DOUBLE_QUOTED_SCALAR_STYLE;
    else if (memchr(text, '\n', len))
        style = YAML_LITERAL_SCALAR_STYLE;
    return write_scalar(emitter, text, len, style);
}

static bool write_mapping(yaml_emitter_t *emitter, const json_t *value)
{
    yaml_event_t event;
    struct json_entry *entries = json_sorted_entries(value);
    size_t count = json_object_size(value);
    bool ok =
        yaml_mapping_start_event_initialize(&event, NULL, NULL, true, YAML_BLOCK_MAPPING_STYLE) &&
        emit(emitter, &event);
    for (size_t i = 0; ok && i < count; i++)
        ok = write_string(emitter, entries[i].key, strlen(entries[i].key)) &&
             write_node(emitter, entries[i].value);
    free(entries);
    return ok && yaml_mapping_end_event_initialize(&event) && emit(emitter, &event);
}

static bool write_sequence(yaml_emitter_t *emitter, const json_t *value)
{
    yaml_event_t event;
    bool ok =
        yaml_sequence_start_event_initialize(&event, NULL, NULL, true, YAML_BLOCK_SEQUENCE_STYLE) &&
        emit(emitter, &event);
    size_t index;
    json_t *item;
    json_array_foreach(value, index, item)
    {
        ok = ok && write_node(emitter, item);
    }
    return ok && yaml_sequence_end_event_initialize(&event) && emit(emitter, &event);
}

static bool write_node(yaml_emitter_t *emitter, const json_t *value)
{
    if (json_is_object(value))
        return write_mapping(emitter, value);
    if (json_is_array(value))
        return write_sequence(emitter, value);
    if (json_is_string(value))
        return write_string(emitter, json_string_value(value), json_string_length(value));
    struct buf buf;
    buf_init(&buf, 512);
    json_write_style(&buf, value, JSON_STYLE_GO);
    bool ok =
        !buf_failed(&buf) && write_scalar(emitter, buf.data, buf.len, YAML_PLAIN_SCALAR_STYLE);
    buf_release(&buf);
    return ok;
}

char *yaml_write(const json_t *value)
{
    struct buf out;
    yaml_emitter_t emitter;
    yaml_event_t event;
    buf_init(&out, BUF_MAX_DEFAULT);
    if (!yaml_emitter_initialize(&emitter))
        abort();
    yaml_emitter_set_output(&emitter, collect, &out);
    yaml_emitter_set_unicode(&emitter, 1);
    bool ok = yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING) &&
              emit(&emitter, &event) &&
              yaml_document_start_event_initialize(&event, NULL, NULL, NULL, true) &&
              emit(&emitter, &event) && write_node(&emitter, value) &&
              yaml_document_end_event_initialize(&event, true) && emit(&emitter, &event) &&
              yaml_stream_end_event_initialize(&event) && emit(&emitter, &event);
    yaml_emitter_delete(&emitter);
    if (!ok)
        buf_clear(&out);
    return buf_take(&out);
}
