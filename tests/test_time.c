/*
 * Time: sleep, timeout, timeout_join, and the timers beneath them.
 *
 * State: the story of the run under way, as in test_task.c. Time is virtual, so each expectation is exact.
 */
#include "scheduler/runtime.h"
#include "tests/child.h"
#include "tests/support.h"
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static char story[512];
static int drops;

static void begin(void)
{
    story[0] = '\0';
    drops = 0;
}

static void note(const char *word)
{
    size_t length = strlen(story);
    snprintf(story + length, sizeof story - length, "%s%s", length ? " " : "", word);
}

static void note_word(void *word)
{
    note(word);
}

static void story_is(const struct qp_site *site, const char *expected)
{
    if (strcmp(story, expected) != 0)
        qp_fail(site, "the story is \"%s\" and not \"%s\"", story, expected);
}
#define STORY(expected) story_is(QP_SITE("story"), (expected))

static void message_is(const struct qp_site *site, const char *expected)
{
    if (strcmp(qp_error_message(), expected) != 0)
        qp_fail(site, "the message is '%s' and not '%s'", qp_error_message(), expected);
}
#define MESSAGE(expected) message_is(QP_SITE("message"), (expected))

static void drop_counted(void *value)
{
    (void)value;
    drops++;
}
static const struct qp_type counted = QP_TYPE_DROP(int, drop_counted);
static const struct qp_task_options gives_counted = {.name = "giver", .result = &counted};

#define MS(milliseconds) qp_milliseconds(milliseconds)

/* Whether the future is ready at its first poll. */
static bool ready_at_once(struct qp_future *future)
{
    struct counting_waker waker;
    bool ready;
    counting_waker_init(&waker);
    ready = qp_future_poll(future, &waker.waker) != QP_PENDING;
    qp_future_drop(future);
    return ready;
}

/* ---- durations ---- */

static void test_durations_to_the_nanosecond(void **state)
{
    int64_t ms, us;
    (void)state;
    assert_int_equal(qp_seconds(0), 0);
    assert_int_equal(qp_seconds(-0.0), 0);
    assert_int_equal(qp_seconds(-1), 0);
    assert_int_equal(qp_seconds(-1e300), 0);
    assert_int_equal(qp_seconds((double)NAN), 0);
    assert_int_equal(qp_seconds((double)INFINITY), 0);
    assert_int_equal(qp_seconds(-(double)INFINITY), 0);
    assert_int_equal(qp_seconds(1e-9), 1);
    assert_int_equal(qp_seconds(1.0), 1000000000);
    assert_int_equal(qp_seconds(9.1e9), 9100000000000000000);
    assert_int_equal(qp_seconds(1e10), QP_NEVER);
    assert_int_equal(qp_seconds(DBL_MAX), QP_NEVER);
    for (ms = 1; ms < 100000; ms++)
        if (qp_seconds((double)ms / 1000) != MS(ms))
            fail_msg("%lld ms", (long long)ms);
    for (us = 999999; us < 500000000; us += 99991)
        if (qp_seconds((double)us / 1e6) != us * 1000)
            fail_msg("%lld us", (long long)us);
    assert_int_equal(MS(-1), 0);
    assert_int_equal(MS(INT64_MIN), 0);
    assert_int_equal(MS(0), 0);
    assert_int_equal(MS(7), 7000000);
    assert_int_equal(MS(9223372036854), 9223372036854000000);
    assert_int_equal(MS(9223372036855), QP_NEVER);
    assert_int_equal(MS(INT64_MAX), QP_NEVER);
}

/* ---- sleep ---- */

static void sleeps_of_no_time(void *arg)
{
    (void)arg;
    QP_ASSERT(ready_at_once(qp_sleep(0)));
    QP_ASSERT(ready_at_once(qp_sleep(-3.5)));
    QP_ASSERT(ready_at_once(qp_sleep((double)NAN)));
    QP_ASSERT(ready_at_once(qp_sleep((double)INFINITY)));
    QP_ASSERT(ready_at_once(qp_sleep(-(double)INFINITY)));
    QP_ASSERT(ready_at_once(qp_sleep_ms(0)));
    QP_ASSERT(ready_at_once(qp_sleep_ms(-1)));
    QP_ASSERT(ready_at_once(qp_sleep_ns(-1)));
    QP_ASSERT(!ready_at_once(qp_sleep_ns(1)));
    QP_ASSERT_EQ(qp_await(qp_sleep(-1)), QP_OK);
    QP_ASSERT_EQ(qp_now(), 0);
}

static void test_sleep_of_no_time_does_not_suspend(void **state)
{
    (void)state;
    run_seeds(sleeps_of_no_time, NULL, 1);
    assert_int_equal(run_seed(sleeps_of_no_time, NULL, 0)->steps, 1);
}

static void sleeps_for_ever(void *arg)
{
    qp_await(qp_sleep_ms(1));
    qp_await(qp_sleep_ns(*(int64_t *)arg));
}

static void test_a_deadline_beyond_the_clock_never_comes(void **state)
{
    int64_t durations[] = {qp_seconds(1e300), MS(INT64_MAX), QP_NEVER, QP_NEVER - 1, QP_NEVER - MS(1)};
    size_t i;
    (void)state;
    for (i = 0; i < sizeof durations / sizeof durations[0]; i++)
        run_expecting(sleeps_for_ever, &durations[i], QP_DEADLOCK, "every task waits");
    durations[0] = QP_NEVER - MS(1) - 1; /* the last nanosecond that comes */
    assert_int_equal(run_seed(sleeps_for_ever, &durations[0], 0)->time_ns, QP_NEVER - 1);
}

