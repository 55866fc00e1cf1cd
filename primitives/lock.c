/*
 * Mutex and readers-writer lock, and the guard of both.
 *
 * State of each: who waits; whether somebody has it alone (a mutex, or for writing), which its hold says, or was handed
 * it and has not run; and of a readers-writer lock the readers, holding or promised. Invariants: somebody waits for a
 * mutex only while it is taken; readers and a writer never have a lock together, its first waiter could not be let in
 * now, and all readers before the first waiting writer are let in together. While nothing but that is to be seen to,
 * `state` is 0, and it is taken and released without a look at anything else.
 *
 * Cancelled before the first poll: nothing happened. Waiting: it leaves the queue, and whoever stood behind it may come
 * in now (readers behind a writer). Handed over but not polled: it is passed on as if released. A value is dropped when
 * the lock's last reference goes: the owner's, or a guard's that outlived it.
 */
#include "scheduler/hold.h"
#include "scheduler/misuse.h"
#include "scheduler/runtime.h"
#include "scheduler/say.h"
#include "scheduler/value.h"
#include "scheduler/wait_queue.h"
#include <quipu/lock.h>
#include <stdlib.h>
#include <string.h>

enum stage { NEW, WAITING, GRANTED };

/* `state`, a set of bits: what else is to be seen to than who holds it. */
enum {
    PROMISED = 1, /* to one, who was handed it and has not run */
    HEARD = 2,    /* somebody may listen */
    WAITED = 4,   /* somebody waits, or did when it was released the last time */
    GIVEN_UP = 8
};

/*
 * What both locks have: the value, who owns the lock, and who keeps it alive: whoever holds it, and `references`. Its
 * own hold is taken from the pool when the lock is made: to have it alone needs no memory, and a copy of a released
 * guard can still be told for what it is when the lock is gone.
 */
struct lock {
    struct qp_object object;
    struct qp_hold *hold; /* its own: of whoever has it alone, or of a reader who found that free */
    uint32_t state;
    uint32_t readers; /* who have another hold, or were promised one */
    struct qp_wait_queue waiters;
    uint32_t references;   /* the owner, each future that queued and is not ready */
    struct qp_hold *spare; /* holds of further readers that nobody has: once made, they stay with it */
    void *value;
    const struct qp_type *type;
    uint64_t value_id;
    size_t size; /* of the whole block */
    struct qp_owned owned;
};

struct qp_mutex {
    struct lock lock; /* and nothing else */
};

struct qp_rwlock {
    struct lock lock; /* likewise */
};

/* ---- the lock as an object ---- */

/* The value is another one since, and was given with these bytes. */
QP_APART static void tell_set(const struct lock *lock, uint64_t bytes)
{
    qp_value_emit_set(lock->type, lock->value, lock->object.id, lock->value_id, bytes);
}

/* Owned by the running function, in that way; `style`: how it is held by one alone. NULL: no memory. */
static struct lock *create(const struct qp_object_kind *kind, const struct qp_owned_ops *ops, enum qp_hold_style style,
                           const char *name, const struct qp_type *type, const void *value)
{
    size_t offset = (sizeof(struct lock) + 15) & ~(size_t)15, size = offset + type->size;
    struct qp_runtime *runtime = qp_thread.runtime;
    struct qp_hold *hold = qp_hold_take(runtime);
    struct lock *lock = hold ? qp_allocate(runtime, size) : NULL;
    if (!lock) {
        if (hold)
            qp_hold_give_back(runtime, hold);
        return NULL;
    }
    qp_clear(lock, sizeof *lock);
    qp_object_init(&lock->object, kind, name, 1);
    lock->type = type;
    lock->size = size;
    lock->references = 1;
    lock->state = qp_runtime_is_heard(runtime) ? HEARD : 0;
    lock->hold = qp_hold_prepare(hold, &lock->object, style, 1);
    lock->value = (char *)lock + offset;
    lock->value_id = qp_value_number();
    qp_wait_queue_init(&lock->waiters);
    qp_value_move(type->size, lock->value, value);
    if (QP_TRACING)
        tell_set(lock, qp_value_bytes(type, value));
    qp_own(&lock->owned, ops);
    return lock;
}

QP_COLD static void end(struct lock *lock)
{
    struct qp_runtime *runtime = lock->object.runtime;
    qp_value_drop(lock->type, lock->value, lock->object.id, lock->value_id, QP_DROP_OBJECT);
    qp_object_end(&lock->object);
    qp_hold_give_back(runtime, lock->hold);
    qp_hold_give_back_all(runtime, lock->spare);
    qp_release(runtime, lock, lock->size);
}

