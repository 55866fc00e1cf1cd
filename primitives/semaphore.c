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
    struct qp_owned owned;
    uint32_t references; /* the owner, each permit, each future that queued */
    uint32_t available;
    uint32_t total;
    bool closed;
    struct qp_wait_queue waiters;
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

static void unreference(struct qp_semaphore *self)
{
    if (--self->references)
        return;
    qp_object_end(&self->object);
    qp_release(self->object.runtime, self, sizeof *self);
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
    QP_EMIT(GRANT_HINT, .object = future->semaphore->object.id);
    qp_wake(future->wait.waker);
}

/* `count` permits are free: those who wait take them in order, and the rest is available. */
static void add(struct qp_semaphore *self, uint32_t count)
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

static void hold_release(struct qp_hold *hold)
{
    struct qp_semaphore *self = (struct qp_semaphore *)hold->object;
    uint32_t count = hold->count;
    qp_hold_released(hold);
    qp_hold_give_back(self->object.runtime, hold);
    add(self, count);
    unreference(self);
}

static void permit_release(struct qp_owned *owned)
{
    hold_release(QP_CONTAINER(owned, struct qp_hold, owned));
}

static const struct qp_object *permit_object(const struct qp_owned *owned)
{
    return QP_CONTAINER_CONST(owned, struct qp_hold, owned)->object;
}

static const struct qp_owned_ops permit_ops = {"a permit", NULL, permit_release, permit_object};

static void acquired(struct qp_semaphore *self, struct qp_hold *hold, uint32_t count,
                     struct qp_semaphore_permit *permit)
{
    self->references++;
    qp_hold_acquired(hold, &self->object, QP_HOLD_PERMIT, count, &permit_ops);
    *permit = (struct qp_semaphore_permit){hold, hold->id};
}

static struct qp_hold *held(const struct qp_semaphore_permit *permit)
{
    return permit->hold && permit->id && permit->hold->id == permit->id ? permit->hold : NULL;
}

void qp_semaphore_release(struct qp_semaphore_permit *permit)
{
    struct qp_hold *hold = held(permit);
    *permit = (struct qp_semaphore_permit){NULL, 0};
    if (hold)
        hold_release(hold);
}

void qp_semaphore_forget(struct qp_semaphore_permit *permit)
{
    struct qp_hold *hold = held(permit);
    struct qp_semaphore *self;
    *permit = (struct qp_semaphore_permit){NULL, 0};
    if (!hold)
        return;
    self = (struct qp_semaphore *)hold->object;
    QP_EMIT(HOLD_FORGOTTEN, .object = self->object.id, .fields = {hold->id, hold->count, hold->style});
    self->total -= hold->count;
    hold->count = 0;
    hold_release(hold);
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
    return self->closed;
}

/* ---- acquiring ---- */

/* Takes what is there, if nobody waits. Whether that is all. */
static bool gather(struct qp_acquire_future *future)
{
    struct qp_semaphore *self = future->semaphore;
    uint32_t missing = future->wanted - future->got;
    uint32_t taken = self->available < missing ? self->available : missing;
    if (!qp_wait_queue_empty(&self->waiters))
        return missing == 0;
    self->available -= taken;
    future->got += taken;
    return future->got == future->wanted;
}

static void queue(struct qp_acquire_future *future, struct qp_waker *waker)
{
    future->semaphore->references++;
    qp_wait_queue_push(&future->semaphore->waiters, &future->wait, waker);
    future->future.stage = WAITING;
    future->future.count = 1;
}

/* It is done with: gives back the reference that it has if it queued. */
static void unqueue(const struct qp_acquire_future *future)
{
    if (future->future.count)
        unreference(future->semaphore);
}

/* It takes no more part: leaves the queue, and gives what it has to those behind it. */
static void leave(struct qp_acquire_future *future)
{
    uint32_t got = future->got;
    if (future->future.stage == WAITING)
        qp_wait_remove(&future->wait);
    future->got = 0;
    if (future->hold)
        qp_hold_give_back(future->semaphore->object.runtime, future->hold);
    add(future->semaphore, got);
    unqueue(future);
}

static enum qp_status acquire_poll(struct qp_future *future, struct qp_waker *waker)
{
    struct qp_acquire_future *self = (struct qp_acquire_future *)future;
    struct qp_semaphore *semaphore = self->semaphore;
    if (future->state == QP_FUTURE_NEW)
        QP_EMIT(FUTURE_ASKED, .future = future->id, .op = "acquire", .fields = {0, self->wanted});
    if (QP_UNLIKELY(semaphore->closed)) {
        leave(self);
        return QP_SEMAPHORE_CLOSED;
    }
    if (future->stage == NEW) {
        self->hold = qp_hold_take(semaphore->object.runtime);
        if (!self->hold)
            return QP_NOMEM;
        if (gather(self))
            future->stage = GRANTED;
        else
            queue(self, waker);
    }
    if (future->stage == WAITING) {
        self->wait.waker = waker;
        return QP_PENDING;
    }
    acquired(semaphore, self->hold, self->wanted, self->permit);
    unqueue(self);
    return QP_OK;
}

static void acquire_drop(struct qp_future *future)
{
    if (future->stage != NEW)
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
    if (status != QP_OK)
        return status;
    self->available -= count;
    acquired(self, hold, count, permit);
    return QP_OK;
}
