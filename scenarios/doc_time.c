/*
 * The document's section "Time Primitives": sleep, timeout, timeout_join.
 *
 * Property: a sleep pauses its own task alone and ends when it said; an operation that is over in time gives its value,
 * and one that is not is cancelled at the deadline, before the caller hears of it; a task that is waited for too long
 * goes on, and its handle comes back alive.
 */
#include <inttypes.h>
#include <quipu/quipu.h>
#include <stdio.h>
#include <string.h>

/* Something else that goes on meanwhile. */
static void tick(void *arg)
{
    int *ticks = arg;
    while (*ticks < 4) {
        qp_await(qp_sleep_ms(400));
        ++*ticks;
    }
}

QP_SCENARIO(doc_sleep, "sleep pauses one task for as long as it says, in seconds or milliseconds")
{
    int ticks = 0;
    struct qp_handle ticker = qp_spawn(tick, &ticks);
    qp_await(qp_sleep(1.5)); /* sleep 1.5 seconds */
    QP_ASSERT_TIME(qp_now(), qp_milliseconds(1500));
    QP_ASSERT_EQ(ticks, 3);
    qp_await(qp_sleep_ms(500)); /* sleep 500 milliseconds */
    QP_ASSERT_TIME(qp_now(), qp_milliseconds(2000));
    QP_ASSERT_EQ(ticks, 4);
    qp_await(qp_join(&ticker, NULL));
}

struct operation {
    int64_t takes_ms;
    int value;
    bool released;
};

static void release(void *arg)
{
    ((struct operation *)arg)->released = true;
}

static void slow_operation(void *arg)
{
    struct operation *self = arg;
    QP_ASSERT_EQ(qp_defer(release, self), QP_OK);
    qp_await(qp_sleep_ms(self->takes_ms));
    self->value = 42;
}

QP_SCENARIO(doc_timeout, "an operation gives its value in time, or is cancelled at the deadline")
{
    struct operation in_time = {.takes_ms = 3000}, late = {.takes_ms = 8000};
    QP_ASSERT_EQ(qp_await(qp_timeout(5.0, qp_async(slow_operation, &in_time))), QP_OK);
    QP_ASSERT_EQ(in_time.value, 42);
    QP_ASSERT_TIME(qp_now(), qp_seconds(3.0));

    QP_ASSERT_EQ(qp_await(qp_timeout(5.0, qp_async(slow_operation, &late))), QP_TIMEOUT);
    QP_ASSERT(late.released); /* cancelled before we hear of it */
    QP_ASSERT_TIME(qp_now(), qp_seconds(8.0));
    qp_await(qp_sleep(10.0));
    QP_ASSERT_EQ(late.value, 0); /* and nothing of it runs afterwards */
}

struct audit_event {
    int64_t takes_ms;
    bool fails, written;
};

static void write_audit_event(void *arg)
{
    struct audit_event *event = arg;
    qp_await(qp_sleep_ms(event->takes_ms));
    if (event->fails)
        qp_panic("disk full");
    event->written = true;
}

QP_SCENARIO(doc_timeout_join, "a write that takes too long goes on, and can be waited for again")
{
    struct audit_event quick = {.takes_ms = 200}, failing = {.takes_ms = 200, .fails = true}, slow = {.takes_ms = 3000};
    struct qp_handle handle, remembered;
    char message[64];

    handle = qp_spawn(write_audit_event, &quick);
    QP_ASSERT_EQ(qp_await(qp_timeout_join(1.0, &handle, NULL)), QP_OK); /* Completed */
    QP_ASSERT(quick.written);

    handle = qp_spawn(write_audit_event, &failing);
    snprintf(message, sizeof message, "task %" PRIu64 " panicked with message \"disk full\"", handle.id);
    QP_ASSERT_EQ(qp_await(qp_timeout_join(1.0, &handle, NULL)), QP_PANICKED); /* JoinFailed(err) */
    QP_ASSERT(strcmp(qp_error_message(), message) == 0);

    handle = qp_spawn(write_audit_event, &slow);
    QP_ASSERT_EQ(qp_await(qp_timeout_join(1.0, &handle, NULL)), QP_TIMEOUT); /* TimedOut(live_handle) */
    QP_ASSERT(!slow.written);
    remembered = handle;
    QP_ASSERT_EQ(qp_await(qp_join(&remembered, NULL)), QP_OK);
    QP_ASSERT(slow.written);
    QP_ASSERT_TIME(qp_now(), qp_milliseconds(200 + 200 + 3000));
}
