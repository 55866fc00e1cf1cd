/*
 * Aborting.
 *
 * Property: an abort is a request. A task that has not begun never does; one that waits is dropped where it waits,
 * later and not inside the call; one that is running is cancelled only if it suspends; one that has ended is as it was.
 * Asking again changes nothing, and whatever the task had is released once.
 */
#include <quipu/quipu.h>
#include <stdlib.h>

struct job {
    int64_t takes_ms;
    bool begun, finished;
    int deferred, released; /* how often: what it acquired, what it captured */
};

static void count_deferred(void *arg)
{
    ((struct job *)arg)->deferred++;
}

static void count_released(void *arg)
{
    struct job *self = arg;
    QP_ASSERT_EQ(self->deferred, self->begun);
    self->released++;
}

static void job(void *arg)
{
    struct job *self = arg;
    int value = 42;
    self->begun = true;
    QP_ASSERT_EQ(qp_defer(count_deferred, self), QP_OK);
    qp_await(qp_sleep_ms(self->takes_ms));
    self->finished = true;
    qp_return(&value);
}

static struct qp_handle spawn_job(struct job *self)
{
    struct qp_task_options options = {.name = "job", .result = &qp_int, .drop = count_released};
    return qp_spawn_with(job, self, &options);
}

/* ---- at each moment of its life ---- */

QP_SCENARIO(task_abort_not_started, "a task that has not begun never does, and what it captured is released")
{
    struct job self = {.takes_ms = 10};
    struct qp_handle handle = spawn_job(&self);
    int value = 0;
    qp_abort(&handle);
    QP_ASSERT(!qp_is_finished(&handle));
    QP_ASSERT_EQ(qp_await(qp_join(&handle, &value)), QP_CANCELLED);
    QP_ASSERT(!self.begun && self.deferred == 0 && self.released == 1);
    QP_ASSERT_EQ(value, 0);
    QP_ASSERT_TIME(qp_now(), 0);
}

QP_SCENARIO(task_abort_suspended,
            "a task that waits is dropped there, after the call and not in it, and does not go on")
{
    struct job self = {.takes_ms = 10};
    struct qp_handle handle = spawn_job(&self);
    qp_await(qp_sleep_ms(5));
    QP_ASSERT(self.begun);
    qp_abort(&handle);
    QP_ASSERT(self.deferred == 0 && self.released == 0 && !qp_is_finished(&handle));
    QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), QP_CANCELLED);
    QP_ASSERT(self.deferred == 1 && self.released == 1);
    QP_ASSERT_TIME(qp_now(), qp_milliseconds(5));
    qp_await(qp_sleep_ms(20));
    QP_ASSERT(!self.finished);
}

QP_SCENARIO(task_abort_finished, "a task that has ended is as it was: joining it still gives the value")
{
    struct job self = {.takes_ms = 10};
    struct qp_handle handle = spawn_job(&self);
    int value = 0;
    qp_await(qp_sleep_ms(15));
    qp_abort(&handle);
    qp_await(qp_sleep_ms(5));
    qp_abort(&handle);
    QP_ASSERT_EQ(qp_await(qp_join(&handle, &value)), QP_OK);
    QP_ASSERT_EQ(value, 42);
    QP_ASSERT(self.deferred == 1 && self.released == 1);
}

QP_SCENARIO(task_abort_many_times, "asking several times is asking once")
{
    struct job not_started = {.takes_ms = 10}, suspended = {.takes_ms = 10};
    struct qp_handle handles[2] = {{0}, spawn_job(&suspended)};
    int i;
    qp_await(qp_sleep_ms(5));
    handles[0] = spawn_job(&not_started);
    for (i = 0; i < 3; i++) {
        qp_abort(&handles[0]);
        qp_abort(&handles[1]);
    }
    qp_await(qp_yield());
    qp_abort(&handles[0]);
    qp_abort(&handles[1]);
    QP_ASSERT_EQ(qp_await(qp_join(&handles[0], NULL)), QP_CANCELLED);
    QP_ASSERT_EQ(qp_await(qp_join(&handles[1], NULL)), QP_CANCELLED);
    QP_ASSERT(not_started.deferred == 0 && not_started.released == 1);
    QP_ASSERT(suspended.deferred == 1 && suspended.released == 1);
}

