#include <mot/base/stop.h>

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <mot/base/clock.h>

static pthread_once_t open_once = PTHREAD_ONCE_INIT;
static int event_fd = -1;
static atomic_bool requested;
static atomic_int signals;

static void open_event(void)
{
    event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (event_fd < 0) {
        perror("eventfd");
        abort();
    }
}

/* Async-signal-safe once the eventfd is open. */
static void request(void)
{
    atomic_store(&requested, true);
    uint64_t one = 1;
    ssize_t ignored = write(event_fd, &one, sizeof(one));
    (void)ignored;
}

/* _exit and not the default action: the kernel does not apply that to the first process of a
 * container. */
static void on_signal(int number)
{
    int saved = errno;
    if (atomic_fetch_add(&signals, 1) > 0)
        _exit(128 + number);
    request();
    errno = saved;
}

void stop_install(void)
{
    pthread_once(&open_once, open_event);
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, NULL);
}

void stop_request(void)
{
    pthread_once(&open_once, open_event);
    request();
}

bool stop_requested(void)
{
    return atomic_load(&requested);
}

int stop_fd(void)
{
    pthread_once(&open_once, open_event);
    return event_fd;
}

bool stop_wait(int64_t timeout_ms)
{
    struct pollfd pollfd = {.fd = stop_fd(), .events = POLLIN};
    int64_t end = timeout_ms < 0 ? -1 : clock_ms() + timeout_ms;
    while (!stop_requested()) {
        int64_t left = end < 0 ? 60000 : end - clock_ms();
        if (left <= 0 && end >= 0)
            return false;
        poll(&pollfd, 1, left > 60000 ? 60000 : (int)left);
    }
    return true;
}
