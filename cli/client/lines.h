/* A stream cut into lines: a watch sends one JSON document per line. */
#ifndef MOT_CLI_CLIENT_LINES_H
#define MOT_CLI_CLIENT_LINES_H

#include <stddef.h>

#include <mot/base/buf.h>
#include <mot/base/err.h>

#define LINE_MAX_BYTES ((size_t)16 << 20)

struct lines {
    struct buf rest; /* of an unfinished line */
};

/* 0 to go on, 1 to stop, -1 with @err. @line is NUL-terminated and has no newline. */
typedef int lines_visit(void *context, const char *line, size_t len, struct err *err);

void lines_init(struct lines *lines);
void lines_release(struct lines *lines);
/* Visits every line that @data completes; empty ones are left out. Returns what the visitor did
 * last. */
int lines_add(struct lines *lines, const char *data, size_t len, lines_visit *visit, void *context,
              struct err *err) MOT_NODISCARD;

#endif
