/* Timers: see timers.h for the state and its invariants. */
#include "scheduler/timers.h"
#include "scheduler/emit.h"
#include "scheduler/memory.h"
#include "scheduler/runtime.h"
#include <string.h>

static bool earlier(const struct qp_timer *a, const struct qp_timer *b)
{
    if (a->deadline_ns != b->deadline_ns)
        return a->deadline_ns < b->deadline_ns;
    return a->order < b->order;
}

/* Joins two heaps, neither of them linked from anywhere; the result's `link` is the caller's to set. */
static struct qp_timer *join(struct qp_timer *a, struct qp_timer *b)
{
    if (earlier(b, a)) {
        struct qp_timer *later = a;
        a = b;
        b = later;
    }
    b->next = a->child;
    if (b->next)
        b->next->link = &b->next;
    b->link = &a->child;
    a->child = b;
    return a;
}

/* Makes one heap of a list of siblings: pairs from the left, then all pairs together from the right. */
static struct qp_timer *join_siblings(struct qp_timer *list)
{
    struct qp_timer *pairs = NULL, *heap;
    if (!list)
        return NULL;
    while (list) {
        struct qp_timer *a = list, *b = a->next;
        list = b ? b->next : NULL;
        if (b)
            a = join(a, b);
        a->next = pairs;
        pairs = a;
    }
    heap = pairs;
    pairs = heap->next;
    while (pairs) {
        struct qp_timer *next = pairs->next;
        heap = join(heap, pairs);
        pairs = next;
    }
    heap->next = NULL;
    return heap;
}

static void set_root(struct qp_timers *timers, struct qp_timer *root)
{
    timers->root = root;
    if (root) {
        root->link = &timers->root;
        root->next = NULL;
    }
}

static void heap_remove(struct qp_timers *timers, struct qp_timer *timer)
{
    struct qp_timer *children = join_siblings(timer->child);
    if (timer == timers->root) {
        set_root(timers, children);
        return;
    }
    *timer->link = timer->next;
    if (timer->next)
        timer->next->link = timer->link;
    if (children)
        set_root(timers, join(timers->root, children));
}

static void due_remove(struct qp_timers *timers, size_t place)
{
    struct qp_timer *first = timers->due[timers->first];
    timers->due[place] = first;
    first->place = (uint32_t)place + 1;
    timers->first++;
    if (timers->first == timers->end)
        timers->first = timers->end = 0;
}

/* Makes room among the due ones for one more registered timer. */
static bool due_reserve(struct qp_runtime *runtime, struct qp_timers *timers)
{
    size_t room = timers->room ? timers->room * 2 : 8;
    struct qp_timer **due;
    if (timers->registered < timers->room)
        return true;
    due = qp_allocate(runtime, room * sizeof *due);
    if (!due)
        return false;
    if (timers->due) {
        memcpy(due, timers->due, timers->end * sizeof *due);
        qp_release(runtime, timers->due, timers->room * sizeof *due);
    }
    timers->due = due;
    timers->room = room;
    return true;
}

bool qp_timer_arm(struct qp_timer *timer, int64_t deadline_ns, struct qp_waker *waker)
{
    struct qp_runtime *runtime = qp_thread.runtime;
    struct qp_timers *timers = &runtime->timers;
    timer->deadline_ns = deadline_ns;
    timer->waker = waker;
    if (deadline_ns == QP_NEVER)
        return true;
    if (runtime->env.choose && !due_reserve(runtime, timers))
        return false;
    timer->runtime = runtime;
    timer->order = timers->order++;
    timer->child = timer->next = NULL;
    timer->place = 0;
    set_root(timers, timers->root ? join(timers->root, timer) : timer);
    timers->registered++;
    QP_EMIT(TIMER_ARMED, .fields = {(uint64_t)deadline_ns});
    return true;
}

static void taken_out(struct qp_timers *timers, struct qp_timer *timer)
{
    timer->runtime = NULL;
    timers->registered--;
}

void qp_timer_disarm(struct qp_timer *timer)
{
    struct qp_timers *timers;
    if (!timer->runtime)
        return;
    timers = &timer->runtime->timers;
    if (timer->place)
        due_remove(timers, timer->place - 1);
    else
        heap_remove(timers, timer);
    taken_out(timers, timer);
    QP_EMIT(TIMER_DROPPED, .fields = {(uint64_t)timer->deadline_ns});
}

struct qp_timer *qp_timers_pop(struct qp_timers *timers, int64_t now_ns)
{
    struct qp_timer *timer = timers->root;
    if (!timer || timer->deadline_ns > now_ns)
        return NULL;
    heap_remove(timers, timer);
    taken_out(timers, timer);
    return timer;
}

/* Moves the due ones to the front of the array, so that it has room behind them. */
static void due_compact(struct qp_timers *timers)
{
    size_t count = qp_timers_due(timers), i;
    memmove(timers->due, timers->due + timers->first, count * sizeof *timers->due);
    timers->first = 0;
    timers->end = count;
    for (i = 0; i < count; i++)
        timers->due[i]->place = (uint32_t)i + 1;
}

void qp_timers_collect(struct qp_timers *timers, int64_t now_ns)
{
    while (timers->root && timers->root->deadline_ns <= now_ns) {
        struct qp_timer *timer = timers->root;
        heap_remove(timers, timer);
        if (timers->end == timers->room)
            due_compact(timers);
        timers->due[timers->end++] = timer;
        timer->place = (uint32_t)timers->end;
    }
}

struct qp_timer *qp_timers_take(struct qp_timers *timers, size_t index)
{
    struct qp_timer *timer = timers->due[timers->first + index];
    due_remove(timers, timers->first + index);
    taken_out(timers, timer);
    return timer;
}
