/* Timers: see timers.h for the state and its invariants. */
#include "scheduler/timers.h"
#include "scheduler/emit.h"
#include "scheduler/memory.h"
#include "scheduler/runtime.h"
#include <string.h>

enum { SOON = 3, AT_ONCE = 2 }; /* levels: what leaves their slots fires soon, or all but at once */

/* ---- the fresh ones ---- */

static inline void fresh_append(struct qp_timer_list *list, struct qp_timer *timer)
{
    timer->where = QP_TIMER_FRESH;
    timer->next = NULL;
    timer->prev = list->last;
    *(timer->prev ? &timer->prev->next : &list->first) = timer;
    list->last = timer;
}

static inline void fresh_remove(struct qp_timer_list *list, struct qp_timer *timer)
{
    *(timer->prev ? &timer->prev->next : &list->first) = timer->next;
    *(timer->next ? &timer->next->prev : &list->last) = timer->prev;
}

/* ---- the wheel ---- */

static inline struct qp_timer_entry *entry_of(const struct qp_timers *timers, uint32_t number)
{
    return &timers->entries[number - 1];
}

static unsigned level_of(const struct qp_timers *timers, int64_t deadline_ns)
{
    uint64_t differs = (uint64_t)deadline_ns ^ (uint64_t)timers->elapsed_ns;
    return differs < QP_WHEEL_SLOTS ? 0 : (unsigned)(63 - __builtin_clzll(differs)) / QP_WHEEL_BITS;
}

static unsigned slot_of(int64_t deadline_ns, unsigned level)
{
    return (unsigned)(deadline_ns >> (level * QP_WHEEL_BITS)) % QP_WHEEL_SLOTS;
}

static void wheel_insert(struct qp_timers *timers, uint32_t number)
{
    struct qp_timer_entry *entry = entry_of(timers, number);
    unsigned level = level_of(timers, entry->deadline_ns), slot = slot_of(entry->deadline_ns, level);
    struct qp_timer_slot *list = &timers->slots[level][slot];
    if (!(timers->occupied[level] >> slot & 1))
        *list = (struct qp_timer_slot){0, 0};
    timers->occupied[level] |= (uint64_t)1 << slot;
    entry->next = 0;
    entry->prev = list->last;
    *(entry->prev ? &entry_of(timers, entry->prev)->next : &list->first) = number;
    list->last = number;
}

