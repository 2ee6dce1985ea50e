#include <mot/base/options.h>

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPTIONS_MAX 64
#define NAME_SIZE   64

struct parser {
    const struct command_spec *command;
    int argc;
    char **argv;
    int at;         /* the next argument to look at */
    int kept;       /* how many are no options */
    uint64_t given; /* one bit per option that stood on the command line */
};

/* "namespace|n": the long name before the bar, the letter after it; "n" alone is a letter. */
static size_t long_length(const struct option_spec *option)
{
    size_t len = strcspn(option->name, "|");
    return len == 1 ? 0 : len;
}

static char letter_of(const struct option_spec *option)
{
    const char *bar = strchr(option->name, '|');
    if (bar)
        return bar[1];
    return option->name[1] == '\0' ? option->name[0] : '\0';
}

/* As the user would write it, for errors and help. */
static const char *shown_name(const struct option_spec *option, char text[NAME_SIZE])
{
    size_t len = long_length(option);
    if (len > 0)
        snprintf(text, NAME_SIZE, "--%.*s", (int)len, option->name);
    else
        snprintf(text, NAME_SIZE, "-%c", letter_of(option));
    return text;
}

static const struct option_spec *find_long(const struct command_spec *command, const char *name,
                                           size_t len)
{
    for (const struct option_spec *option = command->options; option && option->name; option++)
        if (len > 0 && long_length(option) == len && strncmp(option->name, name, len) == 0)
            return option;
    return NULL;
}

static const struct option_spec *find_letter(const struct command_spec *command, char letter)
{
    for (const struct option_spec *option = command->options; option && option->name; option++)
        if (letter && letter_of(option) == letter)
            return option;
    return NULL;
}

static int set_flag(bool *target, const char *text, const char *source, struct err *err)
{
    static const char *const words[][2] = {{"true", "false"}, {"1", "0"}, {"yes", "no"}};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(text, words[i][0]) == 0 || strcmp(text, words[i][1]) == 0) {
            *target = strcmp(text, words[i][0]) == 0;
            return 0;
        }
    }
    return err_set(err, ERR_INVALID, "%s: \"%.64s\" is neither true nor false", source, text);
}

static int set_int(int *target, const char *text, const char *source, struct err *err)
{
    char *end;
    errno = 0;
    long number = strtol(text, &end, 10);
    if (end == text || *end || isspace((unsigned char)text[0]))
        return err_set(err, ERR_INVALID, "%s: \"%.64s\" is not a number", source, text);
    if (errno || number < INT_MIN || number > INT_MAX)
        return err_set(err, ERR_INVALID, "%s: %.64s is out of range", source, text);
    *target = (int)number;
    return 0;
}

static int add_item(struct option_list *list, const char *text, const char *source, struct err *err)
{
    size_t max = sizeof(list->items) / sizeof(list->items[0]);
    if (list->count == max)
        return err_set(err, ERR_INVALID, "%s: given more than %zu times", source, max);
    list->items[list->count++] = text;
    return 0;
}

/* @source names where the value stood: the option or the environment variable. */
static int set_value(const struct option_spec *option, const char *text, const char *source,
                     struct err *err)
{
    switch (option->type) {
    case OPTION_FLAG:
        return set_flag(option->target, text, source, err);
    case OPTION_INT:
        return set_int(option->target, text, source, err);
    case OPTION_STRING:
        *(const char **)option->target = text;
        return 0;
    case OPTION_LIST:
        return add_item(option->target, text, source, err);
    }
    return err_set(err, ERR_INTERNAL, "%s: an option without a type", source);
}

/* @value stood in the same argument as the option, or is NULL. */
static int take_option(struct parser *parser, const struct option_spec *option, const char *value,
                       struct err *err)
{
    char name[NAME_SIZE];
    shown_name(option, name);
    if (!value && option->type == OPTION_FLAG)
        value = "true";
    if (!value) {
        if (parser->at >= parser->argc)
            return err_set(err, ERR_INVALID, "%s needs a value (%s)", name,
                           option->value ? option->value : "VALUE");
        value = parser->argv[parser->at++];
    }
    size_t index = (size_t)(option - parser->command->options);
    assert(index < OPTIONS_MAX);
    parser->given |= UINT64_C(1) << index;
    return set_value(option, value, name, err);
}

