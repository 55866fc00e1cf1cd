/*
 * The runtime: its tasks, its ready queue, its timers, and the environment that it runs in.
 *
 * Invariants: every task that has not ended is in `tasks`, in order of spawning. A task is in the ready queue if and
 * only if QP_TASK_QUEUED. While `unwind` is set, qp_unwind() may leave the step from any depth. `outcome` is QP_OK
 * until something ends the run from inside. Whatever wants the loop to look at more than the ready queue sets
 * `free_until` to 0.
 */
#ifndef SCHEDULER_RUNTIME_H
#define SCHEDULER_RUNTIME_H

#include "scheduler/emit.h"
#include "scheduler/object.h"
#include "scheduler/ready.h"
#include "scheduler/task.h"
#include "scheduler/task_pool.h"
#include "scheduler/timers.h"
#include <quipu/env.h>
#include <quipu/runtime.h>
#include <setjmp.h>
#include <stdarg.h>

enum { QP_LABELS = 5, QP_LABEL_SIZE = 192 };
enum { QP_REPORT_SIZE = 4096, QP_JOIN_MESSAGE_SIZE = QP_MESSAGE_SIZE + 64 };

struct qp_object_list {
    struct qp_object *first, *last;
};

struct qp_runtime {
    struct qp_env env;    /* its `choices` are 0 where it has no `choose` */
    uint16_t first_flags; /* of each task */
    bool exact;           /* the time of each event counts: somebody listens, or chooses among what is due */
    struct qp_ready ready;
    struct qp_choice next_choice; /* of the next task: but for its count always the same */
    struct qp_task_list tasks;
    struct qp_object_list objects;
    struct qp_remote *remote;   /* what other threads have of it; NULL until somebody asks for it */
    uint32_t live;              /* tasks that have not ended */
    uint32_t blocking;          /* pieces of blocking work that the environment has */
    uint64_t steps;             /* made so far */
    uint64_t free_until;        /* while `steps` is below, a task that suspends may go on with the next one by itself */
    uint64_t next_turn;         /* how many steps there may be before the environment has its turn */
    struct qp_task *next;       /* chosen by a task that suspended, which could not go on with it; mostly NULL */
    struct qp_future *expiring; /* a boundary whose deadline is to come when the poll under way is over; mostly NULL */
    struct qp_task *main;       /* NULL before and after the run */
    struct qp_handle main_handle; /* from qp_runtime_begin to qp_runtime_end */
    enum qp_status main_status;   /* QP_PENDING until main has ended */
    bool closing_down;            /* the run is over: nothing is polled any more */
    bool closing;                 /* main itself is being released */
    bool panicking;               /* the step under way is left because its task panicked */
    jmp_buf *unwind;              /* where qp_unwind goes; NULL: it cannot */
    enum qp_status outcome;
    uint64_t next_task, next_object, next_value, next_hold, next_deferred;
    uint32_t next_future;
    uint32_t next_label; /* the place of the next one below */
    struct qp_task_pool task_pool;
    struct qp_task_name *names; /* of the tasks that were renamed */
    char *panic_message;        /* of the task that panicked and has not ended; owned */
    char *main_message;         /* main's, until it ends behind all others; owned */
    struct qp_durable *durable; /* calls whose tasks are followed; mostly NULL, and only while watched */
    struct qp_spare *spare;     /* blocks of memory: see memory.h */
    struct qp_hold *free_holds;
    struct qp_hold_slab *hold_slabs;
    struct qp_tracing tracing;
    enum qp_status failure;             /* of the last await that failed */
    uint64_t cancelled;                 /* the task whose end `message` has yet to tell of; 0: it says what it has to */
    struct qp_timers timers;            /* up to here, and to its slots, a new one is zero */
    char message[QP_JOIN_MESSAGE_SIZE]; /* and what a join, or a refusal, had to say of it */
    size_t report_length;
    char report[QP_REPORT_SIZE];
    char labels[QP_LABELS][QP_LABEL_SIZE]; /* the parties that sentences name: see misuse.h */
};

/*
 * qp_runtime_run in pieces, for an environment whose loop is somebody else's; the runtime is the thread's current one.
 * Begin (false: no memory); advance whenever something may have happened, until it is over; end, which says how.
 */
enum qp_progress {
    QP_PROGRESS_MORE, /* there is more to do now */
    QP_PROGRESS_IDLE, /* nothing before the next deadline, or until something happens */
    QP_PROGRESS_OVER  /* every task has ended */
};
bool qp_runtime_begin(struct qp_runtime *runtime, qp_async_fn function, void *arg);
enum qp_progress qp_runtime_advance(struct qp_runtime *runtime);
enum qp_status qp_runtime_end(struct qp_runtime *runtime);

