#include "audit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mot/base/clock.h>
#include <mot/base/log.h>
#include <mot/base/mem.h>
#include <mot/base/queue.h>

#define QUEUE_MAX   8192
#define LINES_MAX   256 /* that are written at once */
#define LOOK_MS     1000
#define COMPLAIN_MS 10000

struct audit {
    char *path;
    bool standard_output;
    int64_t max_bytes;
    int backups;
    struct channel *queue;
    pthread_t thread;
    atomic_size_t lost;

    /* Of the thread alone: */
    int fd; /* -1: could not be opened */
    int64_t size;
    bool torn; /* the file ends in the middle of a line */
    dev_t device;
    ino_t inode;
    int64_t looked_at;
    int64_t complained_at;
};

/* -------------------------------------------------------------------------------- the file */

/* As whoever was killed, or had a full disk, left it. What can't be read is taken for whole. */
static bool is_torn(const char *path, const struct stat *status)
{
    char last = '\n';
    if (!S_ISREG(status->st_mode) || status->st_size == 0)
        return false;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool torn = fd >= 0 && pread(fd, &last, 1, status->st_size - 1) == 1 && last != '\n';
    if (fd >= 0)
        (void)close(fd);
    return torn;
}

static int open_file(struct audit *audit, struct err *err)
{
    struct stat status;
    audit->fd = open(audit->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (audit->fd < 0 || fstat(audit->fd, &status) < 0)
        return err_set(err, ERR_INVALID, "can't open the audit log %s: %s", audit->path,
                       strerror(errno));
    audit->size = status.st_size;
    audit->torn = is_torn(audit->path, &status);
    audit->device = status.st_dev;
    audit->inode = status.st_ino;
    return 0;
}

static void close_file(struct audit *audit)
{
    if (audit->fd >= 0 && !audit->standard_output)
        (void)close(audit->fd);
    audit->fd = -1;
}

static void reopen(struct audit *audit)
{
    struct err err = {0};
    close_file(audit);
    if (open_file(audit, &err) < 0 && clock_ms() >= audit->complained_at + COMPLAIN_MS) {
        audit->complained_at = clock_ms();
        log_error("the audit log is not written", LOG_S("why", err.message));
    }
}

/* Somebody has moved the file away, or it could not be opened before. */
static void look(struct audit *audit)
{
    struct stat status;
    int64_t now = clock_ms();
    if (audit->standard_output || now < audit->looked_at + LOOK_MS)
        return;
    audit->looked_at = now;
    if (audit->fd < 0 || stat(audit->path, &status) < 0 || status.st_dev != audit->device ||
        status.st_ino != audit->inode)
        reopen(audit);
}

/* PATH.1 becomes PATH.2 and so on; the oldest goes. */
static void set_aside(struct audit *audit)
{
    for (int n = audit->backups; n > 0; n--) {
        AUTO_FREE char *from =
            n == 1 ? mem_strdup(audit->path) : mem_printf("%s.%d", audit->path, n - 1);
        AUTO_FREE char *to = mem_printf("%s.%d", audit->path, n);
        if (rename(from, to) < 0 && errno != ENOENT)
            log_error("the audit log can't be set aside", LOG_S("file", from),
                      LOG_S("why", strerror(errno)));
    }
    if (audit->backups == 0)
        (void)unlink(audit->path);
    reopen(audit);
}

/* -------------------------------------------------------------------------------- the thread */

/* How many bytes were written. */
static size_t write_all(int fd, const char *data, size_t len)
{
    size_t done = 0;
    while (done < len) {
        ssize_t written = write(fd, data + done, len - done);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            break;
        done += (size_t)written;
    }
    return done;
}

/* How many lines were written. What is left of one on a full disk must not spoil the next. */
static size_t write_whole(struct audit *audit, const struct buf *buf)
{
    size_t count = 0;
    if (audit->fd < 0 || (audit->torn && write_all(audit->fd, "\n", 1) < 1))
        return 0;
    size_t written = write_all(audit->fd, buf->data, buf->len);
    audit->size += (int64_t)written + audit->torn;
    audit->torn = written > 0 && buf->data[written - 1] != '\n';
    for (size_t i = 0; i < written; i++)
        count += buf->data[i] == '\n';
    return count;
}

static void write_lines(struct audit *audit, void *const *lines, size_t count)
{
    struct buf buf;
    buf_init(&buf, BUF_MAX_DEFAULT);
    for (size_t i = 0; i < count; i++) {
        buf_adds(&buf, lines[i]);
        free(lines[i]);
    }
    if (audit->max_bytes > 0 && !audit->standard_output && audit->size > 0 &&
        audit->size + (int64_t)buf.len > audit->max_bytes)
        set_aside(audit);
    else
        look(audit);
    atomic_fetch_add(&audit->lost, count - write_whole(audit, &buf));
    buf_release(&buf);
}

static void complain(struct audit *audit)
{
    int64_t now = clock_ms();
    if (atomic_load(&audit->lost) == 0 || now < audit->complained_at + COMPLAIN_MS)
        return;
    audit->complained_at = now;
    log_error("lines of the audit log were lost", LOG_I("lines", atomic_exchange(&audit->lost, 0)));
}

static void *run(void *context)
{
    struct audit *audit = context;
    void *lines[LINES_MAX];
    for (;;) {
        lines[0] = channel_receive(audit->queue, LOOK_MS);
        if (lines[0]) {
            size_t count = 1 + channel_drain(audit->queue, lines + 1, LINES_MAX - 1);
            write_lines(audit, lines, count);
        } else if (channel_closed(audit->queue)) {
            break;
        } else {
            look(audit);
        }
        complain(audit);
    }
    audit->complained_at = 0;
    complain(audit);
    return NULL;
}

/* -------------------------------------------------------------------------------- life */

struct audit *audit_open(const struct audit_options *options, struct err *err)
{
    struct audit *audit = mem_zalloc(sizeof(*audit));
    audit->path = mem_strdup(options->path);
    audit->standard_output = strcmp(options->path, "-") == 0;
    audit->max_bytes = options->max_bytes;
    audit->backups = options->backups;
    audit->complained_at = clock_ms() - COMPLAIN_MS;
    audit->fd = STDOUT_FILENO;
    atomic_init(&audit->lost, 0);
    if (!audit->standard_output && open_file(audit, err) < 0) {
        close_file(audit);
        free(audit->path);
        free(audit);
        return NULL;
    }
    audit->queue = channel_new(options->queue_max > 0 ? options->queue_max : QUEUE_MAX);
    if (pthread_create(&audit->thread, NULL, run, audit) != 0)
        abort();
    return audit;
}

void audit_close(struct audit *audit)
{
    if (!audit)
        return;
    channel_close(audit->queue);
    pthread_join(audit->thread, NULL);
    channel_free(audit->queue, free);
    close_file(audit);
    free(audit->path);
    free(audit);
}

static void send_line(struct audit *audit, char *line, int64_t wait_ms)
{
    if (channel_send(audit->queue, line, wait_ms))
        return;
    atomic_fetch_add(&audit->lost, 1);
    free(line);
}

void audit_write(struct audit *audit, char *line)
{
    send_line(audit, line, AUDIT_WAIT_MS);
}

void audit_offer(struct audit *audit, char *line)
{
    send_line(audit, line, 0);
}
