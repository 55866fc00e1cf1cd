/* Timers: see timers.h for the state and its invariants. */
#include "scheduler/timers.h"
#include "scheduler/emit.h"
#include "scheduler/memory.h"
#include "scheduler/runtime.h"
#include <string.h>

enum { FRESH = QP_WHEEL_LEVELS }; /* the level of a timer that lies among the fresh ones */

/* ---- lists ---- */

static inline void list_append(struct qp_timer_list *list, struct qp_timer *timer)
{
    timer->next = NULL;
    timer->prev = list->last;
    *(timer->prev ? &timer->prev->next : &list->first) = timer;
    list->last = timer;
}

static inline void list_remove(struct qp_timer_list *list, struct qp_timer *timer)
{
    *(timer->prev ? &timer->prev->next : &list->first) = timer->next;
    *(timer->next ? &timer->next->prev : &list->last) = timer->prev;
}

/* ---- the wheel ---- */

static unsigned level_of(const struct qp_timers *timers, int64_t deadline_ns)
{
    uint64_t differs = (uint64_t)deadline_ns ^ (uint64_t)timers->elapsed_ns;
    return differs < QP_WHEEL_SLOTS ? 0 : (unsigned)(63 - __builtin_clzll(differs)) / QP_WHEEL_BITS;
}

static void wheel_insert(struct qp_timers *timers, struct qp_timer *timer)
{
    unsigned level = level_of(timers, timer->deadline_ns);
    unsigned slot = (unsigned)(timer->deadline_ns >> (level * QP_WHEEL_BITS)) % QP_WHEEL_SLOTS;
    struct qp_timer_list *list = &timers->slots[level][slot];
    timer->level = (uint8_t)level;
    timer->slot = (uint8_t)slot;
    if (!(timers->occupied[level] >> slot & 1))
        *list = (struct qp_timer_list){NULL, NULL};
    timers->occupied[level] |= (uint64_t)1 << slot;
    list_append(list, timer);
}

static void wheel_remove(struct qp_timers *timers, struct qp_timer *timer)
{
    struct qp_timer_list *list = &timers->slots[timer->level][timer->slot];
    list_remove(list, timer);
    if (!list->first)
        timers->occupied[timer->level] &= ~((uint64_t)1 << timer->slot);
    if (timer->deadline_ns == timers->earliest_ns)
        timers->earliest_known = false;
}

/* The first slot that holds something: all in it come before all others. False: the wheel is empty. */
static bool first_slot(const struct qp_timers *timers, unsigned *level, unsigned *slot)
{
    for (*level = 0; *level < QP_WHEEL_LEVELS; ++*level) {
        if (timers->occupied[*level]) {
            *slot = (unsigned)__builtin_ctzll(timers->occupied[*level]);
            return true;
        }
    }
    return false;
}

/* The first nanosecond of a slot. */
static int64_t slot_begin(const struct qp_timers *timers, unsigned level, unsigned slot)
{
    unsigned shift = level * QP_WHEEL_BITS;
    uint64_t before = shift + QP_WHEEL_BITS < 64 ? (uint64_t)timers->elapsed_ns >> (shift + QP_WHEEL_BITS) : 0;
    return (int64_t)((before << QP_WHEEL_BITS | slot) << shift);
}

/* The clock enters a slot above the lowest ring: what lies in it moves down. */
static void enter_slot(struct qp_timers *timers, unsigned level, unsigned slot)
{
    struct qp_timer *timer = timers->slots[level][slot].first, *next;
    timers->occupied[level] &= ~((uint64_t)1 << slot);
    for (; timer; timer = next) {
        next = timer->next;
        if (next)
            __builtin_prefetch(next->next);
        wheel_insert(timers, timer);
    }
}

int64_t qp_timers_next(struct qp_timers *timers)
{
    const struct qp_timer *timer;
    unsigned level, slot;
    if (timers->earliest_known)
        return timers->earliest_ns;
    if (!first_slot(timers, &level, &slot))
        return QP_NEVER;
    timer = timers->slots[level][slot].first;
    timers->earliest_ns = timer->deadline_ns;
    for (; timer && level; timer = timer->next)
        if (timer->deadline_ns < timers->earliest_ns)
            timers->earliest_ns = timer->deadline_ns;
    timers->earliest_known = true;
    return timers->earliest_ns;
}

/* ---- those that are due ---- */

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

/* ---- registering and taking out ---- */