/* Whether somebody has it alone. */
static inline bool is_held(const struct lock *lock)
{
    return qp_hold_is_held(lock->hold) && lock->hold->style != QP_HOLD_READ;
}

/* Or was handed it, to have it alone. */
static inline bool is_taken(const struct lock *lock)
{
    return lock->state & PROMISED || is_held(lock);
}

/* Whether nobody keeps it any longer, and it is no more. */
static bool end_if_unused(struct lock *lock)
{
    if (QP_LIKELY(lock->references || lock->readers || qp_hold_is_held(lock->hold)))
        return false;
    end(lock);
    return true;
}

static void unreference(struct lock *lock)
{
    lock->references--;
    end_if_unused(lock);
}

static void clear(struct lock *lock, uint32_t bits)
{
    lock->state &= ~bits;
}

static void refuse_waiters(const struct lock *lock)
{
    const struct qp_wait *first = qp_wait_queue_first(&lock->waiters);
    if (first)
        qp_misuse("%s dropped by %s while %s waits for it", qp_object_label(&lock->object), qp_task_label(qp_task_id()),
                  qp_waker_label(first->waker));
}

static void drop(struct lock *lock)
{
    refuse_waiters(lock);
    qp_disown(&lock->owned);
    lock->state |= GIVEN_UP;
    unreference(lock);
}

static const char *holder(const struct qp_hold *hold)
{
    return hold->task ? qp_task_label(hold->task->id) : "somebody outside any task";
}

static void refuse_holder(const struct lock *lock)
{
    const struct qp_hold *hold = lock->hold;
    if (is_held(lock))
        qp_misuse("%s destroyed by %s while %s holds it%s: a guard cannot outlive it", qp_object_label(&lock->object),
                  qp_task_label(qp_task_id()), holder(hold), qp_site_label(" since ", hold->site));
}

/* Ends it now: nobody may hold it, wait for it, or have been handed it without having run. */
static void destroy(struct lock *lock)
{
    refuse_holder(lock);
    refuse_waiters(lock);
    if (lock->references > 1)
        qp_misuse("%s destroyed by %s while somebody was handed it and has not run: a guard cannot outlive it",
                  qp_object_label(&lock->object), qp_task_label(qp_task_id()));
    drop(lock);
}

QP_COLD QP_NORETURN static void locked_again(const struct lock *lock)
{
    qp_misuse("%s locked again by %s, which holds it%s", qp_object_label(&lock->object), qp_task_label(qp_task_id()),
              qp_site_label(" since ", lock->hold->site));
}

/* The caller waits from here on; but never for itself. */
QP_APART static enum qp_status refuse_relock(const struct lock *lock)
{
    if (is_held(lock) && qp_thread.task && qp_thread.scope && qp_scope_owns(qp_thread.scope, &lock->hold->owned))
        locked_again(lock);
    return QP_PENDING;
}

/* The future queues for it; to say so is the last thing that its poll does. */
static inline enum qp_status queue(struct lock *lock, struct qp_future *future, struct qp_wait *wait,
                                   struct qp_waker *waker)
{
    lock->references++;
    lock->state |= WAITED;
    qp_wait_queue_push(&lock->waiters, wait, waker);
    future->stage = WAITING;
    return QP_UNLIKELY(lock->hold->task == qp_thread.task) ? refuse_relock(lock) : QP_PENDING;
}

/* ---- guards ---- */

static struct lock *locked(const struct qp_guard *guard, const char *what)
{
    struct qp_hold *hold = qp_hold_named(guard->hold, guard->id);
    if (QP_UNLIKELY(!hold))
        qp_misuse("%s of a guard that is empty or was released, by %s", what, qp_task_label(qp_task_id()));
    return (struct lock *)hold->object;
}

void *qp_guard_value(const struct qp_guard *guard)
{
    return locked(guard, "qp_guard_value")->value;
}

void qp_guard_get(const struct qp_guard *guard, void *value)
{
    const struct lock *lock = locked(guard, "qp_guard_get");
    qp_value_move(lock->type->size, value, lock->value);
}

static void exchange(char *left, char *right, size_t size)
{
    while (size-- > 0) {
        char byte = left[size];
        left[size] = right[size];
        right[size] = byte;
    }
}

