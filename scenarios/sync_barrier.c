/*
 * The barrier.
 *
 * Property: nobody crosses before all of a generation have arrived, and then all do; each has a slot of its own. One
 * that is cancelled before that no longer counts, and its slot goes to a later arrival; one that is cancelled after
 * has crossed all the same.
 */
#include <quipu/quipu.h>

enum { MOST = 16 };

static void settle(void)
{
    qp_await(qp_sleep_ms(1));
}

struct meeting {
    struct qp_barrier *barrier;
    int64_t participants, generations;
    int arrived, crossed;
    int slots[MOST]; /* how often each was given */
};

static struct qp_barrier *new_barrier(int64_t participants)
{
    struct qp_barrier *barrier = qp_barrier_create("barrier", participants);
    QP_ASSERT(barrier);
    return barrier;
}

static void meet(void *arg)
{
    struct meeting *self = arg;
    int64_t generation;
    for (generation = 1; generation <= self->generations; generation++) {
        size_t slot = MOST;
        self->arrived++;
        QP_ASSERT_EQ(qp_await(qp_barrier_wait(self->barrier, &slot)), QP_OK);
        QP_ASSERT(self->arrived >= self->participants * generation);
        QP_ASSERT((int64_t)slot < self->participants);
        self->slots[slot]++;
        self->crossed++;
        qp_await(qp_sleep_ms((int64_t)qp_random(3)));
    }
}

QP_PARAM(barrier_generations, participants, 4)
QP_PARAM(barrier_generations, generations, 3)
QP_SCENARIO(barrier_generations, "nobody crosses before all have arrived, and each has a slot of its own, every time")
{
    struct meeting self = {.participants = qp_param("participants"), .generations = qp_param("generations")};
    struct qp_handle handles[MOST];
    int64_t i;
    QP_ASSERT(self.participants <= MOST);
    self.barrier = new_barrier(self.participants);
    for (i = 0; i < self.participants; i++)
        handles[i] = qp_spawn(meet, &self);
    for (i = 0; i < self.participants; i++)
        QP_ASSERT_EQ(qp_await(qp_join(&handles[i], NULL)), QP_OK);
    for (i = 0; i < self.participants; i++)
        QP_ASSERT_EQ(self.slots[i], self.generations);
}

QP_SCENARIO(barrier_of_none, "a barrier of less than one is one of one: who arrives crosses")
{
    struct qp_barrier *barrier = new_barrier(0);
    size_t slot = MOST;
    QP_ASSERT_EQ(qp_await(qp_timeout_ms(0, qp_barrier_wait(barrier, &slot))), QP_OK);
    QP_ASSERT_EQ(slot, 0);
    qp_barrier_drop(barrier);
    barrier = new_barrier(-2);
    QP_ASSERT_EQ(qp_await(qp_barrier_wait(barrier, NULL)), QP_OK);
}

/* Arrives once, and tells which slot it had. */
struct participant {
    struct qp_barrier *barrier;
    size_t slot;
    bool crossed;
};

static void arrive(void *arg)
{
    struct participant *self = arg;
    self->slot = MOST;
    self->crossed = false;
    QP_ASSERT_EQ(qp_await(qp_barrier_wait(self->barrier, &self->slot)), QP_OK);
    self->crossed = true;
}

static struct qp_handle spawn_arriving(struct participant *self, struct qp_barrier *barrier)
{
    struct qp_handle handle;
    self->barrier = barrier;
    handle = qp_spawn(arrive, self);
    settle();
    return handle;
}

QP_SCENARIO(barrier_last_does_not_wait,
            "the arrival that completes a generation goes on at once, before the others run")
{
    struct participant others[2] = {0};
    struct qp_barrier *barrier = new_barrier(3);
    struct qp_handle handles[2];
    size_t slot;
    int i;
    for (i = 0; i < 2; i++)
        handles[i] = spawn_arriving(&others[i], barrier);
    QP_ASSERT_EQ(qp_await(qp_barrier_wait(barrier, &slot)), QP_OK);
    QP_ASSERT(!others[0].crossed && !others[1].crossed);
    for (i = 0; i < 2; i++)
        QP_ASSERT_EQ(qp_await(qp_join(&handles[i], NULL)), QP_OK);
    QP_ASSERT_EQ(others[0].slot + others[1].slot + slot, 3);
}

QP_SCENARIO(barrier_next_generation, "an arrival beyond the last is the first of the next generation")
{
    struct participant self[4] = {0};
    struct qp_barrier *barrier = new_barrier(2);
    struct qp_handle handles[4];
    int i;
    for (i = 0; i < 3; i++)
        handles[i] = spawn_arriving(&self[i], barrier);
    QP_ASSERT(self[0].crossed && self[1].crossed && !self[2].crossed);
    handles[3] = spawn_arriving(&self[3], barrier);
    for (i = 0; i < 4; i++)
        QP_ASSERT_EQ(qp_await(qp_join(&handles[i], NULL)), QP_OK);
    QP_ASSERT_EQ(self[2].slot + self[3].slot, 1);
}

