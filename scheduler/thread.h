/*
 * What runs on this thread just now.
 *
 * Invariants: `task`, `tracing` and `site` mean something only while `runtime` is set. `coroutine` is the innermost
 * async function on whose stack something runs, and NULL on the thread's own. `scope` is where what is acquired now
 * belongs: the coroutine's, or the task's while a function without a stack runs, or NULL. `ending` lists, the innermost
 * first, those whose release is under way; it is empty again after each step, unless a drop function stopped the run.
 */
#ifndef SCHEDULER_THREAD_H
#define SCHEDULER_THREAD_H

#include <quipu/task.h>
#include <stdbool.h>

struct qp_thread {
    struct qp_runtime *runtime;
    struct qp_task *task;
    struct qp_coroutine *coroutine;
    struct qp_scope *scope;
    struct qp_coroutine *ending;   /* linked by `outer` */
    struct qp_coroutine *returned; /* whose function has, and whose task is being ended on its stack; mostly NULL */
    const struct qp_site *site;    /* of the await of a function without a stack */
    struct qp_tracing *tracing;    /* who listens to events; NULL: nobody */
    union {
        struct {
            bool dropping;      /* in a drop function, where nobody may await or panic */
            bool listening;     /* `tracing` is set */
            bool outside;       /* `runtime` is not set */
            uint16_t injecting; /* bits of kinds of choices: what the environment may do at an await or a step */
        };
        uint64_t special; /* not 0: any of these */
    };
    uint64_t in_brief; /* what `special` is where events are told in brief, and that is all; else no such value */
};

#define QP_UNLIKELY(condition) __builtin_expect(!!(condition), 0)
#define QP_LIKELY(condition) __builtin_expect(!!(condition), 1)

/* Whether anybody listens to events; never, in a build that shows what asking costs (bench/overhead.sh). */
#ifdef QUIPU_NO_EVENTS
#define QP_TRACING false
#else
#define QP_TRACING QP_UNLIKELY(qp_thread.tracing)
#endif

/*
 * For what is seldom done: at an end, or before a sentence about misuse. It stands apart, so that whoever calls it
 * needs no stack for it. Where the caller goes on with one thing, such a function gives that back: then the caller
 * saves no register either, and the ready path of an operation costs nothing for what it seldom does.
 */
#define QP_COLD __attribute__((cold, noinline))

/* Likewise, for what is done often, but less often than nothing more is to be done: while somebody listens, say. */
#define QP_APART __attribute__((noinline))

/* For what only fetches ahead: a compiler sees no effect of it, and may drop a call to it; so it is always inlined. */
#define QP_FETCHING inline __attribute__((always_inline))

extern _Thread_local struct qp_thread qp_thread __attribute__((tls_model("initial-exec")));

/*
 * `dropping` as it stands in `special`. Where that is soon asked for as a whole it is set as a part of the whole: a
 * processor cannot read at once what was just written in smaller pieces.
 */
static inline uint64_t qp_dropping(void)
{
    static const struct qp_thread dropping = {.dropping = true}; /* so the bytes beside it are 0 too */
    return dropping.special;
}

/* The innermost await point under way, or NULL. */
static inline const struct qp_site *qp_site_now(void)
{
    return qp_thread.coroutine ? qp_thread.coroutine->site : qp_thread.site;
}

#endif
