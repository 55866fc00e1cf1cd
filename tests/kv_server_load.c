/*
 * The key-value server of the examples under load: kv_server_load FILE [CLIENTS [SEED]]
 *
 * A process of clients, on real sockets; the server in this one, on the real clock. Nothing is lost that was
 * acknowledged, no descriptor and no byte is left when it has ended, and the checker finds nothing. Run twice: first
 * with a few, so that what the process needs once is there.
 */
#include "allocations.h"
#include "kv_clients.h"
#include "require.h"
#include "server.h"
#include "sockets.h"
#include "traces/checker.h"
#include <dirent.h>
#include <quipu/real.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PLACES = 200, USUAL_CLIENTS = 1000, MOST_CLIENTS = 10000 };

struct load {
    const char *path;
    int count;
    uint64_t seed;
    int port_pipe[2]; /* the server tells its port */
    int stop_pipe[2]; /* the clients close it when the server is to stop */
    struct kv_record *records;
    bool written;
    int served, most_open, cut_off;
};

static int open_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    int count = 0;
    REQUIRE(folder);
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

/* ---- the clients' process ---- */

static pid_t start_clients(struct load *self)
{
    pid_t child = fork();
    int port, wrong;
    REQUIRE(child >= 0);
    if (child)
        return child;
    close(self->stop_pipe[0]);
    REQUIRE(read(self->port_pipe[0], &port, sizeof port) == sizeof port);
    wrong = kv_clients_run(port, self->count, self->seed, self->stop_pipe[1], self->records);
    if (wrong)
        fprintf(stderr, "%d clients did not get what they should have\n", wrong);
    _exit(wrong != 0);
}

/* ---- the server's ---- */

struct stopping {
    struct server *server;
    int fd;
};

static void stop_when_told(void *arg)
{
    struct stopping *self = arg;
    qp_await(qp_io_readable(self->fd));
    server_stop(self->server);
}

static void serve(void *arg)
{
    const struct server_options options = {PLACES, .idle_ms = 1000, .write_ms = 20000, .flush_ms = 5,
                                           .drain_ms = 20000};
    struct load *self = arg;
    int port = 0;
    struct disk *disk = file_disk_open(self->path);
    QP_ASSERT(disk);
    struct store *store = store_create(disk);
    struct listener *listener = tcp_listen(&port);
    QP_ASSERT(store && listener);
    struct server *server = server_create(&options, listener, store);
    struct stopping stopping = {server, self->stop_pipe[0]};
    QP_ASSERT(server && file_disk_load(disk, store));
    struct qp_handle handle = qp_spawn(stop_when_told, &stopping);
    QP_ASSERT(handle.task && write(self->port_pipe[1], &port, sizeof port) == sizeof port);
    self->written = server_run(server);
    self->served = server->served;
    self->most_open = server->most_open;
    self->cut_off = server->cut_off;
}

/* Every key has at least the last number that was acknowledged, and none that was not sent. */
static void look_at_disk(void *arg)
{
    struct load *self = arg;
    struct disk *disk = file_disk_open(self->path);
    QP_ASSERT(disk);
    struct store *store = store_create(disk);
    QP_ASSERT(store && file_disk_load(disk, store));
    for (int i = 0; i < self->count; i++) {
        const struct kv_record *record = &self->records[i];
        char key[KEY_MOST];
        snprintf(key, sizeof key, "key-%d", i);
        const char *value = store_get(store, key);
        int kept = value ? atoi(value) : 0;
        if (kept < record->acknowledged || kept > record->sent)
            qp_fail(QP_SITE(""), "%s is %d, of %d acknowledged and %d sent", key, kept, record->acknowledged,
                    record->sent);
    }
}

static void run_checked(qp_async_fn function, struct load *load)
{
    struct qp_checker *checker = qp_checker_create();
    struct qp_real_options options = {.event = qp_checker_event, .event_context = checker};
    char text[4096];
    REQUIRE(checker);
    if (qp_real_run(function, load, &options, text, sizeof text) != QP_OK) {
        fprintf(stderr, "%s\n", text);
        exit(1);
    }
    qp_checker_finish(checker, true);
    if (qp_checker_count(checker)) {
        qp_checker_print(qp_checker_at(checker, 0), text, sizeof text);
        fprintf(stderr, "%s\n", text);
        exit(1);
    }
    qp_checker_destroy(checker);
}

/* ---- both ---- */

static void tell(const struct load *self)
{
    long sent = 0, acknowledged = 0;
    for (int i = 0; i < self->count; i++) {
        sent += self->records[i].sent;
        acknowledged += self->records[i].acknowledged;
    }
    REQUIRE(acknowledged > self->count && sent > acknowledged); /* some vanished with something on its way */
    printf("%d clients: %d served, at most %d at once, %d cut off at the end; %ld sent, %ld acknowledged, none lost\n",
           self->count, self->served, self->most_open, self->cut_off, sent, acknowledged);
}

static void run_load(const char *path, int count, uint64_t seed, bool first)
{
    struct load self = {.path = path, .count = count, .seed = seed};
    int before = open_descriptors(), status;
    long blocks;
    qp_stacks_trim();
    blocks = allocations_live();
    unlink(path);
    self.records =
        mmap(NULL, (size_t)count * sizeof *self.records, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    REQUIRE(self.records != MAP_FAILED);
    REQUIRE(pipe(self.port_pipe) == 0 && pipe(self.stop_pipe) == 0);
    fflush(NULL);
    pid_t child = start_clients(&self);
    close(self.stop_pipe[1]);
    run_checked(serve, &self);
    REQUIRE(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    close(self.port_pipe[0]);
    close(self.port_pipe[1]);
    close(self.stop_pipe[0]);
    REQUIRE(self.written);
    REQUIRE(self.most_open <= PLACES && self.served >= count * 3 / 4);
    run_checked(look_at_disk, &self);
    tell(&self);
    munmap(self.records, (size_t)count * sizeof *self.records);
    if (first)
        return;
    REQUIRE(open_descriptors() == before);
    qp_stacks_trim();
    REQUIRE(allocations_live() == blocks);
}

static void allow_descriptors(int count)
{
    struct rlimit limit;
    REQUIRE(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    if (limit.rlim_cur < (rlim_t)count && limit.rlim_max >= (rlim_t)count)
        limit.rlim_cur = (rlim_t)count;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < (rlim_t)count) {
        printf("%d descriptors are not allowed here: skipped\n", count);
        exit(77);
    }
}

int main(int argc, char **argv)
{
    int count = argc > 2 ? atoi(argv[2]) : USUAL_CLIENTS;
    long seed = argc > 3 ? atol(argv[3]) : 1;
    if (argc < 2 || argc > 4 || count < 100 || count > MOST_CLIENTS || seed < 1) {
        fprintf(stderr, "usage: kv_server_load FILE [CLIENTS [SEED]], with 100 to %d clients and a seed from 1\n",
                MOST_CLIENTS);
        return 2;
    }
    allow_descriptors(count + 100);
    printf("seed %ld%s\n", seed, allocations_are_counted() ? "" : "; bytes are not counted here");
    run_load(argv[1], 100, (uint64_t)seed, true);
    run_load(argv[1], count, (uint64_t)seed, false);
    unlink(argv[1]);
    return 0;
}
