/* `mot delete`: by name or by manifest; waits until the objects are gone, finalizers included. */
#include <stdio.h>
#include <string.h>

#include <mot/base/clock.h>
#include <mot/base/mem.h>
#include <mot/model/json.h>
#include <mot/model/object.h>

#include "cli/client/manifest.h"
#include "cli/client/resource.h"
#include "cli/client/watch.h"
#include "cli/commands.h"

static struct {
    struct session_options session;
    struct option_list files;
    const char *timeout;
    bool recursive;
    bool wait;
    bool ignore_not_found;
} settings = {.wait = true};

/* One object that was deleted and is to be waited for. */
struct victim {
    const struct kind *kind;
    char *ns; /* NULL for what has none */
    char *name;
    char *uid;
};

struct victims {
    struct victim *items;
    size_t count;
};

static void add_victim(struct victims *victims, const struct kind *kind, const char *ns,
                       const char *name)
{
    victims->items = mem_resize(victims->items, victims->count + 1, sizeof(*victims->items));
    victims->items[victims->count++] =
        (struct victim){.kind = kind, .ns = ns ? mem_strdup(ns) : NULL, .name = mem_strdup(name)};
}

static void release_victims(struct victims *victims)
{
    for (size_t i = 0; i < victims->count; i++) {
        free(victims->items[i].ns);
        free(victims->items[i].name);
        free(victims->items[i].uid);
    }
    free(victims->items);
}

/* ---------------------------------------------------------------------------------- which */

/* The last of a file first: what was created last may need what was created before it. */
static int victims_of_files(struct session *session, struct victims *victims, struct err *err)
{
    struct manifests manifests;
    int rc = manifests_load(&settings.files, settings.recursive, &manifests, err);
    for (size_t i = manifests.count; rc == 0 && i-- > 0;) {
        const json_t *object = manifests.items[i].object;
        const char *api_version = json_at_text(object, "apiVersion");
        const char *word = json_at_text(object, "kind");
        const struct kind *kind =
            api_version && word ? kinds_find_kind(session->kinds, api_version, word) : NULL;
        const char *ns = object_namespace(object);
        if (!kind)
            rc = err_set(err, ERR_NOT_FOUND, "%s:%zu: there is no kind %s in %s",
                         manifests.items[i].file->name, manifests.items[i].line,
                         word ? word : "\"\"", api_version ? api_version : "\"\"");
        else
            add_victim(victims, kind,
                       !kind->namespaced ? NULL
                       : *ns             ? ns
                                         : session->namespace_name,
                       object_name(object));
    }
    manifests_release(&manifests);
    return rc;
}

static int victims_of_arguments(struct session *session, int argc, char **argv,
                                struct victims *victims, struct err *err)
{
    struct resource_list list;
    int rc = resource_arguments(session, argc, argv, &list, err);
    for (size_t i = 0; rc == 0 && i < list.count; i++) {
        if (!list.items[i].name)
            rc = err_set(err, ERR_INVALID, "say which %s", list.items[i].kind->singular);
        else
            add_victim(victims, list.items[i].kind, resource_namespace(session, list.items[i].kind),
                       list.items[i].name);
    }
    resource_list_release(&list);
    return rc;
}

/* ---------------------------------------------------------------------------------- deleting */

/* The uid of what is being deleted, from the object or the Status in the answer. */
static char *uid_of(const json_t *answer)
{
    const char *uid = json_at_text(answer, "metadata.uid");
    return mem_strdup(uid ? uid : json_at_text(answer, "details.uid"));
}

static int delete_one(struct session *session, struct victim *victim, struct err *err)
{
    AUTO_FREE char *path = resource_path(victim->kind, victim->ns, victim->name);
    json_t *options = json_pack("{s:s, s:s, s:s}", "kind", "DeleteOptions", "apiVersion", "v1",
                                "propagationPolicy", "Background");
    struct call call = {.method = "DELETE", .path = path, .body = options};
    json_t *answer = NULL;
    int rc = session_call(session, &call, &answer, err);
    if (rc == 0) {
        AUTO_FREE char *word = resource_word(victim->kind);
        victim->uid = uid_of(answer);
        printf("%s \"%s\" deleted\n", word, victim->name);
        fflush(stdout);
    } else if (err->code == ERR_NOT_FOUND && settings.ignore_not_found) {
        rc = 0;
    }
    json_decref(options);
    json_decref(answer);
    return rc;
}

static int is_gone(void *context, const json_t *object, struct err *err)
{
    (void)err;
    const struct victim *victim = context;
    return !object || (victim->uid[0] && strcmp(object_uid(object), victim->uid) != 0);
}

static int await_end(struct session *session, struct victim *victim, int64_t deadline_ms,
                     struct err *err)
{
    if (!victim->uid)
        return 0;
    if (watch_one(session, victim->kind, victim->ns, victim->name, deadline_ms, is_gone, victim,
                  err) == 0)
        return 0;
    return err_wrap(err, "waiting for the end of %s \"%s\"", victim->kind->singular, victim->name);
}

static int run(struct session *session, int argc, char **argv, struct err *err)
{
    int64_t timeout_ms = 0;
    if (settings.timeout && clock_parse_duration(settings.timeout, &timeout_ms, err) != 0)
        return -1;
    struct victims victims = {0};
    int rc = settings.files.count > 0 ? victims_of_files(session, &victims, err)
                                      : victims_of_arguments(session, argc, argv, &victims, err);
    bool failed = false;
    int64_t deadline = timeout_ms > 0 ? clock_ms() + timeout_ms : 0;
    /* One after the other: what contains is not deleted before what it contains is gone. */
    for (size_t i = 0; rc == 0 && i < victims.count; i++) {
        if (delete_one(session, &victims.items[i], err) != 0) {
            fprintf(stderr, "mot delete: %s\n", err->message);
            failed = true;
        } else if (settings.wait) {
            rc = await_end(session, &victims.items[i], deadline, err);
        }
    }
    release_victims(&victims);
    return rc == 0 && failed ? 1 : rc;
}

int delete_main(int argc, char **argv)
{
    const struct option_spec options[] = {
        {"filename|f", "PATH", OPTION_LIST, &settings.files,
         "what these manifests name; may be given again"},
        {"recursive|R", NULL, OPTION_FLAG, &settings.recursive, "folders in folders too"},
        {"wait", NULL, OPTION_FLAG, &settings.wait,
         "wait until they are gone (the default; --wait=false)"},
        {"timeout", "DURATION", OPTION_STRING, &settings.timeout,
         "how long to wait: 30s, 5m (default: for ever)"},
        {"ignore-not-found", NULL, OPTION_FLAG, &settings.ignore_not_found,
         "what isn't there is no error"},
        SESSION_OPTIONS(&settings.session),
        {0}};
    const struct verb verb = {
        .command = {.name = "mot delete",
                    .arguments = "KIND NAME… | KIND/NAME… | -f PATH",
                    .summary =
                        "Deletes objects. A deployment is gone once every region has stopped it.",
                    .options = options},
        .options = &settings.session,
        .run = run};
    return verb_main(&verb, argc, argv);
}
