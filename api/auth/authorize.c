#include "authorize.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <mot/base/backoff.h>
#include <mot/base/clock.h>
#include <mot/base/cond.h>
#include <mot/base/log.h>
#include <mot/base/mem.h>
#include <mot/model/object.h>

#define POLL_MS     5000 /* should a wake-up be lost */
#define CHANGES_MAX 512

struct authorizer {
    struct store *store;
    pthread_t thread;
    pthread_rwlock_t index_lock; /* of the index itself; writers go first */
    struct rbac *index;          /* NULL until loaded */

    pthread_mutex_t lock;   /* of what follows */
    pthread_cond_t woken;   /* the thread: there may be something new, or it shall stop */
    pthread_cond_t moved;   /* everybody else: the position, or the end */
    pthread_cond_t changed; /* of authorizer_unsettled(): roles, or the end */
    bool stopping;
    bool wake;
    int64_t position; /* changes up to it count; 0 until loaded */
    int64_t changes;  /* how often roles have changed */

    /* Of the thread alone: */
    int64_t listed_at[RBAC_KINDS]; /* revisions of the lists that the index was loaded from */
    int64_t applied;               /* the newest change that was read since */
    size_t visited;                /* changes of the last read */
    bool away;                     /* it has been said that the store is */
};

/* -------------------------------------------------------------------------------- state */

static bool is_stopping(struct authorizer *authorizer)
{
    pthread_mutex_lock(&authorizer->lock);
    bool stop = authorizer->stopping;
    pthread_mutex_unlock(&authorizer->lock);
    return stop;
}

static void move_to(struct authorizer *authorizer, int64_t position, bool changed)
{
    pthread_mutex_lock(&authorizer->lock);
    authorizer->position = position;
    pthread_cond_broadcast(&authorizer->moved);
    if (changed) {
        authorizer->changes++;
        pthread_cond_broadcast(&authorizer->changed);
    }
    pthread_mutex_unlock(&authorizer->lock);
}

/* A back-off, that ends early only when the authorizer does. */
static void pause_until(struct authorizer *authorizer, pthread_cond_t *cond, int64_t until_ms)
{
    pthread_mutex_lock(&authorizer->lock);
    while (!authorizer->stopping && cond_wait(cond, &authorizer->lock, until_ms))
        continue;
    pthread_mutex_unlock(&authorizer->lock);
}

static void wait_for_work(struct authorizer *authorizer)
{
    int64_t until_ms = clock_ms() + POLL_MS;
    pthread_mutex_lock(&authorizer->lock);
    while (!authorizer->stopping && !authorizer->wake &&
           cond_wait(&authorizer->woken, &authorizer->lock, until_ms))
        continue;
    authorizer->wake = false;
    pthread_mutex_unlock(&authorizer->lock);
}

void authorizer_wake(struct authorizer *authorizer)
{
    pthread_mutex_lock(&authorizer->lock);
    authorizer->wake = true;
    pthread_cond_signal(&authorizer->woken);
    pthread_mutex_unlock(&authorizer->lock);
}

/* -------------------------------------------------------------------------------- loading */

struct loading {
    struct rbac *index;
    enum rbac_kind kind;
};

static void put(struct rbac *index, enum rbac_kind kind, const struct store_object *object)
{
    struct err err = {0};
    json_t *value = object_decode(object->body, object->body_len, object->revision, &err);
    if (!value)
        log_error("a role can't be read", LOG_S("resource", object->key.resource),
                  LOG_S("name", object->key.name), LOG_S("why", err.message));
    rbac_put(index, kind, object->key.ns, object->key.name, value);
    json_decref(value);
}

static int on_listed(void *context, const struct store_object *object, struct err *err)
{
    (void)err;
    struct loading *loading = context;
    put(loading->index, loading->kind, object);
    return 0;
}

/* The position is that of the first list; what the others know already is passed over later. */
static int load(struct authorizer *authorizer, int64_t *ret_position, struct err *err)
{
    struct loading loading = {.index = rbac_new()};
    for (int i = 0; i < RBAC_KINDS; i++) {
        loading.kind = (enum rbac_kind)i;
        struct store_list_query query = {.resource = rbac_resource(loading.kind)};
        if (store_list(authorizer->store, &query, &authorizer->listed_at[i], on_listed, &loading,
                       err) < 0) {
            rbac_free(loading.index);
            return -1;
        }
    }
    rbac_settle(loading.index);
    pthread_rwlock_wrlock(&authorizer->index_lock);
    struct rbac *old = authorizer->index;
    authorizer->index = loading.index;
    pthread_rwlock_unlock(&authorizer->index_lock);
    rbac_free(old);
    authorizer->applied = 0;
    *ret_position = authorizer->listed_at[0];
    return 0;
}

