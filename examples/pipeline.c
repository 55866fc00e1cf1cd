/* Two producers, a channel of one slot, and a consumer that will not wait for ever. */
#include <quipu/quipu.h>
#include <stdio.h>

static void producer(void *arg)
{
    struct qp_sender *jobs = arg;
    for (int job = 1; job <= 3; job++) {
        qp_await(qp_sleep_ms(10));     /* virtual: this takes no time at all */
        qp_await(qp_send(jobs, &job)); /* waits while the channel is full */
    }
}

static int async_main(int argc, char **argv)
{
    struct qp_sender *tx;
    struct qp_receiver *rx;
    int job, sum = 0;
    (void)argc, (void)argv;
    if (qp_channel_create(&qp_int, 1, &tx, &rx) != QP_OK)
        return 1;
    for (int i = 0; i < 2; i++) {
        struct qp_handle task = qp_spawn(producer, tx);
        qp_handle_drop(&task); /* it goes on by itself */
    }
    while (qp_await(qp_timeout_ms(100, qp_recv(rx, &job))) == QP_OK)
        sum += job;
    printf("sum %d after %lld ms\n", sum, (long long)(qp_now() / 1000000));
    return 0;
}
QP_MAIN(async_main)
