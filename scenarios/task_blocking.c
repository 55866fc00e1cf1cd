/*
 * Blocking work.
 *
 * Property: it runs once, beside the tasks, and its handle is like any other. An abort prevents it only while it is
 * queued; once started it finishes on its own and gives its result. The clock stands still while it is under way,
 * unless it says how long it takes.
 */
#include <inttypes.h>
#include <quipu/quipu.h>
#include <stdio.h>
#include <string.h>

struct result {
    int value;
    int *dropped;
};

static void result_drop(void *value)
{
    ++*((struct result *)value)->dropped;
}

static const struct qp_type result_type = QP_TYPE_DROP(struct result, result_drop);

struct work {
    int64_t takes_ms;
    bool panics;
    int runs, released, dropped;
};

static void count_released(void *arg)
{
    ((struct work *)arg)->released++;
}

static void work(void *arg)
{
    struct work *self = arg;
    struct result result = {42, &self->dropped};
    self->runs++;
    if (self->takes_ms > 0)
        qp_blocking_takes_ms(self->takes_ms);
    if (self->panics)
        qp_panic("cannot divide %d by zero", result.value);
    qp_return(&result);
}

static struct qp_handle spawn_work(struct work *self)
{
    struct qp_task_options options = {.name = "work", .result = &result_type, .drop = count_released};
    return qp_spawn_blocking_with(work, self, &options);
}

/* ---- result and error ---- */

QP_TIMED(task_spawn_blocking, "that the work has not run before anybody waits")
QP_SCENARIO(task_spawn_blocking, "blocking work gives its result like a task, and by then what it captured is released")
{
    struct work self = {0};
    struct result result = {0, NULL};
    struct qp_handle handle = spawn_work(&self);
    QP_ASSERT_TIMED(self.runs == 0);
    QP_ASSERT_EQ(qp_await(qp_join(&handle, &result)), QP_OK);
    QP_ASSERT_EQ(result.value, 42);
    QP_ASSERT(self.runs == 1 && self.released == 1 && self.dropped == 0);
    QP_ASSERT_TIME(qp_now(), 0); /* the clock stood still */
}

QP_SCENARIO(task_spawn_blocking_panics, "a panic in blocking work is a join error, and nobody else's")
{
    struct work panics = {.panics = true}, returns = {0};
    struct qp_handle handles[2] = {spawn_work(&panics), spawn_work(&returns)};
    char message[80];
    snprintf(message, sizeof message, "task %" PRIu64 " panicked with message \"cannot divide 42 by zero\"",
             handles[0].id);
    QP_ASSERT_EQ(qp_await(qp_join(&handles[0], NULL)), QP_PANICKED);
    QP_ASSERT(strcmp(qp_error_message(), message) == 0);
    QP_ASSERT_EQ(qp_await(qp_join(&handles[1], NULL)), QP_OK);
    QP_ASSERT(panics.released == 1 && panics.dropped == 0);
    QP_ASSERT(returns.released == 1 && returns.dropped == 1);
}

/* ---- beside the tasks ---- */

struct ticks {
    int64_t count;
    int64_t last_ns;
};

static void tick(void *arg)
{
    struct ticks *self = arg;
    for (self->count = 0; self->count < 5; self->count++) {
        qp_await(qp_sleep_ms(10));
        self->last_ns = qp_now();
    }
}

QP_TIMED(task_spawn_blocking_beside_tasks, "how often the others run meanwhile")
QP_SCENARIO(task_spawn_blocking_beside_tasks, "tasks run while blocking work is under way, for as long as that says")
{
    struct ticks ticks = {0, 0};
    struct work self = {.takes_ms = 45};
    struct qp_handle ticking = qp_spawn(tick, &ticks), handle = spawn_work(&self);
    QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), QP_OK);
    QP_ASSERT_TIME(qp_now(), qp_milliseconds(45));
    QP_ASSERT_TIMED(ticks.count == 4);
    QP_ASSERT_EQ(qp_await(qp_join(&ticking, NULL)), QP_OK);
    QP_ASSERT_TIME(ticks.last_ns, qp_milliseconds(50));
}

static void yield_many_times(void *arg)
{
    int *yields = arg;
    for (*yields = 0; *yields < 5; ++*yields)
        qp_await(qp_yield());
}

