/*
 * Planted: somebody is cancelled, or times out, between two things that belong together.
 */
#include <quipu/quipu.h>

/* ---- an item lost by a timeout ---- */

struct inbox {
    struct qp_receiver *rx;
    int handled;
};

/* Takes an item and then prepares for it: a timeout around both loses what was taken. */
static void take_and_prepare(void *arg)
{
    struct inbox *self = arg;
    int item;
    if (qp_await(qp_recv(self->rx, &item)) != QP_OK)
        return;
    qp_await(qp_sleep_ms(2)); /* the mistake */
    self->handled++;
}

static void send_three(void *arg)
{
    int i;
    for (i = 0; i < 3; i++) {
        qp_await(qp_sleep_ms(1 + (int64_t)qp_random(3)));
        qp_await(qp_send((struct qp_sender *)arg, &i));
    }
}

QP_SCENARIO(item_lost_by_timeout, "a timeout around 'receive and prepare' drops what was received")
{
    struct inbox self = {NULL, 0};
    struct qp_sender *tx;
    struct qp_handle sender;
    int i;
    QP_ASSERT_EQ(qp_channel_create(&qp_int, 4, &tx, &self.rx), QP_OK);
    sender = qp_spawn(send_three, tx);
    for (i = 0; i < 6 && self.handled < 3; i++)
        qp_await(qp_timeout_ms(4, qp_async(take_and_prepare, &self)));
    qp_await(qp_join(&sender, NULL));
    QP_ASSERT_EQ(self.handled, 3);
}

/* ---- a result lost at the same instant ---- */

struct reply {
    bool here;
    int64_t deadline_ns;
};

static void answer_later(void *arg)
{
    struct reply *self = arg;
    qp_await(qp_sleep_ms(10));
    self->here = true;
}

QP_SCENARIO(result_lost_at_the_deadline, "the deadline is looked at before the result, which came at the same instant")
{
    struct reply self = {false, qp_now() + 10000000};
    struct qp_handle worker = qp_spawn(answer_later, &self);
    bool timed_out = false;
    while (!timed_out && !self.here) {
        qp_await(qp_sleep_ms(2));
        timed_out = qp_now() >= self.deadline_ns; /* the mistake: the result counts first */
    }
    qp_await(qp_join(&worker, NULL));
    QP_ASSERT(!timed_out);
}

/* ---- a lock that is not a guard ---- */

struct flag_lock {
    bool held;
};

static void hold_by_flag(void *arg)
{
    struct flag_lock *self = arg;
    while (self->held)
        qp_await(qp_sleep_ms(1));
    self->held = true;
    qp_await(qp_sleep_ms(2)); /* the mistake: cancelled here, nobody gives it back */
    self->held = false;
}

QP_SCENARIO(lock_kept_by_the_cancelled, "whoever holds a lock that is only a flag is cancelled")
{
    struct flag_lock self = {false};
    struct qp_handle holder = qp_spawn(hold_by_flag, &self);
    qp_await(qp_sleep_ms((int64_t)qp_random(4)));
    qp_abort(&holder);
    qp_await(qp_join(&holder, NULL));
    QP_ASSERT(!self.held);
}

/* ---- half of an update ---- */

struct books {
    int left, right;
};

static void transfer(void *arg)
{
    struct books *self = arg;
    self->left -= 10;
    qp_await(qp_yield()); /* the mistake */
    self->right += 10;
}

QP_SCENARIO(half_an_update, "a transfer is aborted between its two halves")
{
    struct books self = {100, 100};
    struct qp_handle task = qp_spawn(transfer, &self);
    if (qp_random(2))
        qp_await(qp_yield());
    qp_abort(&task);
    qp_await(qp_join(&task, NULL));
    QP_ASSERT_EQ(self.left + self.right, 200);
}

/* ---- done twice by a retry ---- */

struct job {
    int done;
};

