/*
 * A line is built on the stack and is never longer than what write(2) puts into a pipe in one
 * piece. A field that does not fit any more is left out and the line says cut=true.
 */
#include <mot/base/log.h>

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mot/base/clock.h>

#include "utf8.h"

#define CUT       " cut=true\n"
#define VALUE_MAX 1024

struct line {
    char data[PIPE_BUF];
    size_t len;
    bool full; /* since the last line_mark */
};

static const char *const level_names[] = {"debug", "info", "warn", "error"};

static atomic_int threshold = LOG_LEVEL_INFO;
static char component[64];
static char region[64];

static void line_add(struct line *line, const char *text, size_t len)
{
    if (line->full || len > sizeof(line->data) - sizeof(CUT) - line->len) {
        line->full = true;
        return;
    }
    memcpy(line->data + line->len, text, len);
    line->len += len;
}

static void line_adds(struct line *line, const char *text)
{
    line_add(line, text, strlen(text));
}

static bool needs_quotes(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c <= ' ' || c == '=' || c == '"' || c == '\\' || c == 0x7F)
            return true;
    }
    return len == 0;
}

static void add_character(struct line *line, unsigned char c)
{
    char escaped[8] = {(char)c, '\0'};
    if (c == '\n' || c == '\r' || c == '\t')
        snprintf(escaped, sizeof(escaped), "\\%c", c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
    else if (c == '"' || c == '\\')
        snprintf(escaped, sizeof(escaped), "\\%c", c);
    else if (c < ' ' || c == 0x7F)
        snprintf(escaped, sizeof(escaped), "\\u%04x", c);
    line_adds(line, escaped);
}

static void add_value(struct line *line, const char *text)
{
    size_t len = strnlen(text, VALUE_MAX + 1);
    bool cut = len > VALUE_MAX;
    const unsigned char *bytes = (const unsigned char *)text;
    if (cut)
        for (len = VALUE_MAX; len > 0 && (bytes[len] & 0xC0) == 0x80;)
            len--;
    bool quoted = needs_quotes(text, len);
    if (quoted)
        line_add(line, "\"", 1);
    for (size_t i = 0; i < len;) {
        size_t n = utf8_length(bytes + i, len - i);
        if (n == 1)
            add_character(line, bytes[i]);
        else if (n > 1)
            line_add(line, text + i, n);
        else
            line_adds(line, UTF8_REPLACEMENT);
        i += n > 0 ? n : 1;
    }
    if (cut)
        line_adds(line, "…");
    if (quoted)
        line_add(line, "\"", 1);
}

/* Adds " key=value" whole or not at all. */
static bool add_field(struct line *line, const char *key, const char *text)
{
    size_t start = line->len;
    if (start > 0)
        line_add(line, " ", 1);
    line_adds(line, key);
    line_add(line, "=", 1);
    add_value(line, text);
    if (!line->full)
        return true;
    line->len = start;
    line->full = false;
    return false;
}

static bool add_fields(struct line *line, const struct log_field *fields)
{
    bool all = true;
    for (const struct log_field *field = fields; field && field->key; field++) {
        char number[24];
        snprintf(number, sizeof(number), "%" PRId64, field->number);
        if (!field->text)
            all &= add_field(line, field->key, number);
        else if (field->text[0] != '\0')
            all &= add_field(line, field->key, field->text);
    }
    return all;
}

void log_write(enum log_level level, const char *message, const struct log_field *fields)
{
    if ((int)level < atomic_load_explicit(&threshold, memory_order_relaxed))
        return;
    int saved = errno;
    char time[CLOCK_TEXT_SIZE];
    struct line line;
    line.len = 0;
    line.full = false;
    add_field(&line, "ts", clock_format_ms(clock_wall_ms(), time));
    add_field(&line, "level", level_names[level]);
    if (component[0])
        add_field(&line, "component", component);
    if (region[0])
        add_field(&line, "region", region);
    bool all = add_field(&line, "msg", message);
    all &= add_fields(&line, fields);
    const char *end = all ? "\n" : CUT;
    memcpy(line.data + line.len, end, strlen(end));
    line.len += strlen(end);
    while (write(STDERR_FILENO, line.data, line.len) < 0 && errno == EINTR)
        continue;
    errno = saved;
}

void log_init(const char *component_name, const char *region_name)
{
    snprintf(component, sizeof(component), "%s", component_name ? component_name : "");
    snprintf(region, sizeof(region), "%s", region_name ? region_name : "");
    const char *level = getenv("MOT_LOG_LEVEL");
    if (level && level[0] && log_set_level(level) < 0)
        log_warn("MOT_LOG_LEVEL is none of debug, info, warn and error", LOG_S("value", level));
}

int log_set_level(const char *name)
{
    for (size_t i = 0; name && i < sizeof(level_names) / sizeof(level_names[0]); i++) {
        if (strcmp(level_names[i], name) == 0) {
            atomic_store(&threshold, (int)i);
            return 0;
        }
    }
    return -1;
}
