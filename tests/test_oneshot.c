/*
 * One-shot channels: the contract of oneshot.h, held moment by moment by polling by hand, and in tasks under every
 * schedule, with a cancellation at every moment.
 *
 * By hand there is no runtime: objects come from malloc, and futures are polled with wakers that count. Values are
 * numbers whose drop function counts.
 */
#include "support.h"
#include <string.h>

enum { VALUES = 8 };
static int drops[VALUES];

static void count_drop(void *value)
{
    drops[*(int *)value]++;
}

static const struct qp_type counted = QP_TYPE_DROP(int, count_drop);

static int all_drops(void)
{
    int i, sum = 0;
    for (i = 0; i < VALUES; i++)
        sum += drops[i];
    return sum;
}

static int forget(void **state)
{
    (void)state;
    memset(drops, 0, sizeof drops);
    return 0;
}

#define assert_status(status, expected) assert_string_equal(qp_status_name(status), qp_status_name(expected))

struct ends {
    struct qp_oneshot_sender *tx;
    struct qp_oneshot_receiver *rx;
};

static struct ends oneshot(void)
{
    struct ends ends;
    assert_status(qp_oneshot_create(&counted, &ends.tx, &ends.rx), QP_OK);
    return ends;
}

static void end(struct ends *ends)
{
    qp_oneshot_sender_drop(ends->tx);
    qp_oneshot_receiver_drop(ends->rx);
}

static enum qp_status send(struct qp_oneshot_sender *tx, int value)
{
    return qp_oneshot_send(tx, &value);
}

struct receiving {
    struct qp_oneshot_recv_future recv;
    struct counting_waker waker;
    int value;
};

static struct qp_future *recv_init(struct receiving *self, struct qp_oneshot_receiver *rx)
{
    self->value = -1;
    counting_waker_init(&self->waker);
    return qp_oneshot_recv_init(&self->recv, rx, &self->value);
}

static enum qp_status recv_poll(struct receiving *self)
{
    return qp_future_poll(&self->recv.future, &self->waker.waker);
}

static enum qp_status recv_start(struct receiving *self, struct qp_oneshot_receiver *rx)
{
    recv_init(self, rx);
    return recv_poll(self);
}

static void recv_cancel(struct receiving *self)
{
    qp_future_drop(&self->recv.future);
}

/* The receiver gets this value at once, and then nothing more. */
static void expect(struct qp_oneshot_receiver *rx, int value)
{
    struct receiving recv;
    assert_status(recv_start(&recv, rx), QP_OK);
    assert_int_equal(recv.value, value);
    assert_status(recv_start(&recv, rx), QP_CLOSED);
    assert_int_equal(recv.value, -1);
}

/* ---- sending ---- */

static void a_value_that_was_sent_is_received_once(void **state)
{
    struct ends ends = oneshot();
    (void)state;
    assert_status(send(ends.tx, 1), QP_OK);
    expect(ends.rx, 1);
    end(&ends);
    assert_int_equal(all_drops(), 0);
}

static void a_value_outlives_its_sender(void **state)
{
    struct ends ends = oneshot();
    (void)state;
    assert_status(send(ends.tx, 1), QP_OK);
    qp_oneshot_sender_drop(ends.tx);
    expect(ends.rx, 1);
    qp_oneshot_receiver_drop(ends.rx);
    assert_int_equal(all_drops(), 0);
}

static void a_second_send_gives_its_value_back(void **state)
{
    struct ends ends = oneshot();
    (void)state;
    assert_status(send(ends.tx, 1), QP_OK);
    assert_status(send(ends.tx, 2), QP_USED);
    expect(ends.rx, 1);
    assert_status(send(ends.tx, 3), QP_USED); /* also when the value was taken */
    qp_oneshot_receiver_drop(ends.rx);
    assert_status(send(ends.tx, 4), QP_USED); /* and when the receiver is gone */
    qp_oneshot_sender_drop(ends.tx);
    assert_int_equal(all_drops(), 0);
}

