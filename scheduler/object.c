/* Objects, what is held of them, and what async functions own: see object.h, hold.h and owned.h. */
#include "scheduler/object.h"
#include "scheduler/brief.h"
#include "scheduler/hold.h"
#include "scheduler/misuse.h"
#include "scheduler/runtime.h"
#include "scheduler/sanitizer.h"
#include "scheduler/value.h"
#include "scheduler/wait_queue.h"
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#else
#define VALGRIND_MAKE_MEM_DEFINED(start, size) 0
#define RUNNING_ON_VALGRIND 0
#endif

/* ---- memory ---- */

void *qp_allocate(struct qp_runtime *runtime, size_t size)
{
    return runtime ? runtime->env.allocate(runtime->env.context, size) : malloc(size);
}

void qp_release(struct qp_runtime *runtime, void *memory, size_t size)
{
    if (runtime)
        runtime->env.release(runtime->env.context, memory, size);
    else
        free(memory);
}

enum { SPARE_SIZE = 256 }; /* of each block that is kept */

struct qp_spare {
    struct qp_spare *next;
};

#if defined(QP_WITH_ASAN)
static const bool keeps_spares = false;
#else
static const bool keeps_spares = true;
#endif

void *qp_allocate_again(struct qp_runtime *runtime, size_t size)
{
    struct qp_spare *spare = runtime ? runtime->spare : NULL;
    if (!runtime || size > SPARE_SIZE || !keeps_spares)
        return qp_allocate(runtime, size);
    if (QP_UNLIKELY(!spare))
        return qp_allocate(runtime, SPARE_SIZE);
    runtime->spare = spare->next;
    return spare;
}

void qp_release_again(struct qp_runtime *runtime, void *memory, size_t size)
{
    struct qp_spare *spare = memory;
    if (!runtime || size > SPARE_SIZE || !keeps_spares) {
        qp_release(runtime, memory, size);
        return;
    }
    spare->next = runtime->spare;
    runtime->spare = spare;
}

void qp_spare_release(struct qp_runtime *runtime)
{
    while (runtime->spare) {
        struct qp_spare *spare = runtime->spare;
        runtime->spare = spare->next;
        qp_release(runtime, spare, SPARE_SIZE);
    }
}

/* ---- objects ---- */

static void link_object(struct qp_object_list *list, struct qp_object *object)
{
    object->prev = list->last;
    object->next = NULL;
    *(list->last ? &list->last->next : &list->first) = object;
    list->last = object;
}

static void unlink_object(struct qp_object_list *list, const struct qp_object *object)
{
    *(object->prev ? &object->prev->next : &list->first) = object->next;
    *(object->next ? &object->next->prev : &list->last) = object->prev;
}

/* Nothing is told before all of it is there. */
static inline void begin_untold(struct qp_object *object)
{
    if (object->runtime)
        link_object(&object->runtime->objects, object);
}

QP_APART static void begin_told(struct qp_object *object, uint64_t capacity)
{
    QP_EMIT(OBJECT_CREATED, .object = object->id, .fields = {capacity}, .text = object->kind->name);
    if (object->name)
        QP_EMIT(OBJECT_NAMED, .object = object->id, .text = object->name);
    begin_untold(object);
}

void qp_object_init(struct qp_object *object, const struct qp_object_kind *kind, const char *name, uint64_t capacity)
{
    object->kind = kind;
    object->name = name;
    object->runtime = qp_thread.runtime;
    object->id = object->runtime ? ++object->runtime->next_object : 0;
    if (QP_TRACING)
        begin_told(object, capacity);
    else
        begin_untold(object);
}

static inline void end_untold(const struct qp_object *object)
{
    if (object->runtime)
        unlink_object(&object->runtime->objects, object);
}

QP_APART static void end_told(const struct qp_object *object)
{
    QP_EMIT(OBJECT_DESTROYED, .object = object->id);
    end_untold(object);
}

void qp_object_end(struct qp_object *object)
{
    if (QP_TRACING)
        end_told(object);
    else
        end_untold(object);
}

void qp_wait_granted_specially(struct qp_waker *waker, const struct qp_object *object)
{
    QP_EMIT(GRANT_HINT, .object = object->id);
    qp_wake_specially(waker);
}

