#include "tokens.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/sha.h>

#include <mot/base/buf.h>
#include <mot/base/clock.h>
#include <mot/base/file.h>
#include <mot/base/log.h>
#include <mot/base/map.h>
#include <mot/base/mem.h>

#define FILE_MAX      ((size_t)16 << 20)
#define COLUMNS_MAX   64
#define LOOK_EVERY_MS 1000
#define DIGEST_TEXT   (SHA256_DIGEST_LENGTH * 2 + 1)

struct token_table {
    struct map *by_digest; /* SHA-256 of the token, in hexadecimal → struct identity */
};

static void digest_of(const char *token, char text[DIGEST_TEXT])
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256((const unsigned char *)token, strlen(token), digest);
    for (size_t i = 0; i < sizeof(digest); i++)
        snprintf(text + i * 2, 3, "%02x", digest[i]);
}

/* -------------------------------------------------------------------------------- CSV */

struct csv {
    const char *at, *end;
    int line;
    char *columns[COLUMNS_MAX];
    size_t count;
};

static void forget_columns(struct csv *csv)
{
    for (size_t i = 0; i < csv->count; i++)
        free(csv->columns[i]);
    csv->count = 0;
}

static bool at_line_end(const struct csv *csv)
{
    return csv->at == csv->end || *csv->at == '\n' ||
           (*csv->at == '\r' && csv->at + 1 < csv->end && csv->at[1] == '\n');
}

static int read_quoted(struct csv *csv, struct buf *column)
{
    for (csv->at++; csv->at < csv->end; csv->at++) {
        if (*csv->at == '"') {
            if (csv->at + 1 == csv->end || csv->at[1] != '"') {
                csv->at++;
                return at_line_end(csv) || *csv->at == ',' ? 0 : -1;
            }
            csv->at++;
        }
        csv->line += *csv->at == '\n';
        buf_addc(column, *csv->at);
    }
    return -1;
}

static int read_bare(struct csv *csv, struct buf *column)
{
    for (; !at_line_end(csv) && *csv->at != ','; csv->at++) {
        if (*csv->at == '"')
            return -1;
        buf_addc(column, *csv->at);
    }
    return 0;
}

static bool is_utf8(const char *text)
{
    json_t *value = json_string(text);
    json_decref(value);
    return value != NULL;
}

/* The columns of the next line that is not empty; 0 when there is none, -1 when it is malformed. */
static int read_line(struct csv *csv)
{
    forget_columns(csv);
    while (csv->at < csv->end && at_line_end(csv)) {
        csv->line += *csv->at == '\n';
        csv->at++;
    }
    if (csv->at == csv->end)
        return 0;
    for (;;) {
        struct buf column;
        buf_init(&column, FILE_MAX);
        bool quoted = csv->at < csv->end && *csv->at == '"';
        int result = quoted ? read_quoted(csv, &column) : read_bare(csv, &column);
        bool nul = column.len > 0 && memchr(column.data, '\0', column.len);
        if (csv->count == COLUMNS_MAX || nul || (column.len > 0 && !is_utf8(column.data)))
            result = -1;
        if (result == 0)
            csv->columns[csv->count++] = buf_take(&column);
        buf_release(&column);
        if (result < 0)
            return -1;
        if (at_line_end(csv))
            return 1;
        csv->at++; /* the comma */
    }
}

/* -------------------------------------------------------------------------------- the table */

static void free_identity(void *value)
{
    identity_release(value);
    free(value);
}

static void add_groups(struct identity *identity, const char *list)
{
    for (;;) {
        size_t len = strcspn(list, ",");
        AUTO_FREE char *group = mem_strndup(list, len);
        if (len > 0)
            identity_add_group(identity, group);
        if (!list[len])
            return;
        list += len + 1;
    }
}

static int add_line(struct token_table *table, const struct csv *csv, struct err *err)
{
    char digest[DIGEST_TEXT];
    if (csv->count < 3)
        return err_set(err, ERR_INVALID,
                       "line %d: a token, a user and a uid are expected (token,user,uid,"
                       "\"group1,group2\"), and there are %zu columns",
                       csv->line, csv->count);
    if (!csv->columns[0][0] || !csv->columns[1][0])
        return 0;
    struct identity *identity = mem_alloc(sizeof(*identity));
    *identity = identity_new(csv->columns[1], csv->columns[2]);
    if (csv->count > 3)
        add_groups(identity, csv->columns[3]);
    digest_of(csv->columns[0], digest);
    map_put(table->by_digest, digest, identity);
    return 0;
}

