/*
 * The real clock when the system gives nothing: there are no descriptors; each allocation fails in turn, and so does
 * each after it. Every run ends, with QP_OK or QP_NOMEM, and leaves neither memory nor descriptors behind. libuv's own
 * allocations do not fail: it stops the process when it has no memory for its table of descriptors.
 */
#include "allocations.h"
#include "require.h"
#include <fcntl.h>
#include <quipu/loop.h>
#include <quipu/quipu.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

enum { MOST = 2000 };

struct ends {
    int pair[2]; /* made before anything fails */
    int blocked;
};

static int open_descriptors(void)
{
    int count = 0, fd;
    for (fd = 0; fd < 256; fd++)
        count += fcntl(fd, F_GETFD) != -1;
    return count;
}

/* ---- a program that uses what the real clock has, and looks at each answer ---- */

static void block(void *arg)
{
    __atomic_add_fetch(&((struct ends *)arg)->blocked, 1, __ATOMIC_SEQ_CST);
}

/* The guard is given to work that may have to be run by the runtime's own thread. */
static void use_work(struct ends *ends)
{
    struct qp_mutex *mutex = qp_mutex_create("mutex", &qp_nothing, "");
    struct qp_guard guard, again;
    if (!mutex || qp_await(qp_lock(mutex, &guard)) != QP_OK)
        return;
    struct qp_handle handle = qp_spawn_blocking(block, ends);
    if (!handle.task)
        return;
    qp_guard_give(&guard, &handle);
    enum qp_status status = qp_await(qp_lock(mutex, &again));
    QP_ASSERT(status == QP_OK || status == QP_NOMEM);
    QP_ASSERT_EQ(qp_await(qp_join(&handle, NULL)), QP_OK);
    QP_ASSERT_EQ(ends->blocked, 1);
}

static void use_descriptors(struct ends *ends)
{
    enum qp_status status = qp_await(qp_timeout_ms(1000, qp_io_readable(ends->pair[0])));
    QP_ASSERT(status == QP_OK || status == QP_NOMEM || status == QP_REFUSED);
    if (status == QP_REFUSED)
        QP_ASSERT(*qp_error_message());
    status = qp_await(qp_timeout_ms(1, qp_io_readable(ends->pair[1])));
    QP_ASSERT(status == QP_TIMEOUT || status == QP_NOMEM || status == QP_REFUSED);
}

static void nothing(void *arg)
{
    (void)arg;
}

static void use_remote(void)
{
    struct qp_remote *remote = qp_remote_create();
    if (!remote)
        return;
    enum qp_status status = qp_remote_spawn(remote, nothing, NULL, NULL);
    QP_ASSERT(status == QP_OK || status == QP_NOMEM);
    qp_remote_drop(remote);
    qp_await(qp_yield());
}

static void program(void *arg)
{
    struct ends *ends = arg;
    ends->blocked = 0;
    struct qp_handle handle = qp_spawn(nothing, NULL);
    use_work(ends);
    use_descriptors(ends);
    use_remote();
    if (handle.task) {
        enum qp_status status = qp_await(qp_join(&handle, NULL));
        QP_ASSERT(status == QP_OK || status == QP_NOMEM);
    }
}

/* ---- its two ways to run ---- */

static void run_alone(struct ends *ends)
{
    char report[1024];
    enum qp_status status = qp_real_run(program, ends, NULL, report, sizeof report);
    if (status != QP_OK && status != QP_NOMEM) {
        allocations_fail(0, false);
        fprintf(stderr, "it ended as %s: %s\n", qp_status_name(status), report);
        exit(1);
    }
}

static uv_loop_t loop;

static void is_over(void *context, enum qp_status status, const char *report)
{
    (void)report;
    *(enum qp_status *)context = status;
}

static void run_joined(struct ends *ends)
{
    enum qp_status status = QP_PENDING;
    struct qp_joined *joined = qp_loop_join(&loop, program, ends, NULL, is_over, &status);
    uv_run(&loop, UV_RUN_DEFAULT);
    REQUIRE(joined ? status == QP_OK || status == QP_NOMEM : status == QP_PENDING);
}

/* ---- libuv's own memory ---- */

static void *spared_malloc(size_t size)
{
    bool before = allocations_spare(true);
    void *memory = malloc(size);
    allocations_spare(before);
    return memory;
}

static void *spared_calloc(size_t count, size_t size)
{
    bool before = allocations_spare(true);
    void *memory = calloc(count, size);
    allocations_spare(before);
    return memory;
}

static void *spared_realloc(void *memory, size_t size)
{
    bool before = allocations_spare(true);
    void *grown = realloc(memory, size);
    allocations_spare(before);
    return grown;
}

/* ---- with this and that failing ---- */

static size_t fail_each(const char *what, void (*run)(struct ends *), struct ends *ends, bool all)
{
    int before = open_descriptors();
    size_t nth = 1, made;
    long blocks;
    qp_stacks_trim(); /* of what ran before */
    blocks = allocations_live();
    do {
        allocations_fail(nth, all);
        run(ends);
        made = allocations_since();
        allocations_fail(0, false);
        qp_stacks_trim();
        REQUIRE(open_descriptors() == before);
        REQUIRE(allocations_live() == blocks);
        nth++;
    } while (made + 1 >= nth && nth < MOST);
    REQUIRE(nth > 10 && nth < MOST);
    printf("%s: each of %zu allocations failed%s, and nothing was left\n", what, nth - 2,
           all ? ", and all after it" : "");
    return nth;
}

/* What libuv itself leaves when it makes no loop: some versions forget a descriptor then. */
static int left_by_libuv(void)
{
    int before = open_descriptors();
    uv_loop_t probe;
    if (uv_loop_init(&probe) == 0)
        REQUIRE(uv_loop_close(&probe) == 0);
    return open_descriptors() - before;
}

static void allow_descriptors(struct rlimit limit, int most)
{
    limit.rlim_cur = (rlim_t)most;
    REQUIRE(setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

/* With so few descriptors more that some call fails, until none does. */
static void fail_descriptors(struct ends *ends)
{
    struct rlimit limit;
    int more;
    REQUIRE(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    for (more = 0; more < 12; more++) {
        int next = dup(0), before, left;
        REQUIRE(next >= 0);
        close(next);
        allow_descriptors(limit, next + more);
        left = left_by_libuv();
        before = open_descriptors();
        allow_descriptors(limit, next + more + left);
        run_alone(ends);
        allow_descriptors(limit, (int)limit.rlim_cur);
        REQUIRE(open_descriptors() <= before + left);
    }
    printf("with 0 to %d descriptors every run ended, and left none\n", more - 1);
}

int main(void)
{
    struct ends ends;
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, ends.pair) == 0 && write(ends.pair[1], "x", 1) == 1);
    REQUIRE(uv_replace_allocator(spared_malloc, spared_realloc, spared_calloc, free) == 0);
    REQUIRE(uv_loop_init(&loop) == 0);
    for (int i = 0; i < 3; i++) { /* what the process needs once */
        run_alone(&ends);
        run_joined(&ends);
    }
    qp_stacks_trim();
    fail_descriptors(&ends);
    if (!allocations_are_counted()) {
        printf("allocations do not fail here\n");
        return 0;
    }
    fail_each("a loop of its own", run_alone, &ends, false);
    fail_each("a loop of its own", run_alone, &ends, true);
    fail_each("a joined loop", run_joined, &ends, false);
    fail_each("a joined loop", run_joined, &ends, true);
    return uv_loop_close(&loop) == 0 ? 0 : 1;
}
