/*
 * The simulated environment: virtual time, choices taken by a strategy and written down, counted memory.
 *
 * One struct qp_sim runs any number of executions, one after the other. The list of choices is the execution: the same
 * list, of the same program, gives the same events.
 */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include "sim/arena.h"
#include "sim/strategy.h"
#include <quipu/runtime.h>

struct qp_sim_config {
    uint64_t seed;
    struct qp_strategy *strategy; /* borrowed */
    qp_event_fn event;            /* NULL: nobody is told */
    void *event_context;
    const struct qp_event_batch *batch; /* told instead, in brief; borrowed. NULL: nobody is */
    void (*touch)(void *context, const void *state, bool writing); /* told of each qp_touch; or NULL */
    void (*woken_again)(void *context, uint64_t task);             /* likewise: see struct qp_env */
    void *touch_context;
    void (*awaited)(void *context, const struct qp_site *site); /* likewise, of each await */
    void *awaited_context;
    uint64_t most_steps;         /* 0: QP_SIM_MOST_STEPS */
    uint32_t faults;             /* bits of choices that are not asked for otherwise: 1u << QP_CHOICE_CANCEL */
    bool aborts_only;            /* cancellations are aborts: time is never brought to a boundary's deadline */
    uint64_t failing_allocation; /* the number, from 1, of the allocation that fails; 0: none */
};

#define QP_SIM_MOST_STEPS 1000000

struct qp_sim_result {
    enum qp_status outcome;
    int64_t time_ns; /* virtual, at the end */
    uint64_t steps;
    uint64_t allocations;
    size_t leaked;           /* bytes not given back */
    const uint32_t *choices; /* borrowed until the next execution */
    size_t choice_count;
    bool truncated;    /* there was no memory for all choices: the list is not the execution */
    uint32_t injected; /* bits of the kinds in `faults` of which another than the first alternative was chosen */
    size_t retried;    /* the number, from 1, of the first choice by which a wait was begun again; 0: none */
    char report[4096];
};

struct qp_sim {
    struct qp_arena arena;
    struct qp_env env; /* as the execution under way has it; made by the first */
    const struct qp_sim_config *config;
    struct qp_random_strategy *tasks; /* its strategy's, which see */
    int64_t now_ns;
    uint32_t *choices; /* those of this execution */
    size_t count, room;
    bool lent; /* `choices` is not ours */
    bool truncated;
    uint32_t injected;
    size_t retried;
    struct qp_work *queued, *queued_last; /* blocking work, in order of submission */
    struct qp_work *started;              /* by the time at which it is finished */
};

void qp_sim_init(struct qp_sim *sim);

/*
 * Has the choices written into memory of the caller's, as long as there is room for them there: whoever looks at it
 * sees them also when the process is gone. Borrows until qp_sim_end. Before the first execution.
 */
void qp_sim_lend(struct qp_sim *sim, uint32_t *choices, size_t room);

void qp_sim_end(struct qp_sim *sim);

/* Runs function(arg) as main, to its end. */
void qp_sim_run(struct qp_sim *sim, const struct qp_sim_config *config, qp_async_fn function, void *arg,
                struct qp_sim_result *result);

/* Whether a simulation runs on this thread, and its program's code is what runs just now. */
bool qp_sim_is_running(void);

/* Whether that code is blocking work. */
bool qp_sim_in_blocking_work(void);

/* Ends the run as misuse, with a sentence. Only while it is running. */
QP_NORETURN void qp_sim_refuse(const char *format, ...) QP_PRINTF(1, 2);

#endif
