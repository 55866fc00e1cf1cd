/*
 * Semaphore.
 *
 * State: `available` permits that are free, the waiters, each with what it wants and has got, and whether it is closed.
 * Invariants: while somebody waits nothing is available (the first waiter takes what comes free until it has all); a
 * waiter that has all is out of the queue and granted; free + gathered + granted + held is `total`: what was created
 * and added, less what was forgotten.
 *
 * Cancelled before the first poll: nothing happened. Waiting or granted: what it had gathered goes to those behind it.
 * Closed meanwhile, it fails instead, and what it had gathered is free again.
 */
#include "scheduler/hold.h"
#include "scheduler/misuse.h"
#include "scheduler/runtime.h"
#include "scheduler/say.h"
#include "scheduler/wait_queue.h"
#include <inttypes.h>
#include <quipu/semaphore.h>

enum stage { NEW, WAITING, GRANTED };

struct qp_semaphore {
    struct qp_object object;
    struct qp_wait_queue waiters;
    uint32_t references; /* the owner, each permit, each future that queued and is not ready */
    uint32_t available;
    uint32_t total;
    bool closed;
    struct qp_owned owned;
};

static void owned_release(struct qp_owned *owned)
{
    qp_semaphore_drop(QP_CONTAINER(owned, struct qp_semaphore, owned));
}

static void describe(const struct qp_object *object, const struct qp_say *to)
{
    const struct qp_semaphore *self = (const struct qp_semaphore *)object;
    qp_say(to, ": %" PRIu32 " of %" PRIu32 " permits free%s", self->available, self->total,
           self->closed ? ", closed" : "");
    qp_say_waiters(to, "waiting to acquire", &self->waiters);
}

static const struct qp_object_kind semaphore_kind = {"semaphore", describe};
static const struct qp_owned_ops semaphore_ops = {"the semaphore", NULL, owned_release, NULL};

static void refuse_too_many(const struct qp_semaphore *semaphore, uint64_t total)
{
    if (total > QP_SEMAPHORE_MOST)
        qp_misuse("%s would have more permits than QP_SEMAPHORE_MOST",
                  semaphore ? qp_object_label(&semaphore->object) : "a semaphore");
}

struct qp_semaphore *qp_semaphore_create(const char *name, int64_t permits)
{
    uint64_t count = permits < 0 ? 0 : (uint64_t)permits;
    struct qp_semaphore *self;
    refuse_too_many(NULL, count);
    self = qp_allocate(qp_thread.runtime, sizeof *self);
    if (!self)
        return NULL;
    qp_object_init(&self->object, &semaphore_kind, name, count);
    self->references = 1;
    self->available = self->total = (uint32_t)count;
    self->closed = false;
    qp_wait_queue_init(&self->waiters);
    qp_own(&self->owned, &semaphore_ops);
    return self;
}

QP_COLD static void end(struct qp_semaphore *self)
{
    qp_object_end(&self->object);
    qp_release(self->object.runtime, self, sizeof *self);
}

/* Whether that was the last reference, and the semaphore is no more. */
static bool unreference(struct qp_semaphore *self)
{
    if (QP_LIKELY(--self->references != 0))
        return false;
    end(self);
    return true;
}

static void refuse_waiters(const struct qp_semaphore *self)
{
    const struct qp_wait *first = qp_wait_queue_first(&self->waiters);
    if (first)
        qp_misuse("%s dropped by %s while %s waits for it", qp_object_label(&self->object), qp_task_label(qp_task_id()),
                  qp_waker_label(first->waker));
}

void qp_semaphore_drop(struct qp_semaphore *self)
{
    if (!self)
        return;
    refuse_waiters(self);
    qp_disown(&self->owned);
    unreference(self);
}

void qp_semaphore_destroy(struct qp_semaphore *self)
{
    if (!self)
        return;
    refuse_waiters(self);
    if (self->references > 1) /* a permit, or a waiter that was handed some and has not run */
        qp_misuse("%s destroyed by %s while %u of its permits are out: a permit cannot outlive it",
                  qp_object_label(&self->object), qp_task_label(qp_task_id()), self->total - self->available);
    qp_semaphore_drop(self);
}