static void sleeps_exactly(void *arg)
{
    int i;
    (void)arg;
    for (i = 0; i < 20; i++) {
        int64_t duration = (int64_t)qp_random(5000000), start = qp_now();
        QP_ASSERT_EQ(qp_await(qp_sleep_ns(duration)), QP_OK);
        QP_ASSERT_EQ(qp_now(), start + duration);
    }
    QP_ASSERT_EQ(qp_await(qp_sleep(0.25)), QP_OK);
}

static void test_sleep_is_exact(void **state)
{
    (void)state;
    run_seeds(sleeps_exactly, NULL, 20);
}

static void deadline_from_the_first_poll(void *arg)
{
    struct qp_future *sleep = qp_sleep_ms(10), *timeout = qp_timeout_ms(10, qp_sleep_ms(100));
    struct qp_handle handle = qp_spawn(sleeps_for_ever, &(int64_t){QP_NEVER});
    struct qp_future *join = qp_timeout_join_ms(10, &handle, NULL);
    (void)arg;
    qp_await(qp_sleep_ms(5));
    QP_ASSERT_EQ(qp_await(sleep), QP_OK);
    QP_ASSERT_EQ(qp_now(), MS(15));
    QP_ASSERT_EQ(qp_await(timeout), QP_TIMEOUT);
    QP_ASSERT_EQ(qp_now(), MS(25));
    QP_ASSERT_EQ(qp_await(join), QP_TIMEOUT);
    QP_ASSERT_EQ(qp_now(), MS(35));
}

static void test_deadlines_start_at_the_first_poll(void **state)
{
    (void)state;
    run_seeds(deadline_from_the_first_poll, NULL, 10);
}

/* Polled often and without cause, it is still not early, and does not start again. */
static void polled_without_cause(void *arg)
{
    struct counting_waker first, second;
    struct qp_sleep_future sleep;
    int i;
    (void)arg;
    counting_waker_init(&first);
    counting_waker_init(&second);
    qp_sleep_init(&sleep, MS(10));
    for (i = 0; i < 10; i++) {
        QP_ASSERT_EQ(qp_future_poll(&sleep.future, i < 9 ? &first.waker : &second.waker), QP_PENDING);
        QP_ASSERT_EQ(qp_future_poll(&sleep.future, i < 9 ? &first.waker : &second.waker), QP_PENDING);
        qp_await(qp_sleep_ns(MS(1) - (i == 9)));
    }
    QP_ASSERT_EQ(qp_future_poll(&sleep.future, &second.waker), QP_PENDING); /* a hundred times too often */
    QP_ASSERT_EQ(second.wakes, 0);
    qp_await(qp_sleep_ns(10));
    QP_ASSERT_EQ(first.wakes, 0);
    QP_ASSERT_EQ(second.wakes, 1); /* the waker of the latest poll */
    QP_ASSERT_EQ(qp_future_poll(&sleep.future, &second.waker), QP_OK);
}

static void ready_without_its_wake_up(void *arg)
{
    struct counting_waker waker;
    struct qp_sleep_future sleep;
    (void)arg;
    counting_waker_init(&waker);
    qp_sleep_init(&sleep, MS(10));
    QP_ASSERT_EQ(qp_future_poll(&sleep.future, &waker.waker), QP_PENDING);
    qp_await(qp_sleep_ms(10));
    QP_ASSERT_EQ(qp_future_poll(&sleep.future, &waker.waker), QP_OK); /* fired or not: it is time */
    qp_await(qp_sleep_ms(1));
    QP_ASSERT(waker.wakes <= 1);
}

static void test_polls_without_cause(void **state)
{
    (void)state;
    run_seeds(polled_without_cause, NULL, 20);
    run_seeds(ready_without_its_wake_up, NULL, 20);
}

/* A sleep that is spawned as it is, in tens of bytes. */
static void spawned_sleep(void *arg)
{
    struct qp_sleep_future sleep;
    struct qp_timeout_future timeout;
    struct qp_handle handle;
    (void)arg;
    handle = qp_spawn_future(qp_sleep_init(&sleep, MS(10)), sizeof sleep, NULL);
    qp_await(qp_sleep_ms(3));
    QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), QP_OK);
    QP_ASSERT_EQ(qp_now(), MS(10));
    qp_sleep_init(&sleep, MS(10));
    handle = qp_spawn_future(qp_timeout_init(&timeout, MS(5), &sleep.future), sizeof timeout, NULL);
    QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), QP_OK);
    QP_ASSERT_EQ(qp_now(), MS(15));
}

static void test_a_sleep_may_be_a_task(void **state)
{
    (void)state;
    run_seeds(spawned_sleep, NULL, 10);
}

static void sleep_outside(void *arg)
{
    struct counting_waker waker;
    counting_waker_init(&waker);
    qp_future_poll(arg ? qp_timeout_ms(1, qp_yield()) : qp_sleep_ms(1), &waker.waker);
}

static void now_outside(void *arg)
{
    (void)arg;
    qp_now();
}

static void stops_with(void (*function)(void *arg), void *arg, const char *sentence)
{
    char text[1024];
    int status = run_in_child(function, arg, text, sizeof text);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT || !strstr(text, sentence))
        fail_msg("status %x, said: %s", (unsigned)status, text);
}

static void test_there_is_no_clock_outside_a_runtime(void **state)
{
    (void)state;
    stops_with(sleep_outside, NULL, "quipu: sleep polled outside a runtime: there is no clock\n");
    stops_with(sleep_outside, "timeout", "quipu: timeout polled outside a runtime: there is no clock\n");
    stops_with(now_outside, NULL, "quipu: qp_now outside a runtime: there is no clock\n");
}

/* ---- timeout ---- */

/* Something slow, or not, that can be seen from outside. */
struct operation {
    int64_t takes_ms;
    const char *name;
    bool begun, done;
};

