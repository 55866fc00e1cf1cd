/*
 * From other threads: giving a runtime tasks to run, and waking those that it has.
 *
 * A runtime and all that belongs to it are for one thread. What others may have of it are these two things, which are
 * valid on any thread, for as long as they are held, also after the runtime has ended:
 *
 *     struct qp_remote *remote = qp_remote_create();      in the runtime; handed to other threads
 *     qp_remote_spawn(remote, handle_request, request, &options);                  on any of them
 *     qp_remote_drop(remote);
 *
 * What comes from one thread is taken in the order in which it came, when the runtime next looks: between two steps, at
 * least every hundred or so, and at once when it sleeps. While anybody holds a remote or a waker made from one, the
 * runtime waits where it would otherwise end as deadlocked: something may still come.
 *
 * On the runtime's own thread, inside it, both act in the call, in every environment; so a program that uses them is
 * the same under simulation. From another thread an environment that has none (the simulated one) stops the program
 * with a sentence: what other threads do cannot be repeated.
 */
#ifndef QUIPU_REMOTE_H
#define QUIPU_REMOTE_H

#include <quipu/task.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct qp_remote;

/*
 * Returns owned: a handle to the thread's current runtime, from the process's memory; NULL where there is none left. It
 * belongs to no function, and outlives the runtime. Misuse outside a runtime.
 */
struct qp_remote *qp_remote_create(void) QP_MUST_CHECK;

/* Returns owned: the same handle once more. On any thread. */
struct qp_remote *qp_remote_clone(struct qp_remote *remote);

/* Takes one; nothing for NULL. On any thread. */
void qp_remote_drop(struct qp_remote *remote);

/* Whether the runtime takes nothing any more: its main has ended, or it was destroyed. On any thread. */
bool qp_remote_is_closed(const struct qp_remote *remote);

/*
 * Gives function(arg) to the runtime, to start it there as a task without a handle. On any thread; it never waits.
 * QP_OK: it was taken, with `arg`. If the runtime ends before it has started, or has no memory to start it, none of it
 * runs; in any case `drop` is called on the runtime's thread with `arg`, once, in the end.
 * QP_CLOSED: the runtime has ended. QP_NOMEM. In both nothing was taken and `drop` is not called.
 * `options` is copied and may be NULL; what it points to is borrowed until the task has ended.
 */
enum qp_status qp_remote_spawn(struct qp_remote *remote, qp_async_fn function, void *arg,
                               const struct qp_task_options *options) QP_MUST_CHECK;

/*
 * Returns owned: a waker that wakes whoever `waker` wakes, and that may be woken, cloned and dropped on any thread;
 * NULL: no memory, or the runtime has ended. For the poll of a future that something on another thread completes: it
 * borrows `waker` and keeps a clone. To be called inside the runtime. Any number of wakes before the runtime looks are
 * one. After the runtime has ended a wake does nothing.
 */
struct qp_waker *qp_remote_waker(struct qp_remote *remote, struct qp_waker *waker) QP_MUST_CHECK;

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
