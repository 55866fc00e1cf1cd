/*
 * Resumable functions: tasks without a stack.
 *
 * Property: a resumable function does what the same coroutine does: it waits where it awaits, its result is its
 * future's, its task is spawned, joined and aborted like any other; cancelled, it drops what it waits for and then
 * releases what it holds, once.
 */
#include <quipu/quipu.h>

struct counter {
    struct qp_resumable base;
    struct qp_recv_future recv;
    struct qp_receiver *rx;
    int64_t *sum;
    int *released;
    int64_t value;
};

/* Adds up what it receives until the channel ends. */
static enum qp_status counter_poll(struct qp_future *future, struct qp_waker *waker)
{
    struct counter *self = (struct counter *)future;
    enum qp_status status;
    QP_BEGIN(&self->base);
    for (;;) {
        QP_AWAIT(status, qp_recv_init(&self->recv, self->rx, &self->value));
        if (status != QP_OK)
            break;
        *self->sum += self->value;
    }
    QP_END(QP_OK);
}

static const struct qp_future_ops counter_ops = QP_RESUMABLE("counter", counter_poll);

static void counter_release(struct qp_resumable *base)
{
    ++*((struct counter *)base)->released;
}

static struct counter counter_new(struct qp_receiver *rx, int64_t *sum, int *released)
{
    struct counter self = {.rx = rx, .sum = sum, .released = released};
    qp_resumable_init(&self.base, &counter_ops);
    self.base.release = counter_release;
    return self;
}

static struct qp_handle spawn_counter(struct qp_receiver *rx, int64_t *sum, int *released)
{
    struct counter counter = counter_new(rx, sum, released);
    struct qp_handle handle = qp_spawn_future(&counter.base.future, sizeof counter, NULL);
    qp_receiver_give(rx, &handle);
    return handle;
}

QP_PARAM(task_resumable, numbers, 4)
QP_SCENARIO(task_resumable, "a resumable task receives all that is sent, and ends with the channel")
{
    int64_t numbers = qp_param("numbers"), sum = 0, i;
    int released = 0;
    struct qp_sender *tx;
    struct qp_receiver *rx;
    struct qp_handle handle;
    QP_ASSERT_EQ(qp_channel_create(&qp_int64, 1, &tx, &rx), QP_OK);
    handle = spawn_counter(rx, &sum, &released);
    for (i = 1; i <= numbers; i++)
        QP_ASSERT_EQ(qp_await(qp_send(tx, &i)), QP_OK);
    QP_ASSERT(!qp_is_finished(&handle));
    qp_sender_drop(tx);
    QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), QP_OK);
    QP_ASSERT_EQ(sum, numbers * (numbers + 1) / 2);
    QP_ASSERT_EQ(released, 0);
}

QP_SCENARIO(task_resumable_aborted, "an aborted resumable task drops its wait, releases once, and takes no more")
{
    int64_t sum = 0, one = 1;
    int released = 0;
    struct qp_sender *tx;
    struct qp_receiver *rx;
    struct qp_handle handle;
    QP_ASSERT_EQ(qp_channel_create(&qp_int64, 4, &tx, &rx), QP_OK);
    handle = spawn_counter(rx, &sum, &released);
    QP_ASSERT_EQ(qp_await(qp_send(tx, &one)), QP_OK);
    qp_await(qp_sleep_ms(1));
    qp_abort(&handle);
    QP_ASSERT_EQ(released, 0);
    QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), QP_CANCELLED);
    QP_ASSERT(sum == 1 && released == 1);
    QP_ASSERT(qp_sender_is_closed(tx)); /* the receiver was its own, and went with it */
}

/* ---- awaited in place ---- */

struct pause {
    struct qp_resumable base;
    struct qp_sleep_future sleep;
    int64_t left;
};

static enum qp_status pause_poll(struct qp_future *future, struct qp_waker *waker)
{
    struct pause *self = (struct pause *)future;
    enum qp_status status;
    QP_BEGIN(&self->base);
    for (; self->left > 0; self->left--)
        QP_AWAIT(status, qp_sleep_init(&self->sleep, qp_milliseconds(10)));
    QP_END(QP_CLOSED);
}

static const struct qp_future_ops pause_ops = QP_RESUMABLE("pause", pause_poll);

QP_SCENARIO(task_resumable_in_place,
            "a resumable function can be awaited in place, with a timeout, and gives its status")
{
    struct pause whole = {.left = 3}, half = {.left = 3};
    qp_resumable_init(&whole.base, &pause_ops);
    qp_resumable_init(&half.base, &pause_ops);
    QP_ASSERT_EQ(qp_await(&whole.base.future), QP_CLOSED);
    QP_ASSERT_TIME(qp_now(), qp_milliseconds(30));
    QP_ASSERT_EQ(qp_await(qp_timeout_ms(25, &half.base.future)), QP_TIMEOUT);
    QP_ASSERT_EQ(half.left, 1);
    QP_ASSERT_TIME(qp_now(), qp_milliseconds(30 + 25));
}

/* ---- futures of the library as tasks ---- */

static enum qp_status run_as_task(const struct qp_future *future, size_t size)
{
    struct qp_handle handle = qp_spawn_future(future, size, NULL);
    QP_ASSERT(handle.task);
    return qp_await(qp_join(&handle, NULL));
}

