/*
 * Semaphores: a number of permits, first come, first served.
 *
 * A semaphore belongs to the async function that made it, and is released with it (task.h). A permit keeps its
 * semaphore alive and goes back when it is released, also by a panic or a cancellation.
 */
#ifndef QUIPU_SEMAPHORE_H
#define QUIPU_SEMAPHORE_H

#include <quipu/future.h>
#include <quipu/task.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct qp_semaphore;

/* Permits that were acquired. Held by value, and owned by the async function that got them; zero is none. */
struct qp_semaphore_permit {
    struct qp_hold *hold;
    uint64_t id;
};

/* The most permits there can be; creating or adding beyond it is misuse. */
#define QP_SEMAPHORE_MOST (UINT32_MAX >> 1)

/* Returns owned: a semaphore of `permits`, where less than zero counts as zero. NULL when there is no memory. */
struct qp_semaphore *qp_semaphore_create(const char *name, int64_t permits) QP_MUST_CHECK;

/* Gives the semaphore up; nothing for NULL. It ends when its last permit is released. Misuse while somebody waits. */
void qp_semaphore_drop(struct qp_semaphore *semaphore);

/* Ends it now. Misuse while a permit is out or somebody waits. */
void qp_semaphore_destroy(struct qp_semaphore *semaphore);

/* Makes the newly spawned task `to` its owner. */
void qp_semaphore_give(struct qp_semaphore *semaphore, const struct qp_handle *to);

struct qp_acquire_future { /* private */
    struct qp_future future;
    struct qp_wait wait;
    struct qp_semaphore *semaphore;
    struct qp_semaphore_permit *permit;
    struct qp_hold *hold; /* from its first poll */
    uint32_t wanted, got; /* likewise */
};

/*
 * Waits for a permit, or for `count` of them at once: QP_OK with `permit`, owned; QP_SEMAPHORE_CLOSED; QP_NOMEM.
 * Whoever is first in the queue takes what comes free until it has all. Zero permits are there at once, unless closed.
 * Cancel-safe-but-lossy: the place in the queue is lost; what had been taken or handed over goes to those behind.
 */
#define qp_acquire(semaphore, permit) qp_acquire_init(QP_NEW(struct qp_acquire_future), (semaphore), 1, (permit))
#define qp_acquire_many(semaphore, count, permit) \
    qp_acquire_init(QP_NEW(struct qp_acquire_future), (semaphore), (count), (permit))
static inline struct qp_future *qp_acquire_init(struct qp_acquire_future *self, struct qp_semaphore *semaphore,
                                                uint32_t count, struct qp_semaphore_permit *permit);

/* At once: QP_OK, QP_NO_PERMITS, QP_SEMAPHORE_CLOSED or QP_NOMEM; never past one who waits. */
enum qp_status qp_try_acquire(struct qp_semaphore *semaphore, struct qp_semaphore_permit *permit) QP_MUST_CHECK;
enum qp_status qp_try_acquire_many(struct qp_semaphore *semaphore, uint32_t count,
                                   struct qp_semaphore_permit *permit) QP_MUST_CHECK;

/* Gives the permits back. Empty afterwards; nothing for an empty or released one. */
void qp_semaphore_release(struct qp_semaphore_permit *permit);

/* Lets the permits go for good: the semaphore has that many fewer. */
void qp_semaphore_forget(struct qp_semaphore_permit *permit);

/* Makes the newly spawned task `to` their owner. */
void qp_semaphore_permit_give(const struct qp_semaphore_permit *permit, const struct qp_handle *to);

/* Permits that are free: not those handed to a waiter that has yet to run, nor those gathered by the first waiter. */
uint32_t qp_available_permits(const struct qp_semaphore *semaphore);

/* Adds permits, which go to those who wait first. */
void qp_add_permits(struct qp_semaphore *semaphore, uint32_t count);

/* Fails everybody who waits, also one that was handed a permit and has not run, and all who come later. */
void qp_semaphore_close(struct qp_semaphore *semaphore);
bool qp_semaphore_is_closed(const struct qp_semaphore *semaphore);

extern const struct qp_future_ops qp_acquire_ops;

static inline struct qp_future *qp_acquire_init(struct qp_acquire_future *self, struct qp_semaphore *semaphore,
                                                uint32_t count, struct qp_semaphore_permit *permit)
{
    self->semaphore = semaphore;
    self->permit = permit;
    self->wanted = count;
    return qp_future_init(&self->future, &qp_acquire_ops);
}

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
