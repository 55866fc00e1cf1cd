/*
 * Tasks on the real clock: yielding, spawning and joining, many at once, aborting, blocking work. Every benchmark is
 * one run of the runtime, which does its operation `count` times, or as many times as make that.
 */
#include "bench/runtime.h"
#include "bench/tables.h"
#include <stdlib.h>

enum { CROWD = 1000, MANY = 100000, ABORT_ROUNDS = 100 };

/* ---- yielding ---- */

static void yield_one(uint64_t count)
{
    bench_run(bench_yield_often, &count);
}

static void crowd_yields(void *arg)
{
    uint64_t each = bench_share(*(const uint64_t *)arg, CROWD);
    bench_together(bench_yield_often, &each, CROWD);
}

static void yield_crowd(uint64_t count)
{
    bench_run(crowd_yields, &count);
}

static void wake_itself(void *arg)
{
    uint64_t left = *(const uint64_t *)arg;
    for (; left > 0; left--)
        qp_await(bench_self_wake());
}

static void self_wake(uint64_t count)
{
    bench_run(wake_itself, &count);
}

/* What a switch to another task takes at least: there are just the two. */
static void two_yield(void *arg)
{
    uint64_t each = bench_share(*(const uint64_t *)arg, 2);
    bench_together(bench_yield_often, &each, 2);
}

static void yield_two(uint64_t count)
{
    bench_run(two_yield, &count);
}

/* And what an await takes at least. */

static enum qp_status ready_poll(struct qp_future *future, struct qp_waker *waker)
{
    (void)future, (void)waker;
    return QP_OK;
}

static const struct qp_future_ops ready_ops = {.name = "ready", .poll = ready_poll};

static void await_often(void *arg)
{
    uint64_t left = *(const uint64_t *)arg;
    for (; left > 0; left--) {
        struct qp_future ready;
        qp_await(qp_future_init(&ready, &ready_ops));
    }
}

static void await_ready(uint64_t count)
{
    bench_run(await_often, &count);
}

/* ---- functions without a stack ---- */

struct small { /* yields once, or not at all */
    struct qp_resumable base;
    struct qp_yield_future yield;
};

static enum qp_status ends_poll(struct qp_future *future, struct qp_waker *waker)
{
    (void)future, (void)waker;
    return QP_OK;
}

static enum qp_status waits_poll(struct qp_future *future, struct qp_waker *waker)
{
    struct small *self = (struct small *)future;
    enum qp_status status;
    QP_BEGIN(&self->base);
    QP_AWAIT(status, qp_yield_init(&self->yield));
    (void)status;
    QP_END(QP_OK);
}

static enum qp_status parks_poll(struct qp_future *future, struct qp_waker *waker)
{
    struct small *self = (struct small *)future;
    enum qp_status status;
    QP_BEGIN(&self->base);
    QP_AWAIT(status, bench_future(&self->yield, &bench_never_ops));
    (void)status;
    QP_END(QP_OK);
}

static const struct qp_future_ops ends_ops = QP_RESUMABLE("ends", ends_poll);
static const struct qp_future_ops waits_ops = QP_RESUMABLE("waits", waits_poll);
static const struct qp_future_ops parks_ops = QP_RESUMABLE("parks", parks_poll);

static struct qp_handle spawn_small(const struct qp_future_ops *ops)
{
    struct small small;
    qp_resumable_init(&small.base, ops);
    return qp_spawn_future(&small.base.future, sizeof small, NULL);
}

/* ---- spawning and joining, one after the other ---- */

static void spawn_coroutines(void *arg)
{
    uint64_t left = *(const uint64_t *)arg;
    for (; left > 0; left--) {
        struct qp_handle handle = qp_spawn(bench_do_nothing, NULL);
        qp_await(qp_join(&handle, NULL));
    }
}

static void spawn_join_coroutine(uint64_t count)
{
    bench_run(spawn_coroutines, &count);
}

static void spawn_resumables(void *arg)
{
    uint64_t left = *(const uint64_t *)arg;
    for (; left > 0; left--) {
        struct qp_handle handle = spawn_small(&ends_ops);
        qp_await(qp_join(&handle, NULL));
    }
}

static void spawn_join_resumable(uint64_t count)
{
    bench_run(spawn_resumables, &count);
}

/* ---- many at once ---- */

/* What they are: coroutines of `function`, or functions without a stack where that is NULL. */
struct crowd {
    qp_async_fn function;
    const struct qp_future_ops *ops;
    bool fresh; /* the runtime has had none like them */
    double ns_each;
};

static void measure_crowd(struct crowd *self)
{
    struct qp_handle *handles = bench_allocate(MANY * sizeof *handles);
    double start = bench_now_ns();
    size_t i;
    for (i = 0; i < MANY; i++)
        handles[i] = self->function ? qp_spawn(self->function, NULL) : spawn_small(self->ops);
    for (i = 0; i < MANY; i++)
        qp_await(qp_join(&handles[i], NULL));
    self->ns_each = (bench_now_ns() - start) / MANY;
    free(handles);
}

