/*
 * Joining.
 *
 * Property: a join gives the value, or an error that is either cancelled or panicked and says so. What the task owned
 * is released by then. A handle is joined once. A join that is cancelled detaches its task.
 */
#include <inttypes.h>
#include <quipu/quipu.h>
#include <stdio.h>
#include <string.h>

/* ---- value or error ---- */

enum end { RETURNS, PANICS, WAITS };

static void ends(void *arg)
{
    const enum end *end = arg;
    int value = 42;
    qp_await(qp_yield());
    qp_return(&value);
    if (*end == PANICS)
        qp_panic("end %d", *end);
    if (*end == WAITS)
        qp_await(qp_sleep_ms(10));
}

static struct qp_handle spawn_end(enum end *end)
{
    struct qp_task_options options = {.name = "ends", .result = &qp_int};
    return qp_spawn_with(ends, end, &options);
}

QP_SCENARIO(task_join, "the value, or the error and its message: cancelled or panicked, and never both")
{
    enum end ways[] = {RETURNS, PANICS, WAITS};
    struct qp_handle handles[3] = {spawn_end(&ways[0]), spawn_end(&ways[1]), spawn_end(&ways[2])};
    uint64_t panicked = handles[1].id, cancelled = handles[2].id;
    char message[64];
    int value = 0;
    qp_await(qp_sleep_ms(5));
    qp_abort(&handles[2]);
    QP_ASSERT_EQ(qp_await(qp_join(&handles[0], &value)), QP_OK);
    QP_ASSERT_EQ(value, 42);
    value = 0;
    QP_ASSERT_EQ(qp_await(qp_join(&handles[1], &value)), QP_PANICKED);
    snprintf(message, sizeof message, "task %" PRIu64 " panicked with message \"end 1\"", panicked);
    QP_ASSERT(strcmp(qp_error_message(), message) == 0);
    QP_ASSERT_EQ(qp_await(qp_join(&handles[2], &value)), QP_CANCELLED);
    snprintf(message, sizeof message, "task %" PRIu64 " was cancelled", cancelled);
    QP_ASSERT(strcmp(qp_error_message(), message) == 0);
    QP_ASSERT_EQ(value, 0); /* an error comes without a value, although one was set */
}

/* ---- the last result counts, and each is dropped or taken once ---- */

struct counted {
    int value;
    int *dropped;
};

static void counted_drop(void *value)
{
    ++*((struct counted *)value)->dropped;
}

static const struct qp_type counted_type = QP_TYPE_DROP(struct counted, counted_drop);

static void returns_three_times(void *arg)
{
    struct counted counted = {0, arg};
    while (++counted.value <= 3) {
        qp_return(&counted);
        qp_await(qp_yield());
    }
}

QP_SCENARIO(task_join_gives_last_result, "of several results the last is given, and those before it are dropped")
{
    struct qp_task_options options = {.name = "returns_three_times", .result = &counted_type};
    struct counted counted = {0, NULL};
    int dropped = 0, dropped_unread = 0;
    struct qp_handle taken = qp_spawn_with(returns_three_times, &dropped, &options);
    struct qp_handle unread = qp_spawn_with(returns_three_times, &dropped_unread, &options);
    QP_ASSERT_EQ(qp_await(qp_join(&taken, &counted)), QP_OK);
    QP_ASSERT_EQ(counted.value, 3);
    QP_ASSERT_EQ(dropped, 2);
    QP_ASSERT_EQ(qp_await(qp_join(&unread, NULL)), QP_OK);
    QP_ASSERT_EQ(dropped_unread, 3);
}

/* ---- after the release ---- */

struct resources {
    struct qp_mutex *mutex;
    struct qp_semaphore *semaphore;
    struct qp_sender *tx;
    int deferred;
    enum end end;
};

static void count_deferred(void *arg)
{
    ++*(int *)arg;
}

