#include "cli/client/resource.h"

#include <stdlib.h>
#include <string.h>

#include <mot/base/mem.h>

#define PATH_MAX_BYTES 8192

static void add_path(struct buf *path, const struct kind *kind, const char *ns, const char *name)
{
    buf_addf(path, "%s/%s", kind->group[0] ? "/apis" : "/api", kind->api_version);
    if (ns && kind->namespaced) {
        buf_adds(path, "/namespaces/");
        http_escape(path, ns);
    }
    buf_addf(path, "/%s", kind->plural);
    if (name) {
        buf_addc(path, '/');
        http_escape(path, name);
    }
}

char *resource_path(const struct kind *kind, const char *ns, const char *name)
{
    struct buf path;
    buf_init(&path, PATH_MAX_BYTES);
    add_path(&path, kind, ns, name);
    return buf_take(&path);
}

char *resource_path_named(const struct kind *kind, const char *ns, const char *name)
{
    struct buf path;
    buf_init(&path, PATH_MAX_BYTES);
    add_path(&path, kind, ns, NULL);
    buf_adds(&path, "?fieldSelector=metadata.name%3D");
    http_escape(&path, name);
    return buf_take(&path);
}

char *resource_word(const struct kind *kind)
{
    return mem_printf("%s%s%s", kind->singular, kind->group[0] ? "." : "", kind->group);
}

const struct kind *resource_kind(const struct session *session, const char *word, struct err *err)
{
    const struct kind *kind = kinds_resolve(session->kinds, word);
    if (!kind)
        err_set(err, ERR_NOT_FOUND, "there is no kind \"%s\": `mot kinds` lists them", word);
    return kind;
}

static void add_item(struct resource_list *list, const struct kind *kind, const char *name)
{
    list->items = mem_resize(list->items, list->count + 1, sizeof(*list->items));
    list->items[list->count++] = (struct resource_item){.kind = kind, .name = name};
}

/* "KIND/NAME": cuts it in two at the slash. */
static int add_pair(const struct session *session, char *text, struct resource_list *list,
                    struct err *err)
{
    char *slash = strchr(text, '/');
    if (!slash || slash == text || !slash[1])
        return err_set(err, ERR_INVALID, "\"%s\" is not KIND/NAME", text);
    *slash = '\0';
    const struct kind *kind = resource_kind(session, text, err);
    if (!kind)
        return -1;
    add_item(list, kind, slash + 1);
    return 0;
}

int resource_arguments(const struct session *session, int argc, char **argv,
                       struct resource_list *ret_list, struct err *err)
{
    *ret_list = (struct resource_list){0};
    if (argc < 2)
        return err_set(err, ERR_INVALID, "say which KIND: `mot kinds` lists them");
    if (strchr(argv[1], '/')) {
        for (int i = 1; i < argc; i++)
            if (add_pair(session, argv[i], ret_list, err) != 0)
                return -1;
        return 0;
    }
    const struct kind *kind = resource_kind(session, argv[1], err);
    if (!kind)
        return -1;
    for (int i = 2; i < argc; i++)
        add_item(ret_list, kind, argv[i]);
    if (argc == 2)
        add_item(ret_list, kind, NULL);
    return 0;
}

void resource_list_release(struct resource_list *list)
{
    free(list->items);
    *list = (struct resource_list){0};
}

const char *resource_namespace(const struct session *session, const struct kind *kind)
{
    return kind->namespaced ? session->namespace_name : NULL;
}
