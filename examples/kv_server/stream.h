/*
 * What the server sees of the world: streams of bytes, a listener that gives them, and a disk.
 *
 * Two implementations of each: sockets.c (TCP and a file, on the real clock) and memory.c (in memory, on both clocks).
 * Reading, writing and accepting never wait. Whoever is told AGAIN waits for the future of that direction and tries
 * once more; so a wait can be cut off at any moment, and no byte is lost with it.
 */
#ifndef KV_SERVER_STREAM_H
#define KV_SERVER_STREAM_H

#include <quipu/quipu.h>

struct pipe;
struct pipe_future { /* memory.c */
    struct qp_future future;
    struct qp_waker **waiting; /* where whoever changes something looks for a waker */
    bool (*ready)(const void *state);
    const void *state;
};

union stream_wait { /* room for a wait of either implementation */
    struct pipe_future pipe;
    struct qp_io_future io;
};

enum { AGAIN = -1, GONE = -2 };

struct stream {
    const struct stream_ops *ops;
};

struct stream_ops {
    /* How many bytes, at least one; 0: no more will come; AGAIN: not now; GONE: the other end is. */
    int (*read)(struct stream *self, char *bytes, int size);
    /* How many bytes, at least one; AGAIN; GONE. */
    int (*write)(struct stream *self, const char *bytes, int size);
    /* Ready when it is worth trying again. At most one wait for each direction at a time. */
    struct qp_future *(*readable)(struct stream *self, union stream_wait *wait);
    struct qp_future *(*writable)(struct stream *self, union stream_wait *wait);
    /* Takes it. Not while anybody waits. */
    void (*close)(struct stream *self);
};

struct listener {
    const struct listener_ops *ops;
};

struct listener_ops {
    /* 0 with a stream, owned; AGAIN; GONE: it could not be done, and is worth trying later. */
    int (*accept)(struct listener *self, struct stream **stream);
    struct qp_future *(*acceptable)(struct listener *self, union stream_wait *wait);
};

struct disk {
    /*
     * Appends all of it, durably. May block: it is called off the executor, by one at a time. False: none of it counts
     * as written, and the same bytes come again, first.
     */
    bool (*append)(struct disk *self, const char *bytes, size_t size);
};

#endif