void qp_guard_set(const struct qp_guard *guard, void *value)
{
    struct lock *lock = locked(guard, "qp_guard_set");
    uint64_t old = lock->value_id, bytes = QP_TRACING ? qp_value_bytes(lock->type, value) : 0;
    if (guard->hold->style == QP_HOLD_READ)
        qp_misuse("qp_guard_set by %s, which only reads %s", qp_task_label(qp_task_id()),
                  qp_object_label(&lock->object));
    lock->value_id = qp_value_number();
    exchange(lock->value, value, lock->type->size); /* before the drop, which may end the task */
    if (QP_TRACING)
        tell_set(lock, bytes);
    qp_value_drop(lock->type, value, lock->object.id, old, QP_DROP_REPLACED);
    qp_value_move(lock->type->size, value, lock->value); /* what is moved leaves its bytes */
}

void qp_unlock(struct qp_guard *guard)
{
    struct qp_hold *hold = qp_hold_named(guard->hold, guard->id);
    memset(guard, 0, sizeof *guard);
    if (hold)
        hold->owned.ops->release(&hold->owned);
}

void qp_guard_give(const struct qp_guard *guard, const struct qp_handle *to)
{
    qp_hold_given(guard->hold, guard->id, to, "a guard");
}

/* It is the caller's, and nobody listens; and the same for everybody. */

static inline enum qp_status acquired_plainly(struct qp_hold *hold, const struct qp_owned_ops *ops,
                                              struct qp_guard *guard)
{
    guard->hold = hold;
    return qp_hold_begin(hold, ops, &guard->id);
}

static inline enum qp_status acquired(struct qp_hold *hold, const struct qp_owned_ops *ops, struct qp_guard *guard)
{
    guard->hold = hold;
    return qp_hold_acquired(hold, ops, &guard->id);
}

/* It was handed to the caller, who had a reference while he waited for it. */
static inline void take_over(struct lock *lock)
{
    lock->references--;
    clear(lock, PROMISED);
}

/* Of a lock that one has alone. */
static void say_holder(const struct lock *lock, const char *how, const struct qp_say *to)
{
    const struct qp_hold *hold = lock->hold;
    if (is_held(lock))
        qp_say(to, ": %s by %s%s", how, holder(hold), qp_site_label(" since ", hold->site));
    else
        qp_say(to, ": %s", lock->state & PROMISED ? "handed to a waiter that has not run" : "free");
}

/* ---- mutex ---- */

static void mutex_owned_release(struct qp_owned *owned)
{
    qp_mutex_drop(QP_CONTAINER(owned, struct qp_mutex, lock.owned));
}

static void describe_mutex(const struct qp_object *object, const struct qp_say *to)
{
    const struct qp_mutex *self = (const struct qp_mutex *)object;
    say_holder(&self->lock, "held", to);
    qp_say_waiters(to, "waiting to lock", &self->lock.waiters);
}

static const struct qp_object_kind mutex_kind = {"mutex", describe_mutex};
static const struct qp_owned_ops mutex_ops = {"the mutex", NULL, mutex_owned_release, NULL};

static inline void mutex_hand_over(struct qp_mutex *mutex, struct qp_wait *to)
{
    mutex->lock.state |= PROMISED;
    qp_wait_remove(to);
    QP_CONTAINER(to, struct qp_lock_future, wait)->future.stage = GRANTED;
    qp_wait_granted(to, &mutex->lock.object);
}

/* Nobody has it any more: hands it to the first waiter. */
static inline void mutex_pass_on(struct qp_mutex *mutex)
{
    clear(&mutex->lock, PROMISED);
    if (qp_wait_queue_empty(&mutex->lock.waiters))
        clear(&mutex->lock, WAITED);
    else
        mutex_hand_over(mutex, mutex->lock.waiters.end.next);
}

/* Who waits has a reference: where there is none, there is nobody to hand over to. */
static inline void mutex_release_untold(struct qp_hold *hold)
{
    struct qp_mutex *mutex = (struct qp_mutex *)hold->object;
    qp_hold_end(hold);
    if (mutex->lock.references)
        mutex_pass_on(mutex);
    else
        end(&mutex->lock);
}

QP_APART static void mutex_release_heard(struct qp_hold *hold)
{
    mutex_release_untold(QP_TRACING ? qp_hold_tell_released(hold) : hold);
}

QP_APART static void mutex_release_in_turn(struct qp_hold *hold)
{
    if (QP_UNLIKELY(((const struct lock *)hold->object)->state & HEARD))
        mutex_release_heard(hold);
    else
        mutex_release_untold(hold);
}

