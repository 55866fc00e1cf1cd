/*
 * Locks around a value: the mutex and the readers-writer lock, and the guard that both give.
 *
 * Every queue is first in, first out, and a release hands over directly to the first waiter. A waiter that was handed
 * the lock and is cancelled before it runs passes it on. Nothing is poisoned: a panic or a cancellation releases the
 * guard like any other end.
 *
 * A lock belongs to the async function that made it, and is released with it (task.h). A guard keeps its lock alive.
 */
#ifndef QUIPU_LOCK_H
#define QUIPU_LOCK_H

#include <quipu/future.h>
#include <quipu/task.h>
#include <quipu/type.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/*
 * The right to a locked value. Held by value, and owned by the async function that got it; copies share one right.
 * Zero is no guard.
 */
struct qp_guard {
    struct qp_hold *hold;
    uint64_t id;
};

/* The locked value, borrowed until the guard is released. A reader must not change it. Misuse for a released guard. */
void *qp_guard_value(const struct qp_guard *guard);

/* Copies the value's bytes to `value`; the lock still owns what they own. */
void qp_guard_get(const struct qp_guard *guard, void *value);

/* Drops the locked value and moves `value` into its place. Misuse for a reader's guard. */
void qp_guard_set(const struct qp_guard *guard, void *value);

/* Releases and hands over. The guard is empty afterwards; nothing for an empty or released one. */
void qp_unlock(struct qp_guard *guard);

/* Makes the newly spawned task `to` its owner. */
void qp_guard_give(const struct qp_guard *guard, const struct qp_handle *to);

/* ---- mutex ---- */

struct qp_mutex;

/* Returns owned: a mutex around the value, which is moved (copied) into it. NULL when there is no memory. */
struct qp_mutex *qp_mutex_create(const char *name, const struct qp_type *type, const void *value) QP_MUST_CHECK;

/* Gives the mutex up; nothing for NULL. It ends, and drops its value, when its guard is released too. Misuse while
 * somebody waits for it. */
void qp_mutex_drop(struct qp_mutex *mutex);

/* Ends it now. Misuse while somebody holds it or waits for it. */
void qp_mutex_destroy(struct qp_mutex *mutex);

/* Makes the newly spawned task `to` its owner. */
void qp_mutex_give(struct qp_mutex *mutex, const struct qp_handle *to);

struct qp_lock_future { /* private */
    struct qp_future future;
    struct qp_wait wait;
    struct qp_mutex *mutex;
    struct qp_guard *guard;
};

/*
 * Waits for the mutex: QP_OK with `guard`, owned. A task that locks again what it holds is misuse.
 * Cancel-safe-but-lossy: the place in the queue is lost; a lock that had been handed over is passed on.
 */
#define qp_lock(mutex, guard) qp_lock_init(QP_NEW(struct qp_lock_future), (mutex), (guard))
static inline struct qp_future *qp_lock_init(struct qp_lock_future *self, struct qp_mutex *mutex,
                                             struct qp_guard *guard);

/* At once: QP_OK or QP_BUSY; never past one who waits. */
enum qp_status qp_try_lock(struct qp_mutex *mutex, struct qp_guard *guard) QP_MUST_CHECK;

/* ---- readers-writer lock ---- */

struct qp_rwlock;

/* As for the mutex. */
struct qp_rwlock *qp_rwlock_create(const char *name, const struct qp_type *type, const void *value) QP_MUST_CHECK;
void qp_rwlock_drop(struct qp_rwlock *lock);
void qp_rwlock_destroy(struct qp_rwlock *lock);
void qp_rwlock_give(struct qp_rwlock *lock, const struct qp_handle *to);

struct qp_rwlock_future { /* private; its table says whether it reads or writes */
    struct qp_future future;
    struct qp_wait wait;
    struct qp_rwlock *lock;
    struct qp_guard *guard;
    struct qp_hold *hold; /* from its first poll */
};

/*
 * Waits to read, beside other readers, or to write, alone: QP_OK with `guard`, owned; QP_NOMEM (reading only).
 * A waiting writer goes before readers that come after it, so a second read by a task that holds one, with a writer
 * waiting, is a deadlock. Both are cancel-safe-but-lossy: the place in the queue is lost; when a waiting writer is
 * cancelled, the readers behind it are let in at once if the lock is held for reading.
 */
#define qp_read(lock, guard) qp_read_init(QP_NEW(struct qp_rwlock_future), (lock), (guard))
#define qp_write(lock, guard) qp_write_init(QP_NEW(struct qp_rwlock_future), (lock), (guard))
static inline struct qp_future *qp_read_init(struct qp_rwlock_future *self, struct qp_rwlock *lock,
                                             struct qp_guard *guard);
static inline struct qp_future *qp_write_init(struct qp_rwlock_future *self, struct qp_rwlock *lock,
                                              struct qp_guard *guard);

/* At once: QP_OK, QP_BUSY or QP_NOMEM; never past one who waits. */
enum qp_status qp_try_read(struct qp_rwlock *lock, struct qp_guard *guard) QP_MUST_CHECK;
enum qp_status qp_try_write(struct qp_rwlock *lock, struct qp_guard *guard) QP_MUST_CHECK;

/* ---- details ---- */

extern const struct qp_future_ops qp_lock_ops, qp_read_ops, qp_write_ops;

static inline struct qp_future *qp_lock_init(struct qp_lock_future *self, struct qp_mutex *mutex,
                                             struct qp_guard *guard)
{
    self->mutex = mutex;
    self->guard = guard;
    return qp_future_init(&self->future, &qp_lock_ops);
}

static inline struct qp_future *qp_read_init(struct qp_rwlock_future *self, struct qp_rwlock *lock,
                                             struct qp_guard *guard)
{
    self->lock = lock;
    self->guard = guard;
    return qp_future_init(&self->future, &qp_read_ops);
}

static inline struct qp_future *qp_write_init(struct qp_rwlock_future *self, struct qp_rwlock *lock,
                                              struct qp_guard *guard)
{
    self->lock = lock;
    self->guard = guard;
    return qp_future_init(&self->future, &qp_write_ops);
}

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
