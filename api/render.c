#include "render.h"

#include <assert.h>
#include <string.h>

#include <mot/base/clock.h>
#include <mot/base/mem.h>
#include <mot/model/json.h>
#include <mot/model/object.h>

#include "view.h"

static const char partial_head[] =
    "{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"meta.k8s.io/v1\",\"metadata\":";
static const char initial_end_annotation[] =
    "\"annotations\":{\"k8s.io/initial-events-end\":\"true\"},";

/* The length of the JSON object that begins at @text. */
static size_t object_length(const char *text, size_t len)
{
    size_t depth = 0;
    bool inside = false;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (inside) {
            if (c == '\\')
                i++;
            else if (c == '"')
                inside = false;
        } else if (c == '"') {
            inside = true;
        } else if (c == '{') {
            depth++;
        } else if (c == '}' && --depth == 0) {
            return i + 1;
        }
    }
    return len;
}

/* The object in the version that was asked for: of a kind with several versions, the one that wrote
 * it last is in the body. */
static void write_object(struct buf *buf, const struct kind *kind, const char *body, size_t len,
                         int64_t revision)
{
    static const char head[] = "{\"apiVersion\":\"";
    size_t start = sizeof(head) - 1;
    size_t wanted = strlen(kind->api_version);
    const char *end = len > start && memcmp(body, head, start) == 0
                          ? memchr(body + start, '"', len - start)
                          : NULL;
    size_t found = end ? (size_t)(end - body) - start : wanted;
    if (!end || (found == wanted && memcmp(body + start, kind->api_version, wanted) == 0)) {
        object_write(buf, body, len, revision);
        return;
    }
    buf_adds(buf, head);
    buf_adds(buf, kind->api_version);
    object_write(buf, end, len - start - found, revision);
}

/* Stored bodies begin with apiVersion and kind, which hold no quotes, and then metadata. */
static void render_partial(struct buf *buf, const char *body, size_t len, int64_t revision)
{
    struct buf whole;
    buf_init(&whole, BUF_MAX_DEFAULT);
    object_write(&whole, body, len, revision);
    const char *metadata = whole.data ? strstr(whole.data, "\"metadata\":{") : NULL;
    assert(metadata);
    metadata += strlen("\"metadata\":");
    buf_adds(buf, partial_head);
    buf_add(buf, metadata, object_length(metadata, whole.len - (size_t)(metadata - whole.data)));
    buf_addc(buf, '}');
    buf_release(&whole);
}

static void render_row(struct buf *buf, const struct renderer *renderer, const char *body,
                       size_t len, int64_t revision)
{
    struct err err = {0};
    json_t *object = object_decode(body, len, revision, &err);
    buf_adds(buf, "{\"cells\":");
    table_write_cells(buf, renderer->table, object, clock_wall_ms());
    json_decref(object);
    buf_adds(buf, ",\"object\":");
    switch (renderer->include) {
    case INCLUDE_METADATA:
        render_partial(buf, body, len, revision);
        break;
    case INCLUDE_OBJECT:
        write_object(buf, renderer->kind, body, len, revision);
        break;
    case INCLUDE_NONE:
        buf_adds(buf, "null");
        break;
    }
    buf_addc(buf, '}');
}

static void add_columns(struct buf *buf, const struct renderer *renderer, bool columns)
{
    buf_adds(buf, "\"columnDefinitions\":");
    if (columns)
        table_write_columns(buf, renderer->table);
    else
        buf_adds(buf, "null");
}

static void render_table(struct buf *buf, const struct renderer *renderer, const char *body,
                         size_t len, int64_t revision, bool columns)
{
    buf_adds(buf, "{\"kind\":\"Table\",\"apiVersion\":\"meta.k8s.io/v1\",\"metadata\":"
                  "{\"resourceVersion\":\"");
    buf_add_i64(buf, revision);
    buf_adds(buf, "\"},");
    add_columns(buf, renderer, columns);
    buf_adds(buf, ",\"rows\":[");
    render_row(buf, renderer, body, len, revision);
    buf_adds(buf, "]}");
}

static void render_form(struct buf *buf, const struct renderer *renderer, const char *body,
                        size_t len, int64_t revision, bool columns)
{
    switch (renderer->form) {
    case FORM_PLAIN:
        write_object(buf, renderer->kind, body, len, revision);
        return;
    case FORM_TABLE:
        render_table(buf, renderer, body, len, revision, columns);
        return;
    case FORM_PARTIAL:
    case FORM_PARTIAL_LIST:
        render_partial(buf, body, len, revision);
        return;
    }
}

