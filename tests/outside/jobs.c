/* What a stranger writes: scenarios, functions with names that the library's own files use too, and a main. */
#include <quipu/quipu.h>
#include <stdio.h>

int report(void);
int complain(void);
int dispatch(void);

int report(void)
{
    return 1;
}

int complain(void)
{
    return 2;
}

int dispatch(void)
{
    return 3;
}

struct jobs {
    struct qp_sender *tx;
    struct qp_mutex *counted;
};

static void producer(void *arg)
{
    for (int job = report(); job <= dispatch(); job++)
        if (qp_await(qp_send(arg, &job)) != QP_OK)
            return;
}

QP_PARAM(jobs_are_counted, producers, 2)
QP_SCENARIO(jobs_are_counted, "what is sent is received")
{
    struct qp_sender *tx;
    struct qp_receiver *rx;
    int job, sum = 0;
    QP_ASSERT(qp_channel_create(&qp_int, 1, &tx, &rx) == QP_OK);
    for (int64_t i = 0; i < qp_param("producers"); i++) {
        struct qp_sender *own = qp_sender_clone(tx);
        struct qp_handle task = qp_spawn(producer, own);
        qp_sender_give(own, &task);
        qp_handle_drop(&task);
    }
    qp_sender_drop(tx);
    while (qp_await(qp_recv(rx, &job)) == QP_OK)
        sum += job;
    QP_ASSERT_EQ(sum, 6 * qp_param("producers"));
}

static void take(void *arg)
{
    int *seen = arg, before = *seen;
    qp_await(qp_yield());
    *seen = before + 1;
}

QP_SCENARIO(one_is_lost, "two tasks add one each: not so, for both may read before either writes")
{
    int seen = 0;
    struct qp_handle first = qp_spawn(take, &seen), second = qp_spawn(take, &seen);
    QP_ASSERT(qp_await(qp_join(&first, NULL)) == QP_OK && qp_await(qp_join(&second, NULL)) == QP_OK);
    QP_ASSERT_EQ(seen, complain());
}

int main(int argc, char **argv)
{
    if (argc == 2 && argv[1][0] == 'v')
        return printf("%s\n", qp_version()) < 0;
    return quipu_main(argc, argv);
}