static void put_in(struct qp_runtime *runtime, struct qp_timer *timer)
{
    struct qp_timers *timers = &runtime->timers;
    wheel_insert(timers, timer);
    if (timers->earliest_known && timer->deadline_ns < timers->earliest_ns)
        timers->earliest_ns = timer->deadline_ns;
}

bool qp_timer_arm(struct qp_timer *timer, int64_t deadline_ns, struct qp_waker *waker)
{
    struct qp_runtime *runtime = qp_thread.runtime;
    timer->deadline_ns = deadline_ns;
    timer->waker = waker;
    timer->runtime = NULL;
    if (deadline_ns == QP_NEVER)
        return true;
    if (runtime->env.choose && !due_reserve(runtime, &runtime->timers))
        return false;
    timer->runtime = runtime;
    timer->place = 0;
    put_in(runtime, timer);
    runtime->timers.registered++;
    QP_EMIT(TIMER_ARMED, .fields = {(uint64_t)deadline_ns});
    return true;
}

bool qp_timer_start(struct qp_timer *timer, int64_t duration_ns, struct qp_waker *waker)
{
    struct qp_runtime *runtime = qp_thread.runtime;
    if (runtime->exact || duration_ns > QP_NEVER / 2) {
        int64_t now = runtime->env.now(runtime->env.context);
        if (!qp_timers_waiting(&runtime->timers))
            runtime->timers.elapsed_ns = now; /* nothing in the wheel hangs on it */
        return qp_timer_arm(timer, duration_ns > QP_NEVER - now ? QP_NEVER : now + duration_ns, waker);
    }
    timer->deadline_ns = duration_ns;
    timer->waker = waker;
    timer->runtime = runtime;
    timer->place = 0;
    timer->level = FRESH;
    list_append(&runtime->timers.fresh, timer);
    runtime->timers.registered++;
    return true;
}

void qp_timers_settle(struct qp_runtime *runtime)
{
    struct qp_timer *timer = runtime->timers.fresh.first, *next;
    unsigned level, slot;
    int64_t now;
    if (!timer)
        return;
    now = runtime->env.now(runtime->env.context);
    if (!first_slot(&runtime->timers, &level, &slot))
        runtime->timers.elapsed_ns = now; /* nothing in the wheel hangs on it */
    runtime->timers.fresh = (struct qp_timer_list){NULL, NULL};
    for (; timer; timer = next) {
        next = timer->next;
        timer->deadline_ns += now;
        put_in(runtime, timer);
    }
}

static void taken_out(struct qp_timers *timers, struct qp_timer *timer)
{
    timer->runtime = NULL;
    timers->registered--;
}

/* One that has its deadline. */
QP_APART static void take_out(struct qp_timers *timers, struct qp_timer *timer)
{
    if (timer->place)
        due_remove(timers, timer->place - 1);
    else
        wheel_remove(timers, timer);
    taken_out(timers, timer);
    QP_EMIT(TIMER_DROPPED, .fields = {(uint64_t)timer->deadline_ns});
}

void qp_timer_take_out(struct qp_timer *timer)
{
    struct qp_timers *timers = &timer->runtime->timers;
    if (QP_UNLIKELY(timer->level != FRESH)) {
        take_out(timers, timer);
        return;
    }
    list_remove(&timers->fresh, timer);
    taken_out(timers, timer);
}

bool qp_timer_is_over(struct qp_timer *timer)
{
    const struct qp_runtime *runtime = timer->runtime;
    if (!runtime)
        return timer->deadline_ns != QP_NEVER;
    if (!runtime->exact || runtime->env.now(runtime->env.context) < timer->deadline_ns)
        return false;
    qp_timer_disarm(timer);
    return true;
}

struct qp_timer *qp_timers_pop(struct qp_timers *timers, int64_t now_ns)
{
    struct qp_timer *timer;
    unsigned level, slot;
    while (first_slot(timers, &level, &slot) && slot_begin(timers, level, slot) <= now_ns) {
        timers->elapsed_ns = slot_begin(timers, level, slot);
        if (level) {
            enter_slot(timers, level, slot);
            continue;
        }
        timer = timers->slots[0][slot].first;
        wheel_remove(timers, timer);
        taken_out(timers, timer);
        return timer;
    }
    return NULL;
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
    struct qp_runtime *runtime = QP_CONTAINER(timers, struct qp_runtime, timers);
    struct qp_timer *timer;
    while ((timer = qp_timers_pop(timers, now_ns)) != NULL) {
        timer->runtime = runtime; /* it stays registered */
        timers->registered++;
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
