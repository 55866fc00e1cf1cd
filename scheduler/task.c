/* Tasks: see task.h for the state and its invariants. */
#include "scheduler/task.h"
#include "scheduler/brief.h"
#include "scheduler/contract.h"
#include "scheduler/coroutine.h"
#include "scheduler/inject.h"
#include "scheduler/misuse.h"
#include "scheduler/poll.h"
#include "scheduler/step.h"
#include "scheduler/value.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Thread_local struct qp_thread qp_thread = {.outside = true};

/* ---- wakers ---- */

/* The task is woken, but is ready, or is being polled, or ends. */
static void woken_again(struct qp_task *task)
{
    struct qp_runtime *runtime = task->runtime;
    if (QP_LIKELY(task->flags & QP_TASK_RUNNING))
        task->flags |= QP_TASK_WOKEN;
    else if (QP_UNLIKELY(runtime->env.woken_again != NULL))
        runtime->env.woken_again(runtime->env.context, task->id);
}

void qp_task_wake(struct qp_task *task)
{
    if (task->flags & (QP_TASK_QUEUED | QP_TASK_RUNNING | QP_TASK_ENDING)) {
        woken_again(task);
        return;
    }
    task->flags |= QP_TASK_QUEUED;
    qp_ready_push(&task->runtime->ready, task);
    if (QP_TRACING)
        qp_tell_woken(task);
}

void qp_wake_specially(struct qp_waker *waker)
{
    if (QP_LIKELY(waker->ops == &qp_task_waker_ops))
        qp_task_wake((struct qp_task *)waker);
    else
        waker->ops->wake(waker);
}

static void waker_wake(struct qp_waker *waker)
{
    qp_task_wake((struct qp_task *)waker);
}

static struct qp_waker *waker_clone(struct qp_waker *waker)
{
    ((struct qp_task *)waker)->references++;
    return waker;
}

static void waker_drop(struct qp_waker *waker)
{
    qp_task_unreference((struct qp_task *)waker);
}

const struct qp_waker_ops qp_task_waker_ops = {waker_wake, waker_clone, waker_drop};

/* ---- texts that some tasks have ---- */

const char *qp_task_name_of(const struct qp_task *task)
{
    const struct qp_task_extra *extra = qp_task_extra(task);
    const struct qp_task_name *given = task->flags & QP_TASK_RENAMED && !extra ? task->runtime->names : NULL;
    while (given && given->task != task)
        given = given->next;
    return given ? given->text : extra ? extra->name : qp_task_future(task)->ops->name;
}

/* The list is as long as there are renamed tasks without a place for the name: those that are resumable. */
static void release_name(struct qp_task *task)
{
    struct qp_runtime *runtime = task->runtime;
    struct qp_task_name **link = &runtime->names, *given;
    if (qp_task_extra(task)) {
        given = QP_CONTAINER(qp_task_extra(task)->name, struct qp_task_name, text);
    } else {
        while ((*link)->task != task)
            link = &(*link)->next;
        given = *link;
        *link = given->next;
    }
    qp_release(runtime, given, sizeof *given);
}

void qp_task_set_message(struct qp_runtime *runtime, const char *text)
{
    size_t size = strlen(text) + 1;
    runtime->panic_message = qp_allocate(runtime, size);
    if (runtime->panic_message)
        memcpy(runtime->panic_message, text, size);
}

const char *qp_task_message(const struct qp_task *task)
{
    return task->message ? task->message : "";
}

static void release_message(struct qp_runtime *runtime, char *message)
{
    if (message)
        qp_release(runtime, message, strlen(message) + 1);
}

void *qp_task_result(const struct qp_task *task)
{
    size_t size = (qp_task_result_type(task)->size + 15) & ~(size_t)15;
    return (char *)(uintptr_t)task + qp_task_block_size(task->rank) - size;
}

void qp_task_unreference(struct qp_task *task)
{
    if (--task->references)
        return;
    if (QP_UNLIKELY(task->flags & QP_TASK_RENAMED))
        release_name(task);
    if (QP_UNLIKELY(task->status == QP_PANICKED))
        release_message(task->runtime, task->message);
    qp_task_block_give_back(task->runtime, task);
}

/* ---- the list of live tasks, and room for each in the ready queue ---- */

QP_APART static bool ready_grow(struct qp_runtime *runtime)
{
    struct qp_ready *ready = &runtime->ready, grown = {NULL, 0, 0, ready->size ? ready->size * 2 : 8};
    grown.ring = qp_allocate(runtime, grown.size * sizeof(struct qp_task *));
    if (!grown.ring)
        return false;
    while (qp_ready_count(ready))
        qp_ready_push(&grown, qp_ready_take_first(ready));
    if (ready->ring)
        qp_release(runtime, ready->ring, ready->size * sizeof(struct qp_task *));
    *ready = grown;
    return true;
}

