/*
 * Structured logs: one logfmt line per event on stderr, written with one write(2).
 *
 *     log_info("instance started", LOG_S("name", name), LOG_I("pid", pid));
 *     → ts=2026-11-23T12:57:31.201Z level=info component=reconciler msg="instance started" name=…
 * pid=…
 *
 * Any thread may log; log_init comes before the threads. Strings are quoted where logfmt needs it;
 * a NULL or empty string is left out.
 */
#ifndef MOT_BASE_LOG_H
#define MOT_BASE_LOG_H

#include <stdint.h>

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

struct log_field {
    const char *key;
    const char *text;
    int64_t number;
};

/* A function, as the compilers object to asking whether an array or a literal is NULL. */
static inline struct log_field log_text_field(const char *key, const char *text)
{
    return (struct log_field){.key = key, .text = text ? text : ""};
}

#define LOG_S(key_, text_)   log_text_field((key_), (text_))
#define LOG_I(key_, number_) ((struct log_field){.key = (key_), .number = (int64_t)(number_)})
#define LOG_NONE             ((struct log_field){0})

/* @fields ends with an element without key. */
void log_write(enum log_level level, const char *message, const struct log_field *fields);

#define LOG_FIELDS_(...)     ((const struct log_field[]){__VA_ARGS__, {0}})
#define log_debug(msg_, ...) log_write(LOG_LEVEL_DEBUG, msg_, LOG_FIELDS_(__VA_ARGS__))
#define log_info(msg_, ...)  log_write(LOG_LEVEL_INFO, msg_, LOG_FIELDS_(__VA_ARGS__))
#define log_warn(msg_, ...)  log_write(LOG_LEVEL_WARN, msg_, LOG_FIELDS_(__VA_ARGS__))
#define log_error(msg_, ...) log_write(LOG_LEVEL_ERROR, msg_, LOG_FIELDS_(__VA_ARGS__))

/* The component and (optional, may be NULL) region that stand in each line of this process. */
void log_init(const char *component, const char *region);
/* From "debug", "info", "warn" or "error"; -1 for anything else. MOT_LOG_LEVEL does the same in
 * log_init. */
int log_set_level(const char *name);

#endif
