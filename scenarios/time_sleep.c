/*
 * Sleeping.
 *
 * Property: a sleep is never early, and in virtual time never late either, whatever others sleep beside it. Its
 * deadline is computed at the first poll. A duration that is no duration counts as zero and is over at the first poll;
 * one that is too large never ends. A sleep that is cancelled wakes nobody.
 */
#include <math.h>
#include <quipu/quipu.h>
#include <stdlib.h>

/* ---- a future around another, which counts ---- */

struct watch {
    struct qp_future future;
    struct qp_future *inner;
    int polls, pending;
};

static enum qp_status watch_poll(struct qp_future *future, struct qp_waker *waker)
{
    struct watch *self = (struct watch *)future;
    enum qp_status status = qp_future_poll(self->inner, waker);
    self->polls++;
    self->pending += status == QP_PENDING;
    return status;
}

static void watch_drop(struct qp_future *future)
{
    qp_future_drop(((struct watch *)future)->inner);
}

static struct qp_future *watch_inner(const struct qp_future *future, size_t index)
{
    return index == 0 ? ((const struct watch *)future)->inner : NULL;
}

static const struct qp_future_ops watch_ops = {"watch", watch_poll, watch_drop, NULL, watch_inner};

static struct qp_future *watch(struct watch *self, struct qp_future *inner)
{
    self->inner = inner;
    self->polls = self->pending = 0;
    return qp_future_init(&self->future, &watch_ops);
}

/* ---- never early ---- */

struct sleepers {
    int64_t latest_ns; /* when somebody woke last */
    int64_t woken;
};

struct sleeper {
    int64_t duration_ms;
    struct sleepers *all;
};

static void sleeper(void *arg)
{
    struct sleeper *self = arg;
    int64_t start_ns = qp_now();
    QP_ASSERT_EQ(qp_await(qp_sleep_ms(self->duration_ms)), QP_OK);
    QP_ASSERT_TIME(qp_now() - start_ns, qp_milliseconds(self->duration_ms));
    QP_ASSERT(qp_now() >= self->all->latest_ns);
    self->all->latest_ns = qp_now();
    self->all->woken++;
}

static void spawn_sleeper(int64_t duration_ms, struct sleepers *all)
{
    struct qp_task_options options = {.name = "sleeper", .drop = free};
    struct sleeper *self = malloc(sizeof *self);
    struct qp_handle handle;
    QP_ASSERT(self);
    *self = (struct sleeper){duration_ms, all};
    handle = qp_spawn_with(sleeper, self, &options);
    if (!handle.task)
        free(self);
    qp_handle_drop(&handle);
}

QP_PARAM(time_sleep, sleepers, 5)
QP_SCENARIO(time_sleep, "everybody wakes at the deadline, in the order of the deadlines, equal ones included")
{
    struct sleepers all = {0, 0};
    int64_t count = qp_param("sleepers"), i;
    for (i = count; i > 0; i--)
        spawn_sleeper(i / 2 * 10, &all);
    qp_await(qp_sleep_ms(count * 5 + 1)); /* later than all */
    QP_ASSERT_EQ(all.woken, count);
    QP_ASSERT_TIME(all.latest_ns, qp_milliseconds(count / 2 * 10));
}

/* ---- odd durations ---- */

static void expect_over_at_first_poll(struct qp_future *sleep)
{
    struct watch watched;
    int64_t start_ns = qp_now();
    QP_ASSERT_EQ(qp_await(watch(&watched, sleep)), QP_OK);
    QP_ASSERT_EQ(watched.pending, 0);
    QP_ASSERT_TIME(qp_now(), start_ns);
}

QP_SCENARIO(time_sleep_odd_durations, "negative, infinite and NaN durations count as zero; zero does not wait")
{
    expect_over_at_first_poll(qp_sleep(0.0));
    expect_over_at_first_poll(qp_sleep(-1.0));
    expect_over_at_first_poll(qp_sleep(-1e300));
    expect_over_at_first_poll(qp_sleep((double)NAN));
    expect_over_at_first_poll(qp_sleep((double)INFINITY));
    expect_over_at_first_poll(qp_sleep((double)-INFINITY));
    expect_over_at_first_poll(qp_sleep_ms(0));
    expect_over_at_first_poll(qp_sleep_ms(-1));
    expect_over_at_first_poll(qp_sleep_ms(INT64_MIN));
    expect_over_at_first_poll(qp_sleep_ns(-1));
}

