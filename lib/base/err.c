#include <mot/base/err.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void store(struct err *err, const char *text, size_t len)
{
    if (len >= sizeof(err->message))
        len = sizeof(err->message) - 1;
    memcpy(err->message, text, len);
    err->message[len] = '\0';
}

/* Both build the text aside first: the arguments may well point into err->message. */

static int set(struct err *err, enum err_code code, int64_t floor, const char *format, va_list args)
    MOT_PRINTF(4, 0);

static int set(struct err *err, enum err_code code, int64_t floor, const char *format, va_list args)
{
    if (!err)
        return -1;
    char text[sizeof(err->message)];
    int len = vsnprintf(text, sizeof(text), format, args);
    err->code = code;
    err->floor = floor;
    store(err, text, len < 0 ? 0 : (size_t)len);
    return -1;
}

int err_set(struct err *err, enum err_code code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    set(err, code, 0, format, args);
    va_end(args);
    return -1;
}

int err_set_gone(struct err *err, int64_t floor, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    set(err, ERR_GONE, floor, format, args);
    va_end(args);
    return -1;
}

int err_wrap(struct err *err, const char *format, ...)
{
    if (!err)
        return -1;
    char text[2 * sizeof(err->message) + 2];
    va_list args;
    va_start(args, format);
    int written = vsnprintf(text, sizeof(err->message), format, args);
    va_end(args);
    size_t len = written < 0 ? 0 : strlen(text);
    size_t old = strlen(err->message);
    memcpy(text + len, ": ", 2);
    memcpy(text + len + 2, err->message, old);
    store(err, text, len + 2 + old);
    return -1;
}

const char *err_code_name(enum err_code code)
{
    switch (code) {
    case ERR_NONE:
        return "None";
    case ERR_INVALID:
        return "Invalid";
    case ERR_FORBIDDEN:
        return "Forbidden";
    case ERR_NOT_FOUND:
        return "NotFound";
    case ERR_EXISTS:
        return "Exists";
    case ERR_CONFLICT:
        return "Conflict";
    case ERR_GONE:
        return "Gone";
    case ERR_TOO_LARGE:
        return "TooLarge";
    case ERR_UNSUPPORTED:
        return "Unsupported";
    case ERR_TRANSIENT:
        return "Transient";
    case ERR_TIMEOUT:
        return "Timeout";
    case ERR_INTERNAL:
        return "Internal";
    }
    return "Unknown";
}