/* -------------------------------------------------------------------------------- following */

static int on_change(void *context, const struct store_change *change, struct err *err)
{
    (void)err;
    struct authorizer *authorizer = context;
    const struct store_object *object = &change->object;
    enum rbac_kind kind = RBAC_ROLES;
    authorizer->visited++;
    while (kind < RBAC_KINDS && strcmp(rbac_resource(kind), object->key.resource) != 0)
        kind++;
    if (kind == RBAC_KINDS || object->revision <= authorizer->listed_at[kind] ||
        object->revision <= authorizer->applied)
        return 0;
    authorizer->applied = object->revision;
    pthread_rwlock_wrlock(&authorizer->index_lock);
    if (change->operation == STORE_DELETE)
        rbac_put(authorizer->index, kind, object->key.ns, object->key.name, NULL);
    else
        put(authorizer->index, kind, object);
    pthread_rwlock_unlock(&authorizer->index_lock);
    return 0;
}

/* Reads what is new since *position. */
static int catch_up(struct authorizer *authorizer, int64_t *position, struct err *err)
{
    struct buf resources;
    buf_init(&resources, 1024);
    for (int i = 0; i < RBAC_KINDS; i++)
        buf_addf(&resources, "%s%s", i > 0 ? "," : "", rbac_resource((enum rbac_kind)i));
    int result;
    do {
        authorizer->visited = 0;
        result = store_changes(authorizer->store, resources.data, *position, 0, CHANGES_MAX,
                               position, on_change, authorizer, err);
        pthread_rwlock_wrlock(&authorizer->index_lock);
        rbac_settle(authorizer->index);
        pthread_rwlock_unlock(&authorizer->index_lock);
        if (result == 0)
            move_to(authorizer, *position, authorizer->visited > 0);
    } while (result == 0 && authorizer->visited == CHANGES_MAX && !is_stopping(authorizer));
    buf_release(&resources);
    return result;
}

/* Until it is stopped, or the history behind the position is gone. */
static void follow(struct authorizer *authorizer, int64_t position)
{
    struct backoff backoff = BACKOFF_INIT(20, 2000);
    move_to(authorizer, position, true);
    while (!is_stopping(authorizer)) {
        struct err err = {0};
        if (catch_up(authorizer, &position, &err) == 0) {
            authorizer->away = false;
            backoff_reset(&backoff);
            wait_for_work(authorizer);
            continue;
        }
        if (err.code == ERR_GONE)
            return;
        if (!authorizer->away)
            log_warn("changes of roles are not seen", LOG_S("why", err.message));
        authorizer->away = true;
        pause_until(authorizer, &authorizer->woken, clock_ms() + backoff_next(&backoff));
    }
}

static void *run(void *context)
{
    struct authorizer *authorizer = context;
    struct backoff backoff = BACKOFF_INIT(50, 5000);
    while (!is_stopping(authorizer)) {
        struct err err = {0};
        int64_t position = 0;
        if (load(authorizer, &position, &err) == 0) {
            backoff_reset(&backoff);
            follow(authorizer, position);
            continue;
        }
        log_warn("roles can't be loaded", LOG_S("why", err.message));
        pause_until(authorizer, &authorizer->woken, clock_ms() + backoff_next(&backoff));
    }
    return NULL;
}

/* -------------------------------------------------------------------------------- life */

struct authorizer *authorizer_new(struct store *store)
{
    struct authorizer *authorizer = mem_zalloc(sizeof(*authorizer));
    authorizer->store = store;
    pthread_rwlockattr_t attributes;
    pthread_rwlockattr_init(&attributes);
    pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&authorizer->index_lock, &attributes);
    pthread_rwlockattr_destroy(&attributes);
    pthread_mutex_init(&authorizer->lock, NULL);
    cond_init(&authorizer->woken);
    cond_init(&authorizer->moved);
    cond_init(&authorizer->changed);
    if (pthread_create(&authorizer->thread, NULL, run, authorizer) != 0)
        abort();
    return authorizer;
}