static void operate(void *arg)
{
    struct operation *self = arg;
    QP_ASSERT_EQ(qp_defer(note_word, (void *)(uintptr_t)self->name), QP_OK);
    self->begun = true;
    qp_await(qp_sleep_ms(self->takes_ms));
    self->done = true;
}

static void timeouts(void *arg)
{
    struct operation quick = {.takes_ms = 3, .name = "quick"}, slow = {.takes_ms = 30, .name = "slow"};
    (void)arg;
    begin();
    QP_ASSERT_EQ(qp_await(qp_timeout_ms(10, qp_async(operate, &quick))), QP_OK);
    QP_ASSERT(quick.done);
    QP_ASSERT_EQ(qp_now(), MS(3));
    QP_ASSERT_EQ(qp_await(qp_timeout_ms(10, qp_async(operate, &slow))), QP_TIMEOUT);
    STORY("quick slow"); /* dropped before the error is seen */
    MESSAGE("operation timed out");
    QP_ASSERT(slow.begun && !slow.done);
    QP_ASSERT_EQ(qp_now(), MS(13));
    QP_ASSERT_EQ(qp_await(qp_race_timeout(0.002, qp_async(operate, &quick))), QP_TIMEOUT);
    QP_ASSERT_EQ(qp_await(qp_select_timeout(0.004, qp_async(operate, &quick))), QP_OK);
    QP_ASSERT_EQ(qp_await(qp_timeout_ms(10, NULL)), QP_INVALID);
    QP_ASSERT_EQ(qp_now(), MS(18));
}

static void test_timeout_gives_the_result_or_the_error(void **state)
{
    (void)state;
    run_seeds(timeouts, NULL, 20);
    assert_int_equal(run_seed(timeouts, NULL, 0)->time_ns, MS(18)); /* no timer is left behind */
}

static void inner_errors(void *arg)
{
    struct qp_sender *tx;
    struct qp_receiver *rx;
    int value = 4;
    (void)arg;
    QP_ASSERT_EQ(qp_channel_create(&qp_int, 1, &tx, &rx), QP_OK);
    qp_sender_drop(tx);
    QP_ASSERT_EQ(qp_await(qp_timeout_ms(10, qp_recv(rx, &value))), QP_CLOSED);
    MESSAGE("channel closed: no more messages");
    QP_ASSERT_EQ(value, 4);
}

static void test_timeout_passes_on_what_the_future_says(void **state)
{
    (void)state;
    run_seeds(inner_errors, NULL, 3);
}

static void zero_polls_once(void *arg)
{
    struct operation quick = {.takes_ms = 0, .name = "quick"}, slow = {.takes_ms = 1, .name = "slow"};
    (void)arg;
    begin();
    QP_ASSERT_EQ(qp_await(qp_timeout_ms(0, qp_async(operate, &quick))), QP_OK);
    QP_ASSERT(quick.done);
    QP_ASSERT_EQ(qp_await(qp_timeout(-1, qp_async(operate, &slow))), QP_TIMEOUT);
    QP_ASSERT(slow.begun && !slow.done);
    QP_ASSERT_EQ(qp_await(qp_timeout((double)NAN, qp_async(operate, &slow))), QP_TIMEOUT);
    QP_ASSERT_EQ(qp_await(qp_timeout((double)INFINITY, qp_async(operate, &slow))), QP_TIMEOUT);
    STORY("quick slow slow slow");
    QP_ASSERT_EQ(qp_now(), 0);
}

static void test_a_timeout_of_zero_polls_once(void **state)
{
    (void)state;
    run_seeds(zero_polls_once, NULL, 3);
    assert_int_equal(run_seed(zero_polls_once, NULL, 0)->steps, 1);
}

/* A result that is there at the deadline wins, whichever timer was first and whoever is woken first. */
static void tied(void *arg)
{
    struct operation operation = {.takes_ms = 10, .name = "operation"};
    bool by_task = *(bool *)arg;
    struct qp_handle handle = {NULL, 0};
    (void)arg;
    begin();
    if (by_task)
        handle = qp_spawn(operate, &operation);
    QP_ASSERT_EQ(qp_await(qp_timeout_ms(10, by_task ? qp_join(&handle, NULL) : qp_async(operate, &operation))), QP_OK);
    QP_ASSERT(operation.done);
    QP_ASSERT_EQ(qp_now(), MS(10));
}

static void sends_at_ten(void *arg)
{
    int value = 8;
    qp_await(qp_sleep_ms(10));
    qp_await(qp_send(arg, &value));
}

/* Who sends at the very deadline may be before or after it; what has arrived is never lost. */
static int received, timed_out;
static void tied_with_a_sender(void *arg)
{
    struct qp_sender *tx;
    struct qp_receiver *rx;
    struct qp_handle handle;
    int value = 0;
    enum qp_status status;
    (void)arg;
    QP_ASSERT_EQ(qp_channel_create(&qp_int, 1, &tx, &rx), QP_OK);
    handle = qp_spawn(sends_at_ten, tx);
    status = qp_await(qp_timeout_ms(10, qp_recv(rx, &value)));
    QP_ASSERT_EQ(qp_now(), MS(10));
    QP_ASSERT_EQ(value, status == QP_OK ? 8 : 0);
    received += status == QP_OK;
    timed_out += status == QP_TIMEOUT;
    qp_await(qp_join(&handle, NULL));
    QP_ASSERT_EQ(qp_receiver_length(rx), status == QP_OK ? 0 : 1);
}

static void test_a_result_that_is_ready_at_the_deadline_wins(void **state)
{
    bool by_task = false;
    (void)state;
    run_every_schedule(tied, &by_task, 100);
    received = timed_out = 0;
    run_every_schedule(tied_with_a_sender, NULL, 1000);
    assert_true(received > 0);
    assert_true(timed_out > 0);
}

