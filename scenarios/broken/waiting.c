/*
 * Planted: somebody waits for what has been, or two wait for one another.
 */
#include <quipu/quipu.h>

/* ---- a lost wake-up ---- */

struct signal {
    bool set, waits;
    struct qp_semaphore *wake;
};

static void wait_for_it(void *arg)
{
    struct signal *self = arg;
    struct qp_semaphore_permit permit;
    if (self->set)
        return;
    qp_await(qp_yield()); /* the mistake: set now, nobody is told */
    self->waits = true;
    qp_await(qp_acquire(self->wake, &permit));
}

static void set_it(void *arg)
{
    struct signal *self = arg;
    self->set = true;
    if (self->waits)
        qp_add_permits(self->wake, 1);
}

QP_SCENARIO(lost_wakeup, "the signal comes between the look at it and the wait for it")
{
    struct signal self = {false, false, qp_semaphore_create("wake", 0)};
    struct qp_handle waiter, setter;
    QP_ASSERT(self.wake);
    waiter = qp_spawn(wait_for_it, &self);
    setter = qp_spawn(set_it, &self);
    qp_await(qp_join(&setter, NULL));
    qp_await(qp_join(&waiter, NULL));
}

/* ---- two locks ---- */

struct two {
    struct qp_mutex *left, *right;
};

static void left_then_right(void *arg)
{
    const struct two *self = arg;
    struct qp_guard first, second;
    qp_await(qp_lock(self->left, &first));
    qp_await(qp_yield());
    qp_await(qp_lock(self->right, &second));
}

static void right_then_left(void *arg)
{
    const struct two *self = arg;
    struct qp_guard first, second;
    qp_await(qp_lock(self->right, &first)); /* the mistake: the other order */
    qp_await(qp_yield());
    qp_await(qp_lock(self->left, &second));
}

QP_SCENARIO(two_locks, "two locks are taken in different orders")
{
    struct two self = {qp_mutex_create("left", &qp_nothing, ""), qp_mutex_create("right", &qp_nothing, "")};
    struct qp_handle first, second;
    QP_ASSERT(self.left && self.right);
    first = qp_spawn(left_then_right, &self);
    second = qp_spawn(right_then_left, &self);
    qp_await(qp_join(&first, NULL));
    qp_await(qp_join(&second, NULL));
}

enum { PHILOSOPHERS = 4 };

struct table {
    struct qp_mutex *forks[PHILOSOPHERS];
    int seated;
};

static void dine(void *arg)
{
    struct table *self = arg;
    int seat = self->seated++;
    struct qp_guard left, right;
    qp_await(qp_lock(self->forks[seat], &left));
    qp_await(qp_yield());
    qp_await(qp_lock(self->forks[(seat + 1) % PHILOSOPHERS], &right)); /* the mistake: all in the same direction */
}

QP_SCENARIO(philosophers, "each takes the fork to the left, and waits for the one to the right")
{
    struct table self = {.seated = 0};
    struct qp_handle handles[PHILOSOPHERS];
    int i;
    for (i = 0; i < PHILOSOPHERS; i++) {
        self.forks[i] = qp_mutex_create("fork", &qp_nothing, "");
        QP_ASSERT(self.forks[i]);
    }
    for (i = 0; i < PHILOSOPHERS; i++)
        handles[i] = qp_spawn(dine, &self);
    for (i = 0; i < PHILOSOPHERS; i++)
        qp_await(qp_join(&handles[i], NULL));
}

/* ---- a bounded buffer ---- */

enum { ROOM = 1, ITEMS = 4 };

struct buffer {
    int count;
    struct qp_semaphore *changed;
};

static void wait_for_change(struct buffer *self)
{
    struct qp_semaphore_permit permit;
    qp_await(qp_acquire(self->changed, &permit));
    qp_semaphore_forget(&permit);
}

static void put_items(void *arg)
{
    struct buffer *self = arg;
    int i;
    for (i = 0; i < ITEMS; i++) {
        if (self->count == ROOM)
            wait_for_change(self); /* the mistake: 'if', where it must look again */
        QP_ASSERT(self->count < ROOM);
        self->count++;
        qp_add_permits(self->changed, 1);
        qp_await(qp_yield());
    }
}

