/*
 * Waits that are polled by somebody else than before.
 *
 * Property: a poll with another waker moves the wake-up to that one. Whoever polled first is not woken any more, and
 * whoever polled last is.
 */
#include <quipu/quipu.h>
#include <stdlib.h>

struct counter {
    struct qp_waker waker;
    int wakes;
};

static void count(struct qp_waker *waker)
{
    ((struct counter *)waker)->wakes++;
}

static struct qp_waker *keep(struct qp_waker *waker)
{
    return waker;
}

static void forget(struct qp_waker *waker)
{
    (void)waker;
}

static const struct qp_waker_ops counter_ops = {count, keep, forget};

/* A wait that is polled by hand, and then awaited by a task. It ends with main, before what it waits for. */
struct moved {
    struct counter first;
    struct qp_future *wait;
    union {
        struct qp_lock_future lock;
        struct qp_rwlock_future rwlock;
        struct qp_acquire_future acquire;
        struct qp_send_future send;
        struct qp_reserve_future reserve;
        struct qp_recv_future recv;
        struct qp_oneshot_recv_future oneshot;
        struct qp_barrier_future barrier;
        struct qp_join_future join;
        struct qp_sleep_future sleep;
    } of;
    struct qp_guard guard;
    struct qp_semaphore_permit permits;
    struct qp_permit slot;
    int64_t value;
    struct qp_handle task;
};

static void moved_end(void *arg)
{
    struct moved *self = arg;
    qp_future_drop(self->wait);
    free(self);
}

static struct moved *moved_new(void)
{
    struct moved *self = calloc(1, sizeof *self);
    QP_ASSERT(self);
    self->first.waker.ops = &counter_ops;
    QP_ASSERT_EQ(qp_defer(moved_end, self), QP_OK);
    return self;
}

static void polls_and_awaits(void *arg)
{
    struct moved *self = arg;
    QP_ASSERT_EQ(qp_future_poll(self->wait, &self->first.waker), QP_PENDING);
    QP_ASSERT_EQ(qp_await(self->wait), QP_OK);
}

/* It waits now, by its second waker. */
static void begin(struct moved *self, struct qp_future *wait)
{
    self->wait = wait;
    self->task = qp_spawn(polls_and_awaits, self);
    QP_ASSERT(self->task.task);
    qp_await(qp_sleep_ms(1));
}

/* What it waits for is there. */
static void end(struct moved *self)
{
    QP_ASSERT_EQ(qp_await(qp_join(&self->task, NULL)), QP_OK);
    QP_ASSERT_EQ(self->first.wakes, 0);
}

QP_SCENARIO(moved_lock, "a wait for a mutex that another waker polls wakes that one")
{
    int64_t zero = 0;
    struct qp_mutex *mutex = qp_mutex_create("mutex", &qp_int64, &zero);
    struct moved *self = moved_new();
    struct qp_guard guard;
    QP_ASSERT(mutex);
    QP_ASSERT_EQ(qp_await(qp_lock(mutex, &guard)), QP_OK);
    begin(self, qp_lock_init(&self->of.lock, mutex, &self->guard));
    qp_unlock(&guard);
    end(self);
}

static void moved_in_rwlock(struct qp_future *init(struct qp_rwlock_future *, struct qp_rwlock *, struct qp_guard *))
{
    int64_t zero = 0;
    struct qp_rwlock *lock = qp_rwlock_create("lock", &qp_int64, &zero);
    struct moved *self = moved_new();
    struct qp_guard guard;
    QP_ASSERT(lock);
    QP_ASSERT_EQ(qp_await(qp_write(lock, &guard)), QP_OK);
    begin(self, init(&self->of.rwlock, lock, &self->guard));
    qp_unlock(&guard);
    end(self);
}

QP_SCENARIO(moved_read, "a wait to read that another waker polls wakes that one")
{
    moved_in_rwlock(qp_read_init);
}

QP_SCENARIO(moved_write, "a wait to write that another waker polls wakes that one")
{
    moved_in_rwlock(qp_write_init);
}