static inline void list_append(struct qp_task_list *list, struct qp_task *task)
{
    task->prev = list->last;
    task->next = NULL;
    *(list->last ? &list->last->next : &list->first) = task;
    list->last = task;
}

static inline void list_remove(struct qp_task_list *list, struct qp_task *task)
{
    *(task->prev ? &task->prev->next : &list->first) = task->next;
    *(task->next ? &task->next->prev : &list->last) = task->prev;
}

struct qp_task *qp_task_find(struct qp_runtime *runtime, uint64_t id)
{
    struct qp_task *task = runtime->tasks.first;
    while (task && task->id != id)
        task = task->next;
    return task;
}

struct qp_scope *qp_task_scope(struct qp_task *task)
{
    return task->style == QP_STYLE_COROUTINE ? &qp_task_coroutine(task)->scope : &task->scope;
}

/* ---- handles ---- */

static void result_drop(struct qp_task *task)
{
    if (!(task->flags & QP_TASK_RESULT))
        return;
    task->flags &= (uint16_t)~QP_TASK_RESULT;
    qp_value_drop(qp_task_result_type(task), qp_task_result(task), 0, qp_task_extra(task)->result_id, QP_DROP_RESULT);
}

/* The handle is no more; already disowned. */
static void detach(struct qp_task *task)
{
    QP_EMIT(TASK_DETACHED, .fields = {task->id});
    task->flags = (uint16_t)((task->flags & ~QP_TASK_JOINING) | QP_TASK_DETACHED);
    if (task->flags & QP_TASK_ENDED)
        result_drop(task);
    qp_task_unreference(task);
}

static void handle_release(struct qp_owned *owned)
{
    detach(QP_CONTAINER(owned, struct qp_task, handle));
}

static const struct qp_owned_ops handle_ops = {"a handle", NULL, handle_release, NULL};

uint64_t qp_handle_target(const struct qp_owned *owned)
{
    return owned->ops == &handle_ops ? QP_CONTAINER_CONST(owned, struct qp_task, handle)->id : 0;
}

/* The task of a handle that is still held; NULL for an empty one and for a copy of one that was used. */
static struct qp_task *held(const struct qp_handle *handle)
{
    struct qp_task *task = handle->task;
    return task && task->id == handle->id && !(task->flags & QP_TASK_DETACHED) ? task : NULL;
}

/* The same, unless a join has it: what may be dropped, given away or joined. */
static struct qp_task *free_to_use(const struct qp_handle *handle)
{
    struct qp_task *task = held(handle);
    return task && !(task->flags & QP_TASK_JOINING) ? task : NULL;
}

void qp_handle_drop(struct qp_handle *handle)
{
    struct qp_task *task = free_to_use(handle);
    *handle = (struct qp_handle){NULL, 0};
    if (!task)
        return;
    qp_disown(&task->handle);
    detach(task);
}

void qp_handle_give(const struct qp_handle *handle, const struct qp_handle *to)
{
    struct qp_task *task = free_to_use(handle);
    if (!task)
        qp_misuse("an empty handle is given away by %s", qp_task_label(qp_thread.task ? qp_thread.task->id : 0));
    qp_owned_give(&task->handle, to, "a handle");
    QP_EMIT(TASK_GIVEN, .fields = {task->id, to->id});
}

bool qp_is_finished(const struct qp_handle *handle)
{
    const struct qp_task *task = held(handle);
    bool finished = task && task->flags & QP_TASK_ENDED;
    QP_EMIT(TASK_ASKED, .fields = {task ? task->id : 0, finished});
    return finished;
}

void qp_abort(const struct qp_handle *handle)
{
    if (handle->task && handle->task->id == handle->id)
        qp_task_abort(handle->task);
}

/* It is ready, or running, or has ended, or is blocking work; or somebody is to be told. */
QP_APART static void abort_with_care(struct qp_task *task)
{
    bool comes_late =
        task->flags & (QP_TASK_ENDED | QP_TASK_ENDING | QP_TASK_STARTED) ||
        (task->style == QP_STYLE_BLOCKING && !qp_blocking_withdraw(task)); /* it says so if it has started */
    QP_EMIT(TASK_ABORTED, .fields = {task->id});
    if (comes_late)
        return;
    if (QP_UNLIKELY(task->runtime->durable != NULL))
        qp_contract_task_aborted(task->runtime, task->id);
    task->flags |= QP_TASK_ABORTED;
    qp_task_wake(task);
}

