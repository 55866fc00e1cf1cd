/*
 * The runtime: one scheduler on one thread.
 *
 * Most programs never call anything here: QP_MAIN (main.h) and QP_SCENARIO (scenario.h) make and end a runtime by
 * themselves. Several runtimes may live in one process, one a thread at a time.
 */
#ifndef QUIPU_RUNTIME_H
#define QUIPU_RUNTIME_H

#include <quipu/env.h>
#include <quipu/task.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct qp_runtime;

/* Returns owned: a runtime in this environment (the struct is copied, its context borrowed). NULL: no memory. */
struct qp_runtime *qp_runtime_create(const struct qp_env *env) QP_MUST_CHECK;

/*
 * Runs function(arg) as task 1, "main", until it ends, and returns how: QP_OK, QP_PANICKED, QP_CANCELLED, QP_DEADLOCK,
 * QP_FAILED (an assertion), QP_MISUSE, QP_LIMIT or QP_NOMEM. Then every task that is left is dropped at its await point
 * in the order of spawning, queued blocking work is dropped and started blocking work waited for, and only then is
 * released what main owned: whatever main lends to its tasks outlives them. Once for each runtime.
 */
enum qp_status qp_runtime_run(struct qp_runtime *runtime, qp_async_fn function, void *arg);

/* What went wrong, in one or more lines; "" where nothing did. Valid until the runtime is destroyed. */
const char *qp_runtime_report(const struct qp_runtime *runtime);

/*
 * Writes every task (its state, where it waits and for what, what it has) and every object (what it holds, who has it,
 * who waits for it) as they are at this moment, in lines. For a debugger, a watchdog, a signal; changes nothing. On the
 * runtime's thread, from anywhere: also from inside a task, or an event function. NULL: the runtime that runs there.
 */
void qp_runtime_dump(const struct qp_runtime *runtime, FILE *file);

/* How many steps (polls of tasks) it has made. */
uint64_t qp_runtime_steps(const struct qp_runtime *runtime);

/* Ends the runtime; nothing for NULL. Misuse from inside one of its tasks. */
void qp_runtime_destroy(struct qp_runtime *runtime);

/*
 * For another executor: makes `runtime` the thread's current one (NULL: none) and returns the one before, so that its
 * timers and its memory serve futures that are polled by hand. qp_runtime_turn fires what is due, runs what is ready,
 * and says whether anything was.
 */
struct qp_runtime *qp_runtime_enter(struct qp_runtime *runtime);
bool qp_runtime_turn(struct qp_runtime *runtime);

/* Gives the thread's pooled stacks back to the system, as the thread's end does. Those in use stay. */
void qp_stacks_trim(void);

/* A draw below `count`; 0: any 64 bits. In simulation from the seed. Misuse outside a runtime. */
uint64_t qp_random(uint64_t count);

/*
 * Tells exploration that the running step reads, or writes, state of the program's own that tasks share. Objects of the
 * library need no telling. An exhaustive search takes two steps that touch nothing in common for the same in either
 * order; so with state that is not told of, what it proves does not hold for that state. Costs a branch elsewhere.
 */
void qp_touch(const void *state, bool writing);

/* Writes a line into the trace; nothing outside a runtime or without a trace. */
void qp_log(const char *format, ...) QP_PRINTF(1, 2);

/*
 * Ends the run as failed, with a sentence. Does not return. Outside a runtime it stops the program. What
 * QP_ASSERT calls.
 */
QP_NORETURN void qp_fail(const struct qp_site *site, const char *format, ...) QP_PRINTF(2, 3);

#define QP_ASSERT(condition) ((condition) ? (void)0 : qp_fail(QP_SITE(#condition), "assertion failed: %s", #condition))

/* The same of two integers, which the message shows. */
#define QP_ASSERT_EQ(left, right) qp_assert_equal(QP_SITE(#left " == " #right), (long long)(left), (long long)(right))
static inline void qp_assert_equal(const struct qp_site *site, long long left, long long right)
{
    if (left != right)
        qp_fail(site, "assertion failed: %s (%lld and %lld)", site->expr, left, right);
}

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
