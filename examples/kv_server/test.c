/* The server's race tests: what holds under every schedule, whatever the connections and the disk do. */
#include "client.h"
#include "memory.h"
#include "server.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct server_options usual = {2, .idle_ms = 40, .write_ms = 40, .flush_ms = 3, .drain_ms = 20};

/* A server with all that it stands on; in the scenario's frame. */
struct world {
    struct memory_disk disk;
    struct network *network;
    struct store *store;
    struct server *server;
    struct qp_handle running;
    bool written; /* what server_run said */
};

static void world_run(void *arg)
{
    struct world *self = arg;
    self->written = server_run(self->server);
}

static void world_begin(struct world *self, const struct server_options *options, int failures, int breaks_one_in)
{
    self->written = false;
    memory_disk_init(&self->disk, failures);
    self->network = network_create(1, breaks_one_in);
    QP_ASSERT(self->network);
    self->store = store_create(&self->disk.disk);
    QP_ASSERT(self->store);
    self->server = server_create(options, &self->network->listener, self->store);
    QP_ASSERT(self->server);
    self->running = qp_spawn(world_run, self);
    QP_ASSERT(self->running.task);
}

/* Nobody is left, and nothing of anybody. Returns whether the end was an orderly one. */
static bool world_end(struct world *self)
{
    bool orderly;
    server_stop(self->server);
    orderly = qp_await(qp_join(&self->running, NULL)) == QP_OK;
    qp_await(qp_sleep_ms(100)); /* for what is under way */
    qp_touch(self->server, false);
    QP_ASSERT_EQ(self->server->open, 0);
    QP_ASSERT(self->server->most_open <= self->server->options.most_connections);
    QP_ASSERT_EQ(qp_available_permits(self->server->places), self->server->options.most_connections);
    QP_ASSERT_EQ(self->network->ends, self->network->waiting);
    return orderly;
}

/* The number under the key, as the disk has it; 0: none. Every record on it is whole. */
static int on_disk(const struct world *world, const char *key)
{
    struct memory_disk none;
    struct store *store;
    const char *value;
    memory_disk_init(&none, 0);
    store = store_create(&none.disk);
    QP_ASSERT(store);
    QP_ASSERT_EQ(store_load(store, world->disk.bytes, world->disk.size), world->disk.size);
    value = store_get(store, key);
    return value ? atoi(value) : 0;
}

/* ---- those who write ---- */

struct writer {
    struct world *world;
    const char *key;
    int most;
    int sent, acknowledged, synced; /* the last number of each */
    bool syncs, vanishes;
};

static void close_stream(void *arg)
{
    struct stream *stream = arg;
    stream->ops->close(stream);
}

static void write_numbers(void *arg)
{
    struct writer *self = arg;
    struct client client = {.stream = network_connect(self->world->network)};
    char command[64];
    if (!client.stream)
        return;
    QP_ASSERT_EQ(qp_defer(close_stream, client.stream), QP_OK);
    for (int i = 1; i <= self->most; i++) {
        snprintf(command, sizeof command, "SET %s %d\n", self->key, i);
        self->sent = i;
        if (self->vanishes && qp_random(4) == 1) {
            command[qp_random(strlen(command))] = '\0'; /* in the middle of a line */
            self->sent = i - 1;
            client_send(&client, command);
            return;
        }
        if (!client_ask(&client, command, "OK"))
            return;
        self->acknowledged = i;
        if (self->syncs && client_ask(&client, "SYNC\n", "OK")) {
            self->synced = i;
            QP_ASSERT(on_disk(self->world, self->key) >= i);
        }
    }
}

/* With a server that was cancelled it would wait for ever. */
static void join_writer(struct qp_handle *handle)
{
    if (qp_await(qp_timeout_join_ms(500, handle, NULL)) != QP_TIMEOUT)
        return;
    qp_abort(handle);
    qp_await(qp_join(handle, NULL));
}

