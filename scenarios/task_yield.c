/*
 * Yielding.
 *
 * Property: a yield suspends exactly once and takes no time. Between two yields no other task runs; at each, any may.
 * (That a task which yields goes behind those already ready is the order of the real environment; in simulation whoever
 * is ready may be next, so nothing here relies on it.)
 */
#include <quipu/quipu.h>
#include <stdlib.h>

/* ---- once ---- */

static void count_wake(struct qp_waker *waker);
static struct qp_waker *same_waker(struct qp_waker *waker);
static void forget_waker(struct qp_waker *waker);

static const struct qp_waker_ops counter_ops = {count_wake, same_waker, forget_waker};

struct counter {
    struct qp_waker waker;
    int wakes;
};

static void count_wake(struct qp_waker *waker)
{
    ((struct counter *)waker)->wakes++;
}

static struct qp_waker *same_waker(struct qp_waker *waker)
{
    return waker;
}

static void forget_waker(struct qp_waker *waker)
{
    (void)waker;
}

QP_SCENARIO(task_yield_once, "a yield is not ready at its first poll, has its task polled again, and is ready then")
{
    struct counter counter = {{&counter_ops}, 0};
    struct qp_future *yield = qp_yield(), *cancelled = qp_yield();
    QP_ASSERT_EQ(qp_future_poll(yield, &counter.waker), QP_PENDING);
    QP_ASSERT_EQ(counter.wakes, 1);
    QP_ASSERT_EQ(qp_future_poll(yield, &counter.waker), QP_OK);
    QP_ASSERT_EQ(counter.wakes, 1);
    QP_ASSERT_EQ(qp_future_poll(cancelled, &counter.waker), QP_PENDING);
    qp_future_drop(cancelled);
}

/* ---- among others ---- */

struct turns {
    int64_t each; /* turns that every task takes */
    int64_t taken;
    uint64_t running; /* the task that has not yielded; 0: none */
};

static void take_turns(void *arg)
{
    struct turns *turns = arg;
    int64_t i;
    for (i = 0; i < turns->each; i++) {
        QP_ASSERT_EQ(turns->running, 0);
        turns->running = qp_task_id();
        turns->taken++;
        QP_ASSERT_EQ(turns->running, qp_task_id());
        turns->running = 0;
        QP_ASSERT_EQ(qp_await(qp_yield()), QP_OK);
    }
}

enum { TASKS = 3 };

QP_PARAM(task_yield_now, turns, 3)
QP_SCENARIO(task_yield_now, "tasks that yield take all their turns, one at a time, in no time")
{
    struct turns turns = {qp_param("turns"), 0, 0};
    struct qp_handle handles[TASKS];
    int i;
    for (i = 0; i < TASKS; i++)
        handles[i] = qp_spawn(take_turns, &turns);
    for (i = 0; i < TASKS; i++)
        QP_ASSERT_EQ(qp_await(qp_join(&handles[i], NULL)), QP_OK);
    QP_ASSERT_EQ(turns.taken, TASKS * turns.each);
    QP_ASSERT_TIME(qp_now(), 0);
}

/* ---- cancelled ---- */

static void yield_then_go_on(void *arg)
{
    qp_await(qp_yield());
    *(bool *)arg = true;
}

QP_SCENARIO(task_yield_cancelled, "a task that yielded and is aborted does not come back, although it was ready")
{
    bool went_on = false;
    QP_ASSERT_EQ(qp_await(qp_timeout_ms(0, qp_async(yield_then_go_on, &went_on))), QP_TIMEOUT);
    qp_await(qp_sleep_ms(1));
    QP_ASSERT(!went_on);
}