static void a_send_without_a_receiver_gives_the_value_back_and_uses_the_sender_up(void **state)
{
    struct ends ends = oneshot();
    (void)state;
    qp_oneshot_receiver_drop(ends.rx);
    assert_status(send(ends.tx, 1), QP_SEND_FAILED);
    assert_status(send(ends.tx, 1), QP_USED);
    qp_oneshot_sender_drop(ends.tx);
    assert_int_equal(all_drops(), 0);
}

static void a_value_that_nobody_took_is_dropped_once(void **state)
{
    struct ends ends = oneshot();
    (void)state;
    assert_status(send(ends.tx, 1), QP_OK);
    qp_oneshot_receiver_drop(ends.rx);
    assert_int_equal(drops[1], 1);
    qp_oneshot_sender_drop(ends.tx);
    ends = oneshot();
    assert_status(send(ends.tx, 2), QP_OK);
    end(&ends); /* the other way round */
    assert_int_equal(drops[2], 1);
    assert_int_equal(all_drops(), 2);
}

static void dropping_nothing_does_nothing(void **state)
{
    (void)state;
    qp_oneshot_sender_drop(NULL);
    qp_oneshot_receiver_drop(NULL);
}

static _Alignas(16) char last_dropped[48];

static void keep(void *value)
{
    assert_int_equal((uintptr_t)value % 16, 0);
    memcpy(last_dropped, value, sizeof last_dropped);
}

static void values_of_any_size_arrive_whole(void **state)
{
    static const struct qp_type wide = {"wide", 48, 16, keep, NULL};
    _Alignas(16) char value[48] = "as wide as it is";
    struct ends ends;
    (void)state;
    assert_status(qp_oneshot_create(&wide, &ends.tx, &ends.rx), QP_OK);
    assert_status(qp_oneshot_send(ends.tx, value), QP_OK);
    end(&ends);
    assert_memory_equal(last_dropped, value, sizeof value);
}

static void a_value_without_bytes_needs_no_address(void **state)
{
    struct qp_oneshot_recv_future recv;
    struct counting_waker waker;
    struct ends ends;
    (void)state;
    counting_waker_init(&waker);
    assert_status(qp_oneshot_create(&qp_nothing, &ends.tx, &ends.rx), QP_OK);
    assert_status(qp_oneshot_send(ends.tx, NULL), QP_OK);
    assert_status(qp_future_poll(qp_oneshot_recv_init(&recv, ends.rx, NULL), &waker.waker), QP_OK);
    end(&ends);
}

static void drop_own_sender(void *value)
{
    struct qp_oneshot_sender *tx = *(struct qp_oneshot_sender **)value;
    assert_status(qp_oneshot_send(tx, value), QP_USED);
    qp_oneshot_sender_drop(tx);
}

static void a_value_may_own_the_sender_that_sent_it(void **state)
{
    static const struct qp_type own_sender = QP_TYPE_DROP(struct qp_oneshot_sender *, drop_own_sender);
    struct ends ends;
    (void)state;
    assert_status(qp_oneshot_create(&own_sender, &ends.tx, &ends.rx), QP_OK);
    assert_status(qp_oneshot_send(ends.tx, &ends.tx), QP_OK);
    qp_oneshot_receiver_drop(ends.rx);
}

/* ---- waiting ---- */

static void a_recv_waits_for_the_send(void **state)
{
    struct ends ends = oneshot();
    struct receiving recv;
    (void)state;
    assert_status(recv_start(&recv, ends.rx), QP_PENDING);
    assert_status(recv_poll(&recv), QP_PENDING); /* a poll without a cause */
    assert_int_equal(recv.waker.wakes, 0);
    assert_status(send(ends.tx, 1), QP_OK);
    assert_int_equal(recv.waker.wakes, 1);
    assert_int_equal(recv.value, -1);
    assert_status(recv_poll(&recv), QP_OK);
    assert_int_equal(recv.value, 1);
    end(&ends);
}

static void a_sender_that_goes_away_without_sending_ends_the_wait(void **state)
{
    struct ends ends = oneshot();
    struct receiving recv;
    (void)state;
    assert_status(recv_start(&recv, ends.rx), QP_PENDING);
    qp_oneshot_sender_drop(ends.tx);
    assert_int_equal(recv.waker.wakes, 1);
    assert_status(recv_poll(&recv), QP_CLOSED);
    assert_int_equal(recv.value, -1); /* untouched */
    assert_status(recv_start(&recv, ends.rx), QP_CLOSED);
    assert_string_equal(qp_status_text(QP_CLOSED), "channel closed: no more messages");
    qp_oneshot_receiver_drop(ends.rx);
}

