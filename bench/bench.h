/*
 * The benchmark's frame: a benchmark does its operation `count` times and is timed around that.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <quipu/status.h>
#include <stdint.h>

struct benchmark {
    const char *name;
    const char *unit;            /* what one operation is */
    void (*run)(uint64_t count); /* does `count` operations; stops the program if one fails */
    uint64_t (*batch)(void);     /* NULL: one by one; else `count` is of batches of so many operations */
};

/* Those of each file; ended by a NULL name. */
extern const struct benchmark simulation_benchmarks[], checking_benchmarks[], runtime_benchmarks[];

/* Stops the program with a sentence. */
QP_NORETURN void bench_fail(const char *what);

#endif
