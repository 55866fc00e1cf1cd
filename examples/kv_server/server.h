/*
 * A key-value server: one command a line, one reply a line.
 *
 *     SET key value    OK
 *     GET key          VALUE value, or NONE
 *     DEL key          OK, or NONE
 *     SYNC             OK when all that was acknowledged before is on the disk, or ERROR
 *     QUIT             BYE, and the end
 *
 * Anything else is answered with ERROR and a reason. What is acknowledged is in memory; it is on the disk soon after,
 * and certainly when SYNC or server_run says so.
 */
#ifndef KV_SERVER_SERVER_H
#define KV_SERVER_SERVER_H

#include "store.h"

struct server_options {
    int most_connections; /* more wait, unaccepted, until one of these ends */
    int64_t idle_ms;      /* a client that says nothing for so long is let go */
    int64_t write_ms;     /* and one that takes no byte of a reply */
    int64_t flush_ms;     /* changes are gathered for so long before they are written */
    int64_t drain_ms;     /* and at the end a connection may go on for so long */
};

struct connection;

struct server {
    struct server_options options;
    struct listener *listener; /* borrowed, like the store */
    struct store *store;
    struct qp_semaphore *places;   /* as many as there may be connections more */
    struct qp_semaphore *stopping; /* never has a permit; to close it wakes whoever may be told to stop */
    struct connection *connections;
    int open, most_open, served, cut_off;
};

/* Belongs to the calling async function, which must outlive all who use it. NULL: there is no memory. */
struct server *server_create(const struct server_options *options, struct listener *listener, struct store *store);

/*
 * Serves until server_stop. Then it accepts no more, lets each connection answer what it has received, and writes what
 * is pending. Whether all that was ever acknowledged is on the disk. Cancelled, it ends the connections at their await
 * points, and what was pending is not written.
 */
bool server_run(struct server *self);

/* At any time, any number of times; it does not wait. */
void server_stop(struct server *self);

#endif