QP_SCENARIO(task_abort_at_the_end,
            "an abort that comes as the task ends: the value or the cancellation, and never half")
{
    struct job self = {.takes_ms = 10};
    struct qp_handle handle = spawn_job(&self);
    enum qp_status status;
    int value = 0;
    qp_await(qp_sleep_ms(10));
    qp_abort(&handle);
    status = qp_await(qp_join(&handle, &value));
    QP_ASSERT(status == QP_OK || status == QP_CANCELLED);
    QP_ASSERT_EQ(self.finished, status == QP_OK);
    QP_ASSERT_EQ(value, status == QP_OK ? 42 : 0);
    QP_ASSERT(self.deferred == self.begun && self.released == 1);
    QP_ASSERT_TIME(qp_now(), qp_milliseconds(10));
}

/* ---- while it is running ---- */

struct suicide {
    struct qp_handle handle; /* a copy: its own task's */
    bool suspends, went_on;
};

static void abort_itself(void *arg)
{
    struct suicide *self = arg;
    int value = 42;
    qp_abort(&self->handle);
    qp_abort(&self->handle);
    if (self->suspends) {
        qp_await(qp_yield());
        self->went_on = true;
    }
    qp_return(&value);
}

static struct qp_handle spawn_suicide(struct suicide *self)
{
    struct qp_task_options options = {.name = "abort_itself", .result = &qp_int};
    self->handle = qp_spawn_with(abort_itself, self, &options);
    return self->handle;
}

QP_SCENARIO(task_abort_running, "a running task is cancelled only if it suspends; if it returns, its value wins")
{
    struct suicide returns = {.suspends = false}, suspends = {.suspends = true};
    struct qp_handle handles[2];
    int value = 0;
    handles[0] = spawn_suicide(&returns);
    handles[1] = spawn_suicide(&suspends);
    QP_ASSERT_EQ(qp_await(qp_join(&handles[0], &value)), QP_OK);
    QP_ASSERT_EQ(value, 42);
    QP_ASSERT_EQ(qp_await(qp_join(&handles[1], &value)), QP_CANCELLED);
    QP_ASSERT(!suspends.went_on);
}

/* ---- what it waits for ---- */

static void receive_one(void *arg)
{
    int value;
    QP_ASSERT_EQ(qp_await(qp_recv(arg, &value)), QP_OK);
    QP_ASSERT_EQ(value, 7);
    qp_return(&value);
}

QP_SCENARIO(task_abort_woken,
            "a task that was woken for a value and is aborted before it runs leaves the value where it is")
{
    struct qp_task_options options = {.name = "receive_one", .result = &qp_int};
    struct qp_sender *tx;
    struct qp_receiver *rx;
    struct qp_handle handle;
    int value = 7;
    QP_ASSERT_EQ(qp_channel_create(&qp_int, 1, &tx, &rx), QP_OK);
    handle = qp_spawn_with(receive_one, rx, &options);
    qp_await(qp_sleep_ms(5));
    QP_ASSERT_EQ(qp_try_send(tx, &value), QP_OK);
    qp_abort(&handle);
    value = 0;
    QP_ASSERT_EQ(qp_await(qp_join(&handle, &value)), QP_CANCELLED);
    QP_ASSERT_EQ(qp_try_recv(rx, &value), QP_OK);
    QP_ASSERT_EQ(value, 7);
}

/* ---- from the outside in ---- */

struct nested {
    struct job *inner;
    bool inner_went_first;
};

static void look_at_inner(void *arg)
{
    struct nested *self = arg;
    self->inner_went_first = self->inner->deferred == 1;
}

static void await_inner(void *arg)
{
    struct nested *self = arg;
    QP_ASSERT_EQ(qp_defer(look_at_inner, self), QP_OK);
    qp_await(qp_timeout_ms(50, qp_async(job, self->inner)));
}

QP_SCENARIO(task_abort_nested, "what an aborted task waits for is dropped first, then what it owns itself")
{
    struct job inner = {.takes_ms = 40};
    struct nested self = {&inner, false};
    struct qp_task_options options = {.name = "await_inner", .result = &qp_int}; /* which its job returns */
    struct qp_handle handle = qp_spawn_with(await_inner, &self, &options);
    qp_await(qp_sleep_ms(5));
    qp_abort(&handle);
    QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), QP_CANCELLED);
    QP_ASSERT(inner.begun && !inner.finished && self.inner_went_first);
}