static void mutex_release(struct qp_owned *owned)
{
    struct qp_hold *hold = qp_hold_of(owned);
    const struct lock *lock = (const struct lock *)hold->object;
    if (QP_LIKELY(!lock->state))
        qp_hold_end(hold);
    else
        mutex_release_in_turn(hold);
}

static const struct qp_owned_ops mutex_guard_ops = {"the guard", NULL, mutex_release, qp_hold_object};

struct qp_mutex *qp_mutex_create(const char *name, const struct qp_type *type, const void *value)
{
    return (struct qp_mutex *)create(&mutex_kind, &mutex_ops, QP_HOLD_LOCK, name, type, value);
}

void qp_mutex_drop(struct qp_mutex *mutex)
{
    if (mutex)
        drop(&mutex->lock);
}

void qp_mutex_destroy(struct qp_mutex *mutex)
{
    if (mutex)
        destroy(&mutex->lock);
}

void qp_mutex_give(struct qp_mutex *mutex, const struct qp_handle *to)
{
    qp_owned_give(&mutex->lock.owned, to, "a mutex");
}

/* It is not free, or was handed over, or somebody listens. */
QP_APART static enum qp_status lock_in_turn(struct qp_lock_future *self, struct qp_waker *waker)
{
    struct lock *lock = &self->mutex->lock;
    if (self->future.stage == NEW && is_taken(lock))
        return queue(lock, &self->future, &self->wait, waker);
    if (self->future.stage == WAITING) {
        self->wait.waker = waker;
        return QP_PENDING;
    }
    if (self->future.stage == GRANTED)
        take_over(lock);
    return acquired(lock->hold, &mutex_guard_ops, self->guard);
}

static enum qp_status lock_poll(struct qp_future *future, struct qp_waker *waker)
{
    struct qp_lock_future *self = (struct qp_lock_future *)future;
    struct lock *lock = &self->mutex->lock;
    if (QP_UNLIKELY((future->stage | lock->state) != 0 || qp_hold_is_held(lock->hold)))
        return lock_in_turn(self, waker);
    return acquired_plainly(lock->hold, &mutex_guard_ops, self->guard);
}

static void lock_drop(struct qp_future *future)
{
    struct qp_lock_future *self = (struct qp_lock_future *)future;
    if (future->stage == NEW)
        return;
    if (future->stage == WAITING)
        qp_wait_remove(&self->wait);
    else
        mutex_pass_on(self->mutex);
    unreference(&self->mutex->lock);
}

static const struct qp_object *lock_object(const struct qp_future *future)
{
    return &((const struct qp_lock_future *)future)->mutex->lock.object;
}

const struct qp_future_ops qp_lock_ops = {"lock", lock_poll, lock_drop, lock_object, NULL};

enum qp_status qp_try_lock(struct qp_mutex *mutex, struct qp_guard *guard)
{
    struct lock *lock = &mutex->lock;
    enum qp_status status = is_taken(lock) ? QP_BUSY : QP_OK;
    QP_EMIT(CALLED, .object = lock->object.id, .op = "try_lock", .fields = {(uint64_t)status, 1});
    return status == QP_OK ? acquired(lock->hold, &mutex_guard_ops, guard) : status;
}

/* ---- readers-writer lock ---- */

/* All who read, or may. */
static uint32_t readers_of(const struct lock *lock)
{
    return lock->readers + (qp_hold_is_held(lock->hold) && !is_held(lock));
}

static void rwlock_owned_release(struct qp_owned *owned)
{
    qp_rwlock_drop(QP_CONTAINER(owned, struct qp_rwlock, lock.owned));
}

static void describe_rwlock(const struct qp_object *object, const struct qp_say *to)
{
    const struct qp_rwlock *self = (const struct qp_rwlock *)object;
    uint32_t readers = readers_of(&self->lock);
    if (readers)
        qp_say_count(to, ": ", readers, "reader");
    else
        say_holder(&self->lock, "held for writing", to);
    qp_say_waiters(to, "waiting", &self->lock.waiters);
}

static const struct qp_object_kind rwlock_kind = {"rwlock", describe_rwlock};
static const struct qp_owned_ops rwlock_ops = {"the lock", NULL, rwlock_owned_release, NULL};

void qp_rwlock_drop(struct qp_rwlock *lock)
{
    if (lock)
        drop(&lock->lock);
}

