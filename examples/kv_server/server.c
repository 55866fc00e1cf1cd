/*
 * See server.h. One task for each connection, which owns its stream and its place; one that flushes; and whoever called
 * server_run, who accepts, owns the handles of the connections, and ends them.
 */
#define _POSIX_C_SOURCE 200809L /* strtok_r */
#include "server.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LINE_MOST = 512,
    REPLY_MOST = VALUE_MOST + sizeof "VALUE \n",
    OUT_MOST = 2 * REPLY_MOST, /* replies are gathered, and sent before there is no room for one more */
    PAUSE_MS = 10,             /* after accepting has failed, for lack of descriptors perhaps */
    LAST_FLUSHES = 5
};

struct connection {
    struct server *server;
    struct stream *stream;
    struct connection *prev, *next;
    struct qp_handle handle;
    char in[LINE_MOST]; /* received, and not answered */
    int received;
    char out[OUT_MOST]; /* answered, and not sent */
    int answered;
    bool quits;
};

/* ---- waiting ---- */

/* QP_CLOSED: the server is to stop, which goes before everything; QP_TIMEOUT; otherwise what the future gave. */
static enum qp_status wait_or_stop(struct server *self, int64_t most_ms, struct qp_future *future)
{
    struct qp_semaphore_permit none;
    size_t first = 1;
    enum qp_status status =
        qp_await(qp_timeout_ms(most_ms, qp_race(&first, qp_arm(qp_acquire(self->stopping, &none)), qp_arm(future))));
    return first == 0 ? QP_CLOSED : status;
}

/* ---- commands ---- */

static void reply(struct connection *self, const char *word, const char *rest)
{
    int room = OUT_MOST - self->answered;
    self->answered += snprintf(self->out + self->answered, (size_t)room, "%s%s%s\n", word, *rest ? " " : "", rest);
}

static bool is_short(const char *text, size_t most)
{
    return text && *text && strlen(text) < most;
}

static void set(struct connection *self, const char *key, const char *value)
{
    if (!is_short(key, KEY_MOST) || !is_short(value, VALUE_MOST))
        reply(self, "ERROR", "SET takes a key of up to 63 bytes and a value of up to 255");
    else if (!store_set(self->server->store, key, value))
        reply(self, "ERROR", "out of memory");
    else
        reply(self, "OK", "");
}

static void get(struct connection *self, const char *key)
{
    const char *value = is_short(key, KEY_MOST) ? store_get(self->server->store, key) : NULL;
    reply(self, value ? "VALUE" : "NONE", value ? value : "");
}

static void delete (struct connection *self, const char *key)
{
    bool found = false;
    if (is_short(key, KEY_MOST) && !store_delete(self->server->store, key, &found))
        reply(self, "ERROR", "out of memory");
    else
        reply(self, found ? "OK" : "NONE", "");
}

static void obey(struct connection *self, char *line)
{
    char *rest, *command = strtok_r(line, " \r", &rest);
    char *key = strtok_r(NULL, " \r", &rest), *value = strtok_r(NULL, " \r", &rest);
    bool more = strtok_r(NULL, " \r", &rest) != NULL;
    if (command && !more && strcmp(command, "SET") == 0)
        set(self, key, value);
    else if (command && !value && strcmp(command, "GET") == 0)
        get(self, key);
    else if (command && !value && strcmp(command, "DEL") == 0)
        delete (self, key);
    else if (command && !key && strcmp(command, "SYNC") == 0)
        reply(self, store_flush(self->server->store) ? "OK" : "ERROR", "");
    else if (command && !key && strcmp(command, "QUIT") == 0)
        self->quits = true;
    else
        reply(self, "ERROR", "the commands are SET, GET, DEL, SYNC and QUIT");
    if (self->quits)
        reply(self, "BYE", "");
}

/* ---- a connection ---- */

