#include "support.h"

#include <stdio.h>
#include <string.h>

#include <mot/base/buf.h>
#include <mot/base/mem.h>

static struct postgres *server;
static int databases;

int group_setup(void **state)
{
    (void)state;
    server = postgres_start();
    return 0;
}

int group_teardown(void **state)
{
    (void)state;
    postgres_free(server);
    return 0;
}

struct postgres *the_server(void)
{
    return server;
}

char *new_database(void)
{
    AUTO_FREE char *name = mem_printf("test%d", ++databases);

    return postgres_url(server, name);
}

struct store *open_store_with(const char *url, int64_t deadline_ms)
{
    struct store_options options = {.url = url, .name = "mot-test", .deadline_ms = deadline_ms};
    struct err err = {.code = ERR_NONE};
    struct store *store = store_open(&options, &err);

    if (store == NULL)
        fail_msg("store_open: %s", err.message);
    return store;
}

struct store *open_store(const char *url)
{
    return open_store_with(url, 20000);
}

void must_be_good(int result, const struct err *err, const char *file, int line)
{
    if (result < 0) {
        print_error("%s: %s\n", err_code_name(err->code), err->message);
        _fail(file, line);
    }
}

static struct store_write write_of(enum store_operation operation, const char *ns, const char *name,
                                   int64_t expected, const char *body)
{
    return (struct store_write){.operation = operation,
                                .key = {RESOURCE, ns, name},
                                .uid = name,
                                .expected = expected,
                                .body = body,
                                .body_len = strlen(body),
                                .selectable = "{}"};
}

struct store_write create_of(const char *ns, const char *name, const char *body)
{
    return write_of(STORE_CREATE, ns, name, 0, body);
}

struct store_write update_of(const char *ns, const char *name, int64_t expected, const char *body)
{
    return write_of(STORE_UPDATE, ns, name, expected, body);
}

struct store_write delete_of(const char *ns, const char *name, int64_t expected, const char *body)
{
    return write_of(STORE_DELETE, ns, name, expected, body);
}

int64_t put(struct store *store, struct store_write write)
{
    must(store_write(store, &write, ERR));
    return write.revision;
}

enum err_code try_put(struct store *store, struct store_write write)
{
    struct err err = {.code = ERR_NONE};

    return store_write(store, &write, &err) < 0 ? err.code : ERR_NONE;
}

static int add_object(void *context, const struct store_object *object, struct err *err)
{
    (void)err;
    buf_addf(context, "%s:%s ", object->key.name, object->body);
    return 0;
}

char *list_text(struct store *store, int64_t at, size_t batch)
{
    struct store_list_query query = {.resource = RESOURCE, .at = at, .batch = batch};
    struct buf text;
    int64_t revision;

    buf_init(&text, BUF_MAX_DEFAULT);
    must(store_list(store, &query, &revision, add_object, &text, ERR));
    if (at > 0)
        assert_int_equal(revision, at);
    return buf_take(&text);
}

static int add_change(void *context, const struct store_change *change, struct err *err)
{
    static const char signs[] = {'+', '=', '-'};

    (void)err;
    buf_addf(context, "%c%s ", signs[change->operation], change->object.key.name);
    return 0;
}

char *changes_text(struct store *store, int64_t after)
{
    struct buf text;
    int64_t revision;

    buf_init(&text, BUF_MAX_DEFAULT);
    must(store_changes(store, RESOURCE, after, 0, 1000, &revision, add_change, &text, ERR));
    return buf_take(&text);
}
