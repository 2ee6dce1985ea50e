/* Objects as users name them, and their URLs. */
#ifndef MOT_CLI_CLIENT_RESOURCE_H
#define MOT_CLI_CLIENT_RESOURCE_H

#include <mot/base/buf.h>
#include <mot/model/kind.h>

#include "cli/client/session.h"

/* "/apis/mot.dev/v1alpha1/namespaces/payments/deployments/checkout"; @ns NULL: all namespaces,
 * @name NULL: the collection. free() it. */
char *resource_path(const struct kind *kind, const char *ns, const char *name) MOT_NODISCARD;
/* The same with "?fieldSelector=…" of one exact name. */
char *resource_path_named(const struct kind *kind, const char *ns, const char *name) MOT_NODISCARD;

/* "deployment.mot.dev", "namespace": how a kind is called in messages. free() it. */
char *resource_word(const struct kind *kind) MOT_NODISCARD;

/* "dep", "deployments.mot.dev", …; an error that points at `mot kinds`. */
const struct kind *resource_kind(const struct session *session, const char *word,
                                 struct err *err) MOT_NODISCARD;

/* The arguments "KIND NAME…", "KIND/NAME…", or "KIND". */
struct resource_list {
    struct resource_item {
        const struct kind *kind;
        const char *name; /* NULL: all */
    } * items;
    size_t count;
};
int resource_arguments(const struct session *session, int argc, char **argv,
                       struct resource_list *ret_list, struct err *err) MOT_NODISCARD;
void resource_list_release(struct resource_list *list);

/* The namespace for an object of that kind: NULL when it has none. */
const char *resource_namespace(const struct session *session, const struct kind *kind);

#endif
