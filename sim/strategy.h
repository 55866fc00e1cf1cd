/*
 * Strategies: who answers the choices. Each is one file with one table; nothing else knows which one is at work.
 */
#ifndef SIM_STRATEGY_H
#define SIM_STRATEGY_H

#include <quipu/env.h>

struct qp_strategy;

struct qp_strategy_ops {
    const char *name; /* as in a trace's header */
    /* Called before each execution. */
    void (*begin)(struct qp_strategy *self, uint64_t seed);
    /* An alternative below choice->count. */
    uint32_t (*choose)(struct qp_strategy *self, const struct qp_choice *choice);
};

struct qp_strategy {
    const struct qp_strategy_ops *ops;
};

/* Uniformly at random, from the seed. */
struct qp_random_strategy {
    struct qp_strategy strategy;
    uint64_t state[4];
};
void qp_random_strategy_init(struct qp_random_strategy *self);

/* A recorded list, in order; past its end, and where it names what there is not, the first alternative. */
struct qp_replay_strategy {
    struct qp_strategy strategy;
    const uint32_t *choices; /* borrowed */
    size_t count, next;
    size_t misfits; /* choices that could not be followed */
};
void qp_replay_strategy_init(struct qp_replay_strategy *self, const uint32_t *choices, size_t count);

/*
 * Another strategy's answers, but for one cancellation: at the `at`-th moment at which a task could be cancelled, from
 * 1; 0: none. Counts these moments.
 */
struct qp_cancel_strategy {
    struct qp_strategy strategy;
    struct qp_strategy *inner; /* borrowed */
    uint64_t at, moments;
};
void qp_cancel_strategy_init(struct qp_cancel_strategy *self, struct qp_strategy *inner, uint64_t at);

/*
 * Every list of choices there is, in lexical order. After an execution qp_enumerate_next says whether there is another.
 * The number of executions grows with the product of all choices: for small programs.
 */
struct qp_enumerate_strategy {
    struct qp_strategy strategy;
    uint32_t *choices, *counts; /* the path; owned */
    size_t depth, next, room;
    bool overflowed; /* there was no memory for the path: what follows is not complete */
};
void qp_enumerate_strategy_init(struct qp_enumerate_strategy *self);
bool qp_enumerate_next(struct qp_enumerate_strategy *self);
void qp_enumerate_strategy_end(struct qp_enumerate_strategy *self);

#endif
