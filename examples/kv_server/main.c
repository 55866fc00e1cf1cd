/*
 * A key-value server over TCP, with the same core on connections in memory.
 *
 *     kv_server PORT FILE      serves the loopback address until Ctrl-C or SIGTERM, and keeps what it has in the file
 *     kv_server [CLIENTS]      shows itself: so many clients on connections in memory, and what is on the disk at last
 *
 * Shows a task for each connection, a limit to their number by a semaphore, deadlines, blocking writes that keep a lock
 * until they are over, and an end at which nothing is lost that was acknowledged. The second runs on both clocks.
 */
#include "client.h"
#include "memory.h"
#include "server.h"
#include "sockets.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- serving ---- */

static void stop_on_signal(void *arg)
{
    qp_await(qp_race(NULL, qp_arm(qp_io_signal(SIGINT)), qp_arm(qp_io_signal(SIGTERM))));
    server_stop(arg);
}

static int serve(struct listener *listener, struct disk *disk)
{
    const struct server_options options = {256, .idle_ms = 60000, .write_ms = 10000, .flush_ms = 20, .drain_ms = 3000};
    struct store *store = store_create(disk);
    struct server *server = store ? server_create(&options, listener, store) : NULL;
    if (!server) {
        fprintf(stderr, "kv_server: out of memory\n");
        return 1;
    }
    if (!file_disk_load(disk, store)) {
        fprintf(stderr, "kv_server: cannot load the file: %s\n", strerror(errno));
        return 1;
    }
    struct qp_handle stopping = qp_spawn(stop_on_signal, server);
    bool written = stopping.task && server_run(server);
    printf("%d connections served, at most %d at once, %d cut off; everything %s written\n", server->served,
           server->most_open, server->cut_off, written ? "is" : "is not");
    return written ? 0 : 1;
}

static int serve_on(const char *port_text, const char *path)
{
    char *end;
    long number = strtol(port_text, &end, 10);
    int port = (int)number;
    if (end == port_text || *end || number < 0 || number > 65535) {
        fprintf(stderr, "kv_server: '%s' is no port\n", port_text);
        return 2;
    }
    struct disk *disk = file_disk_open(path);
    if (!disk) {
        fprintf(stderr, "kv_server: cannot open %s: %s\n", path, strerror(errno));
        return 2;
    }
    struct listener *listener = tcp_listen(&port);
    if (!listener) {
        fprintf(stderr, "kv_server: cannot listen on port %s: %s\n", port_text, strerror(errno));
        return 2;
    }
    printf("listening on 127.0.0.1:%d\n", port);
    fflush(stdout);
    return serve(listener, disk);
}

/* ---- showing itself ---- */

enum { MOST_CLIENTS = 16, COMMANDS = 10 };

struct visitor {
    struct network *network;
    int number, acknowledged;
};

static void close_stream(void *arg)
{
    struct stream *stream = arg;
    stream->ops->close(stream);
}

/* Sets its key to 1, 2, 3, ... and counts how far it came. */
static void visit(void *arg)
{
    struct visitor *self = arg;
    struct client client = {.stream = network_connect(self->network)};
    char command[64];
    if (!client.stream || qp_defer(close_stream, client.stream) != QP_OK)
        return;
    for (int i = 1; i <= COMMANDS; i++) {
        snprintf(command, sizeof command, "SET client-%d %d\n", self->number, i);
        if (!client_ask(&client, command, "OK"))
            return;
        self->acknowledged = i;
    }
}

static void visit_all(struct network *network, struct visitor *visitors, int count)
{
    struct qp_handle handles[MOST_CLIENTS];
    for (int i = 0; i < count; i++) {
        visitors[i] = (struct visitor){network, i, 0};
        handles[i] = qp_spawn(visit, &visitors[i]);
    }
    for (int i = 0; i < count; i++)
        qp_await(qp_join(&handles[i], NULL));
}

struct serving {
    struct server *server;
    bool written;
};

static void serve_in_memory(void *arg)
{
    struct serving *self = arg;
    self->written = server_run(self->server);
}

/* How many clients find on the disk what was acknowledged to them, or something later. */
static int count_kept(const struct memory_disk *disk, const struct visitor *visitors, int count)
{
    struct memory_disk none;
    char key[KEY_MOST];
    int kept = 0;
    memory_disk_init(&none, 0);
    struct store *store = store_create(&none.disk);
    if (!store || store_load(store, disk->bytes, disk->size) < 0)
        return -1;
    for (int i = 0; i < count; i++) {
        snprintf(key, sizeof key, "client-%d", visitors[i].number);
        const char *value = store_get(store, key);
        kept += (value ? atoi(value) : 0) >= visitors[i].acknowledged;
    }
    return kept;
}

static int show(int count)
{
    const struct server_options options = {4, .idle_ms = 50, .write_ms = 50, .flush_ms = 5, .drain_ms = 50};
    struct memory_disk disk;
    struct visitor visitors[MOST_CLIENTS];
    int acknowledged = 0;
    memory_disk_init(&disk, 1);
    struct network *network = network_create(3, 100);
    struct store *store = store_create(&disk.disk);
    struct server *server = network && store ? server_create(&options, &network->listener, store) : NULL;
    struct serving serving = {server, false};
    if (!server)
        return 1;
    struct qp_handle handle = qp_spawn(serve_in_memory, &serving);
    visit_all(network, visitors, count);
    server_stop(server);
    qp_await(qp_join(&handle, NULL));
    for (int i = 0; i < count; i++)
        acknowledged += visitors[i].acknowledged;
    int kept = count_kept(&disk, visitors, count);
    printf("%d clients, %d of %d commands acknowledged; %d clients find their last one on the disk\n", count,
           acknowledged, count * COMMANDS, kept);
    return serving.written && kept == count ? 0 : 1;
}

static int async_main(int argc, char **argv)
{
    int count = argc == 2 ? atoi(argv[1]) : 8;
    if (argc == 3)
        return serve_on(argv[1], argv[2]);
    if (argc > 3 || count < 1 || count > MOST_CLIENTS) {
        fprintf(stderr, "usage: kv_server PORT FILE, or kv_server [CLIENTS], up to %d of them\n", MOST_CLIENTS);
        return 2;
    }
    return show(count);
}
QP_MAIN(async_main)