void qp_rwlock_destroy(struct qp_rwlock *lock)
{
    uint32_t readers;
    if (!lock)
        return;
    readers = readers_of(&lock->lock);
    if (readers)
        qp_misuse("%s destroyed by %s while %u read it: a guard cannot outlive it", qp_object_label(&lock->lock.object),
                  qp_task_label(qp_task_id()), readers);
    destroy(&lock->lock);
}

void qp_rwlock_give(struct qp_rwlock *lock, const struct qp_handle *to)
{
    qp_owned_give(&lock->lock.owned, to, "a lock");
}

static bool writes(const struct qp_rwlock_future *future)
{
    return future->future.ops == &qp_write_ops;
}

/* Whether it could come in if nobody waited before it. */
static bool admits(const struct lock *lock, bool writing)
{
    return !is_taken(lock) && (!writing || !readers_of(lock));
}

static void promise(struct lock *lock, bool writing)
{
    if (writing)
        lock->state |= PROMISED;
    else
        lock->readers++;
}

QP_APART static void let_waiters_in(struct lock *lock)
{
    struct qp_wait *first;
    while ((first = qp_wait_queue_first(&lock->waiters)) != NULL) {
        struct qp_rwlock_future *future = QP_CONTAINER(first, struct qp_rwlock_future, wait);
        if (!admits(lock, writes(future)))
            return;
        qp_wait_remove(first);
        promise(lock, writes(future));
        future->future.stage = GRANTED;
        qp_wait_granted(first, &lock->object);
    }
}

/* Lets in whoever is first, as long as that is possible. */
static void let_in(struct lock *lock)
{
    if (qp_wait_queue_empty(&lock->waiters))
        clear(lock, WAITED);
    else
        let_waiters_in(lock);
}

/* What was promised to a future that is cancelled now. */
static void take_back(struct lock *lock, bool writing)
{
    if (writing)
        clear(lock, PROMISED);
    else
        lock->readers--;
    let_in(lock);
}

/* A guard was released: lets in who can come in, or nobody keeps the lock any longer. */
QP_APART static void released_in_turn(struct lock *lock)
{
    if (!end_if_unused(lock))
        let_in(lock);
}

static void write_release(struct qp_owned *owned)
{
    struct lock *lock = (struct lock *)qp_hold_released(qp_hold_of(owned))->object;
    if (QP_UNLIKELY(lock->state != 0))
        released_in_turn(lock);
}

/* A reader has it no more. */
static inline void leave(struct lock *lock, struct qp_hold *hold)
{
    if (QP_LIKELY(hold == lock->hold))
        return;
    qp_hold_keep(&lock->spare, hold);
    lock->readers--;
}

QP_APART static void read_release_in_turn(struct qp_hold *hold)
{
    struct lock *lock = (struct lock *)qp_hold_released(hold)->object;
    leave(lock, hold);
    released_in_turn(lock);
}

static void read_release(struct qp_owned *owned)
{
    struct qp_hold *hold = qp_hold_of(owned);
    struct lock *lock = (struct lock *)hold->object;
    if (QP_UNLIKELY(lock->state != 0)) {
        read_release_in_turn(hold);
        return;
    }
    qp_hold_end(hold);
    leave(lock, hold);
}

static const struct qp_owned_ops read_guard_ops = {"a reader's guard", NULL, read_release, qp_hold_object};
static const struct qp_owned_ops write_guard_ops = {"the writer's guard", NULL, write_release, qp_hold_object};

struct qp_rwlock *qp_rwlock_create(const char *name, const struct qp_type *type, const void *value)
{
    return (struct qp_rwlock *)create(&rwlock_kind, &rwlock_ops, QP_HOLD_WRITE, name, type, value);
}

QP_APART static struct qp_hold *make_hold(struct lock *lock)
{
    struct qp_hold *hold = qp_hold_take(lock->object.runtime);
    return hold ? qp_hold_prepare(hold, &lock->object, QP_HOLD_READ, 1) : NULL;
}

/* For a reader who finds the lock's own in use, or waits. NULL: no memory. */
static struct qp_hold *take_hold(struct lock *lock)
{
    struct qp_hold *hold = qp_hold_take_kept(&lock->spare);
    return QP_LIKELY(hold != NULL) ? hold : make_hold(lock);
}

/* For whoever comes in now. NULL: no memory. */
static struct qp_hold *free_hold(struct lock *lock)
{
    return qp_hold_is_held(lock->hold) ? take_hold(lock) : lock->hold;
}