void qp_task_abort(struct qp_task *task)
{
    enum { OTHERS = QP_TASK_QUEUED | QP_TASK_RUNNING | QP_TASK_ENDING | QP_TASK_ENDED | QP_TASK_HEARD };
    if (QP_UNLIKELY(task->flags & OTHERS || task->style == QP_STYLE_BLOCKING || task->runtime->durable)) {
        abort_with_care(task);
        return;
    }
    task->flags |= QP_TASK_ABORTED | QP_TASK_QUEUED;
    qp_ready_push(&task->runtime->ready, task);
}

/* ---- spawning ---- */

QP_COLD QP_NORETURN static void cannot_spawn(const char *what)
{
    if (!qp_thread.runtime)
        qp_misuse("%s outside a runtime", what);
    qp_misuse("%s in blocking work, %s: it runs off the executor", what, qp_task_label(qp_thread.task->id));
}

static inline struct qp_runtime *runtime_for(const char *what)
{
    if (!qp_thread.runtime || (qp_thread.task && qp_thread.task->style == QP_STYLE_BLOCKING))
        cannot_spawn(what);
    return qp_thread.runtime;
}

static const struct qp_task_options no_options;

/* How large a block must be for a task of `size` bytes and its result: the result ends it, at a multiple of 16. */
static inline size_t size_with_result(enum qp_task_style style, size_t size, const struct qp_type *result)
{
    size_t both = ((size + 15) & ~(size_t)15) + ((result->size + 15) & ~(size_t)15);
    return style == QP_STYLE_COROUTINE ? (both + QP_TASK_LINE - 1) & ~(size_t)(QP_TASK_LINE - 1) : both;
}

/* Makes a block a task, not yet among the live ones. */
static inline struct qp_task *begin(struct qp_runtime *runtime, struct qp_task *task, enum qp_task_style style)
{
    task->waker.ops = &qp_task_waker_ops;
    task->runtime = runtime;
    qp_scope_init(&task->scope);
    task->references = 2; /* its life and its handle */
    task->flags = runtime->first_flags;
    task->status = QP_PENDING;
    task->style = style & 3u;
    return task;
}

/* A task of `size` bytes beside its result; NULL: no memory. */
static inline struct qp_task *create(struct qp_runtime *runtime, enum qp_task_style style, size_t size,
                                     const struct qp_type *result)
{
    struct qp_task *task;
    if (QP_UNLIKELY(runtime->live >= runtime->ready.size) && !ready_grow(runtime))
        return NULL;
    task = qp_task_block_take(runtime, QP_LIKELY(!result) ? size : size_with_result(style, size, result));
    return QP_LIKELY(task != NULL) ? begin(runtime, task, style) : NULL;
}

static inline void set_extra(struct qp_task *task, const struct qp_task_options *options, const char *name, void *arg)
{
    struct qp_task_extra *extra = (struct qp_task_extra *)(void *)(task + 1);
    task->flags |= QP_TASK_EXTRA;
    extra->name = options->name ? options->name : name;
    extra->drop = options->drop;
    extra->arg = arg;
    extra->result_type = options->result;
}

QP_APART static struct qp_handle tell_spawned(struct qp_task *task)
{
    const struct qp_task_extra *extra = qp_task_extra(task);
    qp_tell_spawned(task, qp_task_name_of(task));
    if (extra && extra->drop)
        QP_EMIT(ARGUMENT_KEPT, .fields = {task->id});
    if (task->flags & QP_TASK_QUEUED)
        qp_tell_begins(task);
    return (struct qp_handle){task, task->id};
}

/* Numbers it, makes it live, and makes the running function the owner of its handle. It is ready, or blocking work. */
static inline struct qp_handle launch(struct qp_task *task, bool ready)
{
    struct qp_runtime *runtime = task->runtime;
    task->id = ++runtime->next_task;
    list_append(&runtime->tasks, task);
    runtime->live++;
    qp_own(&task->handle, &handle_ops);
    if (ready) {
        task->flags |= QP_TASK_QUEUED;
        qp_ready_push(&runtime->ready, task);
    }
    if (QP_UNLIKELY(task->flags & QP_TASK_HEARD) && QP_TRACING)
        return tell_spawned(task);
    return (struct qp_handle){task, task->id};
}

static const size_t coroutine_size =
    sizeof(struct qp_task) + sizeof(struct qp_task_extra) + sizeof(struct qp_coroutine);