QP_SCENARIO(barrier_withdrawn,
            "who is cancelled no longer counts, and the rest wait for others, who get the free slots")
{
    struct participant self[5] = {0};
    struct qp_barrier *barrier = new_barrier(4);
    struct qp_handle handles[5];
    size_t slot;
    int i;
    for (i = 0; i < 3; i++)
        handles[i] = spawn_arriving(&self[i], barrier);
    qp_abort(&handles[0]);
    QP_ASSERT_EQ(qp_await(qp_join(&handles[0], NULL)), QP_CANCELLED);
    qp_abort(&handles[2]);
    QP_ASSERT_EQ(qp_await(qp_join(&handles[2], NULL)), QP_CANCELLED);
    for (i = 3; i < 5; i++)
        handles[i] = spawn_arriving(&self[i], barrier);
    QP_ASSERT(!self[1].crossed && !self[3].crossed && !self[4].crossed);
    QP_ASSERT_EQ(qp_await(qp_barrier_wait(barrier, &slot)), QP_OK);
    QP_ASSERT_EQ(qp_await(qp_join(&handles[1], NULL)), QP_OK);
    for (i = 3; i < 5; i++)
        QP_ASSERT_EQ(qp_await(qp_join(&handles[i], NULL)), QP_OK);
    QP_ASSERT_EQ(self[1].slot, 1);
    QP_ASSERT_EQ(self[3].slot, 2); /* freed last, used first */
    QP_ASSERT_EQ(self[4].slot, 0);
    QP_ASSERT_EQ(slot, 3);
}

QP_SCENARIO(barrier_released_and_cancelled,
            "who is cancelled when its generation was released has crossed all the same")
{
    struct participant self[4] = {0};
    struct qp_barrier *barrier = new_barrier(2);
    struct qp_handle handles[4];
    int i;
    handles[0] = spawn_arriving(&self[0], barrier);
    QP_ASSERT_EQ(qp_await(qp_barrier_wait(barrier, NULL)), QP_OK);
    qp_abort(&handles[0]); /* it was released, and has not run */
    self[1].barrier = barrier;
    handles[1] = qp_spawn(arrive, &self[1]);
    QP_ASSERT_EQ(qp_await(qp_join(&handles[0], NULL)), QP_CANCELLED);
    settle();
    QP_ASSERT(!self[0].crossed);
    for (i = 2; i < 4; i++)
        handles[i] = spawn_arriving(&self[i], barrier);
    QP_ASSERT(!self[3].crossed); /* it waits for a fourth */
    QP_ASSERT_EQ(qp_await(qp_barrier_wait(barrier, NULL)), QP_OK);
    for (i = 1; i < 4; i++)
        QP_ASSERT_EQ(qp_await(qp_join(&handles[i], NULL)), QP_OK);
}

QP_SCENARIO(barrier_released_and_cancelled_late, "its cancellation takes nobody off the count of the next generation")
{
    struct participant first, second;
    struct qp_barrier *barrier = new_barrier(3);
    struct qp_handle handles[2];
    bool crossed;
    handles[0] = spawn_arriving(&first, barrier);
    handles[1] = spawn_arriving(&second, barrier);
    QP_ASSERT_EQ(qp_await(qp_barrier_wait(barrier, NULL)), QP_OK); /* all three of the first generation */
    crossed = qp_await(qp_timeout_ms(0, qp_barrier_wait(barrier, NULL))) == QP_OK;
    QP_ASSERT(!crossed); /* the first of the next, and withdrawn */
    qp_abort(&handles[1]);
    QP_ASSERT_EQ(qp_await(qp_join(&handles[0], NULL)), QP_OK);
    qp_await(qp_join(&handles[1], NULL));
}

/* Comes, and goes again if the others take too long. */
static void meet_in_time(void *arg)
{
    struct meeting *self = arg;
    int i;
    for (i = 0; i < 4; i++) {
        size_t slot = MOST;
        if (qp_await(qp_timeout_ms(1 + (int64_t)qp_random(2), qp_barrier_wait(self->barrier, &slot))) == QP_OK) {
            QP_ASSERT((int64_t)slot < self->participants);
            self->crossed++;
        }
        qp_await(qp_sleep_ms((int64_t)qp_random(2)));
    }
}

QP_SCENARIO(barrier_cancelled_whenever,
            "timeouts tied with arrivals, and an abort at any time: the count is right at last")
{
    struct meeting self = {.barrier = new_barrier(3), .participants = 3};
    struct participant last[2] = {0};
    struct qp_handle handles[4];
    int i;
    for (i = 0; i < 4; i++)
        handles[i] = qp_spawn(meet_in_time, &self);
    qp_await(qp_sleep_ms((int64_t)qp_random(6)));
    qp_abort(&handles[qp_random(4)]);
    for (i = 0; i < 4; i++)
        qp_await(qp_join(&handles[i], NULL));
    for (i = 0; i < 2; i++)
        handles[i] = spawn_arriving(&last[i], self.barrier);
    QP_ASSERT(!last[0].crossed && !last[1].crossed);
    QP_ASSERT_EQ(qp_await(qp_barrier_wait(self.barrier, NULL)), QP_OK);
    for (i = 0; i < 2; i++)
        QP_ASSERT_EQ(qp_await(qp_join(&handles[i], NULL)), QP_OK);
}