static void assert_kept(const struct writer *self, bool orderly)
{
    int kept = on_disk(self->world, self->key);
    QP_ASSERT(kept <= self->sent);
    QP_ASSERT(kept >= self->synced);
    if (orderly && self->world->written)
        QP_ASSERT(kept >= self->acknowledged);
}

QP_BEARS(nothing_acknowledged_is_lost, QP_FAULT_CANCEL | QP_FAULT_CLOCK | QP_FAULT_YIELD)
QP_SCENARIO(nothing_acknowledged_is_lost,
            "clients vanish, wires break, the server stops: what had its OK is on the disk")
{
    struct world world;
    struct writer writers[3] = {
        {&world, "a", .most = 3}, {&world, "b", .most = 3, .vanishes = true}, {&world, "c", .most = 3}};
    struct qp_handle handles[3];
    world_begin(&world, &usual, 0, 20);
    for (int i = 0; i < 3; i++)
        handles[i] = qp_spawn(write_numbers, &writers[i]);
    qp_await(qp_sleep_ms((int64_t)qp_random(40)));
    server_stop(world.server);
    bool orderly = qp_await(qp_join(&world.running, NULL)) == QP_OK;
    for (int i = 0; i < 3; i++) {
        qp_abort(&handles[i]); /* some wait in a backlog that nobody serves any more */
        qp_await(qp_join(&handles[i], NULL));
        assert_kept(&writers[i], orderly);
    }
    world.running = qp_spawn(world_run, &world); /* stops at once, and gives back what is left */
    world_end(&world);
}

QP_BEARS(synced_is_written, QP_FAULT_CANCEL | QP_FAULT_DELAY)
QP_SCENARIO(synced_is_written, "SYNC says OK only when what was acknowledged before it is on the disk, which may fail")
{
    struct world world;
    struct writer writers[2] = {{&world, "a", .most = 2, .syncs = true}, {&world, "b", .most = 2, .syncs = true}};
    struct qp_handle handles[2];
    world_begin(&world, &usual, (int)qp_random(4), 0);
    for (int i = 0; i < 2; i++)
        handles[i] = qp_spawn(write_numbers, &writers[i]);
    for (int i = 0; i < 2; i++)
        join_writer(&handles[i]);
    bool orderly = world_end(&world);
    for (int i = 0; i < 2; i++)
        assert_kept(&writers[i], orderly);
}

QP_SCENARIO(a_disk_that_fails_for_good_is_told, "the server ends, and says that not everything is written")
{
    struct world world;
    struct writer writer = {&world, "a", .most = 2};
    world_begin(&world, &usual, 1000, 0);
    qp_await(qp_async(write_numbers, &writer));
    QP_ASSERT_EQ(writer.acknowledged, 2);
    QP_ASSERT(world_end(&world));
    QP_ASSERT(!world.written);
    QP_ASSERT_EQ(on_disk(&world, "a"), 0);
}

/* ---- the limit, and those who would keep a place for ever ---- */

static void say_nothing(void *arg)
{
    struct world *world = arg;
    struct client client = {.stream = network_connect(world->network)};
    char reply[REPLY_ROOM];
    QP_ASSERT(client.stream);
    QP_ASSERT_EQ(qp_defer(close_stream, client.stream), QP_OK);
    QP_ASSERT(!client_receive(&client, reply));
}

/* Asks for more than fits on the way, and reads none of it. */
static void take_nothing(void *arg)
{
    struct world *world = arg;
    struct client client = {.stream = network_connect(world->network)};
    QP_ASSERT(client.stream);
    QP_ASSERT_EQ(qp_defer(close_stream, client.stream), QP_OK);
    while (client_send(&client, "GET nothing-that-anybody-has-set\n"))
        continue;
}