static void nested(void *arg)
{
    struct operation slow = {.takes_ms = 100, .name = "slow"};
    struct qp_timeout_future inner;
    (void)arg;
    begin();
    /* the inner one first, as a result of the outer one */
    QP_ASSERT_EQ(qp_await(qp_timeout_ms(20, qp_timeout_init(&inner, MS(10), qp_async(operate, &slow)))), QP_TIMEOUT);
    QP_ASSERT_EQ(qp_now(), MS(10));
    STORY("slow");
    /* the outer one first: the inner one and what is in it are dropped */
    QP_ASSERT_EQ(qp_await(qp_timeout_ms(10, qp_timeout_ms(20, qp_async(operate, &slow)))), QP_TIMEOUT);
    QP_ASSERT_EQ(qp_now(), MS(20));
    STORY("slow slow");
    /* both at once */
    QP_ASSERT_EQ(qp_await(qp_timeout_ms(10, qp_timeout_ms(10, qp_async(operate, &slow)))), QP_TIMEOUT);
    QP_ASSERT_EQ(qp_now(), MS(30));
    STORY("slow slow slow");
    /* deep, and in time at the innermost's deadline */
    slow.takes_ms = 5;
    QP_ASSERT_EQ(
        qp_await(qp_timeout_ms(7, qp_timeout_ms(6, qp_timeout_ms(5, qp_timeout_ms(5, qp_async(operate, &slow)))))),
        QP_OK);
    QP_ASSERT_EQ(qp_now(), MS(35));
}

static void test_timeouts_nest(void **state)
{
    (void)state;
    run_seeds(nested, NULL, 50);
    run_every_schedule(nested, NULL, 20000);
    assert_int_equal(run_seed(nested, NULL, 0)->time_ns, MS(35));
}

static void awaits_with_timeout(void *arg)
{
    qp_await(qp_timeout_ms(1000, qp_async(operate, arg)));
    QP_ASSERT(false);
}

/* Cancelled before its first poll, pending, and when its own deadline has come. */
static void timeouts_cancelled(void *arg)
{
    struct operation slow = {.takes_ms = 2000, .name = "slow"};
    struct qp_timeout_future timeout;
    struct qp_handle handle;
    struct counting_waker waker;
    (void)arg;
    begin();
    qp_future_drop(qp_timeout_init(&timeout, MS(1), qp_async(operate, &slow)));
    STORY(""); /* the operation never began */
    handle = qp_spawn(awaits_with_timeout, &slow);
    qp_await(qp_sleep_ms(1));
    qp_abort(&handle);
    QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), QP_CANCELLED);
    STORY("slow");
    counting_waker_init(&waker);
    qp_timeout_init(&timeout, MS(1), qp_async(operate, &slow));
    QP_ASSERT_EQ(qp_future_poll(&timeout.future, &waker.waker), QP_PENDING);
    qp_await(qp_sleep_ms(2));
    QP_ASSERT_EQ(waker.wakes, 1);
    qp_future_drop(&timeout.future);
    STORY("slow slow");
    QP_ASSERT_EQ(qp_now(), MS(3));
}

static void test_cancelling_a_timeout_drops_the_future(void **state)
{
    (void)state;
    run_seeds(timeouts_cancelled, NULL, 20);
    assert_int_equal(run_seed(timeouts_cancelled, NULL, 0)->time_ns, MS(3)); /* no timer is left behind */
}

/* ---- timeout_join ---- */

static void gives(void *arg)
{
    qp_await(qp_sleep_ms(*(int *)arg));
    qp_return(&(int){6});
}

static void panics(void *arg)
{
    qp_await(qp_sleep_ms(*(int *)arg));
    qp_panic("late");
}

static void outcomes(void *arg)
{
    struct qp_handle handle;
    int five = 5, value = 0;
    (void)arg;
    begin();
    handle = qp_spawn_with(gives, &five, &gives_counted);
    QP_ASSERT_EQ(qp_await(qp_timeout_join(1.0, &handle, &value)), QP_OK);
    QP_ASSERT_EQ(value, 6);
    QP_ASSERT(!handle.task);
    QP_ASSERT_EQ(qp_now(), MS(5));

    handle = qp_spawn(panics, &five);
    QP_ASSERT_EQ(qp_await(qp_timeout_join_ms(100, &handle, NULL)), QP_PANICKED);
    MESSAGE("task 3 panicked with message \"late\"");
    QP_ASSERT(!handle.task);

    handle = qp_spawn(gives, &five);
    qp_abort(&handle);
    QP_ASSERT_EQ(qp_await(qp_timeout_join_ms(100, &handle, NULL)), QP_CANCELLED);
    MESSAGE("task 4 was cancelled");
    QP_ASSERT(!handle.task);
    QP_ASSERT_EQ(qp_now(), MS(10));

    handle = qp_spawn_with(gives, &five, &gives_counted);
    QP_ASSERT_EQ(qp_await(qp_timeout_join_ms(2, &handle, &value)), QP_TIMEOUT);
    MESSAGE("operation timed out");
    QP_ASSERT(handle.task && handle.id == 5);
    QP_ASSERT(!qp_is_finished(&handle));
    QP_ASSERT_EQ(qp_await(qp_timeout_join_ms(2, &handle, &value)), QP_TIMEOUT); /* again */
    value = 0;
    QP_ASSERT_EQ(qp_await(qp_join(&handle, &value)), QP_OK); /* and then for good */
    QP_ASSERT_EQ(value, 6);
    QP_ASSERT_EQ(qp_now(), MS(15)); /* it was never disturbed */
    QP_ASSERT_EQ(drops, 0);

    handle = qp_spawn_with(gives, &five, &gives_counted);
    QP_ASSERT_EQ(qp_await(qp_timeout_join_ms(2, &handle, &value)), QP_TIMEOUT);
    qp_abort(&handle);
    QP_ASSERT_EQ(qp_await(qp_timeout_join_ms(2, &handle, &value)), QP_CANCELLED);
    QP_ASSERT_EQ(qp_now(), MS(17));
}

