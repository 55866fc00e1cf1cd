/*
 * Planted: what never happens while everything goes well. Each is found by one kind of fault, which it says it bears,
 * and by no schedule without that.
 */
#include <quipu/quipu.h>

/* ---- yield: an await that is ready at once suspends all the same ---- */

struct seat {
    struct qp_semaphore *entry;
    int taken_by;
};

struct guest {
    struct seat *seat;
    int number;
};

static void sit_down(void *arg)
{
    struct guest *self = arg;
    struct qp_semaphore_permit permit;
    if (self->seat->taken_by)
        return;
    qp_await(qp_acquire(self->seat->entry, &permit)); /* the mistake: there is room for all, so it "does not wait" */
    QP_ASSERT_EQ(self->seat->taken_by, 0);
    self->seat->taken_by = self->number;
}

QP_BEARS(ready_does_not_suspend, QP_FAULT_YIELD)
QP_SCENARIO(ready_does_not_suspend, "what is looked at before an await that is always ready counts behind it too")
{
    struct seat seat = {qp_semaphore_create("entry", 2), 0};
    struct guest guests[] = {{&seat, 1}, {&seat, 2}};
    struct qp_handle handles[2];
    QP_ASSERT(seat.entry);
    for (size_t i = 0; i < 2; i++)
        handles[i] = qp_spawn(sit_down, &guests[i]);
    for (size_t i = 0; i < 2; i++)
        qp_await(qp_join(&handles[i], NULL));
}

/* ---- spurious: a poll is taken for the news ---- */

struct doorbell {
    struct qp_waker *waiting;
    bool rung;
};

struct ring_future {
    struct qp_future future;
    struct doorbell *bell;
};

static enum qp_status ring_poll(struct qp_future *future, struct qp_waker *waker)
{
    struct ring_future *self = (struct ring_future *)future;
    if (future->stage++)
        return QP_OK; /* the mistake: it was woken, so the bell rang */
    self->bell->waiting = waker;
    return QP_PENDING;
}

static void ring_drop(struct qp_future *future)
{
    ((struct ring_future *)future)->bell->waiting = NULL;
}

static const struct qp_future_ops ring_ops = {"ring", ring_poll, ring_drop, NULL, NULL};

static void open_the_door(void *arg)
{
    struct ring_future ring = {.bell = arg};
    qp_await(qp_future_init(&ring.future, &ring_ops));
    QP_ASSERT(ring.bell->rung);
}

QP_BEARS(polled_is_not_woken, QP_FAULT_SPURIOUS)
QP_SCENARIO(polled_is_not_woken, "a future takes its second poll for what it waits for")
{
    struct doorbell bell = {NULL, false};
    struct qp_handle handle = qp_spawn(open_the_door, &bell);
    qp_await(qp_sleep_ms(1));
    qp_await(qp_yield());
    bell.rung = true;
    if (bell.waiting)
        qp_waker_wake(bell.waiting);
    qp_await(qp_join(&handle, NULL));
}

/* ---- clock: work takes time ---- */

static void work_hard(void *arg)
{
    for (int i = 0; i < 5; i++)
        qp_await(qp_yield());
    *(bool *)arg = true;
}

QP_BEARS(work_takes_time, QP_FAULT_CLOCK)
QP_SCENARIO(work_takes_time, "who is given 10 ms for what takes none is never late")
{
    bool done = false;
    struct qp_handle handle = qp_spawn(work_hard, &done);
    qp_await(qp_sleep_ms(10)); /* the mistake: it does not wait for the work, but for so long */
    QP_ASSERT(done);
    qp_await(qp_join(&handle, NULL));
}

/* ---- late: a sleep is longer than it was asked for ---- */

QP_BEARS(ticks_are_counted_as_time, QP_FAULT_LATE)
QP_SCENARIO(ticks_are_counted_as_time, "so many sleeps of 10 ms are so many times 10 ms")
{
    int64_t began_ns = qp_now();
    int ticks = 0;
    while (ticks < 5) {
        qp_await(qp_sleep_ms(10));
        ticks++;
    }
    QP_ASSERT_EQ(qp_now() - began_ns, qp_milliseconds(10) * ticks); /* the mistake: it may be more */
}

