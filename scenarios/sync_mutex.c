/*
 * The mutex, whoever waits for it, and its guard.
 *
 * Property: one holds it at a time, and it goes to those who wait in the order in which they asked; a release hands it
 * over, so that nobody comes between. A waiter that is cancelled loses its place, and one that had been handed the
 * mutex and has not run passes it on. The guard goes with whoever owns it, by a panic or a cancellation too, and
 * nothing is poisoned by that.
 */
#include <quipu/quipu.h>
#include <string.h>

enum { MOST = 16 };

/* Lets everybody else go as far as they can: time moves only when nothing can run. */
static void settle(void)
{
    qp_await(qp_sleep_ms(1));
}

static int value_of(struct qp_mutex *mutex)
{
    QP_SCOPED(qp_unlock) struct qp_guard guard = {0};
    QP_ASSERT_EQ(qp_try_lock(mutex, &guard), QP_OK);
    return *(int *)qp_guard_value(&guard);
}

static struct qp_mutex *new_mutex(int value)
{
    struct qp_mutex *mutex = qp_mutex_create("mutex", &qp_int, &value);
    QP_ASSERT(mutex);
    return mutex;
}

/* ---- who gets it ---- */

/* Whoever asks gets a number, and writes it down when it has the mutex. */
struct line {
    struct qp_mutex *mutex;
    int asked, entered, inside;
    int order[MOST];
};

static void ask(void *arg)
{
    struct line *self = arg;
    int number = self->asked++;
    QP_SCOPED(qp_unlock) struct qp_guard guard = {0};
    qp_await(qp_lock(self->mutex, &guard));
    QP_ASSERT_EQ(self->inside++, 0);
    self->order[self->entered++] = number;
    qp_await(qp_yield());
    self->inside--;
}

QP_PARAM(mutex_fifo, tasks, 5)
QP_ASSUMES_NO(mutex_fifo, QP_FAULT_YIELD)
QP_SCENARIO(mutex_fifo, "the mutex goes to those who wait in the order in which they asked, one at a time")
{
    struct line self = {.mutex = new_mutex(0)};
    struct qp_handle handles[MOST];
    struct qp_guard guard;
    int64_t tasks = qp_param("tasks"), i;
    QP_ASSERT(tasks <= MOST);
    QP_ASSERT_EQ(qp_await(qp_lock(self.mutex, &guard)), QP_OK);
    for (i = 0; i < tasks; i++)
        handles[i] = qp_spawn(ask, &self);
    settle();
    QP_ASSERT_EQ(self.asked, tasks);
    QP_ASSERT_EQ(self.entered, 0);
    qp_unlock(&guard);
    for (i = 0; i < tasks; i++)
        QP_ASSERT_EQ(qp_await(qp_join(&handles[i], NULL)), QP_OK);
    for (i = 0; i < tasks; i++)
        QP_ASSERT_EQ(self.order[i], i);
}

QP_SCENARIO(mutex_try_lock, "try_lock gets a free mutex, and none that is held, waited for, or handed over")
{
    struct line self = {.mutex = new_mutex(0)};
    struct qp_guard guard, another;
    struct qp_handle waiter;
    QP_ASSERT_EQ(qp_try_lock(self.mutex, &guard), QP_OK);
    QP_ASSERT_EQ(qp_try_lock(self.mutex, &another), QP_BUSY);
    waiter = qp_spawn(ask, &self);
    settle();
    QP_ASSERT_EQ(qp_try_lock(self.mutex, &another), QP_BUSY);
    qp_unlock(&guard); /* it is the waiter's now, which has not run */
    QP_ASSERT_EQ(qp_try_lock(self.mutex, &another), QP_BUSY);
    QP_ASSERT_EQ(qp_await(qp_join(&waiter, NULL)), QP_OK);
    QP_ASSERT_EQ(qp_try_lock(self.mutex, &another), QP_OK);
    qp_unlock(&another);
}

QP_SCENARIO(mutex_is_handed_over, "who releases and asks again comes after those who wait")
{
    struct line self = {.mutex = new_mutex(0)};
    struct qp_handle handles[2];
    struct qp_guard guard;
    int i;
    QP_ASSERT_EQ(qp_await(qp_lock(self.mutex, &guard)), QP_OK);
    for (i = 0; i < 2; i++)
        handles[i] = qp_spawn(ask, &self);
    settle();
    qp_unlock(&guard);
    QP_ASSERT_EQ(qp_await(qp_lock(self.mutex, &guard)), QP_OK);
    QP_ASSERT_EQ(self.entered, 2);
    qp_unlock(&guard);
    for (i = 0; i < 2; i++)
        QP_ASSERT_EQ(qp_await(qp_join(&handles[i], NULL)), QP_OK);
}

