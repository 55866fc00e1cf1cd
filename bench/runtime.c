/*
 * The runtime on the real clock: what each operation costs. Every benchmark is one run of the runtime, which does its
 * operation `count` times, or as many times as make that.
 */
#include "bench/bench.h"
#include <quipu/quipu.h>
#include <stdlib.h>

enum { CROWD = 1000, EIGHT = 8 };

static void run(qp_async_fn function, uint64_t count)
{
    char report[512];
    if (qp_real_run(function, &count, NULL, report, sizeof report) != QP_OK)
        bench_fail(report);
}

/* How many of `count` each of `tasks` has to do. */
static uint64_t share(uint64_t count, uint64_t tasks)
{
    return (count + tasks - 1) / tasks;
}

/* Spawns that many tasks of the same function and argument, and joins them. */
static void together(qp_async_fn function, void *arg, size_t tasks)
{
    struct qp_handle *handles = malloc(tasks * sizeof *handles);
    size_t i;
    if (!handles)
        bench_fail("out of memory");
    for (i = 0; i < tasks; i++)
        handles[i] = qp_spawn(function, arg);
    for (i = 0; i < tasks; i++)
        qp_await(qp_join(&handles[i], NULL));
    free(handles);
}

/* ---- tasks ---- */

static void yield_often(void *arg)
{
    uint64_t left = *(const uint64_t *)arg;
    for (; left > 0; left--)
        qp_await(qp_yield());
}

static void yield_one(uint64_t count)
{
    run(yield_often, count);
}

static void crowd_yields(void *arg)
{
    uint64_t each = share(*(const uint64_t *)arg, CROWD);
    together(yield_often, &each, CROWD);
}

static void yield_crowd(uint64_t count)
{
    run(crowd_yields, count);
}

static void nothing(void *arg)
{
    (void)arg;
}

static void spawn_often(void *arg)
{
    uint64_t left = *(const uint64_t *)arg;
    for (; left > 0; left--) {
        struct qp_handle handle = qp_spawn(nothing, NULL);
        qp_await(qp_join(&handle, NULL));
    }
}

static void spawn_join(uint64_t count)
{
    run(spawn_often, count);
}

static void park(void *arg)
{
    (void)arg;
    qp_await(qp_sleep_ms(1000000));
}

static void abort_often(void *arg)
{
    uint64_t left = *(const uint64_t *)arg;
    for (; left > 0; left--) {
        struct qp_handle handle = qp_spawn(park, NULL);
        qp_await(qp_yield());
        qp_abort(&handle);
        qp_await(qp_join(&handle, NULL));
    }
}

static void spawn_park_abort(uint64_t count)
{
    run(abort_often, count);
}

static void block_often(void *arg)
{
    uint64_t left = *(const uint64_t *)arg;
    for (; left > 0; left--) {
        struct qp_handle handle = qp_spawn_blocking(nothing, NULL);
        qp_await(qp_join(&handle, NULL));
    }
}

static void blocking_round_trip(uint64_t count)
{
    run(block_often, count);
}

/* ---- channels ---- */

struct stream {
    struct qp_sender *sender;
    uint64_t each;
};

static void send_often(void *arg)
{
    struct stream *self = arg;
    uint64_t i;
    for (i = 0; i < self->each; i++) {
        int value = (int)i;
        qp_await(qp_send(self->sender, &value));
    }
}

/* `count` messages through a channel of that capacity (0: unbounded), from that many producers. */
static void stream(uint64_t count, int64_t capacity, int producers)
{
    struct stream self[4];
    struct qp_handle handles[4];
    struct qp_sender *first;
    struct qp_receiver *receiver;
    int value, i;
    if ((capacity ? qp_channel_create(&qp_int, capacity, &first, &receiver)
                  : qp_channel_create_unbounded(&qp_int, &first, &receiver)) != QP_OK)
        bench_fail("out of memory");
    for (i = 0; i < producers; i++) {
        self[i] = (struct stream){i ? qp_sender_clone(first) : first, share(count, (uint64_t)producers)};
        handles[i] = qp_spawn(send_often, &self[i]);
        if (i)
            qp_sender_give(self[i].sender, &handles[i]);
    }
    qp_sender_give(first, &handles[0]);
    while (qp_await(qp_recv(receiver, &value)) == QP_OK)
        continue;
    for (i = 0; i < producers; i++)
        qp_await(qp_join(&handles[i], NULL));
}

