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
    /* The execution is over, and was undisturbed: those to come may be expected to be like it. NULL: it learns nothing.
     */
    void (*learn)(struct qp_strategy *self);
    /* Is told of each event of the execution under way; NULL: it listens to none. */
    void (*event)(struct qp_strategy *self, const struct qp_event *event);
    /* Whether it will, in the execution of that seed, which has not begun; NULL: as it does in all. */
    bool (*listens)(struct qp_strategy *self, uint64_t seed);
};

/* One that draws the next task uniformly at random, and nothing else on the way, says so: then nobody need be asked. */
struct qp_strategy {
    const struct qp_strategy_ops *ops;
    struct qp_random_strategy *tasks; /* whose stream that is in the execution under way; NULL: it has to be asked */
};

/* Uniformly at random, from the seed. */
struct qp_random_strategy {
    struct qp_strategy strategy;
    uint64_t state[4];
};
void qp_random_strategy_init(struct qp_random_strategy *self);

/* The next 64 bits of its stream: xoshiro256++ (Blackman and Vigna). The same numbers on every machine. */
static inline uint64_t qp_random_rotate(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}
static inline uint64_t qp_random_next(struct qp_random_strategy *self)
{
    uint64_t *state = self->state;
    const uint64_t result = qp_random_rotate(state[0] + state[3], 23) + state[0];
    const uint64_t t = state[1] << 17;
    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= t;
    state[3] = qp_random_rotate(state[3], 45);
    return result;
}

/* A number below `count` (at least 1), by Lemire's multiplication; its bias, below count / 2^32, does not matter. */
static inline uint32_t qp_random_draw(struct qp_random_strategy *self, uint32_t count)
{
    return (uint32_t)(((qp_random_next(self) >> 32) * count) >> 32);
}

/* What a strategy keeps of each task, by its number; forgotten at the next execution without clearing. */
struct qp_task_values {
    struct qp_task_value {
        uint64_t run; /* the execution that it was set in */
        uint64_t value;
    } * values;
    size_t room;
    uint64_t run;
};

/* The value of a task, 0 where it has none in this execution; NULL: out of memory. */
uint64_t *qp_task_value(struct qp_task_values *values, uint64_t task);

/*
 * Strategies that may pass a task over for ever do so for so many choices, and as long as they have looked at so many
 * ready tasks in all; then every one is equally likely. So a step costs the same however many are ready.
 */
enum { QP_UNFAIR_CHOICES = 2000, QP_UNFAIR_LOOKS = 64 * QP_UNFAIR_CHOICES };
struct qp_unfair {
    uint64_t choices, looks; /* in this execution */
};

/* Counts a choice of a task. True: it is to be fair. */
static inline bool qp_unfair_is_over(struct qp_unfair *self, const struct qp_choice *choice)
{
    self->looks += choice->count;
    return ++self->choices > QP_UNFAIR_CHOICES || self->looks > QP_UNFAIR_LOOKS;
}

/*
 * PCT (Burckhardt et al., 2010): each task has a random priority, the highest that is ready runs; at `depth` - 1 random
 * moments of the execution the one that runs falls below all others. Finds a bug of that depth with a probability of
 * at least 1 / (tasks * length ^ (depth - 1)).
 */
enum { QP_PCT_DEPTH_MOST = 16 };
struct qp_pct_strategy {
    struct qp_strategy strategy;
    struct qp_random_strategy random;
    uint32_t depth;
    uint64_t length; /* the most choices of a task in an execution so far; 0: nothing is known, and it never falls */
    struct qp_unfair unfair;
    uint64_t changes[QP_PCT_DEPTH_MOST];
    struct qp_task_values priorities;
};
void qp_pct_strategy_init(struct qp_pct_strategy *self, uint32_t depth);
void qp_pct_strategy_end(struct qp_pct_strategy *self);

/*
 * POS, partial order sampling (Yuan, Yang and Gu, 2018): each next step has a random priority, the highest that is
 * ready runs; then the next step of that task, and of each that may race with what it did, draws anew: of those that
 * wait for an object that it touched, or have touched one before.
 */
