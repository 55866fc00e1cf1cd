/*
 * The document's section "One-Shot Channel".
 *
 * Property: whoever waits gets the one value, or learns that it will never come; it is never left waiting.
 */
#include <quipu/quipu.h>
#include <stdlib.h>

/* ---- basic usage ---- */

static void expensive_computation(void *arg)
{
    struct qp_oneshot_sender *tx = arg;
    int result = 7, again = 8;
    qp_await(qp_sleep_ms(100));
    QP_ASSERT_EQ(qp_oneshot_send(tx, &result), QP_OK);
    QP_ASSERT_EQ(qp_oneshot_send(tx, &again), QP_USED); /* can only send once */
}

static void drop_without_sending(void *arg)
{
    (void)arg; /* the sender is this task's, and goes with it */
    qp_await(qp_sleep_ms(100));
}

static enum qp_status result_of(qp_async_fn function, int *value)
{
    struct qp_oneshot_sender *tx;
    struct qp_oneshot_receiver *rx;
    struct qp_handle handle;
    QP_ASSERT_EQ(qp_oneshot_create(&qp_int, &tx, &rx), QP_OK);
    handle = qp_spawn(function, tx);
    qp_oneshot_sender_give(tx, &handle);
    return qp_await(qp_oneshot_recv(rx, value));
}

QP_SCENARIO(doc_oneshot, "the one value arrives, or the receiver learns that its sender is gone")
{
    int value = 0;
    QP_ASSERT_EQ(result_of(expensive_computation, &value), QP_OK);
    QP_ASSERT_EQ(value, 7);
    QP_ASSERT_EQ(result_of(drop_without_sending, &value), QP_CLOSED);
    QP_ASSERT_EQ(value, 7);
    QP_ASSERT_TIME(qp_now(), qp_milliseconds(200));
}

/* ---- returning results from spawned tasks ---- */

enum compute_error { NO_ERROR, NEGATIVE_INPUT, TASK_FAILED };

/* Result[Output, ComputeError] */
struct outcome {
    enum compute_error error;
    int output;
};

static const struct qp_type outcome_type = QP_TYPE_OF(struct outcome);

struct computation {
    struct qp_oneshot_sender *tx;
    int input;
};

static void compute(void *arg)
{
    struct computation *self = arg;
    struct outcome outcome = {NO_ERROR, self->input * self->input};
    if (self->input == 13)
        qp_panic("unlucky input");
    if (self->input < 0)
        outcome.error = NEGATIVE_INPUT;
    QP_ASSERT_EQ(qp_oneshot_send(self->tx, &outcome), QP_OK);
}

/* The computation takes its struct with it: it is released with the task, however that ends. */
static void spawn_computation(struct qp_oneshot_sender *tx, int input)
{
    struct qp_task_options options = {.name = "compute", .drop = free};
    struct computation *self = malloc(sizeof *self);
    struct qp_handle handle;
    QP_ASSERT(self);
    *self = (struct computation){tx, input};
    handle = qp_spawn_with(compute, self, &options);
    if (!handle.task)
        free(self);
    qp_oneshot_sender_give(tx, &handle);
    qp_handle_drop(&handle);
}

static struct outcome compute_in_background(int input)
{
    struct qp_oneshot_sender *tx;
    struct qp_oneshot_receiver *rx;
    struct outcome outcome;
    QP_ASSERT_EQ(qp_oneshot_create(&outcome_type, &tx, &rx), QP_OK);
    spawn_computation(tx, input);
    qp_await(qp_yield()); /* do other work while the computation runs... */
    if (qp_await(qp_oneshot_recv(rx, &outcome)) != QP_OK)
        return (struct outcome){TASK_FAILED, 0};
    return outcome;
}

QP_SCENARIO(doc_oneshot_compute, "a computation's result, its error and its failure all reach the one who waits")
{
    struct outcome outcome = compute_in_background(6);
    QP_ASSERT_EQ(outcome.error, NO_ERROR);
    QP_ASSERT_EQ(outcome.output, 36);
    QP_ASSERT_EQ(compute_in_background(-1).error, NEGATIVE_INPUT);
    QP_ASSERT_EQ(compute_in_background(13).error, TASK_FAILED);
}
