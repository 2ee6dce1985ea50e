#include "respond.h"

#include <stdlib.h>
#include <string.h>

#include <mot/base/mem.h>
#include <mot/model/json.h>
#include <mot/model/yaml.h>

#include "query.h"

#define PRETTY_MAX ((size_t)4 << 20)  /* of the body in one line, */
#define LINES_MAX  ((size_t)32 << 20) /* and in lines: indents may be most of it */

struct renderer request_renderer(const struct request *request, enum include_object include)
{
    return (struct renderer){request->kind, request->table, request->output.form, include};
}

static void add_line(struct buf *out, int depth)
{
    buf_addc(out, '\n');
    for (int i = 0; i < depth; i++)
        buf_adds(out, "  ");
}

/* A string as it stands; its length with the quotes. */
static size_t copy_string(struct buf *out, const char *text, size_t len)
{
    size_t end = 1;
    while (end < len && text[end] != '"')
        end += text[end] == '\\' ? 2 : 1;
    end = end < len ? end + 1 : len;
    buf_add(out, text, end);
    return end;
}

/* Compact JSON with a line for each member and element. */
static void indent(struct buf *out, const char *text, size_t len)
{
    int depth = 0;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        bool empty =
            i + 1 < len && (c == '{' || c == '[') && (text[i + 1] == '}' || text[i + 1] == ']');
        if (c == '"') {
            i += copy_string(out, text + i, len - i) - 1;
        } else if (empty) {
            buf_add(out, text + i++, 2);
        } else if (c == '{' || c == '[' || c == ',') {
            depth += c != ',';
            buf_addc(out, c);
            add_line(out, depth);
        } else {
            if (c == '}' || c == ']')
                add_line(out, --depth);
            buf_addc(out, c);
            buf_adds(out, c == ':' ? " " : "");
        }
    }
}

static bool is_true(const char *text)
{
    static const char *const words[] = {"1", "t", "T", "true", "True", "TRUE"};
    for (size_t i = 0; i < MOT_ARRAY_SIZE(words); i++) {
        if (strcmp(text, words[i]) == 0)
            return true;
    }
    return false;
}

/* Who types the request sees the answer; everybody else parses it. */
static bool wants_pretty(const struct request *request)
{
    static const char *const typed[] = {"curl", "Wget", "Mozilla/5.0"};
    AUTO_FREE char *pretty = http_query(request->http, "pretty");
    if (pretty && *pretty)
        return is_true(pretty);
    const char *agent = http_header(request->http, "user-agent");
    for (size_t i = 0; agent && i < MOT_ARRAY_SIZE(typed); i++) {
        if (strncmp(agent, typed[i], strlen(typed[i])) == 0)
            return true;
    }
    return false;
}

static void finish_json(struct request *request)
{
    struct buf *body = &request->response->body;
    if (body->len > PRETTY_MAX || !wants_pretty(request)) {
        buf_addc(body, '\n');
        return;
    }
    struct buf out;
    buf_init(&out, LINES_MAX);
    indent(&out, body->data ? body->data : "", body->len);
    if (buf_failed(&out)) {
        buf_release(&out);
        buf_addc(body, '\n');
        return;
    }
    buf_release(body);
    *body = out;
}

void respond_json(struct request *request, int code)
{
    struct http_response *response = request->response;
    response->status = code;
    response->content_type = "application/json";
    if (request->output.media != MEDIA_YAML) {
        finish_json(request);
        return;
    }
    json_t *value = json_loadb(response->body.data, response->body.len, JSON_ALLOW_NUL, NULL);
    if (!value)
        return;
    AUTO_FREE char *text = yaml_write(value);
    json_decref(value);
    buf_clear(&response->body);
    buf_adds(&response->body, text);
    response->content_type = "application/yaml";
}

int respond_object(struct request *request, int code, const char *body, size_t len,
                   int64_t revision)
{
    enum include_object include;
    if (query_include_object(request, &include) < 0)
        return -1;
    struct renderer renderer = request_renderer(request, include);
    render_object(&request->response->body, &renderer, body, len, revision, true);
    respond_json(request, code);
    return 0;
}

int respond_deleted(struct request *request, const char *name, const char *uid)
{
    struct status status = {.name = mem_strdup(name),
                            .group = request->kind->group,
                            .kind = request->kind->plural,
                            .uid = mem_strdup(uid)};
    status_write(&request->response->body, &status, true);
    status_release(&status);
    respond_json(request, 200);
    return 0;
}

void respond_common_headers(struct request *request)
{
    http_response_header(request->response, "Audit-Id", request->audit_id);
    if (request->route.type != ROUTE_DOCUMENT)
        http_response_header(request->response, "Cache-Control", "no-cache, private");
}

void respond_failure(struct request *request)
{
    struct http_response *response = request->response;
    buf_clear(&response->body);
    response->status = request->status.code;
    if (request->status.page) {
        buf_adds(&response->body, "404 page not found\n");
        response->content_type = "text/plain; charset=utf-8";
        http_response_header(response, "X-Content-Type-Options", "nosniff");
        return;
    }
    status_write(&response->body, &request->status, false);
    finish_json(request);
    response->content_type = "application/json";
    if (request->status.retry_after > 0) {
        AUTO_FREE char *seconds = mem_printf("%d", request->status.retry_after);
        http_response_header(response, "Retry-After", seconds);
    }
}