/* ---- cancelled ---- */

/* Spawns one who asks and sees to it that it waits. */
static struct qp_handle spawn_waiting(struct line *self)
{
    struct qp_handle handle = qp_spawn(ask, self);
    settle();
    return handle;
}

QP_SCENARIO(mutex_cancelled, "a cancelled lock loses its place in the queue, and nobody else's")
{
    struct line self = {.mutex = new_mutex(0)};
    struct qp_handle handles[4];
    struct qp_guard guard, never;
    int i;
    QP_ASSERT_EQ(qp_await(qp_lock(self.mutex, &guard)), QP_OK);
    for (i = 0; i < 4; i++)
        handles[i] = spawn_waiting(&self);
    qp_abort(&handles[0]);
    qp_abort(&handles[2]);
    QP_ASSERT_EQ(qp_await(qp_join(&handles[0], NULL)), QP_CANCELLED);
    QP_ASSERT_EQ(qp_await(qp_join(&handles[2], NULL)), QP_CANCELLED);
    qp_unlock(&guard);
    QP_ASSERT_EQ(qp_await(qp_join(&handles[1], NULL)), QP_OK);
    QP_ASSERT_EQ(qp_await(qp_join(&handles[3], NULL)), QP_OK);
    QP_ASSERT_EQ(self.entered, 2);
    QP_ASSERT_EQ(self.order[0], 1);
    QP_ASSERT_EQ(self.order[1], 3);
    QP_ASSERT_EQ(qp_await(qp_lock(self.mutex, &guard)), QP_OK);
    handles[0] = spawn_waiting(&self);
    qp_abort(&handles[0]);
    QP_ASSERT_EQ(qp_await(qp_join(&handles[0], NULL)), QP_CANCELLED);
    qp_unlock(&guard);
    QP_ASSERT_EQ(qp_await(qp_timeout_ms(0, qp_lock(self.mutex, &never))), QP_OK);
    qp_unlock(&never);
}

QP_SCENARIO(mutex_cancelled_granted, "a waiter that was handed the mutex and is cancelled before it runs passes it on")
{
    struct line self = {.mutex = new_mutex(0)};
    struct qp_handle handles[3];
    struct qp_guard guard;
    int i;
    QP_ASSERT_EQ(qp_await(qp_lock(self.mutex, &guard)), QP_OK);
    for (i = 0; i < 3; i++)
        handles[i] = spawn_waiting(&self);
    qp_unlock(&guard);
    qp_abort(&handles[0]);
    qp_abort(&handles[1]);
    QP_ASSERT_EQ(qp_await(qp_join(&handles[2], NULL)), QP_OK);
    QP_ASSERT_EQ(qp_await(qp_join(&handles[0], NULL)), QP_CANCELLED);
    QP_ASSERT_EQ(qp_await(qp_join(&handles[1], NULL)), QP_CANCELLED);
    QP_ASSERT_EQ(self.entered, 1);
    QP_ASSERT_EQ(value_of(self.mutex), 0);
}

static void lock_in_time(void *arg)
{
    struct qp_mutex *mutex = arg;
    int i;
    for (i = 0; i < 3; i++) {
        QP_SCOPED(qp_unlock) struct qp_guard guard = {0};
        int value;
        if (qp_await(qp_timeout_ms(2, qp_lock(mutex, &guard))) != QP_OK)
            continue;
        qp_guard_get(&guard, &value);
        qp_await(qp_sleep_ms(1));
        value++;
        qp_guard_set(&guard, &value);
    }
}

QP_SCENARIO(mutex_cancelled_whenever,
            "timeouts tied with releases, and an abort at any time: the mutex is free at last")
{
    struct qp_mutex *mutex = new_mutex(0);
    struct qp_handle handles[4];
    int i;
    for (i = 0; i < 4; i++)
        handles[i] = qp_spawn(lock_in_time, mutex);
    qp_await(qp_sleep_ms((int64_t)qp_random(6)));
    qp_abort(&handles[qp_random(4)]);
    for (i = 0; i < 4; i++)
        qp_await(qp_join(&handles[i], NULL));
    QP_ASSERT(value_of(mutex) > 0);
}

