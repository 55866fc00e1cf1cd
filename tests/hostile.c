/*
 * A program whose names and values are written to break out of where they are shown: what the tests of `quipu view`,
 * `show` and `export` are made with. It ends as a deadlock, so that there is something to be shown.
 */
#include <quipu/quipu.h>

#define CLOSING "</script></style></textarea><script>window.broken=1;alert(1)</script>"
#define IMAGE "<img src=x onerror=\"window.broken=1\">"
#define TURNED                   \
    "a\xe2\x80\xae"              \
    "b\xe2\x80\x8b"              \
    "c\xe2\x80\xa8"              \
    "d\x1b[31m\"'`${window.e}\\" \
    "\n\te"

struct shared {
    struct qp_mutex *left, *right;
    struct qp_sender *tx;
};

static void left_then_right(void *arg)
{
    const struct shared *self = arg;
    struct qp_guard first, second;
    const char *value = IMAGE;
    qp_await(qp_lock(self->left, &first));
    qp_await(qp_send(self->tx, &value));
    qp_await(qp_yield());
    qp_await(qp_lock(self->right, &second));
}

static void right_then_left(void *arg)
{
    const struct shared *self = arg;
    struct qp_guard first, second;
    qp_task_rename("%s", "<!--" TURNED "]]>");
    qp_await(qp_lock(self->right, &first));
    qp_await(qp_yield());
    qp_await(qp_lock(self->left, &second));
}

QP_SCENARIO(hostile, "names and values stay texts, whatever is in them")
{
    struct shared self = {qp_mutex_create(IMAGE, &qp_nothing, ""), qp_mutex_create(TURNED, &qp_nothing, ""), NULL};
    struct qp_receiver *rx;
    struct qp_handle first, second;
    const char *received;
    QP_ASSERT(self.left && self.right);
    QP_ASSERT(qp_channel_create(&qp_string, 1, &self.tx, &rx) == QP_OK);
    qp_channel_name(self.tx, CLOSING);
    first = qp_spawn_named(left_then_right, &self, CLOSING);
    second = qp_spawn_named(right_then_left, &self, "<b>&amp;</b>");
    qp_log("%s", CLOSING);
    QP_ASSERT(qp_await(qp_recv(rx, &received)) == QP_OK);
    qp_await(qp_join(&first, NULL));
    qp_await(qp_join(&second, NULL));
}

int main(int argc, char **argv)
{
    return quipu_main(argc, argv);
}
