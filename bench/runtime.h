/* What the benchmarks of the runtime on the real clock have in common. */
#ifndef BENCH_RUNTIME_H
#define BENCH_RUNTIME_H

#include "bench/bench.h"
#include <quipu/quipu.h>

/* Runs function(arg) as main of a runtime on the real clock. */
void bench_run(qp_async_fn function, void *arg);

/* Inside one: spawns that many tasks of the same function and argument, and joins them. */
void bench_together(qp_async_fn function, void *arg, size_t tasks);

/* How many of `count` each of `tasks` has to do. */
static inline uint64_t bench_share(uint64_t count, uint64_t tasks)
{
    return (count + tasks - 1) / tasks;
}

void *bench_allocate(size_t size);

/* Pseudo-random numbers below `count`, the same in every process. */
uint64_t bench_random(uint64_t count);

/* An async function that awaits `count` (a uint64_t) yields, and one that does nothing. */
void bench_yield_often(void *count);
void bench_do_nothing(void *arg);

/* ---- futures ---- */

/* Never ready, and woken by nobody. */
extern const struct qp_future_ops bench_never_ops;
#define bench_never() bench_future(QP_NEW(struct qp_yield_future), &bench_never_ops)

/* Ready at the second poll, for which it wakes its task itself. */
extern const struct qp_future_ops bench_self_wake_ops;
#define bench_self_wake() bench_future(QP_NEW(struct qp_yield_future), &bench_self_wake_ops)

static inline struct qp_future *bench_future(struct qp_yield_future *self, const struct qp_future_ops *ops)
{
    return qp_future_init(&self->future, ops);
}

#endif
