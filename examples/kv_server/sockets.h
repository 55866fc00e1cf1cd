/* TCP and a file, on the real clock. */
#ifndef KV_SERVER_SOCKETS_H
#define KV_SERVER_SOCKETS_H

#include "store.h"

/*
 * Listens on the loopback address; `port` 0: any that is free, and it gets its number. Belongs to the calling async
 * function. NULL: errno says why not.
 */
struct listener *tcp_listen(int *port);

/* Opens or makes the file. Belongs to the calling async function. NULL: errno says why not. */
struct disk *file_disk_open(const char *path);

/* Loads the store from its file, before anything is written. False: errno says why not. */
bool file_disk_load(struct disk *disk, struct store *store);

#endif