static void get_items(void *arg)
{
    struct buffer *self = arg;
    int i;
    for (i = 0; i < ITEMS; i++) {
        if (self->count == 0)
            wait_for_change(self);
        QP_ASSERT(self->count > 0);
        self->count--;
        qp_add_permits(self->changed, 1);
        qp_await(qp_yield());
    }
}

QP_SCENARIO(bounded_buffer, "who was woken by a change does not look at what changed")
{
    struct buffer self = {0, qp_semaphore_create("changed", 0)};
    struct qp_handle producer, consumer;
    QP_ASSERT(self.changed);
    producer = qp_spawn(put_items, &self);
    consumer = qp_spawn(get_items, &self);
    qp_await(qp_join(&producer, NULL));
    qp_await(qp_join(&consumer, NULL));
}

/* ---- shutting down ---- */

struct service {
    struct qp_sender *tx;
    bool stopping;
    int accepted;
};

static void submit(void *arg)
{
    struct service *self = arg;
    int i;
    for (i = 0; i < 3; i++) {
        if (self->stopping)
            return;
        qp_await(qp_yield()); /* the mistake: it may be stopping now */
        self->accepted++;
        if (qp_try_send(self->tx, &i) != QP_OK)
            return;
    }
}

QP_SCENARIO(shutdown_loses_work, "work is accepted while what takes it is being closed")
{
    struct service self = {NULL, false, 0};
    struct qp_receiver *rx;
    struct qp_handle client;
    int item, done = 0;
    QP_ASSERT_EQ(qp_channel_create(&qp_int, 8, &self.tx, &rx), QP_OK);
    client = qp_spawn(submit, &self);
    while (done < 2 && qp_await(qp_recv(rx, &item)) == QP_OK)
        done++;
    self.stopping = true;
    qp_receiver_close(rx);
    qp_await(qp_join(&client, NULL));
    while (qp_try_recv(rx, &item) == QP_OK)
        done++;
    QP_ASSERT_EQ(done, self.accepted);
}

struct worker {
    bool stop, idle;
    struct qp_semaphore *work;
};

static void work_until_stopped(void *arg)
{
    struct worker *self = arg;
    struct qp_semaphore_permit permit;
    while (!self->stop) {
        qp_await(qp_yield()); /* the mistake: told to stop now, it waits for ever */
        self->idle = true;
        qp_await(qp_acquire(self->work, &permit));
        qp_semaphore_forget(&permit);
        self->idle = false;
    }
}

QP_SCENARIO(stop_is_missed, "a worker is told to stop between its look at the flag and its wait")
{
    struct worker self = {false, false, qp_semaphore_create("work", 0)};
    struct qp_handle handle;
    QP_ASSERT(self.work);
    handle = qp_spawn(work_until_stopped, &self);
    qp_await(qp_yield());
    self.stop = true;
    if (self.idle)
        qp_add_permits(self.work, 1);
    qp_await(qp_join(&handle, NULL));
}

/* ---- a barrier made of a counter ---- */

enum { RUNNERS = 2 };

struct gate {
    int arrived;
};

static void run_two_laps(void *arg)
{
    struct gate *self = arg;
    int lap, polls;
    for (lap = 0; lap < 2; lap++) {
        if (++self->arrived == RUNNERS)
            self->arrived = 0; /* the mistake: those who wait may not see it before the next lap begins */
        for (polls = 0; self->arrived != 0; polls++) {
            QP_ASSERT(polls < 10);
            qp_await(qp_yield());
        }
    }
}

QP_SCENARIO(counter_as_barrier, "a barrier that is a counter is used for the next lap too early")
{
    struct gate self = {0};
    struct qp_handle handles[RUNNERS];
    int i;
    for (i = 0; i < RUNNERS; i++)
        handles[i] = qp_spawn(run_two_laps, &self);
    for (i = 0; i < RUNNERS; i++)
        QP_ASSERT_EQ(qp_await(qp_join(&handles[i], NULL)), QP_OK);
}