void qp_semaphore_give(struct qp_semaphore *self, const struct qp_handle *to)
{
    qp_owned_give(&self->owned, to, "a semaphore");
}

/* ---- permits come and go ---- */

static void grant(struct qp_acquire_future *future)
{
    qp_wait_remove(&future->wait);
    future->future.stage = GRANTED;
    qp_wait_granted(&future->wait, &future->semaphore->object);
}

/* Those who wait take the permits in order, and the rest is available. */
static void give(struct qp_semaphore *self, uint32_t count)
{
    struct qp_wait *first;
    while ((first = qp_wait_queue_first(&self->waiters)) != NULL) {
        struct qp_acquire_future *future = QP_CONTAINER(first, struct qp_acquire_future, wait);
        uint32_t missing = future->wanted - future->got, given = missing < count ? missing : count;
        future->got += given;
        count -= given;
        if (future->got < future->wanted)
            return;
        grant(future);
    }
    self->available += count;
}

/* `count` permits are free. */
static inline void add(struct qp_semaphore *self, uint32_t count)
{
    if (QP_LIKELY(qp_wait_queue_empty(&self->waiters)))
        self->available += count;
    else
        give(self, count);
}

/* Who waits has a reference: where the permit had the last one, there is nobody to give to. */
static void permit_release(struct qp_owned *owned)
{
    struct qp_hold *hold = qp_hold_released(qp_hold_of(owned));
    struct qp_semaphore *self = (struct qp_semaphore *)hold->object;
    uint32_t count = hold->count;
    qp_hold_give_back(self->object.runtime, hold);
    if (!unreference(self))
        add(self, count);
}

static const struct qp_owned_ops permit_ops = {"a permit", NULL, permit_release, qp_hold_object};

/* The permit has a reference by now. */
static inline enum qp_status acquired(struct qp_semaphore *self, struct qp_hold *hold, uint32_t count,
                                      struct qp_semaphore_permit *permit)
{
    permit->hold = hold;
    return qp_hold_acquired(hold, &self->object, QP_HOLD_PERMIT, count, &permit_ops, &permit->id);
}

void qp_semaphore_release(struct qp_semaphore_permit *permit)
{
    struct qp_hold *hold = qp_hold_named(permit->hold, permit->id);
    *permit = (struct qp_semaphore_permit){NULL, 0};
    if (hold)
        permit_release(&hold->owned);
}

void qp_semaphore_forget(struct qp_semaphore_permit *permit)
{
    struct qp_hold *hold = qp_hold_named(permit->hold, permit->id);
    struct qp_semaphore *self;
    *permit = (struct qp_semaphore_permit){NULL, 0};
    if (!hold)
        return;
    self = (struct qp_semaphore *)hold->object;
    QP_EMIT(HOLD_FORGOTTEN, .object = self->object.id, .fields = {qp_hold_number(hold->id), hold->count, hold->style});
    self->total -= hold->count;
    hold->count = 0;
    permit_release(&hold->owned);
}

void qp_semaphore_permit_give(const struct qp_semaphore_permit *permit, const struct qp_handle *to)
{
    qp_hold_given(permit->hold, permit->id, to, "a permit");
}

uint32_t qp_available_permits(const struct qp_semaphore *self)
{
    QP_EMIT(CALLED, .object = self->object.id, .op = "available_permits", .fields = {QP_OK, self->available});
    return self->available;
}

void qp_add_permits(struct qp_semaphore *self, uint32_t count)
{
    refuse_too_many(self, (uint64_t)self->total + count);
    QP_EMIT(PERMITS_ADDED, .object = self->object.id, .fields = {count});
    self->total += count;
    add(self, count);
}

void qp_semaphore_close(struct qp_semaphore *self)
{
    struct qp_wait *wait;
    QP_EMIT(OBJECT_CLOSED, .object = self->object.id, .fields = {1});
    self->closed = true;
    while ((wait = qp_wait_queue_first(&self->waiters)) != NULL)
        grant(QP_CONTAINER(wait, struct qp_acquire_future, wait)); /* it sees that it is closed */
}