static void a_poll_with_another_waker_moves_the_wake_up(void **state)
{
    struct ends ends = oneshot();
    struct counting_waker other;
    struct receiving recv;
    (void)state;
    counting_waker_init(&other);
    assert_status(recv_start(&recv, ends.rx), QP_PENDING);
    assert_status(qp_future_poll(&recv.recv.future, &other.waker), QP_PENDING);
    assert_status(send(ends.tx, 1), QP_OK);
    assert_int_equal(recv.waker.wakes, 0);
    assert_int_equal(other.wakes, 1);
    recv_cancel(&recv);
    end(&ends);
    assert_int_equal(drops[1], 1);
}

static void waits_on_one_receiver_are_first_come_first_served(void **state)
{
    struct ends ends = oneshot();
    struct receiving first, second, late;
    (void)state;
    assert_status(recv_start(&first, ends.rx), QP_PENDING);
    assert_status(recv_start(&second, ends.rx), QP_PENDING);
    assert_status(send(ends.tx, 1), QP_OK);
    assert_int_equal(second.waker.wakes, 0);
    assert_status(recv_start(&late, ends.rx), QP_PENDING); /* the value is there, but it is not this one's turn */
    assert_status(recv_poll(&second), QP_PENDING);
    assert_status(recv_poll(&first), QP_OK);
    assert_int_equal(first.value, 1);
    assert_true(second.waker.wakes > 0);
    assert_status(recv_poll(&second), QP_CLOSED);
    assert_true(late.waker.wakes > 0);
    assert_status(recv_poll(&late), QP_CLOSED);
    end(&ends);
}

/* ---- a recv is cancelled ---- */

static void a_recv_cancelled_at_any_moment_takes_nothing(void **state)
{
    struct ends ends = oneshot();
    struct receiving recv;
    (void)state;
    recv_init(&recv, ends.rx);
    recv_cancel(&recv); /* before its first poll */
    assert_status(recv_start(&recv, ends.rx), QP_PENDING);
    recv_cancel(&recv); /* while it waits */
    assert_status(recv_start(&recv, ends.rx), QP_PENDING);
    assert_status(send(ends.tx, 1), QP_OK);
    recv_cancel(&recv); /* woken */
    assert_int_equal(recv.value, -1);
    expect(ends.rx, 1);
    recv_cancel(&recv); /* again: nothing */
    end(&ends);
    assert_int_equal(all_drops(), 0);
}

static void a_recv_cancelled_first_lets_the_next_have_the_value(void **state)
{
    struct ends ends = oneshot();
    struct receiving first, second;
    (void)state;
    assert_status(recv_start(&first, ends.rx), QP_PENDING);
    assert_status(recv_start(&second, ends.rx), QP_PENDING);
    assert_status(send(ends.tx, 1), QP_OK);
    recv_cancel(&first);
    assert_int_equal(second.waker.wakes, 1);
    assert_status(recv_poll(&second), QP_OK);
    assert_int_equal(second.value, 1);
    end(&ends);
}

static void a_recv_cancelled_when_the_sender_is_gone_tells_the_next(void **state)
{
    struct ends ends = oneshot();
    struct receiving first, second;
    (void)state;
    assert_status(recv_start(&first, ends.rx), QP_PENDING);
    assert_status(recv_start(&second, ends.rx), QP_PENDING);
    qp_oneshot_sender_drop(ends.tx);
    recv_cancel(&first);
    assert_int_equal(second.waker.wakes, 1);
    assert_status(recv_poll(&second), QP_CLOSED);
    qp_oneshot_receiver_drop(ends.rx);
}

