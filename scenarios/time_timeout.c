/*
 * Timeouts.
 *
 * Property: a timeout gives what its future gives, or QP_TIMEOUT exactly at the deadline. The future is polled before
 * the deadline is looked at, so a result that is there at the deadline wins, and zero polls once. On expiry, and when
 * the timeout is itself cancelled, the future has let go of everything before anybody hears of it.
 */
#include <quipu/quipu.h>
#include <stdlib.h>
#include <string.h>

/* ---- what is waited for ---- */

struct operation {
    int64_t takes_ms;
    bool begun, finished, released;
};

static void release(void *arg)
{
    ((struct operation *)arg)->released = true;
}

static void operation(void *arg)
{
    struct operation *self = arg;
    QP_ASSERT_EQ(qp_defer(release, self), QP_OK);
    self->begun = true;
    qp_await(qp_sleep_ms(self->takes_ms));
    self->finished = true;
}

/* ---- value or error ---- */

QP_SCENARIO(time_timeout, "the result before the deadline, or the error at the deadline")
{
    struct operation in_time = {.takes_ms = 9}, late = {.takes_ms = 11};
    QP_ASSERT_EQ(qp_await(qp_timeout_ms(10, qp_async(operation, &in_time))), QP_OK);
    QP_ASSERT(in_time.finished);
    QP_ASSERT_TIME(qp_now(), qp_milliseconds(9));
    QP_ASSERT_EQ(qp_await(qp_timeout_ms(10, qp_async(operation, &late))), QP_TIMEOUT);
    QP_ASSERT(strcmp(qp_error_message(), "operation timed out") == 0);
    QP_ASSERT_TIME(qp_now(), qp_milliseconds(9 + 10));
}

QP_SCENARIO(time_timeout_passes_errors, "what the future itself answers passes through, its errors too")
{
    struct qp_sender *tx;
    struct qp_receiver *rx;
    int value = 1;
    QP_ASSERT_EQ(qp_channel_create(&qp_int, 1, &tx, &rx), QP_OK);
    qp_sender_drop(tx);
    QP_ASSERT_EQ(qp_await(qp_timeout_ms(10, qp_recv(rx, &value))), QP_CLOSED);
    QP_ASSERT(strcmp(qp_error_message(), "channel closed: no more messages") == 0);
    QP_ASSERT_EQ(value, 1);
    QP_ASSERT_EQ(qp_await(qp_timeout_ms(10, NULL)), QP_INVALID);
    QP_ASSERT_TIME(qp_now(), 0);
}

QP_SCENARIO(time_timeout_zero, "zero, or less, polls the future once: one that is ready wins, another is cancelled")
{
    struct operation slow = {.takes_ms = 10};
    struct qp_sender *tx;
    struct qp_receiver *rx;
    int value = 5, received = 0;
    QP_ASSERT_EQ(qp_channel_create(&qp_int, 1, &tx, &rx), QP_OK);
    QP_ASSERT_EQ(qp_await(qp_timeout_ms(0, qp_recv(rx, &received))), QP_TIMEOUT);
    QP_ASSERT_EQ(qp_await(qp_timeout(-1.0, qp_send(tx, &value))), QP_OK);
    QP_ASSERT_EQ(qp_await(qp_timeout_ms(0, qp_recv(rx, &received))), QP_OK);
    QP_ASSERT_EQ(received, 5);
    QP_ASSERT_EQ(qp_await(qp_timeout_ms(0, qp_async(operation, &slow))), QP_TIMEOUT);
    QP_ASSERT(slow.begun && slow.released && !slow.finished);
    QP_ASSERT_TIME(qp_now(), 0);
}

/* ---- at the deadline ---- */

QP_SCENARIO(time_timeout_result_at_deadline_wins,
            "a result that is ready at the deadline wins, whichever timer is first")
{
    size_t winner = 9;
    QP_ASSERT_EQ(qp_await(qp_timeout_ms(10, qp_sleep_ms(10))), QP_OK);
    QP_ASSERT_EQ(qp_await(qp_timeout_ms(10, qp_race(&winner, qp_arm(qp_sleep_ms(20)), qp_arm(qp_sleep_ms(10))))),
                 QP_OK);
    QP_ASSERT_EQ(winner, 1);
    QP_ASSERT_TIME(qp_now(), qp_milliseconds(20));
}

static void send_at_10_ms(void *arg)
{
    int value = 5;
    qp_await(qp_sleep_ms(10));
    QP_ASSERT_EQ(qp_await(qp_send(arg, &value)), QP_OK);
}