static void do_slowly(void *arg)
{
    struct job *self = arg;
    qp_await(qp_sleep_ms(1));
    self->done++;
    qp_await(qp_sleep_ms((int64_t)qp_random(3))); /* the answer is on its way */
}

QP_SCENARIO(done_twice_by_a_retry, "a request that timed out is sent again, though it may have been done")
{
    struct job self = {0};
    int attempt;
    for (attempt = 0; attempt < 3; attempt++)
        if (qp_await(qp_timeout_ms(2, qp_async(do_slowly, &self))) == QP_OK)
            break;
    QP_ASSERT(self.done <= 1);
}

/* ---- a late reply ---- */

struct wire {
    struct qp_receiver *requests;
    struct qp_sender *replies;
};

static void serve(void *arg)
{
    const struct wire *self = arg;
    int request;
    while (qp_await(qp_recv(self->requests, &request)) == QP_OK) {
        qp_await(qp_sleep_ms((int64_t)qp_random(4)));
        if (qp_await(qp_send(self->replies, &request)) != QP_OK)
            return;
    }
}

QP_SCENARIO(late_reply, "the reply to a request that timed out is taken for that of the next one")
{
    struct wire self;
    struct qp_sender *requests;
    struct qp_receiver *replies;
    struct qp_handle server;
    int i, reply;
    QP_ASSERT_EQ(qp_channel_create(&qp_int, 4, &requests, &self.requests), QP_OK);
    QP_ASSERT_EQ(qp_channel_create(&qp_int, 4, &self.replies, &replies), QP_OK);
    server = qp_spawn(serve, &self);
    for (i = 0; i < 3; i++) {
        QP_ASSERT_EQ(qp_await(qp_send(requests, &i)), QP_OK);
        if (qp_await(qp_timeout_ms(2, qp_recv(replies, &reply))) == QP_OK)
            QP_ASSERT_EQ(reply, i); /* the mistake: a reply should name its request */
    }
    qp_abort(&server);
    qp_await(qp_join(&server, NULL));
}

/* ---- a connection that never comes back ---- */

struct pool {
    struct qp_mutex *lock;
    int free;
};

static void use_connection(void *arg)
{
    struct pool *self = arg;
    if (!self->free)
        return;
    self->free--;
    qp_await(qp_sleep_ms(2)); /* the mistake: nothing gives it back when the user goes away */
    self->free++;
}

QP_SCENARIO(connection_never_returned, "a request that times out keeps its connection for ever")
{
    struct pool self = {NULL, 2};
    int i;
    for (i = 0; i < 2; i++)
        qp_await(qp_timeout_ms(1 + (int64_t)qp_random(3), qp_async(use_connection, &self)));
    QP_ASSERT_EQ(self.free, 2);
}

/* ---- a promise that is not kept ---- */

static uint64_t digest_books(const void *state)
{
    const struct books *self = state;
    return (uint64_t)self->left * 1000 + (uint64_t)self->right;
}

QP_SCENARIO(promise_not_kept, "a transfer says that it is cancel-safe, and is not")
{
    struct books self = {100, 100};
    struct qp_contract contract = {
        .name = "transfer", .promise = QP_PROMISE_CANCEL_SAFE, .digest = digest_books, .state = &self};
    int i;
    for (i = 0; i < 3; i++)
        qp_await(qp_timeout_ms(0, qp_held_to(&contract, qp_async(transfer, &self)))); /* the mistake is in there */
}

/* ---- a letter that is taken out too early ---- */

struct letter_box {
    int letters[4];
    size_t put, taken;
    struct qp_waker *waiting;
};

struct take_future {
    struct qp_future future;
    struct letter_box *box;
    bool taken, opened;
    int letter;
};

