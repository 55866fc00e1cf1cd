/*
 * The semaphore.
 *
 * Property: no more permits are out than there are, and they go to those who wait in the order in which they asked.
 * Whoever is first takes what comes free until it has all that it wants, so that many are not starved by few. A waiter
 * that is cancelled leaves what it had been handed or had gathered to those behind it. Close fails all of them.
 */
#include <quipu/quipu.h>
#include <string.h>

enum { MOST = 16 };

static void settle(void)
{
    qp_await(qp_sleep_ms(1));
}

static struct qp_semaphore *new_semaphore(int64_t permits)
{
    struct qp_semaphore *semaphore = qp_semaphore_create("semaphore", permits);
    QP_ASSERT(semaphore);
    return semaphore;
}

/* Whoever asks gets a number, and writes it down when it has its permits. */
struct line {
    struct qp_semaphore *semaphore;
    int asked, entered, inside, most_inside;
    int order[MOST];
    enum qp_status statuses[MOST];
    int64_t stay_ms;
};

static void ask_for(struct line *self, uint32_t count)
{
    int number = self->asked++;
    QP_SCOPED(qp_semaphore_release) struct qp_semaphore_permit permit = {0};
    self->statuses[number] = QP_PENDING;
    self->statuses[number] = qp_await(qp_acquire_many(self->semaphore, count, &permit));
    if (self->statuses[number] != QP_OK) {
        QP_ASSERT(strcmp(qp_error_message(), "failed to acquire semaphore permit: semaphore closed") == 0);
        return;
    }
    self->order[self->entered++] = number;
    if (++self->inside > self->most_inside)
        self->most_inside = self->inside;
    qp_await(qp_sleep_ms(self->stay_ms));
    self->inside--;
}

static void ask(void *arg)
{
    ask_for(arg, 1);
}

static void ask_for_three(void *arg)
{
    ask_for(arg, 3);
}

/* Spawns one who asks, and lets it get as far as it can. */
static struct qp_handle spawn_asking(struct line *self, qp_async_fn function)
{
    struct qp_handle handle = qp_spawn(function, self);
    settle();
    return handle;
}

static void take(struct qp_semaphore *semaphore, uint32_t count, struct qp_semaphore_permit *permit)
{
    QP_ASSERT_EQ(qp_await(qp_acquire_many(semaphore, count, permit)), QP_OK);
}

/* ---- who gets them ---- */

QP_PARAM(semaphore_limit, tasks, 6)
QP_PARAM(semaphore_limit, permits, 2)
QP_SCENARIO(semaphore_limit, "no more are inside than there are permits, and all come in, first come, first served")
{
    struct line self = {.semaphore = new_semaphore(qp_param("permits")), .stay_ms = 2};
    struct qp_handle handles[MOST];
    int64_t tasks = qp_param("tasks"), i;
    QP_ASSERT(tasks <= MOST);
    for (i = 0; i < tasks; i++)
        handles[i] = qp_spawn(ask, &self);
    for (i = 0; i < tasks; i++)
        QP_ASSERT_EQ(qp_await(qp_join(&handles[i], NULL)), QP_OK);
    QP_ASSERT(self.most_inside <= qp_param("permits"));
    QP_ASSERT_EQ(self.entered, tasks);
    QP_ASSERT_EQ(qp_available_permits(self.semaphore), qp_param("permits"));
}

QP_SCENARIO(semaphore_fifo, "permits go to those who wait in the order in which they asked")
{
    struct line self = {.semaphore = new_semaphore(1)};
    struct qp_handle handles[4];
    struct qp_semaphore_permit permit;
    int i;
    take(self.semaphore, 1, &permit);
    for (i = 0; i < 4; i++)
        handles[i] = spawn_asking(&self, ask);
    qp_semaphore_release(&permit);
    for (i = 0; i < 4; i++)
        QP_ASSERT_EQ(qp_await(qp_join(&handles[i], NULL)), QP_OK);
    for (i = 0; i < 4; i++)
        QP_ASSERT_EQ(self.order[i], i);
}

