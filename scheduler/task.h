/*
 * A task: a future with a name, a place in the scheduler, a scope, and somebody who may wait for its result.
 *
 * A task is one block of memory: struct qp_task, struct qp_task_extra where it has one (QP_TASK_EXTRA), its future (of
 * blocking work, the rest of struct qp_blocking), and, at the end of the block, its result. What a switch touches lies
 * together, and a task whose future is resumable costs less than a hundred bytes beside it.
 *
 * Invariants: `references` counts the task's own life (until it ended), its handle (until joined or dropped) and cloned
 * wakers; at zero the block goes back to the pool (task_pool.h). The handle is owned by some function, unless a join
 * has it (QP_TASK_JOINING): only then somebody waits for the task. The result is there only between qp_return and its
 * delivery. What a task owns is released before QP_TASK_ENDED is set and before whoever joins it is woken.
 */
#ifndef SCHEDULER_TASK_H
#define SCHEDULER_TASK_H

#include "scheduler/owned.h"
#include <quipu/env.h>
#include <setjmp.h>

enum qp_task_style { QP_STYLE_COROUTINE, QP_STYLE_FUTURE, QP_STYLE_BLOCKING };

enum {
    QP_TASK_QUEUED = 1,  /* in the ready queue */
    QP_TASK_RUNNING = 2, /* being polled */
    QP_TASK_WOKEN = 4,   /* woken while it was being polled */
    QP_TASK_ABORTED = 8, /* its cancellation was asked for */
    QP_TASK_ENDING = 16, /* being released */
    QP_TASK_ENDED = 32,
    QP_TASK_RESULT = 64,   /* there is a result */
    QP_TASK_RENAMED = 128, /* its name is in memory of its own */
    QP_TASK_STARTED = 256, /* blocking work: too late to withdraw it */
    QP_TASK_MAIN = 512,
    QP_TASK_DETACHED = 1024, /* the handle is gone */
    QP_TASK_JOINING = 2048,  /* a join has the handle */
    QP_TASK_EXTRA = 4096,    /* there is a struct qp_task_extra behind it */
    QP_TASK_STACK = 8192,    /* a coroutine that has begun and has its stack */
    QP_TASK_HEARD = 16384    /* somebody listens: what is done to it is told */
};

enum { QP_NAME_SIZE = 32, QP_MESSAGE_SIZE = 256 };

struct qp_task {
    struct qp_waker waker;
    struct qp_runtime *runtime;
    uint64_t id;
    uint32_t references;
    uint16_t flags;
    uint8_t status : 6; /* enum qp_status, when it has ended */
    uint8_t style : 2;
    uint8_t rank; /* of its block's size */
    union {
        struct {
            struct qp_task *prev, *next; /* among the runtime's tasks, until it has ended; of free ones `next` */
        };
        char *message; /* of a panic, when it has ended */
    };
    struct qp_scope scope; /* of a function without a stack; a coroutine has its own */
    union {
        struct qp_owned handle;  /* the handle, among what its owner owns */
        struct qp_waker *joiner; /* who waits for it, while QP_TASK_JOINING; NULL: nobody yet */
    };
};

/* What only some tasks have; every coroutine does. */
struct qp_task_extra {
    const char *name;
    void (*drop)(void *arg);
    void *arg;
    const struct qp_type *result_type; /* NULL: no result */
    uint64_t result_id;
};

/* A name that was given to a task while it ran. */
struct qp_task_name {
    struct qp_task_name *next;
    const struct qp_task *task;
    char text[QP_NAME_SIZE];
};

static inline struct qp_task_extra *qp_task_extra(const struct qp_task *task)
{
    return task->flags & QP_TASK_EXTRA ? (struct qp_task_extra *)(uintptr_t)(task + 1) : NULL;
}

/* Of a task that is no blocking work. */
static inline struct qp_future *qp_task_polled(const struct qp_task *task)
{
    return (struct qp_future *)((uintptr_t)(task + 1) +
                                (task->flags & QP_TASK_EXTRA ? sizeof(struct qp_task_extra) : 0));
}