static inline struct qp_handle launch_coroutine(struct qp_task *task, qp_async_fn function, void *arg,
                                                const struct qp_task_options *options)
{
    struct qp_coroutine *coroutine = qp_task_coroutine(task);
    set_extra(task, options, "task", arg);
    qp_coroutine_init(coroutine, function, arg);
    coroutine->future.stage = QP_COROUTINE_TASK;
    coroutine->stack_size = options->stack_size;
    return launch(task, true);
}

/* There is no room for it yet, or it has a result. */
QP_APART static struct qp_handle spawn_with_care(struct qp_runtime *runtime, qp_async_fn function, void *arg,
                                                 const struct qp_task_options *options)
{
    struct qp_task *task = create(runtime, QP_STYLE_COROUTINE, coroutine_size, options->result);
    return QP_LIKELY(task != NULL) ? launch_coroutine(task, function, arg, options) : (struct qp_handle){NULL, 0};
}

struct qp_handle qp_spawn_with(qp_async_fn function, void *arg, const struct qp_task_options *options)
{
    struct qp_runtime *runtime = runtime_for("qp_spawn");
    struct qp_task **free = &runtime->task_pool.free[qp_task_rank_of(coroutine_size)], *task = *free;
    options = options ? options : &no_options;
    if (QP_UNLIKELY(runtime->live >= runtime->ready.size || !task || options->result))
        return spawn_with_care(runtime, function, arg, options);
    *free = task->next;
    return launch_coroutine(begin(runtime, task, QP_STYLE_COROUTINE), function, arg, options);
}

struct qp_handle qp_spawn_future(const struct qp_future *future, size_t size, const struct qp_task_options *options)
{
    struct qp_runtime *runtime = runtime_for("qp_spawn_future");
    struct qp_task *task;
    size_t extra;
    options = options ? options : &no_options;
    if (future->state != QP_FUTURE_NEW)
        qp_misuse("qp_spawn_future of future '%s', which was polled before", future->ops->name);
    extra = options->name || options->drop || options->result ? sizeof(struct qp_task_extra) : 0;
    task = create(runtime, QP_STYLE_FUTURE, sizeof *task + extra + size, options->result);
    if (QP_UNLIKELY(!task))
        return (struct qp_handle){NULL, 0};
    if (extra)
        set_extra(task, options, future->ops->name, NULL);
    qp_copy_fresh(qp_task_polled(task), future, size);
    return launch(task, true);
}

/* ---- blocking work ---- */

struct qp_handle qp_spawn_blocking_with(void (*function)(void *arg), void *arg, const struct qp_task_options *options)
{
    struct qp_runtime *runtime = runtime_for("qp_spawn_blocking");
    struct qp_blocking *blocking;
    struct qp_handle handle;
    options = options ? options : &no_options;
    blocking = (struct qp_blocking *)create(runtime, QP_STYLE_BLOCKING, sizeof *blocking, options->result);
    if (!blocking)
        return (struct qp_handle){NULL, 0};
    set_extra(&blocking->task, options, "task", arg);
    blocking->function = function;
    handle = launch(&blocking->task, false);
    qp_blocking_submit(blocking);
    return handle;
}

/* ---- the running task ---- */

uint64_t qp_task_id(void)
{
    return qp_thread.task ? qp_thread.task->id : 0;
}

const char *qp_task_name(void)
{
    return qp_thread.task ? qp_task_name_of(qp_thread.task) : "";
}

/* A place for a name of its own; NULL: no memory. */
static struct qp_task_name *own_name(struct qp_task *task)
{
    struct qp_runtime *runtime = task->runtime;
    struct qp_task_extra *extra = qp_task_extra(task);
    struct qp_task_name *name;
    if (task->flags & QP_TASK_RENAMED)
        return QP_CONTAINER((char *)(uintptr_t)qp_task_name_of(task), struct qp_task_name, text);
    name = qp_allocate(runtime, sizeof *name);
    if (!name)
        return NULL;
    name->task = task;
    task->flags |= QP_TASK_RENAMED;
    if (extra) {
        extra->name = name->text;
    } else {
        name->next = runtime->names;
        runtime->names = name;
    }
    return name;
}

void qp_task_rename(const char *format, ...)
{
    struct qp_task *task = qp_thread.task;
    struct qp_task_name *name = task ? own_name(task) : NULL;
    va_list args;
    if (!name)
        return; /* it keeps the name that it has */
    va_start(args, format);
    vsnprintf(name->text, sizeof name->text, format, args);
    va_end(args);
    QP_EMIT(TASK_RENAMED, .text = name->text);
}

