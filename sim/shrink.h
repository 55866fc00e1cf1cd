/*
 * Minimising a failed execution: a list of choices that fails in the same way, of which nothing more can be left out.
 *
 * The first alternative of every choice is the plain one: the task that was ready first, the timer before the task, no
 * cancellation. So a list is smaller when fewer of its choices are others and its execution is shorter: in the lines of
 * its story, where somebody counts them, otherwise in steps.
 */
#ifndef SIM_SHRINK_H
#define SIM_SHRINK_H

#include "sim/explore.h"

enum {
    QP_SHRINK_STEPS = 20000000, /* of all its executions together, at most */
    QP_SHRINK_PLACES = 128,     /* choices of a list for which other alternatives are tried */
    QP_SHRINK_TOLD = 20000,     /* steps of an execution whose story's lines are counted */
    QP_SHRINK_ODD = 3           /* lines, or steps, that a choice out of the ordinary is worth */
};

/* Executes by the list of choices that `replay` has. True: it kept its word; false: the result says how not. */
typedef bool (*qp_shrink_fn)(void *context, const struct qp_scenario_run *run, struct qp_replay_strategy *replay,
                             uint32_t faults, struct qp_recorder *recorder, struct qp_sim_result *result);

struct qp_shrink {
    struct qp_sim *sim; /* borrowed, all of them */
    const struct qp_scenario_run *run;
    struct qp_checker *checker; /* NULL: no rules */
    uint32_t faults;
    qp_shrink_fn execute; /* NULL: here, by `sim` */
    void *execute_context;
    size_t (*story)(const struct qp_events *events); /* its lines; NULL: nobody counts, as in one of over
                                                        QP_SHRINK_TOLD steps */
    struct qp_failure_key key;                       /* what must go on failing */
    uint64_t most;                                   /* executions that it may take */
    volatile uint64_t *progress;                     /* counts them, for whoever waits; NULL: nobody does */
    uint64_t executions;                             /* that it took */
    uint64_t total_steps;                            /* of all of them: at most QP_SHRINK_STEPS */
    uint32_t tried[QP_SHRINK_PLACES];                /* of the last execution's */
    uint32_t counts[QP_SHRINK_PLACES];               /* alternatives of the first choices of the smallest */
    uint32_t *choices;                               /* the smallest so far; owned */
    size_t count;
    uint64_t odd, length;         /* its choices that are not the first alternative; its lines, or steps */
    struct qp_recorder *recorder; /* of the last execution, where a story is counted; owned */
    struct qp_sim_result *result; /* of the last execution; borrowed */
};

/* Begins with a list, copied, that fails. False: it does not fail in this way, or there is no memory. */
bool qp_shrink_begin(struct qp_shrink *self, const uint32_t *choices, size_t count);

/* Makes it as small as it can be, or until `most` executions were made. */
void qp_shrink_all(struct qp_shrink *self);

/* Once more, recorded. Returns whether it failed as it should. */
bool qp_shrink_again(struct qp_shrink *self, struct qp_recorder *recorder);

void qp_shrink_end(struct qp_shrink *self);

#endif
