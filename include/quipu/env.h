/*
 * The environment: everything that is not determined by the program.
 *
 * A runtime gets one struct of functions when it is made, and asks it for the time, for each choice, for memory, for
 * somebody to run blocking work, and to wait when nothing can run. The simulated environment and the real one are two
 * such structs; nothing else in the runtime knows which it has.
 */
#ifndef QUIPU_ENV_H
#define QUIPU_ENV_H

#include <quipu/event.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct qp_io_wait;
struct qp_runtime;
struct qp_task;

/* What is chosen. The numbers are part of the trace format. */
enum qp_choice_kind {
    QP_CHOICE_TASK = 0,        /* which ready task runs next; 0 is the one that became ready first */
    QP_CHOICE_TIMER_FIRST = 1, /* 0: a due timer fires before the next ready task; 1: the task goes first */
    QP_CHOICE_TIMER = 2,       /* which of the due timers fires; 0 is the earliest registered of the earliest */
    QP_CHOICE_BLOCKING = 3,    /* 0: queued blocking work starts later; 1: now */
    QP_CHOICE_RANDOM = 4,      /* the program's own draw */
    QP_CHOICE_YIELD = 5,       /* 1: the task suspends once before it polls what it awaits */
    QP_CHOICE_SPURIOUS = 6,    /* 1 and up: this one of the tasks that wait is polled without a cause; 0: none */
    QP_CHOICE_CANCEL = 7,      /* 1 and up: the running task's wait is cancelled by this one of its boundaries */
    QP_CHOICE_CLOCK = 8,       /* 1: time passes up to the next deadline, although tasks are ready */
    QP_CHOICE_RETRY = 9,       /* 1 and up: this one of the cancel-safe waits is dropped, and begun again at once */
    QP_CHOICE_PANIC = 10,      /* 1: the task panics at this await */
    QP_CHOICE_ALLOC = 11,      /* 1: there is no memory, or no stack */
    QP_CHOICE_LATE = 12,       /* 1: the due timers are late: time passes before the next of them fires */
    QP_CHOICE_DELAY = 13,      /* 1: blocking work that could start does not until the next deadline has come */
    QP_CHOICE_KINDS
};

/* When a wait is cancelled at an await point. */
enum qp_moment {
    QP_MOMENT_BEFORE,  /* before the awaited future's first poll */
    QP_MOMENT_PENDING, /* it waits, and suspends */
    QP_MOMENT_WOKEN,   /* it was woken and has not been polled */
    QP_MOMENT_TIED,    /* the same, and the deadline of a boundary around it is over at the same instant */
    QP_MOMENTS
};

/* By what. */
enum qp_boundary {
    QP_BOUNDARY_ABORT,   /* of the task */
    QP_BOUNDARY_TIMEOUT, /* a timeout around it expires: the clock is at its deadline when it is polled next */
    QP_BOUNDARY_RACE,    /* a race around it is won by an arm that only waits for time */
    QP_BOUNDARY_RETRY,   /* none: a QP_CHOICE_RETRY */
    QP_BOUNDARIES
};

enum { QP_BOUNDARIES_MOST = 15 }; /* around one await, the abort among them; those further inside are left alone */

/* The message of a QP_CHOICE_PANIC. */
#define QP_INJECTED_PANIC "injected at an await"

/* What one alternative of a QP_CHOICE_CANCEL, or of a QP_CHOICE_RETRY, does. */
struct qp_cancellation {
    enum qp_moment moment;
    enum qp_boundary boundary;
};

struct qp_choice {
    enum qp_choice_kind kind;
    uint32_t count;                              /* of alternatives, at least 2; the answer is below it */
    const struct qp_runtime *runtime;            /* NULL for a QP_CHOICE_RANDOM or QP_CHOICE_BLOCKING */
    enum qp_moment moment;                       /* of these two: when it is asked; never QP_MOMENT_TIED */
    const struct qp_site *site;                  /* of these two: the await point; NULL: before the task's first */
    const struct qp_cancellation *cancellations; /* of these two: of each alternative but 0; borrowed */
};

