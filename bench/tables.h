/* The tables of quipu-bench: those of each file, which a NULL name ends. */
#ifndef BENCH_TABLES_H
#define BENCH_TABLES_H

#include "bench/bench.h"

extern const struct benchmark simulation_benchmarks[], checking_benchmarks[], task_benchmarks[], channel_benchmarks[],
    sync_benchmarks[], time_benchmarks[];
extern const struct figure simulation_figures[], checking_figures[], crowd_figures[], abort_figures[], timer_figures[],
    memory_figures[], machine_figures[];

#endif