QP_SCENARIO(semaphore_below_zero, "fewer than no permits are none, and one that is added lets one in")
{
    struct line self = {.semaphore = new_semaphore(-3)};
    struct qp_semaphore_permit permit;
    struct qp_handle handle;
    QP_ASSERT_EQ(qp_available_permits(self.semaphore), 0);
    QP_ASSERT_EQ(qp_try_acquire(self.semaphore, &permit), QP_NO_PERMITS);
    handle = spawn_asking(&self, ask);
    QP_ASSERT_EQ(self.entered, 0);
    qp_add_permits(self.semaphore, 1);
    QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), QP_OK);
    QP_ASSERT_EQ(qp_available_permits(self.semaphore), 1);
}

QP_SCENARIO(semaphore_available,
            "available_permits counts the free ones, not one handed to a waiter that has yet to run")
{
    struct line self = {.semaphore = new_semaphore(2)};
    struct qp_semaphore_permit first, second, third;
    struct qp_handle handle;
    QP_ASSERT_EQ(qp_try_acquire(self.semaphore, &first), QP_OK);
    QP_ASSERT_EQ(qp_available_permits(self.semaphore), 1);
    QP_ASSERT_EQ(qp_try_acquire(self.semaphore, &second), QP_OK);
    QP_ASSERT_EQ(qp_try_acquire(self.semaphore, &third), QP_NO_PERMITS);
    handle = spawn_asking(&self, ask);
    qp_semaphore_release(&first);
    QP_ASSERT_EQ(self.entered, 0); /* it has been handed the permit, and has not run */
    QP_ASSERT_EQ(qp_available_permits(self.semaphore), 0);
    QP_ASSERT_EQ(qp_try_acquire(self.semaphore, &third), QP_NO_PERMITS);
    QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), QP_OK);
    qp_semaphore_release(&second);
    QP_ASSERT_EQ(qp_available_permits(self.semaphore), 2);
}

/* ---- several at once ---- */

QP_SCENARIO(semaphore_many, "the first in the queue takes what comes free until it has all, and nobody goes past it")
{
    struct line self = {.semaphore = new_semaphore(3)};
    struct qp_semaphore_permit permits[3], none;
    struct qp_handle many, one;
    int i;
    for (i = 0; i < 3; i++)
        take(self.semaphore, 1, &permits[i]);
    many = spawn_asking(&self, ask_for_three);
    one = spawn_asking(&self, ask);
    for (i = 0; i < 2; i++) {
        qp_semaphore_release(&permits[i]);
        settle();
        QP_ASSERT_EQ(self.entered, 0);
        QP_ASSERT_EQ(qp_available_permits(self.semaphore), 0);
        QP_ASSERT_EQ(qp_try_acquire(self.semaphore, &none), QP_NO_PERMITS);
    }
    qp_semaphore_release(&permits[2]);
    QP_ASSERT_EQ(qp_await(qp_join(&many, NULL)), QP_OK);
    QP_ASSERT_EQ(qp_await(qp_join(&one, NULL)), QP_OK);
    QP_ASSERT_EQ(self.order[0], 0);
    QP_ASSERT_EQ(qp_available_permits(self.semaphore), 3);
}

QP_SCENARIO(semaphore_many_cancelled, "one that had gathered some of its permits leaves them to those behind it")
{
    struct line self = {.semaphore = new_semaphore(3), .stay_ms = 100};
    struct qp_semaphore_permit permit;
    struct qp_handle many, ones[2];
    int i;
    take(self.semaphore, 1, &permit);
    many = spawn_asking(&self, ask_for_three); /* it has two */
    for (i = 0; i < 2; i++)
        ones[i] = spawn_asking(&self, ask);
    QP_ASSERT_EQ(self.entered, 0);
    qp_abort(&many);
    settle();
    QP_ASSERT_EQ(self.inside, 2);
    QP_ASSERT_EQ(qp_await(qp_join(&many, NULL)), QP_CANCELLED);
    for (i = 0; i < 2; i++)
        QP_ASSERT_EQ(qp_await(qp_join(&ones[i], NULL)), QP_OK);
    qp_semaphore_release(&permit);
    QP_ASSERT_EQ(qp_available_permits(self.semaphore), 3);
}

