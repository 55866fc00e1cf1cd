/*
 * Channels: the contract of channel.h, held moment by moment by polling by hand, against a model, and in tasks under
 * every schedule of small programs.
 *
 * By hand there is no runtime: objects come from malloc, and futures are polled with wakers that count. Values are
 * numbers whose drop function counts by number, so that what is lost is known by name.
 */
#include "support.h"
#include <stdio.h>
#include <string.h>

enum { VALUES = 64 };
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

#define assert_status(status, expected) assert_string_equal(qp_status_name(status), qp_status_name(expected))

/* ---- futures in the hand ---- */

struct sending {
    struct qp_send_future send;
    struct counting_waker waker;
    int value;
};

struct reserving {
    struct qp_reserve_future reserve;
    struct counting_waker waker;
    struct qp_permit permit;
};

struct receiving {
    struct qp_recv_future recv;
    struct counting_waker waker;
    int value;
};

static struct qp_future *send_init(struct sending *self, struct qp_sender *tx, int value)
{
    self->value = value;
    counting_waker_init(&self->waker);
    return qp_send_init(&self->send, tx, &self->value);
}

static enum qp_status send_poll(struct sending *self)
{
    return qp_future_poll(&self->send.future, &self->waker.waker);
}

static enum qp_status send_start(struct sending *self, struct qp_sender *tx, int value)
{
    send_init(self, tx, value);
    return send_poll(self);
}

static void send_cancel(struct sending *self)
{
    qp_future_drop(&self->send.future);
}

static enum qp_status reserve_poll(struct reserving *self)
{
    return qp_future_poll(&self->reserve.future, &self->waker.waker);
}

static enum qp_status reserve_start(struct reserving *self, struct qp_sender *tx)
{
    self->permit = (struct qp_permit){NULL, 0};
    counting_waker_init(&self->waker);
    qp_reserve_init(&self->reserve, tx, &self->permit);
    return reserve_poll(self);
}

static void reserve_cancel(struct reserving *self)
{
    qp_future_drop(&self->reserve.future);
}

static enum qp_status recv_poll(struct receiving *self)
{
    return qp_future_poll(&self->recv.future, &self->waker.waker);
}

static enum qp_status recv_start(struct receiving *self, struct qp_receiver *rx)
{
    self->value = -1;
    counting_waker_init(&self->waker);
    qp_recv_init(&self->recv, rx, &self->value);
    return recv_poll(self);
}

static void recv_cancel(struct receiving *self)
{
    qp_future_drop(&self->recv.future);
}

/* ---- channels in the hand ---- */

struct ends {
    struct qp_sender *tx;
    struct qp_receiver *rx;
};

static struct ends channel(int64_t capacity)
{
    struct ends ends;
    assert_status(qp_channel_create(&counted, capacity, &ends.tx, &ends.rx), QP_OK);
    return ends;
}

static struct ends unbounded(void)
{
    struct ends ends;
    assert_status(qp_channel_create_unbounded(&counted, &ends.tx, &ends.rx), QP_OK);
    return ends;
}

static void end(struct ends *ends)
{
    qp_sender_drop(ends->tx);
    qp_receiver_drop(ends->rx);
}

static enum qp_status try_send(struct qp_sender *tx, int value)
{
    return qp_try_send(tx, &value);
}

/* Sends the numbers from `first` on, each at once. */
static void fill(struct qp_sender *tx, int first, int count)
{
    int i;
    for (i = 0; i < count; i++)
        assert_status(try_send(tx, first + i), QP_OK);
}

/* The next value is this one. */
static void expect(struct qp_receiver *rx, int value)
{
    int got = -1;
    assert_status(qp_try_recv(rx, &got), QP_OK);
    assert_int_equal(got, value);
}

/* How many slots are free, of at most 16; while nobody waits. Leaves all as it was. */
static int free_slots(struct qp_sender *tx)
{
    struct reserving reserving[16];
    int i, count = 0;
    while (count < 16 && reserve_start(&reserving[count], tx) == QP_OK)
        count++;
    if (count < 16)
        reserve_cancel(&reserving[count]);
    for (i = 0; i < count; i++)
        qp_permit_drop(&reserving[i].permit);
    return count;
}

static enum qp_status permit_send(struct qp_permit *permit, int value)
{
    return qp_permit_send(permit, &value);
}

/* ---- values pass ---- */

static void a_capacity_below_one_counts_as_one(void **state)
{
    static const int64_t capacities[] = {1, 0, -1, INT64_MIN};
    size_t i;
    (void)state;
    for (i = 0; i < sizeof capacities / sizeof *capacities; i++) {
        struct ends ends = channel(capacities[i]);
        assert_int_equal(free_slots(ends.tx), 1);
        fill(ends.tx, 0, 1);
        assert_status(try_send(ends.tx, 1), QP_FULL);
        end(&ends);
    }
}

static void a_capacity_that_cannot_be_is_out_of_memory(void **state)
{
    static const int64_t capacities[] = {INT64_MAX, INT64_C(1) << 60}; /* the second, in bytes, wraps to 0 */
    size_t i;
    (void)state;
    for (i = 0; i < sizeof capacities / sizeof *capacities; i++) {
        struct ends ends = {NULL, NULL};
        assert_status(qp_channel_create(&counted, capacities[i], &ends.tx, &ends.rx), QP_NOMEM);
        assert_null(ends.tx);
        assert_null(ends.rx);
    }
}

static void values_leave_in_the_order_in_which_they_entered(void **state)
{
    struct ends ends = channel(3);
    int i;
    (void)state;
    fill(ends.tx, 0, 2);
    for (i = 0; i < 10; i++) { /* round the ring more than once */
        fill(ends.tx, i + 2, 1);
        expect(ends.rx, i);
    }
    assert_int_equal(qp_receiver_length(ends.rx), 2);
    expect(ends.rx, 10);
    expect(ends.rx, 11);
    assert_int_equal(qp_receiver_length(ends.rx), 0);
    end(&ends);
    assert_int_equal(all_drops(), 0);
}

static void a_value_enters_when_its_send_completes(void **state)
{
    struct ends ends = channel(2);
    struct sending first, second;
    (void)state;
    fill(ends.tx, 0, 2);
    assert_status(send_start(&first, ends.tx, 2), QP_PENDING);
    assert_status(send_start(&second, ends.tx, 3), QP_PENDING);
    expect(ends.rx, 0);
    expect(ends.rx, 1);
    assert_status(send_poll(&second), QP_OK); /* both have their slots: who runs first is first in the queue */
    assert_status(send_poll(&first), QP_OK);
    expect(ends.rx, 3);
    expect(ends.rx, 2);
    end(&ends);
}

struct wide {
    _Alignas(16) char bytes[48];
};

static void values_of_any_size_arrive_whole(void **state)
{
    static const struct qp_type wide_type = QP_TYPE_OF(struct wide);
    static const struct qp_type odd_type = {"odd", 3, 1, NULL, NULL};
    struct qp_sender *tx;
    struct qp_receiver *rx;
    struct wide wide = {"as wide as it is"}, wide_got = {""};
    char odd_got[4] = "---";
    (void)state;
    assert_status(qp_channel_create_unbounded(&wide_type, &tx, &rx), QP_OK);
    assert_status(qp_try_send(tx, &wide), QP_OK);
    assert_status(qp_try_recv(rx, &wide_got), QP_OK);
    assert_memory_equal(&wide, &wide_got, sizeof wide);
    qp_sender_drop(tx);
    qp_receiver_drop(rx);
    assert_status(qp_channel_create(&odd_type, 2, &tx, &rx), QP_OK);
    assert_status(qp_try_send(tx, (char[]){'a', 'b', 'c'}), QP_OK);
    assert_status(qp_try_recv(rx, odd_got), QP_OK);
    assert_string_equal(odd_got, "abc");
    qp_sender_drop(tx);
    qp_receiver_drop(rx);
}

static void a_value_without_bytes_needs_no_address(void **state)
{
    struct qp_sender *tx;
    struct qp_receiver *rx;
    struct qp_send_future send;
    struct qp_recv_future recv;
    struct counting_waker waker;
    (void)state;
    counting_waker_init(&waker);
    assert_status(qp_channel_create(&qp_nothing, 2, &tx, &rx), QP_OK);
    assert_status(qp_try_send(tx, NULL), QP_OK);
    assert_status(qp_future_poll(qp_send_init(&send, tx, NULL), &waker.waker), QP_OK);
    assert_status(qp_try_send(tx, NULL), QP_FULL);
    assert_status(qp_future_poll(qp_recv_init(&recv, rx, NULL), &waker.waker), QP_OK);
    assert_status(qp_try_recv(rx, NULL), QP_OK);
    assert_status(qp_try_recv(rx, NULL), QP_EMPTY);
    qp_sender_drop(tx);
    qp_receiver_drop(rx);
}

static void trying_says_full_from_closed_and_empty_from_closed(void **state)
{
    struct ends ends = channel(1);
    int got = -1;
    (void)state;
    assert_status(qp_try_recv(ends.rx, &got), QP_EMPTY);
    fill(ends.tx, 0, 1);
    assert_status(try_send(ends.tx, 1), QP_FULL);
    assert_true(qp_receiver_close(ends.rx));
    assert_status(try_send(ends.tx, 1), QP_SEND_FAILED);
    expect(ends.rx, 0);
    assert_status(qp_try_recv(ends.rx, &got), QP_CLOSED);
    assert_int_equal(got, -1); /* untouched */
    end(&ends);
    assert_int_equal(all_drops(), 0); /* what came back is the caller's */
}

static void the_statuses_have_their_words(void **state)
{
    (void)state;
    assert_string_equal(qp_status_text(QP_SEND_FAILED), "channel send failed");
    assert_string_equal(qp_status_text(QP_CLOSED), "channel closed: no more messages");
}

static void is_closed_is_about_the_receivers_side(void **state)
{
    struct ends ends = channel(1);
    struct qp_sender *other = qp_sender_clone(ends.tx);
    (void)state;
    assert_false(qp_sender_is_closed(ends.tx));
    qp_sender_drop(other);
    assert_false(qp_sender_is_closed(ends.tx));
    fill(ends.tx, 0, 1);
    assert_true(qp_receiver_close(ends.rx));
    assert_true(qp_sender_is_closed(ends.tx)); /* although something is buffered */
    end(&ends);
    ends = channel(1);
    qp_receiver_drop(ends.rx);
    assert_true(qp_sender_is_closed(ends.tx));
    qp_sender_drop(ends.tx);
}

/* ---- waiting, and being woken ---- */

static void a_send_waits_for_a_slot(void **state)
{
    struct ends ends = channel(1);
    struct sending send;
    (void)state;
    assert_status(send_start(&send, ends.tx, 0), QP_OK);
    assert_status(send_start(&send, ends.tx, 1), QP_PENDING);
    assert_int_equal(send.waker.wakes, 0);
    assert_int_equal(qp_receiver_length(ends.rx), 1);
    expect(ends.rx, 0);
    assert_int_equal(send.waker.wakes, 1);
    assert_int_equal(qp_receiver_length(ends.rx), 0); /* it has its slot; its value enters when it runs */
    assert_status(send_poll(&send), QP_OK);
    expect(ends.rx, 1);
    end(&ends);
    assert_int_equal(all_drops(), 0);
}

static void a_reserve_waits_for_a_slot(void **state)
{
    struct ends ends = channel(1);
    struct reserving reserve;
    (void)state;
    fill(ends.tx, 0, 1);
    assert_status(reserve_start(&reserve, ends.tx), QP_PENDING);
    expect(ends.rx, 0);
    assert_int_equal(reserve.waker.wakes, 1);
    assert_null(reserve.permit.hold); /* untouched until it is ready */
    assert_status(reserve_poll(&reserve), QP_OK);
    assert_status(try_send(ends.tx, 1), QP_FULL);
    assert_status(permit_send(&reserve.permit, 2), QP_OK);
    expect(ends.rx, 2);
    end(&ends);
}

static void a_recv_waits_for_a_value(void **state)
{
    struct ends ends = channel(2);
    struct receiving recv;
    (void)state;
    assert_status(recv_start(&recv, ends.rx), QP_PENDING);
    assert_int_equal(recv.waker.wakes, 0);
    fill(ends.tx, 7, 1);
    assert_int_equal(recv.waker.wakes, 1);
    assert_int_equal(qp_receiver_length(ends.rx), 1); /* no value moves before the poll */
    assert_int_equal(recv.value, -1);
    assert_status(recv_poll(&recv), QP_OK);
    assert_int_equal(recv.value, 7);
    fill(ends.tx, 8, 1);
    assert_status(recv_start(&recv, ends.rx), QP_OK);
    assert_int_equal(recv.value, 8);
    end(&ends);
}

