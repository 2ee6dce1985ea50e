#include "attributes.h"

#include <mot/base/buf.h>
#include <mot/base/mem.h>

struct attributes attributes_of(const struct identity *user, const char *verb, const char *group,
                                const char *resource, const char *ns, const char *name)
{
    return (struct attributes){.user = user,
                               .verb = verb,
                               .path = "",
                               .group = group,
                               .version = "",
                               .resource = resource,
                               .subresource = "",
                               .ns = ns,
                               .name = name};
}

/* Nothing that a browser would take for HTML. */
static char *sanitize(const char *text)
{
    struct buf buf;
    buf_init(&buf, BUF_MAX_DEFAULT);
    for (; *text; text++) {
        if (*text == '&')
            buf_adds(&buf, "&amp;");
        else if (*text == '<')
            buf_adds(&buf, "&lt;");
        else if (*text == '>')
            buf_adds(&buf, "&gt;");
        else
            buf_addc(&buf, *text);
    }
    return buf_take(&buf);
}

char *attributes_forbidden_text(const struct attributes *attributes)
{
    struct buf buf;
    buf_init(&buf, BUF_MAX_DEFAULT);
    buf_adds(&buf, "User ");
    buf_add_json(&buf, attributes->user->name);
    buf_addf(&buf, " cannot %s ", attributes->verb);
    if (*attributes->path) {
        buf_adds(&buf, "path ");
        buf_add_json(&buf, attributes->path);
    } else {
        AUTO_FREE char *resource =
            mem_printf("%s%s%s", attributes->resource, *attributes->subresource ? "/" : "",
                       attributes->subresource);
        buf_adds(&buf, "resource ");
        buf_add_json(&buf, resource);
        buf_adds(&buf, " in API group ");
        buf_add_json(&buf, attributes->group);
        if (*attributes->ns) {
            buf_adds(&buf, " in the namespace ");
            buf_add_json(&buf, attributes->ns);
        } else {
            buf_adds(&buf, " at the cluster scope");
        }
    }
    AUTO_FREE char *text = buf_take(&buf);
    return sanitize(text);
}
