/*
 * Exploring one scenario: many executions, each known by a number, until one does not keep its word.
 *
 * Case number n is one schedule, drawn from the seed and n, and, where cancellations are explored, that schedule again
 * with each single one (or pair, or random ones). Cases do not depend on one another but through what a strategy has
 * learnt, which is forgotten at each block of QP_EXPLORE_BLOCK cases: whoever runs a block gets the same.
 */
#ifndef SIM_EXPLORE_H
#define SIM_EXPLORE_H

#include "sim/dpor.h"
#include "sim/watch.h"
#include <quipu/explore.h>

enum { QP_EXPLORE_BLOCK = 64, QP_EXPLORE_POINTS = 256, QP_EXPLORE_PLACES = 128 };

struct qp_explore_options {
    uint64_t seed;
    const char *strategy; /* "random", "pct", "pos", "surw", "portfolio" */
    uint32_t depth;       /* of PCT */
    enum qp_explore_cancel cancel;
    uint32_t faults; /* bits of other kinds of choices that inject something */
    bool declared;   /* inject also what the scenario declares that it bears */
    bool check;      /* hold each execution against the contracts */
};

/* Which execution: the case, and the numbers of its cancellations (strategy.h); 0: none. */
struct qp_explore_which {
    uint64_t number, at, and_at;
};

/* How often a wait could have been cancelled at a moment by a boundary, and was. */
struct qp_explore_ways {
    uint64_t seen, cancelled;
};

/* An await point that was come by, where there were events, as always when the contracts are checked; and the ways in
 * which it was cancelled. */
struct qp_explore_point {
    const struct qp_site *site; /* NULL: before a task's first await */
    struct qp_explore_ways ways[QP_MOMENTS][QP_BOUNDARIES];
};

struct qp_explore_tally {
    uint64_t executions, steps, redundant, blocked;
    uint64_t excused;    /* executions that would have failed, had the scenario borne what was injected */
    uint32_t excused_by; /* the faults that it would have had to bear */
    size_t point_count;  /* at most QP_EXPLORE_POINTS; those beyond are not told apart */
    struct qp_explore_point points[QP_EXPLORE_POINTS];
};

/* What failed, in a form that is the same for every execution in which the same thing fails. */
struct qp_failure_key {
    enum qp_status outcome;
    int rule;      /* enum qp_rule_id; -1: none was broken */
    uint64_t text; /* a hash of the report, in which numbers do not count */
};

struct qp_explorer {
    struct qp_explore_options options;
    struct qp_scenario_run run;
    struct qp_sim sim;
    struct qp_sim_result result; /* of the last execution */
    struct qp_checker *checker;  /* NULL: nothing is checked */
    struct qp_random_strategy random;
    struct qp_pct_strategy pct;
    struct qp_pos_strategy pos;
    struct qp_surw_strategy surw;
    struct qp_portfolio_strategy portfolio;
    struct qp_cancel_strategy cancel;
    struct qp_strategy *strategy;
    struct qp_dpor *dpor; /* while it searches exhaustively */
    uint64_t heard;       /* events and awaits, of all executions */
    bool look;            /* at the next execution's await points, also when the contracts are not checked */
    qp_event_fn also;     /* who else is told of an execution's events; NULL: nobody */
    void *also_context;
    struct {
        const struct qp_site *site; /* of the tally's `at` - 1; at 0: nothing is here */
        size_t at;
    } places[QP_EXPLORE_PLACES]; /* where points lie in the tally, as far as it was looked up */
    uint32_t faults;
    struct qp_explore_which failed;
    struct qp_explore_tally *tally; /* while a case runs */
    volatile uint64_t *progress;    /* as each execution begins: case, moments, and how many there were; NULL: nobody */
};

/* Whether there is a strategy of that name. */
bool qp_explore_strategy_is_known(const char *name);

/* `run` says which scenario, with what parameters; borrowed. False: out of memory. */
bool qp_explorer_init(struct qp_explorer *self, const struct qp_scenario_run *run,
                      const struct qp_explore_options *options);
void qp_explorer_end(struct qp_explorer *self);

/* Forgets what the strategies have learnt. */
void qp_explorer_begin_block(struct qp_explorer *self);

/* All executions of a case; adds to the tally. False: one failed; `failed` says which, `result` how. */
bool qp_explorer_case(struct qp_explorer *self, uint64_t number, struct qp_explore_tally *tally);

/*
 * One execution by another strategy, whose `tail` becomes the explorer's own, begun with the seed. `listen` is told of
 * its events. False: it failed; `result` says how.
 */
bool qp_explorer_guided(struct qp_explorer *self, struct qp_strategy *strategy, struct qp_strategy **tail,
                        uint64_t seed, qp_event_fn listen, void *context);

/*
 * Every schedule there is, but for the order of steps that have nothing to do with one another (dpor.h), at most `most`
 * executions; and, where cancellations are explored, all of them with every single abort. True: there is no
 * more. `failed`: one failed, and was the last.
 */
bool qp_explorer_every(struct qp_explorer *self, uint64_t most, struct qp_explore_tally *tally, bool *failed);

/* What a failed execution failed by. */
struct qp_failure_key qp_failure_key(const struct qp_sim_result *result, const struct qp_checker *checker);
bool qp_failure_same(const struct qp_failure_key *a, const struct qp_failure_key *b);

#endif
