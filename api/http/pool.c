/* A fixed number of threads and a list of jobs. The list's bound is the server's limit of requests
 * in flight. */
#include "internal.h"

#include <string.h>

#include <mot/base/mem.h>

struct pool {
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct job *first, **end;
    bool stop;
    void (*run)(struct job *job);
    pthread_t *threads;
    int count;
};

static struct job *next_job(struct pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    while (!pool->first && !pool->stop)
        pthread_cond_wait(&pool->more, &pool->lock);
    struct job *job = pool->first;
    if (job) {
        pool->first = job->next;
        if (!pool->first)
            pool->end = &pool->first;
        job->next = NULL;
    }
    pthread_mutex_unlock(&pool->lock);
    return job;
}

static void *work(void *context)
{
    struct pool *pool = context;
    for (struct job *job = next_job(pool); job; job = next_job(pool))
        pool->run(job);
    return NULL;
}

struct pool *pool_start(int threads, void (*run)(struct job *), struct err *err)
{
    struct pool *pool = mem_zalloc(sizeof(*pool));
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->more, NULL);
    pool->end = &pool->first;
    pool->run = run;
    pool->threads = mem_array((size_t)threads, sizeof(*pool->threads));
    for (; pool->count < threads; pool->count++) {
        int error = pthread_create(&pool->threads[pool->count], NULL, work, pool);
        if (error) {
            pool_stop(pool);
            err_set(err, ERR_TRANSIENT, "can't start a thread: %s", strerror(error));
            return NULL;
        }
    }
    return pool;
}

void pool_submit(struct pool *pool, struct job *job)
{
    pthread_mutex_lock(&pool->lock);
    job->next = NULL;
    *pool->end = job;
    pool->end = &job->next;
    pthread_mutex_unlock(&pool->lock);
    pthread_cond_signal(&pool->more); /* now, so that the thread finds the lock free */
}

void pool_stop(struct pool *pool)
{
    if (!pool)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->stop = true;
    pthread_cond_broadcast(&pool->more);
    pthread_mutex_unlock(&pool->lock);
    for (int i = 0; i < pool->count; i++)
        pthread_join(pool->threads[i], NULL);
    pthread_cond_destroy(&pool->more);
    pthread_mutex_destroy(&pool->lock);
    free(pool->threads);
    free(pool);
}