static void polls_without_a_cause_change_nothing(void **state)
{
    struct ends ends = channel(1);
    struct sending first, second;
    struct reserving third;
    int i;
    (void)state;
    fill(ends.tx, 0, 1);
    assert_status(send_start(&first, ends.tx, 1), QP_PENDING);
    assert_status(send_start(&second, ends.tx, 2), QP_PENDING);
    assert_status(reserve_start(&third, ends.tx), QP_PENDING);
    for (i = 0; i < 3; i++) {
        assert_status(reserve_poll(&third), QP_PENDING);
        assert_status(send_poll(&second), QP_PENDING);
        assert_status(send_poll(&first), QP_PENDING);
    }
    expect(ends.rx, 0); /* granted to the first: the others are polled before it */
    assert_status(reserve_poll(&third), QP_PENDING);
    assert_status(send_poll(&second), QP_PENDING);
    assert_int_equal(second.waker.wakes + third.waker.wakes, 0);
    assert_status(send_poll(&first), QP_OK);
    expect(ends.rx, 1);
    assert_status(send_poll(&second), QP_OK);
    expect(ends.rx, 2);
    assert_status(reserve_poll(&third), QP_OK);
    qp_permit_drop(&third.permit);
    assert_int_equal(free_slots(ends.tx), 1);
    end(&ends);
    assert_int_equal(all_drops(), 0);
}

static void receives_polled_without_a_cause_keep_their_turn(void **state)
{
    struct ends ends = channel(2);
    struct receiving first, second;
    (void)state;
    assert_status(recv_start(&first, ends.rx), QP_PENDING);
    assert_status(recv_start(&second, ends.rx), QP_PENDING);
    assert_status(recv_poll(&second), QP_PENDING);
    assert_status(recv_poll(&first), QP_PENDING);
    fill(ends.tx, 1, 1);
    assert_status(recv_poll(&second), QP_PENDING); /* there is a value, but it is not this one's turn */
    assert_int_equal(second.waker.wakes, 0);
    assert_status(recv_poll(&first), QP_OK);
    assert_int_equal(first.value, 1);
    assert_int_equal(second.waker.wakes, 0);
    fill(ends.tx, 2, 1);
    assert_true(second.waker.wakes > 0);
    assert_status(recv_poll(&second), QP_OK);
    assert_int_equal(second.value, 2);
    end(&ends);
}

static void a_poll_with_another_waker_moves_the_wake_up(void **state)
{
    struct ends ends = channel(1);
    struct counting_waker other;
    struct sending send;
    struct reserving reserve;
    struct receiving recv;
    (void)state;
    counting_waker_init(&other);
    fill(ends.tx, 0, 1);
    assert_status(send_start(&send, ends.tx, 1), QP_PENDING);
    assert_status(reserve_start(&reserve, ends.tx), QP_PENDING);
    assert_status(qp_future_poll(&send.send.future, &other.waker), QP_PENDING);
    expect(ends.rx, 0);
    assert_int_equal(send.waker.wakes, 0);
    assert_int_equal(other.wakes, 1);
    assert_status(send_poll(&send), QP_OK);
    assert_status(qp_future_poll(&reserve.reserve.future, &other.waker), QP_PENDING);
    expect(ends.rx, 1);
    assert_int_equal(reserve.waker.wakes, 0);
    assert_int_equal(other.wakes, 2);
    reserve_cancel(&reserve);
    assert_status(recv_start(&recv, ends.rx), QP_PENDING);
    assert_status(qp_future_poll(&recv.recv.future, &other.waker), QP_PENDING);
    fill(ends.tx, 2, 1);
    assert_int_equal(recv.waker.wakes, 0);
    assert_int_equal(other.wakes, 3);
    assert_status(recv_poll(&recv), QP_OK);
    end(&ends);
}

/* ---- fairness ---- */

static void slots_go_first_come_first_served(void **state)
{
    struct ends ends = channel(1);
    struct qp_sender *other = qp_sender_clone(ends.tx);
    struct sending first, third;
    struct reserving second;
    (void)state;
    fill(ends.tx, 0, 1);
    assert_status(send_start(&first, other, 1), QP_PENDING);
    assert_status(reserve_start(&second, ends.tx), QP_PENDING);
    assert_status(send_start(&third, ends.tx, 3), QP_PENDING);
    expect(ends.rx, 0);
    assert_status(send_poll(&first), QP_OK);
    expect(ends.rx, 1);
    assert_int_equal(third.waker.wakes, 0);
    assert_status(reserve_poll(&second), QP_OK);
    assert_status(permit_send(&second.permit, 2), QP_OK);
    expect(ends.rx, 2);
    assert_status(send_poll(&third), QP_OK);
    expect(ends.rx, 3);
    qp_sender_drop(other);
    end(&ends);
}

static void nobody_barges_past_a_waiting_sender(void **state)
{
    struct ends ends = channel(1);
    struct sending first, late;
    struct reserving later;
    (void)state;
    fill(ends.tx, 0, 1);
    assert_status(send_start(&first, ends.tx, 1), QP_PENDING);
    expect(ends.rx, 0); /* the slot was handed over, though `first` has not run */
    assert_status(try_send(ends.tx, 2), QP_FULL);
    assert_status(send_start(&late, ends.tx, 3), QP_PENDING);
    assert_status(reserve_start(&later, ends.tx), QP_PENDING);
    assert_status(send_poll(&first), QP_OK);
    expect(ends.rx, 1);
    assert_status(send_poll(&late), QP_OK);
    reserve_cancel(&later);
    end(&ends);
    assert_int_equal(drops[3], 1); /* buffered at the end */
    assert_int_equal(all_drops(), 1);
}

static void nobody_barges_past_a_waiting_receiver(void **state)
{
    struct ends ends = channel(2);
    struct qp_receiver *other = qp_receiver_clone(ends.rx);
    struct receiving first, late;
    int got = -1;
    (void)state;
    assert_status(recv_start(&first, ends.rx), QP_PENDING);
    fill(ends.tx, 1, 2); /* `first` was woken, and has not run */
    assert_status(qp_try_recv(other, &got), QP_EMPTY);
    assert_status(recv_start(&late, other), QP_PENDING);
    assert_status(recv_poll(&first), QP_OK);
    assert_int_equal(first.value, 1);
    assert_true(late.waker.wakes > 0); /* its turn, and there is one for it */
    assert_status(recv_poll(&late), QP_OK);
    assert_int_equal(late.value, 2);
    qp_receiver_drop(other);
    end(&ends);
}

/* ---- a send is cancelled ---- */

static void a_send_cancelled_before_its_first_poll_drops_its_value(void **state)
{
    struct ends ends = channel(1);
    struct sending send;
    (void)state;
    send_init(&send, ends.tx, 1);
    send_cancel(&send);
    assert_int_equal(drops[1], 1);
    assert_int_equal(qp_dropped(ends.rx), 1);
    assert_int_equal(free_slots(ends.tx), 1);
    assert_true(qp_receiver_close(ends.rx));
    send_init(&send, ends.tx, 2);
    send_cancel(&send);
    assert_int_equal(drops[2], 1);
    end(&ends);
    assert_int_equal(all_drops(), 2);
}

static void a_send_cancelled_while_it_waits_drops_its_value_and_leaves_the_queue(void **state)
{
    struct ends ends = channel(1);
    struct sending send[3];
    (void)state;
    fill(ends.tx, 0, 1);
    assert_status(send_start(&send[0], ends.tx, 1), QP_PENDING);
    assert_status(send_start(&send[1], ends.tx, 2), QP_PENDING);
    assert_status(send_start(&send[2], ends.tx, 3), QP_PENDING);
    send_cancel(&send[1]); /* from the middle */
    assert_int_equal(drops[2], 1);
    assert_int_equal(send[0].waker.wakes + send[2].waker.wakes, 0);
    send_cancel(&send[0]); /* and the first */
    assert_int_equal(drops[1], 1);
    assert_int_equal(send[2].waker.wakes, 0);
    expect(ends.rx, 0);
    assert_int_equal(send[2].waker.wakes, 1);
    assert_status(send_poll(&send[2]), QP_OK);
    expect(ends.rx, 3);
    assert_int_equal(qp_dropped(ends.rx), 2);
    end(&ends);
    assert_int_equal(all_drops(), 2);
}

static void a_send_cancelled_after_it_was_granted_a_slot_passes_it_on(void **state)
{
    struct ends ends = channel(1);
    struct sending first, second;
    (void)state;
    fill(ends.tx, 0, 1);
    assert_status(send_start(&first, ends.tx, 1), QP_PENDING);
    assert_status(send_start(&second, ends.tx, 2), QP_PENDING);
    expect(ends.rx, 0);
    assert_int_equal(second.waker.wakes, 0);
    send_cancel(&first);
    assert_int_equal(drops[1], 1);
    assert_int_equal(second.waker.wakes, 1);
    assert_status(try_send(ends.tx, 4), QP_FULL);
    send_cancel(&second);
    assert_int_equal(drops[2], 1);
    assert_int_equal(free_slots(ends.tx), 1);
    end(&ends);
    assert_int_equal(all_drops(), 2);
}

static void a_send_cancelled_after_it_was_refused_drops_its_value(void **state)
{
    struct ends ends = channel(1);
    struct sending send;
    (void)state;
    fill(ends.tx, 0, 1);
    assert_status(send_start(&send, ends.tx, 1), QP_PENDING);
    assert_true(qp_receiver_close(ends.rx));
    assert_int_equal(send.waker.wakes, 1);
    send_cancel(&send); /* nobody hears that the value came back */
    assert_int_equal(drops[1], 1);
    expect(ends.rx, 0);
    end(&ends);
    assert_int_equal(all_drops(), 1);
}

static void a_send_that_is_ready_is_cancelled_in_vain(void **state)
{
    struct ends ends = channel(1);
    struct sending send;
    (void)state;
    assert_status(send_start(&send, ends.tx, 1), QP_OK);
    send_cancel(&send);
    assert_int_equal(all_drops(), 0);
    expect(ends.rx, 1);
    end(&ends);
}

/* ---- a reserve is cancelled ---- */

static void a_cancelled_reserve_loses_its_place_and_nothing_else(void **state)
{
    struct ends ends = channel(1);
    struct reserving reserve;
    struct sending behind;
    (void)state;
    counting_waker_init(&reserve.waker);
    qp_reserve_init(&reserve.reserve, ends.tx, &reserve.permit);
    reserve_cancel(&reserve); /* before its first poll */
    assert_int_equal(free_slots(ends.tx), 1);
    fill(ends.tx, 0, 1);
    assert_status(reserve_start(&reserve, ends.tx), QP_PENDING);
    assert_status(send_start(&behind, ends.tx, 1), QP_PENDING);
    reserve_cancel(&reserve); /* while it waits */
    assert_int_equal(behind.waker.wakes, 0);
    expect(ends.rx, 0);
    assert_int_equal(behind.waker.wakes, 1);
    assert_status(send_poll(&behind), QP_OK);
    assert_int_equal(qp_dropped(ends.rx), 0);
    expect(ends.rx, 1);
    end(&ends);
}

static void a_reserve_cancelled_after_it_was_granted_a_slot_passes_it_on(void **state)
{
    struct ends ends = channel(1);
    struct reserving reserve;
    struct sending behind;
    (void)state;
    fill(ends.tx, 0, 1);
    assert_status(reserve_start(&reserve, ends.tx), QP_PENDING);
    assert_status(send_start(&behind, ends.tx, 1), QP_PENDING);
    expect(ends.rx, 0);
    assert_int_equal(behind.waker.wakes, 0);
    reserve_cancel(&reserve);
    assert_int_equal(behind.waker.wakes, 1);
    assert_status(send_poll(&behind), QP_OK);
    expect(ends.rx, 1);
    assert_int_equal(free_slots(ends.tx), 1);
    end(&ends);
    assert_int_equal(all_drops(), 0);
}

static void a_reserve_cancelled_after_it_was_refused_leaves_nothing(void **state)
{
    struct ends ends = channel(1);
    struct reserving reserve;
    (void)state;
    fill(ends.tx, 0, 1);
    assert_status(reserve_start(&reserve, ends.tx), QP_PENDING);
    assert_true(qp_receiver_close(ends.rx));
    reserve_cancel(&reserve);
    expect(ends.rx, 0);
    end(&ends);
    assert_int_equal(all_drops(), 0);
}

/* ---- a recv is cancelled ---- */