void qp_return(const void *value)
{
    struct qp_task *task = qp_thread.task;
    const struct qp_type *type = task ? qp_task_result_type(task) : NULL;
    if (!type)
        qp_misuse("qp_return in %s, which was spawned without a result type", qp_task_label(qp_task_id()));
    if (task->style == QP_STYLE_BLOCKING) {
        qp_blocking_return((struct qp_blocking *)task, value);
        return;
    }
    result_drop(task);
    if (type->size)
        memcpy(qp_task_result(task), value, type->size);
    qp_task_has_result(task, value);
}

/* Whether the bytes of its result are others than these. */
static bool is_altered(const struct qp_task *task, const void *bytes)
{
    const struct qp_type *type = qp_task_result_type(task);
    return qp_value_bytes(type, bytes) != qp_value_bytes(type, qp_task_result(task));
}

QP_APART static void tell_result(const struct qp_task *task, const void *given)
{
    char text[QP_PRINT_SIZE];
    QP_EMIT(TASK_RESULT, .fields = {qp_task_extra(task)->result_id, task->id, given && is_altered(task, given)},
            .text = qp_print(qp_task_result_type(task), qp_task_result(task), text));
}

void qp_task_has_result(struct qp_task *task, const void *given)
{
    qp_task_extra(task)->result_id = ++task->runtime->next_value;
    task->flags |= QP_TASK_RESULT;
    if (QP_TRACING)
        tell_result(task, given);
}

const char *qp_error_message(void)
{
    struct qp_runtime *runtime = qp_thread.runtime;
    if (!runtime)
        return qp_status_text(QP_OK);
    if (runtime->cancelled)
        snprintf(runtime->message, sizeof runtime->message, "task %" PRIu64 " was cancelled", runtime->cancelled);
    runtime->cancelled = 0;
    if (runtime->failure == QP_CANCELLED || runtime->failure == QP_PANICKED || runtime->failure == QP_REFUSED)
        return runtime->message;
    return qp_status_text(runtime->failure);
}