static void test_timeout_join_in_all_its_outcomes(void **state)
{
    (void)state;
    run_seeds(outcomes, NULL, 20);
}

struct stored {
    struct qp_handle handle;
};

/* The handle that came back belongs to whoever waited, and is an ordinary one. */
static void waits_and_stores(void *arg)
{
    struct stored *stored = arg;
    QP_ASSERT_EQ(qp_await(qp_timeout_join_ms(1, &stored->handle, NULL)), QP_TIMEOUT);
}

static void waits_and_gives(void *arg)
{
    struct stored *stored = arg;
    struct qp_handle taker = qp_spawn(sends_at_ten, NULL);
    qp_abort(&taker);
    QP_ASSERT_EQ(qp_await(qp_timeout_join_ms(0, &stored->handle, NULL)), QP_TIMEOUT);
    qp_handle_give(&stored->handle, &taker);
}

static void handles_come_back(void *arg)
{
    struct stored stored;
    struct qp_handle handle;
    int five = 5, value = 0;
    (void)arg;
    begin();
    stored.handle = qp_spawn_with(gives, &five, &gives_counted);
    QP_ASSERT_EQ(qp_await(qp_timeout_join_ms(0, &stored.handle, NULL)), QP_TIMEOUT);
    handle = stored.handle; /* a live one may be moved */
    QP_ASSERT_EQ(qp_await(qp_join(&handle, &value)), QP_OK);
    QP_ASSERT_EQ(value, 6);

    stored.handle = qp_spawn_with(gives, &five, &gives_counted);
    QP_ASSERT_EQ(qp_await(qp_async(waits_and_stores, &stored)), QP_OK);
    qp_await(qp_sleep_ms(10));
    QP_ASSERT_EQ(drops, 1); /* its owner was that function, which has ended */
    QP_ASSERT(!qp_is_finished(&stored.handle));

    stored.handle = qp_spawn_with(gives, &five, &gives_counted);
    QP_ASSERT_EQ(qp_await(qp_async(waits_and_gives, &stored)), QP_OK);
    qp_await(qp_sleep_ms(10));
    QP_ASSERT_EQ(drops, 2);
}

static void test_the_handle_that_comes_back_is_live(void **state)
{
    (void)state;
    run_seeds(handles_come_back, NULL, 20);
}

static void join_of_zero(void *arg)
{
    struct qp_handle handle;
    int none = 0, five = 5, value = 0;
    (void)arg;
    handle = qp_spawn_with(gives, &five, &gives_counted);
    QP_ASSERT_EQ(qp_await(qp_timeout_join(-1, &handle, &value)), QP_TIMEOUT);
    QP_ASSERT_EQ(qp_now(), 0);
    qp_await(qp_sleep_ms(6));
    QP_ASSERT_EQ(qp_await(qp_timeout_join_ms(0, &handle, &value)), QP_OK);
    QP_ASSERT_EQ(value, 6);
    handle = qp_spawn_with(gives, &none, &gives_counted);
    QP_ASSERT_EQ(qp_await(qp_timeout_join(1e300, &handle, NULL)), QP_OK); /* never */
    QP_ASSERT_EQ(qp_now(), MS(6));
}

static void test_timeout_join_of_zero_and_never(void **state)
{
    (void)state;
    run_seeds(join_of_zero, NULL, 20);
}

/* The task ends at the deadline: the result if it is there when the joiner looks, the live handle if not. */
static int joined_in_time, handed_back;
static void join_tied(void *arg)
{
    struct qp_handle handle;
    int ten = 10, value = 0;
    enum qp_status status;
    (void)arg;
    begin();
    handle = qp_spawn_with(gives, &ten, &gives_counted);
    status = qp_await(qp_timeout_join_ms(10, &handle, &value));
    QP_ASSERT_EQ(qp_now(), MS(10));
    joined_in_time += status == QP_OK;
    handed_back += status == QP_TIMEOUT;
    if (status == QP_TIMEOUT)
        QP_ASSERT_EQ(qp_await(qp_join(&handle, &value)), QP_OK);
    QP_ASSERT_EQ(value, 6);
    QP_ASSERT_EQ(qp_now(), MS(10));
}

static void test_a_join_tied_with_its_deadline(void **state)
{
    (void)state;
    joined_in_time = handed_back = 0;
    run_every_schedule(join_tied, NULL, 1000);
    assert_true(joined_in_time > 0);
    assert_true(handed_back > 0);
}

static void waits_for(void *arg)
{
    qp_await(qp_timeout_join_ms(1000, arg, NULL));
    QP_ASSERT(false);
}

static void gives_and_notes(void *arg)
{
    gives(arg);
    note("went on");
}

