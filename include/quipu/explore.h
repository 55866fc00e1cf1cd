/*
 * Exploring from inside a program: for tests in whatever framework they are written (docs/testing.md; cmocka.h has it
 * as an assertion).
 *
 *     struct qp_exploration how = {.runs = 1000, .cancel = QP_CANCEL_EACH};
 *     struct qp_explored explored;
 *     if (qp_explore("no_job_is_lost", no_job_is_lost, NULL, &how, &explored) != QP_OK)
 *         puts(explored.report);
 *     qp_explored_end(&explored);
 *
 * The function is executed again and again as the main of a simulated runtime, each time under another schedule, until
 * one execution fails: by an assertion, a broken contract, a deadlock, a panic, misuse, or memory that is not given
 * back. That one is made as small as it can be. What function(arg) changes outside the runtime it must set right when
 * it begins, or its executions are not alike.
 *
 * With QUIPU_REPLAY=<trace> in the environment the exploration that wrote the trace executes what it recorded, once,
 * and nothing else: for a debugger, or to see whether it is mended. All others explore as ever.
 */
#ifndef QUIPU_EXPLORE_H
#define QUIPU_EXPLORE_H

#include <quipu/scenario.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* Which executions are cancelled. */
enum qp_explore_cancel {
    QP_CANCEL_NONE,
    QP_CANCEL_EACH,  /* every case again with each of its waits cancelled in turn, at each moment */
    QP_CANCEL_PAIRS, /* with each two */
    QP_CANCEL_RANDOM /* now and then, as the case draws it */
};

/* How to explore. All zero is the usual. The same gives the same result, on every machine, unless `seconds` cut it. */
struct qp_exploration {
    uint64_t seed;        /* where to begin */
    uint64_t runs;        /* cases; 0: 1000. Of "exhaustive" executions; 0: 100000 */
    uint64_t seconds;     /* no case begins after so much time; 0: no bound */
    const char *strategy; /* "random", "pct", "pos", "surw", "portfolio", "exhaustive"; NULL: "portfolio" */
    uint32_t depth;       /* of "pct": how many orderings a bug may need, at most 16; 0: 3 */
    /*
     * What is injected besides; an execution that was disturbed must give back what it holds and break no contract, and
     * its assertions and its end do not count, but for what the function bears.
     */
    enum qp_explore_cancel cancel;
    unsigned faults; /* bits of enum qp_fault */
    /* As QP_BEARS and QP_ASSUMES_NO say it of a scenario. What is borne is injected where `cancel` and `faults` are 0.
     */
    unsigned bears, assumes_no;
    bool no_check; /* does not hold executions against the contracts; faster */
    const char
        *folder; /* where the trace of a failure goes, as NAME.jsonl; NULL: "quipu-out", made when it is needed */
};

/* What came of it. */
struct qp_explored {
    uint64_t executions, steps; /* how many; polls of tasks in all of them */
    bool complete;              /* "exhaustive", and every schedule that differs from the others was executed */
    bool replayed;              /* it was the one execution that QUIPU_REPLAY names */
    /* of the first failure: */
    uint64_t number;      /* the case, from 0 */
    enum qp_status ended; /* how the execution ended; QP_OK where only a contract was broken */
    const char *rule;     /* the contract that was broken, "CHAN-RECV-1"; NULL: none was */
    const char *sentence; /* and what it says */
    char *trace;          /* the path of the minimised execution's trace; NULL: none was written. Owned */
    char *report;         /* all of it in lines, with the story and how to see it again; never NULL. Owned */
};

/*
 * Explores function(arg), which is called `name` in reports and traces (borrowed for the call, as all else is). QP_OK:
 * nothing failed. QP_FAILED: something did. QP_INVALID: `how` makes no sense, QUIPU_REPLAY names no trace, or it was
 * called from inside a task; QP_NOMEM. `how` NULL: the usual. `explored` is always filled in, to be ended by
 * qp_explored_end; NULL: where it is not QP_OK the report goes to stderr.
 */
enum qp_status qp_explore(const char *name, qp_async_fn function, void *arg, const struct qp_exploration *how,
                          struct qp_explored *explored) QP_MUST_CHECK;

/* The same for a scenario of this program, with its parameters as they are declared. QP_INVALID: there is none of that
 * name. */
enum qp_status qp_explore_scenario(const char *name, const struct qp_exploration *how,
                                   struct qp_explored *explored) QP_MUST_CHECK;

/* Releases what it owns. */
void qp_explored_end(struct qp_explored *explored);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
