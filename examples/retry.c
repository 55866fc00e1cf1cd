/*
 * A request that is tried again, within a deadline.
 *
 * Shows a timeout for each attempt and a deadline around them all, pauses that grow and are drawn (so that clients do
 * not all come back at once), and why an attempt that timed out may have succeeded: it is on its way, and is done late.
 * So each request has a key by which the service knows that it has done it already.
 *
 * What the caller may count on. QP_OK: it was done, once. QP_TIMEOUT, or the caller was cancelled: it was done once or
 * not at all; no attempt is begun after that, but one that is on its way may still arrive.
 */
#include <quipu/quipu.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST_KEYS = 16, ATTEMPT_MS = 50, LOST_MS = 200, FIRST_PAUSE_MS = 10, LONGEST_PAUSE_MS = 80 };

/* ---- the service, and the way to it ---- */

struct service {
    bool done[MOST_KEYS]; /* by key */
    int deposits, balance;
    int on_the_way; /* requests under way */
    int lost_of_10; /* so many messages of ten get lost, each way */
    int slowest_ms; /* the others take up to so long */
};

struct request {
    struct service *service;
    int key, amount;
};

/* Whether a message arrives, and when. */
static bool travel(const struct service *service)
{
    bool lost = qp_random(10) < (uint64_t)service->lost_of_10;
    int64_t ms = lost ? LOST_MS : (int64_t)qp_random((uint64_t)service->slowest_ms + 1);
    qp_await(qp_sleep_ms(ms));
    return !lost;
}

static void do_once(const struct request *request)
{
    struct service *service = request->service;
    qp_touch(service, true);
    if (service->done[request->key])
        return;
    service->done[request->key] = true;
    service->deposits++;
    service->balance += request->amount;
}

static void leave(void *service)
{
    qp_touch(service, true);
    ((struct service *)service)->on_the_way--;
}

/* A request once it is sent: a task of its own, for nobody can call it back. */
static void request_run(void *arg)
{
    const struct request *request = arg;
    struct service *service = request->service;
    if (qp_defer(leave, service) != QP_OK)
        return;
    service->on_the_way++;
    if (!travel(service))
        qp_panic("the request got lost");
    do_once(request);
    int balance = service->balance;
    if (!travel(service))
        qp_panic("the reply got lost");
    qp_return(&balance);
}

/* ---- the client ---- */

struct deposit {
    struct request request;
    int balance, attempts;
    enum qp_status status;
};

/* QP_TIMEOUT: there was no answer in time, and the request is left to itself. */
static enum qp_status attempt(const struct request *request, int *balance)
{
    struct request *sent = malloc(sizeof *sent);
    if (!sent)
        return QP_NOMEM;
    *sent = *request; /* its own, since it may outlive the client */
    struct qp_task_options options = {.name = "request", .result = &qp_int, .drop = free};
    struct qp_handle handle = qp_spawn_with(request_run, sent, &options);
    if (!handle.task) {
        free(sent);
        return QP_NOMEM;
    }
    enum qp_status status = qp_await(qp_timeout_join_ms(ATTEMPT_MS, &handle, balance));
    qp_handle_drop(&handle); /* cancelled here or above, it is dropped too */
    return status;
}

static void deposit_until_done(void *arg)
{
    struct deposit *self = arg;
    int64_t pause_ms = FIRST_PAUSE_MS;
    for (;;) {
        self->attempts++;
        self->status = attempt(&self->request, &self->balance);
        if (self->status == QP_OK || self->status == QP_NOMEM)
            return;
        qp_await(qp_sleep_ms(pause_ms / 2 + (int64_t)qp_random((uint64_t)pause_ms / 2)));
        pause_ms = pause_ms * 2 < LONGEST_PAUSE_MS ? pause_ms * 2 : LONGEST_PAUSE_MS;
    }
}

/* Deposits once, if it can be done before the deadline. */
static enum qp_status deposit_within(int64_t deadline_ms, struct deposit *self)
{
    enum qp_status status = qp_await(qp_timeout_ms(deadline_ms, qp_async(deposit_until_done, self)));
    return status == QP_OK ? self->status : status;
}

static int async_main(int argc, char **argv)
{
    struct service service = {.lost_of_10 = argc > 1 ? atoi(argv[1]) : 2, .slowest_ms = 30};
    int answered = 0;
    for (int key = 0; key < MOST_KEYS; key++) {
        struct deposit deposit = {.request = {&service, key, 10}};
        enum qp_status status = deposit_within(500, &deposit);
        answered += status == QP_OK;
        printf("deposit %2d: %-7s %d attempts\n", key, qp_status_name(status), deposit.attempts);
    }
    printf("%d answered, %d done, balance %d\n", answered, service.deposits, service.balance);
    return answered <= service.deposits && service.balance == service.deposits * 10 ? 0 : 1;
}
QP_MAIN(async_main)