static void a_recv_cancelled_at_any_moment_takes_nothing(void **state)
{
    struct ends ends = channel(2);
    struct receiving recv;
    (void)state;
    qp_recv_init(&recv.recv, ends.rx, &recv.value);
    recv_cancel(&recv); /* before its first poll */
    assert_status(recv_start(&recv, ends.rx), QP_PENDING);
    recv_cancel(&recv); /* while it waits */
    fill(ends.tx, 1, 1);
    assert_int_equal(recv.waker.wakes, 0);
    expect(ends.rx, 1);
    assert_status(recv_start(&recv, ends.rx), QP_PENDING);
    fill(ends.tx, 2, 2);
    assert_true(recv.waker.wakes > 0);
    recv_cancel(&recv); /* woken */
    assert_int_equal(recv.value, -1);
    assert_int_equal(qp_receiver_length(ends.rx), 2);
    expect(ends.rx, 2);
    expect(ends.rx, 3);
    end(&ends);
    assert_int_equal(all_drops(), 0);
}

static void a_woken_recv_that_is_cancelled_wakes_the_next(void **state)
{
    struct ends ends = channel(2);
    struct receiving recv[3];
    int i;
    (void)state;
    for (i = 0; i < 3; i++)
        assert_status(recv_start(&recv[i], ends.rx), QP_PENDING);
    fill(ends.tx, 1, 1);
    recv_cancel(&recv[0]);
    assert_int_equal(recv[1].waker.wakes, 1);
    recv_cancel(&recv[1]);
    assert_int_equal(recv[2].waker.wakes, 1);
    assert_status(recv_poll(&recv[2]), QP_OK);
    assert_int_equal(recv[2].value, 1);
    end(&ends);
}

static void a_recv_cancelled_behind_another_wakes_nobody_in_vain(void **state)
{
    struct ends ends = channel(2);
    struct receiving recv[3];
    int i;
    (void)state;
    for (i = 0; i < 3; i++)
        assert_status(recv_start(&recv[i], ends.rx), QP_PENDING);
    recv_cancel(&recv[0]); /* nothing is there for the next */
    recv_cancel(&recv[1]);
    assert_int_equal(recv[1].waker.wakes + recv[2].waker.wakes, 0);
    fill(ends.tx, 1, 1);
    assert_status(recv_poll(&recv[2]), QP_OK);
    end(&ends);
}

/* ---- permits ---- */

static void a_permit_serves_once(void **state)
{
    struct ends ends = channel(2);
    struct reserving reserve;
    struct qp_permit empty = {NULL, 0};
    (void)state;
    assert_status(reserve_start(&reserve, ends.tx), QP_OK);
    assert_int_equal(free_slots(ends.tx), 1);
    assert_status(permit_send(&reserve.permit, 1), QP_OK);
    assert_status(permit_send(&reserve.permit, 2), QP_USED);
    qp_permit_drop(&reserve.permit); /* likewise nothing */
    assert_int_equal(free_slots(ends.tx), 1);
    assert_status(permit_send(&empty, 3), QP_USED);
    qp_permit_drop(&empty);
    expect(ends.rx, 1);
    assert_int_equal(free_slots(ends.tx), 2);
    end(&ends);
    assert_int_equal(all_drops(), 0);
}

static void a_dropped_permit_gives_its_slot_to_whoever_waits_first(void **state)
{
    struct ends ends = channel(1);
    struct reserving reserve;
    struct sending send;
    (void)state;
    assert_status(reserve_start(&reserve, ends.tx), QP_OK);
    assert_status(send_start(&send, ends.tx, 1), QP_PENDING);
    qp_permit_drop(&reserve.permit);
    assert_int_equal(send.waker.wakes, 1);
    assert_status(permit_send(&reserve.permit, 2), QP_USED);
    assert_status(try_send(ends.tx, 2), QP_FULL);
    assert_status(send_poll(&send), QP_OK);
    expect(ends.rx, 1);
    assert_int_equal(free_slots(ends.tx), 1);
    end(&ends);
}

static void a_permit_whose_receiver_was_dropped_gives_the_value_back(void **state)
{
    struct ends ends = channel(1);
    struct reserving reserve;
    (void)state;
    assert_status(reserve_start(&reserve, ends.tx), QP_OK);
    qp_receiver_drop(ends.rx);
    assert_status(permit_send(&reserve.permit, 1), QP_SEND_FAILED);
    assert_status(permit_send(&reserve.permit, 1), QP_USED); /* it was used up all the same */
    qp_sender_drop(ends.tx);
    assert_int_equal(all_drops(), 0); /* not lost: it is the caller's */
}

static void a_permit_that_is_out_delivers_after_close(void **state)
{
    struct ends ends = channel(2);
    struct reserving reserve;
    struct receiving recv;
    int got = -1;
    (void)state;
    assert_status(reserve_start(&reserve, ends.tx), QP_OK);
    assert_true(qp_receiver_close(ends.rx));
    assert_status(try_send(ends.tx, 0), QP_SEND_FAILED);
    assert_status(qp_try_recv(ends.rx, &got), QP_EMPTY); /* not the end yet */
    assert_status(recv_start(&recv, ends.rx), QP_PENDING);
    assert_status(permit_send(&reserve.permit, 1), QP_OK);
    assert_true(recv.waker.wakes > 0);
    assert_status(recv_poll(&recv), QP_OK);
    assert_int_equal(recv.value, 1);
    assert_status(recv_start(&recv, ends.rx), QP_CLOSED);
    end(&ends);
}

static void a_permit_outlives_every_sender(void **state)
{
    struct ends ends = channel(1);
    struct reserving reserve;
    struct receiving recv;
    (void)state;
    assert_status(reserve_start(&reserve, ends.tx), QP_OK);
    qp_sender_drop(ends.tx);
    assert_status(recv_start(&recv, ends.rx), QP_PENDING); /* a permit counts as a sender */
    assert_status(permit_send(&reserve.permit, 1), QP_OK);
    assert_status(recv_poll(&recv), QP_OK);
    assert_int_equal(recv.value, 1);
    assert_status(recv_start(&recv, ends.rx), QP_CLOSED);
    qp_receiver_drop(ends.rx);
}

static void a_permit_outlives_the_channel(void **state)
{
    struct ends ends = channel(1);
    struct reserving first, second;
    (void)state;
    assert_status(reserve_start(&first, ends.tx), QP_OK);
    end(&ends);
    assert_status(permit_send(&first.permit, 1), QP_SEND_FAILED);
    ends = channel(1);
    assert_status(reserve_start(&second, ends.tx), QP_OK);
    end(&ends);
    qp_permit_drop(&second.permit);
}

/* ---- closing ---- */

static void close_refuses_those_who_wait_and_keeps_what_is_buffered(void **state)
{
    struct ends ends = channel(2);
    struct sending send;
    struct reserving reserve;
    struct receiving recv;
    (void)state;
    fill(ends.tx, 0, 2);
    assert_status(send_start(&send, ends.tx, 2), QP_PENDING);
    assert_status(reserve_start(&reserve, ends.tx), QP_PENDING);
    assert_true(qp_receiver_close(ends.rx));
    assert_int_equal(send.waker.wakes, 1);
    assert_int_equal(reserve.waker.wakes, 1);
    expect(ends.rx, 0);
    assert_status(recv_start(&recv, ends.rx), QP_OK);
    assert_status(recv_start(&recv, ends.rx), QP_CLOSED);
    assert_status(recv_start(&recv, ends.rx), QP_CLOSED); /* and always */
    assert_status(send_poll(&send), QP_SEND_FAILED);
    assert_status(reserve_poll(&reserve), QP_SEND_FAILED);
    assert_status(send_start(&send, ends.tx, 3), QP_SEND_FAILED);
    assert_status(reserve_start(&reserve, ends.tx), QP_SEND_FAILED);
    assert_true(qp_receiver_close(ends.rx)); /* it is closed */
    assert_int_equal(qp_dropped(ends.rx), 0);
    end(&ends);
    assert_int_equal(all_drops(), 0);
}

static void close_refuses_also_who_was_granted_a_slot_and_has_not_run(void **state)
{
    struct ends ends = channel(2);
    struct sending send;
    struct reserving reserve;
    int got = -1;
    (void)state;
    fill(ends.tx, 0, 2);
    assert_status(send_start(&send, ends.tx, 2), QP_PENDING);
    assert_status(reserve_start(&reserve, ends.tx), QP_PENDING);
    expect(ends.rx, 0);
    expect(ends.rx, 1);
    assert_true(qp_receiver_close(ends.rx));
    assert_status(qp_try_recv(ends.rx, &got), QP_EMPTY); /* their slots are still out */
    assert_status(send_poll(&send), QP_SEND_FAILED);
    assert_status(qp_try_recv(ends.rx, &got), QP_EMPTY);
    assert_status(reserve_poll(&reserve), QP_SEND_FAILED);
    assert_status(qp_try_recv(ends.rx, &got), QP_CLOSED);
    end(&ends);
    assert_int_equal(all_drops(), 0);
}

static void a_dropped_receiver_drops_what_is_buffered_and_refuses_the_rest(void **state)
{
    struct ends ends = channel(3);
    struct sending waiting, granted;
    struct reserving reserve;
    (void)state;
    fill(ends.tx, 0, 3);
    assert_status(send_start(&granted, ends.tx, 3), QP_PENDING);
    assert_status(send_start(&waiting, ends.tx, 4), QP_PENDING);
    assert_status(reserve_start(&reserve, ends.tx), QP_PENDING);
    expect(ends.rx, 0);
    qp_receiver_drop(ends.rx);
    assert_int_equal(drops[1], 1);
    assert_int_equal(drops[2], 1);
    assert_int_equal(waiting.waker.wakes, 1);
    assert_int_equal(reserve.waker.wakes, 1);
    assert_status(send_poll(&granted), QP_SEND_FAILED);
    assert_status(send_poll(&waiting), QP_SEND_FAILED);
    assert_status(reserve_poll(&reserve), QP_SEND_FAILED);
    assert_status(try_send(ends.tx, 5), QP_SEND_FAILED);
    qp_sender_drop(ends.tx);
    assert_int_equal(all_drops(), 2);
}

/* ---- the end of a channel: whatever was the last to keep a recv from ending wakes it ---- */

static void the_last_sender_ends_it_for_all_who_wait(void **state)
{
    struct ends ends = channel(1);
    struct qp_sender *other = qp_sender_clone(ends.tx);
    struct receiving first, second;
    int got = -1;
    (void)state;
    assert_status(recv_start(&first, ends.rx), QP_PENDING);
    assert_status(recv_start(&second, ends.rx), QP_PENDING);
    qp_sender_drop(ends.tx);
    assert_int_equal(first.waker.wakes, 0);
    qp_sender_drop(other);
    assert_int_equal(first.waker.wakes, 1);
    assert_status(recv_poll(&first), QP_CLOSED);
    assert_int_equal(second.waker.wakes, 1);
    assert_status(recv_poll(&second), QP_CLOSED);
    assert_int_equal(first.value, -1);
    assert_status(qp_try_recv(ends.rx, &got), QP_CLOSED);
    qp_receiver_drop(ends.rx);
}

static void a_recv_that_is_cancelled_at_the_end_tells_the_next(void **state)
{
    struct ends ends = channel(1);
    struct receiving first, second;
    (void)state;
    assert_status(recv_start(&first, ends.rx), QP_PENDING);
    assert_status(recv_start(&second, ends.rx), QP_PENDING);
    qp_sender_drop(ends.tx);
    recv_cancel(&first);
    assert_int_equal(second.waker.wakes, 1);
    assert_status(recv_poll(&second), QP_CLOSED);
    qp_receiver_drop(ends.rx);
}

static void what_is_buffered_is_received_before_the_end(void **state)
{
    struct ends ends = channel(2);
    struct receiving recv;
    (void)state;
    fill(ends.tx, 0, 2);
    qp_sender_drop(ends.tx);
    expect(ends.rx, 0);
    assert_status(recv_start(&recv, ends.rx), QP_OK);
    assert_int_equal(recv.value, 1);
    assert_status(recv_start(&recv, ends.rx), QP_CLOSED);
    assert_status(recv_start(&recv, ends.rx), QP_CLOSED);
    qp_receiver_drop(ends.rx);
}

static void the_last_permit_ends_it(void **state)
{
    struct ends ends = channel(2);
    struct reserving first, second;
    struct receiving recv;
    (void)state;
    assert_status(reserve_start(&first, ends.tx), QP_OK);
    assert_status(reserve_start(&second, ends.tx), QP_OK);
    assert_status(recv_start(&recv, ends.rx), QP_PENDING);
    qp_sender_drop(ends.tx);
    qp_permit_drop(&first.permit);
    assert_int_equal(recv.waker.wakes, 0);
    assert_status(recv_poll(&recv), QP_PENDING);
    qp_permit_drop(&second.permit);
    assert_int_equal(recv.waker.wakes, 1);
    assert_status(recv_poll(&recv), QP_CLOSED);
    qp_receiver_drop(ends.rx);
}