QP_SCENARIO(task_of_a_future, "a wait for time can be a task by itself: it has a task's end, and breaks no rule")
{
    struct qp_sleep_future sleep, slow;
    struct qp_timeout_future timeout;
    qp_sleep_init(&sleep, qp_milliseconds(3));
    QP_ASSERT_EQ(run_as_task(&sleep.future, sizeof sleep), QP_OK);
    QP_ASSERT_TIME(qp_now(), qp_milliseconds(3));
    qp_sleep_init(&slow, QP_NEVER);
    qp_timeout_init(&timeout, qp_milliseconds(2), &slow.future);
    QP_ASSERT_EQ(run_as_task(&timeout.future, sizeof timeout), QP_OK);
    QP_ASSERT_TIME(qp_now(), qp_milliseconds(3 + 2));
}

/* Spawns a future of which all that it points to outlives the task. */
#define TASK_OF(future_) (qp_spawn_future(&(future_).future, sizeof(future_), NULL))

QP_SCENARIO(task_of_a_lock,
            "a wait for a lock can be a task by itself: it has the lock in its turn, and gives it back when it ends")
{
    int64_t zero = 0;
    struct qp_mutex *mutex = qp_mutex_create("mutex", &qp_int64, &zero);
    struct qp_guard mine, its, late;
    struct qp_lock_future wait;
    struct qp_handle task;
    QP_ASSERT(mutex);
    QP_ASSERT_EQ(qp_await(qp_lock(mutex, &mine)), QP_OK);
    qp_lock_init(&wait, mutex, &its);
    task = TASK_OF(wait);
    qp_await(qp_sleep_ms(1));
    QP_ASSERT(!qp_is_finished(&task));
    qp_unlock(&mine);
    QP_ASSERT_EQ(qp_try_lock(mutex, &late), QP_BUSY); /* it was handed over */
    QP_ASSERT_EQ(qp_await(qp_join(&task, NULL)), QP_OK);
    QP_ASSERT_EQ(qp_try_lock(mutex, &late), QP_OK);
}

QP_SCENARIO(task_of_readers_and_a_writer, "waits to read and to write can be tasks by themselves, each in its turn")
{
    int64_t zero = 0;
    struct qp_rwlock *lock = qp_rwlock_create("lock", &qp_int64, &zero);
    struct qp_guard guards[3];
    struct qp_rwlock_future waits[3];
    struct qp_handle tasks[3];
    int i;
    QP_ASSERT(lock);
    qp_read_init(&waits[0], lock, &guards[0]);
    qp_write_init(&waits[1], lock, &guards[1]);
    qp_read_init(&waits[2], lock, &guards[2]);
    for (i = 0; i < 3; i++)
        tasks[i] = TASK_OF(waits[i]);
    for (i = 0; i < 3; i++)
        QP_ASSERT_EQ(qp_await(qp_join(&tasks[i], NULL)), QP_OK);
}

QP_SCENARIO(task_of_permits, "a wait for permits can be a task by itself: they come back when it ends, or is aborted")
{
    struct qp_semaphore *semaphore = qp_semaphore_create("semaphore", 3);
    struct qp_semaphore_permit mine, its, never;
    struct qp_acquire_future two, four;
    struct qp_handle ends, waits;
    QP_ASSERT(semaphore);
    QP_ASSERT_EQ(qp_await(qp_acquire_many(semaphore, 2, &mine)), QP_OK);
    qp_acquire_init(&two, semaphore, 2, &its);
    qp_acquire_init(&four, semaphore, 4, &never);
    ends = TASK_OF(two);
    qp_await(qp_sleep_ms(1));
    waits = TASK_OF(four);
    qp_await(qp_sleep_ms(1));
    qp_semaphore_release(&mine);
    QP_ASSERT_EQ(qp_await(qp_join(&ends, NULL)), QP_OK);
    QP_ASSERT_EQ(qp_available_permits(semaphore), 0); /* all three are gathered */
    qp_abort(&waits);
    QP_ASSERT_EQ(qp_await(qp_join(&waits, NULL)), QP_CANCELLED);
    QP_ASSERT_EQ(qp_available_permits(semaphore), 3);
}

QP_SCENARIO(task_of_a_race, "what acquires inside a race that is a task by itself acquires for that task")
{
    struct qp_semaphore *semaphore = qp_semaphore_create("semaphore", 1);
    struct qp_semaphore_permit permit;
    struct qp_acquire_future acquire;
    struct qp_sleep_future sleep;
    struct qp_race_arm arms[2] = {{.future = qp_acquire_init(&acquire, semaphore, 1, &permit)},
                                  {.future = qp_sleep_init(&sleep, qp_milliseconds(1))}};
    struct qp_race_future race;
    struct qp_handle task;
    size_t winner = 2;
    QP_ASSERT(semaphore);
    qp_race_init(&race, arms, 2, &winner);
    task = TASK_OF(race);
    QP_ASSERT_EQ(qp_await(qp_join(&task, NULL)), QP_OK);
    QP_ASSERT_EQ(winner, 0);
    QP_ASSERT_EQ(qp_available_permits(semaphore), 1);
}