bool qp_semaphore_is_closed(const struct qp_semaphore *self)
{
    QP_EMIT(CALLED, .object = self->object.id, .op = "is_closed", .fields = {self->closed ? QP_CLOSED : QP_OK});
    return self->closed;
}

/* ---- acquiring ---- */

/* Takes what is there (nothing, where somebody waits), and queues for the rest. */
static void queue(struct qp_acquire_future *future, struct qp_waker *waker)
{
    struct qp_semaphore *self = future->semaphore;
    future->got = self->available;
    self->available = 0;
    self->references++;
    qp_wait_queue_push(&self->waiters, &future->wait, waker);
    future->future.stage = WAITING;
}

/* It takes no more part: leaves the queue, and gives what it has to those behind it. */
static void leave(struct qp_acquire_future *future)
{
    struct qp_semaphore *self = future->semaphore;
    if (future->future.stage == NEW)
        return;
    if (future->future.stage == WAITING)
        qp_wait_remove(&future->wait);
    qp_hold_give_back(self->object.runtime, future->hold);
    add(self, future->got);
    unreference(self);
}

static inline enum qp_status acquire_now(struct qp_semaphore *self, struct qp_hold *hold, uint32_t count,
                                         struct qp_semaphore_permit *permit)
{
    self->available -= count;
    self->references++;
    return acquired(self, hold, count, permit);
}

/* There are too few (none, where somebody waits), or it has got them, or the semaphore is closed. */
QP_APART static enum qp_status acquire_in_turn(struct qp_acquire_future *self, struct qp_waker *waker)
{
    if (self->semaphore->closed) {
        leave(self);
        return QP_SEMAPHORE_CLOSED;
    }
    if (self->future.stage == GRANTED)
        return acquired(self->semaphore, self->hold, self->wanted, self->permit);
    if (self->future.stage == NEW) {
        self->hold = qp_hold_take(self->semaphore->object.runtime);
        if (!self->hold)
            return QP_NOMEM;
        queue(self, waker);
    }
    self->wait.waker = waker;
    return QP_PENDING;
}

QP_COLD static void tell_asked(const struct qp_acquire_future *self)
{
    if (self->future.state == QP_FUTURE_NEW)
        QP_EMIT(FUTURE_ASKED, .future = self->future.id, .op = "acquire", .fields = {0, self->wanted});
}

static enum qp_status acquire_poll(struct qp_future *future, struct qp_waker *waker)
{
    struct qp_acquire_future *self = (struct qp_acquire_future *)future;
    struct qp_semaphore *semaphore = self->semaphore;
    struct qp_hold *hold;
    if (QP_TRACING)
        tell_asked(self);
    if (QP_UNLIKELY(future->stage != NEW || semaphore->closed || semaphore->available < self->wanted))
        return acquire_in_turn(self, waker);
    hold = qp_hold_take(semaphore->object.runtime);
    return QP_LIKELY(hold != NULL) ? acquire_now(semaphore, hold, self->wanted, self->permit) : QP_NOMEM;
}

static void acquire_drop(struct qp_future *future)
{
    leave((struct qp_acquire_future *)future);
}

static const struct qp_object *acquire_object(const struct qp_future *future)
{
    return &((const struct qp_acquire_future *)future)->semaphore->object;
}

const struct qp_future_ops qp_acquire_ops = {"acquire", acquire_poll, acquire_drop, acquire_object, NULL};

enum qp_status qp_try_acquire(struct qp_semaphore *semaphore, struct qp_semaphore_permit *permit)
{
    return qp_try_acquire_many(semaphore, 1, permit);
}

enum qp_status qp_try_acquire_many(struct qp_semaphore *self, uint32_t count, struct qp_semaphore_permit *permit)
{
    enum qp_status status = self->closed ? QP_SEMAPHORE_CLOSED : self->available < count ? QP_NO_PERMITS : QP_OK;
    struct qp_hold *hold = NULL;
    if (status == QP_OK && !(hold = qp_hold_take(self->object.runtime)))
        status = QP_NOMEM;
    QP_EMIT(CALLED, .object = self->object.id, .op = "try_acquire", .fields = {(uint64_t)status, count});
    return status == QP_OK ? acquire_now(self, hold, count, permit) : status;
}
