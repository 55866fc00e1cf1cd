/*
 * From other threads: see remote.h for how notes come, and for the state.
 *
 * Invariants: a note is in at most one list. A waker's note is pushed by whoever sets NOTED in its state, and taken by
 * whoever clears that. A waker's memory is referenced by its users together, until the last of them has done all it has
 * to do, and by the runtime, while the waker is in its list; only the runtime's thread touches whom it wakes.
 */
#include "scheduler/remote.h"
#include "scheduler/misuse.h"
#include <quipu/remote.h>
#include <stdlib.h>

struct qp_note;

struct note_ops {
    void (*take)(struct qp_note *self, struct qp_runtime *runtime);
    void (*drop)(struct qp_note *self);
};

struct qp_note {
    struct qp_inbox_item item; /* first */
    const struct note_ops *ops;
};

struct qp_inbox_item qp_inbox_closed;

static bool is_closed(const struct qp_remote *self)
{
    return atomic_load(&((struct qp_remote *)(uintptr_t)self)->inbox.last) == &qp_inbox_closed;
}

/* Whether the caller is inside the runtime, on its thread; its work off the executor may be that too. */
static bool is_inside(const struct qp_remote *self)
{
    return qp_thread.runtime && qp_thread.runtime == self->runtime && !is_closed(self);
}

/* ---- references ---- */

static void unreference(struct qp_remote *self)
{
    if (atomic_fetch_sub(&self->references, 1) != 1)
        return;
    pthread_mutex_destroy(&self->lock);
    free(self);
}

/* Wakes the runtime, if it sleeps. */
static void rouse(struct qp_remote *self)
{
    if (!atomic_load(&self->dozing) || !atomic_exchange(&self->dozing, false))
        return;
    pthread_mutex_lock(&self->lock);
    if (self->open)
        self->runtime->env.notify(self->runtime->env.context);
    pthread_mutex_unlock(&self->lock);
}

static void hold(struct qp_remote *self)
{
    atomic_fetch_add(&self->holders, 1);
    atomic_fetch_add(&self->references, 1);
}

/* The last who could send something is gone: a runtime that waits for that must hear of it. */
static void let_go(struct qp_remote *self)
{
    if (atomic_fetch_sub(&self->holders, 1) == 1)
        rouse(self);
    unreference(self);
}

static struct qp_remote *create(struct qp_runtime *runtime)
{
    struct qp_remote *self = malloc(sizeof *self);
    if (!self)
        return NULL;
    *self = (struct qp_remote){.runtime = runtime, .open = true, .takes_others = runtime->env.notify != NULL};
    if (pthread_mutex_init(&self->lock, NULL) != 0) {
        free(self);
        return NULL;
    }
    atomic_init(&self->inbox.last, NULL);
    atomic_init(&self->dozing, false);
    atomic_init(&self->holders, 0);
    atomic_init(&self->references, 1);
    return self;
}

struct qp_remote *qp_remote_create(void)
{
    struct qp_runtime *runtime = qp_thread.runtime;
    if (!runtime)
        qp_misuse("qp_remote_create outside a runtime");
    if (!runtime->remote)
        runtime->remote = create(runtime);
    if (runtime->remote)
        hold(runtime->remote);
    return runtime->remote;
}

struct qp_remote *qp_remote_clone(struct qp_remote *self)
{
    hold(self);
    return self;
}

void qp_remote_drop(struct qp_remote *self)
{
    if (self)
        let_go(self);
}

bool qp_remote_is_closed(const struct qp_remote *self)
{
    return is_closed(self);
}

/* ---- notes ---- */

/* On another thread. False: it is closed, and the note was not taken. */
static bool push(struct qp_remote *self, struct qp_note *note)
{
    if (!qp_inbox_push(&self->inbox, &note->item))
        return false;
    rouse(self);
    return true;
}

static struct qp_note *next_taken(struct qp_remote *self)
{
    return (struct qp_note *)qp_inbox_next(&self->inbox);
}