/* ---- delay: blocking work waits for a thread ---- */

static void read_file(void *arg)
{
    *(int *)arg = 7;
}

QP_BEARS(blocking_work_starts_at_once, QP_FAULT_DELAY)
QP_SCENARIO(blocking_work_starts_at_once, "what was given to the pool is done after 5 ms")
{
    int content = 0;
    struct qp_handle handle = qp_spawn_blocking(read_file, &content);
    qp_await(qp_sleep_ms(5));
    QP_ASSERT_EQ(content, 7); /* the mistake: it may not even have begun */
    qp_await(qp_join(&handle, NULL));
}

/* ---- panic: what is undone by hand is not undone ---- */

struct office {
    int busy;
};

static void serve(void *arg)
{
    struct office *self = arg;
    self->busy++;
    qp_await(qp_sleep_ms(1));
    self->busy--; /* the mistake: not where the task panics; qp_defer would do it */
}

QP_BEARS(undone_by_hand, QP_FAULT_PANIC)
QP_SCENARIO(undone_by_hand, "a count that is taken back behind an await, where nobody panics")
{
    struct office office = {0};
    struct qp_handle handles[2];
    for (size_t i = 0; i < 2; i++)
        handles[i] = qp_spawn(serve, &office);
    for (size_t i = 0; i < 2; i++)
        (void)qp_await(qp_join(&handles[i], NULL));
    QP_ASSERT_EQ(office.busy, 0);
}

/* ---- alloc: a task that could not be started ---- */

static void do_part(void *arg)
{
    qp_add_permits((struct qp_semaphore *)arg, 1);
}

QP_BEARS(started_without_memory, QP_FAULT_ALLOC)
QP_SCENARIO(started_without_memory, "nobody looks whether a task was started before waiting for what it does")
{
    struct qp_semaphore *done = qp_semaphore_create("done", 0);
    struct qp_semaphore_permit permit;
    if (!done)
        return;
    for (int i = 0; i < 3; i++) {
        struct qp_handle handle = qp_spawn(do_part, done); /* the mistake: it may be empty */
        qp_handle_drop(&handle);
    }
    if (qp_await(qp_acquire_many(done, 3, &permit)) == QP_OK)
        qp_semaphore_release(&permit);
}

/* ---- cancel: a deadline that is far away ---- */

struct counter_of_items {
    struct qp_receiver *items;
    int counted;
    bool ended;
};

static void take_and_count(void *arg)
{
    struct counter_of_items *self = arg;
    int item;
    self->ended = qp_await(qp_recv(self->items, &item)) != QP_OK;
    qp_await(qp_yield()); /* the mistake: it is taken, and not counted, if the deadline comes here */
    self->counted += !self->ended;
}

static void count_items(void *arg)
{
    struct counter_of_items *self = arg;
    while (!self->ended)
        (void)qp_await(qp_timeout_ms(60000, qp_async(take_and_count, self)));
}

QP_BEARS(deadline_is_far_away, QP_FAULT_CANCEL)
QP_SCENARIO(deadline_is_far_away, "a timeout of a minute around what takes no time never expires in the wrong place")
{
    struct counter_of_items self = {NULL, 0, false};
    struct qp_sender *tx;
    struct qp_handle handle;
    QP_ASSERT_EQ(qp_channel_create(&qp_int, 4, &tx, &self.items), QP_OK);
    for (int i = 0; i < 3; i++)
        QP_ASSERT_EQ(qp_try_send(tx, &i), QP_OK);
    qp_sender_drop(tx);
    handle = qp_spawn(count_items, &self);
    if (qp_await(qp_join(&handle, NULL)) == QP_OK) /* and not aborted: then they may be left */
        QP_ASSERT_EQ(self.counted, 3);
}