static void a_recv_cancelled_before_the_send_wakes_nobody(void **state)
{
    struct ends ends = oneshot();
    struct receiving first, second;
    (void)state;
    assert_status(recv_start(&first, ends.rx), QP_PENDING);
    assert_status(recv_start(&second, ends.rx), QP_PENDING);
    recv_cancel(&first);
    assert_int_equal(second.waker.wakes, 0);
    recv_cancel(&second);
    assert_status(send(ends.tx, 1), QP_OK);
    assert_int_equal(first.waker.wakes + second.waker.wakes, 0);
    end(&ends);
    assert_int_equal(drops[1], 1);
}

/* ---- in tasks ---- */

static struct ends own_oneshot(void)
{
    struct ends ends = {NULL, NULL};
    QP_ASSERT(qp_oneshot_create(&counted, &ends.tx, &ends.rx) == QP_OK);
    forget(NULL);
    return ends;
}

static enum qp_status sent; /* what the last send_one was answered; QP_PENDING: it has not begun */

static void send_one(void *arg)
{
    qp_await(qp_yield());
    sent = send(arg, 1);
}

struct taker {
    struct qp_oneshot_receiver *rx;
    enum qp_status status;
    int value;
};

static void take_one(void *arg)
{
    struct taker *self = arg;
    qp_await(qp_yield());
    self->status = qp_await(qp_oneshot_recv(self->rx, &self->value));
}

static void a_recv_aborted_against_a_send(void *arg)
{
    struct ends ends = own_oneshot();
    struct taker taker = {ends.rx, QP_PENDING, -1};
    struct qp_handle giver = qp_spawn(send_one, ends.tx), handle = qp_spawn(take_one, &taker);
    int value = -1;
    (void)arg;
    qp_await(qp_yield());
    qp_abort(&handle);
    (void)qp_await(qp_join(&handle, NULL));
    QP_ASSERT(taker.status == QP_OK || taker.status == QP_PENDING);
    QP_ASSERT_EQ(qp_await(qp_oneshot_recv(ends.rx, &value)), taker.status == QP_OK ? QP_CLOSED : QP_OK);
    QP_ASSERT(taker.value == 1 || value == 1);
    QP_ASSERT_EQ(qp_await(qp_join(&giver, NULL)), QP_OK);
    QP_ASSERT_EQ(all_drops(), 0);
}

/* The sender is owned by a task that may be cancelled before it sends: then the receiver hears of it. */
static void a_sender_aborted_against_a_recv(void *arg)
{
    struct ends ends = own_oneshot();
    struct qp_handle giver = qp_spawn(send_one, ends.tx);
    enum qp_status status;
    int value = -1;
    (void)arg;
    sent = QP_PENDING;
    qp_oneshot_sender_give(ends.tx, &giver);
    qp_await(qp_yield());
    qp_abort(&giver);
    status = qp_await(qp_oneshot_recv(ends.rx, &value));
    QP_ASSERT_EQ(status, sent == QP_OK ? QP_OK : QP_CLOSED);
    QP_ASSERT_EQ(value, sent == QP_OK ? 1 : -1);
}

static void a_send_against_a_receiver_that_leaves(void *arg)
{
    struct ends ends = own_oneshot();
    struct qp_handle giver = qp_spawn(send_one, ends.tx);
    (void)arg;
    qp_await(qp_yield());
    qp_oneshot_receiver_drop(ends.rx);
    QP_ASSERT_EQ(qp_await(qp_join(&giver, NULL)), QP_OK);
    QP_ASSERT(sent == QP_OK || sent == QP_SEND_FAILED);
    QP_ASSERT_EQ(drops[1], sent == QP_OK);
}

static void share_a_sender(void *arg)
{
    struct ends ends = own_oneshot();
    struct qp_handle handles[2] = {qp_spawn(send_one, ends.tx), qp_spawn(send_one, ends.tx)};
    int value = -1;
    (void)arg;
    QP_ASSERT_EQ(qp_await(qp_oneshot_recv(ends.rx, &value)), QP_OK);
    QP_ASSERT_EQ(qp_await(qp_join(&handles[0], NULL)), QP_OK);
    QP_ASSERT_EQ(qp_await(qp_join(&handles[1], NULL)), QP_OK);
    QP_ASSERT_EQ(sent, QP_USED); /* the later one's */
    QP_ASSERT_EQ(all_drops(), 0);
}

static void send_at_five(void *arg)
{
    qp_await(qp_sleep_ms(5));
    sent = send(arg, 1);
}