void authorizer_stop(struct authorizer *authorizer)
{
    pthread_mutex_lock(&authorizer->lock);
    authorizer->stopping = true;
    pthread_cond_broadcast(&authorizer->woken);
    pthread_cond_broadcast(&authorizer->moved);
    pthread_cond_broadcast(&authorizer->changed);
    pthread_mutex_unlock(&authorizer->lock);
}

void authorizer_free(struct authorizer *authorizer)
{
    if (!authorizer)
        return;
    authorizer_stop(authorizer);
    pthread_join(authorizer->thread, NULL);
    rbac_free(authorizer->index);
    pthread_cond_destroy(&authorizer->woken);
    pthread_cond_destroy(&authorizer->moved);
    pthread_cond_destroy(&authorizer->changed);
    pthread_mutex_destroy(&authorizer->lock);
    pthread_rwlock_destroy(&authorizer->index_lock);
    free(authorizer);
}

/* -------------------------------------------------------------------------------- questions */

bool authorizer_ready(struct authorizer *authorizer)
{
    pthread_mutex_lock(&authorizer->lock);
    bool ready = authorizer->position > 0;
    pthread_mutex_unlock(&authorizer->lock);
    return ready;
}

uint64_t authorizer_changes(struct authorizer *authorizer)
{
    pthread_mutex_lock(&authorizer->lock);
    uint64_t changes = (uint64_t)authorizer->changes;
    pthread_mutex_unlock(&authorizer->lock);
    return changes;
}

bool authorizer_await(struct authorizer *authorizer, int64_t revision, int64_t timeout_ms)
{
    int64_t until_ms = clock_ms() + timeout_ms;
    pthread_mutex_lock(&authorizer->lock);
    authorizer->wake = true;
    pthread_cond_signal(&authorizer->woken);
    while (authorizer->position < revision && !authorizer->stopping &&
           cond_wait(&authorizer->moved, &authorizer->lock, until_ms))
        continue;
    bool reached = authorizer->position >= revision;
    pthread_mutex_unlock(&authorizer->lock);
    return reached;
}

bool authorizer_allows(struct authorizer *authorizer, const struct attributes *attributes,
                       char **ret_reason)
{
    if (ret_reason)
        *ret_reason = NULL;
    if (identity_in_group(attributes->user, GROUP_MASTERS))
        return true;
    pthread_rwlock_rdlock(&authorizer->index_lock);
    bool allowed = authorizer->index && rbac_allows(authorizer->index, attributes, ret_reason);
    pthread_rwlock_unlock(&authorizer->index_lock);
    return allowed;
}

json_t *authorizer_rules(struct authorizer *authorizer, const struct identity *user, const char *ns,
                         char **ret_errors)
{
    json_t *rules = NULL;
    *ret_errors = NULL;
    pthread_rwlock_rdlock(&authorizer->index_lock);
    if (authorizer->index)
        rules = rbac_rules(authorizer->index, user, ns, ret_errors);
    pthread_rwlock_unlock(&authorizer->index_lock);
    return rules ? rules : json_array();
}

json_t *authorizer_role_rules(struct authorizer *authorizer, enum rbac_kind kind, const char *ns,
                              const char *name)
{
    const json_t *rules = NULL;
    pthread_rwlock_rdlock(&authorizer->index_lock);
    if (authorizer->index)
        rules = rbac_role_rules(authorizer->index, kind, ns, name);
    json_t *copy = rules ? json_deep_copy(rules) : NULL;
    pthread_rwlock_unlock(&authorizer->index_lock);
    return copy;
}

static json_t *unsettled(struct authorizer *authorizer)
{
    json_t *list = NULL;
    pthread_rwlock_rdlock(&authorizer->index_lock);
    if (authorizer->index)
        list = rbac_unsettled(authorizer->index);
    pthread_rwlock_unlock(&authorizer->index_lock);
    return list;
}

json_t *authorizer_unsettled(struct authorizer *authorizer, int64_t not_before)
{
    pause_until(authorizer, &authorizer->changed, not_before);
    pthread_mutex_lock(&authorizer->lock);
    json_t *list = NULL;
    while (!authorizer->stopping && !list) {
        int64_t changes = authorizer->changes;
        pthread_mutex_unlock(&authorizer->lock);
        list = unsettled(authorizer);
        pthread_mutex_lock(&authorizer->lock);
        if (!list && changes == authorizer->changes && !authorizer->stopping)
            cond_wait(&authorizer->changed, &authorizer->lock, COND_NEVER);
    }
    pthread_mutex_unlock(&authorizer->lock);
    return list;
}