uint64_t qp_value_next(void)
{
    return ++qp_thread.runtime->next_value;
}

/* What it makes of bytes that nobody ever wrote (there may be some between members) is not a mistake of anybody. */
bool qp_on_valgrind; /* asking takes longer than what it is asked for */

__attribute__((constructor)) static void ask_valgrind(void)
{
    qp_on_valgrind = RUNNING_ON_VALGRIND;
}

static inline uint64_t mix(uint64_t sum, uint64_t word)
{
    sum = (sum ^ word) * 0x9e3779b97f4a7c15u;
    return sum ^ sum >> 32;
}

uint64_t qp_value_sum(const struct qp_type *type, const void *value)
{
    const unsigned char *at = value;
    uint64_t sum = type->size, word;
    size_t left;
    for (left = type->size; left >= sizeof word; left -= sizeof word, at += sizeof word) {
        memcpy(&word, at, sizeof word);
        sum = mix(sum, word);
    }
    if (left == sizeof(uint32_t)) {
        uint32_t half;
        memcpy(&half, at, sizeof half);
        sum = mix(sum, half);
    } else if (left) {
        word = 0;
        memcpy(&word, at, left);
        sum = mix(sum, word);
    }
    if (QP_UNLIKELY(qp_on_valgrind))
        (void)VALGRIND_MAKE_MEM_DEFINED(&sum, sizeof sum);
    return sum;
}

/* ---- labels for sentences ---- */

/* In the runtime's memory, so that a thread's own stays small. Outside a runtime the next thing is the end. */
static char *next_label(void)
{
    static char labels[QP_LABELS][QP_LABEL_SIZE];
    static uint32_t next;
    struct qp_runtime *runtime = qp_thread.runtime;
    if (runtime)
        return runtime->labels[runtime->next_label++ % QP_LABELS];
    return labels[next++ % QP_LABELS];
}

const char *qp_object_label(const struct qp_object *object)
{
    char *label = next_label();
    if (object->name)
        snprintf(label, QP_LABEL_SIZE, "%s '%s'", object->kind->name, object->name);
    else if (object->id)
        snprintf(label, QP_LABEL_SIZE, "%s %" PRIu64, object->kind->name, object->id);
    else
        snprintf(label, QP_LABEL_SIZE, "a %s", object->kind->name);
    return label;
}

const char *qp_task_label(uint64_t task)
{
    char *label = next_label();
    const struct qp_task *found = task && qp_thread.runtime ? qp_task_find(qp_thread.runtime, task) : NULL;
    if (found)
        snprintf(label, QP_LABEL_SIZE, "task %" PRIu64 " '%s'", task, qp_task_name_of(found));
    else if (task)
        snprintf(label, QP_LABEL_SIZE, "task %" PRIu64, task);
    else
        snprintf(label, QP_LABEL_SIZE, "no task");
    return label;
}

const char *qp_waker_label(const struct qp_waker *waker)
{
    return waker->ops == &qp_task_waker_ops ? qp_task_label(((const struct qp_task *)waker)->id)
                                            : "a task of another executor";
}

const char *qp_site_label(const char *before, const struct qp_site *site)
{
    char *label = next_label();
    if (!site)
        return "";
    snprintf(label, QP_LABEL_SIZE, "%s%s:%d", before, site->file, site->line);
    return label;
}

/* ---- ownership ---- */

static void nothing_release(struct qp_owned *owned)
{
    (void)owned;
}

const struct qp_owned_ops qp_owned_nothing = {NULL, NULL, nothing_release, NULL};

bool qp_scope_owns(const struct qp_scope *scope, const struct qp_owned *owned)
{
    const struct qp_link *link = scope->end.prev;
    while (link != &scope->end && link != &owned->link)
        link = link->prev;
    return link == &owned->link;
}

void qp_scope_tidy(struct qp_scope *scope)
{
    while (!qp_scope_is_empty(scope)) {
        struct qp_owned *last = QP_CONTAINER(scope->end.prev, struct qp_owned, link);
        if (last->ops != &qp_owned_nothing)
            return;
        qp_disown(last);
    }
}

