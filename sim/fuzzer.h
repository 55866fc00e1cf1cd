/*
 * Fuzzing one scenario: lists of choices are changed at random, executed, and kept when the execution had a shape that
 * was not seen before (coverage.h).
 *
 * One job is many executions from one list, or from none: then each is drawn by the explorer's own strategy. What a job
 * finds hangs on its seed, its list, and what was seen before.
 */
#ifndef SIM_FUZZER_H
#define SIM_FUZZER_H

#include "sim/coverage.h"
#include "sim/explore.h"

enum { QP_FUZZ_CHOICES_MOST = 65536, QP_FUZZ_STEPS = 200000 };

/* A list, and behind its end another strategy's answers; a number that is too high is taken modulo. */
struct qp_guided_strategy {
    struct qp_strategy strategy;
    struct qp_strategy *tail; /* borrowed */
    const uint32_t *choices;  /* borrowed */
    size_t count, next;
};

struct qp_fuzzer {
    struct qp_explorer *explorer; /* borrowed: its environment, checker and strategies */
    struct qp_coverage coverage;
    struct qp_guided_strategy guided;
    struct qp_random_strategy random; /* draws the changes */
    uint32_t *list;                   /* the one that is executed; owned */
    void (*keep)(void *context, const uint32_t *choices, size_t count, uint32_t fresh); /* told of each new shape */
    void *context;
};

struct qp_fuzz_input {
    const uint32_t *choices; /* borrowed */
    size_t count;
};

/* `seen` is borrowed: QP_COVERAGE_EDGES bytes. False: out of memory. */
bool qp_fuzzer_init(struct qp_fuzzer *self, struct qp_explorer *explorer, uint8_t *seen);
void qp_fuzzer_end(struct qp_fuzzer *self);

/*
 * At most `count` executions, and not many more than QP_FUZZ_STEPS steps, of lists made from `inputs` (one, or two to
 * be crossed; NULL where there is none); count 0: the list itself, once. False: one failed, and was the last; the
 * explorer's result says how.
 */
bool qp_fuzzer_job(struct qp_fuzzer *self, uint64_t seed, const struct qp_fuzz_input inputs[2], uint64_t count,
                   struct qp_explore_tally *tally);

#endif
