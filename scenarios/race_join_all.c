/*
 * join_all: waiting for all of several futures.
 *
 * Property: it is ready when the last is, with every status; its own is that of the first in order that failed,
 * whenever that was. Cancelled, it drops those that are pending, and tasks among them go on detached.
 */
#include <quipu/quipu.h>

enum { JOBS = 3 };

struct job {
    int64_t takes_ms;
    bool panics, finished;
    int value;
};

static void job(void *arg)
{
    struct job *self = arg;
    qp_await(qp_sleep_ms(self->takes_ms));
    if (self->panics)
        qp_panic("job failed");
    self->finished = true;
    qp_return(&self->value);
}

static struct qp_handle spawn_job(struct job *self)
{
    struct qp_task_options options = {.name = "job", .result = &qp_int};
    return qp_spawn_with(job, self, &options);
}

QP_SCENARIO(join_all, "all results, in the time of the slowest, in whatever order they come")
{
    struct job jobs[JOBS] = {{.takes_ms = 30, .value = 1}, {.takes_ms = 10, .value = 2}, {.takes_ms = 10, .value = 3}};
    struct qp_handle handles[JOBS];
    struct qp_join_future joins[JOBS];
    struct qp_future *futures[JOBS];
    enum qp_status statuses[JOBS];
    int results[JOBS], i;
    for (i = 0; i < JOBS; i++) {
        handles[i] = spawn_job(&jobs[i]);
        futures[i] = qp_join_init(&joins[i], &handles[i], &results[i]);
    }
    QP_ASSERT_EQ(qp_await(qp_join_all(futures, statuses, JOBS)), QP_OK);
    for (i = 0; i < JOBS; i++) {
        QP_ASSERT_EQ(statuses[i], QP_OK);
        QP_ASSERT_EQ(results[i], i + 1);
    }
    QP_ASSERT_TIME(qp_now(), qp_milliseconds(30));
}

QP_SCENARIO(join_all_failures, "one failure does not end the wait; the first in order that failed is what it answers")
{
    struct job returns = {.takes_ms = 30}, panics = {.takes_ms = 10, .panics = true};
    struct qp_handle returning = spawn_job(&returns), panicking = spawn_job(&panics);
    struct qp_future *futures[] = {qp_join(&returning, NULL), qp_timeout_ms(20, qp_sleep_ms(40)),
                                   qp_join(&panicking, NULL)};
    enum qp_status statuses[3];
    QP_ASSERT_EQ(qp_await(qp_join_all(futures, statuses, 3)), QP_TIMEOUT); /* not QP_PANICKED, which came earlier */
    QP_ASSERT_EQ(statuses[0], QP_OK);
    QP_ASSERT_EQ(statuses[1], QP_TIMEOUT);
    QP_ASSERT_EQ(statuses[2], QP_PANICKED);
    QP_ASSERT(returns.finished);
    QP_ASSERT_TIME(qp_now(), qp_milliseconds(30));
}

QP_SCENARIO(join_all_of_none, "all of nothing is there at once")
{
    QP_ASSERT_EQ(qp_await(qp_join_all(NULL, NULL, 0)), QP_OK);
    QP_ASSERT_TIME(qp_now(), 0);
}

struct operation {
    int64_t takes_ms;
    bool finished, released;
};

static void release(void *arg)
{
    ((struct operation *)arg)->released = true;
}

static void operation(void *arg)
{
    struct operation *self = arg;
    QP_ASSERT_EQ(qp_defer(release, self), QP_OK);
    qp_await(qp_sleep_ms(self->takes_ms));
    self->finished = true;
}

QP_SCENARIO(join_all_cancelled, "cancelled, it drops what is pending: functions end, tasks go on, what is done is done")
{
    struct operation done = {.takes_ms = 5}, pending = {.takes_ms = 30};
    struct job spawned = {.takes_ms = 30};
    struct qp_handle handle = spawn_job(&spawned);
    struct qp_future *futures[] = {qp_async(operation, &done), qp_async(operation, &pending), qp_join(&handle, NULL)};
    QP_ASSERT_EQ(qp_await(qp_timeout_ms(10, qp_join_all(futures, NULL, 3))), QP_TIMEOUT);
    QP_ASSERT(done.finished && done.released);
    QP_ASSERT(!pending.finished && pending.released);
    qp_await(qp_sleep_ms(25));
    QP_ASSERT(!pending.finished && spawned.finished);
}