void qp_scope_release(struct qp_scope *scope)
{
    struct qp_scope *outer = qp_thread.scope;
    uint64_t special = qp_thread.special; /* all of it: what is read as one is soon read after it was written as one */
    qp_thread.scope = scope;
    qp_thread.dropping = true;
    while (!qp_scope_is_empty(scope)) {
        struct qp_owned *last = QP_CONTAINER(scope->end.prev, struct qp_owned, link);
        qp_disown(last);
        last->ops->release(last);
    }
    qp_thread.scope = outer;
    qp_thread.special = special;
}

void qp_owned_give(struct qp_owned *owned, const struct qp_handle *to, const char *what)
{
    struct qp_task *task = to->task;
    if (!task || task->id != to->id || task->flags & QP_TASK_ENDED)
        qp_misuse("%s given to a task that has ended or is no task, by %s", what,
                  qp_task_label(qp_thread.task ? qp_thread.task->id : 0));
    qp_disown(owned);
    qp_owned_link(owned, qp_task_scope(task));
}

/* ---- holds ---- */

enum { SLAB_HOLDS = 16 };

struct qp_hold_slab {
    struct qp_hold_slab *next;
    struct qp_hold holds[SLAB_HOLDS];
};

static struct qp_hold *begin(struct qp_hold *hold, uint64_t id)
{
    hold->owned.link.prev = hold->owned.link.next = &hold->owned.link;
    hold->owned.ops = &qp_owned_nothing;
    hold->id = id;
    return hold;
}

static bool grow(struct qp_runtime *runtime)
{
    struct qp_hold_slab *slab = qp_allocate(runtime, sizeof *slab);
    size_t i;
    if (!slab)
        return false;
    slab->next = runtime->hold_slabs;
    runtime->hold_slabs = slab;
    for (i = SLAB_HOLDS; i-- > 0;)
        qp_hold_keep(&runtime->free_holds, begin(&slab->holds[i], 1));
    return true;
}

/* Outside a runtime each begins where no other was: memory that is given back is soon another's. */
struct qp_hold *qp_hold_make(struct qp_runtime *runtime)
{
    static _Atomic uint64_t next;
    struct qp_hold *hold;
    if (runtime)
        return grow(runtime) ? qp_hold_take(runtime) : NULL;
    hold = malloc(sizeof *hold);
    return hold ? begin(hold, atomic_fetch_add(&next, 1) + 1) : NULL;
}

void qp_hold_free(struct qp_hold *hold)
{
    free(hold);
}

void qp_hold_slabs_release(struct qp_runtime *runtime)
{
    while (runtime->hold_slabs) {
        struct qp_hold_slab *slab = runtime->hold_slabs;
        runtime->hold_slabs = slab->next;
        qp_release(runtime, slab, sizeof *slab);
    }
    runtime->free_holds = NULL;
}

const struct qp_object *qp_hold_object(const struct qp_owned *owned)
{
    return QP_CONTAINER_CONST(owned, struct qp_hold, owned)->object;
}

/* The number is new to the runtime, and not less than the hold would have had while nobody listened. */
QP_APART enum qp_status qp_hold_tell_acquired(struct qp_hold *hold, uint64_t *id)
{
    uint64_t *last = &qp_thread.runtime->next_hold;
    hold->id = *id = *last = hold->id > *last ? hold->id : *last + 1;
    if (!qp_run_acquired(hold->object->id, hold->id, hold->count, hold->style))
        QP_EMIT(HOLD_ACQUIRED, .object = hold->object->id, .fields = {hold->id, hold->count, hold->style});
    return QP_OK;
}

QP_APART struct qp_hold *qp_hold_tell_released(struct qp_hold *hold)
{
    QP_EMIT(HOLD_RELEASED, .object = hold->object->id, .fields = {hold->id, hold->count, hold->style});
    return hold;
}

void qp_hold_given(struct qp_hold *hold, uint64_t id, const struct qp_handle *to, const char *noun)
{
    if (!qp_hold_named(hold, id))
        qp_misuse("%s that is empty or was released is given away by %s", noun,
                  qp_task_label(qp_thread.task ? qp_thread.task->id : 0));
    qp_owned_give(&hold->owned, to, noun);
    hold->task = to->task;
    QP_EMIT(HOLD_GIVEN, .object = hold->object->id, .fields = {hold->id, to->id});
}
