/* Times as Go's time.Parse reads them by the layout of RFC 3339, and what it says of those that it
 * does not. */
#include <ctype.h>
#include <string.h>

#include <mot/base/buf.h>

#include "internal.h"

#define LAYOUT "2006-01-02T15:04:05Z07:00"

struct reader {
    const char *whole;
    const char *at;
    struct err *err;
};

/* time's own quoting: what is no printable ASCII goes byte by byte. */
static void write_quoted(struct buf *buf, const char *text)
{
    buf_addc(buf, '"');
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c >= 0x80 || c < 0x20)
            buf_addf(buf, "\\x%02x", c);
        else
            buf_addf(buf, "%s%c", c == '"' || c == '\\' ? "\\" : "", c);
    }
    buf_addc(buf, '"');
}

static int refuse(const struct reader *reader, const char *element, const char *rest)
{
    struct buf text;
    buf_init(&text, BUF_MAX_DEFAULT);
    buf_adds(&text, "parsing time ");
    write_quoted(&text, reader->whole);
    buf_adds(&text, " as ");
    write_quoted(&text, LAYOUT);
    buf_adds(&text, ": cannot parse ");
    write_quoted(&text, rest);
    buf_adds(&text, " as ");
    write_quoted(&text, element);
    err_set(reader->err, ERR_INVALID, "%s", text.data);
    buf_release(&text);
    return -1;
}

/* @rest: what else is to be quoted; NULL for nothing. */
static int refuse_because(const struct reader *reader, const char *why, const char *rest)
{
    struct buf text;
    buf_init(&text, BUF_MAX_DEFAULT);
    buf_adds(&text, "parsing time ");
    write_quoted(&text, reader->whole);
    buf_addf(&text, ": %s", why);
    if (rest)
        write_quoted(&text, rest);
    err_set(reader->err, ERR_INVALID, "%s", text.data);
    buf_release(&text);
    return -1;
}

static bool is_digit(char c)
{
    return isdigit((unsigned char)c) != 0;
}

/* Two digits, or one where that is enough; -1 for none. */
static int read_number(const char **at, bool fixed)
{
    const char *text = *at;
    if (!is_digit(text[0]) || (fixed && !is_digit(text[1])))
        return -1;
    int number = text[0] - '0';
    if (is_digit(text[1]))
        number = number * 10 + (text[1] - '0');
    *at += is_digit(text[1]) ? 2 : 1;
    return number;
}

static int skip(struct reader *reader, const char *prefix)
{
    if (*reader->at != *prefix)
        return refuse(reader, prefix, reader->at);
    reader->at++;
    return 0;
}

/* -1 refused. */
static int read_part(struct reader *reader, const char *element, bool fixed, int low, int high,
                     const char *why)
{
    const char *hold = reader->at;
    int number = read_number(&reader->at, fixed);
    if (number < 0)
        return refuse(reader, element, hold);
    if (number < low || number > high)
        return refuse_because(reader, why, NULL);
    return number;
}

static int read_year(struct reader *reader)
{
    int year = 0;
    for (int i = 0; i < 4; i++) {
        if (!is_digit(reader->at[i]))
            return refuse(reader, "2006", reader->at);
        year = year * 10 + (reader->at[i] - '0');
    }
    reader->at += 4;
    return year;
}

static void skip_fraction(struct reader *reader)
{
    if ((*reader->at != '.' && *reader->at != ',') || !is_digit(reader->at[1]))
        return;
    reader->at++;
    while (is_digit(*reader->at))
        reader->at++;
}

static int read_zone(struct reader *reader)
{
    const char *hold = reader->at;
    if (*hold == 'Z') {
        reader->at++;
        return 0;
    }
    bool sign = *hold == '+' || *hold == '-';
    if (strlen(hold) < 6 || hold[3] != ':')
        return refuse(reader, "Z07:00", hold);
    const char *hour = hold + 1;
    const char *minute = hold + 4;
    int hours = read_number(&hour, true);
    int minutes = read_number(&minute, true);
    reader->at += 6;
    if (hours < 0 || minutes < 0)
        return refuse(reader, "Z07:00", hold);
    if (hours > 24)
        return refuse_because(reader, "time zone offset hour out of range", NULL);
    if (minutes > 60)
        return refuse_because(reader, "time zone offset minute out of range", NULL);
    return sign ? 0 : refuse(reader, "Z07:00", hold);
}

static int days_in(int month, int year)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

int check_go_time(const char *text, struct err *err)
{
    struct reader reader = {text, text, err};
    int year = read_year(&reader);
    if (year < 0 || skip(&reader, "-") != 0)
        return -1;
    int month = read_part(&reader, "01", true, 1, 12, "month out of range");
    if (month < 0 || skip(&reader, "-") != 0)
        return -1;
    int day = read_part(&reader, "02", true, 0, 99, "");
    if (day < 0 || skip(&reader, "T") != 0)
        return -1;
    if (read_part(&reader, "15", false, 0, 23, "hour out of range") < 0 || skip(&reader, ":") != 0)
        return -1;
    if (read_part(&reader, "04", true, 0, 59, "minute out of range") < 0 || skip(&reader, ":") != 0)
        return -1;
    if (read_part(&reader, "05", true, 0, 59, "second out of range") < 0)
        return -1;
    skip_fraction(&reader);
    if (read_zone(&reader) != 0)
        return -1;
    if (*reader.at)
        return refuse_because(&reader, "extra text: ", reader.at);
    if (day < 1 || day > days_in(month, year))
        return refuse_because(&reader, "day out of range", NULL);
    return 0;
}
