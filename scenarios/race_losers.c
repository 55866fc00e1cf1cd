/*
 * What becomes of a race's arms.
 *
 * Property: the winner's on_win alone runs, while the losers still exist; then every arm is dropped in source order,
 * and only then does the race return. What a loser would have done behind its last suspension is never done. When the
 * race itself is cancelled all arms are dropped in source order, and no on_win runs.
 */
#include <quipu/quipu.h>

enum { ARMS = 4, MOST = 2 * ARMS };

/* What happened: an arm's number when it let go, and WON + its number when its on_win ran. */
enum { WON = 100 };

struct history {
    int events[MOST], count;
};

struct runner {
    struct history *history;
    int number;
    int64_t takes_ms;
    bool arrived; /* the side effect behind its last suspension */
};

static void note_release(void *arg)
{
    struct runner *self = arg;
    self->history->events[self->history->count++] = self->number;
}

static void note_win(void *context, enum qp_status status)
{
    struct runner *self = context;
    QP_ASSERT_EQ(status, QP_OK);
    self->history->events[self->history->count++] = WON + self->number;
}

static void run(void *arg)
{
    struct runner *self = arg;
    QP_ASSERT_EQ(qp_defer(note_release, self), QP_OK);
    qp_await(qp_sleep_ms(self->takes_ms));
    self->arrived = true;
}

struct field {
    struct history history;
    struct runner runners[ARMS];
};

/* The runner with the number `winner` is the fastest. */
static void field_init(struct field *self, int winner)
{
    int i;
    self->history.count = 0;
    for (i = 0; i < ARMS; i++)
        self->runners[i] = (struct runner){&self->history, i, i == winner ? 10 : 20, false};
}

static enum qp_status run_race(struct field *self, size_t *winner, int64_t limit_ms)
{
    struct runner *runners = self->runners;
    struct qp_future *race = qp_race(winner, qp_arm_on(qp_async(run, &runners[0]), note_win, &runners[0]),
                                     qp_arm_on(qp_async(run, &runners[1]), note_win, &runners[1]),
                                     qp_arm_on(qp_async(run, &runners[2]), note_win, &runners[2]),
                                     qp_arm_on(qp_async(run, &runners[3]), note_win, &runners[3]));
    return qp_await(qp_timeout_ms(limit_ms, race));
}

/* The winner lets go as it arrives, then its on_win, then the losers in order. */
static void expect_history(const struct history *self, int winner)
{
    int i, next = 2;
    QP_ASSERT_EQ(self->count, ARMS + 1);
    QP_ASSERT_EQ(self->events[0], winner);
    QP_ASSERT_EQ(self->events[1], WON + winner);
    for (i = 0; i < ARMS; i++)
        if (i != winner)
            QP_ASSERT_EQ(self->events[next++], i);
}

QP_SCENARIO(race_losers_dropped_in_order,
            "the winner's on_win runs, then the losers are dropped in order, then it returns")
{
    struct field self;
    int expected, i;
    for (expected = 0; expected < ARMS; expected++) {
        size_t winner = 9;
        field_init(&self, expected);
        QP_ASSERT_EQ(run_race(&self, &winner, 1000), QP_OK);
        QP_ASSERT_EQ(winner, expected);
        expect_history(&self.history, expected);
        qp_await(qp_sleep_ms(50));
        for (i = 0; i < ARMS; i++)
            QP_ASSERT_EQ(self.runners[i].arrived, i == expected);
    }
}

QP_SCENARIO(race_cancelled, "a race that is cancelled drops its arms in order, and nobody wins")
{
    struct field self;
    size_t winner = 9;
    int i;
    field_init(&self, 0);
    QP_ASSERT_EQ(run_race(&self, &winner, 5), QP_TIMEOUT);
    QP_ASSERT_EQ(winner, 9);
    QP_ASSERT_EQ(self.history.count, ARMS);
    for (i = 0; i < ARMS; i++)
        QP_ASSERT_EQ(self.history.events[i], i);
    qp_await(qp_sleep_ms(50));
    QP_ASSERT(!self.runners[0].arrived);
}

/* ---- the losers exist while on_win runs ---- */

struct held {
    struct qp_mutex *mutex;
    enum qp_status seen; /* what a try_lock by on_win answered */
};

static void hold_and_wait(void *arg)
{
    struct held *self = arg;
    struct qp_guard guard;
    qp_await(qp_lock(self->mutex, &guard));
    qp_await(qp_sleep_ms(100));
}

static void try_it(void *context, enum qp_status status)
{
    struct held *self = context;
    struct qp_guard guard;
    (void)status;
    self->seen = qp_try_lock(self->mutex, &guard);
}

QP_SCENARIO(race_on_win_before_drops,
            "a loser still holds its lock while on_win runs, and no more when the race returns")
{
    struct held self = {.mutex = qp_mutex_create("mutex", &qp_nothing, ""), .seen = QP_OK};
    struct qp_guard guard;
    QP_ASSERT(self.mutex);
    QP_ASSERT_EQ(
        qp_await(qp_race(NULL, qp_arm(qp_async(hold_and_wait, &self)), qp_arm_on(qp_sleep_ms(10), try_it, &self))),
        QP_OK);
    QP_ASSERT_EQ(self.seen, QP_BUSY);
    QP_ASSERT_EQ(qp_try_lock(self.mutex, &guard), QP_OK);
}

/* ---- durable work ---- */

static void commit(void *arg)
{
    qp_await(qp_sleep_ms(20));
    *(bool *)arg = true;
}

QP_SCENARIO(race_lost_join_detaches, "work that was spawned before a race goes on when the arm that waits for it loses")
{
    bool committed = false;
    struct qp_handle handle = qp_spawn(commit, &committed);
    size_t winner = 9;
    QP_ASSERT_EQ(qp_await(qp_race(&winner, qp_arm(qp_join(&handle, NULL)), qp_arm(qp_sleep_ms(10)))), QP_OK);
    QP_ASSERT_EQ(winner, 1);
    QP_ASSERT(!handle.task && !committed);
    qp_await(qp_sleep_ms(15));
    QP_ASSERT(committed);
}
