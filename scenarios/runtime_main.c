/*
 * The runtime of a program that awaits.
 *
 * Property: main runs on it without having made it; the clock is virtual and starts at 0; draws are below their bound.
 * When nothing can run any more the run ends in a deadlock that says who waits where and for what.
 */
#include <quipu/quipu.h>
#include <string.h>

static void look_around(void *arg)
{
    uint64_t *id = arg;
    *id = qp_task_id();
}

QP_SCENARIO(runtime_main, "main is task 1 of a runtime that is there by itself, and others come after it")
{
    uint64_t id = 0;
    struct qp_handle handle;
    QP_ASSERT_EQ(qp_task_id(), 1);
    QP_ASSERT(strcmp(qp_task_name(), "main") == 0);
    QP_ASSERT_TIME(qp_now(), 0);
    handle = qp_spawn(look_around, &id);
    QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), QP_OK);
    QP_ASSERT_EQ(id, 2);
    QP_ASSERT_EQ(qp_await(qp_async(look_around, &id)), QP_OK); /* in place: no task of its own */
    QP_ASSERT_EQ(id, 1);
}

QP_SCENARIO(runtime_random, "a draw is below its bound, and a bound of one leaves no choice")
{
    QP_ASSERT_EQ(qp_random(1), 0);
    QP_ASSERT(qp_random(2) < 2);
    QP_ASSERT(qp_random(1000) < 1000);
    QP_ASSERT(qp_random((uint64_t)1 << 40) < (uint64_t)1 << 40);
}

/* ---- deadlock ---- */

static void wait_for_message(void *arg)
{
    int value;
    qp_await(qp_recv(arg, &value));
}

QP_SCENARIO(runtime_deadlock_channel, "a wait that nobody can end is reported with what it waits for")
{
    struct qp_sender *tx;
    struct qp_receiver *rx;
    struct qp_handle handle;
    qp_expect(QP_DEADLOCK, "for recv of channel 'orders', of which task 1 'main' holds a sender");
    QP_ASSERT_EQ(qp_channel_create(&qp_int, 1, &tx, &rx), QP_OK);
    qp_channel_name(tx, "orders");
    handle = qp_spawn(wait_for_message, rx);
    qp_receiver_give(rx, &handle);
    qp_await(qp_join(&handle, NULL)); /* before anything is sent */
}

static void wait_for_ever(void *arg)
{
    (void)arg;
    qp_await(qp_sleep_ns(QP_NEVER));
}

QP_SCENARIO(runtime_deadlock_join, "a join of a task that never ends is reported with that task")
{
    struct qp_handle handle = qp_spawn(wait_for_ever, NULL);
    qp_expect(QP_DEADLOCK, "for task 2 'wait_for_ever'");
    qp_await(qp_join(&handle, NULL));
}