struct qp_pos_strategy {
    struct qp_strategy strategy;
    struct qp_random_strategy random;
    struct qp_unfair unfair;
    uint64_t last, step; /* the task chosen last; objects touched since, as bits */
    struct qp_task_values priorities, touched;
};
void qp_pos_strategy_init(struct qp_pos_strategy *self);
void qp_pos_strategy_end(struct qp_pos_strategy *self);

/*
 * SURW, the selectively uniform random walk (Zhao, Yuan et al., 2025): in each execution the steps that touch one
 * object, drawn among those that several tasks touch, are the interesting ones (or all steps are). The task that makes
 * the next of them is drawn with a probability proportional to how many it is expected to have left, and goes on until
 * it has made it, so that whole orders of interesting steps are equally likely. What is expected is what the executions
 * before had.
 */
enum { QP_SURW_STEPS = 512, QP_SURW_PROBES = 16 };
struct qp_surw_steps {
    uint64_t task; /* 0: the entry is free */
    uint64_t object, made, before;
};
struct qp_surw_strategy {
    struct qp_strategy strategy;
    struct qp_random_strategy random;
    struct qp_unfair unfair;
    uint64_t selected; /* the object; 0: all steps are interesting */
    uint64_t intended; /* the task that makes the next interesting step; 0: it is to be drawn */
    uint64_t touched;  /* by the step under way, objects as bits */
    struct qp_surw_steps steps[QP_SURW_STEPS];
};
void qp_surw_strategy_init(struct qp_surw_strategy *self);

/*
 * The portfolio: each execution takes one of the others by its seed, and draws how likely it is that a timer goes
 * first, that blocking work starts late, and so on (swarm testing).
 */
struct qp_portfolio_strategy {
    struct qp_strategy strategy;
    struct qp_random_strategy random;
    struct qp_pct_strategy pct;
    struct qp_pos_strategy pos;
    struct qp_surw_strategy surw;
    struct qp_strategy *chosen;
    uint32_t first[QP_CHOICE_KINDS]; /* the chance of the first of two alternatives, in 256ths; 0: as the chosen one */
};
void qp_portfolio_strategy_init(struct qp_portfolio_strategy *self);
void qp_portfolio_strategy_end(struct qp_portfolio_strategy *self);

/* A fuzzer's bytes, in order: one for each choice of up to 256 alternatives; past their end the first alternative. */
struct qp_bytes_strategy {
    struct qp_strategy strategy;
    const uint8_t *bytes; /* borrowed */
    size_t count, next;
};
void qp_bytes_strategy_init(struct qp_bytes_strategy *self, const uint8_t *bytes, size_t count);

/* A recorded list, in order; past its end, and where it names what there is not, the first alternative. */
struct qp_replay_strategy {
    struct qp_strategy strategy;
    const uint32_t *choices; /* borrowed */
    size_t count, next;
    size_t misfits;   /* choices that could not be followed */
    uint32_t *counts; /* gets how many alternatives each choice had, the first `room` of them; or NULL; borrowed */
    size_t room;
};
void qp_replay_strategy_init(struct qp_replay_strategy *self, const uint32_t *choices, size_t count);

/*
 * Another strategy's answers, but for what is injected. Cancellations: every way in which a wait could be cancelled,
 * a moment with a boundary, has a number, from 1 in the order in which they are asked for; the `at`-th is done (0:
 * none) and the `and_at`-th, or, where `one_in` is not 0, each with that chance. Where `of_tasks` is set they are
 * numbered for each running task by itself (0: none runs), which does not hang on the order of steps that have nothing
 * to do with one another. Other faults: each with a chance of its own.
 */
struct qp_cancel_strategy {
    struct qp_strategy strategy;
    struct qp_strategy *inner; /* borrowed */
    uint64_t at, and_at;
    uint64_t moments;                /* how many there were in this execution */
    struct qp_task_values *of_tasks; /* and of each task; NULL: they are not counted so; borrowed */
    uint64_t task;                   /* then: whose `at` and `and_at` are */
    uint32_t one_in;
    uint32_t faulty; /* bits of the kinds of faults that happen; how likely each is, is drawn for each execution */
    uint32_t chances[QP_CHOICE_KINDS]; /* of each kind of fault one in so many; 0: never */
    struct qp_random_strategy random;  /* for both */
    /* Told of each choice of a cancellation, and of what was chosen; or NULL. */
    void (*seen)(void *context, const struct qp_choice *choice, uint32_t chosen);
    void *context;
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