static void a_recv_with_a_deadline(void *arg)
{
    struct ends ends = own_oneshot();
    struct qp_handle giver = qp_spawn(send_at_five, ends.tx);
    enum qp_status status;
    int first = -1, second = -1;
    (void)arg;
    status = qp_await(qp_timeout_ms(5, qp_oneshot_recv(ends.rx, &first)));
    QP_ASSERT(status == QP_OK || status == QP_TIMEOUT);
    QP_ASSERT_EQ(qp_await(qp_oneshot_recv(ends.rx, &second)), status == QP_OK ? QP_CLOSED : QP_OK);
    QP_ASSERT_EQ(status == QP_OK ? first : second, 1);
    QP_ASSERT_EQ(status == QP_OK ? second : first, -1);
    QP_ASSERT_EQ(qp_await(qp_join(&giver, NULL)), QP_OK);
}

static void a_recv_in_a_race(void *arg)
{
    struct ends ends = own_oneshot();
    struct qp_handle giver = qp_spawn(send_at_five, ends.tx);
    size_t winner = 9;
    int value = -1;
    (void)arg;
    QP_ASSERT_EQ(qp_await(qp_race(&winner, qp_arm(qp_sleep_ms(5)), qp_arm(qp_oneshot_recv(ends.rx, &value)))), QP_OK);
    QP_ASSERT_EQ(qp_await(qp_join(&giver, NULL)), QP_OK);
    QP_ASSERT_EQ(value, winner == 1 ? 1 : -1);
    qp_oneshot_receiver_drop(ends.rx);
    QP_ASSERT_EQ(drops[1], winner == 1 ? 0 : 1); /* the arm that lost took nothing */
}

static void under_every_schedule_the_value_has_one_fate(void **state)
{
    (void)state;
    assert_true(run_every_schedule(a_recv_aborted_against_a_send, NULL, 5000) > 10);
    assert_true(run_every_schedule(a_sender_aborted_against_a_recv, NULL, 5000) > 2);
    assert_true(run_every_schedule(a_send_against_a_receiver_that_leaves, NULL, 5000) > 2);
    assert_true(run_every_schedule(share_a_sender, NULL, 5000) > 2);
    assert_true(run_every_schedule(a_recv_with_a_deadline, NULL, 5000) > 2);
    assert_true(run_every_schedule(a_recv_in_a_race, NULL, 5000) > 2);
}

/* ---- with one cancellation at each moment of every schedule ---- */

static struct taker shared_taker;

/* Each end belongs to a task; main waits for both. */
static void give_and_take(void *arg)
{
    struct ends ends = own_oneshot();
    struct qp_handle giver = qp_spawn(send_one, ends.tx), taker = qp_spawn(take_one, &shared_taker);
    (void)arg;
    sent = QP_PENDING;
    shared_taker = (struct taker){ends.rx, QP_PENDING, -1};
    qp_oneshot_sender_give(ends.tx, &giver);
    qp_oneshot_receiver_give(ends.rx, &taker);
    (void)qp_await(qp_join(&giver, NULL));
    (void)qp_await(qp_join(&taker, NULL));
}

static void check_fates(void)
{
    assert_int_equal(drops[1] + (shared_taker.status == QP_OK), sent == QP_OK);
    if (shared_taker.status == QP_OK)
        assert_int_equal(shared_taker.value, 1);
    else
        assert_int_equal(shared_taker.value, -1);
}

static void whoever_is_cancelled_the_other_goes_on(void **state)
{
    struct qp_enumerate_strategy every;
    struct qp_cancel_strategy cancel;
    struct qp_sim_config config = {.strategy = &cancel.strategy, .faults = 1u << QP_CHOICE_CANCEL};
    struct qp_sim_result result;
    struct qp_sim sim;
    uint64_t at, most = 0;
    (void)state;
    qp_sim_init(&sim);
    for (at = 0; at <= most; at++) { /* 0: none; that says how many moments there are */
        qp_enumerate_strategy_init(&every);
        qp_cancel_strategy_init(&cancel, &every.strategy, at);
        do {
            sent = QP_PENDING;
            shared_taker = (struct taker){NULL, QP_PENDING, -1};
            forget(NULL);
            qp_sim_run(&sim, &config, give_and_take, NULL, &result);
            if (result.outcome != QP_CANCELLED)
                assert_status(result.outcome, QP_OK);
            assert_int_equal(result.leaked, 0);
            check_fates();
            if (cancel.moments > most)
                most = cancel.moments;
        } while (qp_enumerate_next(&every));
        qp_enumerate_strategy_end(&every);
    }
    qp_sim_end(&sim);
    assert_true(most > 5);
}

