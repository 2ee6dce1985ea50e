#include <mot/base/clock.h>

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static struct timespec now(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return time;
}

int64_t clock_ms(void)
{
    struct timespec time = now(CLOCK_MONOTONIC);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

int64_t clock_us(void)
{
    struct timespec time = now(CLOCK_MONOTONIC);
    return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

int64_t clock_wall_ms(void)
{
    struct timespec time = now(CLOCK_REALTIME);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

void clock_sleep_ms(int64_t ms)
{
    if (ms <= 0)
        return;
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    while (nanosleep(&left, &left) < 0 && errno == EINTR)
        continue;
}

/* Splits into whole seconds and 0 … 999 ms, also before 1970. */
static int64_t split(int64_t wall_ms, struct tm *ret_tm)
{
    int64_t ms = wall_ms % 1000;
    if (ms < 0)
        ms += 1000;
    time_t seconds = (time_t)((wall_ms - ms) / 1000);
    *ret_tm = (struct tm){.tm_mday = 1, .tm_year = 70};
    gmtime_r(&seconds, ret_tm);
    return ms;
}

char *clock_format(int64_t wall_ms, char text[CLOCK_TEXT_SIZE])
{
    struct tm tm;
    split(wall_ms, &tm);
    strftime(text, CLOCK_TEXT_SIZE, "%Y-%m-%dT%H:%M:%SZ", &tm);
    return text;
}

char *clock_format_ms(int64_t wall_ms, char text[CLOCK_TEXT_SIZE])
{
    struct tm tm;
    int64_t ms = split(wall_ms, &tm);
    size_t len = strftime(text, CLOCK_TEXT_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(text + len, CLOCK_TEXT_SIZE - len, ".%03" PRId64 "Z", ms);
    return text;
}

/* Exactly @digits digits at *@at; moves on and returns the number, or -1. */
static int take_digits(const char **at, int digits)
{
    int number = 0;
    for (int i = 0; i < digits; i++) {
        if (!isdigit((unsigned char)**at))
            return -1;
        number = number * 10 + (*(*at)++ - '0');
    }
    return number;
}

static bool take_char(const char **at, const char *one_of)
{
    if (**at == '\0' || !strchr(one_of, **at))
        return false;
    (*at)++;
    return true;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return month == 2 && leap ? 29 : days[month - 1];
}

static bool take_date(const char **at, struct tm *tm)
{
    int year = take_digits(at, 4);
    if (year < 0 || !take_char(at, "-"))
        return false;
    int month = take_digits(at, 2);
    if (month < 1 || month > 12 || !take_char(at, "-"))
        return false;
    int day = take_digits(at, 2);
    if (day < 1 || day > days_in_month(year, month))
        return false;
    tm->tm_year = year - 1900;
    tm->tm_mon = month - 1;
    tm->tm_mday = day;
    return true;
}

static bool take_time(const char **at, struct tm *tm)
{
    tm->tm_hour = take_digits(at, 2);
    if (tm->tm_hour < 0 || tm->tm_hour > 23 || !take_char(at, ":"))
        return false;
    tm->tm_min = take_digits(at, 2);
    if (tm->tm_min < 0 || tm->tm_min > 59 || !take_char(at, ":"))
        return false;
    tm->tm_sec = take_digits(at, 2);
    return tm->tm_sec >= 0 && tm->tm_sec <= 59;
}

/* An optional fraction, cut to milliseconds; -1 when there is a point and no digit. */
static int take_fraction(const char **at)
{
    if (!take_char(at, "."))
        return 0;
    if (!isdigit((unsigned char)**at))
        return -1;
    int ms = 0;
    for (int weight = 100; isdigit((unsigned char)**at); (*at)++, weight /= 10)
        ms += (**at - '0') * weight;
    return ms;
}

static bool take_offset(const char **at, int *ret_minutes)
{
    *ret_minutes = 0;
    if (take_char(at, "Zz"))
        return true;
    int sign = **at == '-' ? -1 : 1;
    if (!take_char(at, "+-"))
        return false;
    int hours = take_digits(at, 2);
    if (hours < 0 || hours > 23 || !take_char(at, ":"))
        return false;
    int minutes = take_digits(at, 2);
    if (minutes < 0 || minutes > 59)
        return false;
    *ret_minutes = sign * (hours * 60 + minutes);
    return true;
}

int clock_parse(const char *text, int64_t *ret_wall_ms, struct err *err)
{
    const char *at = text;
    struct tm tm = {0};
    int offset = 0;
    int ms = 0;
    bool good = take_date(&at, &tm) && take_char(&at, "Tt") && take_time(&at, &tm) &&
                (ms = take_fraction(&at)) >= 0 && take_offset(&at, &offset) && *at == '\0';
    if (!good)
        return err_set(err, ERR_INVALID, "\"%.64s\" is not a time in RFC 3339", text);
    *ret_wall_ms = ((int64_t)timegm(&tm) - (int64_t)offset * 60) * 1000 + ms;
    return 0;
}

/* "3d4h", or "3d" when the smaller unit is 0. */
static void two_units(char *text, int64_t big, char big_unit, int64_t small, char small_unit)
{
    if (small == 0)
        snprintf(text, CLOCK_TEXT_SIZE, "%" PRId64 "%c", big, big_unit);
    else
        snprintf(text, CLOCK_TEXT_SIZE, "%" PRId64 "%c%" PRId64 "%c", big, big_unit, small,
                 small_unit);
}

/* The steps of k8s.io/apimachinery/pkg/util/duration.HumanDuration. */
char *clock_age(int64_t age_ms, char text[CLOCK_TEXT_SIZE])
{
    int64_t seconds = age_ms / 1000;
    int64_t minutes = seconds / 60;
    int64_t hours = minutes / 60;
    int64_t days = hours / 24;
    if (seconds < -1)
        snprintf(text, CLOCK_TEXT_SIZE, "<invalid>");
    else if (seconds < 120)
        two_units(text, seconds < 0 ? 0 : seconds, 's', 0, 0);
    else if (minutes < 10)
        two_units(text, minutes, 'm', seconds % 60, 's');
    else if (hours < 3)
        two_units(text, minutes, 'm', 0, 0);
    else if (hours < 8)
        two_units(text, hours, 'h', minutes % 60, 'm');
    else if (hours < 48)
        two_units(text, hours, 'h', 0, 0);
    else if (days < 8)
        two_units(text, days, 'd', hours % 24, 'h');
    else if (days < 365 * 2)
        two_units(text, days, 'd', 0, 0);
    else if (days < 365 * 8)
        two_units(text, days / 365, 'y', days % 365, 'd');
    else
        two_units(text, days / 365, 'y', 0, 0);
    return text;
}

static int64_t take_unit(const char **at)
{
    static const struct {
        const char *name;
        int64_t ns;
    } units[] = {
        {"ns", 1},
        {"us", 1000},
        {"\xC2\xB5s", 1000},
        {"\xCE\xBCs", 1000},
        {"ms", 1000000},
        {"s", 1000000000},
        {"m", 60 * INT64_C(1000000000)},
        {"h", 3600 * INT64_C(1000000000)},
    };
    size_t len = strcspn(*at, ".0123456789");
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strlen(units[i].name) == len && strncmp(*at, units[i].name, len) == 0) {
            *at += len;
            return units[i].ns;
        }
    }
    return -1;
}

/* "1.5h" and the like, added to *@ns; false when it is malformed or over 292 years, as in Go. */
static bool take_part(const char **at, int64_t *ns)
{
    int64_t whole = 0;
    double fraction = 0;
    int digits = 0;
    for (; isdigit((unsigned char)**at); (*at)++, digits++)
        if (__builtin_mul_overflow(whole, 10, &whole) ||
            __builtin_add_overflow(whole, **at - '0', &whole))
            return false;
    if (take_char(at, "."))
        for (double weight = 0.1; isdigit((unsigned char)**at); (*at)++, digits++, weight /= 10)
            fraction += (**at - '0') * weight;
    int64_t unit = digits > 0 ? take_unit(at) : -1;
    if (unit < 0 || __builtin_mul_overflow(whole, unit, &whole))
        return false;
    int64_t rest = (int64_t)(fraction * (double)unit + 0.5);
    return !__builtin_add_overflow(*ns, whole, ns) && !__builtin_add_overflow(*ns, rest, ns);
}

int clock_parse_duration(const char *text, int64_t *ret_ms, struct err *err)
{
    const char *at = text;
    int64_t ns = 0;
    bool negative = *at == '-';
    take_char(&at, "+-");
    bool good = *at != '\0';
    if (strcmp(at, "0") != 0)
        while (good && *at)
            good = take_part(&at, &ns);
    if (!good)
        return err_set(err, ERR_INVALID, "\"%.64s\" is not a duration such as 300ms, 10s or 1h30m",
                       text);
    *ret_ms = (negative ? -ns : ns) / 1000000;
    return 0;
}
