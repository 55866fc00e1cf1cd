/*
 * A pool of connections, used by more tasks than there are connections.
 *
 * Shows a semaphore that counts what may be in use, a deadline that covers the waiting and the query, and what to do
 * with a connection whose query was cut off: its reply may still come, and would be the next one's. So it is closed,
 * and opened again when it is next needed.
 *
 * Cancelled at any await, a query gives its connection back, or closes it, and gives its place to the next. Closing the
 * pool waits its turn behind those who came before; cancelled while it waits, the pool stays open.
 */
#include <quipu/quipu.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST_CONNECTIONS = 4, MOST_REPLIES = 8 };

/* ---- a connection: replies come in the order of the questions ---- */

struct connection {
    int replies[MOST_REPLIES]; /* written by the server and not read yet */
    int unread;
    bool open;
    bool mid_query;
};

static void connection_open(struct connection *self)
{
    qp_await(qp_sleep_ms(3)); /* a handshake */
    *self = (struct connection){.open = true};
}

static int connection_query(struct connection *self, int question)
{
    self->mid_query = true;
    self->replies[self->unread++] = question * question;
    qp_await(qp_sleep_ms(2)); /* the way there and back */
    int reply = self->replies[0];
    self->unread--;
    for (int i = 0; i < self->unread; i++)
        self->replies[i] = self->replies[i + 1];
    self->mid_query = false;
    return reply;
}

/* ---- the pool ---- */

struct pool {
    struct qp_semaphore *places; /* as many as connections that nobody uses */
    struct connection connections[MOST_CONNECTIONS];
    struct connection *idle[MOST_CONNECTIONS]; /* last in, first out: one that is open goes before one that is not */
    int size, idle_count, most_in_use;
};

struct query { /* one use of the pool */
    struct pool *pool;
    struct connection *connection;
    int question, reply;
    enum qp_status status;
};

static bool pool_create(struct pool *self, int size)
{
    *self = (struct pool){.places = qp_semaphore_create("connections", size), .size = size};
    while (self->idle_count < size) {
        self->idle[self->idle_count] = &self->connections[self->idle_count];
        self->idle_count++;
    }
    return self->places != NULL;
}

static void take_connection(struct query *query)
{
    struct pool *pool = query->pool;
    qp_touch(pool, true);
    query->connection = pool->idle[--pool->idle_count];
    if (pool->size - pool->idle_count > pool->most_in_use)
        pool->most_in_use = pool->size - pool->idle_count;
}

/* However the query ended. */
static void give_back(void *arg)
{
    struct query *query = arg;
    struct pool *pool = query->pool;
    qp_touch(pool, true);
    if (query->connection->mid_query)
        *query->connection = (struct connection){.open = false};
    pool->idle[pool->idle_count++] = query->connection;
}

/* An async function of its own, so that what it owns goes back when it ends: first the connection, then the place. */
static void query_run(void *arg)
{
    struct query *self = arg;
    struct qp_semaphore_permit place;
    self->status = qp_await(qp_acquire(self->pool->places, &place));
    if (self->status != QP_OK)
        return;
    take_connection(self); /* there is one, for there was a place; and no await in between */
    self->status = qp_defer(give_back, self);
    if (self->status != QP_OK) {
        give_back(self);
        return;
    }
    if (!self->connection->open)
        connection_open(self->connection);
    self->reply = connection_query(self->connection, self->question);
}

/* QP_TIMEOUT: not within the deadline; QP_SEMAPHORE_CLOSED: the pool is closed. */
static enum qp_status pool_query(struct pool *self, int64_t deadline_ms, int question, int *reply)
{
    struct query query = {.pool = self, .question = question};
    enum qp_status status = qp_await(qp_timeout_ms(deadline_ms, qp_async(query_run, &query)));
    if (status == QP_OK)
        status = query.status;
    if (status == QP_OK)
        *reply = query.reply;
    return status;
}

/*
 * Waits until those who came before are done, and lets nobody in afterwards. QP_TIMEOUT: not all were done within the
 * deadline; who waits is turned away all the same, and who has a connection may finish.
 */
static enum qp_status pool_close(struct pool *self, int64_t deadline_ms)
{
    struct qp_semaphore_permit all;
    enum qp_status status =
        qp_await(qp_timeout_ms(deadline_ms, qp_acquire_many(self->places, (uint32_t)self->size, &all)));
    qp_semaphore_close(self->places);
    if (status == QP_OK)
        qp_semaphore_release(&all);
    return status;
}

/* ---- those who use it ---- */

struct client {
    struct pool *pool;
    int number, queries, answered, wrong;
    int64_t deadline_ms;
};

static void client_run(void *arg)
{
    struct client *self = arg;
    for (int i = 0; i < self->queries; i++) {
        int question = self->number * 100 + i, reply = 0;
        enum qp_status status = pool_query(self->pool, self->deadline_ms, question, &reply);
        self->answered += status == QP_OK;
        self->wrong += status == QP_OK && reply != question * question;
    }
}

static int async_main(int argc, char **argv)
{
    enum { CLIENTS = 10 };
    struct pool pool;
    struct client clients[CLIENTS];
    struct qp_handle handles[CLIENTS];
    int answered = 0, wrong = 0, queries = argc > 1 ? atoi(argv[1]) : 10;
    if (!pool_create(&pool, MOST_CONNECTIONS))
        return 1;
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = (struct client){.pool = &pool, .number = i, .queries = queries, .deadline_ms = 8};
        handles[i] = qp_spawn(client_run, &clients[i]);
    }
    for (int i = 0; i < CLIENTS; i++) {
        qp_await(qp_join(&handles[i], NULL));
        answered += clients[i].answered;
        wrong += clients[i].wrong;
    }
    bool closed = pool_close(&pool, 100) == QP_OK;
    printf("%d queries: %d answered, %d in vain, %d wrong\n", CLIENTS * queries, answered, CLIENTS * queries - answered,
           wrong);
    return closed && wrong == 0 && pool.idle_count == pool.size ? 0 : 1;
}
QP_MAIN(async_main)
