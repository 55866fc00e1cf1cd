/* Locks, semaphores and barriers on the real clock, with nobody else about and with eight tasks. */
#include "bench/runtime.h"
#include "bench/tables.h"

enum { EIGHT = 8, PERMITS = 2 };

/* What eight tasks share, and how often each has its turn. */
struct shared {
    struct qp_mutex *mutex;
    struct qp_semaphore *semaphore;
    struct qp_barrier *barrier;
    uint64_t each;
};

/* ---- locks ---- */

static void lock_often(void *arg)
{
    uint64_t left = *(const uint64_t *)arg;
    struct qp_mutex *mutex = qp_mutex_create("mutex", &qp_nothing, "");
    struct qp_guard guard;
    for (; left > 0; left--) {
        qp_await(qp_lock(mutex, &guard));
        qp_unlock(&guard);
    }
}

static void mutex_uncontended(uint64_t count)
{
    bench_run(lock_often, &count);
}

static void lock_across_yield(void *arg)
{
    const struct shared *self = arg;
    struct qp_guard guard;
    uint64_t left;
    for (left = self->each; left > 0; left--) {
        qp_await(qp_lock(self->mutex, &guard));
        qp_await(qp_yield());
        qp_unlock(&guard);
    }
}

static void lock_across_self_wake(void *arg)
{
    const struct shared *self = arg;
    struct qp_guard guard;
    uint64_t left;
    for (left = self->each; left > 0; left--) {
        qp_await(qp_lock(self->mutex, &guard));
        qp_await(bench_self_wake());
        qp_unlock(&guard);
    }
}

static void eight_lock(uint64_t count, qp_async_fn function)
{
    struct shared self = {.mutex = qp_mutex_create("mutex", &qp_nothing, ""), .each = bench_share(count, EIGHT)};
    bench_together(function, &self, EIGHT);
}

static void eight_yield(void *arg)
{
    eight_lock(*(const uint64_t *)arg, lock_across_yield);
}

static void eight_self_wake(void *arg)
{
    eight_lock(*(const uint64_t *)arg, lock_across_self_wake);
}

static void mutex_yield(uint64_t count)
{
    bench_run(eight_yield, &count);
}

static void mutex_self_wake(uint64_t count)
{
    bench_run(eight_self_wake, &count);
}

static void read_often(void *arg)
{
    uint64_t left = *(const uint64_t *)arg;
    struct qp_rwlock *lock = qp_rwlock_create("lock", &qp_nothing, "");
    struct qp_guard guard;
    for (; left > 0; left--) {
        qp_await(qp_read(lock, &guard));
        qp_unlock(&guard);
    }
}

static void rwlock_read(uint64_t count)
{
    bench_run(read_often, &count);
}

/* ---- semaphores ---- */

static void acquire_often(void *arg)
{
    uint64_t left = *(const uint64_t *)arg;
    struct qp_semaphore *semaphore = qp_semaphore_create("semaphore", PERMITS);
    struct qp_semaphore_permit permit;
    for (; left > 0; left--) {
        qp_await(qp_acquire(semaphore, &permit));
        qp_semaphore_release(&permit);
    }
}

static void semaphore_uncontended(uint64_t count)
{
    bench_run(acquire_often, &count);
}

static void acquire_across_yield(void *arg)
{
    const struct shared *self = arg;
    struct qp_semaphore_permit permit;
    uint64_t left;
    for (left = self->each; left > 0; left--) {
        qp_await(qp_acquire(self->semaphore, &permit));
        qp_await(qp_yield());
        qp_semaphore_release(&permit);
    }
}

static void eight_acquire(void *arg)
{
    struct shared self = {.semaphore = qp_semaphore_create("semaphore", PERMITS),
                          .each = bench_share(*(const uint64_t *)arg, EIGHT)};
    bench_together(acquire_across_yield, &self, EIGHT);
}

static void semaphore_contended(uint64_t count)
{
    bench_run(eight_acquire, &count);
}

/* ---- barriers ---- */

static void meet_often(void *arg)
{
    const struct shared *self = arg;
    uint64_t left;
    for (left = self->each; left > 0; left--)
        qp_await(qp_barrier_wait(self->barrier, NULL));
}

static void eight_meet(void *arg)
{
    struct shared self = {.barrier = qp_barrier_create("barrier", EIGHT), .each = *(const uint64_t *)arg};
    bench_together(meet_often, &self, EIGHT);
}

static void barrier_of_eight(uint64_t count)
{
    bench_run(eight_meet, &count);
}

const struct benchmark sync_benchmarks[] = {
    {"mutex, uncontended", "lock", mutex_uncontended, NULL},
    {"mutex, 8 tasks across a yield", "lock", mutex_yield, NULL},
    {"mutex, 8 tasks across a self-wake", "lock", mutex_self_wake, NULL},
    {"rwlock, read", "read", rwlock_read, NULL},
    {"semaphore, uncontended", "acquire", semaphore_uncontended, NULL},
    {"semaphore, 8 tasks on 2 permits", "acquire", semaphore_contended, NULL},
    {"barrier of 8", "generation", barrier_of_eight, NULL},
    {0},
};
