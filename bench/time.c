/* Timeouts, timers and sleepers on the real clock. */
#include "bench/runtime.h"
#include "bench/tables.h"
#include <stdlib.h>

enum { OTHERS = 10000, REGISTERED = 1000000, SLEEPERS = 100000 };

/* ---- timeouts ---- */

static void time_out_ready(void *arg)
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
    bench_run(time_out_ready, &count);
}

static void time_out_suspension(void *arg)
{
    uint64_t left = *(const uint64_t *)arg;
    for (; left > 0; left--)
        qp_await(qp_timeout_ms(1000, qp_yield()));
}

static void timeout_suspension(uint64_t count)
{
    bench_run(time_out_suspension, &count);
}

/* ---- timers: a future that registers and drops others, as an executor would ---- */

struct timers {
    struct qp_future future;
    size_t others; /* so many live ones beside it */
    double ns_each;
};

static int64_t some_seconds(void)
{
    return 1000000000 + (int64_t)bench_random(1000000000000u);
}

static void register_all(struct qp_sleep_future *sleeps, size_t count, struct qp_waker *waker)
{
    size_t i;
    for (i = 0; i < count; i++)
        if (qp_future_poll(qp_sleep_init(&sleeps[i], some_seconds()), waker) != QP_PENDING)
            bench_fail("a timer fired before its time");
}

static void drop_all(struct qp_sleep_future *sleeps, size_t count)
{
    size_t i;
    for (i = 0; i < count; i++)
        qp_future_drop(&sleeps[i].future);
}

static double register_and_drop(struct qp_waker *waker)
{
    static int64_t durations[1024];
    struct qp_sleep_future sleep;
    double start;
    size_t i;
    for (i = 0; i < 1024; i++)
        durations[i] = some_seconds();
    start = bench_now_ns();
    for (i = 0; i < REGISTERED; i++) {
        if (qp_future_poll(qp_sleep_init(&sleep, durations[i % 1024]), waker) != QP_PENDING)
            bench_fail("a timer fired before its time");
        qp_future_drop(&sleep.future);
    }
    return (bench_now_ns() - start) / REGISTERED;
}

static enum qp_status timers_poll(struct qp_future *future, struct qp_waker *waker)
{
    struct timers *self = (struct timers *)future;
    struct qp_sleep_future *others = bench_allocate((self->others + 1) * sizeof *others);
    register_all(others, self->others, waker);
    self->ns_each = register_and_drop(waker);
    drop_all(others, self->others);
    free(others);
    return QP_OK;
}

static void timers_drop(struct qp_future *future)
{
    (void)future;
}

static const struct qp_future_ops timers_ops = {"timers", timers_poll, timers_drop, NULL, NULL};

static void timers_main(void *arg)
{
    struct timers *self = arg;
    qp_await(qp_future_init(&self->future, &timers_ops));
}

static double timers_beside(size_t others)
{
    struct timers timers = {.others = others};
    bench_run(timers_main, &timers);
    return timers.ns_each;
}

static double timer_alone(void)
{
    return timers_beside(0);
}

static double timer_among_many(void)
{
    return timers_beside(OTHERS);
}

/* ---- sleepers: the CPU time of each ---- */

static int64_t a_while(void)
{
    return (int64_t)bench_random(100000000);
}

static void sleep_a_while(void *arg)
{
    (void)arg;
    qp_await(qp_sleep_ns(a_while()));
}

static struct qp_handle spawn_sleep(void)
{
    struct qp_sleep_future sleep;
    return qp_spawn_future(qp_sleep_init(&sleep, a_while()), sizeof sleep, NULL);
}

struct sleepers {
    bool with_stacks;
    double ns_each;
};

static void measure_sleepers(struct sleepers *self)
{
    struct qp_handle *handles = bench_allocate(SLEEPERS * sizeof *handles);
    double start = bench_cpu_ns();
    size_t i;
    for (i = 0; i < SLEEPERS; i++)
        handles[i] = self->with_stacks ? qp_spawn(sleep_a_while, NULL) : spawn_sleep();
    for (i = 0; i < SLEEPERS; i++)
        qp_await(qp_join(&handles[i], NULL));
    self->ns_each = (bench_cpu_ns() - start) / SLEEPERS;
    free(handles);
}

/* The peers keep one runtime over all of their runs, and the first does not count. */
static void sleepers_main(void *arg)
{
    measure_sleepers(arg);
    measure_sleepers(arg);
}

static double sleepers(bool with_stacks)
{
    struct sleepers self = {.with_stacks = with_stacks};
    bench_run(sleepers_main, &self);
    return self.ns_each;
}

static double sleepers_coroutine(void)
{
    return sleepers(true);
}

static double sleepers_resumable(void)
{
    return sleepers(false);
}

const struct benchmark time_benchmarks[] = {
    {"timeout around what is ready", "timeout", timeout_ready, NULL},
    {"timeout around one suspension", "timeout", timeout_suspension, NULL},
    {0},
};

const struct figure timer_figures[] = {
    {"timer registered and dropped", "ns per timer", timer_alone, false},
    {"timer registered and dropped, 10,000 live", "ns per timer", timer_among_many, false},
    {"100,000 sleepers (coroutine)", "ns of CPU per sleeper", sleepers_coroutine, false},
    {"100,000 sleepers (resumable)", "ns of CPU per sleeper", sleepers_resumable, false},
    {0},
};
