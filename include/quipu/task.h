/*
 * Tasks: async functions, awaiting, spawning, joining, aborting, and what a task owns.
 *
 * An async function is an ordinary C function that runs on a stack of its own and may await anywhere, as deep as it is.
 * (resumable.h has the other way to write one, with no stack.) It is spawned as a task, or awaited in place with
 * qp_async(). Everything here belongs to the thread's current runtime and is called from inside it.
 *
 * Ownership. What a function acquires (guards, permits, senders, receivers, handles, locks, and what qp_defer names)
 * belongs to the innermost async function that runs, and is released in reverse order of acquisition when that function
 * ends: returned, panicked or cancelled. It may be released earlier, by its own function, or be given to a task that
 * was just spawned, by its qp_..._give(). Cancelled code never runs on: its stack is let go where it waits.
 */
#ifndef QUIPU_TASK_H
#define QUIPU_TASK_H

#include <quipu/future.h>
#include <quipu/type.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

typedef void (*qp_async_fn)(void *arg);

/* ---- awaiting ---- */

/*
 * Waits for a future and returns what it gave. Suspends unless the future is ready at its first poll.
 * Cancelled here: the future is dropped, then all that the function owns, and nothing after this line ever runs.
 * Outside an async function it stops the program with a sentence that says where.
 */
#define qp_await(future) qp_await_at((future), QP_SITE(#future))
enum qp_status qp_await_at(struct qp_future *future, const struct qp_site *site);

/*
 * What the last await that failed had to say: "task 3 panicked with message \"boom\"", "operation timed out". To be
 * read before the task awaits again. Never NULL; valid until the next await that fails.
 */
const char *qp_error_message(void);

/* ---- running an async function in place ---- */

struct qp_stack;
struct qp_link { /* private */
    struct qp_link *prev, *next;
};
struct qp_owned { /* private: a thing that some async function owns */
    struct qp_link link;
    const struct qp_owned_ops *ops;
};
struct qp_scope { /* private: all that one async function owns, in order of acquisition */
    struct qp_link end;
};
struct qp_coroutine { /* private: an async function, before, while and after it runs; what a switch touches comes first
                       */
    struct qp_future future;
    void *context;              /* where it is suspended */
    struct qp_future *awaiting; /* the future it waits for */
    const struct qp_site *site; /* and where */
    char *floor;                /* below it there is no room on its stack for a switch */
    struct qp_waker *waker;     /* of the poll under way */
    void *caller;               /* where its poller is suspended while it runs */
    struct qp_coroutine *outer; /* whoever polls it, where that is a coroutine too */
    struct qp_scope scope;
    qp_async_fn function;
    void *arg;
    struct qp_stack *stack; /* its stack, from the first poll to the end */
    size_t stack_size;      /* in bytes; zero means the usual */
    void *sanitizer;
};

/*
 * The future of function(arg), to be awaited, raced or given a timeout; ready with QP_OK when the function returns.
 * It gets its stack at the first poll (QP_NOMEM where there is none) and gives results through `arg`.
 * Cancelling it drops what it waits for and releases what it owns. A panic in it is a panic of the whole task.
 */
#define qp_async(function, arg) qp_async_init(QP_NEW(struct qp_coroutine), (function), (arg))
struct qp_future *qp_async_init(struct qp_coroutine *self, qp_async_fn function, void *arg);

/* ---- tasks ---- */

struct qp_task;

/*
 * The right to a task's result. Held by value, and owned by the async function that spawned it. Zero is no handle.
 * Dropping it detaches the task: it goes on, and its result is dropped when there is one.
 */
struct qp_handle {
    struct qp_task *task;
    uint64_t id; /* the task's number, as messages and traces give it; numbers are never used again */
};

struct qp_task_options {
    const char *name;             /* borrowed until the task has ended; by default the function's name */
    const struct qp_type *result; /* borrowed likewise; what qp_return gives. NULL: no result */
    void (*drop)(void *arg);      /* releases the captured argument, once, when the task ends in any way */
    size_t stack_size;            /* in bytes; zero means the usual 64 KiB */
};

/*
 * Starts function(arg) as a task. Durable once spawned: it goes on until it finishes or is aborted, whatever becomes of
 * the handle. It is queued; none of it runs before the caller suspends. `arg` is borrowed until the task has ended.
 * The handle is empty (task == NULL) when there was no memory; nothing was taken then, and `drop` is not called.
 */
#define qp_spawn(function, arg) qp_spawn_named((function), (arg), #function)
static inline struct qp_handle qp_spawn_named(qp_async_fn function, void *arg, const char *name);
struct qp_handle qp_spawn_with(qp_async_fn function, void *arg, const struct qp_task_options *options);

/*
 * Starts a future as a task. Its `size` bytes are moved (copied; it must not have been polled) and belong to the task
 * until it ends; `drop`, in the options, is called with NULL. The way to run resumable functions in tens of bytes.
 */
struct qp_handle qp_spawn_future(const struct qp_future *future, size_t size, const struct qp_task_options *options);

