/* The request's race tests: what holds under every schedule, every delay and every loss. */
#define main retry_main /* the program's own is left aside */
#include "retry.c"      /* NOLINT(bugprone-suspicious-include): its inside is what is tested */
#undef main

enum { ALL_ARRIVED_MS = 4 * LOST_MS, SLOWEST_MS = 3 * ATTEMPT_MS, TWO_ATTEMPTS_MS = 2 * ATTEMPT_MS };

struct client {
    struct deposit deposit;
    int64_t deadline_ms;
    enum qp_status status;
};

static void client_run(void *arg)
{
    struct client *self = arg;
    self->status = deposit_within(self->deadline_ms, &self->deposit);
}

/* Runs a client for each key and waits for all of them. */
static void run_clients(struct service *service, struct client *clients, int count, int64_t deadline_ms)
{
    struct qp_handle handles[MOST_KEYS];
    for (int i = 0; i < count; i++) {
        clients[i] = (struct client){{.request = {service, i, 10}}, deadline_ms, QP_PENDING};
        handles[i] = qp_spawn(client_run, &clients[i]);
    }
    for (int i = 0; i < count; i++)
        qp_await(qp_join(&handles[i], NULL));
}

/* Whoever was told so, and perhaps others: but nobody's deposit is done twice. */
static void assert_done_once(const struct service *service, const struct client *clients, int count)
{
    qp_touch(service, false);
    for (int i = 0; i < count; i++)
        QP_ASSERT(clients[i].status != QP_OK || service->done[i]);
    QP_ASSERT_EQ(service->balance, service->deposits * 10);
    QP_ASSERT(service->deposits <= count);
}

QP_BEARS(answered_means_done_once, QP_FAULT_CANCEL | QP_FAULT_CLOCK | QP_FAULT_YIELD)
QP_SCENARIO(answered_means_done_once, "who is answered is done, once; who is not, at most once")
{
    struct service service = {.lost_of_10 = 3, .slowest_ms = 40};
    struct client clients[3];
    run_clients(&service, clients, 3, 200);
    assert_done_once(&service, clients, 3);
    qp_await(qp_sleep_ms(ALL_ARRIVED_MS)); /* until those on their way have arrived */
    assert_done_once(&service, clients, 3);
}

QP_SCENARIO(a_late_request_is_done_once, "attempts that time out and arrive late, all of them, are done once")
{
    struct service service = {.slowest_ms = SLOWEST_MS};
    struct client client;
    run_clients(&service, &client, 1, 1000);
    qp_await(qp_sleep_ms(ALL_ARRIVED_MS));
    assert_done_once(&service, &client, 1);
    QP_ASSERT_EQ(service.deposits, 1);
    QP_ASSERT_EQ(service.on_the_way, 0);
}

QP_BEARS(the_deadline_ends_it, QP_FAULT_CANCEL)
QP_SCENARIO(the_deadline_ends_it, "with every message lost the client gives up, and nothing is begun afterwards")
{
    struct service service = {.lost_of_10 = 10};
    struct client client;
    int64_t start = qp_now();
    run_clients(&service, &client, 1, TWO_ATTEMPTS_MS);
    QP_ASSERT(client.status != QP_OK);
    QP_ASSERT(client.status != QP_TIMEOUT || qp_now() - start >= qp_milliseconds(TWO_ATTEMPTS_MS));
    int attempts = client.deposit.attempts;
    qp_await(qp_sleep_ms(ALL_ARRIVED_MS));
    QP_ASSERT_EQ(client.deposit.attempts, attempts);
    QP_ASSERT_EQ(service.on_the_way, 0);
    QP_ASSERT_EQ(service.deposits, 0);
}

int main(int argc, char **argv)
{
    return quipu_main(argc, argv);
}
