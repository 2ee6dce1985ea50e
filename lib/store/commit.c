#include "store_private.h"

#include <string.h>

#include <mot/base/clock.h>
#include <mot/base/mem.h>

#include "keyset.h"

#define BYTES_MAX ((size_t)128 << 20)

static size_t bytes_of(const struct store_commit *commit)
{
    size_t bytes = 0;

    for (size_t i = 0; i < commit->write_count; i++)
        bytes += commit->writes[i].body_len + 512;
    return bytes;
}

/* An object or a position may be named once in a call: there is no order within a transaction. */
static int check(const struct store_commit *commit, struct err *err)
{
    struct keyset *keys;
    bool twice = false;

    if (commit->write_count > BATCH_WRITES || commit->position_count > BATCH_WRITES)
        return err_set(err, ERR_TOO_LARGE, "%zu writes in one call, the maximum is %d",
                       commit->write_count, BATCH_WRITES);
    if (bytes_of(commit) > BYTES_MAX)
        return err_set(err, ERR_TOO_LARGE, "over %zu bytes in one call", BYTES_MAX);
    if (commit->write_count + commit->position_count < 2)
        return 0;
    keys = keyset_new(commit->write_count + commit->position_count);
    for (size_t i = 0; i < commit->write_count; i++)
        twice |= !keyset_add(keys, keyset_of_object(&commit->writes[i].key));
    for (size_t i = 0; i < commit->position_count; i++)
        twice |= !keyset_add(keys, keyset_of_position(commit->positions[i].name));
    keyset_free(keys);
    if (twice)
        return err_set(err, ERR_INVALID, "one call names an object or a position twice");
    return 0;
}

int store_commit(struct store *store, struct store_commit *commit, struct err *err)
{
    struct err local = {.code = ERR_NONE};
    struct request request = {.commit = commit, .bytes = bytes_of(commit), .err = &local};
    size_t rows = commit->write_count + commit->position_count + commit->mark_count;
    int64_t began_us;

    if (check(commit, err) < 0)
        return -1;
    for (size_t i = 0; i < commit->write_count; i++) {
        commit->writes[i].result = ERR_NONE;
        commit->writes[i].revision = 0;
    }
    if (rows == 0)
        return 0;
    request.cost = commit->write_count > 0 ? commit->write_count : 1;
    if (commit->position_count > request.cost)
        request.cost = commit->position_count;
    began_us = clock_us();
    request.queued_at = clock_ms();
    request.deadline = request.queued_at + store->deadline_ms;
    writer_commit(store->writer, &request);
    histogram_add(&store->metrics.commit_us, clock_us() - began_us);
    if (request.code == ERR_NONE)
        return 0;
    atomic_fetch_add_explicit(&store->metrics.failures, 1, memory_order_relaxed);
    return err_set(err, request.code, "%s", local.message);
}

static const char *refusal(enum err_code code)
{
    if (code == ERR_EXISTS)
        return "it exists already";
    if (code == ERR_NOT_FOUND)
        return "not found";
    if (code == ERR_FORBIDDEN)
        return "its namespace is not there, or is being deleted";
    return "it was changed by somebody else";
}

int store_write(struct store *store, struct store_write *write, struct err *err)
{
    struct store_commit commit = {.writes = write, .write_count = 1};

    if (store_commit(store, &commit, err) < 0)
        return -1;
    if (write->result == ERR_NONE)
        return 0;
    return err_set(err, write->result, "%s", refusal(write->result));
}