QP_TIMED(task_spawn_blocking_stops_the_clock, "that it is over within a millisecond")
QP_SCENARIO(task_spawn_blocking_stops_the_clock, "no deadline comes while work is under way that says nothing of time")
{
    struct work self = {0};
    struct qp_handle handle = spawn_work(&self), yielding;
    int yields = 0;
    yielding = qp_spawn(yield_many_times, &yields);
    enum qp_status status = qp_await(qp_timeout_join_ms(1, &handle, NULL));
    QP_ASSERT_TIMED(status == QP_OK);
    QP_ASSERT_EQ(status == QP_TIMEOUT ? qp_await(qp_join(&handle, NULL)) : status, QP_OK);
    QP_ASSERT_TIME(qp_now(), 0);
    QP_ASSERT_EQ(qp_await(qp_join(&yielding, NULL)), QP_OK);
    QP_ASSERT_EQ(yields, 5);
}

/* ---- abort ---- */

QP_TIMED(task_abort_blocking_queued, "that the work has not started before the abort")
QP_SCENARIO(task_abort_blocking_queued, "aborted while it is queued it never runs, and its join is cancelled")
{
    struct work self = {0};
    struct qp_handle handle = spawn_work(&self);
    qp_abort(&handle);
    qp_abort(&handle);
    enum qp_status status = qp_await(qp_join(&handle, NULL));
    QP_ASSERT_TIMED(status == QP_CANCELLED);
    QP_ASSERT_EQ(self.runs, status == QP_OK);
    QP_ASSERT(self.released == 1 && self.dropped == self.runs);
}

QP_TIMED(task_abort_blocking_started, "that the work has started, and is not over, half its time later")
QP_SCENARIO(task_abort_blocking_started,
            "aborted after it has started it finishes, and its result is what the handle gives")
{
    struct work self = {.takes_ms = 10};
    struct result result = {0, NULL};
    struct qp_handle handle = spawn_work(&self);
    qp_await(qp_sleep_ms(5)); /* the clock moves only when it has started */
    QP_ASSERT_TIMED(!qp_is_finished(&handle));
    qp_abort(&handle);
    enum qp_status status = qp_await(qp_join(&handle, &result));
    QP_ASSERT_TIMED(status == QP_OK);
    QP_ASSERT_EQ(self.runs, status == QP_OK);
    QP_ASSERT_EQ(result.value, status == QP_OK ? 42 : 0);
    QP_ASSERT(self.released == 1 && self.dropped == 0);
    QP_ASSERT_TIME(qp_now(), qp_milliseconds(status == QP_OK ? 10 : 5));
}

QP_SCENARIO(task_abort_blocking_anytime, "aborted at some time it has run and gives its result, or neither")
{
    struct work self = {0};
    struct result result = {0, NULL};
    struct qp_handle handle = spawn_work(&self);
    enum qp_status status;
    qp_await(qp_yield());
    qp_abort(&handle);
    status = qp_await(qp_join(&handle, &result));
    QP_ASSERT(status == QP_OK || status == QP_CANCELLED);
    QP_ASSERT_EQ(self.runs, status == QP_OK);
    QP_ASSERT_EQ(result.value, status == QP_OK ? 42 : 0);
    QP_ASSERT(self.released == 1 && self.dropped == 0);
}

/* ---- detached ---- */

QP_TIMED(task_handle_drop_blocking, "that the work is not over half its time later")
QP_SCENARIO(task_handle_drop_blocking, "work whose handle is dropped is done all the same, and its result is dropped")
{
    struct work queued = {.takes_ms = 10}, started = {.takes_ms = 10};
    struct qp_handle handles[2] = {spawn_work(&started), {0}};
    qp_await(qp_sleep_ms(5));
    qp_handle_drop(&handles[0]);
    QP_ASSERT_TIMED(started.dropped == 0);
    handles[1] = spawn_work(&queued);
    qp_handle_drop(&handles[1]);
    qp_await(qp_sleep_ms(100));
    QP_ASSERT(started.runs == 1 && started.released == 1 && started.dropped == 1);
    QP_ASSERT(queued.runs == 1 && queued.released == 1 && queued.dropped == 1);
}