/*
 * Runs function(arg) off the executor, where it may block, but not await; `arg` is borrowed until it has ended. Its
 * handle is like any other, except that an abort prevents it only while it is queued: once started it finishes on its
 * own, and its result is what the handle gives. A panic in it is a join error. In simulation the clock stands still
 * while it is under way, unless it says by qp_blocking_takes_ms how long it takes.
 */
#define qp_spawn_blocking(function, arg) qp_spawn_blocking_named((function), (arg), #function)
static inline struct qp_handle qp_spawn_blocking_named(void (*function)(void *arg), void *arg, const char *name);
struct qp_handle qp_spawn_blocking_with(void (*function)(void *arg), void *arg, const struct qp_task_options *options);

/* Called inside blocking work: in simulation it ends that much later than it started. Otherwise it does nothing, unless
 * the run was asked to let it take that time (real.h). */
void qp_blocking_takes_ms(int64_t milliseconds);

struct qp_join_future { /* private */
    struct qp_future future;
    struct qp_task *task;
    struct qp_owned owned;
    void *result;
};

/*
 * Waits for a task: QP_OK with its result moved to `result` (untouched if it set none; NULL drops it), or QP_CANCELLED
 * or QP_PANICKED, with qp_error_message() to say which and why; QP_NOMEM if there was no memory for its stack.
 * By then all that the task owned is released. Takes the handle, which is empty afterwards; awaiting it again is
 * misuse. Cancelled: the handle is dropped, so the task is detached and goes on. timeout_join in time.h keeps it.
 */
#define qp_join(handle, result) qp_join_init(QP_NEW(struct qp_join_future), (handle), (result))
struct qp_future *qp_join_init(struct qp_join_future *self, struct qp_handle *handle, void *result);

/*
 * Asks for the task's cancellation, any number of times. One that has not started never runs, and its argument is
 * released. A suspended one is dropped at its await point when the scheduler next gets to it, not in this call. One
 * that is being polled just now is cancelled only if that poll ends pending. After completion it does nothing, and
 * joining still gives the result.
 */
void qp_abort(const struct qp_handle *handle);

/* Whether the result or the error is there. False for an empty handle. */
bool qp_is_finished(const struct qp_handle *handle);

/* Detaches: the task goes on, its result will be dropped. The handle is empty afterwards. Nothing for an empty one. */
void qp_handle_drop(struct qp_handle *handle);

/* Makes the newly spawned task `to` the owner of `handle`, instead of the running function. */
void qp_handle_give(const struct qp_handle *handle, const struct qp_handle *to);

/* Inside a task: sets its result by moving (copying) the value; drops the one set before. Misuse without a result type.
 */
void qp_return(const void *value);

struct qp_yield_future { /* private */
    struct qp_future future;
};

/* Suspends exactly once; the task goes behind those already ready. Cancel-safe. */
#define qp_yield() qp_yield_init(QP_NEW(struct qp_yield_future))

/* ---- the running task ---- */

/* Its number, from 1; 0 outside a task. */
uint64_t qp_task_id(void);

/* Its name; "" outside a task. */
const char *qp_task_name(void);

/* Names the running task; the text is copied, and cut at 31 bytes. */
void qp_task_rename(const char *format, ...) QP_PRINTF(1, 2);

/*
 * Ends the running task with a message (copied): what it owns is released, its handle reports it, and nobody else is
 * touched. Does not return.
 */
#define qp_panic(...) qp_panic_at(QP_SITE("qp_panic"), __VA_ARGS__)
QP_NORETURN void qp_panic_at(const struct qp_site *site, const char *format, ...) QP_PRINTF(2, 3);

/* ---- what it owns ---- */

/*
 * Calls function(arg) when the running async function ends in any way, in reverse order among all that it owns. By then
 * the function may have returned, so `arg` is none of its own variables. QP_NOMEM: it was not registered.
 */
enum qp_status qp_defer(void (*function)(void *arg), void *arg) QP_MUST_CHECK;

#if defined(__GNUC__)
/* Releases a guard or permit at the end of its C scope: `QP_SCOPED(qp_unlock) struct qp_guard guard = {0};` */
#define QP_SCOPED(release) __attribute__((cleanup(release)))
#endif

/* ---- details ---- */

extern const struct qp_future_ops qp_yield_ops;

static inline struct qp_future *qp_yield_init(struct qp_yield_future *self)
{
    return qp_future_init(&self->future, &qp_yield_ops);
}

static inline struct qp_handle qp_spawn_named(qp_async_fn function, void *arg, const char *name)
{
    struct qp_task_options options = {name, NULL, NULL, 0};
    return qp_spawn_with(function, arg, &options);
}

static inline struct qp_handle qp_spawn_blocking_named(void (*function)(void *arg), void *arg, const char *name)
{
    struct qp_task_options options = {name, NULL, NULL, 0};
    return qp_spawn_blocking_with(function, arg, &options);
}

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
