/*
 * Semaphore.
 *
 * State: the permits that are free, the waiters, each with what it wants and has got, and whether it is closed.
 * Invariants: while somebody waits nothing is free (the first waiter takes what comes free until it has all); a
 * waiter that has all is out of the queue and granted; free + gathered + granted + held is `total`: what was created
 * and added, less what was forgotten. While nothing but that is to be seen to, `careful` is 0, and permits are acquired
 * and released without a look at anything else.
 *
 * Cancelled before the first poll: nothing happened. Waiting or granted: what it had gathered goes to those behind it.
 * Closed meanwhile, it fails instead, and what it had gathered is free again.
 */
#include "scheduler/brief.h"
#include "scheduler/hold.h"
#include "scheduler/misuse.h"
#include "scheduler/runtime.h"
#include "scheduler/say.h"
#include "scheduler/wait_queue.h"
#include <inttypes.h>
#include <quipu/semaphore.h>

enum stage { NEW, WAITING, GRANTED };

/* `careful`, a set of bits: what else is to be seen to when permits are acquired or released. */
enum {
    HEARD = 1,  /* somebody may listen */
    WAITED = 2, /* somebody waits, or did when permits were released the last time */
    CLOSED = 4,
    GIVEN_UP = 8
};

struct qp_semaphore {
    struct qp_object object;
    uint32_t careful;
    uint32_t available;    /* that are free, or are held by its own hold */
    struct qp_hold *hold;  /* its own: of whoever found that free */
    struct qp_hold *spare; /* further holds that nobody has: once made, they stay with it */
    struct qp_wait_queue waiters;
    uint32_t references; /* the owner, futures that queued and are not ready, permits of none; other permits keep it */
    uint32_t total;
    struct qp_owned owned;
};

/* Permits that its own hold has. */
static inline uint32_t held_by_own(const struct qp_semaphore *self)
{
    return qp_hold_is_held(self->hold) ? self->hold->count : 0;
}

static inline uint32_t free_permits(const struct qp_semaphore *self)
{
    return self->available - held_by_own(self);
}

static void owned_release(struct qp_owned *owned)
{
    qp_semaphore_drop(QP_CONTAINER(owned, struct qp_semaphore, owned));
}

static void describe(const struct qp_object *object, const struct qp_say *to)
{
    const struct qp_semaphore *self = (const struct qp_semaphore *)object;
    qp_say(to, ": %" PRIu32 " of %" PRIu32 " permits free%s", free_permits(self), self->total,
           self->careful & CLOSED ? ", closed" : "");
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
    struct qp_runtime *runtime = qp_thread.runtime;
    struct qp_hold *hold;
    refuse_too_many(NULL, count);
    hold = qp_hold_take(runtime);
    self = hold ? qp_allocate(runtime, sizeof *self) : NULL;
    if (!self) {
        if (hold)
            qp_hold_give_back(runtime, hold);
        return NULL;
    }
    qp_object_init(&self->object, &semaphore_kind, name, count);
    self->hold = qp_hold_prepare(hold, &self->object, QP_HOLD_PERMIT, 0);
    self->references = 1;
    self->available = self->total = (uint32_t)count;
    self->careful = qp_runtime_is_heard(self->object.runtime) ? HEARD : 0;
    self->spare = NULL;
    qp_wait_queue_init(&self->waiters);
    qp_own(&self->owned, &semaphore_ops);
    return self;
}

QP_COLD static void end(struct qp_semaphore *self)
{
    struct qp_runtime *runtime = self->object.runtime;
    qp_object_end(&self->object);
    qp_hold_give_back(runtime, self->hold);
    qp_hold_give_back_all(runtime, self->spare);
    qp_release(runtime, self, sizeof *self);
}

/* Ends it, if nobody keeps it any longer. */
static void end_if_unused(struct qp_semaphore *self)
{
    if (QP_UNLIKELY(!self->references && free_permits(self) == self->total))
        end(self);
}

static void unreference(struct qp_semaphore *self)
{
    self->references--;
    end_if_unused(self);
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
    self->careful |= GIVEN_UP;
    unreference(self);
}

