/* The connection pool's race tests: what holds under every schedule. */
#define main connection_pool_main /* the program's own is left aside */
#include "connection_pool.c"      /* NOLINT(bugprone-suspicious-include): its inside is what is tested */
#undef main

enum { CLIENTS = 3 };

static void start_clients(struct pool *pool, struct client *clients, struct qp_handle *handles, int64_t deadline_ms)
{
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = (struct client){.pool = pool, .number = i, .queries = 2, .deadline_ms = deadline_ms};
        handles[i] = qp_spawn(client_run, &clients[i]);
    }
}

static void join_clients(struct qp_handle *handles)
{
    for (int i = 0; i < CLIENTS; i++)
        qp_await(qp_join(&handles[i], NULL));
}

/* Nobody uses it any more: every connection and every place has come back. */
static void assert_whole(const struct pool *pool)
{
    qp_touch(pool, false);
    QP_ASSERT_EQ(pool->idle_count, pool->size);
    QP_ASSERT_EQ(qp_available_permits(pool->places), pool->size);
    QP_ASSERT(pool->most_in_use <= pool->size);
    for (int i = 0; i < pool->size; i++)
        QP_ASSERT_EQ(pool->connections[i].unread, 0);
}

QP_SCENARIO(every_query_is_answered, "with time enough every client gets the replies to its own questions")
{
    struct pool pool;
    struct client clients[CLIENTS];
    struct qp_handle handles[CLIENTS];
    QP_ASSERT(pool_create(&pool, 2));
    start_clients(&pool, clients, handles, 1000);
    join_clients(handles);
    for (int i = 0; i < CLIENTS; i++) {
        QP_ASSERT_EQ(clients[i].answered, 2);
        QP_ASSERT_EQ(clients[i].wrong, 0);
    }
    assert_whole(&pool);
}

QP_BEARS(nobody_gets_anothers_reply, QP_FAULT_CANCEL | QP_FAULT_CLOCK | QP_FAULT_YIELD)
QP_SCENARIO(nobody_gets_anothers_reply, "whoever gives up, in the queue or in its query, no reply goes to another")
{
    struct pool pool;
    struct client clients[CLIENTS];
    struct qp_handle handles[CLIENTS];
    QP_ASSERT(pool_create(&pool, 2));
    start_clients(&pool, clients, handles, 1 + (int64_t)qp_random(7));
    qp_await(qp_sleep_ms((int64_t)qp_random(10)));
    qp_abort(&handles[0]);
    join_clients(handles);
    for (int i = 0; i < CLIENTS; i++)
        QP_ASSERT_EQ(clients[i].wrong, 0);
    assert_whole(&pool);
}

QP_BEARS(closing_waits_its_turn, QP_FAULT_CANCEL)
QP_SCENARIO(closing_waits_its_turn, "when the pool is closed nobody has a connection, and nobody gets one")
{
    struct pool pool;
    struct client clients[CLIENTS];
    struct qp_handle handles[CLIENTS];
    int reply;
    QP_ASSERT(pool_create(&pool, 2));
    start_clients(&pool, clients, handles, 1000);
    qp_await(qp_sleep_ms((int64_t)qp_random(10)));
    if (pool_close(&pool, 1000) == QP_OK)
        assert_whole(&pool);
    QP_ASSERT(pool_query(&pool, 1000, 1, &reply) != QP_OK);
    join_clients(handles);
    assert_whole(&pool);
}

QP_SCENARIO(closing_does_not_wait_for_ever, "at its deadline the pool is closed to all who wait; who has begun goes on")
{
    struct pool pool;
    struct client clients[CLIENTS];
    struct qp_handle handles[CLIENTS];
    QP_ASSERT(pool_create(&pool, 1));
    start_clients(&pool, clients, handles, 1000);
    qp_await(qp_sleep_ms(1));
    QP_ASSERT_EQ(pool_close(&pool, 1), QP_TIMEOUT);
    join_clients(handles);
    QP_ASSERT_EQ(clients[0].answered + clients[1].answered + clients[2].answered, 1);
    assert_whole(&pool);
}

int main(int argc, char **argv)
{
    return quipu_main(argc, argv);
}
