#include "cli/up/probe.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <mot/base/clock.h>
#include <mot/base/mem.h>

/* Between two tries when no file said anything: not everything that is awaited writes one. */
#define RETRY_MS 200
/* A file that changes all the time is no reason to try all the time. */
#define PAUSE_MS ((int64_t)20)

struct probe {
    pthread_t thread;
    size_t index;
    probe_try *attempt;
    void *context;
    int pipe_fd;
    int cancel_fd;
    int inotify_fd;
    atomic_bool cancelled;
    pthread_mutex_t lock; /* of last */
    struct err last;
};

static void wait_for_change(struct probe *probe)
{
    struct pollfd fds[] = {{.fd = probe->cancel_fd, .events = POLLIN},
                           {.fd = probe->inotify_fd, .events = POLLIN}};
    if (poll(fds, MOT_ARRAY_SIZE(fds), RETRY_MS) > 0 && fds[1].revents && !fds[0].revents) {
        clock_sleep_ms(PAUSE_MS);
        char events[4096];
        ssize_t ignored = read(probe->inotify_fd, events, sizeof(events));
        (void)ignored;
    }
}

static void *run(void *argument)
{
    struct probe *probe = argument;
    while (!probe_cancelled(probe)) {
        struct err err = {0};
        if (probe->attempt(probe, probe->context, &err) == 0) {
            ssize_t ignored = write(probe->pipe_fd, &probe->index, sizeof(probe->index));
            (void)ignored;
            return NULL;
        }
        pthread_mutex_lock(&probe->lock);
        probe->last = err;
        pthread_mutex_unlock(&probe->lock);
        wait_for_change(probe);
    }
    return NULL;
}

struct probe *part_probe_start(size_t index, probe_try *attempt, void *context,
                               const char *const *watch, int pipe_fd)
{
    struct probe *probe = mem_zalloc(sizeof(*probe));
    probe->index = index;
    probe->attempt = attempt;
    probe->context = context;
    probe->pipe_fd = pipe_fd;
    probe->cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    probe->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    for (size_t i = 0; watch && watch[i]; i++)
        inotify_add_watch(probe->inotify_fd, watch[i], IN_MODIFY | IN_CLOSE_WRITE | IN_CREATE);
    pthread_mutex_init(&probe->lock, NULL);
    if (pthread_create(&probe->thread, NULL, run, probe) != 0) {
        perror("pthread_create");
        abort();
    }
    return probe;
}

void probe_end(struct probe *probe)
{
    if (!probe)
        return;
    atomic_store(&probe->cancelled, true);
    uint64_t one = 1;
    ssize_t ignored = write(probe->cancel_fd, &one, sizeof(one));
    (void)ignored;
    pthread_join(probe->thread, NULL);
    pthread_mutex_destroy(&probe->lock);
    close(probe->cancel_fd);
    close(probe->inotify_fd);
    free(probe);
}

bool probe_cancelled(const struct probe *probe)
{
    return atomic_load(&probe->cancelled);
}

int probe_stop_fd(const struct probe *probe)
{
    return probe->cancel_fd;
}

void probe_last_error(struct probe *probe, char *text, size_t size)
{
    pthread_mutex_lock(&probe->lock);
    snprintf(text, size, "%s", probe->last.message);
    pthread_mutex_unlock(&probe->lock);
}