/* On this thread nothing runs, in that runtime or, NULL, in none; and nothing is injected. */
void qp_thread_begin(struct qp_runtime *runtime);

/* Nothing can wake a task any more: ends the run and says who waits for what. */
void qp_runtime_deadlocked(struct qp_runtime *runtime);

/* Ends the run: the first outcome and its sentence stay. */
void qp_runtime_stop(struct qp_runtime *runtime, enum qp_status outcome, const char *sentence);

/* Appends to the report, as far as there is room. */
void qp_runtime_say(struct qp_runtime *runtime, const char *format, ...) QP_PRINTF(2, 3);
void qp_runtime_vsay(struct qp_runtime *runtime, const char *format, va_list args) QP_PRINTF(2, 0);

/* Leaves the step under way, from whatever stack. Only while the current runtime's `unwind` is set. */
QP_NORETURN void qp_unwind(void);

/* Says who waits for what, into the report. */
void qp_deadlock_report(struct qp_runtime *runtime);

/* Whether somebody may listen to what is done in it (NULL: outside any), which is known from its beginning on. */
static inline bool qp_runtime_is_heard(const struct qp_runtime *runtime)
{
#ifdef QUIPU_NO_EVENTS
    (void)runtime;
    return false;
#else
    return !runtime || runtime->tracing.last;
#endif
}

static inline bool qp_runtime_wants(const struct qp_runtime *runtime, enum qp_choice_kind kind)
{
    return runtime->env.choices >> kind & 1;
}

static inline uint32_t qp_runtime_choose(struct qp_runtime *runtime, enum qp_choice_kind kind, uint32_t count)
{
    struct qp_choice choice = {.kind = kind, .count = count, .runtime = runtime};
    return runtime->env.choose(runtime->env.context, &choice);
}

/* An await begins there; while there are events. */
static inline void qp_tell_awaited(const struct qp_site *site)
{
    const struct qp_runtime *runtime = qp_thread.runtime;
    if (runtime->env.awaited)
        runtime->env.awaited(runtime->env.context, site);
}

/* The innermost await point at which a task waits; NULL: it has not begun. */
const struct qp_site *qp_task_site(const struct qp_task *task);

/* Time passes up to a deadline, and stops at each before it, although tasks are ready. */
void qp_runtime_pass(struct qp_runtime *runtime, int64_t deadline_ns);

/* ---- blocks for tasks ---- */

/* Returns owned: a block of at least `size` bytes, whose `id` and `rank` are set; NULL where there is no memory. */
static inline struct qp_task *qp_task_block_take(struct qp_runtime *runtime, size_t size)
{
    unsigned rank = qp_task_rank_of(size);
    struct qp_task *task;
    if (QP_UNLIKELY((rank >= QP_TASK_RANKS || !runtime->task_pool.free[rank]) && !qp_task_pool_fill(runtime, rank)))
        return NULL;
    task = runtime->task_pool.free[rank];
    runtime->task_pool.free[rank] = task->next;
    return task;
}

static inline void qp_task_block_give_back(struct qp_runtime *runtime, struct qp_task *task)
{
    struct qp_task **free = &runtime->task_pool.free[task->rank];
    task->id = 0;
    task->next = *free;
    *free = task;
}

/* ---- waking ---- */

/* The events of a task's life, apart from what is to stay small. */
void qp_tell_spawned(const struct qp_task *task, const char *name);
void qp_tell_begins(const struct qp_task *task);
void qp_tell_woken(const struct qp_task *task);
void qp_tell_unwinding(const struct qp_task *task, enum qp_status status);
void qp_tell_completed(const struct qp_task *task);
void qp_tell_ended(const struct qp_task *task); /* both, in brief */

/* Makes the task that this is ready, unless it is or has ended, and where nobody listens. False: that is not so. */
static inline bool qp_wake_plainly(struct qp_waker *waker)
{
    struct qp_task *task = (struct qp_task *)waker;
    if (QP_UNLIKELY(waker->ops != &qp_task_waker_ops ||
                    task->flags & (QP_TASK_QUEUED | QP_TASK_RUNNING | QP_TASK_ENDING | QP_TASK_HEARD)))
        return false;
    task->flags |= QP_TASK_QUEUED;
    qp_ready_push(&task->runtime->ready, task);
    return true;
}

/* Wakes whoever it is. */
void qp_wake_specially(struct qp_waker *waker);
static inline void qp_wake(struct qp_waker *waker)
{
    if (!qp_wake_plainly(waker))
        qp_wake_specially(waker);
}

/* Makes the task ready, unless it is or has ended. */
void qp_task_wake(struct qp_task *task);

#endif