/* ---- owners ---- */

static void make_and_send(void *arg)
{
    struct ends ends = own_oneshot();
    (void)arg;
    QP_ASSERT_EQ(send(ends.tx, 2), QP_OK);
}

static void an_async_function_releases_its_ends(void *arg)
{
    (void)arg;
    QP_ASSERT_EQ(qp_await(qp_async(make_and_send, NULL)), QP_OK);
    QP_ASSERT_EQ(drops[2], 1);
}

static void let_go_early(void *arg)
{
    struct ends ends = own_oneshot();
    (void)arg;
    QP_ASSERT_EQ(send(ends.tx, 3), QP_OK);
    qp_oneshot_receiver_drop(ends.rx);
    qp_oneshot_sender_drop(ends.tx); /* neither is left to be released at the end */
    QP_ASSERT_EQ(drops[3], 1);
}

static void main_ends_before_those_who_wait(void *arg)
{
    struct ends ends = own_oneshot();
    (void)arg;
    shared_taker = (struct taker){ends.rx, QP_PENDING, -1};
    (void)qp_spawn(take_one, &shared_taker);
    qp_await(qp_sleep_ms(1));
}

static void ends_are_released_with_their_owner(void **state)
{
    (void)state;
    run_seeds(an_async_function_releases_its_ends, NULL, 1);
    run_seeds(let_go_early, NULL, 1);
    run_seeds(main_ends_before_those_who_wait, NULL, 3);
    assert_int_equal(shared_taker.status, QP_PENDING);
}

/* ---- the trace accounts for the value ---- */

struct account {
    uint64_t sent, queued, received, dropped; /* the number of the value */
};

static void note_event(void *context, const struct qp_event *event)
{
    struct account *account = context;
    if (event->kind == QP_EVENT_VALUE_SENT)
        account->sent = event->fields[0];
    else if (event->kind == QP_EVENT_VALUE_QUEUED)
        account->queued = event->fields[0];
    else if (event->kind == QP_EVENT_VALUE_RECEIVED)
        account->received = event->fields[0];
    else if (event->kind == QP_EVENT_VALUE_DROPPED)
        account->dropped = event->fields[0];
}

static struct account run_accounting(qp_async_fn function)
{
    struct account account = {0, 0, 0, 0};
    struct qp_random_strategy random;
    struct qp_sim_config config = {.strategy = &random.strategy, .event = note_event, .event_context = &account};
    struct qp_sim_result result;
    struct qp_sim sim;
    qp_random_strategy_init(&random);
    qp_sim_init(&sim);
    qp_sim_run(&sim, &config, function, NULL, &result);
    qp_sim_end(&sim);
    assert_status(result.outcome, QP_OK);
    assert_true(account.sent && account.queued == account.sent);
    return account;
}

static void the_trace_accounts_for_the_value(void **state)
{
    struct account account;
    (void)state;
    account = run_accounting(a_recv_aborted_against_a_send);
    assert_true(account.received == account.sent && !account.dropped);
    account = run_accounting(let_go_early);
    assert_true(account.dropped == account.sent && !account.received);
}

/* ---- no memory ---- */

static void create_without_memory(void *arg)
{
    struct ends ends = {NULL, NULL};
    (void)arg;
    if (qp_oneshot_create(&counted, &ends.tx, &ends.rx) == QP_NOMEM) {
        QP_ASSERT(!ends.tx && !ends.rx);
        return;
    }
    QP_ASSERT_EQ(send(ends.tx, 1), QP_OK);
}

static void no_memory_is_an_answer(void **state)
{
    (void)state;
    run_failing_allocations(create_without_memory, NULL);
}

/* ---- reports ---- */

