/* What the benchmarks of the runtime have in common: see runtime.h. */
#include "bench/runtime.h"
#include <stdlib.h>

void bench_run(qp_async_fn function, void *arg)
{
    char report[512];
    if (qp_real_run(function, arg, NULL, report, sizeof report) != QP_OK)
        bench_fail(report);
}

void *bench_allocate(size_t size)
{
    void *memory = calloc(1, size);
    if (!memory)
        bench_fail("out of memory");
    return memory;
}

void bench_together(qp_async_fn function, void *arg, size_t tasks)
{
    struct qp_handle *handles = bench_allocate(tasks * sizeof *handles);
    size_t i;
    for (i = 0; i < tasks; i++)
        handles[i] = qp_spawn(function, arg);
    for (i = 0; i < tasks; i++)
        qp_await(qp_join(&handles[i], NULL));
    free(handles);
}

/* xorshift64 (Marsaglia). */
uint64_t bench_random(uint64_t count)
{
    static uint64_t state = 88172645463325252u;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % count;
}

void bench_yield_often(void *count)
{
    uint64_t left = *(const uint64_t *)count;
    for (; left > 0; left--)
        qp_await(qp_yield());
}

void bench_do_nothing(void *arg)
{
    (void)arg;
}

/* ---- futures ---- */

static enum qp_status never_poll(struct qp_future *self, struct qp_waker *waker)
{
    (void)self, (void)waker;
    return QP_PENDING;
}

static enum qp_status self_wake_poll(struct qp_future *self, struct qp_waker *waker)
{
    if (self->stage++)
        return QP_OK;
    qp_waker_wake(waker);
    return QP_PENDING;
}

static void drop(struct qp_future *self)
{
    (void)self;
}

const struct qp_future_ops bench_never_ops = {"never", never_poll, drop, NULL, NULL};
const struct qp_future_ops bench_self_wake_ops = {"self_wake", self_wake_poll, drop, NULL, NULL};