QP_SCENARIO(every_place_comes_free, "who says nothing and who takes nothing is let go, and those behind are served")
{
    struct world world;
    struct writer writer = {&world, "a", .most = 1};
    struct qp_handle idle, deaf;
    world_begin(&world, &usual, 0, 0);
    idle = qp_spawn(say_nothing, &world);
    deaf = qp_spawn(take_nothing, &world);
    qp_await(qp_sleep_ms(5));
    qp_await(qp_async(write_numbers, &writer));
    QP_ASSERT_EQ(writer.acknowledged, 1);
    QP_ASSERT_EQ(qp_await(qp_join(&idle, NULL)), QP_OK);
    QP_ASSERT_EQ(qp_await(qp_join(&deaf, NULL)), QP_OK);
    QP_ASSERT(world_end(&world));
    QP_ASSERT_EQ(world.server->most_open, 2);
    QP_ASSERT_EQ(world.server->served, 3);
}

QP_SCENARIO(the_end_does_not_wait_for_ever, "at its deadline whoever keeps the server from ending is cut off")
{
    const struct server_options patient = {2, .idle_ms = 100000, .write_ms = 100000, .flush_ms = 3, .drain_ms = 20};
    struct world world;
    struct qp_handle deaf;
    world_begin(&world, &patient, 0, 0);
    deaf = qp_spawn(take_nothing, &world);
    qp_await(qp_sleep_ms(1000));
    QP_ASSERT(world_end(&world));
    QP_ASSERT(world.written);
    QP_ASSERT_EQ(world.server->cut_off, 1);
    QP_ASSERT_EQ(qp_await(qp_join(&deaf, NULL)), QP_OK);
}

/* ---- the protocol ---- */

QP_SCENARIO(each_command_has_its_reply, "also one that makes no sense, and however the bytes arrive")
{
    static const char *const talk[][2] = {
        {"GET a\n", "NONE"},
        {"SET a 1\nGET a\n", "OK"},
        {"", "VALUE 1"},
        {"SET a 2\r\n", "OK"},
        {"GET a\n", "VALUE 2"},
        {"DEL a\n", "OK"},
        {"DEL a\n", "NONE"},
        {"SYNC\n", "OK"},
        {"SET a\n", "ERROR SET takes a key of up to 63 bytes and a value of up to 255"},
        {"\n", "ERROR the commands are SET, GET, DEL, SYNC and QUIT"},
        {"SET a 1 2\n", "ERROR the commands are SET, GET, DEL, SYNC and QUIT"},
        {"GET a\nQUIT\nGET a\n", "NONE"},
        {"", "BYE"},
    };
    struct world world;
    char reply[REPLY_ROOM];
    world_begin(&world, &usual, 0, 0);
    struct client client = {.stream = network_connect(world.network)};
    QP_ASSERT(client.stream);
    for (size_t i = 0; i < sizeof talk / sizeof *talk; i++)
        QP_ASSERT(client_ask(&client, talk[i][0], talk[i][1]));
    QP_ASSERT(!client_receive(&client, reply));
    close_stream(client.stream);
    QP_ASSERT(world_end(&world));
    QP_ASSERT_EQ(on_disk(&world, "a"), 0);
}

QP_SCENARIO(a_line_without_end_is_refused, "its sender is told, and let go")
{
    struct world world;
    char reply[REPLY_ROOM], line[600];
    world_begin(&world, &usual, 0, 0);
    struct client client = {.stream = network_connect(world.network)};
    QP_ASSERT(client.stream);
    memset(line, 'x', sizeof line - 1);
    line[sizeof line - 1] = '\0';
    client_send(&client, line);
    QP_ASSERT(client_receive(&client, reply));
    QP_ASSERT(strcmp(reply, "ERROR the line is too long") == 0);
    QP_ASSERT(!client_receive(&client, reply));
    close_stream(client.stream);
    QP_ASSERT(world_end(&world));
}

int main(int argc, char **argv)
{
    return quipu_main(argc, argv);
}