QP_SCENARIO(mutex_in_race, "the arm that loses a race leaves the queue, and holds nothing")
{
    struct line self = {.mutex = new_mutex(0)};
    struct qp_handle holder = qp_spawn(ask, &self);
    struct qp_guard guard = {0};
    size_t winner;
    qp_await(qp_yield());
    QP_ASSERT_EQ(qp_await(qp_race(&winner, qp_arm(qp_lock(self.mutex, &guard)), qp_arm(qp_sleep_ms(0)))), QP_OK);
    if (winner == 0)
        qp_unlock(&guard);
    QP_ASSERT_EQ(qp_await(qp_join(&holder, NULL)), QP_OK);
    QP_ASSERT_EQ(value_of(self.mutex), 0);
}

/* ---- the guard ---- */

static void hold_and_panic(void *arg)
{
    struct qp_guard guard;
    int half = 1;
    qp_await(qp_lock(arg, &guard));
    qp_guard_set(&guard, &half);
    qp_await(qp_yield());
    qp_panic("in the middle");
}

static void hold_for_ever(void *arg)
{
    struct qp_guard guard;
    qp_await(qp_lock(arg, &guard));
    qp_await(qp_sleep_ms(1000000));
}

QP_SCENARIO(mutex_not_poisoned, "a panic and a cancellation release the guard, and the next one finds what they left")
{
    struct qp_mutex *mutex = new_mutex(0);
    struct qp_handle panics = qp_spawn(hold_and_panic, mutex), cancelled;
    QP_ASSERT_EQ(qp_await(qp_join(&panics, NULL)), QP_PANICKED);
    QP_ASSERT_EQ(value_of(mutex), 1);
    cancelled = qp_spawn(hold_for_ever, mutex);
    settle();
    qp_abort(&cancelled);
    QP_ASSERT_EQ(qp_await(qp_join(&cancelled, NULL)), QP_CANCELLED);
    QP_ASSERT_EQ(value_of(mutex), 1);
}

static int dropped;

static void count_drop(void *value)
{
    (void)value;
    dropped++;
}

static const struct qp_type counted = {.name = "counted", .size = sizeof(int), .drop = count_drop};

QP_SCENARIO(mutex_set_drops, "set drops the old value, the end of the mutex the last one, each once")
{
    struct qp_mutex *mutex;
    struct qp_guard guard;
    int value = 1;
    dropped = 0;
    mutex = qp_mutex_create("mutex", &counted, &value);
    QP_ASSERT(mutex);
    QP_ASSERT_EQ(qp_await(qp_lock(mutex, &guard)), QP_OK);
    qp_guard_get(&guard, &value);
    QP_ASSERT_EQ(dropped, 0);
    value = 2;
    qp_guard_set(&guard, &value);
    QP_ASSERT_EQ(dropped, 1);
    QP_ASSERT_EQ(*(int *)qp_guard_value(&guard), 2);
    qp_mutex_drop(mutex); /* the guard keeps it alive */
    QP_ASSERT_EQ(dropped, 1);
    qp_unlock(&guard);
    QP_ASSERT_EQ(dropped, 2);
}

struct moved {
    struct qp_guard guard;
    bool done;
};

static void use_given(void *arg)
{
    struct moved *self = arg;
    qp_await(qp_sleep_ms(2));
    ++*(int *)qp_guard_value(&self->guard);
    self->done = true;
}

QP_SCENARIO(mutex_guard_moves, "a guard that was given to another task is released with that one")
{
    struct line line = {.mutex = new_mutex(0)};
    struct moved self = {{0}, false};
    struct qp_handle user, waiter;
    QP_ASSERT_EQ(qp_await(qp_lock(line.mutex, &self.guard)), QP_OK);
    user = qp_spawn(use_given, &self);
    qp_guard_give(&self.guard, &user);
    waiter = qp_spawn(ask, &line);
    QP_ASSERT_EQ(qp_await(qp_join(&waiter, NULL)), QP_OK);
    QP_ASSERT(self.done);
    QP_ASSERT_EQ(qp_await(qp_join(&user, NULL)), QP_OK);
    QP_ASSERT_EQ(value_of(line.mutex), 1);
}

QP_SCENARIO(mutex_locked_again, "who locks again what it holds is told so")
{
    struct qp_mutex *mutex = new_mutex(0);
    struct qp_guard guard, again;
    qp_expect(QP_MISUSE, "locked again by task 1 'main', which holds it");
    QP_ASSERT_EQ(qp_await(qp_lock(mutex, &guard)), QP_OK);
    qp_await(qp_lock(mutex, &again));
}
