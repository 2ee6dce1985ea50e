/* Static bearer tokens, from a file of kube-apiserver's format: token,user,uid,"group1,group2". */
#ifndef MOT_API_AUTH_TOKENS_H
#define MOT_API_AUTH_TOKENS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "identity.h"

/* ---- a table: never changes */
struct token_table;

/* CSV as Go's reader takes it. -1 (NULL) for a line with fewer than three columns, or with a stray
 * quote; a line without a token counts for nothing, and the last of two with the same one holds. */
struct token_table *token_table_parse(const char *text, size_t len, struct err *err) MOT_NODISCARD;
void token_table_free(struct token_table *table);
size_t token_table_count(const struct token_table *table);
/* True with a copy in @ret_identity. How long it takes tells nothing of the tokens. */
bool token_table_find(const struct token_table *table, const char *token,
                      struct identity *ret_identity) MOT_NODISCARD;

/* ---- a file: its table follows it, any thread */
struct token_file;

struct token_file *token_file_open(const char *path, struct err *err) MOT_NODISCARD;
void token_file_free(struct token_file *file);
bool token_file_find(struct token_file *file, const char *token,
                     struct identity *ret_identity) MOT_NODISCARD;
/* How often the table has changed; looks at the file, at most once a second. */
uint64_t token_file_changes(struct token_file *file);

#endif