static void hold_all(void *arg)
{
    struct resources *self = arg;
    struct qp_guard guard;
    struct qp_semaphore_permit permit;
    struct qp_permit slot;
    QP_ASSERT_EQ(qp_defer(count_deferred, &self->deferred), QP_OK);
    qp_await(qp_lock(self->mutex, &guard));
    qp_await(qp_acquire(self->semaphore, &permit));
    qp_await(qp_reserve(self->tx, &slot));
    qp_await(qp_sleep_ms(10));
    if (self->end == PANICS)
        qp_panic("with all that it holds");
    if (self->end == WAITS)
        qp_await(qp_sleep_ms(1000));
}

/* Joins a task that ends so, and then has all that it had. */
static void expect_released(enum end end, enum qp_status status)
{
    struct resources self = {.mutex = qp_mutex_create("mutex", &qp_nothing, ""),
                             .semaphore = qp_semaphore_create("semaphore", 1),
                             .end = end};
    struct qp_receiver *rx;
    struct qp_handle handle;
    struct qp_guard guard;
    int value;
    QP_ASSERT(self.mutex && self.semaphore);
    QP_ASSERT_EQ(qp_channel_create(&qp_int, 1, &self.tx, &rx), QP_OK);
    handle = qp_spawn(hold_all, &self);
    qp_sender_give(self.tx, &handle);
    qp_await(qp_sleep_ms(20));
    qp_abort(&handle); /* nothing to those that have ended */
    QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), status);
    QP_ASSERT_EQ(self.deferred, 1);
    QP_ASSERT_EQ(qp_try_lock(self.mutex, &guard), QP_OK);
    QP_ASSERT_EQ(qp_available_permits(self.semaphore), 1);
    QP_ASSERT_EQ(qp_try_recv(rx, &value), QP_CLOSED);
    qp_unlock(&guard);
}

QP_SCENARIO(task_join_after_release, "when a join is ready the task holds nothing any more, however it ended")
{
    expect_released(RETURNS, QP_OK);
    expect_released(PANICS, QP_PANICKED);
    expect_released(WAITS, QP_CANCELLED);
}

static void end_at_once(void *arg)
{
    (void)arg;
}

static void hold_and_signal(void *arg)
{
    struct resources *self = arg;
    QP_ASSERT_EQ(qp_defer(count_deferred, &self->deferred), QP_OK);
    qp_await(qp_sleep_ms(10));
}

QP_SCENARIO(task_join_waits_for_release, "a join that is already waiting is woken after the release, not before")
{
    struct resources self = {.deferred = 0};
    struct qp_handle handle = qp_spawn(hold_and_signal, &self);
    QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), QP_OK);
    QP_ASSERT_EQ(self.deferred, 1);
    QP_ASSERT_TIME(qp_now(), qp_milliseconds(10));
}

/* ---- once ---- */

QP_SCENARIO(task_join_twice, "joining again what was delivered is misuse, and the report says so")
{
    struct qp_handle handle = qp_spawn(end_at_once, NULL);
    qp_expect(QP_MISUSE, "join of an empty handle (its task was joined or detached)");
    qp_await(qp_join(&handle, NULL));
    qp_await(qp_join(&handle, NULL));
}

QP_SCENARIO(task_await_after_ready, "awaiting a future that has given its result is misuse, and the report names it")
{
    struct qp_future *sleep = qp_sleep_ms(1);
    qp_expect(QP_MISUSE, "future 'sleep' polled after completion");
    qp_await(sleep);
    qp_await(sleep);
}

/* ---- cancelled ---- */

static void finish_late(void *arg)
{
    qp_await(qp_sleep_ms(20));
    *(bool *)arg = true;
}

QP_SCENARIO(task_join_cancelled, "cancelling a join detaches the task, which goes on")
{
    bool finished = false;
    struct qp_handle handle = qp_spawn(finish_late, &finished);
    QP_ASSERT_EQ(qp_await(qp_timeout_ms(10, qp_join(&handle, NULL))), QP_TIMEOUT);
    QP_ASSERT(!handle.task && !finished);
    qp_await(qp_sleep_ms(15));
    QP_ASSERT(finished);
}