/* Cancelled before the first poll, pending, and with a lost race: the task is detached and goes on. */
static void join_cancelled(void *arg)
{
    struct qp_timeout_join_future join;
    struct qp_handle handle, waiter;
    int five = 5;
    size_t winner;
    (void)arg;
    begin();
    handle = qp_spawn_with(gives_and_notes, &five, &gives_counted);
    qp_future_drop(qp_timeout_join_init(&join, MS(1), &handle, NULL));
    QP_ASSERT(!handle.task);
    qp_await(qp_sleep_ms(6));
    STORY("went on");
    QP_ASSERT_EQ(drops, 1);

    handle = qp_spawn_with(gives_and_notes, &five, &gives_counted);
    waiter = qp_spawn(waits_for, &handle);
    qp_handle_give(&handle, &waiter);
    qp_await(qp_sleep_ms(1));
    QP_ASSERT(!handle.task); /* the wait has it */
    qp_abort(&waiter);
    QP_ASSERT_EQ(qp_await(qp_join(&waiter, NULL)), QP_CANCELLED);
    QP_ASSERT(!handle.task);
    qp_await(qp_sleep_ms(6));
    STORY("went on went on");
    QP_ASSERT_EQ(drops, 2);

    handle = qp_spawn_with(gives_and_notes, &five, &gives_counted);
    QP_ASSERT_EQ(qp_await(qp_race(&winner, qp_arm(qp_sleep_ms(1)), qp_arm(qp_timeout_join_ms(3, &handle, NULL)))),
                 QP_OK);
    QP_ASSERT_EQ(winner, 0);
    QP_ASSERT(!handle.task);
    qp_await(qp_sleep_ms(6));
    STORY("went on went on went on");
    QP_ASSERT_EQ(drops, 3);
    QP_ASSERT_EQ(qp_now(), MS(6 + 7 + 7));
}

static void test_cancelling_timeout_join_detaches(void **state)
{
    (void)state;
    run_seeds(join_cancelled, NULL, 20);
    assert_int_equal(run_seed(join_cancelled, NULL, 0)->time_ns, MS(20)); /* no timer is left behind */
}

static void joins_empty(void *arg)
{
    struct qp_handle handle = {NULL, 0};
    (void)arg;
    qp_await(qp_timeout_join_ms(1, &handle, NULL));
}

static void test_timeout_join_of_an_empty_handle_is_misuse(void **state)
{
    (void)state;
    run_expecting(joins_empty, NULL, QP_MISUSE, "join of an empty handle by task 1 'main'");
}

/* ---- each allocation failing ---- */

static void careful(void *arg)
{
    struct qp_handle handle;
    enum qp_status status;
    int five = 5;
    (void)arg;
    status = qp_await(qp_sleep_ms(1));
    QP_ASSERT(status == QP_OK || status == QP_NOMEM);
    status = qp_await(qp_timeout_ms(1, qp_sleep_ms(2)));
    QP_ASSERT(status == QP_TIMEOUT || status == QP_NOMEM);
    status = qp_await(qp_race(NULL, qp_arm(qp_timeout_ms(3, qp_sleep_ms(9))), qp_arm(qp_timeout_ms(3, qp_sleep_ms(8))),
                              qp_arm(qp_timeout_ms(3, qp_sleep_ms(7))), qp_arm(qp_timeout_ms(3, qp_sleep_ms(6))),
                              qp_arm(qp_timeout_ms(3, qp_sleep_ms(5))), qp_arm(qp_sleep_ms(1))));
    QP_ASSERT(status == QP_OK || status == QP_NOMEM);
    handle = qp_spawn(gives, &five);
    if (!handle.task)
        return;
    qp_abort(&handle);
    status = qp_await(qp_timeout_join_ms(2, &handle, NULL));
    QP_ASSERT(status == QP_CANCELLED || status == QP_NOMEM);
    if (status == QP_NOMEM)
        QP_ASSERT(handle.task != NULL); /* it came back */
}

static void test_each_allocation_may_fail(void **state)
{
    (void)state;
    run_failing_allocations(careful, NULL);
}

/* ---- timers, against a sorted model ---- */

enum { MODEL = 200 };

struct model {
    struct qp_timer timers[MODEL];
    bool armed[MODEL];
    uint64_t order[MODEL], next; /* in which they were registered */
};

/* A slot: its timers are linked both ways, and lie where their deadlines say. Returns how many there are. */
static size_t check_slot(const struct qp_timers *timers, unsigned level, unsigned slot)
{
    uint32_t number, before = 0;
    size_t count = 0;
    for (number = timers->slots[level][slot].first; number;
         before = number, number = timers->entries[number - 1].next) {
        const struct qp_timer_entry *entry = &timers->entries[number - 1];
        const struct qp_timer *timer = entry->timer;
        uint64_t deadline = (uint64_t)entry->deadline_ns, above = deadline ^ (uint64_t)timers->elapsed_ns;
        QP_ASSERT(entry->prev == before);
        QP_ASSERT(timer->where == QP_TIMER_IN_WHEEL && timer->deadline_ns == entry->deadline_ns &&
                  timer->place == number);
        QP_ASSERT_EQ(deadline >> (level * QP_WHEEL_BITS) & (QP_WHEEL_SLOTS - 1), slot);
        QP_ASSERT(above >> (level * QP_WHEEL_BITS) < QP_WHEEL_SLOTS);
        QP_ASSERT(timer->deadline_ns >= timers->elapsed_ns);
        count++;
    }
    QP_ASSERT(timers->slots[level][slot].last == before);
    return count;
}

/* The wheel: what is marked as occupied is, and every link is right. Returns how many timers there are. */
static size_t check_wheel(const struct qp_timers *timers)
{
    size_t count = 0;
    unsigned level, slot;
    for (level = 0; level < QP_WHEEL_LEVELS; level++) {
        for (slot = 0; slot < QP_WHEEL_SLOTS; slot++) {
            size_t here = timers->occupied[level] >> slot & 1 ? check_slot(timers, level, slot) : 0;
            QP_ASSERT(!(timers->occupied[level] >> slot & 1) == !here);
            count += here;
        }
    }
    return count;
}

