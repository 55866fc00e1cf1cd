/* The work of bench/time.c and the blocking work of bench/tasks.c, by libuv alone: its timers, and its thread pool. */
#include "bench/bench.h"
#include <stdlib.h>
#include <uv.h>

enum { OTHERS = 10000, REGISTERED = 1000000, SLEEPERS = 100000 };

static void check(int status)
{
    if (status != 0)
        bench_fail(uv_strerror(status));
}

static uint64_t random_below(uint64_t count)
{
    static uint64_t state = 88172645463325252u;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % count;
}

static void end_loop(uv_loop_t *loop)
{
    uv_run(loop, UV_RUN_DEFAULT);
    check(uv_loop_close(loop));
}

/* ---- timers ---- */

static void fired(uv_timer_t *timer)
{
    uv_close((uv_handle_t *)timer, NULL);
}

static uint64_t some_seconds_ms(void)
{
    return 1000 + random_below(1000000);
}

static double register_and_stop(uv_loop_t *loop)
{
    static uint64_t durations[1024];
    uv_timer_t timer;
    double start, ns_each;
    size_t i;
    for (i = 0; i < 1024; i++)
        durations[i] = some_seconds_ms();
    check(uv_timer_init(loop, &timer));
    start = bench_now_ns();
    for (i = 0; i < REGISTERED; i++) {
        uv_timer_start(&timer, fired, durations[i % 1024], 0);
        uv_timer_stop(&timer);
    }
    ns_each = (bench_now_ns() - start) / REGISTERED;
    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(loop, UV_RUN_NOWAIT);
    return ns_each;
}

static double timer_beside(size_t others)
{
    uv_timer_t *live = calloc(others + 1, sizeof *live);
    uv_loop_t loop;
    double ns_each;
    size_t i;
    if (!live)
        bench_fail("out of memory");
    check(uv_loop_init(&loop));
    for (i = 0; i < others; i++) {
        check(uv_timer_init(&loop, &live[i]));
        check(uv_timer_start(&live[i], fired, some_seconds_ms(), 0));
    }
    ns_each = register_and_stop(&loop);
    for (i = 0; i < others; i++)
        uv_close((uv_handle_t *)&live[i], NULL);
    end_loop(&loop);
    free(live);
    return ns_each;
}

static double timer_alone(void)
{
    return timer_beside(0);
}

static double timer_among_many(void)
{
    return timer_beside(OTHERS);
}

static double sleepers(void)
{
    double start = bench_cpu_ns();
    uv_timer_t *timers = calloc(SLEEPERS, sizeof *timers);
    uv_loop_t loop;
    size_t i;
    if (!timers)
        bench_fail("out of memory");
    check(uv_loop_init(&loop));
    for (i = 0; i < SLEEPERS; i++) {
        check(uv_timer_init(&loop, &timers[i]));
        check(uv_timer_start(&timers[i], fired, random_below(100), 0));
    }
    end_loop(&loop);
    free(timers);
    return (bench_cpu_ns() - start) / SLEEPERS;
}

/* ---- blocking work: the next piece is queued when the one before has come back ---- */

static void do_nothing(uv_work_t *work)
{
    (void)work;
}

static void queue_next(uv_work_t *work, int status)
{
    uint64_t *left = work->data;
    check(status);
    if ((*left)-- > 0)
        check(uv_queue_work(work->loop, work, do_nothing, queue_next));
}

static void blocking_round_trip(uint64_t count)
{
    uv_work_t work = {.data = &count};
    uv_loop_t loop;
    check(uv_loop_init(&loop));
    work.loop = &loop;
    queue_next(&work, 0);
    end_loop(&loop);
}

static const struct benchmark benchmarks[] = {
    {"spawn_blocking and join", "piece of work", blocking_round_trip, NULL},
    {0},
};

static const struct figure figures[] = {
    {"timer registered and dropped", "ns per timer", timer_alone, false},
    {"timer registered and dropped, 10,000 live", "ns per timer", timer_among_many, false},
    {"100,000 sleepers", "ns of CPU per sleeper", sleepers, false},
    {0},
};

const struct benchmark *const all_benchmarks[] = {benchmarks, NULL};
const struct figure *const all_figures[] = {figures, NULL};
