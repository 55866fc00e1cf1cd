/*
 * The document's section "Best Practices", each with its counterpart where there is one.
 *
 * Property: what a task does between two awaits holds everybody up, while a sleep and blocking work do not; a bounded
 * channel makes its producer wait, and an unbounded one does not; a detached task goes on and loses its result, and an
 * aborted one ends.
 */
#include <quipu/quipu.h>

/* Another task, which wants a turn every 100 milliseconds. */
static void other_task(void *arg)
{
    int *turns = arg;
    int i;
    for (i = 0; i < 10; i++) {
        qp_await(qp_sleep_ms(100));
        ++*turns;
    }
}

/* Takes the processor and does not await. */
static int heavy_computation(void)
{
    volatile int result = 0;
    int i;
    for (i = 0; i < 100; i++)
        result = result + i;
    return result;
}

/* ---- 1. don't block the runtime ---- */

/* Stands for std_thread_sleep: whatever it does, it does not await. */
static void bad_wait(void)
{
    heavy_computation();
}

static void good_wait(void)
{
    qp_await(qp_sleep(1.05));
}

QP_SCENARIO(doc_dont_block, "while a task waits without awaiting nobody runs; while it sleeps everybody may")
{
    int turns = 0;
    struct qp_handle other = qp_spawn(other_task, &turns);
    bad_wait();
    QP_ASSERT_EQ(turns, 0);
    good_wait();
    QP_ASSERT_EQ(turns, 10);
    qp_await(qp_join(&other, NULL));
}

/* ---- 2. use spawn_blocking for CPU work ---- */

struct cpu_work {
    const int *turns; /* of the other task */
    int turns_before;
};

static void bad_cpu_work(struct cpu_work *self, int *result)
{
    self->turns_before = *self->turns;
    *result = heavy_computation();
    QP_ASSERT_EQ(*self->turns, self->turns_before);
}

static void computation(void *arg)
{
    int result = heavy_computation();
    (void)arg;
    qp_blocking_takes_ms(1050);
    qp_return(&result);
}

static void good_cpu_work(struct cpu_work *self, int *result)
{
    struct qp_task_options options = {.name = "computation", .result = &qp_int};
    struct qp_handle handle = qp_spawn_blocking_with(computation, NULL, &options);
    self->turns_before = *self->turns;
    QP_ASSERT_EQ(qp_await(qp_join(&handle, result)), QP_OK);
    QP_ASSERT_TIMED(*self->turns == self->turns_before + 10);
}

QP_TIMED(doc_spawn_cpu_work, "how often others run while the work is under way")
QP_SCENARIO(doc_spawn_cpu_work, "offloaded CPU work gives the same result, and others run meanwhile")
{
    int turns = 0, bad = -1, good = -2;
    struct cpu_work self = {&turns, 0};
    struct qp_handle other = qp_spawn(other_task, &turns);
    bad_cpu_work(&self, &bad);
    good_cpu_work(&self, &good);
    QP_ASSERT_EQ(bad, good);
    qp_await(qp_join(&other, NULL));
}

/* ---- 3. use bounded channels ---- */

struct flood {
    struct qp_sender *tx;
    int64_t messages, sent;
};

static void flood(void *arg)
{
    struct flood *self = arg;
    for (; self->sent < self->messages; self->sent++)
        if (qp_await(qp_send(self->tx, &self->sent)) != QP_OK)
            return;
}

static struct qp_handle spawn_flood(struct flood *self)
{
    struct qp_handle handle = qp_spawn(flood, self);
    qp_sender_give(self->tx, &handle);
    return handle;
}

/* The document's capacity is 100. */
QP_PARAM(doc_prefer_bounded, capacity, 4)
QP_SCENARIO(doc_prefer_bounded, "with nobody to consume a bounded channel stops its producer; an unbounded one grows")
{
    int64_t capacity = qp_param("capacity");
    struct flood bounded = {.messages = capacity + 3}, unbounded = {.messages = capacity + 3};
    struct qp_receiver *bounded_rx, *unbounded_rx;
    struct qp_handle handles[2];
    QP_ASSERT_EQ(qp_channel_create(&qp_int64, capacity, &bounded.tx, &bounded_rx), QP_OK);
    QP_ASSERT_EQ(qp_channel_create_unbounded(&qp_int64, &unbounded.tx, &unbounded_rx), QP_OK);
    handles[0] = spawn_flood(&bounded);
    handles[1] = spawn_flood(&unbounded);
    qp_await(qp_sleep_ms(10));
    QP_ASSERT_EQ(bounded.sent, capacity);
    QP_ASSERT_EQ(qp_receiver_length(bounded_rx), capacity);
    QP_ASSERT_EQ(unbounded.sent, unbounded.messages);
    QP_ASSERT_EQ(qp_receiver_length(unbounded_rx), unbounded.messages);
    qp_receiver_drop(bounded_rx);
    QP_ASSERT_EQ(qp_await(qp_join(&handles[0], NULL)), QP_OK);
    QP_ASSERT_EQ(qp_await(qp_join(&handles[1], NULL)), QP_OK);
    QP_ASSERT_EQ(bounded.sent, capacity);
}

/* ---- 4. handle cancellation explicitly ---- */

struct done {
    const char *text;
    int *dropped;
};

static void done_drop(void *value)
{
    ++*((struct done *)value)->dropped;
}

static const struct qp_type done_type = QP_TYPE_DROP(struct done, done_drop);

struct cancellable {
    bool finished;
    int dropped; /* results of it that nobody took */
};

static void cancellable_work(void *arg)
{
    struct cancellable *self = arg;
    struct done done = {"done", &self->dropped};
    qp_await(qp_sleep(10.0));
    self->finished = true;
    qp_return(&done);
}

QP_SCENARIO(doc_detached, "dropping the handle loses the result and not the work; abort ends the work")
{
    struct qp_task_options options = {.name = "cancellable_work", .result = &done_type};
    struct cancellable detached = {false, 0}, aborted = {false, 0};
    struct qp_handle handle = qp_spawn_with(cancellable_work, &detached, &options);
    struct qp_handle other = qp_spawn_with(cancellable_work, &aborted, &options);
    qp_await(qp_sleep(5.0));
    qp_handle_drop(&handle); /* _ = handle */
    qp_abort(&other);
    qp_await(qp_sleep(6.0));
    QP_ASSERT(detached.finished);
    QP_ASSERT_EQ(detached.dropped, 1);
    QP_ASSERT(!aborted.finished);
    QP_ASSERT_EQ(aborted.dropped, 0);
    QP_ASSERT_EQ(qp_await(qp_join(&other, NULL)), QP_CANCELLED);
}
