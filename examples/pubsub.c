/*
 * Publish and subscribe, with a shutdown that comes to its end.
 *
 * Shows bounded queues that a publisher never waits for (a subscriber that cannot keep up misses messages, and is told
 * how many), subscribers that come and go, a signal that everybody sees, and a shutdown in order: publishers first,
 * then the subscribers, who get what was published before; whoever is not done at the deadline is cancelled.
 *
 * Publishing does not await, so it cannot be cut in half: a message is offered to every subscriber or to none. A
 * subscriber that is cancelled loses what was queued for it, and nobody else notices. A shutdown that is cancelled has
 * begun all the same: all end by themselves, and nobody waits for them.
 */
#include <quipu/quipu.h>
#include <stdio.h>

enum { MOST = 8 };
enum topic { TOPIC_NEWS = 1, TOPIC_PRICES = 2 }; /* bits */

/* ---- the broker ---- */

struct message {
    enum topic topic;
    int number;
    int missed; /* so many before this one had no room */
};

struct subscription {
    struct qp_sender *queue; /* NULL: the subscriber is gone, or all have been shut out */
    unsigned topics;
    int missed; /* since the last that had room */
};

struct broker {
    struct qp_semaphore *stop; /* closed when publishers are to stop: all who wait for it see that */
    struct subscription subscriptions[MOST];
    struct qp_handle publishers[MOST], subscribers[MOST];
    int publisher_count, subscriber_count;
    int published;
};

static const struct qp_type message_type = QP_TYPE_OF(struct message);

static bool broker_create(struct broker *self)
{
    *self = (struct broker){.stop = qp_semaphore_create("stop", 0)};
    return self->stop != NULL;
}

static void offer(struct subscription *to, struct message message)
{
    message.missed = to->missed;
    switch (qp_try_send(to->queue, &message)) {
    case QP_OK:
        to->missed = 0;
        break;
    case QP_SEND_FAILED: /* the subscriber is gone */
        qp_sender_drop(to->queue);
        to->queue = NULL;
        break;
    default:
        to->missed++; /* full */
    }
}

static void broker_publish(struct broker *self, enum topic topic)
{
    struct message message = {.topic = topic, .number = ++self->published};
    qp_touch(self, true);
    for (int i = 0; i < self->subscriber_count; i++)
        if (self->subscriptions[i].queue && (self->subscriptions[i].topics & topic) != 0)
            offer(&self->subscriptions[i], message);
}

/* Waits so long, but not beyond the order to stop. Whether to go on. */
static bool broker_pause(struct broker *self, int64_t ms)
{
    struct qp_semaphore_permit never;
    return qp_await(qp_timeout_ms(ms, qp_acquire(self->stop, &never))) == QP_TIMEOUT;
}

/* ---- those at either side: tasks, added by the function that made the broker ---- */

struct subscriber {
    struct qp_receiver *queue;
    int received, missed, last;
    int slow_ms; /* each message takes it so long */
    int most;    /* it leaves after so many; 0: it stays */
};

static void subscriber_run(void *arg)
{
    struct subscriber *self = arg;
    struct message message;
    while (qp_await(qp_recv(self->queue, &message)) == QP_OK) {
        self->received++;
        self->missed += message.missed;
        self->last = message.number;
        if (self->received == self->most)
            return; /* its receiver goes with it */
        qp_await(qp_sleep_ms(self->slow_ms));
    }
}

static bool broker_subscribe(struct broker *self, unsigned topics, int room, struct subscriber *subscriber)
{
    struct subscription *subscription = &self->subscriptions[self->subscriber_count];
    struct qp_handle *handle = &self->subscribers[self->subscriber_count];
    *subscription = (struct subscription){.topics = topics};
    if (qp_channel_create(&message_type, room, &subscription->queue, &subscriber->queue) != QP_OK)
        return false;
    *handle = qp_spawn(subscriber_run, subscriber);
    if (!handle->task)
        return false;
    qp_receiver_give(subscriber->queue, handle);
    self->subscriber_count++;
    return true;
}

struct publisher {
    struct broker *broker;
    enum topic topic;
    int every_ms;
};

static void publisher_run(void *arg)
{
    const struct publisher *self = arg;
    do
        broker_publish(self->broker, self->topic);
    while (broker_pause(self->broker, self->every_ms));
}

static bool broker_add_publisher(struct publisher *publisher)
{
    struct broker *broker = publisher->broker;
    struct qp_handle *handle = &broker->publishers[broker->publisher_count++];
    *handle = qp_spawn(publisher_run, publisher);
    return handle->task != NULL;
}

/* ---- shutdown ---- */

/* Waits for a task until the deadline, then cancels it. Whether it had to. */
static bool finish(struct qp_handle *handle, int64_t deadline_ns)
{
    struct qp_timeout_join_future join;
    int64_t left_ns = deadline_ns - qp_now();
    if (qp_await(qp_timeout_join_init(&join, left_ns > 0 ? left_ns : 0, handle, NULL)) != QP_TIMEOUT)
        return false;
    qp_abort(handle);
    return qp_await(qp_join(handle, NULL)) == QP_CANCELLED; /* it may just have ended */
}

/* How many had to be cancelled. */
static int broker_shut_down(struct broker *self, int64_t deadline_ms)
{
    int64_t deadline_ns = qp_now() + qp_milliseconds(deadline_ms);
    int cancelled = 0;
    qp_semaphore_close(self->stop);
    for (int i = 0; i < self->publisher_count; i++)
        cancelled += finish(&self->publishers[i], deadline_ns);
    for (int i = 0; i < self->subscriber_count; i++) {
        qp_sender_drop(self->subscriptions[i].queue); /* its queue ends behind what is in it */
        self->subscriptions[i].queue = NULL;
    }
    for (int i = 0; i < self->subscriber_count; i++)
        cancelled += finish(&self->subscribers[i], deadline_ns);
    return cancelled;
}

static int async_main(int argc, char **argv)
{
    (void)argc, (void)argv;
    struct broker broker;
    struct subscriber all = {0}, slow = {.slow_ms = 12}, brief = {.most = 3};
    struct publisher news = {&broker, TOPIC_NEWS, 3}, prices = {&broker, TOPIC_PRICES, 5};
    if (!broker_create(&broker) || !broker_subscribe(&broker, TOPIC_NEWS | TOPIC_PRICES, 8, &all) ||
        !broker_subscribe(&broker, TOPIC_PRICES, 2, &slow) || !broker_subscribe(&broker, TOPIC_NEWS, 2, &brief) ||
        !broker_add_publisher(&news) || !broker_add_publisher(&prices))
        return 1;
    qp_await(qp_sleep_ms(60));
    int cancelled = broker_shut_down(&broker, 100);
    printf("published %d; all got %d; slow got %d and missed %d; brief got %d; %d cancelled\n", broker.published,
           all.received, slow.received, slow.missed, brief.received, cancelled);
    return all.received + all.missed + broker.subscriptions[0].missed == broker.published || cancelled > 0 ? 0 : 1;
}
QP_MAIN(async_main)