struct token_table *token_table_parse(const char *text, size_t len, struct err *err)
{
    struct token_table *table = mem_zalloc(sizeof(*table));
    struct csv csv = {.at = text, .end = text + len, .line = 1};
    int result;
    table->by_digest = map_new(free_identity);
    while ((result = read_line(&csv)) > 0)
        if (add_line(table, &csv, err) < 0)
            break;
    if (result < 0)
        err_set(err, ERR_INVALID, "line %d: a stray quote, too many columns or no UTF-8", csv.line);
    forget_columns(&csv);
    if (result == 0)
        return table;
    token_table_free(table);
    return NULL;
}

void token_table_free(struct token_table *table)
{
    if (!table)
        return;
    map_free(table->by_digest);
    free(table);
}

size_t token_table_count(const struct token_table *table)
{
    return map_count(table->by_digest);
}

bool token_table_find(const struct token_table *table, const char *token,
                      struct identity *ret_identity)
{
    char digest[DIGEST_TEXT];
    digest_of(token, digest);
    const struct identity *identity = map_get(table->by_digest, digest);
    if (identity)
        *ret_identity = identity_copy(identity);
    return identity != NULL;
}

/* -------------------------------------------------------------------------------- the file */

struct token_file {
    char *path;
    pthread_mutex_t lock; /* of what follows */
    struct file_stamp stamp;
    int64_t looked_ms;
    struct token_table *table;
    uint64_t changes;
};

static struct token_table *load(const char *path, struct err *err)
{
    size_t len = 0;
    AUTO_FREE char *text = file_read(path, FILE_MAX, &len, err);
    struct token_table *table = text ? token_table_parse(text, len, err) : NULL;
    if (text && !table)
        err_wrap(err, "%s", path);
    return table;
}

struct token_file *token_file_open(const char *path, struct err *err)
{
    struct file_stamp stamp = file_stamp(path);
    struct token_table *table = load(path, err);
    if (!table)
        return NULL;
    struct token_file *file = mem_zalloc(sizeof(*file));
    pthread_mutex_init(&file->lock, NULL);
    file->path = mem_strdup(path);
    file->stamp = stamp;
    file->looked_ms = clock_ms();
    file->table = table;
    return file;
}

void token_file_free(struct token_file *file)
{
    if (!file)
        return;
    token_table_free(file->table);
    pthread_mutex_destroy(&file->lock);
    free(file->path);
    free(file);
}

/* With the lock held. What can't be read changes nothing and is logged once. */
static void follow(struct token_file *file)
{
    int64_t now = clock_ms();
    if (now < file->looked_ms + LOOK_EVERY_MS)
        return;
    file->looked_ms = now;
    struct file_stamp before = file->stamp;
    if (!file_stamp_renew(&file->stamp, file->path))
        return;
    struct err err = {0};
    struct token_table *table = load(file->path, &err);
    if (!table) {
        if (err.code == ERR_TRANSIENT) /* it may be all right: the next look reads it again */
            file->stamp = before;
        log_warn("the changed token file can't be used: the tokens before it still hold",
                 LOG_S("why", err.message));
        return;
    }
    token_table_free(file->table);
    file->table = table;
    file->changes++;
    log_info("read the changed token file", LOG_S("file", file->path),
             LOG_I("tokens", token_table_count(table)));
}

bool token_file_find(struct token_file *file, const char *token, struct identity *ret_identity)
{
    pthread_mutex_lock(&file->lock);
    follow(file);
    bool found = token_table_find(file->table, token, ret_identity);
    pthread_mutex_unlock(&file->lock);
    return found;
}

uint64_t token_file_changes(struct token_file *file)
{
    pthread_mutex_lock(&file->lock);
    follow(file);
    uint64_t changes = file->changes;
    pthread_mutex_unlock(&file->lock);
    return changes;
}
