/*
 * Keys and values, in memory, and written behind to a disk.
 *
 * A change is there for everybody at once, and is noted in a log that a flush appends to the disk. What a flush that
 * was asked for after the change says is written, is written.
 */
#ifndef KV_SERVER_STORE_H
#define KV_SERVER_STORE_H

#include "stream.h"

enum { KEY_MOST = 64, VALUE_MOST = 256 }; /* with the NUL */

struct text { /* bytes that grow at their end */
    char *bytes;
    size_t size, room;
};

struct store {
    void *entries;               /* the root of a search tree (search.h) */
    struct text pending;         /* the log of what changed since the last flush took it */
    struct qp_mutex *log;        /* around the batch (store.c) that is being written */
    struct qp_sender *change;    /* one slot: something is pending */
    struct qp_receiver *changes; /* waited for by whoever flushes */
};

/* Belongs to the calling async function, which must outlive all who use it. NULL: there is no memory. */
struct store *store_create(struct disk *disk);

/* Takes over what a log holds, up to its last whole line, and gives that line's end; -1: no memory, or it is no log. */
long store_load(struct store *self, const char *log, size_t size);

/* NULL: there is none. Valid until the store changes. */
const char *store_get(const struct store *self, const char *key);

/* Both return whether there is memory; then it has been done. `found`: whether there was something to delete. */
bool store_set(struct store *self, const char *key, const char *value);
bool store_delete(struct store *self, const char *key, bool *found);

/*
 * Waits until all that was changed before is written; false: it is not, and remains to be. Cancelled, or with its
 * caller gone, what is under way goes on, and nobody else writes before it is over.
 */
bool store_flush(struct store *self);

#endif
