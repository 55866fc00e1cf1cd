/*
 * What an async function owns.
 *
 * Property: all that a function acquired is released when it ends, in reverse order of acquisition, whether it
 * returned, panicked or was cancelled; what it gave away is not, and what it released by itself is not released again.
 * It belongs to the innermost function: one that is awaited in place has let go before the line after the await.
 */
#include <quipu/quipu.h>

enum { MOST = 8 };

struct trail {
    int64_t things;            /* to acquire */
    int released[MOST], count; /* which were released, in that order */
};

/* One thing: the number is in its place among the numbers. */
struct thing {
    struct trail *trail;
    int number;
};

static void release_thing(void *arg)
{
    const struct thing *self = arg;
    self->trail->released[self->trail->count++] = self->number;
}

enum end { RETURNS, PANICS, WAITS };

struct function {
    enum end end;
    struct trail trail;
    struct thing things[MOST];
};

static void acquire(void *arg)
{
    struct function *self = arg;
    int i;
    for (i = 0; i < self->trail.things; i++) {
        self->things[i] = (struct thing){&self->trail, i};
        QP_ASSERT_EQ(qp_defer(release_thing, &self->things[i]), QP_OK);
        qp_await(qp_yield());
    }
    QP_ASSERT_EQ(self->trail.count, 0);
    if (self->end == PANICS)
        qp_panic("with %d things", i);
    if (self->end == WAITS)
        qp_await(qp_sleep_ms(1000));
}

static void expect_reverse_order(const struct trail *self)
{
    int i;
    QP_ASSERT_EQ(self->count, self->things);
    for (i = 0; i < self->count; i++)
        QP_ASSERT_EQ(self->released[i], self->things - 1 - i);
}

QP_PARAM(task_owns_in_order, things, 3)
QP_SCENARIO(task_owns_in_order,
            "whichever way a task ends, it releases in reverse order of acquisition, each thing once")
{
    static const enum qp_status statuses[] = {QP_OK, QP_PANICKED, QP_CANCELLED};
    struct function functions[3] = {{.end = RETURNS}, {.end = PANICS}, {.end = WAITS}};
    struct qp_handle handles[3];
    int i;
    QP_ASSERT(qp_param("things") <= MOST);
    for (i = 0; i < 3; i++) {
        functions[i].trail.things = qp_param("things");
        handles[i] = qp_spawn(acquire, &functions[i]);
    }
    qp_await(qp_sleep_ms(10));
    qp_abort(&handles[2]);
    for (i = 0; i < 3; i++) {
        QP_ASSERT_EQ(qp_await(qp_join(&handles[i], NULL)), statuses[i]);
        expect_reverse_order(&functions[i].trail);
    }
}

/* ---- in place ---- */

QP_SCENARIO(task_owns_innermost,
            "a function awaited in place owns what it acquired, and lets go before its caller goes on")
{
    struct function returns = {.end = RETURNS, .trail = {.things = 3}};
    struct function waits = {.end = WAITS, .trail = {.things = 3}};
    QP_ASSERT_EQ(qp_await(qp_async(acquire, &returns)), QP_OK);
    expect_reverse_order(&returns.trail);
    QP_ASSERT_EQ(qp_await(qp_timeout_ms(10, qp_async(acquire, &waits))), QP_TIMEOUT);
    expect_reverse_order(&waits.trail);
}

/* ---- given, and released early ---- */

struct given {
    struct qp_mutex *mutex;
    struct qp_guard guard;
    bool released;
};

static void hold_given(void *arg)
{
    struct given *self = arg;
    qp_await(qp_sleep_ms(10));
    *(int *)qp_guard_value(&self->guard) = 7;
    self->released = true;
}

static void lock_and_give(void *arg)
{
    struct given *self = arg;
    struct qp_handle holder;
    QP_ASSERT_EQ(qp_await(qp_lock(self->mutex, &self->guard)), QP_OK);
    holder = qp_spawn(hold_given, self);
    qp_guard_give(&self->guard, &holder);
}

QP_SCENARIO(task_owns_what_it_is_given, "what was given to a task outlives the giver, and goes with that task")
{
    int zero = 0;
    struct given self = {.mutex = qp_mutex_create("mutex", &qp_int, &zero)};
    struct qp_guard guard;
    QP_ASSERT(self.mutex);
    QP_ASSERT_EQ(qp_await(qp_async(lock_and_give, &self)), QP_OK);
    QP_ASSERT_EQ(qp_try_lock(self.mutex, &guard), QP_BUSY);
    QP_ASSERT_EQ(qp_await(qp_lock(self.mutex, &guard)), QP_OK);
    QP_ASSERT(self.released);
    QP_ASSERT_EQ(*(int *)qp_guard_value(&guard), 7);
    QP_ASSERT_TIME(qp_now(), qp_milliseconds(10));
}

static void unlock_and_wait(void *arg)
{
    struct given *self = arg;
    QP_ASSERT_EQ(qp_await(qp_lock(self->mutex, &self->guard)), QP_OK);
    qp_unlock(&self->guard);
    qp_await(qp_sleep_ms(10));
}

QP_SCENARIO(task_owns_until_released, "what a function released early it does not release again at its end")
{
    struct given self = {.mutex = qp_mutex_create("mutex", &qp_nothing, "")};
    struct qp_handle handle;
    struct qp_guard guard;
    QP_ASSERT(self.mutex);
    handle = qp_spawn(unlock_and_wait, &self);
    qp_await(qp_sleep_ms(5));
    QP_ASSERT_EQ(qp_try_lock(self.mutex, &guard), QP_OK);
    QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), QP_OK);
    QP_ASSERT_EQ(qp_await(qp_timeout_ms(10, qp_async(unlock_and_wait, &self))), QP_TIMEOUT); /* ours still */
    qp_unlock(&guard);
}
