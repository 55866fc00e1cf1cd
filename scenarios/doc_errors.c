/*
 * The document's section "Error Handling": a timeout, and a channel that was closed.
 *
 * Property: an expired deadline says so in words; a message that could not be sent is its sender's again, whole, and
 * can be kept for later.
 */
#include <quipu/quipu.h>
#include <stdlib.h>
#include <string.h>

/* ---- timeout errors ---- */

struct slow {
    int64_t takes_ms;
    int value;
};

static void slow_task(void *arg)
{
    struct slow *self = arg;
    qp_await(qp_sleep_ms(self->takes_ms));
    self->value = 42;
}

/* What the example prints, or NULL when it had a value to process. */
static const char *error_of(struct slow *self)
{
    if (qp_await(qp_timeout(1.0, qp_async(slow_task, self))) == QP_OK)
        return NULL;
    return qp_error_message();
}

QP_SCENARIO(doc_timeout_errors, "a value is processed; an expired deadline says: operation timed out")
{
    struct slow in_time = {500, 0}, late = {1500, 0};
    const char *error = error_of(&in_time);
    QP_ASSERT(!error);
    QP_ASSERT_EQ(in_time.value, 42);
    error = error_of(&late);
    QP_ASSERT(error && strcmp(error, "operation timed out") == 0);
    QP_ASSERT_EQ(late.value, 0);
}

/* ---- channel closed ---- */

struct message {
    int id;
    char *content; /* owned */
};

static void message_drop(void *value)
{
    free(((struct message *)value)->content);
}

static const struct qp_type message_type = QP_TYPE_DROP(struct message, message_drop);

static struct message message_new(int id, const char *content)
{
    struct message message = {id, malloc(strlen(content) + 1)};
    QP_ASSERT(message.content);
    memcpy(message.content, content, strlen(content) + 1);
    return message;
}

struct sending {
    struct qp_sender *tx, *for_later;
    bool failed;
};

static void sender(void *arg)
{
    struct sending *self = arg;
    struct message message = message_new(1, "important data");
    if (qp_await(qp_send(self->tx, &message)) == QP_OK)
        return;
    self->failed = strcmp(qp_error_message(), "channel send failed") == 0;
    QP_ASSERT_EQ(qp_try_send(self->for_later, &message), QP_OK); /* save_for_later(e.value) */
}

static void run_sender(struct sending *self)
{
    struct qp_handle handle = qp_spawn(sender, self);
    QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), QP_OK);
}

/* The kept message, with all that it was made with. */
static void expect_saved(struct qp_receiver *saved)
{
    struct message message;
    bool whole;
    QP_ASSERT_EQ(qp_try_recv(saved, &message), QP_OK);
    whole = message.id == 1 && strcmp(message.content, "important data") == 0;
    message_drop(&message);
    QP_ASSERT(whole);
}

QP_SCENARIO(doc_channel_closed, "a message that cannot be sent comes back whole, and can be sent another way")
{
    struct sending self = {0};
    struct qp_receiver *rx, *saved;
    QP_ASSERT_EQ(qp_channel_create(&message_type, 1, &self.tx, &rx), QP_OK);
    QP_ASSERT_EQ(qp_channel_create_unbounded(&message_type, &self.for_later, &saved), QP_OK);
    run_sender(&self);
    QP_ASSERT(!self.failed);
    QP_ASSERT_EQ(qp_receiver_length(rx), 1);
    qp_receiver_drop(rx);
    run_sender(&self);
    QP_ASSERT(self.failed);
    expect_saved(saved);
}

static void drop_receiver(void *arg)
{
    qp_await(qp_sleep_ms(10));
    qp_receiver_drop(arg);
}

QP_SCENARIO(doc_channel_closed_while_waiting, "a sender that waits for capacity gets its message back as well")
{
    struct sending self = {0};
    struct qp_receiver *rx, *saved;
    struct qp_handle dropping;
    QP_ASSERT_EQ(qp_channel_create(&message_type, 1, &self.tx, &rx), QP_OK);
    QP_ASSERT_EQ(qp_channel_create_unbounded(&message_type, &self.for_later, &saved), QP_OK);
    run_sender(&self); /* the channel is full now */
    dropping = qp_spawn(drop_receiver, rx);
    qp_receiver_give(rx, &dropping);
    run_sender(&self);
    QP_ASSERT(self.failed);
    QP_ASSERT_TIME(qp_now(), qp_milliseconds(10));
    expect_saved(saved);
    qp_await(qp_join(&dropping, NULL));
}
