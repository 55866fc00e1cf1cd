/*
 * The document's section "Select and Future Race": select_timeout.
 *
 * Property: the value in time, or nothing and the operation is abandoned: it has let go of all that it held, and its
 * code does not go on.
 */
#include <quipu/quipu.h>

struct operation {
    int64_t takes_ms;
    struct qp_mutex *needs;
    int result;
};

static void slow_operation(void *arg)
{
    struct operation *self = arg;
    struct qp_guard guard;
    qp_await(qp_lock(self->needs, &guard));
    qp_await(qp_sleep_ms(self->takes_ms));
    self->result = 7;
}

/* match await select_timeout(2.0, slow_operation) */
static int result_or_default(struct operation *self)
{
    if (qp_await(qp_select_timeout(2.0, qp_async(slow_operation, self))) == QP_OK)
        return self->result;
    qp_log("Timed out, using default");
    return -1;
}

QP_TIMED(doc_select_timeout, "whether what is 1 ms too late for the deadline misses it")
QP_SCENARIO(doc_select_timeout, "the result in time, or the default, with the operation abandoned")
{
    struct qp_mutex *shared = qp_mutex_create("shared", &qp_nothing, "");
    struct operation in_time = {1999, shared, 0}, late = {2001, shared, 0};
    struct qp_guard guard;
    QP_ASSERT(shared);
    QP_ASSERT_EQ(result_or_default(&in_time), 7);
    QP_ASSERT_TIME(qp_now(), qp_milliseconds(1999));
    int late_result = result_or_default(&late);
    QP_ASSERT_TIMED(late_result == -1);
    QP_ASSERT_TIME(qp_now(), qp_milliseconds(1999 + 2000));
    QP_ASSERT_EQ(qp_try_lock(shared, &guard), QP_OK);
    qp_await(qp_sleep(1.0));
    QP_ASSERT_EQ(late.result, late_result == -1 ? 0 : 7);
}