/* Obeys the first whole line, if there is one and there is room for its reply. */
static bool answer(struct connection *self)
{
    char line[LINE_MOST];
    const char *end = memchr(self->in, '\n', (size_t)self->received);
    int size = end ? (int)(end - self->in) + 1 : 0;
    if (self->quits || OUT_MOST - self->answered < REPLY_MOST)
        return false;
    if (!end && self->received == LINE_MOST) {
        reply(self, "ERROR", "the line is too long");
        self->quits = true;
    }
    if (!end)
        return false;
    memcpy(line, self->in, (size_t)size);
    line[size - 1] = '\0';
    self->received -= size;
    memmove(self->in, self->in + size, (size_t)self->received);
    obey(self, line);
    return true;
}

/* Sends every reply. False: the client is gone, or takes none. */
static bool send_replies(struct connection *self)
{
    struct stream *stream = self->stream;
    union stream_wait wait;
    while (self->answered) {
        int sent = stream->ops->write(stream, self->out, self->answered);
        if (sent == GONE)
            return false;
        if (sent == AGAIN) {
            if (qp_await(qp_timeout_ms(self->server->options.write_ms, stream->ops->writable(stream, &wait))) != QP_OK)
                return false;
            continue;
        }
        self->answered -= sent;
        memmove(self->out, self->out + sent, (size_t)self->answered);
    }
    return true;
}

/* Waits for more. False: there is no more, or nobody is to wait for it. */
static bool receive(struct connection *self)
{
    struct stream *stream = self->stream;
    union stream_wait wait;
    int got;
    if (qp_semaphore_is_closed(self->server->stopping))
        return false;
    while ((got = stream->ops->read(stream, self->in + self->received, LINE_MOST - self->received)) == AGAIN)
        if (wait_or_stop(self->server, self->server->options.idle_ms, stream->ops->readable(stream, &wait)) != QP_OK)
            return false;
    if (got > 0)
        self->received += got;
    return got > 0;
}

static void connection_run(void *arg)
{
    struct connection *self = arg;
    bool more = true;
    do {
        while (answer(self))
            continue;
        if (self->answered)
            more = send_replies(self); /* and there may be lines for which there was no room */
        else
            more = !self->quits && receive(self);
        qp_await(qp_yield()); /* a client that never makes it wait does not keep it from the others */
    } while (more);
}

/* However its task ended. */
static void connection_end(void *arg)
{
    struct connection *self = arg;
    struct server *server = self->server;
    qp_touch(server, true);
    *(self->prev ? &self->prev->next : &server->connections) = self->next;
    if (self->next)
        self->next->prev = self->prev;
    server->open--;
    qp_handle_drop(&self->handle);
    self->stream->ops->close(self->stream);
    free(self);
}

static void link_connection(struct server *self, struct connection *connection)
{
    qp_touch(self, true);
    connection->next = self->connections;
    if (self->connections)
        self->connections->prev = connection;
    self->connections = connection;
    self->served++;
    if (++self->open > self->most_open)
        self->most_open = self->open;
}

/* Takes the stream and the place. */
static void begin_connection(struct server *self, struct stream *stream, struct qp_semaphore_permit *place)
{
    const struct qp_task_options options = {.name = "connection", .drop = connection_end};
    struct connection *connection = malloc(sizeof *connection);
    struct qp_handle handle = {NULL, 0};
    if (connection) {
        *connection = (struct connection){.server = self, .stream = stream};
        handle = qp_spawn_with(connection_run, connection, &options);
    }
    if (!handle.task) {
        free(connection);
        stream->ops->close(stream);
        qp_semaphore_release(place);
        return;
    }
    connection->handle = handle;
    link_connection(self, connection);
    qp_semaphore_permit_give(place, &handle);
}

/* ---- accepting ---- */