/* NULL: blocking work. */
static inline struct qp_future *qp_task_future(const struct qp_task *task)
{
    return task->style == QP_STYLE_BLOCKING ? NULL : qp_task_polled(task);
}

/* Of a task that is one. */
static inline struct qp_coroutine *qp_task_coroutine(const struct qp_task *task)
{
    return (struct qp_coroutine *)((uintptr_t)(task + 1) + sizeof(struct qp_task_extra));
}

/* Whose own it is: of a coroutine that is a task's. */
static inline struct qp_task *qp_task_of(struct qp_coroutine *coroutine)
{
    return (struct qp_task *)((uintptr_t)coroutine - sizeof(struct qp_task_extra)) - 1;
}

/* Blocking work has an extra always, and asks on a thread that may not look at the flags. */
static inline const struct qp_type *qp_task_result_type(const struct qp_task *task)
{
    const struct qp_task_extra *extra =
        task->style == QP_STYLE_BLOCKING ? (const struct qp_task_extra *)(task + 1) : qp_task_extra(task);
    return extra ? extra->result_type : NULL;
}

/* Where the result's bytes are. Only where there is a result type. */
void *qp_task_result(const struct qp_task *task);

const char *qp_task_name_of(const struct qp_task *task);

struct qp_task_list {
    struct qp_task *first, *last;
};

/*
 * A task that runs blocking work. While the work runs, perhaps on another thread, that thread alone touches what stands
 * behind `work`, and the result's bytes.
 */
struct qp_blocking {
    struct qp_task task;
    struct qp_task_extra extra;
    struct qp_work work;
    void (*function)(void *arg);
    jmp_buf *panic;                /* where a panic goes, while it runs */
    char message[QP_MESSAGE_SIZE]; /* of a panic */
    bool panicked, returned;
};

/* Hands the work to the environment; takes it back unless it has started. */
void qp_blocking_submit(struct qp_blocking *blocking);
bool qp_blocking_withdraw(struct qp_task *task);

/* Inside the work: sets its result, or ends it with a panic. */
void qp_blocking_return(struct qp_blocking *blocking, const void *value);
QP_NORETURN void qp_blocking_panic(struct qp_blocking *blocking, const char *text);

/* The bytes of its result are there: numbers the value and tells of it. `given`: what they came from; NULL: it is gone.
 */
void qp_task_has_result(struct qp_task *task, const void *given);

/* Keeps a copy of what the task that panics now had to say, until it has ended, where there is memory. */
void qp_task_set_message(struct qp_runtime *runtime, const char *text);

/* What a task that has ended panicked with. */
const char *qp_task_message(const struct qp_task *task);

/* A join undone: the handle is held again. */
uint64_t qp_join_target(const struct qp_future *future); /* the task that a join waits for; 0: it is no join */
struct qp_handle qp_join_give_back(struct qp_join_future *self);

/* The task whose handle this is; 0: it is none. */
uint64_t qp_handle_target(const struct qp_owned *owned);

extern const struct qp_waker_ops qp_task_waker_ops;

/* Polls once; the runtime's step (step.h). */
void qp_task_step(struct qp_task *task);

/* The same of one whose cancellation was asked for, which comes instead of a poll. */
void qp_task_cancel(struct qp_task *task);

/* Ends the task: drops its future unless it is ready, releases all that it owns, and tells who waits for it. */
void qp_task_end(struct qp_task *task, enum qp_status status);

/* Asks for its cancellation. */
void qp_task_abort(struct qp_task *task);

/* Where what the task acquires belongs. */
struct qp_scope *qp_task_scope(struct qp_task *task);

void qp_task_unreference(struct qp_task *task);

/* The task with that number, among those that have not ended; NULL: none. */
struct qp_task *qp_task_find(struct qp_runtime *runtime, uint64_t id);

#endif
