/* What the tests of the store share. */
#ifndef TESTS_STORE_SUPPORT_H
#define TESTS_STORE_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <mot/store/store.h>

#include "lib/postgres.h"

#define RESOURCE "deployments.mot.dev"

/* One server for all tests of a program, a database of its own for each test. */
int group_setup(void **state);
int group_teardown(void **state);
struct postgres *the_server(void);
/* A new database's connection string; free() it. */
char *new_database(void);

struct store *open_store(const char *url);
struct store *open_store_with(const char *url, int64_t deadline_ms);

/* Ends the test with the error's message. */
#define must(call_)                                                                                \
    do {                                                                                           \
        struct err err_ = {.code = ERR_NONE};                                                      \
        must_be_good((call_), &err_, __FILE__, __LINE__);                                          \
    } while (0)
#define ERR (&err_)
void must_be_good(int result, const struct err *err, const char *file, int line);

struct store_write create_of(const char *ns, const char *name, const char *body);
struct store_write update_of(const char *ns, const char *name, int64_t expected, const char *body);
struct store_write delete_of(const char *ns, const char *name, int64_t expected, const char *body);
/* Writes it and returns the revision. */
int64_t put(struct store *store, struct store_write write);
/* The error's code, ERR_NONE when it was written. */
enum err_code try_put(struct store *store, struct store_write write);

/* "name:body name:body …" of all objects of RESOURCE at @at (0: now); free() it. */
char *list_text(struct store *store, int64_t at, size_t batch);
/* "+name =name -name …": the changes of RESOURCE after @after; free() it. */
char *changes_text(struct store *store, int64_t after);

#endif