/* Whether it can come in at once, past nobody. */
static bool is_free(const struct lock *lock, bool writing)
{
    return admits(lock, writing) && qp_wait_queue_empty(&lock->waiters);
}

/* Comes in, past nobody. Returns the table of its guards. */
static inline const struct qp_owned_ops *enter(struct lock *lock, struct qp_hold *hold, bool writing)
{
    enum qp_hold_style style = writing ? QP_HOLD_WRITE : QP_HOLD_READ;
    if (QP_UNLIKELY(hold->style != style))
        hold->style = style;
    lock->readers += hold != lock->hold;
    return writing ? &write_guard_ops : &read_guard_ops;
}

/* It is not free, or somebody waits, or somebody listens. */
QP_APART static enum qp_status enter_first(struct qp_rwlock_future *self, struct qp_waker *waker)
{
    struct lock *lock = &self->lock->lock;
    bool free_now = is_free(lock, writes(self));
    self->hold = free_now ? free_hold(lock) : writes(self) ? lock->hold : take_hold(lock);
    if (!self->hold)
        return QP_NOMEM;
    if (free_now)
        return acquired(self->hold, enter(lock, self->hold, writes(self)), self->guard);
    return queue(lock, &self->future, &self->wait, waker);
}

/* The same, or it waited, or was let in. */
QP_APART static enum qp_status enter_in_turn(struct qp_rwlock_future *self, struct qp_waker *waker)
{
    struct lock *lock = &self->lock->lock;
    if (self->future.stage == NEW)
        return enter_first(self, waker);
    if (self->future.stage == WAITING) {
        self->wait.waker = waker;
        return QP_PENDING;
    }
    if (writes(self)) {
        take_over(lock);
        return acquired(self->hold, enter(lock, self->hold, true), self->guard);
    }
    lock->references--;
    return acquired(self->hold, &read_guard_ops, self->guard);
}

static inline enum qp_status rwlock_poll(struct qp_rwlock_future *self, struct qp_waker *waker, bool writing)
{
    struct lock *lock = &self->lock->lock;
    struct qp_hold *hold = lock->hold;
    if (QP_UNLIKELY((self->future.stage | lock->state | (writing ? lock->readers : 0)) != 0 || qp_hold_is_held(hold)))
        return enter_in_turn(self, waker);
    return acquired_plainly(hold, enter(lock, hold, writing), self->guard);
}

static enum qp_status read_poll(struct qp_future *future, struct qp_waker *waker)
{
    return rwlock_poll((struct qp_rwlock_future *)future, waker, false);
}

static enum qp_status write_poll(struct qp_future *future, struct qp_waker *waker)
{
    return rwlock_poll((struct qp_rwlock_future *)future, waker, true);
}

static void rwlock_drop(struct qp_future *future)
{
    struct qp_rwlock_future *self = (struct qp_rwlock_future *)future;
    struct lock *lock = &self->lock->lock;
    if (future->stage == NEW)
        return;
    if (!writes(self))
        qp_hold_keep(&lock->spare, self->hold);
    if (future->stage == WAITING) {
        qp_wait_remove(&self->wait);
        let_in(lock);
    } else {
        take_back(lock, writes(self));
    }
    unreference(lock);
}

static const struct qp_object *rwlock_object(const struct qp_future *future)
{
    return &((const struct qp_rwlock_future *)future)->lock->lock.object;
}

const struct qp_future_ops qp_read_ops = {"read", read_poll, rwlock_drop, rwlock_object, NULL};
const struct qp_future_ops qp_write_ops = {"write", write_poll, rwlock_drop, rwlock_object, NULL};

static enum qp_status try_enter(struct lock *lock, bool writing, struct qp_guard *guard)
{
    bool free_now = is_free(lock, writing);
    struct qp_hold *hold = free_now ? free_hold(lock) : NULL;
    enum qp_status status = !free_now ? QP_BUSY : hold ? QP_OK : QP_NOMEM;
    QP_EMIT(CALLED, .object = lock->object.id, .op = writing ? "try_write" : "try_read",
            .fields = {(uint64_t)status, 1});
    return status == QP_OK ? acquired(hold, enter(lock, hold, writing), guard) : status;
}

enum qp_status qp_try_read(struct qp_rwlock *lock, struct qp_guard *guard)
{
    return try_enter(&lock->lock, false, guard);
}

enum qp_status qp_try_write(struct qp_rwlock *lock, struct qp_guard *guard)
{
    return try_enter(&lock->lock, true, guard);
}
