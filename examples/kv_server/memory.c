/*
 * See memory.h. A connection is two directions; each is a pipe on either side of a wire, a task that carries bytes from
 * one to the other. It is there until both ends are closed and both wires have ended.
 */
#include "memory.h"
#include <stdlib.h>
#include <string.h>

enum { PIPE_ROOM = 64, DIRECTIONS = 2 };

/* ---- a pipe: one end writes, the other reads; each may wait ---- */

struct pipe {
    char bytes[PIPE_ROOM];
    int size;
    bool ended;  /* no more will be written */
    bool broken; /* no more will be read */
    struct qp_waker *reader, *writer;
};

static bool pipe_readable(const void *state)
{
    const struct pipe *self = state;
    return self->size || self->ended || self->broken;
}

static bool pipe_writable(const void *state)
{
    const struct pipe *self = state;
    return self->size < PIPE_ROOM || self->broken;
}

static enum qp_status wait_poll(struct qp_future *future, struct qp_waker *waker)
{
    struct pipe_future *self = (struct pipe_future *)future;
    bool ready = self->ready(self->state);
    qp_touch(self->state, true);
    *self->waiting = ready ? NULL : waker; /* borrowed until then */
    return ready ? QP_OK : QP_PENDING;
}

static void wait_drop(struct qp_future *future)
{
    struct pipe_future *self = (struct pipe_future *)future;
    qp_touch(self->state, true);
    *self->waiting = NULL;
}

static const struct qp_future_ops wait_ops = {"pipe", wait_poll, wait_drop, NULL, NULL};

static struct qp_future *wait_init(union stream_wait *wait, const void *state, struct qp_waker **waiting,
                                   bool (*ready)(const void *))
{
    wait->pipe.waiting = waiting;
    wait->pipe.ready = ready;
    wait->pipe.state = state;
    return qp_future_init(&wait->pipe.future, &wait_ops);
}

static struct qp_future *until_readable(struct pipe *self, union stream_wait *wait)
{
    return wait_init(wait, self, &self->reader, pipe_readable);
}

static struct qp_future *until_writable(struct pipe *self, union stream_wait *wait)
{
    return wait_init(wait, self, &self->writer, pipe_writable);
}

static void wake(struct qp_waker **waiting)
{
    if (*waiting)
        qp_waker_wake(*waiting);
}

/* Some of what could be moved, at least one byte. */
static int draw_size(int most)
{
    return most > 1 && qp_random(2) ? 1 + (int)qp_random((uint64_t)most) : most;
}

static int pipe_read(struct pipe *self, char *bytes, int size)
{
    qp_touch(self, true);
    if (self->broken)
        return GONE;
    if (!self->size)
        return self->ended ? 0 : AGAIN;
    int moved = draw_size(size < self->size ? size : self->size);
    memcpy(bytes, self->bytes, (size_t)moved);
    self->size -= moved;
    memmove(self->bytes, self->bytes + moved, (size_t)self->size);
    wake(&self->writer);
    return moved;
}

static int pipe_write(struct pipe *self, const char *bytes, int size)
{
    int room = PIPE_ROOM - self->size;
    qp_touch(self, true);
    if (self->broken)
        return GONE;
    if (!room)
        return AGAIN;
    int moved = draw_size(size < room ? size : room);
    memcpy(self->bytes + self->size, bytes, (size_t)moved);
    self->size += moved;
    wake(&self->reader);
    return moved;
}

static void pipe_stop(struct pipe *self, bool *how)
{
    qp_touch(self, true);
    *how = true;
    wake(&self->reader);
    wake(&self->writer);
}

/* ---- a wire ---- */

struct link;
struct wire {
    struct link *link;
    struct pipe near, far; /* where it takes bytes from, and where it puts them */
};

struct end {
    struct stream stream;
    struct link *link;
    int side; /* it writes into this wire, and reads from the other */
};

struct link {
    struct network *network;
    struct wire wires[DIRECTIONS];
    struct end ends[DIRECTIONS];
    int users; /* ends that are open, and wires that run */
};

static void link_release(struct link *self)
{
    if (--self->users == 0)
        free(self);
}

/* Both directions at once, as when somebody pulls the plug. */
static void link_break(struct link *self)
{
    for (int i = 0; i < DIRECTIONS; i++) {
        pipe_stop(&self->wires[i].near, &self->wires[i].near.broken);
        pipe_stop(&self->wires[i].far, &self->wires[i].far.broken);
    }
}

/* Carries what has been written, all or some. False: there will be no more. */
static bool carry(struct wire *self)
{
    const struct network *network = self->link->network;
    char bytes[PIPE_ROOM];
    int size, sent = 0, done;
    union stream_wait wait;
    qp_await(until_readable(&self->near, &wait));
    if (network->slowest_ms)
        qp_await(qp_sleep_ms((int64_t)qp_random((uint64_t)network->slowest_ms + 1)));
    if (network->breaks_one_in && qp_random((uint64_t)network->breaks_one_in) == 1)
        link_break(self->link);
    size = pipe_read(&self->near, bytes, PIPE_ROOM);
    while (sent < size) {
        done = pipe_write(&self->far, bytes + sent, size - sent);
        if (done == GONE)
            return false;
        if (done == AGAIN)
            qp_await(until_writable(&self->far, &wait));
        else
            sent += done;
    }
    return size > 0;
}