/* Closed, drained, and somebody who was granted a slot has not run: `recv` waits for him. */
static struct ends nearly_ended(struct sending *send, struct reserving *reserve, struct receiving *recv)
{
    struct ends ends = channel(1);
    fill(ends.tx, 0, 1);
    assert_status(send ? send_start(send, ends.tx, 1) : reserve_start(reserve, ends.tx), QP_PENDING);
    expect(ends.rx, 0);
    assert_true(qp_receiver_close(ends.rx));
    assert_status(recv_start(recv, ends.rx), QP_PENDING);
    return ends;
}

static void expect_end(struct ends *ends, struct receiving *recv)
{
    assert_int_equal(recv->waker.wakes, 1);
    assert_status(recv_poll(recv), QP_CLOSED);
    end(ends);
}

static void a_granted_send_that_is_refused_ends_it(void **state)
{
    struct sending send;
    struct receiving recv;
    struct ends ends = nearly_ended(&send, NULL, &recv);
    (void)state;
    assert_status(send_poll(&send), QP_SEND_FAILED);
    expect_end(&ends, &recv);
    assert_int_equal(all_drops(), 0);
}

static void a_granted_send_that_is_cancelled_ends_it(void **state)
{
    struct sending send;
    struct receiving recv;
    struct ends ends = nearly_ended(&send, NULL, &recv);
    (void)state;
    send_cancel(&send);
    expect_end(&ends, &recv);
    assert_int_equal(drops[1], 1);
}

static void a_granted_reserve_that_is_refused_ends_it(void **state)
{
    struct reserving reserve;
    struct receiving recv;
    struct ends ends = nearly_ended(NULL, &reserve, &recv);
    (void)state;
    assert_status(reserve_poll(&reserve), QP_SEND_FAILED);
    expect_end(&ends, &recv);
}

static void a_granted_reserve_that_is_cancelled_ends_it(void **state)
{
    struct reserving reserve;
    struct receiving recv;
    struct ends ends = nearly_ended(NULL, &reserve, &recv);
    (void)state;
    reserve_cancel(&reserve);
    expect_end(&ends, &recv);
}

/* ---- cloned receivers ---- */

static void clones_share_one_queue(void **state)
{
    struct ends ends = channel(4);
    struct qp_receiver *other = qp_receiver_clone(ends.rx);
    (void)state;
    fill(ends.tx, 0, 4);
    expect(ends.rx, 0);
    expect(other, 1);
    assert_int_equal(qp_receiver_length(ends.rx), 2);
    assert_int_equal(qp_receiver_length(other), 2);
    qp_receiver_drop(ends.rx); /* the first: the other goes on */
    assert_false(qp_sender_is_closed(ends.tx));
    expect(other, 2);
    qp_receiver_drop(other);
    assert_int_equal(drops[3], 1);
    qp_sender_drop(ends.tx);
    assert_int_equal(all_drops(), 1);
}

static void close_answers_false_while_another_waits(void **state)
{
    struct ends ends = channel(1);
    struct qp_receiver *other = qp_receiver_clone(ends.rx);
    struct receiving recv;
    (void)state;
    assert_status(recv_start(&recv, ends.rx), QP_PENDING);
    assert_false(qp_receiver_close(other));
    assert_false(qp_sender_is_closed(ends.tx));
    fill(ends.tx, 0, 1);                    /* it changed nothing */
    assert_false(qp_receiver_close(other)); /* woken, and still waiting */
    assert_status(recv_poll(&recv), QP_OK);
    assert_true(qp_receiver_close(other));
    assert_true(qp_sender_is_closed(ends.tx));
    assert_true(qp_receiver_close(ends.rx));
    assert_true(qp_receiver_close(other));
    assert_status(recv_start(&recv, ends.rx), QP_CLOSED);
    qp_receiver_drop(other);
    end(&ends);
}

static void close_goes_through_once_the_other_stopped_waiting(void **state)
{
    struct ends ends = channel(1);
    struct qp_receiver *other = qp_receiver_clone(ends.rx);
    struct receiving recv;
    (void)state;
    assert_status(recv_start(&recv, ends.rx), QP_PENDING);
    assert_false(qp_receiver_close(other));
    recv_cancel(&recv);
    assert_true(qp_receiver_close(other));
    qp_receiver_drop(other);
    end(&ends);
}

/* ---- unbounded ---- */

static void an_unbounded_channel_never_waits_for_a_slot(void **state)
{
    struct ends ends = unbounded();
    struct sending send;
    int i;
    (void)state;
    for (i = 0; i < 5; i++) /* so that the ring has wrapped when it grows */
        fill(ends.tx, 0, 1);
    for (i = 0; i < 5; i++)
        expect(ends.rx, 0);
    for (i = 0; i < 60; i++)
        assert_status(send_start(&send, ends.tx, i), QP_OK);
    for (i = 0; i < 59; i++)
        expect(ends.rx, i);
    end(&ends);
    assert_int_equal(drops[59], 1);
    assert_int_equal(all_drops(), 1);
}

static void an_unbounded_channel_has_room_for_every_permit(void **state)
{
    struct ends ends = unbounded();
    struct reserving reserve[20];
    int i;
    (void)state;
    for (i = 0; i < 20; i++)
        assert_status(reserve_start(&reserve[i], ends.tx), QP_OK);
    for (i = 0; i < 20; i++)
        assert_status(permit_send(&reserve[i].permit, i), QP_OK);
    for (i = 0; i < 20; i++)
        expect(ends.rx, i);
    end(&ends);
}

static void an_unbounded_channel_gives_permits_at_once(void **state)
{
    struct ends ends = unbounded();
    struct reserving reserve[20];
    int i;
    (void)state;
    for (i = 0; i < 20; i++)
        assert_status(reserve_start(&reserve[i], ends.tx), QP_OK);
    fill(ends.tx, 40, 20);
    for (i = 0; i < 18; i++)
        assert_status(permit_send(&reserve[i].permit, i), QP_OK);
    qp_permit_drop(&reserve[18].permit);
    for (i = 0; i < 20; i++)
        expect(ends.rx, 40 + i);
    for (i = 0; i < 17; i++)
        expect(ends.rx, i);
    qp_receiver_drop(ends.rx);
    assert_int_equal(drops[17], 1);
    assert_status(permit_send(&reserve[19].permit, 19), QP_SEND_FAILED);
    assert_status(reserve_start(&reserve[0], ends.tx), QP_SEND_FAILED);
    assert_status(try_send(ends.tx, 20), QP_SEND_FAILED);
    qp_sender_drop(ends.tx);
    assert_int_equal(all_drops(), 1);
}

/* ---- values that own ends of their own channel ---- */

struct letter {
    struct qp_sender *reply;
    struct qp_permit permit;
};

static void letter_drop(void *value)
{
    struct letter *letter = value;
    assert_true(qp_sender_is_closed(letter->reply));
    assert_status(qp_try_send(letter->reply, letter), QP_SEND_FAILED);
    qp_permit_drop(&letter->permit);
    qp_sender_drop(letter->reply);
}

static void a_drop_function_may_use_the_channel(void **state)
{
    static const struct qp_type letter_type = QP_TYPE_DROP(struct letter, letter_drop);
    struct qp_sender *tx;
    struct qp_receiver *rx;
    struct letter letters[2];
    int i;
    (void)state;
    assert_status(qp_channel_create(&letter_type, 4, &tx, &rx), QP_OK);
    for (i = 0; i < 2; i++) {
        struct reserving reserve;
        assert_status(reserve_start(&reserve, tx), QP_OK);
        letters[i] = (struct letter){qp_sender_clone(tx), reserve.permit};
        assert_status(qp_try_send(tx, &letters[i]), QP_OK);
    }
    qp_sender_drop(tx);
    qp_receiver_drop(rx); /* all that is left of the channel lies in it */
}

/*
 * ---- against a model ----
 *
 * A walk by chance over all that can be done by hand, with polls that nothing called for. The model knows the contract
 * alone, and says at each step what must be answered and who must have been woken.
 */

enum { WALKS = 1500, STEPS = 60, SENDS = 3, RESERVES = 2, WAITS = SENDS + RESERVES, RECVS = 3, PERMITS = 3 };
enum stage { IDLE, WAITING, GRANTED, REFUSED };

struct model {
    int free, reserved, buffered, buffer[VALUES];
    int queued, queue[WAITS]; /* who waits for a slot, first come first */
    enum stage stages[WAITS];
    int receiving, receivers[RECVS]; /* who waits for a value */
    int senders, dropped;
    bool closed;
};

struct walk {
    uint64_t number, random;
    int step, values;
    bool answered[VALUES]; /* received, or given back */
    struct model model;
    struct qp_sender *tx[2];
    struct qp_receiver *rx[2];
    struct sending sends[SENDS];
    struct reserving reserves[RESERVES];
    struct receiving recvs[RECVS];
    struct qp_permit permits[PERMITS];
};