QP_SCENARIO(semaphore_try_many, "try_acquire_many gets all or none")
{
    struct qp_semaphore *semaphore = new_semaphore(3);
    struct qp_semaphore_permit first, second;
    QP_ASSERT_EQ(qp_try_acquire_many(semaphore, 4, &first), QP_NO_PERMITS);
    QP_ASSERT_EQ(qp_try_acquire_many(semaphore, 2, &first), QP_OK);
    QP_ASSERT_EQ(qp_try_acquire_many(semaphore, 2, &second), QP_NO_PERMITS);
    QP_ASSERT_EQ(qp_available_permits(semaphore), 1);
    qp_semaphore_release(&first);
    QP_ASSERT_EQ(qp_available_permits(semaphore), 3);
    QP_ASSERT_EQ(qp_try_acquire_many(semaphore, 3, &second), QP_OK);
    QP_ASSERT_EQ(qp_await(qp_acquire_many(semaphore, 0, &first)), QP_OK);
}

QP_SCENARIO(semaphore_forget, "permits that are forgotten are gone, and those that are added stay")
{
    struct qp_semaphore *semaphore = new_semaphore(3);
    struct qp_semaphore_permit permit;
    take(semaphore, 2, &permit);
    qp_semaphore_forget(&permit);
    QP_ASSERT_EQ(qp_available_permits(semaphore), 1);
    qp_add_permits(semaphore, 4);
    QP_ASSERT_EQ(qp_available_permits(semaphore), 5);
    take(semaphore, 5, &permit);
}

/* ---- cancelled ---- */

QP_SCENARIO(semaphore_cancelled, "a cancelled acquire loses its place in the queue, and nobody else's")
{
    struct line self = {.semaphore = new_semaphore(1)};
    struct qp_semaphore_permit permit;
    struct qp_handle handles[4];
    int i;
    take(self.semaphore, 1, &permit);
    for (i = 0; i < 4; i++)
        handles[i] = spawn_asking(&self, ask);
    qp_abort(&handles[0]);
    qp_abort(&handles[2]);
    QP_ASSERT_EQ(qp_await(qp_join(&handles[0], NULL)), QP_CANCELLED);
    QP_ASSERT_EQ(qp_await(qp_join(&handles[2], NULL)), QP_CANCELLED);
    qp_semaphore_release(&permit);
    QP_ASSERT_EQ(qp_await(qp_join(&handles[1], NULL)), QP_OK);
    QP_ASSERT_EQ(qp_await(qp_join(&handles[3], NULL)), QP_OK);
    QP_ASSERT_EQ(self.order[0], 1);
    QP_ASSERT_EQ(self.order[1], 3);
    QP_ASSERT_EQ(qp_available_permits(self.semaphore), 1);
}

QP_SCENARIO(semaphore_cancelled_granted, "one that was handed a permit and is cancelled before it runs passes it on")
{
    struct line self = {.semaphore = new_semaphore(1)};
    struct qp_semaphore_permit permit;
    struct qp_handle first, second;
    take(self.semaphore, 1, &permit);
    first = spawn_asking(&self, ask);
    second = spawn_asking(&self, ask);
    qp_semaphore_release(&permit);
    qp_abort(&first);
    QP_ASSERT_EQ(qp_await(qp_join(&second, NULL)), QP_OK);
    QP_ASSERT_EQ(qp_await(qp_join(&first, NULL)), QP_CANCELLED);
    QP_ASSERT_EQ(qp_available_permits(self.semaphore), 1);
}

static void acquire_in_time(void *arg)
{
    struct qp_semaphore *semaphore = arg;
    int i;
    for (i = 0; i < 3; i++) {
        QP_SCOPED(qp_semaphore_release) struct qp_semaphore_permit permit = {0};
        uint32_t count = 1 + (uint32_t)qp_random(3);
        if (qp_await(qp_timeout_ms(2, qp_acquire_many(semaphore, count, &permit))) == QP_OK)
            qp_await(qp_sleep_ms(1));
    }
}

QP_SCENARIO(semaphore_cancelled_whenever, "timeouts tied with releases, and an abort at any time: no permit is lost")
{
    struct qp_semaphore *semaphore = new_semaphore(3);
    struct qp_handle handles[4];
    int i;
    for (i = 0; i < 4; i++)
        handles[i] = qp_spawn(acquire_in_time, semaphore);
    qp_await(qp_sleep_ms((int64_t)qp_random(6)));
    qp_abort(&handles[qp_random(4)]);
    for (i = 0; i < 4; i++)
        qp_await(qp_join(&handles[i], NULL));
    QP_ASSERT_EQ(qp_available_permits(semaphore), 3);
}

