/*
 * Waiting for a task no longer than so long.
 *
 * Property: timeout_join never cancels the task. It gives the result, says why there is none, or gives the live handle
 * back, which can then do all that a handle can. The task is looked at before the deadline. When the wait is cancelled
 * the handle that it holds is dropped: the task is detached and goes on.
 */
#include <inttypes.h>
#include <quipu/quipu.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- a task whose result says when nobody took it ---- */

struct result {
    int value;
    int *dropped;
};

static void result_drop(void *value)
{
    ++*((struct result *)value)->dropped;
}

static const struct qp_type result_type = QP_TYPE_DROP(struct result, result_drop);

struct job {
    int64_t takes_ms;
    bool panics, finished;
    int dropped;
};

static void job(void *arg)
{
    struct job *self = arg;
    struct result result = {42, &self->dropped};
    qp_await(qp_sleep_ms(self->takes_ms));
    if (self->panics)
        qp_panic("job failed");
    self->finished = true;
    qp_return(&result);
}

static struct qp_handle spawn_job(struct job *self)
{
    struct qp_task_options options = {.name = "job", .result = &result_type};
    return qp_spawn_with(job, self, &options);
}

/* ---- the three outcomes ---- */

QP_SCENARIO(time_timeout_join_completed,
            "Completed: a task that ends in time gives its result, and the handle is used up")
{
    struct job self = {.takes_ms = 5};
    struct result result = {0, NULL};
    struct qp_handle handle = spawn_job(&self);
    QP_ASSERT_EQ(qp_await(qp_timeout_join_ms(10, &handle, &result)), QP_OK);
    QP_ASSERT_EQ(result.value, 42);
    QP_ASSERT_EQ(self.dropped, 0);
    QP_ASSERT(!handle.task);
    QP_ASSERT_TIME(qp_now(), qp_milliseconds(5));
}

QP_SCENARIO(time_timeout_join_failed, "JoinFailed: a task that panicked or was aborted says which")
{
    struct job panics = {.takes_ms = 5, .panics = true}, aborted = {.takes_ms = 5};
    struct qp_handle handles[2] = {spawn_job(&panics), spawn_job(&aborted)};
    char message[64];
    qp_abort(&handles[1]);
    snprintf(message, sizeof message, "task %" PRIu64 " panicked with message \"job failed\"", handles[0].id);
    QP_ASSERT_EQ(qp_await(qp_timeout_join_ms(10, &handles[0], NULL)), QP_PANICKED);
    QP_ASSERT(strcmp(qp_error_message(), message) == 0);
    snprintf(message, sizeof message, "task %" PRIu64 " was cancelled", handles[1].id);
    QP_ASSERT_EQ(qp_await(qp_timeout_join_ms(10, &handles[1], NULL)), QP_CANCELLED);
    QP_ASSERT(strcmp(qp_error_message(), message) == 0);
}

QP_SCENARIO(time_timeout_join_timed_out, "TimedOut: the task goes on, and its live handle can be waited for again")
{
    struct job self = {.takes_ms = 25};
    struct result result = {0, NULL};
    struct qp_handle handle = spawn_job(&self);
    uint64_t id = handle.id;
    QP_ASSERT_EQ(qp_await(qp_timeout_join_ms(10, &handle, &result)), QP_TIMEOUT);
    QP_ASSERT(strcmp(qp_error_message(), "operation timed out") == 0);
    QP_ASSERT(handle.task && handle.id == id);
    QP_ASSERT_EQ(qp_await(qp_timeout_join_ms(10, &handle, &result)), QP_TIMEOUT);
    QP_ASSERT(!qp_is_finished(&handle));
    QP_ASSERT_TIME(qp_now(), qp_milliseconds(20));
    QP_ASSERT_EQ(qp_await(qp_timeout_join_ms(10, &handle, &result)), QP_OK);
    QP_ASSERT_EQ(result.value, 42);
    QP_ASSERT_TIME(qp_now(), qp_milliseconds(25));
}

QP_SCENARIO(time_timeout_join_then_abort, "after a timeout the task can be aborted deliberately, or detached")
{
    struct job aborted = {.takes_ms = 20}, detached = {.takes_ms = 20};
    struct qp_handle handles[2] = {spawn_job(&aborted), spawn_job(&detached)};
    QP_ASSERT_EQ(qp_await(qp_timeout_join_ms(5, &handles[0], NULL)), QP_TIMEOUT);
    QP_ASSERT_EQ(qp_await(qp_timeout_join_ms(5, &handles[1], NULL)), QP_TIMEOUT);
    qp_abort(&handles[0]);
    qp_handle_drop(&handles[1]);
    QP_ASSERT_EQ(qp_await(qp_join(&handles[0], NULL)), QP_CANCELLED);
    qp_await(qp_sleep_ms(20));
    QP_ASSERT(!aborted.finished && aborted.dropped == 0);
    QP_ASSERT(detached.finished && detached.dropped == 1);
}

