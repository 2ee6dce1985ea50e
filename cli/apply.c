/*
 * `mot apply`: creates what is not there, and changes what is by a three-way merge, as kubectl's
 * client-side apply does; the two can be mixed on one object.
 */
#include <stdio.h>
#include <string.h>

#include <mot/base/mem.h>
#include <mot/model/json.h>
#include <mot/model/object.h>

#include "cli/client/manifest.h"
#include "cli/client/merge3.h"
#include "cli/client/resource.h"
#include "cli/commands.h"

#define CONFLICTS_MAX 5
#define WRITE_QUERY   "?fieldManager=mot&fieldValidation=Strict"

static struct {
    struct session_options session;
    struct option_list files;
    bool recursive;
} settings;

/* One object on its way. */
struct target {
    struct session *session;
    const struct manifest *manifest;
    const struct kind *kind;
    const char *ns; /* NULL for what has none */
    const char *name;
    json_t *wanted; /* with the annotation */
    json_t *status; /* the server's, when a call failed */
};

static void say(const struct target *target, const char *what)
{
    AUTO_FREE char *word = resource_word(target->kind);
    printf("%s/%s %s\n", word, target->name, what);
    fflush(stdout);
}

static int call_server(struct target *target, const struct call *call, json_t **ret_body,
                       struct err *err)
{
    json_decref(target->status);
    target->status = NULL;
    int rc = session_call(target->session, call, ret_body, err);
    if (rc != 0) {
        target->status = *ret_body;
        *ret_body = NULL;
    }
    return rc;
}

/* ---------------------------------------------------------------------------------- one object */

static int create(struct target *target, struct err *err)
{
    AUTO_FREE char *path = resource_path(target->kind, target->ns, NULL);
    AUTO_FREE char *url = mem_printf("%s" WRITE_QUERY, path);
    struct call call = {.method = "POST", .path = url, .body = target->wanted};
    json_t *body = NULL;
    int rc = call_server(target, &call, &body, err);
    json_decref(body);
    if (rc == 0)
        say(target, "created");
    return rc;
}

/* Without what the server writes by itself. The copy is the caller's. */
static json_t *said_by_users(const json_t *object)
{
    json_t *copy = json_deep_copy(object);
    json_object_del(copy, "status");
    json_t *metadata = json_object_get(copy, "metadata");
    json_object_del(metadata, "resourceVersion");
    json_object_del(metadata, "managedFields");
    return copy;
}

/* A patch may say again what defaults have filled in below a list: then nothing has changed. */
static bool is_same(const json_t *before, const json_t *after)
{
    json_t *a = said_by_users(before);
    json_t *b = said_by_users(after);
    bool same = json_same(a, b);
    json_decref(a);
    json_decref(b);
    return same;
}

static int change(struct target *target, const json_t *current, struct err *err)
{
    apply_keep_annotation(target->wanted, current);
    json_t *original = apply_last_applied(current);
    json_t *patch = apply_merge3(original, target->wanted, current);
    json_decref(original);
    int rc = 0;
    if (json_object_size(patch) == 0) {
        say(target, "unchanged");
    } else {
        AUTO_FREE char *path = resource_path(target->kind, target->ns, target->name);
        AUTO_FREE char *url = mem_printf("%s" WRITE_QUERY, path);
        struct call call = {.method = "PATCH",
                            .path = url,
                            .content_type = "application/merge-patch+json",
                            .body = patch};
        json_t *body = NULL;
        rc = call_server(target, &call, &body, err);
        if (rc == 0)
            say(target, is_same(current, body) ? "unchanged" : "configured");
        json_decref(body);
    }
    json_decref(patch);
    return rc;
}

static int create_or_change(struct target *target, struct err *err)
{
    AUTO_FREE char *path = resource_path(target->kind, target->ns, target->name);
    struct call call = {.path = path};
    json_t *current = NULL;
    int rc = call_server(target, &call, &current, err);
    if (rc == 0)
        rc = change(target, current, err);
    else if (err->code == ERR_NOT_FOUND)
        rc = create(target, err);
    json_decref(current);
    return rc;
}

/* Which kind, namespace and name; completes the object. */
static int resolve(struct target *target, json_t *object, struct err *err)
{
    const char *api_version = json_at_text(object, "apiVersion");
    const char *kind = json_at_text(object, "kind");
    if (!api_version || !kind)
        return err_set(err, ERR_INVALID, "apiVersion and kind must be set");
    target->kind = kinds_find_kind(target->session->kinds, api_version, kind);
    if (!target->kind)
        return err_set(err, ERR_NOT_FOUND, "there is no kind %s in %s: `mot kinds` lists them",
                       kind, api_version);
    const char *given = json_at_text(object, "metadata.namespace");
    const char *asked = target->session->namespace_name;
    if (target->kind->namespaced && given && target->session->namespace_given &&
        strcmp(given, asked) != 0)
        return err_set(err, ERR_INVALID,
                       "the namespace of the object, \"%s\", is not that of the options, \"%s\"",
                       given, asked);
    if (target->kind->namespaced && !given)
        json_put(object, "metadata.namespace", json_string(asked));
    target->ns = target->kind->namespaced ? json_at_text(object, "metadata.namespace") : NULL;
    target->name = json_at_text(object, "metadata.name");
    if (!target->name || !*target->name)
        return err_set(err, ERR_INVALID, "metadata.name must be set");
    return 0;
}

static int apply_one(struct session *session, const struct manifest *manifest)
{
    struct err err = {0};
    struct target target = {.session = session, .manifest = manifest};
    json_t *object = json_deep_copy(manifest->object);
    int rc = resolve(&target, object, &err);
    if (rc == 0) {
        target.wanted = apply_with_annotation(object);
        rc = create_or_change(&target, &err);
        for (int i = 1;
             rc != 0 && i < CONFLICTS_MAX && (err.code == ERR_CONFLICT || err.code == ERR_EXISTS);
             i++)
            rc = create_or_change(&target, &err);
    }
    if (rc != 0)
        manifest_complain(manifest, target.status, &err);
    json_decref(target.status);
    json_decref(target.wanted);
    json_decref(object);
    return rc;
}

static int run(struct session *session, int argc, char **argv, struct err *err)
{
    if (argc > 1)
        return err_set(err, ERR_INVALID, "it takes no argument such as \"%s\"; files go behind -f",
                       argv[1]);
    if (settings.files.count == 0)
        return err_set(err, ERR_INVALID,
                       "-f is missing: a file, a folder, or - for standard input");
    struct manifests manifests;
    int rc = manifests_load(&settings.files, settings.recursive, &manifests, err);
    for (size_t i = 0; rc >= 0 && i < manifests.count; i++)
        if (apply_one(session, &manifests.items[i]) != 0)
            rc = 1;
    manifests_release(&manifests);
    return rc;
}

int apply_main(int argc, char **argv)
{
    const struct option_spec options[] = {
        {"filename|f", "PATH", OPTION_LIST, &settings.files,
         "a file, a folder, or - for standard input; may be given again"},
        {"recursive|R", NULL, OPTION_FLAG, &settings.recursive, "folders in folders too"},
        SESSION_OPTIONS(&settings.session),
        {0}};
    const struct verb verb = {.command = {.name = "mot apply",
                                          .arguments = "",
                                          .summary = "Creates or changes objects as files say.",
                                          .details = "    mot apply -f manifests/examples\n"
                                                     "    cat checkout.yaml | mot apply -f -",
                                          .options = options},
                              .options = &settings.session,
                              .run = run};
    return verb_main(&verb, argc, argv);
}
