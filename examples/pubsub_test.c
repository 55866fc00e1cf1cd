/* The race tests of publish and subscribe: what holds under every schedule. */
#define main pubsub_main /* the program's own is left aside */
#include "pubsub.c"      /* NOLINT(bugprone-suspicious-include): its inside is what is tested */
#undef main

/* What was published for it was received, or counted as missed. Only of a subscriber that came to its end. */
static void assert_accounted(const struct broker *broker, int index, const struct subscriber *subscriber)
{
    qp_touch(broker, false);
    QP_ASSERT_EQ(subscriber->received + subscriber->missed + broker->subscriptions[index].missed, broker->published);
}

QP_SCENARIO(received_or_told, "each message is received, or its subscriber is told that it missed one")
{
    struct broker broker;
    struct subscriber quick = {0}, slow = {.slow_ms = 5};
    struct publisher news = {&broker, TOPIC_NEWS, 1}, prices = {&broker, TOPIC_PRICES, 2};
    QP_ASSERT(broker_create(&broker));
    QP_ASSERT(broker_subscribe(&broker, TOPIC_NEWS | TOPIC_PRICES, 2, &quick));
    QP_ASSERT(broker_subscribe(&broker, TOPIC_NEWS | TOPIC_PRICES, 1, &slow));
    QP_ASSERT(broker_add_publisher(&news) && broker_add_publisher(&prices));
    qp_await(qp_sleep_ms((int64_t)qp_random(6)));
    QP_ASSERT_EQ(broker_shut_down(&broker, 1000), 0);
    assert_accounted(&broker, 0, &quick);
    assert_accounted(&broker, 1, &slow);
}

QP_BEARS(shutdown_ends, QP_FAULT_CANCEL | QP_FAULT_CLOCK | QP_FAULT_YIELD)
QP_SCENARIO(shutdown_ends, "whenever it comes, after a shutdown nobody publishes and nobody is left")
{
    struct broker broker;
    struct subscriber subscriber = {.slow_ms = 1};
    struct publisher publisher = {&broker, TOPIC_NEWS, 2};
    QP_ASSERT(broker_create(&broker));
    QP_ASSERT(broker_subscribe(&broker, TOPIC_NEWS, 1, &subscriber) && broker_add_publisher(&publisher));
    qp_await(qp_sleep_ms((int64_t)qp_random(4)));
    broker_shut_down(&broker, 10);
    int published = broker.published, received = subscriber.received;
    qp_await(qp_sleep_ms(10));
    QP_ASSERT_EQ(broker.published, published);
    QP_ASSERT_EQ(subscriber.received, received);
    QP_ASSERT(subscriber.received + subscriber.missed <= published);
}

QP_SCENARIO(a_stuck_subscriber_is_cancelled, "one that is not done at the deadline is cancelled, the others are not")
{
    struct broker broker;
    struct subscriber stuck = {.slow_ms = 1000000}, quick = {0};
    QP_ASSERT(broker_create(&broker));
    QP_ASSERT(broker_subscribe(&broker, TOPIC_NEWS, 2, &stuck) && broker_subscribe(&broker, TOPIC_NEWS, 2, &quick));
    broker_publish(&broker, TOPIC_NEWS);
    broker_publish(&broker, TOPIC_NEWS);
    qp_await(qp_yield());
    QP_ASSERT_EQ(broker_shut_down(&broker, 20), 1);
    QP_ASSERT(stuck.received <= 1);
    assert_accounted(&broker, 1, &quick);
}

QP_SCENARIO(leaving_disturbs_nobody, "a subscriber may leave while messages come; the others get theirs")
{
    struct broker broker;
    struct subscriber leaving = {.most = 1}, staying = {0};
    QP_ASSERT(broker_create(&broker));
    QP_ASSERT(broker_subscribe(&broker, TOPIC_NEWS, 3, &leaving) && broker_subscribe(&broker, TOPIC_NEWS, 3, &staying));
    for (int i = 0; i < 3; i++) {
        broker_publish(&broker, TOPIC_NEWS);
        qp_await(qp_yield());
    }
    QP_ASSERT_EQ(broker_shut_down(&broker, 1000), 0);
    QP_ASSERT_EQ(leaving.received, 1);
    QP_ASSERT_EQ(staying.received, 3);
    QP_ASSERT_EQ(staying.last, 3);
}

int main(int argc, char **argv)
{
    return quipu_main(argc, argv);
}