static enum qp_status take_poll(struct qp_future *future, struct qp_waker *waker)
{
    struct take_future *self = (struct take_future *)future;
    struct letter_box *box = self->box;
    if (!self->taken && box->taken < box->put) {
        self->letter = box->letters[box->taken++]; /* the mistake: it may still be cancelled while it opens it */
        self->taken = true;
    }
    if (!self->taken) {
        box->waiting = waker;
        return QP_PENDING;
    }
    if (self->opened)
        return QP_OK;
    self->opened = true;
    qp_waker_wake(waker);
    return QP_PENDING;
}

static void take_drop(struct qp_future *future)
{
    ((struct take_future *)future)->box->waiting = NULL;
}

static const struct qp_future_ops take_ops = {"take", take_poll, take_drop, NULL, NULL};

static void put_letters(void *arg)
{
    struct letter_box *box = arg;
    while (box->put < 3) {
        box->letters[box->put] = (int)box->put;
        box->put++;
        if (box->waiting)
            qp_waker_wake(box->waiting);
        box->waiting = NULL;
        qp_await(qp_yield());
    }
}

QP_BEARS(letter_taken_too_early, QP_FAULT_RETRY)
QP_SCENARIO(letter_taken_too_early, "a wait that says it is cancel-safe takes something before it is ready")
{
    static const struct qp_contract contract = {
        .name = "take", .promise = QP_PROMISE_CANCEL_SAFE, .future_size = sizeof(struct take_future)};
    struct letter_box box = {.put = 0};
    struct qp_handle handle = qp_spawn(put_letters, &box);
    for (int i = 0; i < 3; i++) {
        struct take_future take = {.box = &box};
        qp_future_init(&take.future, &take_ops);
        QP_ASSERT_EQ(qp_await(qp_held_to(&contract, &take.future)), QP_OK);
        QP_ASSERT_EQ(take.letter, i);
    }
    QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), QP_OK);
}

/* ---- durable in name only ---- */

struct outbox {
    uint64_t accepted, sent;
};

static uint64_t digest_unsent(const void *state)
{
    const struct outbox *self = state;
    return self->accepted - self->sent;
}

static void send_by_itself(void *arg)
{
    struct outbox *self = arg;
    self->accepted++;
    qp_await(qp_sleep_ms(2)); /* the mistake: it does the work itself, and is cancelled with whoever waits for it */
    self->sent++;
}

QP_SCENARIO(durable_but_not_spawned, "a function that is said to be durable works in the task of its caller")
{
    struct outbox self = {0, 0};
    struct qp_contract contract = {
        .name = "send_by_itself", .promise = QP_PROMISE_DURABLE, .digest = digest_unsent, .state = &self};
    for (int i = 0; i < 3; i++)
        qp_await(qp_timeout_ms((int64_t)qp_random(4), qp_held_to(&contract, qp_async(send_by_itself, &self))));
}

static void send_later(void *arg)
{
    struct outbox *self = arg;
    qp_await(qp_sleep_ms(2));
    self->sent++;
}

static void stop_it(void *arg)
{
    qp_abort((const struct qp_handle *)arg);
}

static void send_and_clean_up(void *arg)
{
    struct outbox *self = arg;
    struct qp_handle sender = qp_spawn(send_later, self), of_same = sender;
    self->accepted++;
    QP_ASSERT_EQ(qp_defer(stop_it, &of_same), QP_OK); /* the mistake: also when only the wait is cancelled */
    qp_await(qp_join(&sender, NULL));
}

QP_SCENARIO(durable_but_stopped, "a function that is said to be durable stops its task when its caller goes")
{
    struct outbox self = {0, 0};
    struct qp_contract contract = {
        .name = "send_and_clean_up", .promise = QP_PROMISE_DURABLE, .digest = digest_unsent, .state = &self};
    for (int i = 0; i < 3; i++)
        qp_await(qp_timeout_ms((int64_t)qp_random(4), qp_held_to(&contract, qp_async(send_and_clean_up, &self))));
    qp_await(qp_sleep_ms(5));
}
