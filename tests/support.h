/*
 * What the tests share: running a program under seeds, under every schedule, with each allocation failing in turn; and
 * a waker that counts.
 */
#ifndef TESTS_SUPPORT_H
#define TESTS_SUPPORT_H

#include "sim/sim.h"
#include <quipu/quipu.h>
/* cmocka wants these before it */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* then */
#include <cmocka.h>

/* Runs function(arg) once with a seed; valid until the next run. */
const struct qp_sim_result *run_seed(qp_async_fn function, void *arg, uint64_t seed);

/* Runs it under seeds 0..count-1: each must end well and give every byte back. */
void run_seeds(qp_async_fn function, void *arg, uint64_t count);

/* Runs it under every schedule (at most `most`, or the test fails): likewise. Returns how many there were. */
uint64_t run_every_schedule(qp_async_fn function, void *arg, uint64_t most);

/*
 * Runs it with the first allocation failing, then the second, and so on until none fails: each run must end with QP_OK
 * or QP_NOMEM and give every byte back. The program must take QP_NOMEM and NULL for what they are, and return.
 */
void run_failing_allocations(qp_async_fn function, void *arg);

/* Runs it under some seeds: each must end in this way, with this text in its report. */
void run_expecting(qp_async_fn function, void *arg, enum qp_status outcome, const char *text);

/* A waker that counts how often it was woken. */
struct counting_waker {
    struct qp_waker waker;
    int wakes;
};
void counting_waker_init(struct counting_waker *self);

#endif
