/*
 * Functions of the program's own that are held to a contract of cancellation.
 *
 * Property: whenever they are cancelled, what they guard is as it was, or but for what their contract lets go.
 */
#include <quipu/quipu.h>

/* ---- cancel-safe: the change is made behind the last await ---- */

struct account {
    int64_t balance;
    struct qp_receiver *deposits;
};

static uint64_t digest_balance(const void *state)
{
    return (uint64_t)((const struct account *)state)->balance;
}

static void deposit_one(void *arg)
{
    struct account *self = arg;
    int amount;
    qp_await(qp_sleep_ms(1));
    if (qp_await(qp_recv(self->deposits, &amount)) == QP_OK)
        self->balance += amount;
}

static void send_deposits(void *arg)
{
    int amount;
    for (amount = 10; amount <= 30; amount += 10)
        qp_await(qp_send((struct qp_sender *)arg, &amount));
}

QP_SCENARIO(contract_cancel_safe, "a receive that is the last await of its function keeps that one cancel-safe")
{
    struct account self = {0, NULL};
    struct qp_contract contract = {
        .name = "deposit_one", .promise = QP_PROMISE_CANCEL_SAFE, .digest = digest_balance, .state = &self};
    struct qp_sender *tx;
    struct qp_handle sender;
    int i;
    QP_ASSERT_EQ(qp_channel_create(&qp_int, 1, &tx, &self.deposits), QP_OK);
    sender = qp_spawn(send_deposits, tx);
    for (i = 0; i < 40 && self.balance < 60; i++)
        qp_await(qp_timeout_ms(1 + (int64_t)qp_random(3), qp_held_to(&contract, qp_async(deposit_one, &self))));
    qp_abort(&sender);
    qp_await(qp_join(&sender, NULL));
    QP_ASSERT_EQ(self.balance % 10, 0);
}

/* ---- undone when it is cancelled ---- */

struct seats {
    int free;
};

static uint64_t digest_seats(const void *state)
{
    return (uint64_t)((const struct seats *)state)->free;
}

static void give_seat_back(void *arg)
{
    ((struct seats *)arg)->free++;
}

static void sit_for_a_while(void *arg)
{
    struct seats *self = arg;
    self->free--;
    QP_ASSERT_EQ(qp_defer(give_seat_back, self), QP_OK);
    qp_await(qp_sleep_ms(2));
    qp_await(qp_yield());
}

QP_SCENARIO(contract_undone, "a deferred call undoes what a cancelled function did")
{
    struct seats self = {3};
    struct qp_contract contract = {
        .name = "sit_for_a_while", .promise = QP_PROMISE_CANCEL_SAFE, .digest = digest_seats, .state = &self};
    int i;
    for (i = 0; i < 4; i++)
        qp_await(qp_timeout_ms((int64_t)qp_random(4), qp_held_to(&contract, qp_async(sit_for_a_while, &self))));
    QP_ASSERT_EQ(self.free, 3);
}

/* ---- lossy: an item may be lost, the count of what is done may not change ---- */

struct worker {
    struct qp_receiver *jobs;
    int done;
};

static uint64_t digest_done(const void *state)
{
    return (uint64_t)((const struct worker *)state)->done;
}

static void do_one(void *arg)
{
    struct worker *self = arg;
    int job;
    if (qp_await(qp_recv(self->jobs, &job)) != QP_OK)
        return;
    qp_await(qp_sleep_ms(1)); /* cancelled here the job is lost: the contract says so */
    self->done++;
}

QP_SCENARIO(contract_lossy, "a function that may lose what it took does not count it as done")
{
    struct worker self = {NULL, 0};
    struct qp_contract contract = {
        .name = "do_one", .promise = QP_PROMISE_LOSSY, .digest = digest_done, .state = &self};
    struct qp_sender *tx;
    struct qp_handle sender;
    int i;
    QP_ASSERT_EQ(qp_channel_create(&qp_int, 4, &tx, &self.jobs), QP_OK);
    sender = qp_spawn(send_deposits, tx);
    for (i = 0; i < 6; i++)
        qp_await(qp_timeout_ms((int64_t)qp_random(3), qp_held_to(&contract, qp_async(do_one, &self))));
    qp_abort(&sender);
    qp_await(qp_join(&sender, NULL));
    QP_ASSERT(self.done <= 3);
}

/* ---- durable: what was accepted is written, whoever waits for it ---- */

struct ledger {
    uint64_t accepted, written;
};

static uint64_t digest_unwritten(const void *state)
{
    const struct ledger *self = state;
    return self->accepted - self->written;
}

static void write_out(void *arg)
{
    struct ledger *self = arg;
    qp_await(qp_sleep_ms(2));
    qp_await(qp_yield());
    self->written++;
}

static void accept_entry(void *arg)
{
    struct ledger *self = arg;
    struct qp_handle writer;
    qp_await(qp_sleep_ms(1)); /* cancelled here nothing was accepted */
    self->accepted++;
    writer = qp_spawn(write_out, self);
    (void)qp_await(qp_join(&writer, NULL)); /* and here somebody else writes it */
}

QP_SCENARIO(contract_durable, "what a function hands to a task of its own is done though nobody waits for it any more")
{
    struct ledger self = {0, 0};
    struct qp_contract contract = {
        .name = "accept_entry", .promise = QP_PROMISE_DURABLE, .digest = digest_unwritten, .state = &self};
    for (int i = 0; i < 4; i++)
        qp_await(qp_timeout_ms((int64_t)qp_random(5), qp_held_to(&contract, qp_async(accept_entry, &self))));
    qp_await(qp_sleep_ms(10));
    QP_ASSERT_EQ(self.written, self.accepted);
}