/* The peers keep one runtime over all of their runs, and the first does not count. */
static void crowd_main(void *arg)
{
    struct crowd *self = arg;
    measure_crowd(self);
    if (!self->fresh)
        measure_crowd(self);
}

static double crowd_of(struct crowd crowd)
{
    if (crowd.fresh)
        qp_stacks_trim();
    bench_run(crowd_main, &crowd);
    return crowd.ns_each;
}

static void waits(void *arg)
{
    (void)arg;
    qp_await(qp_yield());
}

static double ending_fresh(void)
{
    return crowd_of((struct crowd){.function = bench_do_nothing, .fresh = true});
}

static double ending_pooled(void)
{
    return crowd_of((struct crowd){.function = bench_do_nothing});
}

static double ending_resumable(void)
{
    return crowd_of((struct crowd){.ops = &ends_ops});
}

static double waiting_fresh(void)
{
    return crowd_of((struct crowd){.function = waits, .fresh = true});
}

static double waiting_pooled(void)
{
    return crowd_of((struct crowd){.function = waits});
}

static double waiting_resumable(void)
{
    return crowd_of((struct crowd){.ops = &waits_ops});
}

/* ---- aborting ---- */

static void parks(void *arg)
{
    (void)arg;
    qp_await(bench_never());
}

static void abort_often(void *arg)
{
    uint64_t left = *(const uint64_t *)arg;
    for (; left > 0; left--) {
        struct qp_handle handle = qp_spawn(parks, NULL);
        qp_await(qp_yield());
        qp_abort(&handle);
        qp_await(qp_join(&handle, NULL));
    }
}

static void spawn_park_abort(uint64_t count)
{
    bench_run(abort_often, &count);
}

static double abort_crowd(const struct crowd *self)
{
    struct qp_handle handles[CROWD];
    double start;
    size_t i;
    for (i = 0; i < CROWD; i++)
        handles[i] = self->function ? qp_spawn(self->function, NULL) : spawn_small(self->ops);
    qp_await(qp_yield());
    start = bench_now_ns();
    for (i = 0; i < CROWD; i++) {
        qp_abort(&handles[i]);
        qp_await(qp_join(&handles[i], NULL));
    }
    return bench_now_ns() - start;
}

static void abort_crowds(void *arg)
{
    struct crowd *self = arg;
    int i;
    for (i = 0; i < ABORT_ROUNDS; i++)
        self->ns_each += abort_crowd(self) / ((double)CROWD * ABORT_ROUNDS);
}

static double abort_coroutine(void)
{
    struct crowd crowd = {.function = parks};
    bench_run(abort_crowds, &crowd);
    return crowd.ns_each;
}

static double abort_resumable(void)
{
    struct crowd crowd = {.ops = &parks_ops};
    bench_run(abort_crowds, &crowd);
    return crowd.ns_each;
}

/* ---- blocking work ---- */

static void block_often(void *arg)
{
    uint64_t left = *(const uint64_t *)arg;
    for (; left > 0; left--) {
        struct qp_handle handle = qp_spawn_blocking(bench_do_nothing, NULL);
        qp_await(qp_join(&handle, NULL));
    }
}

static void blocking_round_trip(uint64_t count)
{
    bench_run(block_often, &count);
}

const struct benchmark task_benchmarks[] = {
    {"yield, 1 task", "yield", yield_one, NULL},
    {"self-wake, 1 task", "wake-up", self_wake, NULL},
    {"yield, 2 tasks", "yield", yield_two, NULL},
    {"yield, 1,000 tasks", "yield", yield_crowd, NULL},
    {"await of what is ready", "await", await_ready, NULL},
    {"spawn and join (coroutine)", "task", spawn_join_coroutine, NULL},
    {"spawn and join (resumable)", "task", spawn_join_resumable, NULL},
    {"spawn, park, abort, join", "task", spawn_park_abort, NULL},
    {"spawn_blocking and join", "piece of work", blocking_round_trip, NULL},
    {0},
};

const struct figure crowd_figures[] = {
    {"100,000 tasks (fresh stacks)", "ns per task", ending_fresh, false},
    {"100,000 tasks (pooled stacks)", "ns per task", ending_pooled, false},
    {"100,000 tasks (resumable)", "ns per task", ending_resumable, false},
    {"100,000 tasks that wait (fresh stacks)", "ns per task", waiting_fresh, false},
    {"100,000 tasks that wait (pooled stacks)", "ns per task", waiting_pooled, false},
    {"100,000 tasks that wait (resumable)", "ns per task", waiting_resumable, false},
    {0},
};

const struct figure abort_figures[] = {
    {"abort of a parked task (coroutine)", "ns per task", abort_coroutine, false},
    {"abort of a parked task (resumable)", "ns per task", abort_resumable, false},
    {0},
};