void qp_semaphore_destroy(struct qp_semaphore *self)
{
    uint32_t out;
    if (!self)
        return;
    refuse_waiters(self);
    out = self->total - free_permits(self);
    if (self->references > 1 || out) /* also: a waiter was handed some and has not run */
        qp_misuse("%s destroyed by %s while %u of its permits are out: a permit cannot outlive it",
                  qp_object_label(&self->object), qp_task_label(qp_task_id()), out);
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
static void add(struct qp_semaphore *self, uint32_t count)
{
    if (QP_UNLIKELY(!qp_wait_queue_empty(&self->waiters))) {
        give(self, count);
        return;
    }
    self->available += count;
    self->careful &= ~(uint32_t)WAITED;
}

/* A hold that was released is at hand for the next. Its permits are nobody's yet. */
static inline void keep(struct qp_semaphore *self, struct qp_hold *hold)
{
    if (QP_LIKELY(hold == self->hold))
        self->available -= hold->count;
    else
        qp_hold_keep(&self->spare, hold);
}

QP_APART static void release_in_turn(struct qp_hold *hold)
{
    struct qp_semaphore *self = (struct qp_semaphore *)qp_hold_released(hold)->object;
    uint32_t count = hold->count;
    keep(self, hold);
    self->references -= count == 0;
    add(self, count);
    end_if_unused(self);
}

static void permit_release(struct qp_owned *owned)
{
    struct qp_hold *hold = qp_hold_of(owned);
    const struct qp_semaphore *self = (const struct qp_semaphore *)hold->object;
    if (QP_UNLIKELY((self->careful != 0) | (hold->count == 0) | (hold != self->hold)))
        release_in_turn(hold);
    else
        qp_hold_end(hold); /* which makes its permits free */
}

static const struct qp_owned_ops permit_ops = {"a permit", NULL, permit_release, qp_hold_object};

void qp_semaphore_release(struct qp_semaphore_permit *permit)
{
    struct qp_hold *hold = qp_hold_named(permit->hold, permit->id);
    memset(permit, 0, sizeof *permit);
    if (hold)
        permit_release(&hold->owned);
}

void qp_semaphore_forget(struct qp_semaphore_permit *permit)
{
    struct qp_hold *hold = qp_hold_named(permit->hold, permit->id);
    struct qp_semaphore *self;
    memset(permit, 0, sizeof *permit);
    if (!hold)
        return;
    self = (struct qp_semaphore *)hold->object;
    QP_EMIT(HOLD_FORGOTTEN, .object = self->object.id, .fields = {hold->id, hold->count, hold->style});
    self->references += hold->count != 0; /* a permit of none from here on */
    self->total -= hold->count;
    if (hold == self->hold)
        self->available -= hold->count;
    hold->count = 0;
    release_in_turn(hold);
}

void qp_semaphore_permit_give(const struct qp_semaphore_permit *permit, const struct qp_handle *to)
{
    qp_hold_given(permit->hold, permit->id, to, "a permit");
}

uint32_t qp_available_permits(const struct qp_semaphore *self)
{
    uint32_t available = free_permits(self);
    QP_EMIT(CALLED, .object = self->object.id, .op = "available_permits", .fields = {QP_OK, available});
    return available;
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
    self->careful |= CLOSED;
    while ((wait = qp_wait_queue_first(&self->waiters)) != NULL)
        grant(QP_CONTAINER(wait, struct qp_acquire_future, wait)); /* it sees that it is closed */
}

bool qp_semaphore_is_closed(const struct qp_semaphore *self)
{
    enum qp_status status = self->careful & CLOSED ? QP_CLOSED : QP_OK;
    QP_EMIT(CALLED, .object = self->object.id, .op = "is_closed", .fields = {status});
    return status == QP_CLOSED;
}

/* ---- acquiring ---- */

QP_APART static struct qp_hold *make_hold(struct qp_semaphore *self)
{
    struct qp_hold *hold = qp_hold_take(self->object.runtime);
    return hold ? qp_hold_prepare(hold, &self->object, QP_HOLD_PERMIT, 0) : NULL;
}

/* For one who finds its own in use, or waits. NULL: no memory. */
static struct qp_hold *take_hold(struct qp_semaphore *self)
{
    struct qp_hold *hold = qp_hold_take_kept(&self->spare);
    return QP_LIKELY(hold != NULL) ? hold : make_hold(self);
}

/* For one who takes what is there. NULL: no memory. */
static struct qp_hold *free_hold(struct qp_semaphore *self)
{
    return qp_hold_is_held(self->hold) ? take_hold(self) : self->hold;
}

/* Takes what is there (nothing, where somebody waits), and queues for the rest. */
static void queue(struct qp_acquire_future *future, struct qp_waker *waker)
{
    struct qp_semaphore *self = future->semaphore;
    future->got = free_permits(self);
    self->available -= future->got;
    self->references++;
    self->careful |= WAITED;
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
    qp_hold_keep(&self->spare, future->hold);
    add(self, future->got);
    unreference(self);
}

/* The permits are the caller's, and are available to nobody by now. */
static enum qp_status acquired(struct qp_semaphore *self, struct qp_hold *hold, uint32_t count,
                               struct qp_semaphore_permit *permit)
{
    self->references += count == 0;
    hold->count = count;
    permit->hold = hold;
    return qp_hold_acquired(hold, &permit_ops, &permit->id);
}

/* Takes permits that are there, past nobody. */
static enum qp_status acquire_now(struct qp_semaphore *self, struct qp_hold *hold, uint32_t count,
                                  struct qp_semaphore_permit *permit)
{
    if (hold != self->hold)
        self->available -= count;
    return acquired(self, hold, count, permit);
}

QP_APART static enum qp_status acquire_first(struct qp_acquire_future *self, struct qp_waker *waker)
{
    struct qp_semaphore *semaphore = self->semaphore;
    bool enough = free_permits(semaphore) >= self->wanted;
    self->hold = enough ? free_hold(semaphore) : take_hold(semaphore);
    if (!self->hold)
        return QP_NOMEM;
    if (enough)
        return acquire_now(semaphore, self->hold, self->wanted, self->permit);
    queue(self, waker);
    return QP_PENDING;
}

QP_APART static void tell_asked(const struct qp_acquire_future *self)
{
    if (self->future.state == QP_FUTURE_NEW)
        qp_tell_asked(&self->future, 0, self->wanted, 0);
}

static inline enum qp_status acquire_untold(struct qp_acquire_future *self, struct qp_waker *waker)
{
    struct qp_semaphore *semaphore = self->semaphore;
    if (self->future.stage == NEW)
        return acquire_first(self, waker);
    if (self->future.stage == GRANTED) {
        semaphore->references--;
        return acquired(semaphore, self->hold, self->wanted, self->permit);
    }
    self->wait.waker = waker;
    return QP_PENDING;
}

/* It is closed, or somebody may listen. */
QP_APART static enum qp_status acquire_with_care(struct qp_acquire_future *self, struct qp_waker *waker)
{
    if (QP_TRACING)
        tell_asked(self);
    if (!(self->semaphore->careful & CLOSED))
        return acquire_untold(self, waker);
    leave(self);
    return QP_SEMAPHORE_CLOSED;
}

/* There are too few (none, where somebody waits), or it has got them, or more is to be seen to, also by a hold. */
QP_APART static enum qp_status acquire_in_turn(struct qp_acquire_future *self, struct qp_waker *waker)
{
    if (QP_UNLIKELY(self->semaphore->careful & (CLOSED | HEARD)))
        return acquire_with_care(self, waker);
    return acquire_untold(self, waker);
}

static enum qp_status acquire_poll(struct qp_future *future, struct qp_waker *waker)
{
    struct qp_acquire_future *self = (struct qp_acquire_future *)future;
    struct qp_semaphore *semaphore = self->semaphore;
    struct qp_hold *hold = semaphore->hold;
    if (QP_UNLIKELY((future->stage | semaphore->careful) != 0 || self->wanted - 1 >= semaphore->available ||
                    qp_hold_is_held(hold)))
        return acquire_in_turn(self, waker);
    if (QP_UNLIKELY(hold->count != self->wanted))
        hold->count = self->wanted;
    self->permit->hold = hold;
    return qp_hold_begin(hold, &permit_ops, &self->permit->id);
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
    enum qp_status status = self->careful & CLOSED       ? QP_SEMAPHORE_CLOSED
                            : free_permits(self) < count ? QP_NO_PERMITS
                                                         : QP_OK;
    struct qp_hold *hold = NULL;
    if (status == QP_OK && !(hold = free_hold(self)))
        status = QP_NOMEM;
    QP_EMIT(CALLED, .object = self->object.id, .op = "try_acquire", .fields = {(uint64_t)status, count});
    return status == QP_OK ? acquire_now(self, hold, count, permit) : status;
}
