/*
 * Connections and a disk in memory, on both clocks.
 *
 * Every draw is the runtime's, so that an explorer chooses: how many bytes a read or a write moves, how long they are
 * under way, and, for a network that is not reliable, when a connection breaks. What is then under way is lost.
 */
#ifndef KV_SERVER_MEMORY_H
#define KV_SERVER_MEMORY_H

#include "stream.h"

enum { BACKLOG_MOST = 16, DISK_ROOM = 8192 };

struct network {
    struct listener listener;
    struct stream *backlog[BACKLOG_MOST]; /* connected and not accepted */
    int waiting;
    struct qp_waker *acceptor;
    int slowest_ms;    /* bytes are under way for up to so long */
    int breaks_one_in; /* a connection breaks at one move of bytes in so many; 0: never */
    int ends;          /* of streams, that nobody closed yet */
};

/* Belongs to the calling async function, which must outlive all who use it. NULL: there is no memory. */
struct network *network_create(int slowest_ms, int breaks_one_in);

/* Returns owned: the client's end of a new connection; NULL: refused. */
struct stream *network_connect(struct network *self);

struct memory_disk {
    struct disk disk;
    char bytes[DISK_ROOM];
    size_t size;
    int failures; /* so many appends fail, half done */
};

void memory_disk_init(struct memory_disk *self, int failures);

#endif
