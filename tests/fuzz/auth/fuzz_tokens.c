/* Token files, and the tokens in a WebSocket handshake. */
#include <stdlib.h>
#include <string.h>

#include <mot/base/mem.h>

#include <api/auth/bearer.h>
#include <api/auth/tokens.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_for_bearer(const char *name, const char *value)
{
    const struct http_header header = {name, value};
    const struct http_request request = {.headers = &header, .header_count = 1, .websocket = true};
    char *token = NULL;
    if (bearer_find(&request, &token, NULL) == 0 && token && (!*token || strpbrk(token, " \t")))
        abort();
    free(token);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct token_table *table = token_table_parse(text, size, NULL);
    AUTO_FREE char *line = mem_strndup(text, size);
    line[strcspn(line, "\r\n")] = '\0';
    if (table) {
        struct identity identity = {0};
        AUTO_FREE char *token = mem_strndup(line, strcspn(line, ","));
        if (token_table_find(table, token, &identity) && !*identity.name)
            abort();
        if (token_table_find(table, "", &identity))
            abort();
        identity_release(&identity);
    }
    token_table_free(table);
    look_for_bearer("authorization", line);
    look_for_bearer("sec-websocket-protocol", line);
    return 0;
}
