/* What is left over: times that changed alone, and the name of a manager. */
#include <string.h>

#include <mot/base/mem.h>
#include <mot/model/go_text.h>
#include <mot/model/json.h>

#include "internal.h"
#include "walks.h"

#define MANAGER_BYTES_MAX 128

/* ---- times ---- */

/* A shallow copy without @name. */
static json_t *without(const json_t *object, const char *name)
{
    json_t *copy = json_is_object(object) ? json_copy(json_mutable(object)) : json_object();
    json_object_del(copy, name);
    return copy;
}

static bool same_without(const json_t *a, const json_t *b, const char *name)
{
    json_t *left = without(a, name);
    json_t *right = without(b, name);
    bool same = json_same(left, right);
    json_decref(left);
    json_decref(right);
    return same;
}

static bool differ_in_times(const json_t *old, const json_t *new)
{
    bool times = false;
    if (json_array_size(old) == 0 || json_array_size(old) != json_array_size(new))
        return false;
    for (size_t i = 0; i < json_array_size(old); i++) {
        const json_t *left = json_array_get(old, i);
        const json_t *right = json_array_get(new, i);
        if (!same_without(left, right, "time"))
            return false;
        times = times || !json_same(json_object_get(left, "time"), json_object_get(right, "time"));
    }
    return times;
}

/* The revision is what the write is about to change, and not every client sends it. */
static bool same_metadata(const json_t *live, const json_t *object)
{
    json_t *left = without(json_object_get(live, "metadata"), "managedFields");
    json_t *right = without(json_object_get(object, "metadata"), "managedFields");
    bool same = same_without(left, right, "resourceVersion");
    json_decref(left);
    json_decref(right);
    return same;
}

void managed_keep_times(const json_t *live, json_t *object)
{
    json_t *old = json_at(live, "metadata.managedFields");
    if (differ_in_times(old, json_at(object, "metadata.managedFields")) &&
        same_metadata(live, object) && same_without(live, object, "metadata"))
        json_put(object, "metadata.managedFields", json_deep_copy(old));
}

/* ---- names ---- */

static void add_character(struct buf *buf, const char *text, size_t len)
{
    if (len > 0)
        buf_add(buf, text, len);
    else
        buf_adds(buf, "\xef\xbf\xbd");
}

/* The text before the first '/', without what can't be printed, cut between characters. */
static char *name_from_agent(const char *agent)
{
    struct buf buf;
    buf_init(&buf, BUF_MAX_DEFAULT);
    size_t end = strcspn(agent, "/");
    uint32_t code;
    const char *skip = go_next_unprintable(agent, &code);
    for (size_t at = 0; at < end;) {
        size_t len = utf8_char(agent + at, end - at);
        size_t width = len > 0 ? len : 3;
        if (agent + at == skip) {
            skip = go_next_unprintable(agent + at + len, &code);
        } else {
            if (buf.len + width > MANAGER_BYTES_MAX)
                break;
            add_character(&buf, agent + at, len);
        }
        at += len > 0 ? len : 1;
    }
    return buf_take(&buf);
}

char *managed_manager_name(const char *field_manager, const char *user_agent)
{
    if (field_manager && *field_manager)
        return mem_strdup(field_manager);
    AUTO_FREE char *name = name_from_agent(user_agent ? user_agent : "");
    return mem_strdup(*name ? name : "unknown");
}