void qp_remote_take_all(struct qp_runtime *runtime)
{
    struct qp_remote *self = runtime->remote;
    struct qp_note *note;
    if (is_closed(self))
        return;
    qp_inbox_gather(&self->inbox, NULL);
    while ((note = next_taken(self)) != NULL)
        note->ops->take(note, runtime);
}

bool qp_remote_doze(struct qp_runtime *runtime)
{
    struct qp_remote *self = runtime->remote;
    if (!self)
        return true;
    atomic_store(&self->dozing, true);
    if (!qp_inbox_has_come_for_sure(&self->inbox))
        return true;
    atomic_store(&self->dozing, false);
    return false;
}

void qp_remote_awake(struct qp_runtime *runtime)
{
    if (runtime->remote)
        atomic_store(&runtime->remote->dozing, false);
}

/* Who holds it is asked first: nobody who is gone by then can have sent anything later. */
bool qp_remote_may_come(const struct qp_runtime *runtime)
{
    struct qp_remote *self = runtime->remote;
    return self && (atomic_load(&self->holders) || qp_inbox_has_come_for_sure(&self->inbox));
}

/* ---- tasks ---- */

struct submission {
    struct qp_note note;
    qp_async_fn function;
    void *arg;
    struct qp_task_options options;
};

/* Starts it in nobody's name, also where somebody runs. */
static bool start(const struct submission *submission)
{
    struct qp_thread before = qp_thread;
    struct qp_handle handle;
    bool started;
    qp_thread.task = NULL;
    qp_thread.scope = NULL;
    handle = qp_spawn_with(submission->function, submission->arg, &submission->options);
    started = handle.task != NULL;
    qp_handle_drop(&handle);
    qp_thread.task = before.task;
    qp_thread.scope = before.scope;
    return started;
}

static void submission_drop(struct qp_note *note)
{
    struct submission submission = *(struct submission *)note;
    free(note);
    if (submission.options.drop)
        submission.options.drop(submission.arg);
}

static void submission_take(struct qp_note *note, struct qp_runtime *runtime)
{
    (void)runtime;
    if (start((struct submission *)note))
        free(note);
    else
        submission_drop(note);
}

static const struct note_ops submission_ops = {submission_take, submission_drop};

QP_NORETURN static void refuse_other_threads(const char *what)
{
    qp_misuse("%s from another thread, to a runtime whose environment hears of none: in simulation all that happens is "
              "on the runtime's own thread, where it can be repeated",
              what);
}

enum qp_status qp_remote_spawn(struct qp_remote *self, qp_async_fn function, void *arg,
                               const struct qp_task_options *options)
{
    static const struct qp_task_options none;
    struct submission submission = {{{NULL}, &submission_ops}, function, arg, options ? *options : none}, *kept;
    if (is_inside(self))
        return start(&submission) ? QP_OK : QP_NOMEM;
    if (is_closed(self))
        return QP_CLOSED;
    if (!self->takes_others)
        refuse_other_threads("qp_remote_spawn");
    kept = malloc(sizeof *kept);
    if (!kept)
        return QP_NOMEM;
    *kept = submission;
    if (push(self, &kept->note))
        return QP_OK;
    free(kept);
    return QP_CLOSED;
}

/* ---- wakers ---- */

enum { NOTED = 1, WOKEN = 2, UNUSED = 4 }; /* of a waker's state */

struct qp_remote_waker {
    struct qp_waker waker;
    struct qp_note note;
    struct qp_remote *remote;
    atomic_uint state;
    atomic_size_t users;
    atomic_uint references;
    /* Of the runtime's thread alone: */
    struct qp_waker *inner; /* a clone */
    struct qp_remote_waker *prev, *next;
};

static struct qp_remote_waker *waker_of(struct qp_note *note)
{
    return QP_CONTAINER(note, struct qp_remote_waker, note);
}

static void waker_unreference(struct qp_remote_waker *self)
{
    struct qp_remote *remote = self->remote;
    if (atomic_fetch_sub(&self->references, 1) != 1)
        return;
    free(self);
    unreference(remote);
}