static void wait_for_itself(void *arg)
{
    struct ends ends = own_oneshot();
    int value;
    (void)arg;
    (void)qp_await(qp_oneshot_recv(ends.rx, &value));
}

static void never_send(void *arg)
{
    (void)arg;
    qp_await(qp_sleep_ns(QP_NEVER));
}

static void wait_for_another(void *arg)
{
    struct ends ends = own_oneshot();
    struct qp_handle handle = qp_spawn(never_send, NULL);
    int value;
    (void)arg;
    qp_oneshot_sender_give(ends.tx, &handle);
    (void)qp_await(qp_oneshot_recv(ends.rx, &value));
}

static void a_deadlock_names_who_has_the_sender(void **state)
{
    (void)state;
    run_expecting(wait_for_itself, NULL, QP_DEADLOCK,
                  "for oneshot_recv of oneshot 1, of which it holds the sender itself");
    run_expecting(wait_for_another, NULL, QP_DEADLOCK,
                  "for oneshot_recv of oneshot 1, of which task 2 'never_send' holds the sender");
}

static void drop_a_receiver_in_use(void *arg)
{
    struct ends ends = own_oneshot();
    (void)arg;
    shared_taker = (struct taker){ends.rx, QP_PENDING, -1};
    (void)qp_spawn(take_one, &shared_taker);
    qp_await(qp_sleep_ms(1));
    qp_oneshot_receiver_drop(ends.rx);
}

static void poll_after_the_end(void *arg)
{
    struct ends ends = own_oneshot();
    struct qp_oneshot_recv_future recv;
    int value;
    (void)arg;
    QP_ASSERT_EQ(send(ends.tx, 1), QP_OK);
    (void)qp_await(qp_oneshot_recv_init(&recv, ends.rx, &value));
    (void)qp_await(&recv.future);
}

static void give_to_nobody(void *arg)
{
    struct ends ends = own_oneshot();
    struct qp_handle handle = {NULL, 0};
    (void)arg;
    qp_oneshot_receiver_give(ends.rx, &handle);
}

static void misuse_names_both_parties(void **state)
{
    (void)state;
    run_expecting(drop_a_receiver_in_use, NULL, QP_MISUSE,
                  "the receiver of oneshot 1 dropped by task 1 'main' while task 2 'take_one' waits on it");
    run_expecting(poll_after_the_end, NULL, QP_MISUSE,
                  "future 'oneshot_recv' polled after completion, by task 1 'main'");
    run_expecting(give_to_nobody, NULL, QP_MISUSE,
                  "a oneshot's receiver given to a task that has ended or is no task, by task 1 'main'");
}

#define TEST(name) cmocka_unit_test_setup(name, forget)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_value_that_was_sent_is_received_once),
        TEST(a_value_outlives_its_sender),
        TEST(a_second_send_gives_its_value_back),
        TEST(a_send_without_a_receiver_gives_the_value_back_and_uses_the_sender_up),
        TEST(a_value_that_nobody_took_is_dropped_once),
        TEST(dropping_nothing_does_nothing),
        TEST(values_of_any_size_arrive_whole),
        TEST(a_value_without_bytes_needs_no_address),
        TEST(a_value_may_own_the_sender_that_sent_it),
        TEST(a_recv_waits_for_the_send),
        TEST(a_sender_that_goes_away_without_sending_ends_the_wait),
        TEST(a_poll_with_another_waker_moves_the_wake_up),
        TEST(waits_on_one_receiver_are_first_come_first_served),
        TEST(a_recv_cancelled_at_any_moment_takes_nothing),
        TEST(a_recv_cancelled_first_lets_the_next_have_the_value),
        TEST(a_recv_cancelled_when_the_sender_is_gone_tells_the_next),
        TEST(a_recv_cancelled_before_the_send_wakes_nobody),
        TEST(under_every_schedule_the_value_has_one_fate),
        TEST(whoever_is_cancelled_the_other_goes_on),
        TEST(ends_are_released_with_their_owner),
        TEST(the_trace_accounts_for_the_value),
        TEST(no_memory_is_an_answer),
        TEST(a_deadlock_names_who_has_the_sender),
        TEST(misuse_names_both_parties),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
