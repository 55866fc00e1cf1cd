/* The small programs that several benchmarks run. */
#ifndef BENCH_PROGRAMS_H
#define BENCH_PROGRAMS_H

#include "sim/sim.h"
#include "traces/checker.h"

/* `arg` is not used. Two tasks that yield three times each. */
void program_yields(void *arg);

/* Two producers of two messages each, one consumer, capacity one. */
void program_channel(void *arg);

/* Three tasks that lock a mutex twice each. */
void program_locks(void *arg);

/* Runs a program under the seeds 0..count-1, and tells its events to `event` unless that is NULL. */
void run_program(uint64_t count, qp_async_fn program, qp_event_fn event, void *context);

/* The same, and each execution is judged while it runs, as `quipu run` does it. */
void run_program_checked(uint64_t count, qp_async_fn program, struct qp_checker *checker);

#endif