void qp_panic_at(const struct qp_site *site, const char *format, ...)
{
    struct qp_task *task = qp_thread.task;
    char text[QP_MESSAGE_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (!task || (task->style != QP_STYLE_BLOCKING && !qp_thread.runtime->unwind))
        qp_misuse("panic outside a task, at %s:%d: %s", site->file, site->line, text);
    if (task->flags & QP_TASK_ENDING || qp_thread.dropping)
        qp_misuse("%s panicked while it was being released, at %s:%d: %s", qp_task_label(task->id), site->file,
                  site->line, text);
    if (task->style == QP_STYLE_BLOCKING)
        qp_blocking_panic((struct qp_blocking *)task, text);
    qp_task_set_message(task->runtime, text);
    qp_thread.runtime->panicking = true;
    qp_unwind();
}

/* ---- its steps, and its end ---- */

static void end_event(const struct qp_task *task)
{
    switch ((enum qp_status)task->status) {
    case QP_OK:
        qp_tell_completed(task);
        break;
    case QP_CANCELLED:
        QP_EMIT(TASK_CANCELLED, .object = 0);
        break;
    case QP_PANICKED:
        QP_EMIT(TASK_PANICKED, .text = task->runtime->panic_message ? task->runtime->panic_message : "");
        break;
    default:
        QP_EMIT(TASK_FAILED, .fields = {task->status});
        break;
    }
}

/* Releases in the task's name all that it has. What it did before is skipped when it is called again. */
QP_APART static void release_all(struct qp_task *task)
{
    struct qp_task *before = qp_thread.task;
    struct qp_coroutine *coroutine = qp_thread.coroutine;
    struct qp_scope *outer = qp_thread.scope;
    const struct qp_site *site = qp_thread.site;
    struct qp_task_extra *extra = qp_task_extra(task);
    struct qp_future *future = qp_task_future(task);
    struct qp_scope *scope = qp_task_scope(task);
    void (*drop)(void *arg) = extra ? extra->drop : NULL;
    qp_thread.task = task;
    qp_thread.coroutine = NULL;
    qp_thread.site = NULL;
    qp_thread.scope = scope;
    if (future && future->state != QP_FUTURE_DONE)
        qp_future_drop(future);
    if (!qp_scope_is_empty(scope))
        qp_scope_release(scope);
    if (drop) {
        extra->drop = NULL;
        QP_EMIT(ARGUMENT_DROPPED, .fields = {task->id});
        drop(extra->arg);
    }
    if (task->status != QP_OK)
        result_drop(task);
    if (QP_TRACING)
        end_event(task);
    qp_thread.task = before;
    qp_thread.coroutine = coroutine;
    qp_thread.scope = outer;
    qp_thread.site = site;
}

/* Main returned, or panicked, or was cancelled: the others go first, for they may use what it owns. */
static void main_is_over(struct qp_runtime *runtime, enum qp_status status)
{
    runtime->main_status = status;
    runtime->main_message = runtime->panic_message;
    runtime->panic_message = NULL;
    runtime->free_until = 0;
}

QP_APART static void unwind(struct qp_task *task, enum qp_status status)
{
    if (!(task->flags & QP_TASK_ENDING)) {
        task->status = status & 63u;
        task->flags |= QP_TASK_ENDING;
        if (QP_UNLIKELY(task->flags & QP_TASK_MAIN && status == QP_PANICKED))
            task->runtime->panic_message = task->runtime->main_message;
        if (QP_TRACING)
            qp_tell_unwinding(task, status);
    }
    release_all(task);
}

/* Whether it returned, only its scope may have what is to be released, and it has none of these flags. */
static inline bool ends_plainly(const struct qp_task *task, enum qp_status status, unsigned flags)
{
    const struct qp_task_extra *extra = qp_task_extra(task);
    return status == QP_OK && !(task->flags & flags) && !(extra && extra->drop) && task->style != QP_STYLE_BLOCKING &&
           qp_task_polled(task)->state == QP_FUTURE_DONE;
}

/* The same as unwind, of a task that ends plainly, but for what it owns. */
QP_APART static void release_owned(struct qp_task *task, struct qp_scope *scope)
{
    struct qp_task *before = qp_thread.task;
    if (QP_UNLIKELY(qp_thread.coroutine || qp_thread.site)) {
        unwind(task, QP_OK);
        return;
    }
    qp_thread.task = task;
    task->status = QP_OK;
    task->flags |= QP_TASK_ENDING;
    if (QP_TRACING)
        qp_tell_unwinding(task, QP_OK);
    qp_scope_release(scope);
    if (QP_TRACING)
        qp_tell_completed(task);
    qp_thread.task = before;
}

static inline void end_plainly(struct qp_task *task)
{
    struct qp_scope *scope = qp_task_scope(task);
    if (!qp_scope_owns_nothing(scope)) {
        release_owned(task, scope);
        return;
    }
    task->status = QP_OK;
}

/* It does not, or somebody may listen, who hears of each part of its end unless that is told in brief. */
QP_APART static void end_specially(struct qp_task *task, enum qp_status status)
{
    bool in_full = QP_TRACING && !qp_thread.tracing->brief;
    bool tells = QP_TRACING && qp_scope_owns_nothing(qp_task_scope(task));
    if (in_full || !ends_plainly(task, status, QP_TASK_ENDING)) {
        unwind(task, status);
        return;
    }
    end_plainly(task);
    if (tells)
        qp_tell_ended(task);
}

void qp_task_end(struct qp_task *task, enum qp_status status)
{
    struct qp_runtime *runtime = task->runtime;
    if (task->flags & QP_TASK_MAIN && !runtime->closing) {
        main_is_over(runtime, status);
        return;
    }
    if (QP_LIKELY(ends_plainly(task, status, QP_TASK_ENDING | QP_TASK_HEARD)))
        end_plainly(task);
    else
        end_specially(task, status);
    task->flags |= QP_TASK_ENDING | QP_TASK_ENDED;
    list_remove(&runtime->tasks, task);
    runtime->live--;
    if (QP_UNLIKELY(runtime->durable != NULL))
        qp_contract_task_ended(runtime, (enum qp_status)task->status, task->id);
    if (QP_UNLIKELY(task->status == QP_PANICKED)) {
        task->message = runtime->panic_message;
        runtime->panic_message = NULL;
    }
    if (task->flags & QP_TASK_JOINING && task->joiner)
        qp_wake(task->joiner);
    if (QP_UNLIKELY(task->flags & QP_TASK_DETACHED))
        result_drop(task);
    qp_task_unreference(task);
}

/* A poll ended ready, or with a request for the task's cancellation. */
static inline void over(struct qp_task *task, enum qp_status status)
{
    task->flags &= (uint16_t)~QP_TASK_RUNNING;
    if (status == QP_PENDING)
        qp_task_end(task, QP_CANCELLED);
    else
        qp_task_end(task, status == QP_NOMEM && task->style == QP_STYLE_COROUTINE ? QP_NOMEM : QP_OK);
}

/* What is to be done after a poll. The task is whoever came back; NULL: it has done all of this. `told`: see step.h. */
static inline __attribute__((always_inline)) void polled(enum qp_status status, bool told)
{
    struct qp_task *task = qp_thread.task;
    if (QP_UNLIKELY(!task))
        return;
    qp_task_polled(task)->state = status == QP_PENDING ? QP_FUTURE_PENDING : QP_FUTURE_DONE;
    if (told && QP_UNLIKELY(qp_thread.injecting) && status == QP_PENDING)
        qp_inject_suspended(task);
    else if (status == QP_PENDING && !(task->flags & QP_TASK_ABORTED))
        qp_step_suspended(task, told && QP_TRACING);
    else
        over(task, status);
}

/* A function's own poll is its task's, which was told; any other future is told of as it is wherever it is polled. */
static enum qp_status poll_specially(struct qp_task *task)
{
    struct qp_future *future = qp_task_polled(task);
    if (QP_TRACING && task->style == QP_STYLE_FUTURE)
        return qp_poll_traced(future, &task->waker);
    return future->ops->poll(future, &task->waker);
}

/* Where somebody listens, or the environment may do something to the task here, or its cancellation was asked for. */
QP_APART static void step_specially(struct qp_task *task)
{
    enum qp_status status;
    if (QP_UNLIKELY(qp_thread.injecting))
        qp_inject_woken(task);
    if (task->flags & QP_TASK_ABORTED) {
        qp_task_end(task, QP_CANCELLED);
        return;
    }
    qp_step_begin(task, QP_TRACING);
    status = poll_specially(task);
    if (QP_UNLIKELY(qp_thread.injecting) && status == QP_PENDING && qp_inject_pending(task))
        status = poll_specially(task);
    polled(status, true);
}

void qp_task_step(struct qp_task *task)
{
    struct qp_future *future = qp_task_polled(task);
    qp_step_enter(task);
    qp_thread.scope = &task->scope;
    if (QP_UNLIKELY(qp_thread.special || task->flags & QP_TASK_ABORTED)) {
        step_specially(task);
    } else {
        qp_step_begin(task, false);
        polled(future->ops->poll(future, &task->waker), false);
    }
    qp_thread.task = NULL;
    qp_thread.scope = NULL;
}

void qp_task_cancel(struct qp_task *task)
{
    qp_step_enter(task);
    qp_thread.scope = &task->scope;
    qp_task_end(task, QP_CANCELLED);
    qp_thread.task = NULL;
    qp_thread.scope = NULL;
}

/* ---- joining ---- */

/* What qp_error_message() is to say. Only of a panic there is more to keep than a number. */
QP_APART static void join_message(struct qp_task *task)
{
    struct qp_runtime *runtime = task->runtime;
    if (task->status == QP_CANCELLED) {
        runtime->cancelled = task->id;
    } else if (task->status == QP_PANICKED) {
        runtime->cancelled = 0;
        snprintf(runtime->message, sizeof runtime->message, "task %" PRIu64 " panicked with message \"%s\"", task->id,
                 qp_task_message(task));
    }
}

QP_APART static void tell_given(const struct qp_join_future *self)
{
    const struct qp_task *task = self->task;
    char text[QP_PRINT_SIZE];
    QP_EMIT(VALUE_RECEIVED, .fields = {qp_task_extra(task)->result_id, is_altered(task, self->result)},
            .text = qp_print(qp_task_result_type(task), self->result, text));
}

QP_APART static void give_result(const struct qp_join_future *self)
{
    struct qp_task *task = self->task;
    if (self->result) {
        memcpy(self->result, qp_task_result(task), qp_task_result_type(task)->size);
        if (QP_TRACING)
            tell_given(self);
        task->flags &= (uint16_t)~QP_TASK_RESULT;
    }
    result_drop(task);
}

QP_APART static void tell_joined(const struct qp_join_future *self)
{
    const struct qp_task *task = self->task;
    uint64_t value = self->result && task->flags & QP_TASK_RESULT ? qp_task_extra(task)->result_id : 0;
    if (!qp_run_joined(task->id, task->status, value))
        QP_EMIT(TASK_JOINED, .fields = {task->id, task->status, value});
}

/* There is more to a join than that the task has ended well. Returns the task. */
QP_APART static struct qp_task *give_more(const struct qp_join_future *self)
{
    struct qp_task *task = self->task;
    if (task->status != QP_OK)
        join_message(task);
    if (QP_TRACING)
        tell_joined(self);
    if (task->flags & QP_TASK_RESULT)
        give_result(self);
    return task;
}

static inline enum qp_status joined(const struct qp_join_future *self)
{
    struct qp_task *task = self->task;
    enum qp_status status;
    if (QP_UNLIKELY(task->status != QP_OK || task->flags & (QP_TASK_RESULT | QP_TASK_HEARD)))
        task = give_more(self);
    status = (enum qp_status)task->status;
    task->flags |= QP_TASK_DETACHED;
    qp_task_unreference(task);
    return status;
}

static inline enum qp_status join_untold(const struct qp_join_future *self, struct qp_waker *waker)
{
    if (self->task->flags & QP_TASK_ENDED)
        return joined(self);
    self->task->joiner = waker;
    return QP_PENDING;
}

/* Somebody may listen. */
QP_APART static enum qp_status join_heard(const struct qp_join_future *self, struct qp_waker *waker)
{
    if (QP_TRACING && self->future.state == QP_FUTURE_NEW)
        qp_tell_asked(&self->future, 0, self->result != NULL, self->task->id);
    return join_untold(self, waker);
}

/* It has ended, or somebody may. */
QP_APART static enum qp_status join_in_turn(const struct qp_join_future *self, struct qp_waker *waker)
{
    return QP_UNLIKELY(self->task->flags & QP_TASK_HEARD) ? join_heard(self, waker) : join_untold(self, waker);
}

static enum qp_status join_poll(struct qp_future *future, struct qp_waker *waker)
{
    const struct qp_join_future *self = (const struct qp_join_future *)future;
    if (self->task->flags & (QP_TASK_ENDED | QP_TASK_HEARD))
        return join_in_turn(self, waker);
    self->task->joiner = waker;
    return QP_PENDING;
}

static void join_drop(struct qp_future *future)
{
    detach(((struct qp_join_future *)future)->task);
}

static const struct qp_future_ops join_ops = {"join", join_poll, join_drop, NULL, NULL};

uint64_t qp_join_target(const struct qp_future *future)
{
    return future->ops == &join_ops ? ((const struct qp_join_future *)future)->task->id : 0;
}

struct qp_future *qp_join_init(struct qp_join_future *self, struct qp_handle *handle, void *result)
{
    struct qp_task *task = free_to_use(handle);
    if (!task)
        qp_misuse("join of an empty handle%s by %s: a handle can be awaited once",
                  handle->id ? " (its task was joined or detached)" : "", qp_task_label(qp_task_id()));
    *handle = (struct qp_handle){NULL, task->id};
    qp_owned_unlink(&task->handle);
    task->flags |= QP_TASK_JOINING;
    task->joiner = NULL;
    self->task = task;
    self->result = result;
    return qp_future_init(&self->future, &join_ops);
}

struct qp_handle qp_join_give_back(struct qp_join_future *self)
{
    struct qp_task *task = self->task;
    task->flags &= (uint16_t)~QP_TASK_JOINING;
    self->future.state = QP_FUTURE_DONE;
    qp_own(&task->handle, &handle_ops);
    return (struct qp_handle){task, task->id};
}

/* ---- yield ---- */

static enum qp_status yield_poll(struct qp_future *self, struct qp_waker *waker)
{
    if (self->stage)
        return QP_OK;
    self->stage = 1;
    qp_wake(waker);
    return QP_PENDING;
}

static void yield_drop(struct qp_future *self)
{
    (void)self;
}

const struct qp_future_ops qp_yield_ops = {"yield", yield_poll, yield_drop, NULL, NULL};

/* ---- deferred calls ---- */

struct deferred {
    struct qp_owned owned;
    struct qp_runtime *runtime;
    void (*function)(void *arg);
    void *arg;
    uint64_t number; /* in the trace */
};

static void deferred_release(struct qp_owned *owned)
{
    struct deferred *self = QP_CONTAINER(owned, struct deferred, owned), copy = *self;
    qp_release(copy.runtime, self, sizeof *self);
    QP_EMIT(DEFERRED_CALLED, .fields = {copy.number});
    copy.function(copy.arg);
    QP_EMIT(DEFERRED_OVER, .fields = {copy.number});
}

static const struct qp_owned_ops deferred_ops = {"a deferred call", NULL, deferred_release, NULL};

enum qp_status qp_defer(void (*function)(void *arg), void *arg)
{
    struct deferred *self;
    if (!qp_thread.scope)
        qp_misuse("qp_defer outside an async function");
    self = qp_allocate(qp_thread.runtime, sizeof *self);
    if (!self)
        return QP_NOMEM;
    self->runtime = qp_thread.runtime;
    self->function = function;
    self->arg = arg;
    self->number = self->runtime ? ++self->runtime->next_deferred : 0;
    qp_own(&self->owned, &deferred_ops);
    QP_EMIT(DEFERRED, .fields = {self->number});
    return QP_OK;
}