static void hold_and_panic(void *arg)
{
    struct qp_semaphore_permit permit;
    qp_await(qp_acquire(arg, &permit));
    qp_await(qp_yield());
    qp_panic("in the middle");
}

QP_SCENARIO(semaphore_panic, "a panic gives the permits back")
{
    struct qp_semaphore *semaphore = new_semaphore(1);
    struct qp_handle handle = qp_spawn(hold_and_panic, semaphore);
    QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), QP_PANICKED);
    QP_ASSERT_EQ(qp_available_permits(semaphore), 1);
}

static void hold_given(void *arg)
{
    (void)arg;
    qp_await(qp_sleep_ms(5));
}

QP_SCENARIO(semaphore_permit_moves, "a permit that was given to another task comes back with the end of that one")
{
    struct qp_semaphore *semaphore = new_semaphore(1);
    struct qp_semaphore_permit permit;
    struct qp_handle handle;
    take(semaphore, 1, &permit);
    handle = qp_spawn(hold_given, NULL);
    qp_semaphore_permit_give(&permit, &handle);
    settle();
    QP_ASSERT_EQ(qp_available_permits(semaphore), 0);
    QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), QP_OK);
    QP_ASSERT_EQ(qp_available_permits(semaphore), 1);
}

/* ---- closed ---- */

QP_SCENARIO(semaphore_close,
            "close fails all that wait, one that was handed a permit and has not run, and all later ones")
{
    struct line self = {.semaphore = new_semaphore(2)};
    struct qp_semaphore_permit permit, other;
    struct qp_handle handles[3];
    int i;
    take(self.semaphore, 1, &other);
    take(self.semaphore, 1, &permit);
    for (i = 0; i < 2; i++)
        handles[i] = spawn_asking(&self, ask);
    handles[2] = spawn_asking(&self, ask_for_three);
    qp_semaphore_release(&permit); /* the first one's */
    qp_semaphore_close(self.semaphore);
    QP_ASSERT(qp_semaphore_is_closed(self.semaphore));
    for (i = 0; i < 3; i++) {
        QP_ASSERT_EQ(qp_await(qp_join(&handles[i], NULL)), QP_OK);
        QP_ASSERT_EQ(self.statuses[i], QP_SEMAPHORE_CLOSED);
    }
    QP_ASSERT_EQ(qp_await(qp_acquire(self.semaphore, &permit)), QP_SEMAPHORE_CLOSED);
    QP_ASSERT_EQ(qp_try_acquire(self.semaphore, &permit), QP_SEMAPHORE_CLOSED);
    QP_ASSERT_EQ(qp_available_permits(self.semaphore), 1);
    qp_semaphore_release(&other);
    QP_ASSERT_EQ(qp_available_permits(self.semaphore), 2);
}

QP_SCENARIO(semaphore_close_gathered, "what a failed waiter had gathered is free again")
{
    struct line self = {.semaphore = new_semaphore(3)};
    struct qp_semaphore_permit permit;
    struct qp_handle handle;
    take(self.semaphore, 1, &permit);
    handle = spawn_asking(&self, ask_for_three);
    QP_ASSERT_EQ(qp_available_permits(self.semaphore), 0);
    qp_semaphore_close(self.semaphore);
    QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), QP_OK);
    QP_ASSERT_EQ(qp_available_permits(self.semaphore), 2);
}

QP_SCENARIO(semaphore_close_unattended,
            "a semaphore that was closed while nobody waited says so, and fails whoever comes")
{
    struct qp_semaphore *semaphore = new_semaphore(1);
    struct qp_semaphore_permit permit;
    QP_ASSERT(!qp_semaphore_is_closed(semaphore));
    qp_semaphore_close(semaphore);
    QP_ASSERT(qp_semaphore_is_closed(semaphore));
    QP_ASSERT_EQ(qp_try_acquire(semaphore, &permit), QP_SEMAPHORE_CLOSED);
    QP_ASSERT_EQ(qp_await(qp_acquire(semaphore, &permit)), QP_SEMAPHORE_CLOSED);
}