/* ---- at the deadline ---- */

QP_SCENARIO(time_timeout_join_zero, "zero looks at the task once: a result that is there wins")
{
    struct job self = {.takes_ms = 5};
    struct result result = {0, NULL};
    struct qp_handle handle = spawn_job(&self);
    QP_ASSERT_EQ(qp_await(qp_timeout_join_ms(0, &handle, &result)), QP_TIMEOUT);
    qp_await(qp_sleep_ms(10));
    QP_ASSERT_EQ(qp_await(qp_timeout_join_ms(0, &handle, &result)), QP_OK);
    QP_ASSERT_EQ(result.value, 42);
}

QP_SCENARIO(time_timeout_join_tie,
            "a task that ends at the deadline is Completed or TimedOut, and its result is not lost")
{
    struct job self = {.takes_ms = 10};
    struct result result = {0, NULL};
    struct qp_handle handle = spawn_job(&self);
    enum qp_status status = qp_await(qp_timeout_join_ms(10, &handle, &result));
    QP_ASSERT_TIME(qp_now(), qp_milliseconds(10));
    QP_ASSERT(status == QP_OK || status == QP_TIMEOUT);
    QP_ASSERT_EQ(handle.task != NULL, status == QP_TIMEOUT);
    if (status == QP_TIMEOUT)
        QP_ASSERT_EQ(qp_await(qp_join(&handle, &result)), QP_OK);
    QP_ASSERT_EQ(result.value, 42);
    QP_ASSERT_EQ(self.dropped, 0);
}

static void ignore_wake(struct qp_waker *waker)
{
    (void)waker;
}

static struct qp_waker *same_waker(struct qp_waker *waker)
{
    return waker;
}

static const struct qp_waker_ops ignoring_ops = {ignore_wake, same_waker, ignore_wake};

/* A timeout_join that is polled by hand, and its task's job; main's to give back. */
struct by_hand {
    struct qp_waker waker;
    struct qp_timeout_join_future join;
    struct qp_handle handle;
    struct job job;
    struct result result;
};

static void by_hand_end(void *arg)
{
    struct by_hand *self = arg;
    qp_future_drop(&self->join.future);
    free(self);
}

QP_SCENARIO(time_timeout_join_polled_late, "a result that is there at the poll wins, even long after the deadline")
{
    struct by_hand *self = calloc(1, sizeof *self);
    QP_ASSERT(self);
    self->waker.ops = &ignoring_ops;
    self->job.takes_ms = 20;
    self->handle = spawn_job(&self->job);
    qp_timeout_join_init(&self->join, qp_milliseconds(10), &self->handle, &self->result);
    QP_ASSERT_EQ(qp_defer(by_hand_end, self), QP_OK);
    QP_ASSERT_EQ(qp_future_poll(&self->join.future, &self->waker), QP_PENDING);
    qp_await(qp_sleep_ms(30));
    QP_ASSERT_EQ(qp_future_poll(&self->join.future, &self->waker), QP_OK);
    QP_ASSERT_EQ(self->result.value, 42);
}

/* ---- the wait is cancelled ---- */

QP_SCENARIO(time_timeout_join_cancelled,
            "a timeout around the wait drops the handle: the task goes on, its result is dropped")
{
    struct job self = {.takes_ms = 20};
    struct qp_handle handle = spawn_job(&self);
    QP_ASSERT_EQ(qp_await(qp_timeout_ms(5, qp_timeout_join_ms(10, &handle, NULL))), QP_TIMEOUT);
    QP_ASSERT(!handle.task);
    QP_ASSERT(!self.finished);
    qp_await(qp_sleep_ms(20));
    QP_ASSERT(self.finished);
    QP_ASSERT_EQ(self.dropped, 1);
}

QP_SCENARIO(time_timeout_join_lost_race, "a handle that is dropped with a lost race detaches its task")
{
    struct job self = {.takes_ms = 20};
    struct qp_handle handle = spawn_job(&self);
    size_t winner = 9;
    QP_ASSERT_EQ(qp_await(qp_race(&winner, qp_arm(qp_timeout_join_ms(10, &handle, NULL)), qp_arm(qp_sleep_ms(5)))),
                 QP_OK);
    QP_ASSERT_EQ(winner, 1);
    QP_ASSERT(!handle.task);
    qp_await(qp_sleep_ms(20));
    QP_ASSERT(self.finished);
    QP_ASSERT_EQ(self.dropped, 1);
}