/* It has nothing to wake any more. On the runtime's thread, once. */
static void retire(struct qp_remote_waker *self)
{
    *(self->prev ? &self->prev->next : &self->remote->wakers) = self->next;
    if (self->next)
        self->next->prev = self->prev;
    self->inner->ops->drop(self->inner);
    waker_unreference(self);
}

static void waker_take(struct qp_note *note, struct qp_runtime *runtime)
{
    struct qp_remote_waker *self = waker_of(note);
    unsigned state = atomic_exchange(&self->state, 0);
    (void)runtime;
    if (state & WOKEN)
        qp_wake(self->inner);
    if (state & UNUSED)
        retire(self);
}

/* All that are left are retired when the runtime closes. */
static void waker_note_drop(struct qp_note *note)
{
    (void)note;
}

static const struct note_ops waker_note_ops = {waker_take, waker_note_drop};

/* Has the runtime told, unless that is under way already. */
static void note(struct qp_remote_waker *self, unsigned what)
{
    if (!self->remote->takes_others)
        refuse_other_threads("a wake");
    if (!(atomic_fetch_or(&self->state, what | NOTED) & NOTED))
        push(self->remote, &self->note);
}

static void waker_wake(struct qp_waker *waker)
{
    struct qp_remote_waker *self = (struct qp_remote_waker *)waker;
    if (is_inside(self->remote))
        qp_wake(self->inner);
    else if (!is_closed(self->remote))
        note(self, WOKEN);
}

static struct qp_waker *waker_clone(struct qp_waker *waker)
{
    atomic_fetch_add(&((struct qp_remote_waker *)waker)->users, 1);
    return waker;
}

static void waker_drop(struct qp_waker *waker)
{
    struct qp_remote_waker *self = (struct qp_remote_waker *)waker;
    struct qp_remote *remote = self->remote;
    if (atomic_fetch_sub(&self->users, 1) != 1)
        return;
    if (is_inside(remote) && !(atomic_load(&self->state) & NOTED))
        retire(self);
    else if (!is_closed(remote))
        note(self, UNUSED);
    if (atomic_fetch_sub(&remote->holders, 1) == 1)
        rouse(remote);
    waker_unreference(self); /* NOLINT(clang-analyzer-unix.Malloc): the users' reference, which retire() has not */
}

static const struct qp_waker_ops waker_ops = {waker_wake, waker_clone, waker_drop};

struct qp_waker *qp_remote_waker(struct qp_remote *remote, struct qp_waker *waker)
{
    struct qp_remote_waker *self;
    if (is_closed(remote))
        return NULL;
    if (!is_inside(remote))
        qp_misuse("qp_remote_waker outside its runtime");
    self = malloc(sizeof *self);
    if (!self)
        return NULL;
    *self = (struct qp_remote_waker){.waker = {&waker_ops}, .note = {{NULL}, &waker_note_ops}, .remote = remote};
    self->inner = waker->ops->clone(waker);
    if (!self->inner) {
        free(self);
        return NULL;
    }
    atomic_init(&self->state, 0);
    atomic_init(&self->users, 1);
    atomic_init(&self->references, 2); /* its users together; the runtime */
    hold(remote);
    self->next = remote->wakers;
    if (self->next)
        self->next->prev = self;
    remote->wakers = self;
    return &self->waker;
}

/* ---- the end ---- */

void qp_remote_close(struct qp_runtime *runtime)
{
    struct qp_remote *self = runtime->remote;
    struct qp_note *note;
    if (!self)
        return;
    if (!is_closed(self)) {
        qp_inbox_gather(&self->inbox, &qp_inbox_closed);
        pthread_mutex_lock(&self->lock);
        self->open = false;
        pthread_mutex_unlock(&self->lock);
    }
    while ((note = next_taken(self)) != NULL)
        note->ops->drop(note);
    while (self->wakers)
        retire(self->wakers); /* NOLINT(clang-analyzer-unix.Malloc): a retired one is no longer among them */
}

void qp_remote_end(struct qp_runtime *runtime)
{
    struct qp_remote *self = runtime->remote;
    if (!self)
        return;
    qp_remote_close(runtime);
    runtime->remote = NULL;
    unreference(self);
}
