/*
 * The process's signals: those that end a program, the one that asks what it is doing, and those that are waited for.
 *
 * They belong to one runtime of the process at a time, the first that asks. A handler of our own, and not libuv's: one
 * that waits for the loop could not end a program that never comes back to it.
 *
 * State: for each signal whether somebody waits for it (the handler takes that back), and whether one has come that was
 * not told of; the signal that asked for the end; whether a listing is asked for. Invariants: what the handler touches
 * is atomic, and `wake` is there while a handler of ours may run.
 */
#include "scheduler/real/real.h"
#include "scheduler/wait_queue.h"
#include <errno.h>
#include <quipu/runtime.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#if ATOMIC_INT_LOCK_FREE != 2 || ATOMIC_POINTER_LOCK_FREE != 2
#error "a signal handler needs atomics without locks"
#endif

enum { SIGNALS = 65 };

static const int stopping[] = {SIGINT, SIGTERM};

static struct {
    _Atomic(struct qp_real *) owner;
    atomic_int inside; /* handlers that run */
    atomic_int news;   /* something has come since it was looked at */
    atomic_int stop;   /* the signal that asked for the end; 0: none */
    atomic_int list;   /* a listing is asked for, and not yet printed */
    atomic_int waited[SIGNALS], arrived[SIGNALS], stops[SIGNALS], lists[SIGNALS];
} shared;

/* Of the owner's thread alone: */
static struct {
    bool caught; /* the handler is ours; `before` is what it was */
    struct sigaction before;
    struct qp_wait_queue waiting;
} signals[SIGNALS];
static bool stop_told;

/* ---- the handler ---- */

/* A second request, while the first is under way or was never seen, ends the process as if nobody had caught it. */
static void end_at_once(int number)
{
    signal(number, SIG_DFL);
    raise(number);
}

/* The last request is not answered yet: there is no way into a task that does not suspend but to say so. */
static void ask_for_listing(void)
{
    static const char sentence[] =
        "quipu: no listing: the program has not come back to its loop since the last request; "
        "a task runs without reaching an await\n";
    if (atomic_exchange(&shared.list, 1) && write(STDERR_FILENO, sentence, sizeof sentence - 1) < 0)
        return; /* there is nobody to tell */
}

static void caught(int number)
{
    int error = errno, none = 0;
    struct qp_real *owner;
    bool waited;
    atomic_fetch_add(&shared.inside, 1);
    owner = atomic_load(&shared.owner);
    waited = atomic_exchange(&shared.waited[number], 0) != 0;
    if (!waited && atomic_load(&shared.stops[number])) {
        if (!atomic_compare_exchange_strong(&shared.stop, &none, number))
            end_at_once(number);
    } else if (!waited && atomic_load(&shared.lists[number])) {
        ask_for_listing();
    } else {
        atomic_store(&shared.arrived[number], 1);
    }
    atomic_store(&shared.news, 1);
    if (owner)
        uv_async_send(&owner->wake);
    atomic_fetch_sub(&shared.inside, 1);
    errno = error;
}

static int catch (int number)
{
    struct sigaction action;
    if (signals[number].caught)
        return 0;
    memset(&action, 0, sizeof action);
    action.sa_handler = caught;
    action.sa_flags = SA_RESTART;
    if (sigaction(number, &action, &signals[number].before) != 0)
        return errno;
    signals[number].caught = true;
    return 0;
}

/* ---- whose they are ---- */

static bool own(struct qp_real *self)
{
    struct qp_real *nobody = NULL;
    int i;
    if (self->has_signals)
        return true;
    if (!atomic_compare_exchange_strong(&shared.owner, &nobody, self))
        return false;
    self->has_signals = true;
    stop_told = false;
    for (i = 0; i < SIGNALS; i++)
        qp_wait_queue_init(&signals[i].waiting);
    return true;
}

bool qp_real_stop_on_signals(struct qp_real *self)
{
    size_t i;
    if (!own(self))
        return false;
    for (i = 0; i < sizeof stopping / sizeof *stopping; i++) {
        atomic_store(&shared.stops[stopping[i]], 1);
        catch (stopping[i]);
    }
    return true;
}

bool qp_real_list_on_signal(struct qp_real *self)
{
    int number = self->options.list_on_signal;
    if (number < 1 || number >= SIGNALS || !own(self))
        return false;
    atomic_store(&shared.lists[number], 1);
    return catch (number) == 0;
}

static void give_back(int number)
{
    if (signals[number].caught)
        sigaction(number, &signals[number].before, NULL);
    signals[number].caught = false;
    atomic_store(&shared.waited[number], 0);
    atomic_store(&shared.stops[number], 0);
    atomic_store(&shared.lists[number], 0);
}

void qp_real_signals_close(struct qp_real *self)
{
    int i;
    if (!self->has_signals)
        return;
    for (i = 1; i < SIGNALS; i++)
        give_back(i);
    while (atomic_load(&shared.inside))
        sched_yield(); /* one runs on another thread */
    for (i = 1; i < SIGNALS; i++)
        atomic_store(&shared.arrived[i], 0);
    if (self->options.stopped_by)
        *self->options.stopped_by = atomic_load(&shared.stop);
    atomic_store(&shared.stop, 0);
    atomic_store(&shared.list, 0);
    self->has_signals = false;
    atomic_store(&shared.owner, NULL);
}

/* ---- waiting ---- */

int qp_real_signal_begin(struct qp_real *self, struct qp_io_wait *io)
{
    int number = io->number, error;
    if (number < 1 || number >= SIGNALS)
        return EINVAL;
    if (!own(self))
        return EBUSY;
    error = catch (number);
    if (error)
        return error;
    atomic_store(&shared.lists[number], 0);
    atomic_store(&shared.waited[number], 1);
    if (atomic_exchange(&shared.arrived[number], 0)) {
        io->over = true; /* it came while nobody waited */
        atomic_store(&shared.waited[number], !qp_wait_queue_empty(&signals[number].waiting));
        return 0;
    }
    qp_wait_queue_push(&signals[number].waiting, &io->wait, io->wait.waker);
    self->waits++;
    return 0;
}

void qp_real_signal_end(struct qp_real *self, struct qp_io_wait *io)
{
    qp_wait_remove(&io->wait);
    self->waits--;
    if (qp_wait_queue_empty(&signals[io->number].waiting))
        atomic_store(&shared.waited[io->number], 0);
}

static void deliver(struct qp_real *self, int number)
{
    struct qp_wait *wait;
    if (qp_wait_queue_empty(&signals[number].waiting) || !atomic_exchange(&shared.arrived[number], 0))
        return;
    while ((wait = qp_wait_queue_pop(&signals[number].waiting)) != NULL) {
        self->waits--;
        QP_CONTAINER(wait, struct qp_io_wait, wait)->over = true;
        qp_wake(wait->waker);
    }
}

void qp_real_deliver_signals(struct qp_real *self)
{
    int i;
    if (!self->has_signals || !atomic_load_explicit(&shared.news, memory_order_relaxed))
        return;
    atomic_store(&shared.news, 0);
    for (i = 1; i < SIGNALS; i++)
        deliver(self, i);
    if (atomic_exchange(&shared.list, 0))
        qp_runtime_dump(self->runtime, stderr);
    if (atomic_load(&shared.stop) && !stop_told && self->runtime->main_handle.task) {
        stop_told = true;
        qp_abort(&self->runtime->main_handle);
    }
}
