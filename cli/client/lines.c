#include "cli/client/lines.h"

#include <string.h>

void lines_init(struct lines *lines)
{
    buf_init(&lines->rest, LINE_MAX_BYTES);
}

void lines_release(struct lines *lines)
{
    buf_release(&lines->rest);
}

static int visit_line(struct lines *lines, lines_visit *visit, void *context, struct err *err)
{
    int rc = lines->rest.len > 0 ? visit(context, lines->rest.data, lines->rest.len, err) : 0;
    buf_clear(&lines->rest);
    return rc;
}

int lines_add(struct lines *lines, const char *data, size_t len, lines_visit *visit, void *context,
              struct err *err)
{
    while (len > 0) {
        const char *end = memchr(data, '\n', len);
        size_t part = end ? (size_t)(end - data) : len;
        buf_add(&lines->rest, data, part);
        if (buf_failed(&lines->rest))
            return err_set(err, ERR_TOO_LARGE, "a line of more than %zu bytes", LINE_MAX_BYTES);
        if (!end)
            return 0;
        int rc = visit_line(lines, visit, context, err);
        if (rc != 0)
            return rc;
        data += part + 1;
        len -= part + 1;
    }
    return 0;
}