/* What the model says comes next: the earliest deadline, and among equal ones the first registered. */
static size_t model_first(const struct model *model)
{
    size_t i, first = MODEL;
    for (i = 0; i < MODEL; i++)
        if (model->armed[i] && (first == MODEL || model->timers[i].deadline_ns < model->timers[first].deadline_ns ||
                                (model->timers[i].deadline_ns == model->timers[first].deadline_ns &&
                                 model->order[i] < model->order[first])))
            first = i;
    return first;
}

/* Near and far: within a ring, across several, and, once in a while, at the other end of time. */
static int64_t model_duration(void)
{
    switch (qp_random(8)) {
    case 0:
        return (int64_t)qp_random(5000);
    case 1:
        return (int64_t)qp_random((uint64_t)1 << 40);
    case 2:
        return QP_NEVER / 2 - (int64_t)qp_random(3);
    default:
        return (int64_t)qp_random(30);
    }
}

static void model_arm(struct model *model, size_t i, struct qp_waker *waker, int64_t now)
{
    if (model->armed[i]) {
        qp_timer_disarm(&model->timers[i]);
        QP_ASSERT(!model->timers[i].runtime);
        model->armed[i] = false;
    } else {
        QP_ASSERT(qp_timer_arm(&model->timers[i], now + model_duration(), waker));
        model->armed[i] = true;
        model->order[i] = model->next++;
    }
}

static void model_pop(struct model *model, struct qp_timers *timers, int64_t now)
{
    size_t first = model_first(model);
    struct qp_timer *timer = qp_timers_pop(timers, now);
    if (first == MODEL || model->timers[first].deadline_ns > now) {
        QP_ASSERT(!timer);
        return;
    }
    QP_ASSERT(timer == &model->timers[first]);
    QP_ASSERT(!timer->runtime);
    model->armed[first] = false;
}

static void wheel_and_model(void *arg)
{
    struct model *model = calloc(1, sizeof *model);
    struct qp_timers *timers = &qp_thread.runtime->timers;
    struct counting_waker waker;
    size_t i, armed, round;
    int64_t now = 0;
    (void)arg;
    counting_waker_init(&waker);
    for (round = 0; round < 2000; round++) {
        if (qp_random(3))
            model_arm(model, qp_random(MODEL), &waker.waker, now);
        else
            model_pop(model, timers, now += (int64_t)(qp_random(10) ? qp_random(3) : qp_random(3000)));
        for (armed = i = 0; i < MODEL; i++)
            armed += model->armed[i];
        QP_ASSERT_EQ(timers->registered, armed);
        QP_ASSERT_EQ(check_wheel(timers), armed);
        QP_ASSERT_EQ(qp_timers_next(timers), armed ? model->timers[model_first(model)].deadline_ns : QP_NEVER);
    }
    for (i = 0; i < MODEL; i++)
        qp_timer_disarm(&model->timers[i]); /* the second time it does nothing */
    for (i = 0; i < MODEL; i++)
        qp_timer_disarm(&model->timers[i]);
    QP_ASSERT(check_wheel(timers) == 0 && timers->registered == 0);
    free(model);
}

static void test_the_wheel_against_a_sorted_model(void **state)
{
    (void)state;
    run_seeds(wheel_and_model, NULL, 20);
}

/* The same with timers that are due, from which any may be taken, and any disarmed. */
static void due_and_model(void *arg)
{
    struct model *model = calloc(1, sizeof *model);
    struct qp_timers *timers = &qp_thread.runtime->timers;
    struct counting_waker waker;
    size_t i, due, armed, round;
    int64_t now = 0;
    (void)arg;
    counting_waker_init(&waker);
    for (round = 0; round < 2000; round++) {
        switch (qp_random(4)) {
        case 0:
            qp_timers_collect(timers, now += (int64_t)qp_random(8));
            break;
        case 1:
            if (!qp_timers_due(timers))
                break;
            i = (size_t)(qp_timers_take(timers, qp_random(qp_timers_due(timers))) - model->timers);
            QP_ASSERT(model->armed[i] && model->timers[i].deadline_ns <= now);
            model->armed[i] = false;
            break;
        default:
            model_arm(model, qp_random(MODEL), &waker.waker, now + 1);
        }
        for (armed = due = i = 0; i < MODEL; i++) {
            armed += model->armed[i];
            due += model->armed[i] && model->timers[i].where == QP_TIMER_DUE;
            if (model->armed[i] && model->timers[i].where == QP_TIMER_DUE)
                QP_ASSERT(timers->due[model->timers[i].place - 1] == &model->timers[i]);
        }
        QP_ASSERT_EQ(timers->registered, armed);
        QP_ASSERT_EQ(qp_timers_due(timers), due);
        QP_ASSERT_EQ(check_wheel(timers), armed - due);
    }
    for (i = 0; i < MODEL; i++)
        qp_timer_disarm(&model->timers[i]);
    QP_ASSERT(check_wheel(timers) == 0 && timers->registered == 0 && qp_timers_due(timers) == 0);
    free(model);
}

static void test_due_timers_against_a_model(void **state)
{
    (void)state;
    run_seeds(due_and_model, NULL, 20);
}

/* ---- many ---- */

enum { MANY = 10000 };

static int64_t many_ms(int i)
{
    return i % 2 ? 7 : (int64_t)i * 7919 % 100; /* half of them equal */
}

static int woken_at[MANY];
static int woken;

static void many_waker_wake(struct qp_waker *waker)
{
    (void)waker;
    woken++;
}

