/* Channels on the real clock: one message after the other, and a question with its answer. */
#include "bench/runtime.h"
#include "bench/tables.h"

enum { MOST_PRODUCERS = 4 };

struct stream {
    struct qp_sender *sender;
    uint64_t each;
};

static void send_often(void *arg)
{
    struct stream *self = arg;
    uint64_t i;
    for (i = 0; i < self->each; i++) {
        int value = (int)i;
        qp_await(qp_send(self->sender, &value));
    }
}

/* Where there is always room: as the peers do, without an await. */
static void send_at_once(void *arg)
{
    struct stream *self = arg;
    uint64_t i;
    for (i = 0; i < self->each; i++) {
        int value = (int)i;
        if (qp_try_send(self->sender, &value) != QP_OK)
            bench_fail("out of memory");
    }
}

/* `count` messages through a channel of that capacity (0: unbounded), from that many producers. */
static void stream(uint64_t count, int64_t capacity, int producers)
{
    struct stream self[MOST_PRODUCERS];
    struct qp_handle handles[MOST_PRODUCERS];
    struct qp_sender *first;
    struct qp_receiver *receiver;
    int value, i;
    if ((capacity ? qp_channel_create(&qp_int, capacity, &first, &receiver)
                  : qp_channel_create_unbounded(&qp_int, &first, &receiver)) != QP_OK)
        bench_fail("out of memory");
    for (i = 0; i < producers; i++) {
        self[i] = (struct stream){i ? qp_sender_clone(first) : first, bench_share(count, (uint64_t)producers)};
        handles[i] = qp_spawn(capacity ? send_often : send_at_once, &self[i]);
        if (i)
            qp_sender_give(self[i].sender, &handles[i]);
    }
    qp_sender_give(first, &handles[0]);
    while (qp_await(qp_recv(receiver, &value)) == QP_OK)
        continue;
    for (i = 0; i < producers; i++)
        qp_await(qp_join(&handles[i], NULL));
}

#define STREAM(name, capacity, producers)                        \
    static void name##_main(void *arg)                           \
    {                                                            \
        stream(*(const uint64_t *)arg, (capacity), (producers)); \
    }                                                            \
    static void name(uint64_t count)                             \
    {                                                            \
        bench_run(name##_main, &count);                          \
    }

STREAM(channel_1, 1, 1)
STREAM(channel_32, 32, 1)
STREAM(channel_1024, 1024, 1)
STREAM(channel_four, 1024, 4)
STREAM(channel_unbounded, 0, 1)

/* ---- a question over a channel, and the answer over a one-shot of its own ---- */

struct request {
    int question;
    struct qp_oneshot_sender *reply;
};

static const struct qp_type request_type = QP_TYPE_OF(struct request);

static void answer_all(void *arg)
{
    struct qp_receiver *requests = arg;
    struct request request;
    while (qp_await(qp_recv(requests, &request)) == QP_OK) {
        int answer = request.question + 1;
        if (qp_oneshot_send(request.reply, &answer) != QP_OK)
            bench_fail("nobody waits for the answer");
    }
}

static void ask(struct qp_sender *requests, int question)
{
    struct request request = {.question = question};
    struct qp_oneshot_receiver *receiver;
    struct qp_oneshot_sender *reply;
    int answer;
    if (qp_oneshot_create(&qp_int, &reply, &receiver) != QP_OK)
        bench_fail("out of memory");
    request.reply = reply;
    qp_await(qp_send(requests, &request));
    if (qp_await(qp_oneshot_recv(receiver, &answer)) != QP_OK || answer != question + 1)
        bench_fail("a wrong answer");
    qp_oneshot_receiver_drop(receiver);
    qp_oneshot_sender_drop(reply);
}

static void ask_often(void *arg)
{
    uint64_t i, count = *(const uint64_t *)arg;
    struct qp_sender *sender;
    struct qp_receiver *receiver;
    struct qp_handle server;
    if (qp_channel_create(&request_type, 1, &sender, &receiver) != QP_OK)
        bench_fail("out of memory");
    server = qp_spawn(answer_all, receiver);
    qp_receiver_give(receiver, &server);
    for (i = 0; i < count; i++)
        ask(sender, (int)(i & 0xffff));
    qp_sender_drop(sender);
    qp_await(qp_join(&server, NULL));
}

static void request_and_response(uint64_t count)
{
    bench_run(ask_often, &count);
}

const struct benchmark channel_benchmarks[] = {
    {"channel of 1", "message", channel_1, NULL},
    {"channel of 32", "message", channel_32, NULL},
    {"channel of 1,024", "message", channel_1024, NULL},
    {"channel of 1,024, 4 producers", "message", channel_four, NULL},
    {"channel, unbounded", "message", channel_unbounded, NULL},
    {"request and response", "question", request_and_response, NULL},
    {0},
};