/* False: the server is to stop. */
static bool accept_one(struct server *self, struct qp_semaphore_permit *place)
{
    struct listener *listener = self->listener;
    struct stream *stream;
    union stream_wait wait;
    int result;
    while ((result = listener->ops->accept(listener, &stream)) != 0) {
        enum qp_status status = result == AGAIN
                                    ? wait_or_stop(self, QP_NEVER, listener->ops->acceptable(listener, &wait))
                                    : wait_or_stop(self, QP_NEVER, qp_sleep_ms(PAUSE_MS));
        if (status == QP_CLOSED) {
            qp_semaphore_release(place);
            return false;
        }
    }
    begin_connection(self, stream, place);
    return true;
}

/* Until the server is to stop. A place comes first: who has none is left to the system's queue. */
static void accept_all(struct server *self)
{
    struct qp_semaphore_permit place;
    enum qp_status status;
    do {
        status = wait_or_stop(self, QP_NEVER, qp_acquire(self->places, &place));
        if (status == QP_OK && !accept_one(self, &place))
            return;
        if (status == QP_NOMEM)
            status = wait_or_stop(self, QP_NEVER, qp_sleep_ms(PAUSE_MS));
    } while (status != QP_CLOSED);
}

/* ---- writing behind ---- */

static void flush_run(void *arg)
{
    struct server *self = arg;
    struct store *store = self->store;
    char nothing = 0;
    while (wait_or_stop(self, QP_NEVER, qp_recv(store->changes, &nothing)) == QP_OK) {
        wait_or_stop(self, QP_NEVER, qp_sleep_ms(self->options.flush_ms));
        if (!store_flush(store) && qp_try_send(store->change, &nothing) == QP_OK)
            continue; /* once more, after the same time */
    }
}

/* ---- the server ---- */

static void abort_connections(void *arg)
{
    struct server *self = arg;
    struct connection *connection;
    qp_touch(self, true);
    for (connection = self->connections; connection; connection = connection->next) {
        qp_abort(&connection->handle);
        self->cut_off++;
    }
}

/* Until there is no connection. */
static void drain(struct server *self)
{
    uint32_t all = (uint32_t)self->options.most_connections;
    struct qp_semaphore_permit places;
    if (qp_await(qp_timeout_ms(self->options.drain_ms, qp_acquire_many(self->places, all, &places))) != QP_OK) {
        abort_connections(self);
        qp_await(qp_acquire_many(self->places, all, &places));
    }
}

/* A disk that fails is given some time. */
static bool flush_at_last(struct server *self)
{
    for (int i = 0; i < LAST_FLUSHES; i++) {
        if (store_flush(self->store))
            return true;
        qp_await(qp_sleep_ms(self->options.flush_ms));
    }
    return false;
}

struct run {
    struct server *server;
    struct qp_handle flushing;
    bool written;
};

static void abort_flushing(void *arg)
{
    qp_abort(arg);
}

/* A function of its own, so that what it has begun ends with it, also when it is cancelled. */
static void run(void *arg)
{
    struct run *self = arg;
    struct server *server = self->server;
    self->flushing = qp_spawn(flush_run, server);
    if (!self->flushing.task || qp_defer(abort_flushing, &self->flushing) != QP_OK ||
        qp_defer(abort_connections, server) != QP_OK)
        return;
    accept_all(server);
    drain(server);
    qp_await(qp_join(&self->flushing, NULL));
    self->written = flush_at_last(server);
}

bool server_run(struct server *self)
{
    struct run running = {.server = self};
    return qp_await(qp_async(run, &running)) == QP_OK && running.written;
}

void server_stop(struct server *self)
{
    qp_semaphore_close(self->stopping);
}

struct server *server_create(const struct server_options *options, struct listener *listener, struct store *store)
{
    struct server *self = malloc(sizeof *self);
    if (!self || qp_defer(free, self) != QP_OK) {
        free(self);
        return NULL;
    }
    *self = (struct server){.options = *options, .listener = listener, .store = store};
    self->places = qp_semaphore_create("places", options->most_connections);
    self->stopping = qp_semaphore_create("stopping", 0);
    return self->places && self->stopping ? self : NULL;
}