static void expect_never(struct qp_future *sleep)
{
    int64_t start_ns = qp_now();
    QP_ASSERT_EQ(qp_await(qp_timeout_ms(20, sleep)), QP_TIMEOUT);
    QP_ASSERT_TIME(qp_now() - start_ns, qp_milliseconds(20));
}

QP_SCENARIO(time_sleep_too_long, "a duration too large for the clock never ends, and does not overflow")
{
    qp_await(qp_sleep_ms(1)); /* so that the clock and the duration add up */
    expect_never(qp_sleep(1e300));
    expect_never(qp_sleep(9.3e9));
    expect_never(qp_sleep_ms(INT64_MAX));
    expect_never(qp_sleep_ns(QP_NEVER));
    expect_never(qp_sleep_ns(QP_NEVER - 1));
}

/* ---- the first poll ---- */

QP_SCENARIO(time_deadline_at_first_poll, "every deadline counts from the first poll, not from the call")
{
    struct qp_future *sleep = qp_sleep_ms(10), *timeout = qp_timeout_ms(10, qp_sleep_ms(50));
    qp_await(qp_sleep_ms(7));
    QP_ASSERT_EQ(qp_await(sleep), QP_OK);
    QP_ASSERT_TIME(qp_now(), qp_milliseconds(7 + 10));
    QP_ASSERT_EQ(qp_await(timeout), QP_TIMEOUT);
    QP_ASSERT_TIME(qp_now(), qp_milliseconds(7 + 10 + 10));
}

/* ---- cancellation ---- */

static void count_wake(struct qp_waker *waker);
static struct qp_waker *keep(struct qp_waker *waker);
static void forget(struct qp_waker *waker);

static const struct qp_waker_ops counter_ops = {count_wake, keep, forget};

/* A waker that counts how often it was woken. */
struct counter {
    struct qp_waker waker;
    int wakes;
};

static void count_wake(struct qp_waker *waker)
{
    ((struct counter *)waker)->wakes++;
}

static struct qp_waker *keep(struct qp_waker *waker)
{
    return waker;
}

static void forget(struct qp_waker *waker)
{
    (void)waker;
}

/* The storage of what is polled by hand is main's to give back, after the last drop. */
struct by_hand {
    struct counter kept, dropped;
    struct qp_sleep_future keeps, drops;
};

static void by_hand_end(void *arg)
{
    struct by_hand *self = arg;
    qp_future_drop(&self->keeps.future);
    qp_future_drop(&self->drops.future);
    free(self);
}

QP_SCENARIO(time_sleep_cancelled, "a cancelled sleep wakes nobody; the one beside it wakes its waiter once")
{
    struct by_hand *self = calloc(1, sizeof *self);
    QP_ASSERT(self);
    self->kept.waker.ops = self->dropped.waker.ops = &counter_ops;
    qp_sleep_init(&self->keeps, qp_milliseconds(10));
    qp_sleep_init(&self->drops, qp_milliseconds(10));
    QP_ASSERT_EQ(qp_defer(by_hand_end, self), QP_OK);
    QP_ASSERT_EQ(qp_future_poll(&self->keeps.future, &self->kept.waker), QP_PENDING);
    QP_ASSERT_EQ(qp_future_poll(&self->drops.future, &self->dropped.waker), QP_PENDING);
    qp_await(qp_sleep_ms(5));
    qp_future_drop(&self->drops.future);
    qp_await(qp_sleep_ms(6));
    QP_ASSERT_EQ(self->dropped.wakes, 0);
    QP_ASSERT_EQ(self->kept.wakes, 1);
    QP_ASSERT_EQ(qp_future_poll(&self->keeps.future, &self->kept.waker), QP_OK);
}