QP_SCENARIO(moved_acquire, "a wait for permits that another waker polls wakes that one")
{
    struct qp_semaphore *semaphore = qp_semaphore_create("semaphore", 1);
    struct moved *self = moved_new();
    QP_ASSERT(semaphore);
    begin(self, qp_acquire_init(&self->of.acquire, semaphore, 2, &self->permits));
    qp_add_permits(semaphore, 1);
    end(self);
}

struct ends {
    struct qp_sender *tx;
    struct qp_receiver *rx;
    int64_t value;
};

/* A channel of one slot, which is taken. */
static struct ends full_channel(void)
{
    struct ends ends = {.value = 1};
    QP_ASSERT_EQ(qp_channel_create(&qp_int64, 1, &ends.tx, &ends.rx), QP_OK);
    QP_ASSERT_EQ(qp_try_send(ends.tx, &ends.value), QP_OK);
    return ends;
}

QP_SCENARIO(moved_send, "a send that another waker polls wakes that one")
{
    struct ends ends = full_channel();
    struct moved *self = moved_new();
    begin(self, qp_send_init(&self->of.send, ends.tx, &self->value));
    QP_ASSERT_EQ(qp_try_recv(ends.rx, &ends.value), QP_OK);
    end(self);
}

QP_SCENARIO(moved_reserve, "a reserve that another waker polls wakes that one")
{
    struct ends ends = full_channel();
    struct moved *self = moved_new();
    begin(self, qp_reserve_init(&self->of.reserve, ends.tx, &self->slot));
    QP_ASSERT_EQ(qp_receiver_length(ends.rx), 1);
    QP_ASSERT_EQ(qp_try_recv(ends.rx, &ends.value), QP_OK);
    QP_ASSERT_EQ(qp_receiver_length(ends.rx), 0); /* the slot is handed over, and there is nothing in it */
    end(self);
}

QP_SCENARIO(moved_recv, "a recv that another waker polls wakes that one")
{
    struct ends ends = full_channel();
    struct moved *self = moved_new();
    QP_ASSERT_EQ(qp_try_recv(ends.rx, &ends.value), QP_OK);
    begin(self, qp_recv_init(&self->of.recv, ends.rx, &self->value));
    QP_ASSERT_EQ(qp_try_send(ends.tx, &ends.value), QP_OK);
    end(self);
    QP_ASSERT_EQ(self->value, 1);
}

QP_SCENARIO(moved_oneshot_recv, "a recv of a one-shot that another waker polls wakes that one")
{
    int64_t one = 1;
    struct qp_oneshot_sender *tx;
    struct qp_oneshot_receiver *rx;
    struct moved *self;
    QP_ASSERT_EQ(qp_oneshot_create(&qp_int64, &tx, &rx), QP_OK);
    self = moved_new();
    begin(self, qp_oneshot_recv_init(&self->of.oneshot, rx, &self->value));
    QP_ASSERT_EQ(qp_oneshot_send(tx, &one), QP_OK);
    end(self);
    QP_ASSERT_EQ(self->value, 1);
}

QP_SCENARIO(moved_barrier_wait, "a wait at a barrier that another waker polls wakes that one")
{
    struct qp_barrier *barrier = qp_barrier_create("barrier", 2);
    struct moved *self = moved_new();
    QP_ASSERT(barrier);
    begin(self, qp_barrier_wait_init(&self->of.barrier, barrier, NULL));
    QP_ASSERT_EQ(qp_await(qp_barrier_wait(barrier, NULL)), QP_OK);
    end(self);
}

static void sleeps(void *arg)
{
    (void)arg;
    qp_await(qp_sleep_ms(20));
}

QP_SCENARIO(moved_join, "a join that another waker polls wakes that one")
{
    struct moved *self = moved_new();
    struct qp_handle handle = qp_spawn(sleeps, NULL);
    QP_ASSERT(handle.task);
    begin(self, qp_join_init(&self->of.join, &handle, NULL));
    end(self);
}

QP_SCENARIO(moved_sleep, "a sleep that another waker polls wakes that one")
{
    struct moved *self = moved_new();
    begin(self, qp_sleep_init(&self->of.sleep, qp_milliseconds(20)));
    end(self);
    QP_ASSERT_TIME(qp_now(), qp_milliseconds(20));
}
