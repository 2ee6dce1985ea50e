/*
 * Command lines. A command is one table; parsing, environment variables and --help all read it.
 *
 *     static struct settings s = {.port = 8080};
 *     const struct option_spec options[] = {
 *         {"port", "N", OPTION_INT, &s.port, "the port to listen on (default 8080)"},
 *         {"verbose", NULL, OPTION_FLAG, &s.verbose, "say more"},
 *         {0}};
 *
 * Accepted: --name value, --name=value, -x value for a one-letter name, -- ends the options.
 * Options and other arguments may be mixed. An option with a long name that is not on the command
 * line is taken from the environment: MOT_LOG_FILE for --log-file (a list gets one item). -h is
 * --help unless it is in the table. A table has at most 64 options.
 */
#ifndef MOT_BASE_OPTIONS_H
#define MOT_BASE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include <mot/base/err.h>

enum option_type {
    OPTION_FLAG,   /* bool */
    OPTION_INT,    /* int */
    OPTION_STRING, /* const char *, borrowed from argv */
    OPTION_LIST,   /* struct option_list */
};

struct option_list {
    const char *items[64];
    size_t count;
};

struct option_spec {
    const char *name;  /* "port"; with a short form: "namespace|n" */
    const char *value; /* what stands for it in the help text; NULL for flags */
    enum option_type type;
    void *target;
    const char *help;
};

struct command_spec {
    const char *name;      /* "mot api" */
    const char *arguments; /* "NAME…" or "" */
    const char *summary;   /* one sentence */
    const char *details;   /* paragraphs, or NULL */
    const struct option_spec *options;
};

/*
 * Parses argv[1…]; other arguments are moved to argv[1…] in order and counted in @ret_args.
 * Returns 0; 1 when --help was asked and printed; -1 with an error that names the option.
 */
int options_parse(const struct command_spec *command, int argc, char **argv, int *ret_args,
                  struct err *err) MOT_NODISCARD;
void options_help(const struct command_spec *command);

#endif