/* The entry is free. */
static void wheel_remove(struct qp_timers *timers, uint32_t number)
{
    struct qp_timer_entry *entry = entry_of(timers, number);
    unsigned level = level_of(timers, entry->deadline_ns), slot = slot_of(entry->deadline_ns, level);
    struct qp_timer_slot *list = &timers->slots[level][slot];
    *(entry->prev ? &entry_of(timers, entry->prev)->next : &list->first) = entry->next;
    *(entry->next ? &entry_of(timers, entry->next)->prev : &list->last) = entry->prev;
    if (!list->first)
        timers->occupied[level] &= ~((uint64_t)1 << slot);
    if (entry->deadline_ns == timers->earliest_ns)
        timers->earliest_known = false;
    entry->next = timers->free;
    timers->free = number;
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

/* The wheel is empty: nothing in it hangs on its time, and the entries may be used in order again, as they lie. */
static void begin_anew(struct qp_timers *timers, int64_t now_ns)
{
    timers->elapsed_ns = now_ns;
    timers->free = 0;
    timers->used = 0;
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
    uint32_t number = timers->slots[level][slot].first, next;
    timers->occupied[level] &= ~((uint64_t)1 << slot);
    for (; number; number = next) {
        const struct qp_timer_entry *entry = entry_of(timers, number);
        next = entry->next;
        if (level == SOON)
            __builtin_prefetch(entry->timer);
        else if (level == AT_ONCE)
            __builtin_prefetch(entry->timer->waker);
        wheel_insert(timers, number);
    }
}

int64_t qp_timers_next(struct qp_timers *timers)
{
    unsigned level, slot;
    uint32_t number;
    if (timers->earliest_known)
        return timers->earliest_ns;
    if (!first_slot(timers, &level, &slot))
        return QP_NEVER;
    number = timers->slots[level][slot].first;
    timers->earliest_ns = entry_of(timers, number)->deadline_ns;
    for (; number && level; number = entry_of(timers, number)->next)
        if (entry_of(timers, number)->deadline_ns < timers->earliest_ns)
            timers->earliest_ns = entry_of(timers, number)->deadline_ns;
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

/* ---- registering and taking out ---- */

static size_t memory_for(size_t room)
{
    return room * (sizeof(struct qp_timer_entry) + sizeof(struct qp_timer *));
}

/* Makes room for more registered timers. */
QP_APART static bool grow(struct qp_runtime *runtime)
{
    struct qp_timers *timers = &runtime->timers;
    size_t room = timers->room ? timers->room * 2 : 8;
    struct qp_timer_entry *entries = qp_allocate(runtime, memory_for(room));
    struct qp_timer **due = entries ? (struct qp_timer **)(void *)(entries + room) : NULL;
    if (!entries)
        return false;
    if (timers->entries) {
        memcpy(entries, timers->entries, timers->used * sizeof *entries);
        memcpy(due, timers->due, timers->end * sizeof *due);
        qp_timers_release(runtime);
    }
    timers->entries = entries;
    timers->due = due;
    timers->room = room;
    return true;
}

void qp_timers_release(struct qp_runtime *runtime)
{
    if (runtime->timers.entries)
        qp_release(runtime, runtime->timers.entries, memory_for(runtime->timers.room));
}

static inline bool reserve(struct qp_runtime *runtime)
{
    return QP_LIKELY(runtime->timers.registered < runtime->timers.room) || grow(runtime);
}

/* There is an entry for it. */
static void put_in(struct qp_timers *timers, struct qp_timer *timer)
{
    uint32_t number = timers->free ? timers->free : ++timers->used;
    struct qp_timer_entry *entry = entry_of(timers, number);
    if (timers->free)
        timers->free = entry->next;
    entry->deadline_ns = timer->deadline_ns;
    entry->timer = timer;
    timer->where = QP_TIMER_IN_WHEEL;
    timer->place = number;
    wheel_insert(timers, number);
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
    if (!reserve(runtime))
        return false;
    timer->runtime = runtime;
    put_in(&runtime->timers, timer);
    runtime->timers.registered++;
    QP_EMIT(TIMER_ARMED, .fields = {(uint64_t)deadline_ns});
    return true;
}

/* Where the time of each event counts; also for one that would be late for ever, and where room must be made first. */
QP_APART static bool start_exactly(struct qp_timer *timer, int64_t duration_ns, struct qp_waker *waker)
{
    struct qp_runtime *runtime = qp_thread.runtime;
    int64_t now = runtime->env.now(runtime->env.context);
    if (!qp_timers_waiting(&runtime->timers))
        begin_anew(&runtime->timers, now);
    return qp_timer_arm(timer, duration_ns > QP_NEVER - now ? QP_NEVER : now + duration_ns, waker);
}

bool qp_timer_start(struct qp_timer *timer, int64_t duration_ns, struct qp_waker *waker)
{
    struct qp_runtime *runtime = qp_thread.runtime;
    if (runtime->exact || duration_ns > QP_NEVER / 2 || runtime->timers.registered == runtime->timers.room)
        return start_exactly(timer, duration_ns, waker);
    timer->deadline_ns = duration_ns;
    timer->waker = waker;
    timer->runtime = runtime;
    fresh_append(&runtime->timers.fresh, timer);
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
        begin_anew(&runtime->timers, now);
    runtime->timers.fresh = (struct qp_timer_list){NULL, NULL};
    for (; timer; timer = next) {
        next = timer->next;
        timer->deadline_ns += now;
        put_in(&runtime->timers, timer);
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
    if (timer->where == QP_TIMER_DUE)
        due_remove(timers, timer->place - 1);
    else
        wheel_remove(timers, timer->place);
    taken_out(timers, timer);
    QP_EMIT(TIMER_DROPPED, .fields = {(uint64_t)timer->deadline_ns});
}

void qp_timer_take_out(struct qp_timer *timer)
{
    struct qp_timers *timers = &timer->runtime->timers;
    if (QP_UNLIKELY(timer->where != QP_TIMER_FRESH)) {
        take_out(timers, timer);
        return;
    }
    fresh_remove(&timers->fresh, timer);
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

/* Whether all that lies in a slot is one timer, whose deadline has come: it need not move through the lower rings. */
static inline bool is_alone_and_due(const struct qp_timers *timers, const struct qp_timer_slot *list, int64_t now_ns)
{
    return list->first == list->last && entry_of(timers, list->first)->deadline_ns <= now_ns;
}

struct qp_timer *qp_timers_pop(struct qp_timers *timers, int64_t now_ns)
{
    unsigned level, slot;
    while (first_slot(timers, &level, &slot) && slot_begin(timers, level, slot) <= now_ns) {
        const struct qp_timer_slot *list = &timers->slots[level][slot];
        if (!level || is_alone_and_due(timers, list, now_ns)) {
            uint32_t number = list->first;
            int64_t deadline_ns = entry_of(timers, number)->deadline_ns;
            struct qp_timer *timer = entry_of(timers, number)->timer;
            wheel_remove(timers, number);
            timers->elapsed_ns = deadline_ns;
            taken_out(timers, timer);
            return timer;
        }
        timers->elapsed_ns = slot_begin(timers, level, slot);
        enter_slot(timers, level, slot);
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
        timer->where = QP_TIMER_DUE;
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
