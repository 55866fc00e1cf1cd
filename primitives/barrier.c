/*
 * Barrier.
 *
 * State: how many have arrived in this generation, who of them waits, and the free slots as a stack, whose next is used
 * first. Invariants: fewer than n have arrived; the slots of those who wait and the free ones are 0..n-1, in this order
 * unless somebody withdrew in this generation.
 *
 * Cancelled before the first poll: it never arrived. Waiting: it withdraws, its slot is the next to be used. Released
 * but not polled: it has crossed, and nothing changes.
 */
#include "scheduler/misuse.h"
#include "scheduler/object.h"
#include "scheduler/runtime.h"
#include "scheduler/say.h"
#include "scheduler/wait_queue.h"
#include <quipu/barrier.h>

enum stage { NEW, WAITING, RELEASED, RELEASED_HEARD };

struct qp_barrier {
    struct qp_object object;
    size_t participants, arrived;
    size_t quietly;    /* so many may arrive while there is nothing to see to: nobody listens, and none is the last */
    size_t references; /* the owner, and each future that has arrived and is not done with */
    struct qp_wait_queue waiters;
    bool withdrawn;     /* somebody, in this generation */
    enum stage release; /* of those that are released: RELEASED_HEARD where somebody may listen */
    struct qp_owned owned;
    size_t size;   /* of the whole block */
    size_t free[]; /* those from `arrived` on are free; the next is free[arrived] */
};

static void owned_release(struct qp_owned *owned)
{
    qp_barrier_drop(QP_CONTAINER(owned, struct qp_barrier, owned));
}

static void describe(const struct qp_object *object, const struct qp_say *to)
{
    const struct qp_barrier *self = (const struct qp_barrier *)object;
    qp_say(to, ": %zu of %zu have arrived", self->arrived, self->participants);
    qp_say_waiters(to, "waiting", &self->waiters);
}

static const struct qp_object_kind barrier_kind = {"barrier", describe};
static const struct qp_owned_ops barrier_ops = {"the barrier", NULL, owned_release, NULL};

static void put_slots_in_order(struct qp_barrier *self)
{
    size_t i;
    self->withdrawn = false;
    for (i = 0; i < self->participants; i++)
        self->free[i] = i;
}

struct qp_barrier *qp_barrier_create(const char *name, int64_t participants)
{
    uint64_t count = participants < 1 ? 1 : (uint64_t)participants;
    struct qp_barrier *self;
    size_t size;
    if (count > (SIZE_MAX - sizeof *self) / sizeof(size_t))
        return NULL;
    size = sizeof *self + (size_t)count * sizeof(size_t);
    self = qp_allocate(qp_thread.runtime, size);
    if (!self)
        return NULL;
    qp_object_init(&self->object, &barrier_kind, name, count);
    self->participants = (size_t)count;
    self->quietly = qp_runtime_is_heard(self->object.runtime) ? 0 : (size_t)count - 1;
    self->release = qp_runtime_is_heard(self->object.runtime) ? RELEASED_HEARD : RELEASED;
    self->references = 1;
    self->size = size;
    self->arrived = 0;
    qp_wait_queue_init(&self->waiters);
    put_slots_in_order(self);
    qp_own(&self->owned, &barrier_ops);
    return self;
}

QP_COLD static void end(struct qp_barrier *self)
{
    qp_object_end(&self->object);
    qp_release(self->object.runtime, self, self->size);
}

static void unreference(struct qp_barrier *self)
{
    if (QP_UNLIKELY(--self->references == 0))
        end(self);
}

void qp_barrier_drop(struct qp_barrier *self)
{
    const struct qp_wait *first = self ? qp_wait_queue_first(&self->waiters) : NULL;
    if (!self)
        return;
    if (first)
        qp_misuse("%s dropped by %s while %s waits at it", qp_object_label(&self->object), qp_task_label(qp_task_id()),
                  qp_waker_label(first->waker));
    qp_disown(&self->owned);
    unreference(self);
}

void qp_barrier_give(struct qp_barrier *self, const struct qp_handle *to)
{
    qp_owned_give(&self->owned, to, "a barrier");
}

/* All have arrived: lets everybody cross. */
static void release_all(struct qp_barrier *self)
{
    struct qp_wait *wait = self->waiters.end.next, *next;
    self->arrived = 0;
    if (QP_UNLIKELY(self->withdrawn))
        put_slots_in_order(self);
    qp_wait_queue_init(&self->waiters);
    for (; wait != &self->waiters.end; wait = next) {
        next = wait->next;
        QP_CONTAINER(wait, struct qp_barrier_future, wait)->future.stage = (uint8_t)self->release;
        qp_wait_granted(wait, &self->object);
    }
}

/* Takes the next slot. */
static inline void arrive(struct qp_barrier_future *future)
{
    struct qp_barrier *self = future->barrier;
    self->references++;
    future->place = self->free[self->arrived++];
}

static inline enum qp_status wait_for_others(struct qp_barrier_future *future, struct qp_waker *waker)
{
    future->future.stage = WAITING;
    qp_wait_queue_push(&future->barrier->waiters, &future->wait, waker);
    return QP_PENDING;
}

static inline void give_place(const struct qp_barrier_future *self)
{
    if (self->slot)
        *self->slot = self->place;
}

static inline enum qp_status cross(const struct qp_barrier_future *self)
{
    give_place(self);
    unreference(self->barrier);
    return QP_OK;
}

/* The same where somebody may listen, who is told what the caller got. */
QP_APART static enum qp_status cross_heard(const struct qp_barrier_future *self)
{
    give_place(self);
    QP_EMIT(BARRIER_CROSSED, .object = self->barrier->object.id, .fields = {self->slot ? *self->slot : self->place});
    unreference(self->barrier);
    return QP_OK;
}

/* It is the last to arrive, or somebody may listen. */
QP_APART static enum qp_status arrive_specially(struct qp_barrier_future *future, struct qp_waker *waker)
{
    struct qp_barrier *self = future->barrier;
    QP_EMIT(BARRIER_ARRIVED, .object = self->object.id);
    arrive(future);
    if (self->arrived != self->participants)
        return wait_for_others(future, waker);
    release_all(self);
    return cross_heard(future);
}

static enum qp_status barrier_poll(struct qp_future *future, struct qp_waker *waker)
{
    struct qp_barrier_future *self = (struct qp_barrier_future *)future;
    if (future->stage == RELEASED)
        return cross(self);
    if (QP_UNLIKELY(future->stage == RELEASED_HEARD))
        return cross_heard(self);
    if (QP_UNLIKELY(future->stage == WAITING)) {
        self->wait.waker = waker;
        return QP_PENDING;
    }
    if (self->barrier->arrived >= self->barrier->quietly)
        return arrive_specially(self, waker);
    arrive(self);
    return wait_for_others(self, waker);
}

static void barrier_drop(struct qp_future *future)
{
    struct qp_barrier_future *self = (struct qp_barrier_future *)future;
    if (future->stage == NEW)
        return;
    if (future->stage == WAITING) {
        qp_wait_remove(&self->wait);
        self->barrier->free[--self->barrier->arrived] = self->place;
        self->barrier->withdrawn = true;
        QP_EMIT(BARRIER_WITHDRAWN, .object = self->barrier->object.id);
    }
    unreference(self->barrier);
}

static const struct qp_object *barrier_object(const struct qp_future *future)
{
    return &((const struct qp_barrier_future *)future)->barrier->object;
}

const struct qp_future_ops qp_barrier_ops = {"barrier_wait", barrier_poll, barrier_drop, barrier_object, NULL};