QP_SCENARIO(time_timeout_tie_loses_nothing, "a value sent at the deadline is received, or stays to be received")
{
    struct qp_sender *tx;
    struct qp_receiver *rx;
    struct qp_handle sending;
    enum qp_status status;
    int value = 0;
    QP_ASSERT_EQ(qp_channel_create(&qp_int, 1, &tx, &rx), QP_OK);
    sending = qp_spawn(send_at_10_ms, tx);
    qp_sender_give(tx, &sending);
    status = qp_await(qp_timeout_ms(10, qp_recv(rx, &value)));
    QP_ASSERT_TIME(qp_now(), qp_milliseconds(10));
    QP_ASSERT(status == QP_OK || status == QP_TIMEOUT);
    if (status == QP_TIMEOUT)
        QP_ASSERT_EQ(qp_await(qp_recv(rx, &value)), QP_OK);
    QP_ASSERT_EQ(value, 5);
    QP_ASSERT_EQ(qp_await(qp_recv(rx, &value)), QP_CLOSED);
}

/* ---- a poll that comes late ---- */

static void ignore_wake(struct qp_waker *waker)
{
    (void)waker;
}

static struct qp_waker *same_waker(struct qp_waker *waker)
{
    return waker;
}

static const struct qp_waker_ops ignoring_ops = {ignore_wake, same_waker, ignore_wake};

/* A timeout that is polled by hand; main's to give back, after the last drop. */
struct by_hand {
    struct qp_waker waker;
    struct qp_sleep_future sleep;
    struct qp_timeout_future timeout;
};

static void by_hand_end(void *arg)
{
    struct by_hand *self = arg;
    qp_future_drop(&self->timeout.future);
    free(self);
}

static struct by_hand *by_hand_new(int64_t sleep_ms, int64_t timeout_ms)
{
    struct by_hand *self = calloc(1, sizeof *self);
    QP_ASSERT(self);
    self->waker.ops = &ignoring_ops;
    qp_timeout_init(&self->timeout, qp_milliseconds(timeout_ms),
                    qp_sleep_init(&self->sleep, qp_milliseconds(sleep_ms)));
    QP_ASSERT_EQ(qp_defer(by_hand_end, self), QP_OK);
    return self;
}

QP_SCENARIO(time_timeout_polled_late, "a result that came after the deadline still wins if it is there at the poll")
{
    struct by_hand *has_result = by_hand_new(20, 10), *has_none = by_hand_new(40, 10);
    QP_ASSERT_EQ(qp_future_poll(&has_result->timeout.future, &has_result->waker), QP_PENDING);
    QP_ASSERT_EQ(qp_future_poll(&has_none->timeout.future, &has_none->waker), QP_PENDING);
    qp_await(qp_sleep_ms(30));
    QP_ASSERT_EQ(qp_future_poll(&has_result->timeout.future, &has_result->waker), QP_OK);
    QP_ASSERT_EQ(qp_future_poll(&has_none->timeout.future, &has_none->waker), QP_TIMEOUT);
}

/* ---- cancellation ---- */

QP_SCENARIO(time_timeout_releases_first, "on expiry the future has released all before the error can be seen")
{
    struct operation slow = {.takes_ms = 20};
    QP_ASSERT_EQ(qp_await(qp_timeout_ms(10, qp_async(operation, &slow))), QP_TIMEOUT);
    QP_ASSERT(slow.begun && slow.released);
    qp_await(qp_sleep_ms(20));
    QP_ASSERT(!slow.finished);
}

QP_SCENARIO(time_timeout_cancelled, "cancelling a timeout cancels its future; the nearest deadline of several decides")
{
    struct operation slow = {.takes_ms = 30};
    QP_ASSERT_EQ(qp_await(qp_timeout_ms(10, qp_timeout_ms(20, qp_async(operation, &slow)))), QP_TIMEOUT);
    QP_ASSERT(slow.begun && slow.released && !slow.finished);
    QP_ASSERT_TIME(qp_now(), qp_milliseconds(10));
    QP_ASSERT_EQ(qp_await(qp_timeout_ms(20, qp_timeout_ms(10, qp_async(operation, &slow)))), QP_TIMEOUT);
    QP_ASSERT_TIME(qp_now(), qp_milliseconds(20));
    qp_await(qp_sleep_ms(40)); /* no deadline is left to disturb this */
    QP_ASSERT_TIME(qp_now(), qp_milliseconds(60));
    QP_ASSERT(!slow.finished);
}

static void wait_with_timeout(void *arg)
{
    qp_await(qp_timeout_ms(100, qp_async(operation, arg)));
}

QP_SCENARIO(time_timeout_aborted, "aborting a task that waits with a timeout cancels what it waits for")
{
    struct operation slow = {.takes_ms = 50};
    struct qp_handle handle = qp_spawn(wait_with_timeout, &slow);
    qp_await(qp_sleep_ms(10));
    qp_abort(&handle);
    QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), QP_CANCELLED);
    QP_ASSERT(slow.begun && slow.released && !slow.finished);
    QP_ASSERT_TIME(qp_now(), qp_milliseconds(10));
}