void render_object(struct buf *buf, const struct renderer *renderer, const char *body, size_t len,
                   int64_t revision, bool columns)
{
    AUTO_FREE char *shown = view_body(renderer->kind, body, len, &len);
    render_form(buf, renderer, shown ? shown : body, len, revision, columns);
}

void render_item(struct buf *buf, const struct renderer *renderer, const char *body, size_t len,
                 int64_t revision)
{
    AUTO_FREE char *shown = view_body(renderer->kind, body, len, &len);
    if (renderer->form == FORM_TABLE)
        render_row(buf, renderer, shown ? shown : body, len, revision);
    else
        render_form(buf, renderer, shown ? shown : body, len, revision, false);
}

void render_list_head(struct buf *buf, const struct renderer *renderer)
{
    switch (renderer->form) {
    case FORM_PLAIN:
        buf_addf(buf, "{\"kind\":\"%s\",\"apiVersion\":\"%s\",\"items\":[",
                 renderer->kind->list_kind, renderer->kind->api_version);
        return;
    case FORM_TABLE:
        buf_adds(buf, "{\"kind\":\"Table\",\"apiVersion\":\"meta.k8s.io/v1\",");
        add_columns(buf, renderer, true);
        buf_adds(buf, ",\"rows\":[");
        return;
    case FORM_PARTIAL:
    case FORM_PARTIAL_LIST:
        buf_adds(buf, "{\"kind\":\"PartialObjectMetadataList\",\"apiVersion\":\"meta.k8s.io/v1\","
                      "\"items\":[");
        return;
    }
}

/* Lists of custom resources say that nothing follows; tables and lists of metadata leave it out. */
void render_list_tail(struct buf *buf, const struct renderer *renderer, int64_t revision,
                      const char *token, int64_t remaining)
{
    buf_adds(buf, "],\"metadata\":{\"resourceVersion\":\"");
    buf_add_i64(buf, revision);
    buf_adds(buf, "\"");
    if (token || renderer->form == FORM_PLAIN) {
        buf_adds(buf, ",\"continue\":");
        buf_add_json(buf, token ? token : "");
    }
    if (remaining >= 0) {
        buf_adds(buf, ",\"remainingItemCount\":");
        buf_add_i64(buf, remaining);
    }
    buf_adds(buf, "}}");
}

static void add_bookmark_metadata(struct buf *buf, int64_t revision, bool initial_end)
{
    buf_adds(buf, "{");
    if (initial_end)
        buf_adds(buf, initial_end_annotation);
    buf_adds(buf, "\"resourceVersion\":\"");
    buf_add_i64(buf, revision);
    buf_adds(buf, "\"}}");
}

static void add_plain_bookmark(struct buf *buf, const struct renderer *renderer, int64_t revision,
                               bool initial_end)
{
    buf_addf(buf, "{\"kind\":\"%s\",\"apiVersion\":\"%s\",\"metadata\":", renderer->kind->kind,
             renderer->kind->api_version);
    add_bookmark_metadata(buf, revision, initial_end);
}

static void add_partial_bookmark(struct buf *buf, int64_t revision, bool initial_end)
{
    buf_adds(buf, partial_head);
    add_bookmark_metadata(buf, revision, initial_end);
}

/* A row of empty cells: "" for the name, null for the others. Its object is left out when objects
 * are not wanted, but for the annotation. */
static void add_empty_row(struct buf *buf, const struct renderer *renderer, int64_t revision,
                          bool initial_end)
{
    buf_adds(buf, "{\"cells\":");
    table_write_empty_cells(buf, renderer->table);
    buf_adds(buf, ",\"object\":");
    if (renderer->include == INCLUDE_OBJECT)
        add_plain_bookmark(buf, renderer, revision, initial_end);
    else if (renderer->include == INCLUDE_METADATA || initial_end)
        add_partial_bookmark(buf, revision, initial_end);
    else
        buf_adds(buf, "null");
    buf_addc(buf, '}');
}

void render_bookmark(struct buf *buf, const struct renderer *renderer, int64_t revision,
                     bool initial_end, bool columns)
{
    switch (renderer->form) {
    case FORM_PLAIN:
        add_plain_bookmark(buf, renderer, revision, initial_end);
        return;
    case FORM_TABLE:
        buf_addf(buf,
                 "{\"kind\":\"Table\",\"apiVersion\":\"meta.k8s.io/v1\",\"metadata\":"
                 "{\"resourceVersion\":\"%lld\"},",
                 (long long)revision);
        add_columns(buf, renderer, columns);
        buf_adds(buf, ",\"rows\":[");
        add_empty_row(buf, renderer, revision, initial_end);
        buf_adds(buf, "]}");
        return;
    case FORM_PARTIAL:
    case FORM_PARTIAL_LIST:
        add_partial_bookmark(buf, revision, initial_end);
        return;
    }
}