#define HOLDS(walk, condition)                                                                                       \
    do {                                                                                                             \
        if (!(condition))                                                                                            \
            fail_msg("walk %d, step %d: not %s (line %d)", (int)(walk)->number, (walk)->step, #condition, __LINE__); \
    } while (0)

static int draw(struct walk *self, int count)
{
    self->random = self->random * 6364136223846793005u + 1442695040888963407u;
    return (int)((self->random >> 33) % (uint64_t)count);
}

static void model_remove(int *list, int *count, int item)
{
    int i, kept = 0;
    for (i = 0; i < *count; i++)
        if (list[i] != item)
            list[kept++] = list[i];
    *count = kept;
}

static void model_slot(struct model *model)
{
    int first = model->queue[0];
    if (!model->queued) {
        model->free++;
        return;
    }
    model_remove(model->queue, &model->queued, first);
    model->stages[first] = GRANTED;
    model->reserved++;
}

static void model_close(struct model *model)
{
    model->closed = true;
    while (model->queued)
        model->stages[model->queue[--model->queued]] = REFUSED;
}

static bool model_ended(const struct model *model)
{
    return !model->buffered && !model->reserved && (model->closed || !model->senders);
}

static int model_take(struct model *model)
{
    int value = model->buffer[0];
    model->buffered--;
    memmove(model->buffer, model->buffer + 1, sizeof(int) * (size_t)model->buffered);
    model_slot(model);
    return value;
}

static bool is_waiting(const struct model *model, int recv)
{
    int i;
    for (i = 0; i < model->receiving; i++)
        if (model->receivers[i] == recv)
            return true;
    return false;
}

/* What a send or reserve must answer, started or polled, with a slot that it has or not. */
static enum qp_status model_admit(struct model *model, int wait, bool slot)
{
    enum stage stage = model->stages[wait];
    if (stage == WAITING || (stage == IDLE && !slot && !model->closed))
        return QP_PENDING;
    model->stages[wait] = IDLE;
    return stage == REFUSED || model->closed ? QP_SEND_FAILED : QP_OK;
}

static struct qp_permit *free_place(struct walk *self)
{
    int i;
    for (i = 0; i < PERMITS; i++)
        if (!self->permits[i].hold)
            return &self->permits[i];
    return NULL;
}

static enum qp_status poll_wait(struct walk *self, int wait, bool start, struct qp_sender *tx)
{
    if (wait < SENDS)
        return start ? send_start(&self->sends[wait], tx, self->values++) : send_poll(&self->sends[wait]);
    return start ? reserve_start(&self->reserves[wait - SENDS], tx) : reserve_poll(&self->reserves[wait - SENDS]);
}

/* It has its slot: the value is in the queue, or the permit is out. */
static void admitted(struct walk *self, int wait)
{
    struct model *model = &self->model;
    if (wait < SENDS) {
        model->buffer[model->buffered++] = self->sends[wait].value;
        return;
    }
    model->reserved++;
    *free_place(self) = self->reserves[wait - SENDS].permit;
}

static void step_wait(struct walk *self)
{
    struct model *model = &self->model;
    int wait = draw(self, WAITS);
    struct qp_sender *tx = self->tx[wait % 2];
    bool start = model->stages[wait] == IDLE, granted = model->stages[wait] == GRANTED;
    bool slot = granted || (start && model->free);
    enum qp_status expected;
    if ((start && !tx) || (wait >= SENDS && !free_place(self)))
        return;
    expected = model_admit(model, wait, slot);
    HOLDS(self, poll_wait(self, wait, start, tx) == expected);
    if (expected == QP_PENDING && start) {
        model->stages[wait] = WAITING;
        model->queue[model->queued++] = wait;
    }
    if (granted)
        model->reserved--;
    if (granted && expected != QP_OK)
        model_slot(model);
    if (!granted && expected == QP_OK)
        model->free--;
    if (expected == QP_OK)
        admitted(self, wait);
    if (expected == QP_SEND_FAILED && wait < SENDS)
        self->answered[self->sends[wait].value] = true;
}

static void cancel_wait(struct walk *self, int wait)
{
    struct model *model = &self->model;
    enum stage stage = model->stages[wait];
    if (stage == IDLE)
        return;
    model->stages[wait] = IDLE;
    if (stage == WAITING)
        model_remove(model->queue, &model->queued, wait);
    if (stage == GRANTED) {
        model->reserved--;
        model_slot(model);
    }
    if (wait < SENDS) {
        model->dropped++;
        send_cancel(&self->sends[wait]);
    } else {
        reserve_cancel(&self->reserves[wait - SENDS]);
    }
}

static void step_try_send(struct walk *self)
{
    struct model *model = &self->model;
    struct qp_sender *tx = self->tx[draw(self, 2)];
    enum qp_status expected = model->closed ? QP_SEND_FAILED : model->free ? QP_OK : QP_FULL;
    int value = self->values;
    if (!tx)
        return;
    self->values++;
    HOLDS(self, try_send(tx, value) == expected);
    if (expected != QP_OK) {
        self->answered[value] = true;
        return;
    }
    model->free--;
    model->buffer[model->buffered++] = value;
}

static void use_permit(struct walk *self, struct qp_permit *permit, bool send)
{
    struct model *model = &self->model;
    bool held = permit->hold, lost = !self->rx[0] && !self->rx[1];
    if (send)
        HOLDS(self, permit_send(permit, self->values++) == (!held ? QP_USED : lost ? QP_SEND_FAILED : QP_OK));
    else
        qp_permit_drop(permit);
    if (send && held && !lost)
        model->buffer[model->buffered++] = self->values - 1;
    else if (send)
        self->answered[self->values - 1] = true;
    if (held)
        model->reserved--;
    if (held && (!send || lost))
        model_slot(model);
}

/* A value was received, or the end. */
static void received(struct walk *self, int got)
{
    if (!self->model.buffered)
        return;
    HOLDS(self, got == model_take(&self->model));
    self->answered[got] = true;
}

static void step_recv(struct walk *self)
{
    struct model *model = &self->model;
    int recv = draw(self, RECVS);
    struct receiving *future = &self->recvs[recv];
    struct qp_receiver *rx = self->rx[recv % 2];
    bool start = !is_waiting(model, recv);
    bool turn = !model->receiving || model->receivers[0] == recv;
    bool ready = turn && (model->buffered || model_ended(model));
    enum qp_status expected = !ready ? QP_PENDING : model->buffered ? QP_OK : QP_CLOSED;
    if (!rx)
        return;
    HOLDS(self, (start ? recv_start(future, rx) : recv_poll(future)) == expected);
    if (start && !ready)
        model->receivers[model->receiving++] = recv;
    if (ready) {
        model_remove(model->receivers, &model->receiving, recv);
        received(self, future->value);
    }
}

static void cancel_recv(struct walk *self, int recv)
{
    struct model *model = &self->model;
    if (!is_waiting(model, recv))
        return;
    model_remove(model->receivers, &model->receiving, recv);
    recv_cancel(&self->recvs[recv]);
}

static void step_try_recv(struct walk *self)
{
    const struct model *model = &self->model;
    struct qp_receiver *rx = self->rx[draw(self, 2)];
    bool nothing = model->receiving || (!model->buffered && !model_ended(model));
    enum qp_status expected = nothing ? QP_EMPTY : model->buffered ? QP_OK : QP_CLOSED;
    int got = -1;
    if (!rx)
        return;
    HOLDS(self, qp_try_recv(rx, &got) == expected);
    if (!nothing)
        received(self, got);
}

static void step_close(struct walk *self)
{
    struct qp_receiver *rx = self->rx[draw(self, 2)];
    if (!rx)
        return;
    HOLDS(self, qp_receiver_close(rx) == !self->model.receiving);
    if (!self->model.receiving)
        model_close(&self->model);
}

static void drop_sender(struct walk *self, int end)
{
    int i;
    for (i = end; i < WAITS; i += 2)
        if (self->model.stages[i] != IDLE)
            return;
    self->model.senders -= self->tx[end] != NULL;
    qp_sender_drop(self->tx[end]);
    self->tx[end] = NULL;
}

static void drop_receiver(struct walk *self, int end)
{
    struct model *model = &self->model;
    int i;
    for (i = end; i < RECVS; i += 2)
        if (is_waiting(model, i))
            return;
    qp_receiver_drop(self->rx[end]);
    self->rx[end] = NULL;
    if (self->rx[0] || self->rx[1])
        return;
    model_close(model);
    model->free += model->buffered;
    model->dropped += model->buffered;
    model->buffered = 0;
}

/* Who can go on was woken, and nobody else. */
static void check(struct walk *self)
{
    const struct model *model = &self->model;
    int i;
    for (i = 0; i < WAITS; i++) {
        int wakes = i < SENDS ? self->sends[i].waker.wakes : self->reserves[i - SENDS].waker.wakes;
        if (model->stages[i] != IDLE)
            HOLDS(self, (wakes > 0) == (model->stages[i] != WAITING));
    }
    for (i = 0; i < model->receiving; i++)
        HOLDS(self, (self->recvs[model->receivers[i]].waker.wakes > 0) ==
                        (i == 0 && (model->buffered || model_ended(model))));
    for (i = 0; i < 2; i++) {
        HOLDS(self, !self->tx[i] || qp_sender_is_closed(self->tx[i]) == model->closed);
        HOLDS(self, !self->rx[i] || qp_receiver_length(self->rx[i]) == (size_t)model->buffered);
        HOLDS(self, !self->rx[i] || qp_dropped(self->rx[i]) == (size_t)model->dropped);
    }
    HOLDS(self, all_drops() == model->dropped);
}

static void step(struct walk *self)
{
    int what = draw(self, 40);
    if (what < 14)
        step_wait(self);
    else if (what < 24)
        step_recv(self);
    else if (what < 27)
        step_try_send(self);
    else if (what < 29)
        step_try_recv(self);
    else if (what < 31)
        cancel_wait(self, draw(self, WAITS));
    else if (what < 33)
        cancel_recv(self, draw(self, RECVS));
    else if (what < 37)
        use_permit(self, &self->permits[draw(self, PERMITS)], what < 36);
    else if (what == 37)
        step_close(self);
    else if (what == 38)
        drop_sender(self, draw(self, 2));
    else
        drop_receiver(self, draw(self, 2));
}

static void walk_open(struct walk *self, uint64_t number)
{
    int capacity = (int)(number % 4); /* none: unbounded */
    struct ends ends = capacity ? channel(capacity) : unbounded();
    memset(self, 0, sizeof *self);
    memset(drops, 0, sizeof drops);
    self->number = self->random = number;
    self->model.free = capacity ? capacity : 1000;
    self->model.senders = 2;
    self->tx[0] = ends.tx;
    self->rx[0] = ends.rx;
    self->tx[1] = qp_sender_clone(ends.tx);
    self->rx[1] = qp_receiver_clone(ends.rx);
}

/* Every value was received, given back or dropped: once. */
static void walk_end(struct walk *self)
{
    int i;
    for (i = 0; i < WAITS; i++)
        cancel_wait(self, i);
    for (i = 0; i < RECVS; i++)
        cancel_recv(self, i);
    for (i = 0; i < PERMITS; i++)
        use_permit(self, &self->permits[i], false);
    check(self);
    for (i = 0; i < 2; i++) {
        drop_sender(self, i);
        drop_receiver(self, i);
    }
    for (i = 0; i < self->values; i++)
        HOLDS(self, drops[i] + self->answered[i] == 1);
}

static void a_channel_does_what_its_model_does(void **state)
{
    uint64_t number;
    (void)state;
    for (number = 0; number < WALKS; number++) {
        struct walk walk;
        walk_open(&walk, number);
        for (walk.step = 0; walk.step < STEPS; walk.step++) {
            step(&walk);
            check(&walk);
        }
        walk_end(&walk);
    }
}

/* ---- in tasks, under every schedule ---- */

/* What became of each number, beside drops: given to a send, received, given back. */
static int begun[VALUES], got[VALUES], returned[VALUES];

static int forget(void **state)
{
    (void)state;
    memset(drops, 0, sizeof drops);
    memset(begun, 0, sizeof begun);
    memset(got, 0, sizeof got);
    memset(returned, 0, sizeof returned);
    return 0;
}

static bool each_has_one_fate(void)
{
    int i;
    for (i = 0; i < VALUES; i++)
        if (begun[i] > 1 || got[i] + returned[i] + drops[i] != begun[i])
            return false;
    return true;
}

/* A channel of the running function's own. */
static struct ends own_channel(int64_t capacity)
{
    struct ends ends = {NULL, NULL};
    QP_ASSERT(qp_channel_create(&counted, capacity, &ends.tx, &ends.rx) == QP_OK);
    forget(NULL);
    return ends;
}

struct producer {
    struct qp_sender *tx;
    int first, count;
};

/* It yields, so that a send begins at any moment and not only where another task had to wait. */
static void produce(void *arg)
{
    const struct producer *self = arg;
    int i;
    for (i = 0; i < self->count; i++) {
        int value = self->first + i;
        enum qp_status status;
        struct qp_send_future send;
        qp_await(qp_yield());
        begun[value]++;
        status = qp_await(qp_send_init(&send, self->tx, &value));
        QP_ASSERT(status == QP_OK || status == QP_SEND_FAILED);
        returned[value] += status == QP_SEND_FAILED;
    }
}

struct consumer {
    struct qp_receiver *rx;
    int most, count, last;
};

static void consume(void *arg)
{
    struct consumer *self = arg;
    int value;
    while (self->count < self->most && qp_await(qp_recv(self->rx, &value)) == QP_OK) {
        got[value]++;
        self->last = value;
        self->count++;
    }
}

/* Two producers, of 0 1 and of 10 11, that own their senders; nobody else has one. */
static void start_two_producers(struct producer producers[2], struct qp_handle handles[2], struct qp_sender *tx)
{
    int i;
    for (i = 0; i < 2; i++) {
        producers[i] = (struct producer){i ? qp_sender_clone(tx) : tx, i * 10, 2};
        handles[i] = qp_spawn(produce, &producers[i]);
    }
    for (i = 0; i < 2; i++)
        qp_sender_give(producers[i].tx, &handles[i]);
}

static void two_producers_and_a_consumer(void *arg)
{
    struct ends ends = own_channel(1);
    struct producer producers[2];
    struct qp_handle handles[2];
    int value, next[2] = {0, 10};
    (void)arg;
    start_two_producers(producers, handles, ends.tx);
    while (qp_await(qp_recv(ends.rx, &value)) == QP_OK) {
        QP_ASSERT_EQ(value, next[value / 10]++);
        QP_ASSERT(qp_receiver_length(ends.rx) <= 1);
        got[value]++;
        qp_await(qp_yield());
    }
    QP_ASSERT(next[0] == 2 && next[1] == 12);
    QP_ASSERT_EQ(qp_await(qp_recv(ends.rx, &value)), QP_CLOSED);
    QP_ASSERT(each_has_one_fate() && !all_drops());
}

static void producers_keep_their_order_under_every_schedule(void **state)
{
    (void)state;
    assert_true(run_every_schedule(two_producers_and_a_consumer, NULL, 20000) > 1000);
}

static void a_receiver_that_leaves(void *arg)
{
    struct ends ends = own_channel(1);
    struct producer producers[2];
    struct qp_handle handles[2];
    int value, i;
    (void)arg;
    start_two_producers(producers, handles, ends.tx);
    QP_ASSERT_EQ(qp_await(qp_recv(ends.rx, &value)), QP_OK);
    got[value]++;
    qp_await(qp_yield());
    qp_receiver_drop(ends.rx);
    for (i = 0; i < 2; i++)
        QP_ASSERT_EQ(qp_await(qp_join(&handles[i], NULL)), QP_OK);
    QP_ASSERT(each_has_one_fate());
    QP_ASSERT_EQ(begun[0] + begun[1] + begun[10] + begun[11], 4);
}

static void every_value_has_one_fate_under_every_schedule(void **state)
{
    (void)state;
    assert_true(run_every_schedule(a_receiver_that_leaves, NULL, 20000) > 100);
}

static void a_receiver_aborted_against_a_sender(void *arg)
{
    struct ends ends = own_channel(1);
    struct consumer consumer = {ends.rx, 1, 0, -1};
    struct producer producer = {ends.tx, 7, 1};
    struct qp_handle taker = qp_spawn(consume, &consumer), giver = qp_spawn(produce, &producer);
    enum qp_status status;
    int value = -1;
    (void)arg;
    qp_await(qp_yield());
    qp_abort(&taker);
    status = qp_await(qp_join(&taker, NULL));
    QP_ASSERT((status == QP_OK) == (consumer.count == 1)); /* whoever was cancelled took nothing */
    QP_ASSERT_EQ(qp_await(qp_join(&giver, NULL)), QP_OK);
    QP_ASSERT_EQ(qp_try_recv(ends.rx, &value), consumer.count ? QP_EMPTY : QP_OK);
    QP_ASSERT_EQ(value, consumer.count ? -1 : 7);
    QP_ASSERT_EQ(all_drops(), 0);
}

static void an_aborted_receiver_loses_no_value(void **state)
{
    (void)state;
    assert_true(run_every_schedule(a_receiver_aborted_against_a_sender, NULL, 20000) > 10);
}

static void two_clones_share_three_values(void *arg)
{
    struct ends ends = own_channel(1);
    struct consumer consumers[2] = {{ends.rx, 9, 0, -1}, {qp_receiver_clone(ends.rx), 9, 0, -1}};
    struct producer producer = {ends.tx, 0, 3};
    struct qp_handle handles[3];
    int i;
    (void)arg;
    for (i = 0; i < 2; i++) {
        handles[i] = qp_spawn(consume, &consumers[i]);
        qp_receiver_give(consumers[i].rx, &handles[i]);
    }
    handles[2] = qp_spawn(produce, &producer);
    qp_sender_give(producer.tx, &handles[2]);
    for (i = 0; i < 3; i++)
        QP_ASSERT_EQ(qp_await(qp_join(&handles[i], NULL)), QP_OK);
    QP_ASSERT(got[0] == 1 && got[1] == 1 && got[2] == 1);
    QP_ASSERT(consumers[0].last == 2 || consumers[1].last == 2);
    QP_ASSERT(each_has_one_fate() && !all_drops());
}

static void clones_share_the_values_under_every_schedule(void **state)
{
    (void)state;
    assert_true(run_every_schedule(two_clones_share_three_values, NULL, 20000) > 100);
}

struct reserver {
    struct qp_sender *tx;
    int value;
    enum qp_status reserved, sent;
};

static void reserve_then_send(void *arg)
{
    struct reserver *self = arg;
    struct qp_permit permit;
    qp_await(qp_yield());
    self->reserved = qp_await(qp_reserve(self->tx, &permit));
    if (self->reserved != QP_OK)
        return;
    qp_await(qp_yield());
    begun[self->value]++;
    self->sent = permit_send(&permit, self->value);
    returned[self->value] += self->sent == QP_SEND_FAILED;
}

static void reserve_close_send(void *arg)
{
    struct ends ends = own_channel(1);
    struct reserver reserver = {ends.tx, 5, QP_PENDING, QP_PENDING};
    struct qp_handle handle = qp_spawn(reserve_then_send, &reserver);
    int value = -1;
    (void)arg;
    qp_await(qp_yield());
    qp_await(qp_yield());
    QP_ASSERT(qp_receiver_close(ends.rx));
    while (qp_await(qp_recv(ends.rx, &value)) == QP_OK)
        got[value]++;
    (void)qp_await(qp_join(&handle, NULL));
    QP_ASSERT(each_has_one_fate());
    if (reserver.reserved == QP_OK) /* it was out when the channel was closed: recv waited for it */
        QP_ASSERT(reserver.sent == QP_OK && got[5] == 1);
    else
        QP_ASSERT(reserver.reserved == QP_SEND_FAILED && got[5] == 0);
}

static void reserve_drop_send(void *arg)
{
    struct ends ends = own_channel(1);
    struct reserver reserver = {ends.tx, 5, QP_PENDING, QP_PENDING};
    struct qp_handle handle = qp_spawn(reserve_then_send, &reserver);
    (void)arg;
    qp_await(qp_yield());
    qp_await(qp_yield());
    qp_receiver_drop(ends.rx);
    (void)qp_await(qp_join(&handle, NULL));
    QP_ASSERT(each_has_one_fate()); /* given back, or dropped because it was buffered */
    QP_ASSERT_EQ(drops[5], reserver.sent == QP_OK);
}

static void a_permit_keeps_its_word_under_every_schedule(void **state)
{
    (void)state;
    assert_true(run_every_schedule(reserve_close_send, NULL, 20000) > 3);
    assert_true(run_every_schedule(reserve_drop_send, NULL, 20000) > 3);
}

/* ---- in tasks, with one cancellation at each moment of every schedule ---- */

/* Returns how many executions there were. Whoever is cancelled, nobody else is left waiting for ever. */
static uint64_t run_every_cancellation(qp_async_fn function)
{
    struct qp_enumerate_strategy every;
    struct qp_cancel_strategy cancel;
    struct qp_sim_config config = {.strategy = &cancel.strategy, .faults = 1u << QP_CHOICE_CANCEL};
    struct qp_sim_result result;
    struct qp_sim sim;
    uint64_t at, most = 0, count = 0;
    qp_sim_init(&sim);
    for (at = 0; at <= most; at++) { /* 0: none; that says how many moments there are */
        qp_enumerate_strategy_init(&every);
        qp_cancel_strategy_init(&cancel, &every.strategy, at);
        do {
            qp_sim_run(&sim, &config, function, NULL, &result);
            if ((result.outcome != QP_OK && result.outcome != QP_CANCELLED) || result.leaked || !each_has_one_fate())
                fail_msg("schedule %d, cancelled at moment %d, ended as %s: %s (%zu bytes leaked)", (int)count, (int)at,
                         qp_status_name(result.outcome), result.report, result.leaked);
            if (cancel.moments > most)
                most = cancel.moments;
            count++;
        } while (qp_enumerate_next(&every));
        qp_enumerate_strategy_end(&every);
    }
    qp_sim_end(&sim);
    return count;
}

/* Everybody gives way to whoever is cancelled: the consumer sees the end, and so does main. */
static void produce_and_consume(void *arg)
{
    struct ends ends = own_channel(1);
    static struct producer producers[2];
    static struct consumer taker;
    struct qp_handle handles[3];
    int i;
    (void)arg;
    taker = (struct consumer){ends.rx, 9, 0, -1};
    start_two_producers(producers, handles, ends.tx);
    handles[2] = qp_spawn(consume, &taker);
    qp_receiver_give(ends.rx, &handles[2]);
    for (i = 0; i < 3; i++)
        (void)qp_await(qp_join(&handles[i], NULL));
    QP_ASSERT(each_has_one_fate());
}

/* All who compete for the one slot, and for the values; then no slot has been lost, and no value. */
static void compete(void *arg)
{
    struct ends ends = own_channel(1);
    static struct producer producer;
    static struct reserver reserver;
    static struct consumer takers[2];
    struct qp_handle senders[2], receivers[2];
    int i, value;
    (void)arg;
    producer = (struct producer){ends.tx, 0, 1};
    reserver = (struct reserver){ends.tx, 5, QP_PENDING, QP_PENDING};
    begun[9]++;
    QP_ASSERT_EQ(try_send(ends.tx, 9), QP_OK);
    senders[0] = qp_spawn(produce, &producer);
    senders[1] = qp_spawn(reserve_then_send, &reserver);
    for (i = 0; i < 2; i++) {
        takers[i] = (struct consumer){ends.rx, 9, 0, -1};
        receivers[i] = qp_spawn(consume, &takers[i]);
    }
    for (i = 0; i < 2; i++)
        (void)qp_await(qp_join(&senders[i], NULL));
    for (i = 0; i < 2; i++)
        qp_abort(&receivers[i]);
    for (i = 0; i < 2; i++)
        (void)qp_await(qp_join(&receivers[i], NULL));
    while (qp_try_recv(ends.rx, &value) == QP_OK)
        got[value]++;
    QP_ASSERT_EQ(free_slots(ends.tx), 1);
    QP_ASSERT(each_has_one_fate());
}

static void whoever_is_cancelled_the_rest_go_on(void **state)
{
    (void)state;
    assert_true(run_every_cancellation(produce_and_consume) > 10000);
    assert_true(run_every_cancellation(compete) > 10000);
}

/* ---- in tasks: deadlines and races that tie ---- */

/* Takes one value out at 5 ms, when a deadline falls too; then whoever got a slot has it. */
static void take_at_five(void *arg)
{
    struct qp_receiver *rx = arg;
    int value = -1;
    qp_await(qp_sleep_ms(5));
    QP_ASSERT_EQ(qp_try_recv(rx, &value), QP_OK);
    QP_ASSERT_EQ(value, 0);
}

static void expect_one_fate(struct ends *ends, bool sent)
{
    int value = -1;
    QP_ASSERT_EQ(drops[1], sent ? 0 : 1);
    QP_ASSERT_EQ(qp_try_recv(ends->rx, &value), sent ? QP_OK : QP_EMPTY);
    QP_ASSERT_EQ(qp_dropped(ends->rx), sent ? 0 : 1);
    QP_ASSERT_EQ(try_send(ends->tx, 2), QP_OK); /* the slot is free again in either case */
}

static void a_send_with_a_deadline(void *arg)
{
    struct ends ends = own_channel(1);
    struct qp_handle taker = qp_spawn(take_at_five, ends.rx);
    enum qp_status status;
    int value = 1;
    (void)arg;
    QP_ASSERT_EQ(try_send(ends.tx, 0), QP_OK);
    status = qp_await(qp_timeout_ms(5, qp_send(ends.tx, &value)));
    QP_ASSERT(status == QP_OK || status == QP_TIMEOUT);
    (void)qp_await(qp_join(&taker, NULL));
    expect_one_fate(&ends, status == QP_OK);
}

static void a_send_in_a_race(void *arg)
{
    struct ends ends = own_channel(1);
    struct qp_handle taker = qp_spawn(take_at_five, ends.rx);
    size_t winner = 9;
    int value = 1;
    (void)arg;
    QP_ASSERT_EQ(try_send(ends.tx, 0), QP_OK);
    QP_ASSERT_EQ(qp_await(qp_race(&winner, qp_arm(qp_sleep_ms(5)), qp_arm(qp_send(ends.tx, &value)))), QP_OK);
    (void)qp_await(qp_join(&taker, NULL));
    expect_one_fate(&ends, winner == 1);
}

static void a_reserve_with_a_deadline(void *arg)
{
    struct ends ends = own_channel(1);
    struct qp_handle taker = qp_spawn(take_at_five, ends.rx);
    struct qp_permit permit = {NULL, 0};
    enum qp_status status;
    (void)arg;
    QP_ASSERT_EQ(try_send(ends.tx, 0), QP_OK);
    status = qp_await(qp_timeout_ms(5, qp_reserve(ends.tx, &permit)));
    (void)qp_await(qp_join(&taker, NULL));
    QP_ASSERT_EQ(permit_send(&permit, 1), status == QP_OK ? QP_OK : QP_USED);
    QP_ASSERT_EQ(try_send(ends.tx, 2), status == QP_OK ? QP_FULL : QP_OK);
    qp_receiver_drop(ends.rx);
    QP_ASSERT_EQ(drops[1], status == QP_OK ? 1 : 0);
}

static void send_at_five(void *arg)
{
    int value = 1;
    qp_await(qp_sleep_ms(5));
    QP_ASSERT_EQ(qp_try_send(arg, &value), QP_OK);
}

static void a_recv_with_a_deadline(void *arg)
{
    struct ends ends = own_channel(1);
    struct qp_handle giver = qp_spawn(send_at_five, ends.tx);
    enum qp_status status;
    int value = -1;
    (void)arg;
    status = qp_await(qp_timeout_ms(5, qp_recv(ends.rx, &value)));
    (void)qp_await(qp_join(&giver, NULL));
    QP_ASSERT_EQ(value, status == QP_OK ? 1 : -1);
    QP_ASSERT_EQ(qp_receiver_length(ends.rx), status == QP_OK ? 0 : 1);
    QP_ASSERT_EQ(all_drops(), 0);
}

static void a_recv_in_a_race(void *arg)
{
    struct ends first = own_channel(1), second = own_channel(1);
    struct qp_handle one = qp_spawn(send_at_five, first.tx), two = qp_spawn(send_at_five, second.tx);
    size_t winner = 9;
    int values[2] = {-1, -1};
    (void)arg;
    QP_ASSERT_EQ(
        qp_await(qp_race(&winner, qp_arm(qp_recv(first.rx, &values[0])), qp_arm(qp_recv(second.rx, &values[1])))),
        QP_OK);
    (void)qp_await(qp_join(&one, NULL));
    (void)qp_await(qp_join(&two, NULL));
    QP_ASSERT_EQ(values[winner], 1);
    QP_ASSERT_EQ(values[1 - winner], -1);
    QP_ASSERT_EQ(qp_receiver_length(first.rx) + qp_receiver_length(second.rx), 1); /* the loser took nothing */
}

static void ties_with_a_deadline_lose_nothing(void **state)
{
    (void)state;
    assert_true(run_every_schedule(a_send_with_a_deadline, NULL, 5000) > 2);
    assert_true(run_every_schedule(a_send_in_a_race, NULL, 5000) > 2);
    assert_true(run_every_schedule(a_reserve_with_a_deadline, NULL, 5000) > 2);
    assert_true(run_every_schedule(a_recv_with_a_deadline, NULL, 5000) > 2);
    assert_true(run_every_schedule(a_recv_in_a_race, NULL, 5000) > 2);
}

/* A timeout of zero polls once: then the send is dropped with its value, or it was done. */
static void a_deadline_at_once(void *arg)
{
    struct ends ends = own_channel(1);
    int first = 1, second = 2;
    (void)arg;
    QP_ASSERT_EQ(qp_await(qp_timeout_ms(0, qp_send(ends.tx, &first))), QP_OK);
    QP_ASSERT_EQ(qp_await(qp_timeout_ms(0, qp_send(ends.tx, &second))), QP_TIMEOUT);
    QP_ASSERT_EQ(drops[1], 0);
    QP_ASSERT_EQ(drops[2], 1);
}

static void send_in_an_arm_that_never_starts(void *arg)
{
    struct ends ends = own_channel(1);
    int value = 3;
    (void)arg;
    QP_ASSERT_EQ(qp_await(qp_race(NULL, qp_arm(qp_sleep_ms(0)), qp_arm(qp_send(ends.tx, &value)))), QP_OK);
    QP_ASSERT_EQ(drops[3], 1); /* it had been taken at the call */
    QP_ASSERT_EQ(qp_receiver_length(ends.rx), 0);
}

static void sends_that_hardly_begin_lose_their_value(void **state)
{
    (void)state;
    run_seeds(a_deadline_at_once, NULL, 3);
    run_seeds(send_in_an_arm_that_never_starts, NULL, 3);
}

/* ---- in tasks: who owns what ---- */

static void hold_a_permit_for_ever(void *arg)
{
    struct qp_permit permit;
    QP_ASSERT_EQ(qp_await(qp_reserve(arg, &permit)), QP_OK);
    qp_await(qp_sleep_ns(QP_NEVER));
}

static void panic_with_a_permit(void *arg)
{
    struct qp_permit permit;
    QP_ASSERT_EQ(qp_await(qp_reserve(arg, &permit)), QP_OK);
    qp_await(qp_yield());
    qp_panic("with a permit in its hand");
}

static void what_a_task_owns_goes_with_it(void *arg)
{
    struct ends ends = own_channel(2);
    struct qp_handle holder = qp_spawn(hold_a_permit_for_ever, ends.tx);
    struct qp_handle clumsy = qp_spawn(panic_with_a_permit, ends.tx);
    struct qp_permit permit;
    int i;
    (void)arg;
    qp_await(qp_sleep_ms(1));
    qp_abort(&holder);
    for (i = 0; i < 2; i++)
        QP_ASSERT_EQ(qp_await(qp_reserve(ends.tx, &permit)), QP_OK);
    QP_ASSERT_EQ(qp_await(qp_join(&holder, NULL)), QP_CANCELLED);
    QP_ASSERT_EQ(qp_await(qp_join(&clumsy, NULL)), QP_PANICKED);
    qp_permit_drop(&permit);
    qp_receiver_drop(ends.rx); /* the other permit is released with this function, after the channel's ends */
}

static void make_ends(void *arg)
{
    struct ends ends = own_channel(3);
    fill(ends.tx, 20, 2);
    *(struct ends *)arg = ends;
}

static void an_async_function_releases_its_ends(void *arg)
{
    struct ends ends;
    (void)arg;
    QP_ASSERT_EQ(qp_await(qp_async(make_ends, &ends)), QP_OK);
    QP_ASSERT(drops[20] == 1 && drops[21] == 1);
}

struct gift {
    struct qp_permit permit;
    struct qp_receiver *rx;
};

static void take_the_gift(void *arg)
{
    struct gift *gift = arg;
    int value = -1;
    QP_ASSERT_EQ(permit_send(&gift->permit, 4), QP_OK);
    QP_ASSERT_EQ(qp_await(qp_recv(gift->rx, &value)), QP_OK);
    QP_ASSERT_EQ(value, 4);
}

static void a_permit_and_a_receiver_are_given_away(void *arg)
{
    struct ends ends = own_channel(1);
    struct gift gift = {{NULL, 0}, ends.rx};
    struct qp_permit copy;
    struct qp_handle friend;
    (void)arg;
    QP_ASSERT_EQ(qp_await(qp_reserve(ends.tx, &gift.permit)), QP_OK);
    copy = gift.permit;
    friend = qp_spawn(take_the_gift, &gift);
    qp_permit_give(&gift.permit, &friend);
    qp_receiver_give(ends.rx, &friend);
    QP_ASSERT_EQ(qp_await(qp_join(&friend, NULL)), QP_OK);
    QP_ASSERT(qp_sender_is_closed(ends.tx));
    QP_ASSERT_EQ(permit_send(&copy, 5), QP_USED); /* copies share one use */
}

static void a_copy_of_a_used_permit_is_not_the_next_one(void *arg)
{
    struct ends ends = own_channel(2);
    struct qp_permit permit, copy, next;
    (void)arg;
    QP_ASSERT_EQ(qp_await(qp_reserve(ends.tx, &permit)), QP_OK);
    copy = permit;
    qp_permit_drop(&permit);
    QP_ASSERT_EQ(qp_await(qp_reserve(ends.tx, &next)), QP_OK); /* in the same memory, perhaps */
    QP_ASSERT_EQ(permit_send(&copy, 1), QP_USED);
    qp_permit_drop(&copy);
    QP_ASSERT_EQ(permit_send(&next, 2), QP_OK);
    QP_ASSERT_EQ(qp_receiver_length(ends.rx), 1);
}

static void ends_and_permits_are_released_with_their_owner(void **state)
{
    (void)state;
    run_seeds(what_a_task_owns_goes_with_it, NULL, 20);
    run_seeds(an_async_function_releases_its_ends, NULL, 1);
    run_seeds(a_permit_and_a_receiver_are_given_away, NULL, 5);
    run_seeds(a_copy_of_a_used_permit_is_not_the_next_one, NULL, 1);
}

/* Main ends first, with tasks waiting on both sides of what it lent them. */
static void main_ends_before_those_who_wait(void *arg)
{
    static struct producer producer;
    static struct consumer consumer;
    struct ends full = own_channel(1), empty = own_channel(1);
    (void)arg;
    producer = (struct producer){full.tx, 1, 2};
    consumer = (struct consumer){empty.rx, 1, 0, -1};
    (void)qp_spawn(produce, &producer);
    (void)qp_spawn(consume, &consumer);
    (void)qp_spawn(hold_a_permit_for_ever, empty.tx);
    qp_await(qp_sleep_ms(1));
}

static void shutdown_drops_those_who_wait(void **state)
{
    (void)state;
    run_seeds(main_ends_before_those_who_wait, NULL, 10);
    assert_int_equal(drops[1], 1); /* buffered */
    assert_int_equal(drops[2], 1); /* its send was waiting */
    assert_int_equal(all_drops(), 2);
}

/* ---- the trace accounts for every value ---- */

struct account {
    int sent[VALUES], queued[VALUES], over[VALUES]; /* by the value's number in the trace */
};

static void count_event(void *context, const struct qp_event *event)
{
    struct account *account = context;
    uint64_t value = event->fields[0];
    if (event->kind < QP_EVENT_VALUE_SENT || event->kind > QP_EVENT_VALUE_DROPPED)
        return;
    assert_true(value < VALUES);
    if (event->kind == QP_EVENT_VALUE_SENT)
        account->sent[value]++;
    else if (event->kind == QP_EVENT_VALUE_QUEUED)
        account->queued[value]++;
    else
        account->over[value]++;
    if (event->kind == QP_EVENT_VALUE_RECEIVED)
        assert_int_equal(account->queued[value], 1);
}

static void run_accounting(qp_async_fn function, uint64_t seed, uint64_t failing_allocation)
{
    struct account account = {{0}, {0}, {0}};
    struct qp_random_strategy random;
    struct qp_sim_config config = {.seed = seed,
                                   .strategy = &random.strategy,
                                   .event = count_event,
                                   .event_context = &account,
                                   .failing_allocation = failing_allocation};
    struct qp_sim_result result;
    struct qp_sim sim;
    int i;
    qp_random_strategy_init(&random);
    qp_sim_init(&sim);
    qp_sim_run(&sim, &config, function, NULL, &result);
    qp_sim_end(&sim);
    if (!failing_allocation)
        assert_status(result.outcome, QP_OK);
    for (i = 0; i < VALUES; i++) {
        assert_true(account.sent[i] <= 1);
        assert_int_equal(account.over[i], account.sent[i]);
    }
}

static void the_trace_accounts_for_every_value(void **state)
{
    uint64_t seed;
    (void)state;
    for (seed = 0; seed < 30; seed++) {
        run_accounting(two_producers_and_a_consumer, seed, 0);
        run_accounting(a_receiver_that_leaves, seed, 0);
        run_accounting(produce_and_consume, seed, 0);
        run_accounting(compete, seed, 0);
        run_accounting(reserve_drop_send, seed, 0);
        run_accounting(a_send_with_a_deadline, seed, 0);
        run_accounting(send_in_an_arm_that_never_starts, seed, 0);
        run_accounting(main_ends_before_those_who_wait, seed, 0);
    }
}

/* ---- no memory ---- */

static void reserve_and_send_all(struct qp_sender *tx, int count)
{
    struct qp_permit permits[20];
    int i, reserved;
    for (reserved = 0; reserved < count; reserved++)
        if (qp_await(qp_reserve(tx, &permits[reserved])) != QP_OK)
            break;
    for (i = 0; i < reserved; i++)
        QP_ASSERT_EQ(permit_send(&permits[i], i), QP_OK); /* its slot is there: nothing is allocated */
}

static void bounded_without_memory(void *arg)
{
    struct ends ends = {NULL, NULL};
    struct qp_sender *tx;
    struct qp_receiver *rx;
    (void)arg;
    if (qp_channel_create(&counted, 20, &ends.tx, &ends.rx) == QP_NOMEM) {
        QP_ASSERT(!ends.tx && !ends.rx);
        return;
    }
    tx = qp_sender_clone(ends.tx);
    rx = qp_receiver_clone(ends.rx);
    reserve_and_send_all(tx ? tx : ends.tx, 18); /* more than one slab of permits */
    while (qp_receiver_length(ends.rx) < 20)
        QP_ASSERT_EQ(try_send(ends.tx, 20), QP_OK);
    QP_ASSERT_EQ(try_send(ends.tx, 21), QP_FULL); /* which takes no memory to find out */
    qp_receiver_drop(rx);
}

/* Sends the numbers below `count`, the first ten in one way, the rest in the other, and keeps those in `kept` that
 * found room. Returns how many did. */
static int send_what_finds_room(struct ends *ends, int count, int kept[])
{
    int i, many = 0;
    for (i = 0; i < count; i++) {
        enum qp_status status = i / 10 ? qp_try_send(ends->tx, &i) : qp_await(qp_send(ends->tx, &i));
        QP_ASSERT(status == QP_OK || status == QP_NOMEM);
        if (status == QP_OK)
            kept[many++] = i;
        QP_ASSERT_EQ(qp_receiver_length(ends->rx), many);
    }
    return many;
}

static void unbounded_without_memory(void *arg)
{
    struct ends ends = {NULL, NULL};
    int i, value, many, kept[20];
    (void)arg;
    forget(NULL);
    if (qp_channel_create_unbounded(&counted, &ends.tx, &ends.rx) == QP_NOMEM) {
        QP_ASSERT(!ends.tx && !ends.rx);
        return;
    }
    many = send_what_finds_room(&ends, 20, kept);
    QP_ASSERT_EQ(all_drops(), 0); /* what found no room is the caller's */
    reserve_and_send_all(ends.tx, 20);
    for (i = 0; i < many; i++) {
        QP_ASSERT_EQ(qp_try_recv(ends.rx, &value), QP_OK);
        QP_ASSERT_EQ(value, kept[i]);
    }
    for (i = 0; qp_try_recv(ends.rx, &value) == QP_OK; i++)
        QP_ASSERT_EQ(value, i);
    QP_ASSERT_EQ(qp_await(qp_send(ends.tx, &i)), QP_OK); /* there is room again */
}

static void no_memory_is_an_answer(void **state)
{
    (void)state;
    run_failing_allocations(bounded_without_memory, NULL);
    run_failing_allocations(unbounded_without_memory, NULL);
}

static void the_trace_accounts_for_values_without_memory(void **state)
{
    uint64_t failing;
    (void)state;
    for (failing = 1; failing < 20; failing++)
        run_accounting(unbounded_without_memory, 0, failing);
}

/* Reserves over and over, with each outcome. */
static void reserve_again_and_again(void *arg)
{
    const int *times = arg;
    struct ends ends = own_channel(1);
    struct reserving refused;
    struct qp_permit permit;
    int i;
    for (i = 0; i < *times; i++) {
        QP_ASSERT_EQ(qp_await(qp_reserve(ends.tx, &permit)), QP_OK);
        QP_ASSERT_EQ(qp_await(qp_timeout_ms(0, qp_reserve(ends.tx, &permit))), QP_TIMEOUT);
        qp_permit_drop(&permit);
    }
    for (i = 0; i < *times; i++) {
        struct ends closing = own_channel(1);
        QP_ASSERT_EQ(try_send(closing.tx, 1), QP_OK);
        QP_ASSERT_EQ(reserve_start(&refused, closing.tx), QP_PENDING);
        QP_ASSERT(qp_receiver_close(closing.rx));
        QP_ASSERT_EQ(reserve_poll(&refused), QP_SEND_FAILED);
    }
}

/* Beside what the channels take. */
static void permits_take_no_more_memory_than_are_out_at_once(void **state)
{
    uint64_t once, often;
    int times = 1;
    (void)state;
    once = run_seed(reserve_again_and_again, &times, 0)->allocations;
    times = 101;
    often = run_seed(reserve_again_and_again, &times, 0)->allocations;
    assert_int_equal(often - once, 200); /* two for each channel */
}

/* ---- reports: deadlocks ---- */

static struct ends jobs(void)
{
    struct ends ends = own_channel(1);
    qp_channel_name(ends.tx, "jobs");
    return ends;
}

static void listen_to_itself(void *arg)
{
    struct ends ends = jobs();
    int value;
    (void)arg;
    while (qp_await(qp_recv(ends.rx, &value)) == QP_OK)
        continue;
}

static void wait_for_its_own_permit(void *arg)
{
    struct ends ends = jobs();
    struct qp_permit permit;
    int value;
    (void)arg;
    QP_ASSERT_EQ(qp_await(qp_reserve(ends.tx, &permit)), QP_OK);
    qp_sender_drop(ends.tx);
    (void)qp_await(qp_recv(ends.rx, &value));
}

static void send_to_itself(void *arg)
{
    struct ends ends = jobs();
    int i;
    (void)arg;
    for (i = 0; i < 2; i++)
        (void)qp_await(qp_send(ends.tx, &i));
}

static void consumer(void *arg)
{
    int value;
    (void)qp_await(qp_recv(arg, &value));
}

static void keep_a_sender_from_a_consumer(void *arg)
{
    struct ends ends = jobs();
    struct qp_handle handle = qp_spawn(consumer, ends.rx);
    (void)arg;
    (void)qp_await(qp_join(&handle, NULL));
}

static void a_deadlock_names_who_keeps_the_channel_open(void **state)
{
    (void)state;
    run_expecting(listen_to_itself, NULL, QP_DEADLOCK, "for recv of channel 'jobs', of which it holds a sender itself");
    run_expecting(wait_for_its_own_permit, NULL, QP_DEADLOCK,
                  "for recv of channel 'jobs', of which it holds a permit itself");
    run_expecting(send_to_itself, NULL, QP_DEADLOCK, "for send of channel 'jobs', of which it holds a receiver itself");
    run_expecting(keep_a_sender_from_a_consumer, NULL, QP_DEADLOCK,
                  "for recv of channel 'jobs', of which task 1 'main' holds a sender");
}

/* ---- reports: misuse ---- */

static void writer(void *arg)
{
    int value = 1;
    (void)qp_await(qp_send(arg, &value));
}

static void booker(void *arg)
{
    struct qp_permit permit;
    (void)qp_await(qp_reserve(arg, &permit));
}

static void cancel_a_send(void *send)
{
    send_cancel(send);
}

static void cancel_a_recv(void *recv)
{
    recv_cancel(recv);
}

/* Drops its sender while a task waits on it; with a value taken out first, that task has been granted its slot. */
static void drop_a_sender_in_use(qp_async_fn user, bool granted)
{
    static struct sending by_another;
    struct ends ends = jobs();
    int value;
    QP_ASSERT_EQ(try_send(ends.tx, 0), QP_OK);
    QP_ASSERT_EQ(send_start(&by_another, qp_sender_clone(ends.tx), 2), QP_PENDING); /* which is not to be blamed */
    (void)qp_spawn(user, ends.tx);
    QP_ASSERT_EQ(qp_defer(cancel_a_send, &by_another), QP_OK);
    qp_await(qp_sleep_ms(1));
    if (granted) {
        QP_ASSERT_EQ(qp_try_recv(ends.rx, &value), QP_OK);
        QP_ASSERT_EQ(send_poll(&by_another), QP_OK);
        QP_ASSERT_EQ(qp_try_recv(ends.rx, &value), QP_OK);
    }
    qp_sender_drop(ends.tx);
}

static void drop_a_sender_with_a_send(void *arg)
{
    drop_a_sender_in_use(writer, arg != NULL);
}

static void drop_a_sender_with_a_reserve(void *arg)
{
    drop_a_sender_in_use(booker, arg != NULL);
}

static void drop_a_sender_with_a_foreign_send(void *arg)
{
    static struct sending send;
    struct ends ends = jobs();
    (void)arg;
    QP_ASSERT_EQ(try_send(ends.tx, 0), QP_OK);
    QP_ASSERT_EQ(send_start(&send, ends.tx, 1), QP_PENDING);
    QP_ASSERT_EQ(qp_defer(cancel_a_send, &send), QP_OK);
    qp_sender_drop(ends.tx);
}

static void drop_a_receiver_with_a_recv(void *arg)
{
    static struct receiving by_another;
    struct ends ends = jobs();
    (void)arg;
    QP_ASSERT_EQ(recv_start(&by_another, qp_receiver_clone(ends.rx)), QP_PENDING);
    QP_ASSERT_EQ(qp_defer(cancel_a_recv, &by_another), QP_OK);
    (void)qp_spawn(consumer, ends.rx);
    qp_await(qp_sleep_ms(1));
    qp_receiver_drop(ends.rx);
}

static void poll_after_the_end(void *arg)
{
    struct ends ends = jobs();
    struct qp_recv_future recv;
    int value;
    (void)arg;
    QP_ASSERT_EQ(try_send(ends.tx, 0), QP_OK);
    (void)qp_await(qp_recv_init(&recv, ends.rx, &value));
    (void)qp_await(&recv.future);
}

static void give_a_used_permit(void *arg)
{
    struct ends ends = jobs();
    struct qp_handle handle = qp_spawn(consumer, ends.rx);
    struct qp_permit permit, copy;
    (void)arg;
    (void)qp_await(qp_reserve(ends.tx, &permit));
    copy = permit;
    qp_permit_drop(&permit);
    qp_permit_give(&copy, &handle);
}

static void give_a_sender_to_nobody(void *arg)
{
    struct ends ends = jobs();
    struct qp_handle handle = {NULL, 0};
    (void)arg;
    qp_sender_give(ends.tx, &handle);
}

static void misuse_names_both_parties(void **state)
{
    static const char send[] =
        "a sender of channel 'jobs' dropped by task 1 'main' while the send of task 2 'user' waits on it";
    static const char reserve[] =
        "a sender of channel 'jobs' dropped by task 1 'main' while the reserve of task 2 'user' waits on it";
    (void)state;
    run_expecting(drop_a_sender_with_a_send, NULL, QP_MISUSE, send);
    run_expecting(drop_a_sender_with_a_send, "granted", QP_MISUSE, send);
    run_expecting(drop_a_sender_with_a_reserve, NULL, QP_MISUSE, reserve);
    run_expecting(drop_a_sender_with_a_reserve, "granted", QP_MISUSE, reserve);
    run_expecting(drop_a_sender_with_a_foreign_send, NULL, QP_MISUSE,
                  "dropped by task 1 'main' while the send of a task of another executor waits on it");
    run_expecting(
        drop_a_receiver_with_a_recv, NULL, QP_MISUSE,
        "a receiver of channel 'jobs' dropped by task 1 'main' while the recv of task 2 'consumer' waits on it");
    run_expecting(poll_after_the_end, NULL, QP_MISUSE, "future 'recv' polled after completion, by task 1 'main'");
    run_expecting(give_a_used_permit, NULL, QP_MISUSE,
                  "a permit that is empty or was released is given away by task 1 'main'");
    run_expecting(give_a_sender_to_nobody, NULL, QP_MISUSE,
                  "a sender given to a task that has ended or is no task, by task 1 'main'");
}

#define TEST(name) cmocka_unit_test_setup(name, forget)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_capacity_below_one_counts_as_one),
        TEST(a_capacity_that_cannot_be_is_out_of_memory),
        TEST(values_leave_in_the_order_in_which_they_entered),
        TEST(a_value_enters_when_its_send_completes),
        TEST(values_of_any_size_arrive_whole),
        TEST(a_value_without_bytes_needs_no_address),
        TEST(trying_says_full_from_closed_and_empty_from_closed),
        TEST(the_statuses_have_their_words),
        TEST(is_closed_is_about_the_receivers_side),
        TEST(a_send_waits_for_a_slot),
        TEST(a_reserve_waits_for_a_slot),
        TEST(a_recv_waits_for_a_value),
        TEST(polls_without_a_cause_change_nothing),
        TEST(receives_polled_without_a_cause_keep_their_turn),
        TEST(a_poll_with_another_waker_moves_the_wake_up),
        TEST(slots_go_first_come_first_served),
        TEST(nobody_barges_past_a_waiting_sender),
        TEST(nobody_barges_past_a_waiting_receiver),
        TEST(a_send_cancelled_before_its_first_poll_drops_its_value),
        TEST(a_send_cancelled_while_it_waits_drops_its_value_and_leaves_the_queue),
        TEST(a_send_cancelled_after_it_was_granted_a_slot_passes_it_on),
        TEST(a_send_cancelled_after_it_was_refused_drops_its_value),
        TEST(a_send_that_is_ready_is_cancelled_in_vain),
        TEST(a_cancelled_reserve_loses_its_place_and_nothing_else),
        TEST(a_reserve_cancelled_after_it_was_granted_a_slot_passes_it_on),
        TEST(a_reserve_cancelled_after_it_was_refused_leaves_nothing),
        TEST(a_recv_cancelled_at_any_moment_takes_nothing),
        TEST(a_woken_recv_that_is_cancelled_wakes_the_next),
        TEST(a_recv_cancelled_behind_another_wakes_nobody_in_vain),
        TEST(a_permit_serves_once),
        TEST(a_dropped_permit_gives_its_slot_to_whoever_waits_first),
        TEST(a_permit_whose_receiver_was_dropped_gives_the_value_back),
        TEST(a_permit_that_is_out_delivers_after_close),
        TEST(a_permit_outlives_every_sender),
        TEST(a_permit_outlives_the_channel),
        TEST(close_refuses_those_who_wait_and_keeps_what_is_buffered),
        TEST(close_refuses_also_who_was_granted_a_slot_and_has_not_run),
        TEST(a_dropped_receiver_drops_what_is_buffered_and_refuses_the_rest),
        TEST(the_last_sender_ends_it_for_all_who_wait),
        TEST(a_recv_that_is_cancelled_at_the_end_tells_the_next),
        TEST(what_is_buffered_is_received_before_the_end),
        TEST(the_last_permit_ends_it),
        TEST(a_granted_send_that_is_refused_ends_it),
        TEST(a_granted_send_that_is_cancelled_ends_it),
        TEST(a_granted_reserve_that_is_refused_ends_it),
        TEST(a_granted_reserve_that_is_cancelled_ends_it),
        TEST(clones_share_one_queue),
        TEST(close_answers_false_while_another_waits),
        TEST(close_goes_through_once_the_other_stopped_waiting),
        TEST(an_unbounded_channel_never_waits_for_a_slot),
        TEST(an_unbounded_channel_has_room_for_every_permit),
        TEST(an_unbounded_channel_gives_permits_at_once),
        TEST(a_drop_function_may_use_the_channel),
        TEST(a_channel_does_what_its_model_does),
        TEST(producers_keep_their_order_under_every_schedule),
        TEST(every_value_has_one_fate_under_every_schedule),
        TEST(an_aborted_receiver_loses_no_value),
        TEST(clones_share_the_values_under_every_schedule),
        TEST(a_permit_keeps_its_word_under_every_schedule),
        TEST(whoever_is_cancelled_the_rest_go_on),
        TEST(ties_with_a_deadline_lose_nothing),
        TEST(sends_that_hardly_begin_lose_their_value),
        TEST(ends_and_permits_are_released_with_their_owner),
        TEST(shutdown_drops_those_who_wait),
        TEST(the_trace_accounts_for_every_value),
        TEST(no_memory_is_an_answer),
        TEST(the_trace_accounts_for_values_without_memory),
        TEST(permits_take_no_more_memory_than_are_out_at_once),
        TEST(a_deadlock_names_who_keeps_the_channel_open),
        TEST(misuse_names_both_parties),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