#define STREAM(name, capacity, producers)                        \
    static void name##_main(void *arg)                           \
    {                                                            \
        stream(*(const uint64_t *)arg, (capacity), (producers)); \
    }                                                            \
    static void name(uint64_t count)                             \
    {                                                            \
        run(name##_main, count);                                 \
    }

STREAM(channel_1, 1, 1)
STREAM(channel_32, 32, 1)
STREAM(channel_1024, 1024, 1)
STREAM(channel_four, 1024, 4)
STREAM(channel_unbounded, 0, 1)

/* ---- sync ---- */

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
    run(lock_often, count);
}

struct contended {
    struct qp_mutex *mutex;
    struct qp_semaphore *semaphore;
    struct qp_barrier *barrier;
    uint64_t each;
};

static void lock_across_yield(void *arg)
{
    const struct contended *self = arg;
    struct qp_guard guard;
    uint64_t left;
    for (left = self->each; left > 0; left--) {
        qp_await(qp_lock(self->mutex, &guard));
        qp_await(qp_yield());
        qp_unlock(&guard);
    }
}

static void eight_lock(void *arg)
{
    struct contended self = {.mutex = qp_mutex_create("mutex", &qp_nothing, ""),
                             .each = share(*(const uint64_t *)arg, EIGHT)};
    together(lock_across_yield, &self, EIGHT);
}

static void mutex_contended(uint64_t count)
{
    run(eight_lock, count);
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
    run(read_often, count);
}

static void acquire_often(void *arg)
{
    uint64_t left = *(const uint64_t *)arg;
    struct qp_semaphore *semaphore = qp_semaphore_create("semaphore", 2);
    struct qp_semaphore_permit permit;
    for (; left > 0; left--) {
        qp_await(qp_acquire(semaphore, &permit));
        qp_semaphore_release(&permit);
    }
}

static void semaphore_uncontended(uint64_t count)
{
    run(acquire_often, count);
}

static void acquire_across_yield(void *arg)
{
    const struct contended *self = arg;
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
    struct contended self = {.semaphore = qp_semaphore_create("semaphore", 2),
                             .each = share(*(const uint64_t *)arg, EIGHT)};
    together(acquire_across_yield, &self, EIGHT);
}

static void semaphore_contended(uint64_t count)
{
    run(eight_acquire, count);
}

static void meet_often(void *arg)
{
    const struct contended *self = arg;
    uint64_t left;
    for (left = self->each; left > 0; left--)
        qp_await(qp_barrier_wait(self->barrier, NULL));
}

static void eight_meet(void *arg)
{
    struct contended self = {.barrier = qp_barrier_create("barrier", EIGHT),
                             .each = share(*(const uint64_t *)arg, EIGHT)};
    together(meet_often, &self, EIGHT);
}

static void barrier_eight(uint64_t count)
{
    run(eight_meet, count);
}

/* ---- time ---- */

static void time_out_often(void *arg)
{
    uint64_t left = *(const uint64_t *)arg;
    struct qp_semaphore *semaphore = qp_semaphore_create("semaphore", 1);
    struct qp_semaphore_permit permit;
    for (; left > 0; left--) {
        qp_await(qp_timeout_ms(1000, qp_acquire(semaphore, &permit)));
        qp_semaphore_release(&permit);
    }
}

static void timeout_ready(uint64_t count)
{
    run(time_out_often, count);
}

static void race_timer_often(void *arg)
{
    uint64_t left = *(const uint64_t *)arg;
    for (; left > 0; left--)
        qp_await(qp_timeout_ms(1000, qp_yield()));
}

static void timer_dropped(uint64_t count)
{
    run(race_timer_often, count);
}

const struct benchmark runtime_benchmarks[] = {
    {"yield, 1 task", "yield", yield_one, NULL},
    {"yield, 1000 tasks", "yield", yield_crowd, NULL},
    {"spawn and join", "task", spawn_join, NULL},
    {"spawn, park, abort, join", "task", spawn_park_abort, NULL},
    {"spawn_blocking and join", "piece of work", blocking_round_trip, NULL},
    {"channel of 1", "message", channel_1, NULL},
    {"channel of 32", "message", channel_32, NULL},
    {"channel of 1024", "message", channel_1024, NULL},
    {"channel of 1024, 4 producers", "message", channel_four, NULL},
    {"channel, unbounded", "message", channel_unbounded, NULL},
    {"mutex, uncontended", "lock", mutex_uncontended, NULL},
    {"mutex, 8 tasks across a yield", "lock", mutex_contended, NULL},
    {"rwlock, read", "read", rwlock_read, NULL},
    {"semaphore, uncontended", "acquire", semaphore_uncontended, NULL},
    {"semaphore, 8 tasks on 2 permits", "acquire", semaphore_contended, NULL},
    {"barrier of 8", "crossing", barrier_eight, NULL},
    {"timeout around what is ready", "timeout", timeout_ready, NULL},
    {"timer armed and dropped", "timer", timer_dropped, NULL},
    {0},
};
