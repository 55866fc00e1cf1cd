/*
 * The benchmark's frame. A benchmark does its operation `count` times and is timed around that; a figure is measured by
 * a function of its own, where only a part of the work counts, or something else than time.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <quipu/status.h>
#include <stdbool.h>
#include <stdint.h>

struct benchmark {
    const char *name;
    const char *unit;            /* what one operation is */
    void (*run)(uint64_t count); /* does `count` operations; stops the program if one fails */
    uint64_t (*batch)(void);     /* NULL: one by one; else `count` is of batches of so many operations */
};

/*
 * Names. What stands in brackets at the end tells apart ways to do the same work that only this library has: programs
 * by others know the work by the name before it.
 */
struct figure {
    const char *name;
    const char *unit;     /* of what is measured: "ns per task", "bytes per task" */
    double (*take)(void); /* measures once; below zero: not on this machine, and stderr has said why */
    bool alone;           /* in a process of its own, once: for what an earlier measurement would spoil */
};

/* All that the program has: NULL-terminated lists of tables, which a NULL name ends. */
extern const struct benchmark *const all_benchmarks[];
extern const struct figure *const all_figures[];

/* Stops the program with a sentence. */
QP_NORETURN void bench_fail(const char *what);

/* The monotonic clock, and the CPU time of the process, in nanoseconds. */
double bench_now_ns(void);
double bench_cpu_ns(void);

#endif
