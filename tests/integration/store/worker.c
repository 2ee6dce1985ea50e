#include "worker.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mot/base/clock.h>
#include <mot/base/file.h>
#include <mot/base/mem.h>

#include "support.h"

#define GIVE_UP_MS 60000

struct loop {
    struct store *store;
    pthread_t thread;
    int notes;
    int64_t writes;
    char name[32];
    int64_t counter;
    int64_t revision;
};

static void broken_promise(const struct loop *loop, const char *what, const struct err *err)
{
    (void)fprintf(stderr, "worker %s, write %lld on revision %lld: %s: %s\n", loop->name,
                  (long long)loop->counter + 1, (long long)loop->revision, what, err->message);
    _exit(1);
}

static void note_write(struct loop *loop, int64_t revision)
{
    struct note note = {.revision = revision, .counter = ++loop->counter};

    loop->revision = revision;
    memcpy(note.name, loop->name, sizeof(note.name));
    if (write(loop->notes, &note, sizeof(note)) != (ssize_t)sizeof(note))
        _exit(2);
}

/* The outcome is unknown: the object says whether the write is in it. */
static bool was_written(struct loop *loop, int64_t deadline, int64_t *ret_revision)
{
    struct store_key key = {RESOURCE, "default", loop->name};

    for (;;) {
        struct err err = {.code = ERR_NONE};
        struct store_object *object = store_get(loop->store, &key, &err);
        int64_t revision = object != NULL ? object->revision : 0;
        bool written = object != NULL && atoll(object->body) == loop->counter + 1;

        free(object);
        *ret_revision = revision;
        if (revision > 0 || err.code == ERR_NOT_FOUND)
            return written;
        if (err.code != ERR_TRANSIENT || clock_ms() > deadline)
            broken_promise(loop, "after an unknown outcome", &err);
        clock_sleep_ms(10);
    }
}

static void write_next(struct loop *loop)
{
    int64_t deadline = clock_ms() + GIVE_UP_MS, revision;
    AUTO_FREE char *body = mem_printf("%lld", (long long)loop->counter + 1);

    for (;;) {
        struct store_write write = loop->counter == 0
                                       ? create_of("default", loop->name, body)
                                       : update_of("default", loop->name, loop->revision, body);
        struct err err = {.code = ERR_NONE};

        if (store_write(loop->store, &write, &err) == 0) {
            note_write(loop, write.revision);
            return;
        }
        if (err.code == ERR_TIMEOUT && was_written(loop, deadline, &revision)) {
            note_write(loop, revision);
            return;
        }
        if (err.code != ERR_TIMEOUT && err.code != ERR_TRANSIENT)
            broken_promise(loop, "not written", &err);
        if (clock_ms() > deadline)
            broken_promise(loop, "too long", &err);
        clock_sleep_ms(10);
    }
}

static void *run_loop(void *argument)
{
    struct loop *loop = argument;

    while (loop->writes < 0 || loop->counter < loop->writes)
        write_next(loop);
    return NULL;
}

static void run_worker(struct store *store, const char *name, int threads, int64_t writes,
                       const char *notes_path)
{
    struct loop *loops = mem_array((size_t)threads, sizeof(*loops));
    int notes = open(notes_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    for (int i = 0; i < threads; i++) {
        loops[i] = (struct loop){.store = store, .notes = notes, .writes = writes};
        (void)snprintf(loops[i].name, sizeof(loops[i].name), "%.16s-%d", name, i);
        if (pthread_create(&loops[i].thread, NULL, run_loop, &loops[i]) != 0)
            _exit(2);
    }
    for (int i = 0; i < threads; i++)
        (void)pthread_join(loops[i].thread, NULL);
    free(loops);
    (void)close(notes);
}

static void hold_lease(struct store *store, const char *notes_path)
{
    struct err err = {.code = ERR_NONE};
    struct store_lease *lease = store_lease_acquire(store, "leader", 10000, &err);

    if (lease == NULL || file_write(notes_path, "held", 4, 0600, &err) < 0)
        _exit(1);
    for (;;)
        (void)pause();
}

void worker_main(int argc, char **argv)
{
    struct store_options options = {.name = "mot-worker", .deadline_ms = 5000};
    struct err err = {.code = ERR_NONE};
    struct store *store;

    if (argc != 7 || strcmp(argv[1], "--worker") != 0)
        return;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    options.url = argv[2];
    store = store_open(&options, &err);
    if (store == NULL) {
        (void)fprintf(stderr, "worker: %s\n", err.message);
        _exit(1);
    }
    if (strcmp(argv[3], "holder") == 0)
        hold_lease(store, argv[6]);
    run_worker(store, argv[3], atoi(argv[4]), atoll(argv[5]), argv[6]);
    store_close(store);
    exit(0);
}

/* ------------------------------------------------------------------------------- the test's side
 */

void worker_start(struct worker *worker, const char *url, const char *name, int threads,
                  int64_t writes)
{
    static int count;
    AUTO_FREE char *thread_text = mem_printf("%d", threads);
    AUTO_FREE char *write_text = mem_printf("%lld", (long long)writes);

    worker->notes_path = mem_printf("/tmp/mot-notes-%d-%d", (int)getpid(), ++count);
    worker->pid = fork();
    if (worker->pid == 0) {
        (void)execl("/proc/self/exe", "worker", "--worker", url, name, thread_text, write_text,
                    worker->notes_path, (char *)NULL);
        _exit(127);
    }
    assert_true(worker->pid > 0);
}

void worker_start_holder(struct worker *worker, const char *url)
{
    int64_t deadline = clock_ms() + 20000;

    worker_start(worker, url, "holder", 0, 0);
    while (access(worker->notes_path, F_OK) != 0) {
        assert_true(clock_ms() < deadline);
        clock_sleep_ms(10);
    }
}

void worker_wait(struct worker *worker)
{
    int status = 0;

    while (waitpid(worker->pid, &status, 0) < 0)
        assert_int_equal(errno, EINTR);
    worker->pid = 0;
    assert_int_equal(status, 0);
}

void worker_kill(struct worker *worker)
{
    if (worker->pid <= 0)
        return;
    (void)kill(worker->pid, SIGKILL);
    (void)waitpid(worker->pid, NULL, 0);
    worker->pid = 0;
}

struct note *worker_notes(const struct worker *worker, size_t *ret_count)
{
    size_t len = 0;
    struct note *notes =
        (struct note *)(void *)file_read(worker->notes_path, (size_t)64 << 20, &len, NULL);

    *ret_count = notes != NULL ? len / sizeof(*notes) : 0;
    return notes;
}

void worker_release(struct worker *worker)
{
    worker_kill(worker);
    (void)unlink(worker->notes_path);
    free(worker->notes_path);
}
