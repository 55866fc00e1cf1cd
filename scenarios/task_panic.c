/*
 * Panics.
 *
 * Property: a panic ends its task alone. What the task owned is released, also what functions that it awaits in place
 * owned; its handle reports it with the message; the lock that it held is not poisoned; everybody else goes on.
 */
#include <inttypes.h>
#include <quipu/quipu.h>
#include <stdio.h>
#include <string.h>

struct account {
    struct qp_mutex *balance;
    int released;
};

static void count_released(void *arg)
{
    ((struct account *)arg)->released++;
}

static void withdraw(void *arg)
{
    struct account *self = arg;
    struct qp_guard guard;
    int *balance;
    QP_ASSERT_EQ(qp_defer(count_released, self), QP_OK);
    qp_await(qp_lock(self->balance, &guard));
    balance = qp_guard_value(&guard);
    qp_await(qp_yield());
    if (*balance < 60)
        qp_panic("only %d left", *balance);
    *balance -= 60;
}

QP_SCENARIO(task_panic, "a panic ends its task alone: its lock is free, its handle says why, the others go on")
{
    int hundred = 100, first_failed;
    struct account self = {qp_mutex_create("balance", &qp_int, &hundred), 0};
    struct qp_handle handles[2];
    enum qp_status statuses[2];
    char message[64];
    struct qp_guard guard;
    int i;
    QP_ASSERT(self.balance);
    for (i = 0; i < 2; i++)
        handles[i] = qp_spawn(withdraw, &self);
    for (i = 0; i < 2; i++) {
        snprintf(message, sizeof message, "task %" PRIu64 " panicked with message \"only 40 left\"", handles[i].id);
        statuses[i] = qp_await(qp_join(&handles[i], NULL));
        QP_ASSERT(statuses[i] == QP_OK || strcmp(qp_error_message(), message) == 0);
    }
    first_failed = statuses[0] == QP_PANICKED;
    QP_ASSERT_EQ(statuses[first_failed ? 0 : 1], QP_PANICKED);
    QP_ASSERT_EQ(statuses[first_failed ? 1 : 0], QP_OK);
    QP_ASSERT_EQ(self.released, 2);
    QP_ASSERT_EQ(qp_try_lock(self.balance, &guard), QP_OK);
    QP_ASSERT_EQ(*(int *)qp_guard_value(&guard), 40);
}

/* ---- deep ---- */

struct depth {
    int64_t left;     /* functions still to be awaited */
    int64_t released; /* functions that have let go */
    bool other_begun, other_released;
};

static void leave_level(void *arg)
{
    ((struct depth *)arg)->released++;
}

static void release_other(void *arg)
{
    ((struct depth *)arg)->other_released = true;
}

static void other_arm(void *arg)
{
    struct depth *self = arg;
    self->other_begun = true;
    QP_ASSERT_EQ(qp_defer(release_other, self), QP_OK);
    qp_await(qp_sleep_ms(1000));
}

/* At the bottom it waits, and then panics, in an arm of a race. */
static void go_deeper(void *arg)
{
    struct depth *self = arg;
    QP_ASSERT_EQ(qp_defer(leave_level, self), QP_OK);
    if (self->left == 0) {
        qp_await(qp_sleep_ms(10));
        qp_panic("at the bottom");
    }
    self->left--;
    qp_await(qp_race(NULL, qp_arm(qp_async(other_arm, self)), qp_arm(qp_async(go_deeper, self))));
}

QP_PARAM(task_panic_in_place, depth, 2)
QP_SCENARIO(task_panic_in_place,
            "a panic in a function awaited in place is its task's: all that waits there is released")
{
    int64_t depth = qp_param("depth");
    struct depth self = {.left = depth};
    struct qp_handle handle = qp_spawn(go_deeper, &self);
    QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), QP_PANICKED);
    QP_ASSERT_EQ(self.released, depth + 1);
    QP_ASSERT(self.other_begun && self.other_released);
    QP_ASSERT_TIME(qp_now(), qp_milliseconds(10));
}

/* ---- the drop function ---- */

struct captured {
    int drops;
    bool panics_late;
};

static void drop_captured(void *arg)
{
    ((struct captured *)arg)->drops++;
}

static void panic_soon(void *arg)
{
    struct captured *self = arg;
    if (self->panics_late)
        qp_await(qp_yield());
    qp_panic("soon");
}

QP_SCENARIO(task_panic_drops_argument, "what a task captured is released once when it panics, first thing or later")
{
    struct qp_task_options options = {.name = "panic_soon", .drop = drop_captured};
    struct captured early = {0, false}, late = {0, true};
    struct qp_handle handles[2] = {qp_spawn_with(panic_soon, &early, &options),
                                   qp_spawn_with(panic_soon, &late, &options)};
    QP_ASSERT_EQ(qp_await(qp_join(&handles[0], NULL)), QP_PANICKED);
    QP_ASSERT_EQ(qp_await(qp_join(&handles[1], NULL)), QP_PANICKED);
    QP_ASSERT(early.drops == 1 && late.drops == 1);
}
