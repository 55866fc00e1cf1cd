/*
 * Handles.
 *
 * Property: dropping a handle detaches its task, whose result is then dropped once, whenever it comes. A handle can
 * move to another task, which joins it. A task is finished from the moment its result or error is there.
 */
#include <quipu/quipu.h>
#include <stdlib.h>

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
    qp_return(&result);
    qp_await(qp_sleep_ms(self->takes_ms));
    if (self->panics)
        qp_panic("job failed");
    self->finished = true;
}

static struct qp_handle spawn_job(struct job *self)
{
    struct qp_task_options options = {.name = "job", .result = &result_type};
    return qp_spawn_with(job, self, &options);
}

/* ---- dropped ---- */

QP_SCENARIO(task_handle_drop,
            "a detached task goes on; its result is dropped when the task ends, or now if it has ended")
{
    struct job running = {.takes_ms = 20}, over = {.takes_ms = 5};
    struct qp_handle handles[2] = {spawn_job(&running), spawn_job(&over)};
    qp_await(qp_sleep_ms(10));
    QP_ASSERT(over.finished && over.dropped == 0);
    qp_handle_drop(&handles[1]);
    QP_ASSERT_EQ(over.dropped, 1);
    qp_handle_drop(&handles[0]);
    QP_ASSERT(!handles[0].task && !running.finished && running.dropped == 0);
    qp_await(qp_sleep_ms(15));
    QP_ASSERT(running.finished && running.dropped == 1);
    qp_handle_drop(&handles[0]); /* nothing for an empty one */
    QP_ASSERT(running.dropped == 1 && over.dropped == 1);
}

static void forget_handle(void *arg)
{
    struct qp_handle handle = spawn_job(arg);
    QP_ASSERT(handle.task);
}

QP_SCENARIO(task_handle_forgotten, "a handle that goes out of its function's hands detaches by itself")
{
    struct job self = {.takes_ms = 10};
    QP_ASSERT_EQ(qp_await(qp_async(forget_handle, &self)), QP_OK);
    qp_await(qp_sleep_ms(15));
    QP_ASSERT(self.finished && self.dropped == 1);
}

/* ---- finished ---- */

QP_SCENARIO(task_is_finished, "true once the result or the error is there, and not before; false for an empty handle")
{
    struct job returns = {.takes_ms = 10}, panics = {.takes_ms = 10, .panics = true}, aborted = {.takes_ms = 30};
    struct qp_handle handles[3] = {spawn_job(&returns), spawn_job(&panics), spawn_job(&aborted)};
    struct qp_handle empty = {0};
    qp_await(qp_sleep_ms(5));
    QP_ASSERT(!qp_is_finished(&handles[0]) && !qp_is_finished(&handles[1]));
    qp_await(qp_sleep_ms(10));
    QP_ASSERT(qp_is_finished(&handles[0]) && qp_is_finished(&handles[1]));
    qp_abort(&handles[2]);
    QP_ASSERT(!qp_is_finished(&handles[2])); /* asked for, and not yet done */
    qp_await(qp_sleep_ms(1));
    QP_ASSERT(qp_is_finished(&handles[2]));
    QP_ASSERT(!qp_is_finished(&empty));
    QP_ASSERT_EQ(qp_await(qp_join(&handles[0], NULL)), QP_OK);
    QP_ASSERT(!qp_is_finished(&handles[0]));
}

/* ---- given away ---- */

struct joiner {
    struct qp_handle handle; /* of the job */
    struct result result;
};

static void join_given(void *arg)
{
    struct joiner *self = arg;
    QP_ASSERT_EQ(qp_await(qp_join(&self->handle, &self->result)), QP_OK);
}

QP_SCENARIO(task_handle_given, "a handle that was given to another task is joined there, or detached with it")
{
    struct job joined = {.takes_ms = 10}, detached = {.takes_ms = 10};
    struct joiner self = {.handle = spawn_job(&joined)}, other = {.handle = spawn_job(&detached)};
    struct qp_handle joining = qp_spawn(join_given, &self), aborted = qp_spawn(join_given, &other);
    qp_handle_give(&self.handle, &joining);
    qp_handle_give(&other.handle, &aborted);
    qp_abort(&aborted);
    QP_ASSERT_EQ(qp_await(qp_join(&joining, NULL)), QP_OK);
    QP_ASSERT_EQ(self.result.value, 42);
    QP_ASSERT_EQ(qp_await(qp_join(&aborted, NULL)), QP_CANCELLED);
    qp_await(qp_sleep_ms(5));
    QP_ASSERT(joined.finished && joined.dropped == 0);
    QP_ASSERT(detached.finished && detached.dropped == 1);
}
