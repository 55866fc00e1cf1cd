/*
 * Joining a loop that the program already has: tasks beside its own callbacks, on the same thread.
 *
 *     struct qp_joined *joined = qp_loop_join(uv_default_loop(), server_main, NULL, NULL, is_over, NULL);
 *     uv_run(uv_default_loop(), UV_RUN_DEFAULT);
 *
 * The loop is libuv's. A program with a loop of another kind makes a uv_loop_t beside it, watches its uv_backend_fd(),
 * and runs it with UV_RUN_NOWAIT when that is readable or uv_backend_timeout() is over.
 *
 * Tasks run only while the program runs its loop: once for each of its iterations, for a limited number of steps, so
 * that the program's own callbacks have their turn, too. Timers are as precise as libuv's: up to a millisecond late.
 * Everything else is as on a loop of the runtime's own (real.h). Several runtimes may join the same loop.
 *
 * What the program's callbacks have for a task they give it as another thread would (remote.h): inside no runtime
 * there is no other way. While nobody holds a remote, and nothing else can happen, a runtime whose tasks all wait ends
 * as deadlocked.
 */
#ifndef QUIPU_LOOP_H
#define QUIPU_LOOP_H

#include <quipu/real.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct qp_joined;

/* How it ended, and why (real.h); called once, by the loop, when nothing of it is left there. May join again. */
typedef void (*qp_joined_fn)(void *context, enum qp_status status, const char *report);

/*
 * Makes a runtime that runs function(arg) as main when the loop next runs. `uv_loop` is a uv_loop_t, on the thread that
 * runs it, and borrowed until `over` is called, as are `arg` and what `options` (may be NULL) points to; it stays alive
 * until then. Returns what qp_joined_stop takes, valid until `over` is called. NULL: there is no memory, or
 * `options` asks for signals that are another's; nothing is left then, but the loop has to run once more before it is
 * closed.
 */
struct qp_joined *qp_loop_join(void *uv_loop, qp_async_fn function, void *arg, const struct qp_real_options *options,
                               qp_joined_fn over, void *context) QP_MUST_CHECK;

/* Cancels main at its await point, and so in the end everything. On the loop's thread; any number of times. */
void qp_joined_stop(struct qp_joined *joined);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