/* Sleeps by hand, each with the same waker: all fire, each at its time. */
static void many_sleeps(void *arg)
{
    static const struct qp_waker_ops ops = {many_waker_wake, NULL, NULL};
    struct qp_sleep_future *sleeps = malloc(MANY * sizeof *sleeps);
    struct qp_waker waker = {&ops};
    int i, expected, ms, ready = 0;
    (void)arg;
    woken = 0;
    for (i = 0; i < MANY; i++)
        if (qp_future_poll(qp_sleep_init(&sleeps[i], MS(many_ms(i))), &waker) == QP_OK)
            ready++;
    for (i = 3; i < MANY; i += 10)
        qp_future_drop(&sleeps[i].future); /* some are given up */
    for (ms = 0; ms <= 100; ms++) {
        for (expected = i = 0; i < MANY; i++)
            expected += many_ms(i) <= ms && !(i % 10 == 3);
        QP_ASSERT_EQ(woken + ready, expected);
        qp_await(qp_sleep_ns(ms == 0 ? MS(1) + 1 : MS(1))); /* always just after */
    }
    for (i = 0; i < MANY; i++)
        if (sleeps[i].future.state != QP_FUTURE_DONE)
            QP_ASSERT_EQ(qp_future_poll(&sleeps[i].future, &waker), QP_OK);
    free(sleeps);
}

struct sleeper {
    struct qp_resumable base;
    struct qp_sleep_future sleep;
    int number;
};

static enum qp_status sleeper_poll(struct qp_future *future, struct qp_waker *waker)
{
    struct sleeper *self = (struct sleeper *)future;
    enum qp_status status;
    QP_BEGIN(&self->base);
    QP_AWAIT(status, qp_sleep_init(&self->sleep, MS(many_ms(self->number))));
    woken_at[woken++] = self->number;
    QP_END(QP_OK);
}
static const struct qp_future_ops sleeper_ops = QP_RESUMABLE("sleeper", sleeper_poll);

static void many_sleepers(void *arg)
{
    struct qp_handle handle;
    struct sleeper self;
    int i;
    (void)arg;
    woken = 0;
    for (i = 0; i < MANY; i++) {
        qp_resumable_init(&self.base, &sleeper_ops);
        self.number = i;
        handle = qp_spawn_future(&self.base.future, sizeof self, NULL);
        QP_ASSERT(handle.task != NULL);
        qp_handle_drop(&handle);
    }
    qp_await(qp_sleep_ms(101));
    QP_ASSERT_EQ(woken, MANY);
}

static void test_ten_thousand_timers(void **state)
{
    struct qp_replay_strategy replay;
    struct qp_sim_config config = {.strategy = &replay.strategy};
    struct qp_sim_result result;
    struct qp_sim sim;
    int i;
    (void)state;
    run_seeds(many_sleeps, NULL, 2);
    run_seeds(many_sleepers, NULL, 1);
    qp_replay_strategy_init(&replay, NULL, 0);
    qp_sim_init(&sim);
    qp_sim_run(&sim, &config, many_sleepers, NULL, &result);
    qp_sim_end(&sim);
    assert_int_equal(result.outcome, QP_OK);
    for (i = 1; i < MANY; i++) /* first come, first served among equal ones */
        assert_true(many_ms(woken_at[i - 1]) < many_ms(woken_at[i]) ||
                    (many_ms(woken_at[i - 1]) == many_ms(woken_at[i]) && woken_at[i - 1] < woken_at[i]));
}

/* ---- every order of equal deadlines ---- */

static char orders[32][8];
static int order_count;

static void notes_at_ten(void *arg)
{
    qp_await(qp_sleep_ms(10));
    note(arg);
}

static void three_at_once(void *arg)
{
    int i;
    (void)arg;
    begin();
    qp_spawn(notes_at_ten, "a");
    qp_spawn(notes_at_ten, "b");
    qp_spawn(notes_at_ten, "c");
    qp_await(qp_sleep_ms(11));
    for (i = 0; i < order_count && strcmp(orders[i], story) != 0; i++)
        continue;
    if (i == order_count)
        strcpy(orders[order_count++], story);
}

static void test_equal_deadlines_come_in_every_order(void **state)
{
    (void)state;
    order_count = 0;
    run_every_schedule(three_at_once, NULL, 100000);
    assert_int_equal(order_count, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_durations_to_the_nanosecond),
        cmocka_unit_test(test_sleep_of_no_time_does_not_suspend),
        cmocka_unit_test(test_a_deadline_beyond_the_clock_never_comes),
        cmocka_unit_test(test_sleep_is_exact),
        cmocka_unit_test(test_deadlines_start_at_the_first_poll),
        cmocka_unit_test(test_polls_without_cause),
        cmocka_unit_test(test_a_sleep_may_be_a_task),
        cmocka_unit_test(test_there_is_no_clock_outside_a_runtime),
        cmocka_unit_test(test_timeout_gives_the_result_or_the_error),
        cmocka_unit_test(test_timeout_passes_on_what_the_future_says),
        cmocka_unit_test(test_a_timeout_of_zero_polls_once),
        cmocka_unit_test(test_a_result_that_is_ready_at_the_deadline_wins),
        cmocka_unit_test(test_timeouts_nest),
        cmocka_unit_test(test_cancelling_a_timeout_drops_the_future),
        cmocka_unit_test(test_timeout_join_in_all_its_outcomes),
        cmocka_unit_test(test_the_handle_that_comes_back_is_live),
        cmocka_unit_test(test_timeout_join_of_zero_and_never),
        cmocka_unit_test(test_a_join_tied_with_its_deadline),
        cmocka_unit_test(test_cancelling_timeout_join_detaches),
        cmocka_unit_test(test_timeout_join_of_an_empty_handle_is_misuse),
        cmocka_unit_test(test_each_allocation_may_fail),
        cmocka_unit_test(test_the_wheel_against_a_sorted_model),
        cmocka_unit_test(test_due_timers_against_a_model),
        cmocka_unit_test(test_ten_thousand_timers),
        cmocka_unit_test(test_equal_deadlines_come_in_every_order),
    };
    return cmocka_run_group_tests_name("time", tests, NULL, NULL);
}
