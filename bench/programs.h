/* The small programs that several benchmarks run. */
#ifndef BENCH_PROGRAMS_H
#define BENCH_PROGRAMS_H

#include "sim/sim.h"

/* Two producers of two messages each, one consumer, capacity one. `arg` is not used. */
void program_channel(void *arg);

/* Runs a program under the seeds 0..count-1, and tells its events to `event` unless that is NULL. */
void run_program(uint64_t count, qp_async_fn program, qp_event_fn event, void *context);

#endif