static int take_long(struct parser *parser, const char *argument, struct err *err)
{
    const char *name = argument + 2;
    size_t len = strcspn(name, "=");
    const struct option_spec *option = find_long(parser->command, name, len);
    if (!option)
        return err_set(err, ERR_INVALID, "unknown option %.64s (see %s --help)", argument,
                       parser->command->name);
    return take_option(parser, option, name[len] ? name + len + 1 : NULL, err);
}

static int take_short(struct parser *parser, const char *argument, struct err *err)
{
    const struct option_spec *option = find_letter(parser->command, argument[1]);
    if (!option || (argument[2] && option->type == OPTION_FLAG))
        return err_set(err, ERR_INVALID, "unknown option %.64s (see %s --help)", argument,
                       parser->command->name);
    return take_option(parser, option, argument[2] ? argument + 2 : NULL, err);
}

static void keep(struct parser *parser, char *argument)
{
    parser->argv[++parser->kept] = argument;
}

static bool asks_for_help(const struct parser *parser, const char *argument)
{
    if (strcmp(argument, "-h") == 0)
        return !find_letter(parser->command, 'h');
    return strcmp(argument, "--help") == 0;
}

/* 0: go on, 1: help was asked for. */
static int take_argument(struct parser *parser, struct err *err)
{
    char *argument = parser->argv[parser->at++];
    if (asks_for_help(parser, argument)) {
        options_help(parser->command);
        return 1;
    }
    if (strcmp(argument, "--") == 0) {
        while (parser->at < parser->argc)
            keep(parser, parser->argv[parser->at++]);
        return 0;
    }
    if (strncmp(argument, "--", 2) == 0)
        return take_long(parser, argument, err);
    if (argument[0] == '-' && argument[1])
        return take_short(parser, argument, err);
    keep(parser, argument);
    return 0;
}

static const char *variable_of(const struct option_spec *option, char text[NAME_SIZE])
{
    snprintf(text, NAME_SIZE, "MOT_%.*s", (int)long_length(option), option->name);
    for (char *c = text; *c; c++)
        *c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
    return text;
}

/* For what the command line left open. */
static int take_environment(const struct parser *parser, struct err *err)
{
    const struct option_spec *options = parser->command->options;
    for (size_t i = 0; options && options[i].name; i++) {
        if ((parser->given & (UINT64_C(1) << i)) || long_length(&options[i]) == 0)
            continue;
        char name[NAME_SIZE];
        const char *text = getenv(variable_of(&options[i], name));
        if (text && text[0] && set_value(&options[i], text, name, err) < 0)
            return -1;
    }
    return 0;
}

int options_parse(const struct command_spec *command, int argc, char **argv, int *ret_args,
                  struct err *err)
{
    struct parser parser = {.command = command, .argc = argc, .argv = argv, .at = 1};
    while (parser.at < argc) {
        int ret = take_argument(&parser, err);
        if (ret != 0)
            return ret;
    }
    if (take_environment(&parser, err) < 0)
        return -1;
    *ret_args = parser.kept;
    return 0;
}

static int left_column(const struct option_spec *option, char *text, size_t size)
{
    size_t len = long_length(option);
    char letter = letter_of(option);
    char letter_text[8] = "    ";
    if (letter)
        snprintf(letter_text, sizeof(letter_text), "-%c%s", letter, len > 0 ? ", " : "");
    return snprintf(text, size, "%s%s%.*s%s%s", letter_text, len > 0 ? "--" : "", (int)len,
                    option->name, option->value ? " " : "", option->value ? option->value : "");
}

static void help_options(const struct option_spec *options)
{
    char left[128];
    int width = 0;
    for (const struct option_spec *option = options; option->name; option++) {
        int len = left_column(option, left, sizeof(left));
        width = len > width && len <= 32 ? len : width;
    }
    printf("\nOptions:\n");
    for (const struct option_spec *option = options; option->name; option++) {
        left_column(option, left, sizeof(left));
        printf("  %-*s  %s\n", width, left, option->help ? option->help : "");
    }
    printf(
        "\nAn option can also come from the environment: MOT_SOME_NAME stands for --some-name.\n");
}

void options_help(const struct command_spec *command)
{
    bool has_options = command->options && command->options[0].name;
    bool has_arguments = command->arguments && command->arguments[0];
    printf("Usage: %s%s%s%s\n\n%s\n", command->name, has_options ? " [options]" : "",
           has_arguments ? " " : "", has_arguments ? command->arguments : "",
           command->summary ? command->summary : "");
    if (command->details)
        printf("\n%s\n", command->details);
    if (has_options)
        help_options(command->options);
}