static void wire_run(void *arg)
{
    struct wire *self = arg;
    while (carry(self))
        continue;
    pipe_stop(&self->far, &self->far.ended);
}

/* A wire that ends before everything has come through has broken. */
static void wire_end(void *arg)
{
    struct wire *self = arg;
    if (!self->far.ended)
        link_break(self->link);
    pipe_stop(&self->near, &self->near.broken);
    link_release(self->link);
}

/* ---- a stream: an end of a connection ---- */

static struct pipe *written(struct stream *stream)
{
    struct end *self = (struct end *)stream;
    return &self->link->wires[self->side].near;
}

static struct pipe *read_from(struct stream *stream)
{
    struct end *self = (struct end *)stream;
    return &self->link->wires[!self->side].far;
}

static int end_read(struct stream *stream, char *bytes, int size)
{
    return pipe_read(read_from(stream), bytes, size);
}

static int end_write(struct stream *stream, const char *bytes, int size)
{
    return pipe_write(written(stream), bytes, size);
}

static struct qp_future *end_readable(struct stream *stream, union stream_wait *wait)
{
    return until_readable(read_from(stream), wait);
}

static struct qp_future *end_writable(struct stream *stream, union stream_wait *wait)
{
    return until_writable(written(stream), wait);
}

/* What was written still arrives. */
static void end_close(struct stream *stream)
{
    struct end *self = (struct end *)stream;
    pipe_stop(written(stream), &written(stream)->ended);
    pipe_stop(read_from(stream), &read_from(stream)->broken);
    self->link->network->ends--;
    link_release(self->link);
}

static const struct stream_ops end_ops = {end_read, end_write, end_readable, end_writable, end_close};

/* ---- the network ---- */

static bool network_acceptable(const void *state)
{
    return ((const struct network *)state)->waiting != 0;
}

static int network_accept(struct listener *listener, struct stream **stream)
{
    struct network *self = (struct network *)listener;
    qp_touch(self, true);
    if (!self->waiting)
        return AGAIN;
    *stream = self->backlog[0];
    self->waiting--;
    memmove(self->backlog, self->backlog + 1, (size_t)self->waiting * sizeof *self->backlog);
    return 0;
}

static struct qp_future *network_until_acceptable(struct listener *listener, union stream_wait *wait)
{
    struct network *self = (struct network *)listener;
    return wait_init(wait, self, &self->acceptor, network_acceptable);
}

static const struct listener_ops network_ops = {network_accept, network_until_acceptable};

static void network_end(void *arg)
{
    struct network *self = arg;
    for (int i = 0; i < self->waiting; i++)
        self->backlog[i]->ops->close(self->backlog[i]);
    free(self);
}

struct network *network_create(int slowest_ms, int breaks_one_in)
{
    struct network *self = malloc(sizeof *self);
    if (!self || qp_defer(network_end, self) != QP_OK) {
        free(self);
        return NULL;
    }
    *self = (struct network){.listener = {&network_ops}, .slowest_ms = slowest_ms, .breaks_one_in = breaks_one_in};
    return self;
}

/* False: there is no memory for it. */
static bool start_wire(struct wire *self)
{
    const struct qp_task_options options = {.name = "wire", .drop = wire_end};
    struct qp_handle handle = qp_spawn_with(wire_run, self, &options);
    self->link->users += handle.task != NULL;
    bool started = handle.task != NULL;
    qp_handle_drop(&handle);
    return started;
}

struct stream *network_connect(struct network *self)
{
    struct link *link = self->waiting < BACKLOG_MOST ? calloc(1, sizeof *link) : NULL;
    bool whole = true;
    if (!link)
        return NULL;
    link->network = self;
    link->users = 1;
    for (int i = 0; i < DIRECTIONS; i++) {
        link->wires[i].link = link;
        link->ends[i] = (struct end){{&end_ops}, link, i};
        whole = whole && start_wire(&link->wires[i]);
    }
    if (!whole) {
        link_break(link);
        link_release(link);
        return NULL;
    }
    link->users++;
    self->ends += DIRECTIONS;
    qp_touch(self, true);
    self->backlog[self->waiting++] = &link->ends[1].stream;
    wake(&self->acceptor);
    return &link->ends[0].stream;
}

/* ---- the disk ---- */

/* What fails has done some of it, which the next overwrites. On any thread, but by one at a time. */
static bool append(struct disk *disk, const char *bytes, size_t size)
{
    struct memory_disk *self = (struct memory_disk *)disk;
    bool fails = self->failures > 0 || size > DISK_ROOM - self->size;
    size_t done = fails ? size / 2 : size;
    qp_blocking_takes_ms(2);
    if (done <= DISK_ROOM - self->size)
        memcpy(self->bytes + self->size, bytes, done);
    self->failures -= fails;
    self->size += fails ? 0 : size;
    return !fails;
}

void memory_disk_init(struct memory_disk *self, int failures)
{
    *self = (struct memory_disk){.disk = {append}, .failures = failures};
}
