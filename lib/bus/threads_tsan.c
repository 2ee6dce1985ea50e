/*
 * Only in builds with ThreadSanitizer, which knows pthreads and not the C11 threads that librdkafka
 * uses: without this it would not know librdkafka's threads (and crash in our callbacks) nor see
 * its locks. glibc's types are the same.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <threads.h>

static int result(int code)
{
    if (code == 0)
        return thrd_success;
    return code == ETIMEDOUT ? thrd_timedout : thrd_error;
}

void call_once(once_flag *flag, void (*function)(void))
{
    pthread_once((pthread_once_t *)flag, function);
}

/* Unseen: librdkafka hands fresh mutexes to other threads by atomics. */
__attribute__((no_sanitize("thread"))) int mtx_init(mtx_t *mutex, int type)
{
    (void)type;
    *(pthread_mutex_t *)mutex = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    return thrd_success;
}

void mtx_destroy(mtx_t *mutex)
{
    (void)mutex;
}

int mtx_lock(mtx_t *mutex)
{
    return result(pthread_mutex_lock((pthread_mutex_t *)mutex));
}

int mtx_unlock(mtx_t *mutex)
{
    return result(pthread_mutex_unlock((pthread_mutex_t *)mutex));
}

int cnd_init(cnd_t *cond)
{
    return result(pthread_cond_init((pthread_cond_t *)cond, NULL));
}

void cnd_destroy(cnd_t *cond)
{
    pthread_cond_destroy((pthread_cond_t *)cond);
}

int cnd_signal(cnd_t *cond)
{
    return result(pthread_cond_signal((pthread_cond_t *)cond));
}

int cnd_broadcast(cnd_t *cond)
{
    return result(pthread_cond_broadcast((pthread_cond_t *)cond));
}

int cnd_wait(cnd_t *cond, mtx_t *mutex)
{
    return result(pthread_cond_wait((pthread_cond_t *)cond, (pthread_mutex_t *)mutex));
}

int cnd_timedwait(cnd_t *cond, mtx_t *mutex, const struct timespec *until)
{
    return result(pthread_cond_timedwait((pthread_cond_t *)cond, (pthread_mutex_t *)mutex, until));
}

struct start {
    thrd_start_t function;
    void *argument;
};

static void *run(void *argument)
{
    struct start start = *(struct start *)argument;
    free(argument);
    start.function(start.argument);
    return NULL;
}

int thrd_create(thrd_t *thread, thrd_start_t function, void *argument)
{
    struct start *start = malloc(sizeof(*start));
    if (!start)
        return thrd_nomem;
    *start = (struct start){.function = function, .argument = argument};
    return result(pthread_create(thread, NULL, run, start));
}

int thrd_join(thrd_t thread, int *ret)
{
    if (ret)
        *ret = 0;
    return result(pthread_join(thread, NULL));
}

/* librdkafka counts references by atomics, which are not seen either: what it frees or copies
 * itself is left out. Our own accesses are looked at, in its callbacks as well. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
    return "called_from_lib:librdkafka.so\n";
}