/* The index-th alternative of a QP_CHOICE_TASK: its task's number, and the object that it waits for (0: none). */
uint64_t qp_choice_task(const struct qp_choice *choice, uint32_t index);
uint64_t qp_choice_object(const struct qp_choice *choice, uint32_t index);

/* A piece of blocking work, in the runtime's memory until qp_work_finished. */
struct qp_work {
    struct qp_work *next;              /* the environment's, while it has the work */
    int64_t ready_ns;                  /* likewise */
    int64_t duration_ns;               /* set by the work itself while it runs */
    void (*run)(struct qp_work *work); /* called once, on any thread */
    uint64_t task;                     /* its task's number */
};

/* Before it starts. False: its cancellation was injected, and it is withdrawn. */
bool qp_work_may_start(struct qp_runtime *runtime, struct qp_work *work);

/* The executor's side of a piece of work: it has started; it has run. Called on the runtime's thread. */
void qp_work_started(struct qp_runtime *runtime, struct qp_work *work);
void qp_work_finished(struct qp_runtime *runtime, struct qp_work *work);

struct qp_env {
    void *context; /* given to each function but `event` */

    /* Memory. `size` is what was asked for. A failed allocation gives NULL. */
    void *(*allocate)(void *context, size_t size);
    void (*release)(void *context, void *memory, size_t size);

    /* Nanoseconds on a clock that never goes back. */
    int64_t (*now)(void *context);

    /* NULL: first come, first served, and no choice is ever asked for. `choices` has bit k for each kind k it wants. */
    uint32_t (*choose)(void *context, const struct qp_choice *choice);
    uint32_t choices;

    /*
     * Called between steps, at least every `turn_every` of them while tasks are ready; may finish work and wake tasks.
     * NULL: nothing to do.
     */
    void (*turn)(void *context, struct qp_runtime *runtime);
    uint32_t turn_every;

    /*
     * Nothing is ready: wait until `deadline_ns` (QP_NEVER: no deadline) or until something else may have happened.
     * False: nothing can happen any more, a deadlock.
     */
    bool (*park)(void *context, struct qp_runtime *runtime, int64_t deadline_ns);

    /* Where that is injected: time passes up to a deadline, or to where it stops before, although tasks are ready. */
    void (*pass)(void *context, int64_t deadline_ns);

    /*
     * Takes blocking work to run; gives back (true) what has not started; waits for what has started (all of it, or
     * some, where it must not wait: then it is asked again when something may have happened).
     */
    void (*submit)(void *context, struct qp_runtime *runtime, struct qp_work *work);
    bool (*withdraw)(void *context, struct qp_runtime *runtime, struct qp_work *work);
    void (*finish)(void *context, struct qp_runtime *runtime);

    /*
     * Serves a wait for a descriptor or a signal (io.h): from a begin that gives 0 until it sets `over` and wakes
     * `wait.waker`, or until the end, if that comes before. Begin gives an errno where it refuses. NULL: there are
     * none.
     */
    int (*io_begin)(void *context, struct qp_io_wait *io);
    void (*io_end)(void *context, struct qp_io_wait *io);

    /* Called on any thread, while the runtime exists: ends the park under way. NULL: it hears of no other thread. */
    void (*notify)(void *context);

    /* The program's own randomness: a number below `count` (0: any). */
    uint64_t (*random)(void *context, uint64_t count);

    /* Receives events; NULL: nobody does. */
    qp_event_fn event;
    void *event_context;

    /* Receives them instead, in brief, where time is virtual; borrowed. NULL: nobody does. Without either none are
     * made. */
    const struct qp_event_batch *batch;

    /* Is told of each qp_touch; NULL: nobody is. */
    void (*touch)(void *context, const void *state, bool writing);

    /* Is told when a task is woken that is ready already, which no event says; NULL: nobody is. */
    void (*woken_again)(void *context, uint64_t task);

    /* Is told of each await that begins, at that point, while there are events; NULL: nobody is. */
    void (*awaited)(void *context, const struct qp_site *site);

    /* The most steps (polls) that one run may take; 0: no limit. */
    uint64_t most_steps;
};

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
